"""Files that are whole or as they were, whenever the process ends: written beside their place and moved there last."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from faceit.errors import FaceitError

STEP = "free some space and run it again"


@contextlib.contextmanager
def replacing(path: Path, mark: str = "") -> Iterator[Path]:
    """A path beside ``path`` to write to; what is there at the end of the block becomes ``path``. After an exception
    ``path`` is as it was, and OSError is the caller's to put into words. ``mark`` is for names that several processes
    may write at once."""
    part = path.with_name(f".{path.name}{mark}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, error: type[FaceitError] = FaceitError) -> None:
    """Write a file; whole or as it was. ``error`` where the disk refuses."""
    try:
        with replacing(path) as part:
            part.write_bytes(data)
    except OSError as e:
        raise error(f"{path} cannot be written ({e.strerror}): {STEP}.") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file; whole or as it was. FaceitError where the disk refuses."""
    write_lines(path, [text])


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file of lines with their ends, which may come one by one; whole or as it was. FaceitError where the
    disk refuses."""
    try:
        with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
    except OSError as e:
        raise FaceitError(f"{path} cannot be written ({e.strerror}): {STEP}.") from None


def read_json(path: Path) -> dict | None:
    """A JSON object from disk; None when it is absent or unreadable."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
