"""The timelapse of a training: its moments, and the video of them, labelled as what it is."""

import numpy as np
import pytest

from faceit.errors import MediaError
from faceit.images import read_image, write_image
from faceit.media.probe import probe
from faceit.media.provenance import read_note
from faceit.media.video import read_frames
from faceit.train import timelapse
from faceit.train.labelled import STRIP
from faceit.train.timelapse import FOLDER, MOMENTS, VIDEO, Timelapse, film

FACTS = {"from": "ann", "to": "bob", "consent": {"ann": "a drawing", "bob": "a drawing"}}


@pytest.fixture
def now(monkeypatch):
    """A clock that the test turns."""
    clock = [1000.0]
    monkeypatch.setattr(timelapse.time, "monotonic", lambda: clock[0])
    return clock


def _gray(level: int) -> np.ndarray:
    return np.full((120, 301, 3), level, np.uint8)


def _kept(folder) -> list[str]:
    return sorted(path.stem for path in (folder / FOLDER).glob("*.jpg"))


def test_a_hundred_moments_of_a_run_at_most(tmp_path, now):
    run = Timelapse(tmp_path, 0, 0.0)
    for step in range(1, 1001):
        now[0] += 1.0
        if run.due(step / 1000):
            run.keep(_gray(step % 200), step, float(step), step / 1000, FACTS)
    assert len(_kept(tmp_path)) == MOMENTS + 1 and _kept(tmp_path)[:3] == ["00000001", "00000010", "00000020"]
    assert read_image(tmp_path / FOLDER / "00000010.jpg").shape == (120 + STRIP, 301, 3)


def test_in_a_short_run_they_are_seconds_apart(tmp_path, now):
    run, kept = Timelapse(tmp_path, 0, 0.0), []
    for step in range(1, 31):  # each takes a second
        now[0] += 1.0
        if run.due(step / 30):
            run.keep(_gray(90), step, float(step), step / 30, FACTS)
            kept.append(step)
    assert kept == list(range(1, 31, 3))


def test_a_run_that_goes_on_adds_to_it_and_drops_what_was_lost(tmp_path, now):
    run = Timelapse(tmp_path, 0, 0.0)
    for step in (10, 20, 30):
        run.keep(_gray(90), step, float(step), step / 100, FACTS)
    again = Timelapse(tmp_path, 20, 0.2)
    assert _kept(tmp_path) == ["00000010", "00000020"]
    now[0] += 10
    assert not again.due(0.205) and again.due(0.21)
    fresh = Timelapse(tmp_path, 0, 0.0)
    assert _kept(tmp_path) == [] and fresh.due(0.0)


def test_the_video_says_what_it_is(tmp_path):
    (tmp_path / FOLDER).mkdir()
    for i in range(8):
        write_image(tmp_path / FOLDER / f"{i:08d}.jpg", _gray(20 + 20 * i), quality=95)
    write_image(tmp_path / FOLDER / "00000003.jpg", np.zeros((40, 40, 3), np.uint8))  # of another size: left out
    assert film(tmp_path, FACTS) == tmp_path / VIDEO
    info = probe(tmp_path / VIDEO)
    assert (info.width, info.height) == (300, 120)
    note = read_note(tmp_path / VIDEO)
    assert (note["from"], note["to"], note["consent"]["bob"]) == ("ann", "bob", "a drawing")
    frames = [frame for _, frame in read_frames(tmp_path / VIDEO)]
    assert len(frames) == 7
    assert [round(float(frame[80:].mean()) / 20) for frame in frames] == [1, 2, 3, 5, 6, 7, 8]
    assert frames[0][:60, 150:].max() > 150 > frames[0][80:].max()  # the label, at the top right


def test_a_few_pictures_make_no_video(tmp_path):
    assert film(tmp_path, FACTS) is None
    (tmp_path / FOLDER).mkdir()
    for i in range(4):
        write_image(tmp_path / FOLDER / f"{i:08d}.jpg", _gray(90))
    assert film(tmp_path, FACTS) is None and not (tmp_path / VIDEO).exists()


@pytest.mark.parametrize("missing", ["faceit.media.writer", "ffmpeg"])
def test_without_ffmpeg_it_is_one_sentence(tmp_path, monkeypatch, missing):
    (tmp_path / FOLDER).mkdir()
    for i in range(6):
        write_image(tmp_path / FOLDER / f"{i:08d}.jpg", _gray(90))
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(MediaError, match="is not installed"):
        film(tmp_path, FACTS)
    assert not (tmp_path / VIDEO).exists()
