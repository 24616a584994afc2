"""What the tests of conversions share: a trained project of one's own, and the command on it."""

from pathlib import Path

import pytest

from faceit.cli import main

from ..conftest import copied


@pytest.fixture
def project(trained, tmp_path) -> Path:
    """The YAML of a trained project of one's own."""
    return copied(trained, tmp_path / "project")


def convert(project: Path, source, *words) -> int:
    """The exit code of ``convert c2h``."""
    return main(["convert", "c2h", str(source), *map(str, words), "--config", str(project)])


def results(project: Path) -> Path:
    """The folder of what was converted."""
    return project.parent / "data" / "output" / "c2h"


def result(project: Path, name: str = "talk.mp4") -> Path:
    return results(project) / name
