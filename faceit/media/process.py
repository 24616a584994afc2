"""Running ffmpeg: a command line from ffmpeg-python's description, a process that ends with us, and why it ended."""

import errno
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from faceit.errors import MediaError
from faceit.files import next_step
from faceit.media.ffmpeg import ffmpeg_exe, last_line


def file_name(path: Path | str) -> str:
    """A name that ffmpeg takes for a file, also when it begins with a dash or holds a colon."""
    return os.path.abspath(path)


def command(stream, before: list[str] | None = None) -> list[str]:
    """The command line for ffmpeg-python's ``stream``; ``before`` are options that come first."""
    import ffmpeg

    stream = stream.global_args("-hide_banner", "-nostdin", "-loglevel", "error").overwrite_output()
    exe, *words = ffmpeg.compile(stream, cmd=ffmpeg_exe())
    return [exe, *(before or []), *words]


def start(command: list[str], **streams) -> subprocess.Popen:
    """Start ffmpeg out of the terminal's reach: Ctrl-C is for us to hear, and we end it."""
    new_group = 0x200  # CREATE_NEW_PROCESS_GROUP
    apart: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {"creationflags": new_group}
    defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    try:
        return subprocess.Popen(command, **(defaults | streams), **apart)
    except OSError as error:
        step = f": {next_step(error)}" if error.errno == errno.EMFILE else ""
        raise MediaError(f"{command[0]} cannot be started: {error.strerror or error}{step}.") from error


def problem(command: list[str]) -> str | None:
    """Run ffmpeg to its end; why it failed, None where it did not. An exception on the way ends it."""
    with tempfile.TemporaryFile() as log:
        process = start(command, stderr=log)
        try:
            process.wait()
        finally:
            end(process)
        return None if process.returncode == 0 else why(process, log)


def end(process: subprocess.Popen) -> None:
    """Kill, collect and close; harmless when it has ended."""
    if process.poll() is None:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # what was buffered for a dead reader
    process.wait()


def why(process: subprocess.Popen, log) -> str:
    """Why ffmpeg ended: its own last line, or the signal that ended it."""
    log.seek(0)
    said = last_line(log.read()).rstrip(".")
    if said:
        return said
    if process.returncode < 0:
        return f"ffmpeg was killed by signal {-process.returncode}"
    if process.returncode == 256 - errno.ENOSPC:  # the system's errors come as 256 less their number
        return f"{os.strerror(errno.ENOSPC)}: free some space and run it again"
    return f"ffmpeg ended with code {process.returncode} and no message"
