"""What the stories share: talking clips of two people, made once for all tests, small projects around them, and a
browser for the pages, where one is installed."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the same on every machine
if "PYTEST_XDIST_WORKER" in os.environ:  # there are as many of these as cores
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

SHARED = "shared"  # the folder of what all workers read
SECONDS, FPS, SIDE = 3.0, 15, 320  # of the clips: the smallest in which dlib's HOG finds every face


def once(tmp_path_factory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made by the first worker that asks for it, and read by all of them."""
    root = tmp_path_factory.getbasetemp()
    root = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / SHARED  # of all workers of this run
    root.mkdir(exist_ok=True)
    with FileLock(root / f"{name}.lock"):
        made, folder = root / f"{name}.made", root / name
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="module", autouse=True)
def tidy(tmp_path_factory, request):
    """What the fixtures of a module made is removed after it: a model takes 100 MB, and machines that run tests have
    small disks. Where a test failed, all stays to be looked at."""
    root = tmp_path_factory.getbasetemp()
    before = set(root.iterdir())
    yield
    if not request.session.testsfailed:
        for made in set(root.iterdir()) - before:
            if made.name != SHARED and made.is_dir() and not made.is_symlink():
                shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> Path:
    """A folder with {collins,hopper}.{png,mp4} and talk.mp4 (Collins, other words, 2 s). Read only."""
    return once(tmp_path_factory, "people", make_people)


def make_people(folder: Path) -> None:
    from faceit.demo.clip import make_clip
    from faceit.demo.portraits import portraits
    from faceit.faces.detect import FaceFinder
    from faceit.images import write_image

    for seed, (name, picture) in enumerate(portraits().items()):
        write_image(folder / f"{name}.png", picture)
        face = FaceFinder().find(picture)[0]
        small = {"fps": FPS, "size": (SIDE, SIDE)}
        make_clip(picture, face.landmarks, folder / f"{name}.mp4", seconds=SECONDS, seed=seed, **small)
        if name == "collins":
            make_clip(picture, face.landmarks, folder / "talk.mp4", seconds=2.0, seed=5, **small)


# The two people of the stories lie 0.65 to 0.71 apart, which is where the usual tolerance begins to call somebody
# doubtful; their own faces lie within 0.35. So the stories draw the line in the middle: no processor moves anybody over
# that.
TOLERANCE = 0.5


def write_project(root: Path, people: Path, videos: dict | None = None, **top) -> Path:
    """faceit.yaml in ``root`` for the swap ``c2h`` (Collins to Hopper), fps 10, all faces kept; other top-level keys
    from ``top``."""
    videos = videos or {name: [str(people / f"{name}.mp4")] for name in ("collins", "hopper")}
    project = {
        "people": {name: {"portrait": str(people / f"{name}.png"), "consent": f"{name}: public domain", "videos": urls}
                   for name, urls in videos.items()},
        "swaps": {"c2h": {"from": "collins", "to": "hopper", "model": {"size": 128}}},
        "curate": {"enabled": False}, **top,
        "preprocess": {"fps": 10, "tolerance": TOLERANCE} | top.get("preprocess", {}),
    }  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    (root / "faceit.yaml").write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
    return root / "faceit.yaml"


@pytest.fixture(scope="session")
def prepared(people, tmp_path_factory) -> Path:
    """The YAML of a project whose faces are extracted (30 a person). Read only: take ``copied``."""
    from faceit.cli import main

    def make(folder: Path) -> None:
        assert main(["preprocess", "c2h", "--config", str(write_project(folder, people))]) == 0

    return once(tmp_path_factory, "prepared", make) / "faceit.yaml"


@pytest.fixture(scope="session")
def trained(prepared, tmp_path_factory) -> Path:
    """The YAML of a project with a model of 30 steps. Read only: take ``copied``."""
    from faceit.cli import main

    def make(folder: Path) -> None:
        words = ["train", "c2h", "--preset", "cpu", "--iterations", "30", "--batch-size", "4"]
        assert main([*words, "--config", str(copied(prepared, folder))]) == 0

    return once(tmp_path_factory, "trained", make) / "faceit.yaml"


def copied(file: Path, root: Path) -> Path:
    """A project of one's own: everything beside ``file`` copied into ``root``; returns the YAML there."""
    shutil.copytree(file.parent, root, dirs_exist_ok=True)
    return root / file.name


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("FACEIT_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or set FACEIT_CHROMIUM")
    switches = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync"]  # fmt: skip
    if sys.platform != "win32" and os.geteuid() == 0:
        switches.append("--no-sandbox")
    with api.sync_playwright() as playwright, contextlib.closing(
        playwright.chromium.launch(executable_path=path, args=switches)
    ) as opened:
        yield opened
