"""Two machines train one swap: the first has the model, the other one only helped."""

import subprocess
import sys

import numpy as np
import pytest

from faceit.cli import main
from faceit.network.history import read_history
from faceit.network.model_file import STATE
from faceit.network.weights import load_tensors
from tests.drawn import drawn_project
from tests.network.test_cluster import environments


def _words(file, batch: int, steps: int) -> list[str]:
    return ["train", "a2b", "--config", str(file), "--batch-size", str(batch), "--iterations", str(steps)]


@pytest.mark.slow
def test_two_machines_go_on_with_what_one_began_as_one_would_have(tmp_path):
    files = []
    for name in ("alone", "first", "second"):
        (tmp_path / name).mkdir()
        files.append(drawn_project(tmp_path / name))
    for file in files[:2]:
        assert main(_words(file, 4, 3)) == 0
    assert main(_words(files[0], 4, 6)) == 0
    running = [
        subprocess.Popen([sys.executable, "-m", "faceit", *_words(file, 2, 6)], env=environment, cwd=file.parent,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for file, environment in zip(files[1:], environments(2, KERAS_BACKEND="tensorflow"), strict=True)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=300)[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [process.returncode for process in running] == [0, 0], said
    alone, first = (load_tensors(tmp_path / name / "models" / "a2b" / STATE)[0] for name in ("alone", "first"))
    assert alone.keys() == first.keys()
    for name in alone:
        np.testing.assert_allclose(first[name], alone[name], atol=2e-4, err_msg=name)
    ends = [read_history(tmp_path / name / "models" / "a2b" / "history.csv")[-1] for name in ("alone", "first")]
    assert [row["step"] for row in ends] == [6, 6]
    assert "Machine 2 of 2 of TF_CONFIG" in said[1]
    assert not (tmp_path / "second" / "models").exists()
