"""An evaluated video, with everything beside it, that the tests of the report share."""

from pathlib import Path

import pytest

from faceit.config.project_file import load_project
from faceit.evaluate.report import report

from ..conftest import once
from .sample_evaluation import write_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> tuple[Path, Path]:
    """(faceit.yaml, talk.evaluation.json) of a project with everything there, and its report. Read only."""

    def make(root: Path) -> None:
        file, evaluation = write_sample(root)
        report(load_project(file), evaluation)

    root = once(tmp_path_factory, "sample", make)
    return root / "faceit.yaml", root / "data" / "output" / "a2b" / "talk.evaluation.json"
