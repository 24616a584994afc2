"""Atomic writes: files and folders are complete or unchanged, whenever the process ends. They are written beside their
destination under a hidden name and renamed last."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from faceit.errors import FaceitError


@contextlib.contextmanager
def replacing(path: Path, mark: str = "", error: type[FaceitError] | None = None) -> Iterator[Path]:
    """A temporary path beside ``path``, which replaces ``path`` at the end of the block. After an exception ``path`` is
    unchanged. ``mark`` makes the temporary name unique if several processes may write at once. An OSError in the block
    is raised as ``error``, with a sentence; without ``error`` it is passed on."""
    part = path.with_name(f".{path.name}{mark}.part")
    with _in_words(path, error):
        try:
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
        shutil.rmtree(part, ignore_errors=True)
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
        raise error(f"{path} cannot be written ({e.strerror or e}): free some space and run it again.") from None


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
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
