"""doctor: what is well is said, and whatever is broken is a line with what to do, never a traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from faceit.checkup import project_findings
from faceit.faces.faceset import DONE

from ..conftest import copied
from .conftest import a_project, posix

ROOT = Path(__file__).parents[2]
LIBRARIES = ("numpy", "yaml", "tqdm", "packaging", "cv2", "av", "dlib", "moviepy", "keras", "yt_dlp", "imageio_ffmpeg")


@pytest.mark.slow
def test_all_is_well_here(prepared, tmp_path, examine):
    code, found, last = examine("--config", copied(prepared, tmp_path))
    assert code == 0 and last.startswith("All is well.")
    assert "-m pip" not in "".join(line for lines in found.values() for line in lines if line.startswith("ok"))
    assert "virtual environment" in found["Python"][0] or sys.prefix == sys.base_prefix
    assert re.search(r"tensorflow\S* 2\.\d+.*scikit-image", found["libraries"][0])
    assert found["video"][0].endswith("one was written, opened, read, joined, put side by side and downloaded here")
    assert found["face"][0].startswith("ok") and found["pages"][0].startswith("ok")
    assert "libx264 and aac" in found["ffmpeg"][0]
    assert re.search(r"cpu does about \d+\.\d steps/s here; its 10 min give about [\d,]+ steps", found["training"][0])
    assert found["consent"][1].endswith("hopper: hopper: public domain")
    assert project_findings.DONE == DONE
    assert found["videos"] == ["ok    videos      collins: 1 done", "ok    videos      hopper: 1 done"]
    assert re.search(r"\d GB are free .*; this project still needs about 4\d\d MB$", found["disk"][0])


def test_without_a_project_it_looks_at_the_machine(quick, tmp_path, monkeypatch, examine):
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 0
    assert found["project"] == ["ok    project     no faceit.yaml in this folder; `python faceit.py init` writes one"]
    assert found["disk"][0].endswith("a project needs about 1.0 GB")
    assert list(tmp_path.iterdir()) == []


@posix
def test_ffmpeg_is_not_blamed_for_a_broken_numpy(tmp_path):
    (tmp_path / "numpy.py").write_text("raise OSError('libnumpy.so: cannot open shared object file')")
    done = subprocess.run(
        [sys.executable, str(ROOT / "faceit.py"), "doctor"], env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    fails = {line[6:16].strip() for line in done.stdout.splitlines() if line.startswith("FAIL")}
    assert "numpy" in fails and not fails & {"ffmpeg", "video", "face", "pages"}
    assert re.search(r"^ok    ffmpeg ", done.stdout, re.MULTILINE)


@posix
def test_everything_broken_at_once_is_no_traceback(tmp_path):
    for name in LIBRARIES:
        (tmp_path / f"{name}.py").write_text(f"raise OSError('lib{name}.so: cannot open shared object file')")
    env = os.environ | {"PYTHONPATH": str(tmp_path), "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "faceit.py"), "doctor", "--config", str(a_project(tmp_path / "p"))],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    fails = {line[6:16].strip() for line in done.stdout.splitlines() if line.startswith("FAIL")}
    assert re.search(r"^ok    disk .* a project needs about 1\.0 GB$", done.stdout, re.MULTILINE)
    broken = {"libraries", "numpy", "cv2", "av", "dlib", "moviepy", "yt-dlp", "project", "ffmpeg"}
    assert broken <= fails <= broken | {"matplotlib", "skimage"}  # which cannot start without those
    assert re.fullmatch(r"faceit: \d+ things must be fixed; see FAIL above\.\n", done.stderr)
