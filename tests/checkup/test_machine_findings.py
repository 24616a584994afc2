"""Little memory and small disks are lines of doctor's report."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from faceit.checkup import machine_findings
from faceit.checkup.finding import WORSE

from ..conftest import copied
from .conftest import a_project


@contextlib.contextmanager
def mounted(folder: Path, size: str):
    """A small disk of its own at ``folder``; the test is left out where one may not mount."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_little_memory(monkeypatch):
    total, free = machine_findings.memory()
    assert total is None or (free is None or 0 < free <= total)
    monkeypatch.setattr(machine_findings, "memory", lambda: (4 * 10**9, 10**9))
    [line] = machine_findings.check_memory()
    assert line.mark == WORSE and "1.0 of 4.0 GB are free" in line.text


def test_a_small_disk(quick, tmp_path, monkeypatch, examine):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 9 * 10**8, 10**8))
    code, found, _ = examine("--config", a_project(tmp_path))
    [line] = found["disk"]
    assert code == 1 and line.startswith("FAIL")
    assert "100 MB are free" in line and re.search("still needs about 151 MB: free 51 MB, or", line)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faceit.yaml").unlink()
    code, found, _ = examine()
    assert code == 1 and "100 MB are free" in found["disk"][0] and "about 1.0 GB: free 900 MB" in found["disk"][0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a disk")
def test_a_disk_of_100_mb(prepared, tmp_path, examine):
    with mounted(tmp_path, "100m"):
        code, found, _ = examine("--config", copied(prepared, tmp_path))
        [line] = found["disk"]
        assert code == 1 and line.startswith("FAIL")
        assert re.search(r"(9\d|10\d) MB are free on the disk of .* still needs about 4\d\d MB: free \d+ MB, or", line)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a disk")
def test_a_folder_that_cannot_be_written(quick, tmp_path, examine):
    with mounted(tmp_path, "1m"):
        file = a_project(tmp_path)
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        code, found, _ = examine("--config", file)
        assert code == 1 and "cannot be written: change its permissions, or work in another folder." in found["disk"][0]
