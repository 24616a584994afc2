"""Running ffmpeg: its command line, a process that ends with ours, and the reason if it fails."""

import errno
import os
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from faceit.errors import MediaError
from faceit.files import next_step
from faceit.media.ffmpeg import ffmpeg_exe, last_line


def file_name(path: Path | str) -> str:
    """A name that ffmpeg takes for a file, also when it begins with a dash or holds a colon. MediaError for one that
    is no text in any Unicode encoding, which neither ffmpeg-python nor PyAV takes."""
    name = os.path.abspath(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise MediaError(f"{path}: this name is not valid UTF-8: rename the file or the folder.") from None
    return name


def plain(number: float) -> str:
    """A number for ffmpeg, which takes no exponents: 3.3e-07 is "0.00000033"."""
    return format(Decimal(repr(float(number))), "f")


def command(stream, before: list[str] | None = None) -> list[str]:
    """The command line for ffmpeg-python's ``stream``; ``before`` are options that come first."""
    import ffmpeg

    stream = stream.global_args("-hide_banner", "-nostdin", "-loglevel", "error").overwrite_output()
    exe, *words = ffmpeg.compile(stream, cmd=ffmpeg_exe())
    return [exe, *(before or []), *words]


def start(command: list[str], **streams) -> subprocess.Popen:
    """Start ffmpeg so that it does not receive Ctrl-C from the terminal: we do, and end it."""
    new_group = 0x200  # CREATE_NEW_PROCESS_GROUP
    apart: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {"creationflags": new_group}
    defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    try:
        return subprocess.Popen(command, **(defaults | streams), **apart)
    except OSError as error:
        step = f": {next_step(error)}" if error.errno == errno.EMFILE else ""
        raise MediaError(f"{command[0]} cannot be started: {error.strerror or error}{step}.") from error


def problem(command: list[str]) -> str | None:
    """Run ffmpeg to its end; returns why it failed, None if it did not. An exception meanwhile ends it."""
    with tempfile.TemporaryFile() as log:
        process = start(command, stderr=log)
        try:
            process.wait()
        finally:
            end(process)
        return None if process.returncode == 0 else why(process, log)


def unwritten(path: Path | str, problem: object) -> MediaError:
    """That a file could not be written for a reason that ffmpeg or the system gave, with the next step where one is
    known."""
    return MediaError(f"{path} cannot be written: {problem}{step_after(problem)}.")


def step_after(problem: object) -> str:
    """What to do about a reason that ffmpeg or the system gave, to be added to it; "" where that is not known, or said
    already."""
    full = any(os.strerror(code) in str(problem) for code in (errno.ENOSPC, errno.EDQUOT))
    return ": free some space and run the same command again" if full and "free some space" not in str(problem) else ""


def end(process: subprocess.Popen) -> None:
    """Kill the process, reap it and close its pipes; harmless if it has already ended."""
    if process.poll() is None:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # data was still buffered for a dead reader
    process.wait()


def why(process: subprocess.Popen, log) -> str:
    """Why ffmpeg failed: the last line of its log, or the signal that ended it."""
    log.seek(0)
    line = last_line(log.read()).rstrip(".")
    if line:
        return line
    if process.returncode < 0:
        return f"ffmpeg was killed by signal {-process.returncode}"
    if process.returncode == 256 - errno.ENOSPC:  # the system's errors come as 256 less their number
        return f"{os.strerror(errno.ENOSPC)}: free some space and run it again"
    return f"ffmpeg ended with code {process.returncode} and no message"
