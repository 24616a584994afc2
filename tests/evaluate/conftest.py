"""An evaluated video, with everything beside it, that the tests of the report share."""

from pathlib import Path

import pytest

from faceit.config.project_file import load_project
from faceit.evaluate.report import report

from .sample_evaluation import write_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> tuple[Path, Path]:
    """(faceit.yaml, talk.evaluation.json) of a project with everything there, and its report. Read only."""
    root = tmp_path_factory.mktemp("sample")
    file, said = write_sample(root)
    report(load_project(file), said)
    return file, said
