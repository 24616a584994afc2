"""Folders of a project that are links: to a user's second disk, or, in a project from a stranger, to anything."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from faceit.errors import ConfigError

MARK = ".faceit"  # an empty file in a folder elsewhere: faceit may write and remove files here
IN_DATA = ("videos", "processed", "output")  # where faceit writes
OF_SYSTEMS = {".DS_Store", "lost+found", "Thumbs.db", "desktop.ini", "System Volume Information", "$RECYCLE.BIN"}


def check_links(root: Path) -> None:
    """ConfigError where a folder below ``root`` in which faceit works is a link to a folder of other things. One to an
    empty folder is taken, which then has the mark."""
    for folder in _folders(root):
        if folder.is_symlink():
            _check(folder, folder.relative_to(root))


def _folders(root: Path) -> Iterator[Path]:
    """The folders in which faceit works, outer ones first."""
    data, models = root / "data", root / "models"
    yield data
    yield from (data / name for name in IN_DATA)
    yield from _within(data / "processed")  # a person
    for person in _within(data / "processed"):
        yield from _within(person)  # a video of theirs
    yield from _within(data / "output")
    yield models
    yield from _within(models)


def _within(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.is_dir() or path.is_symlink())
    return []


def _check(folder: Path, name: Path) -> None:
    target = folder.resolve()
    if not target.exists():
        raise ConfigError(f"{name} is a link to {target}, which is not there: connect that disk, or remove the link.")
    if not target.is_dir() or (target / MARK).is_file():
        return
    inside = {path.name for path in target.iterdir()} - OF_SYSTEMS
    if inside and not _is_ours(target, name, inside):
        other = min(inside, key=lambda each: (each.startswith("."), each))
        raise ConfigError(
            f"{name} is a link to {target}, where there is {other}, and faceit writes and removes files in it: if the "
            f"link is yours, put an empty file named {MARK} there; if not, remove the link."
        )
    with contextlib.suppress(OSError):  # where it can only be read nothing is lost
        (target / MARK).touch()


def _is_ours(target: Path, name: Path, inside: set[str]) -> bool:
    """Whether it looks as faceit makes it: all of a project's data, or nothing but models."""
    if name == Path("data"):
        return inside <= {*IN_DATA, "persons"} and (target / "processed").is_dir()
    if name == Path("models"):
        return all((target / each / "model.json").is_file() for each in inside if not each.startswith("."))
    return False
