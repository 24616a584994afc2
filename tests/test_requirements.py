"""What a newcomer installs: limits for every library, and one exact version of each, the same for users and tests."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from .test_layout import SOURCES, imports

ROOT = Path(__file__).parents[1]
BREAK_IN_MINORS = {"keras", "tensorflow", "tensorboard", "numpy", "opencv-python-headless", "matplotlib"}


def wanted(name: str) -> list[Requirement]:
    """The lines of one of our lists, without those that name another list."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def locked(name: str) -> dict[str, list[str]]:
    """{library: its lines, the first with the exact version}, of a .lock file."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    blocks = re.split(r"\n(?=\S)", text.strip())
    found = {canonicalize_name(block.split("==")[0]): block.split("\n") for block in blocks}
    assert len(found) == len(blocks), "one version of each library"
    return found


def version_of(lines: list[str]) -> str:
    return re.match(r"[\w.-]+==([^\s;\\]+)", lines[0])[1]


@pytest.mark.parametrize("each", [*wanted("requirements.txt"), *wanted("requirements-dev.txt")], ids=lambda r: r.name)
def test_every_library_has_a_floor_and_a_ceiling(each):
    limits = {limit.operator: limit.version for limit in each.specifier}
    if limits.keys() == {"=="}:
        return
    if each.name == "yt-dlp":  # sites change, so it must stay new
        assert limits.keys() == {">="}
        return
    assert limits.keys() == {">=", "<"}
    floor, ceiling = (([*map(int, limits[at].split(".")), 0, 0])[:2] for at in (">=", "<"))
    assert floor < ceiling
    if floor[0] and each.name not in BREAK_IN_MINORS | {"ruff", "jax", "uv"}:
        assert ceiling[1] == 0  # a major version


@pytest.mark.parametrize(("wish", "lock"), [("requirements.txt", "requirements.lock"),
                                            ("requirements.txt", "requirements-dev.lock"),
                                            ("requirements-dev.txt", "requirements-dev.lock")])  # fmt: skip
def test_the_exact_versions_are_within_the_limits(wish, lock):
    there = locked(lock)
    for each in wanted(wish):
        version = version_of(there[canonicalize_name(each.name)])
        assert each.specifier.contains(version), f"renew {lock}: see docs/architecture.md"


def test_what_is_imported_is_declared():
    """No library is used that only comes along with another. Keras' other backends are the user's own."""
    declared = {canonicalize_name(each.name) for each in wanted("requirements.txt")} | {"dlib", "jax", "torch"}
    brought = packages_distributions()
    used = {name.split(".")[0] for module in SOURCES for name in imports(module)} - sys.stdlib_module_names - {"faceit"}
    assert {"cv2", "yaml", "keras", "dlib"} < used and "dlib-bin" in declared
    for library in used:
        names = {canonicalize_name(name) for name in brought.get(library, [library])}
        assert names & declared, f"{library} is not in requirements.txt"


def test_tests_run_on_what_users_get():
    users, ours = locked("requirements.lock"), locked("requirements-dev.lock")
    assert len(users) > len(wanted("requirements.txt"))  # with what these need
    assert all(version_of(ours[name]) == version_of(lines) for name, lines in users.items())
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for mark in ("demo", "tests", "all tests"):
        lock = "requirements.lock" if mark == "demo" else "requirements-dev.lock"
        assert f"pip install -r {lock} " in text.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_file_has_its_checksum_and_no_address(lock):
    for lines in locked(lock).values():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", "\n".join(lines[1:])), lines[0]
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


def test_the_gpu_list_asks_for_the_same_tensorflow():
    [gpu] = wanted("requirements-gpu.txt")
    [cpu] = [each for each in wanted("requirements.txt") if each.name == "tensorflow"]
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [extra] = map(Requirement, about["project"]["optional-dependencies"]["gpu"])
    assert gpu.specifier == cpu.specifier == extra.specifier


def test_each_python_is_one_that_is_run():
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    allowed = SpecifierSet(about["project"]["requires-python"])
    versions = [f"3.{minor}" for minor in range(6, 30) if allowed.contains(f"3.{minor}")]
    script = (ROOT / ".ci" / "pythons").read_text(encoding="utf-8")
    assert re.search(r"set -- (3[\d. ]+)$", script, re.MULTILINE)[1].split() == versions
    assert f"Python {versions[0]} to {versions[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")
