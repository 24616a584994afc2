"""Atomic writes: files and folders are complete or unchanged, whenever the process ends. They are written beside their
destination under a hidden name and renamed last."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from faceit.errors import FaceitError

_ELSEWHERE = "work in a folder that can be written"
_STEPS = {
    errno.EACCES: "check whose file it is", errno.EPERM: "check whose file it is", errno.EROFS: _ELSEWHERE,
    errno.EEXIST: "move what is there away, or name another place",
    errno.ENOTEMPTY: "move what is there away, or name another place",
    errno.ENOTDIR: "a file is where a folder should be; move it away, or name another place",
    errno.EISDIR: "a folder is where a file should be; move it away, or name another place",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EMFILE: "raise the limit of open files with `ulimit -n 1024`",
}  # fmt: skip


def next_step(error: OSError) -> str:
    """What to do where the disk refuses to write: the end of a sentence."""
    return _STEPS.get(error.errno or 0, "free some space and run it again")


def new_file(path: Path) -> None:
    """Make an empty file under a name of ours, for whoever then writes it by its name. What lies there is removed
    first: a link, which a stranger's folder may have in that place, would lead the writing elsewhere."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666))


def no_link(folder: Path) -> Path:
    """``folder``, in which work of ours is done. FaceitError where it is a link: what is written and removed there
    would be somebody else's."""
    if folder.is_symlink():
        raise FaceitError(
            f"{folder} is a link, and faceit writes and removes files in it: remove the link and run it again."
        )
    return folder


@contextlib.contextmanager
def replacing(path: Path, mark: str = "", error: type[FaceitError] | None = None) -> Iterator[Path]:
    """A temporary path beside ``path``, an empty file, which replaces ``path`` at the end of the block. After an
    exception ``path`` is unchanged. ``mark`` makes the temporary name unique if several processes may write at once. An
    OSError in the block is raised as ``error``, with a sentence; without ``error`` it is passed on."""
    part = path.with_name(f".{path.name}{mark}.part")
    with _in_words(path, error):
        try:
            new_file(part)
            yield part
            os.replace(part, path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path, error: type[FaceitError] = FaceitError) -> Iterator[Path]:
    """An empty temporary folder beside ``path``, which becomes ``path`` at the end of the block; ``path`` must not
    exist then. After an exception it is removed. An OSError in the block is raised as ``error``."""
    part = path.with_name(f".{path.name}.part")
    with _in_words(path, error):
        shutil.rmtree(no_link(part), ignore_errors=True)
        try:
            part.mkdir(parents=True)
            yield part
            os.replace(part, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def _in_words(path: Path, error: type[FaceitError] | None) -> Iterator[None]:
    """Raise an OSError as ``error``, with the next step."""
    try:
        yield
    except OSError as e:
        if error is None:
            raise
        raise error(f"{path} cannot be written ({e.strerror or e}): {next_step(e)}.") from None


def write_bytes(path: Path, data: bytes, error: type[FaceitError] = FaceitError) -> None:
    """Write a file atomically. ``error`` if it cannot be written."""
    with replacing(path, error=error) as part:
        part.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically. FaceitError if it cannot be written."""
    write_lines(path, [text])


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file of lines, which include their line ends and may come from an iterator, atomically. FaceitError
    if it cannot be written."""
    with replacing(path, error=FaceitError) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)


def read_json(path: Path) -> dict | None:
    """A JSON object from disk; None if it is absent or unreadable."""
    if not path.is_file():  # reading a pipe would wait for ever
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
