"""estimate: what is left to do is counted, how fast it goes is measured, and nothing of the project is touched."""

import re
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from faceit.checkup import estimate as stage
from faceit.checkup.disk_space import Disk, disks, size
from faceit.checkup.estimate import Speeds, estimate
from faceit.checkup.remaining_work import model_bytes, picture_bytes, preprocess_bytes, sources
from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.errors import FaceitError
from faceit.network.presets import CPU
from faceit.network.trial import steps_per_second, throwaway

from ..conftest import SECONDS, SIDE, copied, write_project

SPEEDS = Speeds(preprocess=10.0, steps=5.0, convert=8.0, frame_bytes=50_000, model_size=150_000_000)
ROW = re.compile(r"(preprocess \w+|train|convert) {2,}(.+?) {2,}(.+?) {2,}(-|\d[\d.]* [kMG]B)")


@pytest.fixture
def brief(monkeypatch):
    """Half a second for each measurement."""
    monkeypatch.setattr(stage, "MEASURE_S", 0.5)


def rows(text: str) -> dict[str, tuple[str, str, str]]:
    """{stage: (what, time, disk)} of the table."""
    return {m[1]: m.groups()[1:] for line in text.splitlines() if (m := ROW.fullmatch(line))}


def seconds(text: str) -> float:
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)", text))


def everything(root: Path) -> dict[Path, tuple]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}


def left(project, name="c2h", speeds=SPEEDS):
    """{stage: Row} of a swap, at given speeds."""
    swap = project.swap(name)
    preset, about = stage._preset(project, swap)
    found = sources(project, [swap.a, swap.b])
    made = [*stage._preprocessing(project, swap, found, speeds), stage._training(project, swap, preset, about, speeds)]
    return {row.stage: row for row in made}


# ---- the whole command ----


@pytest.mark.slow
def test_a_new_project(people, tmp_path, brief, capfd):
    file = write_project(tmp_path, people)
    before = everything(tmp_path)
    assert main(["estimate", "c2h", "--config", str(file)]) == 0
    text = capfd.readouterr().out
    assert everything(tmp_path) == before
    table = rows(text)
    assert list(table) == ["preprocess collins", "preprocess hopper", "train", "convert"]
    assert "30 frames at " in table["preprocess collins"][0]
    assert all(seconds(row[1]) > 0 and row[2] != "-" for row in table.values())
    assert table["train"][1] == "10 min 00 s"
    assert f"({SIDE}x{SIDE})" in text and "measured in" in text
    last = text.splitlines()[-1]
    assert re.fullmatch(r"Before the first conversion: about 10 min \d\d s and \d+ MB of disk; .+ are free\.", last)


@pytest.mark.slow
def test_a_project_that_is_partly_done(trained, tmp_path, brief, capfd):
    file = copied(trained, tmp_path)
    before = everything(tmp_path)
    assert main(["estimate", "c2h", "--config", str(file)]) == 0
    assert everything(tmp_path) == before  # nothing under models/ either
    table = rows(capfd.readouterr().out)
    assert table["preprocess collins"] == ("done", "-", "-")
    assert "30 of them done" in table["train"][0] and 60 < seconds(table["train"][1]) <= 600


@pytest.mark.slow
def test_videos_that_nobody_has_seen(people, tmp_path, brief):
    videos = {"collins": ["https://example.org/a.mp4"],
              "hopper": [{"url": "https://example.org/b.mp4", "name": "b", "start": 60, "end": 120}]}  # fmt: skip
    project = load_project(write_project(tmp_path, people, videos))
    text = estimate(project, project.swap("c2h"))
    assert "measured in" in text and "on a synthetic video (1920x1080)" in text
    assert re.search(r"Not counted: collins's a-\w{6}: not downloaded yet, so its length is unknown\.", text)
    assert "Not counted: the time to download 1 video, about 36 MB" in text
    table = rows(text)
    assert table["preprocess collins"] == ("nothing that can be counted", "-", "-")
    assert table["preprocess hopper"][0].startswith("1 min 00 s of video, 600 frames at ")


def test_a_swap_that_is_not_there(people, tmp_path, capfd):
    assert main(["estimate", "h2c", "--config", str(write_project(tmp_path, people))]) == 1
    assert "has no swap 'h2c'; known: c2h" in capfd.readouterr().err


# ---- what is left ----


def test_it_goes_with_the_length(people, tmp_path):
    clip = str(people / "collins.mp4")
    videos = {"collins": [clip], "hopper": [{"url": clip, "name": "part", "start": 1, "end": 1.5, "fps": 20}]}
    found = left(load_project(write_project(tmp_path, people, videos)))
    assert found["preprocess collins"].seconds == SECONDS * 10 / SPEEDS.preprocess
    assert found["preprocess hopper"].seconds == 0.5 * 20 / SPEEDS.preprocess
    assert found["preprocess collins"].disk == 3 * found["preprocess hopper"].disk > 0


def test_what_is_done_is_not_counted_again(prepared, tmp_path):
    project = load_project(copied(prepared, tmp_path))
    assert left(project)["preprocess collins"].seconds == 0
    shutil.rmtree(project.faces_dir(project.people["collins"]))
    found = left(project)
    assert found["preprocess collins"].seconds == 3.0 and found["preprocess hopper"].seconds == 0


def test_files_that_cannot_be_counted(people, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    videos = {"collins": ["gone.mp4", str(tmp_path / "text.mp4"), str(people / "collins.mp4")], "hopper": ["gone.mp4"]}
    project = load_project(write_project(tmp_path, people, videos))
    found = sources(project, project.people.values())
    assert [bool(source.trouble) for source in found] == [True, True, False, True]
    output = "\n".join(stage._left_out(found))
    assert "collins's gone-" in output and "gone.mp4 does not exist." in output and "text.mp4 is not a video" in output
    assert left(project)["preprocess collins"].seconds == 3.0


def test_photos_are_frames_too(people, tmp_path):
    file = write_project(tmp_path, people)
    text = file.read_text().replace("  hopper:\n", f"  hopper:\n    photos: [{people}, {people / 'hopper.png'}]\n")
    file.write_text(text)
    found = left(load_project(file))
    assert found["preprocess hopper"].seconds == (30 + 3) / SPEEDS.preprocess  # two portraits in the folder, one named


@pytest.mark.parametrize(
    ("train", "about", "time"),
    [({}, {}, 600), ({"minutes": 4}, {}, 240), ({"minutes": 4}, {"step": 9, "seconds": 60.0}, 180),
     ({"iterations": 1000}, {}, 200), ({"iterations": 1000}, {"step": 900, "seconds": 60.0}, 20),
     ({"minutes": 4}, {"step": 9, "seconds": 240.0}, 0), ({"iterations": 10}, {"step": 10, "seconds": 9.0}, 0)],
)  # fmt: skip
def test_what_the_budget_leaves(people, tmp_path, train, about, time):
    project = load_project(write_project(tmp_path, people))
    swap = replace(project.swap("c2h"), train=replace(project.swap("c2h").train, **train))
    if about:
        project.model_dir("c2h").mkdir(parents=True)
        (project.model_dir("c2h") / "state.safetensors").touch()
    row = stage._training(project, swap, CPU, about, SPEEDS)
    assert row.seconds == time and ("done" in row.what) == bool(about)
    assert row.disk == (SPEEDS.model_size if time else 0)


def test_an_imported_model_goes_no_further(people, tmp_path):
    project = load_project(write_project(tmp_path, people))
    project.model_dir("c2h").mkdir(parents=True)
    (project.model_dir("c2h") / "weights.safetensors").touch()
    row = stage._training(project, project.swap("c2h"), CPU, {"step": 9}, SPEEDS)
    assert (row.seconds, row.disk) == (0, 0) and "cannot be trained further" in row.what
    assert model_bytes(project, "c2h", 10**9) == 0


# ---- the disk ----


@pytest.mark.slow
def test_a_models_size_is_what_it_takes(trained):
    folder = trained.parent / "models" / "c2h"
    state, weights = ((folder / f"{name}.safetensors").stat().st_size for name in ("state", "weights"))
    training = throwaway(replace(CPU, size=128))
    assert training.disk_size() == pytest.approx(2 * state + 2 * weights, rel=0.01)
    assert model_bytes(load_project(trained), "c2h", training.disk_size()) == pytest.approx(state, rel=0.01)
    assert steps_per_second(training, 0.2) > 0


def test_a_faces_size_is_that_of_the_others(prepared, people, tmp_path):
    project = load_project(prepared)
    faces = project.face_dirs(project.people["collins"])[0]
    sizes = [path.stat().st_size for path in faces.glob("0*.jpg")]
    assert min(sizes) < picture_bytes(project) < 1.5 * max(sizes)
    fresh = load_project(write_project(tmp_path, people))  # none yet: as the portrait would be
    assert 5_000 < picture_bytes(fresh) < 100_000
    assert preprocess_bytes(project, sources(project, project.people.values())) == 0


def test_a_short_disk_is_said(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 9 * 10**8, 10**8))
    [disk] = disks({tmp_path / "data": 70_000_000, tmp_path / "models" / "x": 50_000_000})  # one disk: one sum
    assert (disk.place, disk.free, disk.need, disk.short) == (tmp_path, 10**8, 120_000_000, 20_000_000)
    short, last = stage._sums(60.0, 120_000_000, [disk])
    assert "too small: 120 MB are needed, 100 MB are free; make room for 20 MB." in short
    assert last == "Before the first conversion: about 1 min 00 s and 120 MB of disk; 100 MB are free."
    assert Disk(tmp_path, 5, 4).short == 0


@pytest.mark.parametrize(("count", "text"), [(0, "0 kB"), (1, "1 kB"), (92_400_000, "92 MB"), (1.45e9, "1.4 GB")])
def test_sizes_as_people_say_them(count, text):
    assert size(count) == text


# ---- at the start of training ----


@pytest.mark.slow
def test_training_says_what_its_budget_comes_to(prepared, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("faceit.train.run.FORECAST_AFTER_S", 0.3)
    file = copied(prepared, tmp_path)
    words = ["--preset", "cpu", "--batch-size", "4", "--iterations", "30", "--config", str(file)]
    assert main(["train", "c2h", *words]) == 0
    pattern = (r"At [\d.]+ steps/s these 30 steps take about \d+ s, until about ([\d-]+ )?\d\d:\d\d; "
               r"models/c2h takes up to 2\d\d MB while training\.")  # fmt: skip
    assert sum(re.fullmatch(pattern, line) is not None for line in capfd.readouterr().out.splitlines()) == 1


def test_a_made_up_video_without_faces_is_an_error(people, tmp_path, monkeypatch):
    project = load_project(write_project(tmp_path, people))
    monkeypatch.setattr(stage, "_with_face", lambda *_: None)
    with pytest.raises(FaceitError, match="No face was found"):
        stage._clip(project, project.swap("c2h"), [], tmp_path)
