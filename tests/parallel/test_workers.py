"""Many workers, one truth: what processes of their own find is what one finds, and nobody outlives the parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from faceit.config.project_file import load_project
from faceit.faces.faceset import DONE, TABLE, finished, read_table
from faceit.images import read_image
from faceit.media.server import serve_folder
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter
from faceit.preprocess.partial_folder import STATE
from tests.conftest import ROOT, write_project

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are read from /proc")]

# preprocess in segments of a second, however few frames there are by worker processes: argv is the YAML
DRIVER = """
import signal, sys
from faceit.cli import main
from faceit.parallel import workers
from faceit.preprocess import run as stage
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are begun deaf to it
    workers.FEW_FRAMES, stage.SEGMENT_S = 0, 1.0
    sys.exit(main(["preprocess", "--person", "collins", "--config", sys.argv[1]]))
"""


def start(file: Path) -> subprocess.Popen:
    driver = file.with_name("driver.py")
    driver.write_text(DRIVER)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}
    return subprocess.Popen([sys.executable, str(driver), str(file)], env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def finish(file: Path) -> tuple[int, str, str]:
    child = start(file)
    out, err = child.communicate(timeout=240)
    return child.returncode, out, err


def project(folder: Path, videos: list, workers: int = 2) -> Path:
    people = folder.parent / "people"
    file = write_project(folder, people, {"collins": [v if isinstance(v, dict) else str(v) for v in videos]}, swaps={})
    settings = yaml.safe_load(file.read_text())
    settings["preprocess"] |= {"workers": workers}
    file.write_text(yaml.safe_dump(settings))
    return file


@pytest.fixture
def here(tmp_path, people) -> Path:
    (tmp_path / "people").symlink_to(people)
    return tmp_path


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    return found + [grandchild for child in found for grandchild in children(child)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(what, seconds: float = 120) -> None:
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.02)


def at_work(file: Path) -> bool:
    """Whether a segment has been written down."""
    return any((file.parent / "data").rglob(STATE))


def everything(file: Path) -> dict[str, bytes]:
    """All files of the person, but for what says how many workers made them."""
    root = file.parent / "data" / "processed" / "collins"
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*")
            if p.is_file() and p.name not in (".lock", DONE)}  # fmt: skip


def done(file: Path) -> list[Path]:
    loaded = load_project(file)
    return finished(loaded.face_dirs(loaded.person("collins")))


def test_two_workers_find_what_one_finds_and_what_is_killed_goes_on(here, people):
    one, two, killed = (project(here / name, [people / "collins.mp4"], workers)
                        for name, workers in (("one", 1), ("two", 2), ("killed", 2)))  # fmt: skip
    assert finish(one)[0] == finish(two)[0] == 0
    assert everything(one) == everything(two) and any(name.endswith(TABLE) for name in everything(one))
    child = start(killed)
    wait_until(lambda: at_work(killed) or child.poll() is not None)
    family = children(child.pid)
    assert len(family) >= 2
    child.kill()
    child.communicate()
    wait_until(lambda: not any(map(is_alive, family)), 30)
    assert finish(killed)[0] == 0
    assert everything(killed) == everything(one)


def test_a_worker_that_is_killed_is_a_sentence_and_the_next_run_goes_on(here, people):
    file = project(here / "one", [people / "collins.mp4"])
    child = start(file)
    workers = []

    def found() -> bool:
        workers[:] = [pid for pid in children(child.pid)
                      if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]  # fmt: skip
        return bool(workers) or child.poll() is not None

    wait_until(found)
    os.kill(workers[0], signal.SIGKILL)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 1 and err.count("\n") == 1
    assert "A worker process was killed from outside" in err and "run it again" in err
    assert finish(file)[0] == 0 and len(done(file)) == 1


def test_ctrl_c_ends_all_of_them(here, people):
    file = project(here / "many", [{"url": str(people / "collins.mp4"), "name": f"part{i}"} for i in range(12)])
    child = start(file)
    wait_until(lambda: at_work(file) or child.poll() is not None)
    family = children(child.pid)
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "Traceback" not in err
    wait_until(lambda: not any(map(is_alive, family)), 30)


def test_eight_videos_of_which_two_fail_killed_twice(here, people):
    """All that could be had is there, nothing twice, and the summary says so."""
    frames = [frame for _, frame in read_frames(people / "collins.mp4", fps=10)]
    (here / "site").mkdir()
    for i in range(6):
        folder = here / "site" if i >= 4 else here
        with VideoWriter(folder / f"clip{i}.mp4", frames[0].shape[1], frames[0].shape[0], 10, crf=12,
                         preset="ultrafast") as writer:  # fmt: skip
            for frame in frames[2 * i : 2 * i + 20]:
                writer.write(frame)
    (here / "none.mp4").write_text("this is no video")
    log = []
    with serve_folder(here / "site", log=log) as base:
        videos = [here / "clip0.mp4", here / "none.mp4", *(here / f"clip{i}.mp4" for i in range(1, 4)),
                  f"{base}/clip4.mp4", f"{base}/gone.mp4", f"{base}/clip5.mp4"]  # fmt: skip
        file = project(here / "eight", videos)
        for whole in (1, 3):
            child = start(file)
            wait_until(lambda whole=whole, child=child: len(done(file)) >= whole or child.poll() is not None)
            child.kill()
            child.communicate()
        kept = {path: path.stat().st_mtime_ns for folder in done(file) for path in folder.glob("0*.jpg")}
        assert len(kept) >= 3 * 20
        code, out, _ = finish(file)
    assert code == 0
    assert "collins: 120 faces from 6 of 8 sources; 2 could not be had" in out
    assert out.count("  ! ") == 2 and "none.mp4" in out and "gone.mp4" in out
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())  # what was whole is not done again
    for folder in done(file):
        rows = read_table(folder)
        assert [row.time for row in rows] == [i / 10 for i in range(20)]
        assert len({row.file for row in rows}) == len(list(folder.glob("0*.jpg"))) == 20
        assert read_image(folder / rows[0].file).shape == (384, 384, 3)
    whole = [path for path, header in log if path.endswith(".mp4") and header in (None, "bytes=0-")]
    assert len(done(file)) == 6 and whole.count("/clip4.mp4") <= 3
