"""Where things are that a project uses and that lie outside of it: kept in the project for itself, since results, which
people pass on, name such files only."""

import contextlib
import json
import os
from pathlib import Path

from faceit.config.project import Project
from faceit.errors import FaceitError
from faceit.files import read_json, write_text
from faceit.lock import only_one

RECORD = ".elsewhere.json"  # in data/


def remember(project: Project, result: Path, places: dict[str, list[Path]]) -> None:
    """Note for the file ``result`` the whole paths of what it names, by what they are, where it names them without
    their folders. What cannot be written is not noted: it is asked for again."""
    key, inside = _key(project, result), project.holds(result)
    outside = {what: [os.path.abspath(path) for path in paths] for what, paths in places.items()
               if not all(inside and project.holds(path) for path in paths)}  # fmt: skip
    if _known(project).get(key, {}) == outside:
        return
    lock = project.data / f"{RECORD}.lock"
    # two conversions at once would each write what the other does not know
    with contextlib.suppress(OSError, FaceitError), only_one(lock, RECORD, passing=True, waiting=lambda: None):
        known = {name: noted for name, noted in _known(project).items() if (project.root / name).exists()}
        write_text(project.data / RECORD, json.dumps(known | {key: outside}, indent=1))


def recall(project: Project, result: Path, what: str, named: list[str]) -> list[Path] | None:
    """The whole paths of what ``result`` names, as they were noted; None where nothing is noted, or of other names."""
    noted = _known(project).get(_key(project, result))
    paths = noted.get(what) if isinstance(noted, dict) else None
    if not isinstance(paths, list) or [Path(str(path)).name for path in paths] != [Path(name).name for name in named]:
        return None
    return [Path(str(path)) for path in paths]


def _known(project: Project) -> dict:
    return read_json(project.data / RECORD) or {}


def _key(project: Project, result: Path) -> str:
    path = os.path.relpath(result, project.root) if project.holds(result) else os.path.abspath(result)
    return Path(path).as_posix()
