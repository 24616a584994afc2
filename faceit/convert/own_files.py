"""What lies beside a result of ours, and is written anew each time, told from what a user has put there."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from faceit.errors import FaceitError, MediaError
from faceit.files import read_json
from faceit.measure.table import FrameTable
from faceit.media.provenance import read_note

STORY = {"swap", "from", "to", "consent"}  # keys of earlier versions' stories, which had no "faceit"
PAGE = b"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
HEAD = 400  # bytes in which every page of ours has that


def refuse_to_replace(files: Iterable[Path], overwrite: bool = False, step: str = "add --overwrite, or ") -> None:
    """What is made beside a result anew each time replaces an earlier one of ours, and nothing else: FaceitError where
    a file of somebody's, or a folder, has the name. ``step`` is said before "move it away"."""
    for path in files:
        if path.exists() and not overwrite and not is_ours(path):
            raise FaceitError(f"{path} is there already, and none of faceit's: {step}move it away.")


def is_ours(path: Path) -> bool:
    """Whether faceit wrote a file: a picture, a page, a JSON or a table of frames."""
    if not path.is_file():
        return False
    if path.suffix == ".json":
        content = read_json(path) or {}
        return "faceit" in content or content.keys() >= STORY
    with contextlib.suppress(OSError, MediaError):
        if path.suffix == ".html":
            return PAGE in _head(path, HEAD)
        if path.suffix == ".csv":
            names = FrameTable().text().encode()
            return _head(path, len(names)).split(b",")[:4] == names.split(b",")[:4]
        return read_note(path) is not None
    return False


def _head(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)
