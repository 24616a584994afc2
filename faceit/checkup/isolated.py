"""Trials in separate processes: a crash becomes a line of doctor's report instead of ending it."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

from faceit.checkup.finding import Broken
from faceit.checkup.installed import ROOT

TIME_LIMIT_S = 120.0  # for a library to start, which takes long on a cold disk
TRAIN_S = 1.5  # how long a network is trained to measure this machine's speed
# kind of trial -> the modules that it needs; the default is NumPy
MODULES_OF = {"yt_dlp": ("numpy", "yt_dlp"), "dlib": ("numpy", "dlib"), "detector": ("numpy", "cv2"),
              "video": ("numpy", "ffmpeg", "av", "moviepy", "PIL", "yt_dlp"),
              "face": ("numpy", "cv2", "dlib", "skimage", "matplotlib"),
              "pages": ("numpy", "cv2", "skimage", "matplotlib", "tensorboard", "jinja2")}  # fmt: skip


def run(code: str) -> dict:
    """Run our own code in a separate process and return what it assigns to ``answer``. Broken if that fails."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    # -P: do not import from the current folder
    command = [sys.executable, "-P", "-c", f"{code}\nimport json\nprint('\\n' + json.dumps(answer))"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=TIME_LIMIT_S, check=False, env=env,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        printed = (e.stdout or b"").decode("utf-8", "replace") if isinstance(e.stdout, bytes) else e.stdout or ""
        raise Broken(f"it did not finish within {TIME_LIMIT_S:g} s", printed) from None
    except OSError as e:
        raise Broken(f"{sys.executable} cannot be started ({e.strerror or e})") from None
    if done.returncode < 0:
        raise Broken(f"it crashed with signal {-done.returncode}; it may be built for another processor",
                     done.stdout)  # fmt: skip
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = lines[-1] if lines else f"code {done.returncode} and no message"
        raise Broken(re.sub(r"^faceit\.errors\.\w+: ", "", last).rstrip(".")[:300], done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def start(pool: ThreadPoolExecutor, presets: list[str], detector: str) -> dict[str, Future]:
    """Start the trials that need no ffmpeg, by kind; Keras first, since it takes longest.

    ``presets`` are those of the project's models, ``detector`` is the project's face detector.
    """
    codes = {
        "keras": f"from faceit.network.trial import report\nanswer = report({presets!r}, {TRAIN_S})",
        "yt_dlp": "from faceit.media.trial import downloads\nanswer = downloads()",
        "dlib": f"from faceit.faces.trial import try_dlib\nanswer = try_dlib({detector == 'cnn'})",
        "face": f"from faceit.checkup.trial import try_portrait\nanswer = try_portrait({detector!r})",
        "pages": "from faceit.checkup.trial import try_pages\nanswer = try_pages()",
    }
    if detector in ("yunet", "mtcnn"):  # the others are dlib's
        codes["detector"] = f"from faceit.faces.trial import try_detector\nanswer = try_detector({detector!r})"
    return {kind: submit(pool, kind, code) for kind, code in codes.items()}


def submit(pool: ThreadPoolExecutor, kind: str, code: str) -> Future:
    """Start a trial: import each module that it needs, announced by name, then run ``code``, which sets ``answer``."""
    starts = "".join(starting(module) for module in MODULES_OF.get(kind, ("numpy",)))
    return pool.submit(run, starts + code)


def starting(module: str) -> str:
    """Code that prints a module's name and imports it; if that crashes the process, the name was printed."""
    return f"from faceit.trying import trying\ntrying({module!r})\nimport {module}\n"
