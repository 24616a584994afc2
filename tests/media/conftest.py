"""A clip that the tests share, and stand-ins for ffmpeg."""

from pathlib import Path

import pytest

from ..conftest import once
from .clips import make


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """Two seconds of moving test picture, 320x180 at 25, with a tone."""
    name = "a clip: é.mp4"
    return once(tmp_path_factory, "clip", lambda folder: make(
        folder / name, "testsrc2=s=320x180:r=25:d=2", "-c:a", "aac", sound="sine=d=2")) / name  # fmt: skip


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Put a shell script in ffmpeg's place."""

    def place(script: str):
        path = tmp_path / "fake-ffmpeg"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("FACEIT_FFMPEG", str(path))

    return place
