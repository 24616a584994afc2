"""What the tests of doctor share: a quick doctor, a small project and stand-ins for programs."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from faceit.checkup import isolated
from faceit.cli import main
from faceit.media.writer import VideoWriter

posix = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for programs are shell scripts")


@pytest.fixture
def without_keras(monkeypatch):
    """Without the twelve seconds of Keras: a function that says what its report is to be."""
    report = {"version": "3.15", "backend": "tensorflow", "has_gpu": False, "nvidia": [], "speed": ["cpu", 10, 5.4],
              "disk": {"auto": 150_000_000, "cpu": 150_000_000}}  # fmt: skip
    real = isolated.run
    monkeypatch.setattr(isolated, "run", lambda code: report if "network.trial" in code else real(code))
    return report.update


@pytest.fixture
def quick(without_keras, monkeypatch):
    """And without a try of a video, a face and pages, which go well."""
    real, well = isolated.run, ("try_videos", "try_portrait", "try_pages")
    monkeypatch.setattr(isolated, "run", lambda code: {} if any(name in code for name in well) else real(code))
    return without_keras


@pytest.fixture
def examine(capfd):
    """A function: words after `doctor` -> (exit code, {subject: [its lines]}, the last line)."""

    def run(*words) -> tuple[int, dict[str, list[str]], str]:
        capfd.readouterr()
        code = main(["doctor", *map(str, words)])
        output = capfd.readouterr()
        assert "Traceback" not in output.out + output.err
        *lines, last = (output.out + output.err).splitlines()
        found = {}
        for line in lines:
            assert re.match(r"(ok  |!   |FAIL)  \S.{9}  \S", line), line
            assert line.startswith("ok") or (line.endswith(".") and ": " in line), line  # with what to do
            found.setdefault(line[6:16].strip(), []).append(line)
        fails = sum(line.startswith("FAIL") for line in lines)
        assert code == (fails > 0)
        assert last.startswith("All is well." if not fails else f"faceit: {fails} thing")
        return code, found, last

    return run


def a_project(root: Path, videos: str = "talk.mp4") -> Path:
    """A YAML of two people, the files of whose portraits are there, and a video of a fifth of a second."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        (root / name).write_bytes(b"x")
    with VideoWriter(root / "talk.mp4", 64, 64, 25) as writer:
        for _ in range(5):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    (root / "faceit.yaml").write_text(
        f"people:\n  a: {{consent: mine, portrait: a.jpg, videos: [{videos}]}}\n"
        "  b: {consent: mine, portrait: b.jpg, videos: [talk.mp4]}\nswaps:\n  s: {from: a, to: b}\n"
    )
    return root / "faceit.yaml"


def a_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
