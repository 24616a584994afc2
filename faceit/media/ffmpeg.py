"""Finding ffmpeg, and the meaningful last line of its output."""

import atexit
import hashlib
import os
import shutil
import tempfile
import threading
from functools import partial
from pathlib import Path

from platformdirs import user_cache_path

from faceit.errors import MediaError
from faceit.files import replacing

# lines that ffmpeg prints after the one that gives the reason
UNINFORMATIVE = (
    "Conversion failed",
    "Exiting normally",
    "Nothing was written into output file",
    "Task finished with error code",
    "Could not open encoder before EOF",
    "Error while opening encoder - maybe incorrect parameters",
    "Terminating thread with return code",
    "Error sending frames to consumers",
    "Error while filtering",
    "Last message repeated",
)

_lock = threading.Lock()


def ffmpeg_exe() -> str:
    """Path of the ffmpeg program to run.

    The environment variable FACEIT_FFMPEG takes precedence, then the program in imageio-ffmpeg, then PATH.
    Raises MediaError, with the next step, if there is none.
    """
    chosen = os.environ.get("FACEIT_FFMPEG")
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise MediaError(f"FACEIT_FFMPEG is {chosen!r}, which is not a program: correct it, or unset it.")
        return os.path.abspath(found)
    found = _bundled_ffmpeg() or shutil.which("ffmpeg")
    if found is None:
        raise MediaError(
            "ffmpeg is not installed: run 'pip install imageio-ffmpeg', install ffmpeg with your system's package "
            "manager, or set FACEIT_FFMPEG to its path."
        )
    return os.path.abspath(found)


def ffmpeg_on_path() -> str:
    """Put a directory that contains a program called ``ffmpeg`` first on PATH; return that directory.

    yt-dlp cuts ranges only with an ffmpeg of exactly this name, and imageio-ffmpeg's has another.
    Calling it again changes nothing; threads may call it at the same time. Raises MediaError without an ffmpeg.
    """
    with _lock:
        exe = ffmpeg_exe()
        folder = _folder_with_link(exe)
        entries = [e for e in os.environ.get("PATH", "").split(os.pathsep) if e]
        if entries[:1] != [folder]:
            os.environ["PATH"] = os.pathsep.join([folder, *(e for e in entries if e != folder)])
        return folder


def last_line(text: str | bytes | None) -> str:
    """The last informative line of ``text`` (ffmpeg's stderr), without ``[mp4 @ 0x55...]``; "" if there is none."""
    if text is None:
        return ""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [_without_module(line) for line in lines]
    while len(lines) > 1 and lines[-1].startswith(UNINFORMATIVE):
        lines.pop()
    return lines[-1] if lines else ""


def _without_module(line: str) -> str:
    """The line without a leading "[mp4 @ 0x55d0]"."""
    while line.startswith("[") and " @ " in line.split("]", 1)[0] and line.split("]", 1)[-1].strip():
        line = line.split("]", 1)[1].strip()
    return line


def _bundled_ffmpeg() -> str | None:
    """imageio-ffmpeg's program, or None if the package or its program is missing."""
    try:
        import imageio_ffmpeg

        return shutil.which(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def _folder_with_link(exe: str) -> str:
    """A private folder that contains ``ffmpeg``, a link to (on Windows a copy of) ``exe``."""
    # one folder per program, so that two projects with two ffmpegs never change each other's link
    name = hashlib.sha256(exe.encode()).hexdigest()[:12]
    for root in (partial(user_cache_path, "faceit", appauthor=False), process_temp):
        folder = root() / "bin" / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _link(Path(exe), folder / ("ffmpeg.exe" if os.name == "nt" else "ffmpeg"))
            return str(folder)
        except OSError as error:
            problem = error
    raise MediaError(f"No link to ffmpeg can be made: {problem}. Set TMPDIR to a folder that can be written.")


def _link(exe: Path, link: Path) -> None:
    """Make ``link`` point to ``exe``; other processes see the old link or the new one, never none."""
    if os.name == "nt":
        if link.exists() and link.stat().st_size == exe.stat().st_size:
            return
    elif link.is_symlink() and os.readlink(link) == str(exe):
        return
    with replacing(link, mark=f".{os.getpid()}.{threading.get_ident()}") as part:
        if os.name == "nt":
            shutil.copy2(exe, part)
        else:
            part.unlink()
            part.symlink_to(exe)


_temp_folder: Path | None = None


def process_temp() -> Path:
    """A folder of this process only: one with a known name in /tmp could have been made by someone else."""
    global _temp_folder
    if _temp_folder is None:
        _temp_folder = Path(tempfile.mkdtemp(prefix="faceit-"))
        atexit.register(shutil.rmtree, _temp_folder, ignore_errors=True)
    return _temp_folder
