"""Several videos or photos in one run: none of them may take another's place."""

import contextlib
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from faceit.config.project import Project
from faceit.config.settings import ConvertSettings
from faceit.convert.comparison import comparison
from faceit.convert.output_names import beside
from faceit.convert.request import ConversionRequest, ConvertTask
from faceit.convert.run import drawn_beside, output_of, source_path
from faceit.convert.stills import stills_in, target_of
from faceit.errors import FaceitError

FOLDING = ("win32", "darwin")  # systems whose disks take talk.mp4 and Talk.mp4 for one


def check_apart(project: Project, tasks: Sequence[ConvertTask], settings: ConvertSettings | None) -> None:
    """FaceitError where two of these would write one file, or one would write over what another reads; before any of
    them begins."""
    taken: dict[str, ConvertTask] = {}
    for task in tasks:
        with contextlib.suppress(OSError):  # a name that cannot be: it is said when its turn comes
            for path in results_of(ConversionRequest(project, task, settings), source_path(project, task)):
                other = taken.setdefault(_place(path), task)
                if other is not task:
                    raise FaceitError(f"{other.video} and {task.video} would both become {path}: rename one of them, "
                                      "or convert them one by one, with names of their own (--output).")  # fmt: skip
    for task in tasks:
        with contextlib.suppress(OSError):
            other = taken.get(_place(source_path(project, task)), task)
            if other is not task:
                raise FaceitError(f"The result of {other.video} would replace {task.video}, which is to be converted "
                                  "too: name another folder with --output.")  # fmt: skip


def results_of(request: ConversionRequest, source: Path) -> list[Path]:
    """The files and folders that converting ``source`` writes."""
    if stills_in(source) is not None:
        return [target_of(request, source)]
    task = request.task
    output = output_of(request.project, task, source, request.target())
    files = [output, *drawn_beside(output, task), beside(output, "-preview.jpg")]
    if (compared := comparison(output, task.compare)) is not None:
        files.append(compared)
    return files + ([beside(output, "-layer.mov")] if task.layer else [])


def _place(path: Path) -> str:
    """The same for two names of one file."""
    name = str(path.resolve())
    return unicodedata.normalize("NFC", name).casefold() if sys.platform in FOLDING else name
