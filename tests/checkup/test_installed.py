"""Python and its libraries: what is missing or too old is named, with the command that mends it."""

import os
import re
import sys

import pytest

from faceit.checkup import installed
from faceit.checkup.finding import FAIL, OK, WORSE
from faceit.checkup.installed import check_libraries, check_python, installed_version, reinstall_step


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_another_python(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    [line] = check_python()
    assert line.mark == FAIL and "faceit needs 3.11 to 3.13" in line.text


def test_an_environment_that_was_left_aside(tmp_path, monkeypatch):
    python = tmp_path / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(installed, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    [line] = check_python()
    assert line.mark == WORSE and "README.md says how" in line.text
    python.parent.mkdir(parents=True)
    python.touch()
    [line] = check_python()
    assert f"start commands with `{python}`." in line.text and str(python) in reinstall_step()


def test_libraries_that_are_missing_or_too_old(tmp_path, monkeypatch):
    (tmp_path / "requirements.lock").write_text("numpy==99.1 \\\n    --hash=sha256:00\npyyaml==7 ; os_name == 'x'\n")
    (tmp_path / "requirements.txt").write_text(
        "numpy>=99  # not yet\nno-such-library[all]>=1\nno-such-other; sys_platform == 'beos'\n-r more.txt\npyyaml\n"
    )
    monkeypatch.setattr(installed, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    [line] = check_libraries()
    assert line.mark == FAIL
    assert re.fullmatch(
        r"missing: no-such-library; numpy is \d\S+, not >=99: run `\S+ -m pip install -r requirements.lock`\.",
        line.text,
    )
    (tmp_path / "requirements.txt").write_text("numpy>=1\npyyaml\n")
    [line] = check_libraries()
    assert line.mark == OK
    assert re.fullmatch(r"all 2 are installed: numpy \S+ \(tested with 99\.1\), pyyaml \S+ \(tested with 7\)",
                        line.text)  # fmt: skip


def test_a_library_under_another_name_will_do(monkeypatch):
    def version(name):
        if name == "tensorflow-cpu":
            return "2.21"
        raise installed.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installed.importlib.metadata, "version", version)
    assert installed_version("tensorflow") == ("tensorflow-cpu", "2.21")
    assert installed_version("keras") == ("keras", None)
