"""Before and after together, for videos and for photos."""

import json

import numpy as np
import pytest

from faceit.cli import main
from faceit.convert.comparison import together
from faceit.images import read_image
from faceit.media.probe import probe
from faceit.media.provenance import Label, read_note
from faceit.media.video import read_frames

from .conftest import convert, results


@pytest.mark.parametrize(("way", "name", "wide", "high"), [("stacked", "stacked", 1, 2), ("wipe", "wipe", 1, 1)])
def test_a_comparison_is_a_video_with_sound_and_a_still(project, people, capsys, way, name, wide, high):
    assert convert(project, people / "talk.mp4", "--compare", way, "--duration", "1") == 0
    output, said = results(project) / "talk-0-1.mp4", capsys.readouterr().out
    beside, still = (output.with_name(f"talk-0-1-{end}") for end in (f"{name}.mp4", "before-after.png"))
    info, whole = probe(output), probe(beside)
    assert (whole.width, whole.height, whole.has_sound) == (wide * info.width, high * info.height, True)
    assert str(beside) in said and str(still) in said
    for path in (beside, still):
        assert read_note(path)["consent"]["collins"] == "collins: public domain"
    picture = read_image(still).astype(int)
    strip = picture.shape[0] - info.height
    before, after = picture[strip:, : info.width], picture[strip:, info.width :]
    originals = [frame for _, frame in read_frames(people / "talk.mp4", end=1.0)]
    apart = [np.abs(before - frame).mean() for frame in originals]
    assert min(apart) < 3 and 1 < np.abs(before - after).mean() < 30
    assert not list(output.parent.glob(".*"))


def test_nothing_to_compare_is_written_unasked(project, people):
    assert convert(project, people / "talk.mp4", "--duration", "0.4") == 0
    assert not list(results(project).glob("*before-after*")) and not list(results(project).glob("*wipe*"))


def test_a_photo_is_compared_in_the_same_ways(project, people):
    shapes = {}
    for way, end in (("side", "side-by-side"), ("stacked", "stacked"), ("wipe", "wipe")):
        assert convert(project, people / "collins.png", "--compare", way, "--overwrite") == 0
        shapes[way] = read_image(results(project) / f"collins-{end}.png").shape
    height, width = read_image(people / "collins.png").shape[:2]
    assert shapes["side"][1] == 2 * width and shapes["stacked"][1] == shapes["wipe"][1] == width
    assert shapes["stacked"][0] > 2 * height > shapes["wipe"][0] > height
    assert json.loads((results(project) / "collins.png.json").read_text())["counts"]["swapped"] == 1


def test_a_split_picture_has_both_halves_and_the_whole_label():
    before, after = np.zeros((100, 200, 3), np.uint8), np.full((100, 200, 3), 90, np.uint8)
    both = together(before, after, ("a", "b"), "wipe", label_at="top right")[22:]
    assert (both[50, :90] == 0).all() and (both[50, 110:] == 90).all() and (both[50, 99:101] == 255).all()
    left, top, right, bottom = Label(200, 100).box
    assert left < 99 and (both[top:bottom, left:right] == 90).all() and (after == 90).all()


def test_two_ways_at_once_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["convert", "c2h", "x.mp4", "--side-by-side", "--compare", "wipe"])
    assert "not allowed with" in capsys.readouterr().err
