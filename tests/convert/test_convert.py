"""Converting: the right face, the right sound, the right part, and nothing half-written."""

import json
from dataclasses import replace

import numpy as np
import pytest

from faceit import packaged
from faceit.casting.cast import Limits, SwapRule
from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.config.settings import ConvertSettings
from faceit.convert import request
from faceit.convert.painter import Painter, Swapper
from faceit.convert.request import ConversionRequest, Converter, ConvertTask
from faceit.faces.detect import FaceFinder
from faceit.faces.hands import HandFinder
from faceit.faces.identity import Identity, encode, learn_identity
from faceit.geometry import CROPS, align, crop_points
from faceit.images import read_image
from faceit.lock import only_one
from faceit.media.probe import frame_size, probe
from faceit.media.provenance import read_note
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter
from faceit.network.model_file import MODEL, about_turns, read_about
from faceit.network.presets import ORIGINAL
from faceit.network.swapmodel import SwapModel, load_model
from faceit.swap_face import SwapFace

from ..conftest import copied, write_project
from ..drawn_hand import POINTS
from ..media.flash_beep import make_flash_beep, offsets, run_ffmpeg
from .conftest import convert, result


def parts(folder) -> list:
    return [path.name for path in folder.rglob("*") if path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["constant", "variable", "late_video", "late_sound"])
def test_flash_and_beep_stay_within_a_frame(project, people, tmp_path, kind):
    clip = make_flash_beep(tmp_path, kind, people / "collins.png")
    assert len(offsets(clip)) >= 3
    out = tmp_path / "out.mp4"
    assert convert(project, clip, "--output", str(out)) == 0
    apart = offsets(out)
    assert len(apart) == len(offsets(clip))
    assert max(map(abs, apart)) <= 1 / probe(out).fps
    trimmed = tmp_path / "trimmed.mp4"
    assert convert(project, clip, "--output", str(trimmed), "--start", "1.3", "--duration", "2.5") == 0
    assert len(offsets(trimmed)) >= 2
    assert max(map(abs, offsets(trimmed))) <= 1 / probe(trimmed).fps
    assert probe(trimmed).duration == pytest.approx(2.5, abs=0.1)


@pytest.mark.slow
def test_the_note_the_story_and_the_label_tell_what_was_done(project, people):
    assert convert(project, people / "talk.mp4") == 0
    facts = read_note(result(project))
    assert (facts["from"], facts["to"], facts["swap"]) == ("collins", "hopper", "c2h")
    story = json.loads(result(project, "talk.json").read_text())
    assert story["counts"]["frames"] == story["counts"]["swapped"] == 30
    assert story["consent"]["hopper"] == "hopper: public domain"
    (_, before), (_, after) = (next(read_frames(p)) for p in (people / "talk.mp4", result(project)))
    top_right = np.s_[:40, -160:]
    assert np.abs(before[top_right].astype(int) - after[top_right]).mean() > 10
    project.write_text(project.read_text().replace("to: hopper", "to: hopper\n    convert: {label: false}"))
    assert convert(project, people / "talk.mp4", "--overwrite") == 0
    _, plain = next(read_frames(result(project)))
    assert np.abs(before[top_right].astype(int) - plain[top_right]).mean() < 3
    assert read_note(result(project))["from"] == "collins"


def test_a_preview_is_one_picture_of_frames_spread_over_the_video(project, people, capsys):
    assert convert(project, people / "talk.mp4", "--preview", "4") == 0
    assert "4 frames of talk.mp4: 4 swapped" in capsys.readouterr().out
    picture = read_image(result(project, "talk-preview.jpg"))
    height, width = (side // 2 for side in picture.shape[:2])  # two by two, each a frame, its marks and its swap
    wide, _ = frame_size(probe(people / "talk.mp4"))
    left, marked, right = (picture[24:height, 2 + i * wide : 2 + (i + 1) * wide].astype(int) for i in range(3))
    assert width == pytest.approx(3 * wide, abs=5) and 1 < np.abs(left - right).mean() < 30
    green = (marked - left)[..., 1] - (marked - left)[..., 0] > 60
    assert green.mean() > 0.05 and np.abs(left - right).max(2)[green].mean() > 5  # there the face is another one
    assert not result(project).exists() and not parts(result(project).parent)
    assert convert(project, people / "hopper.mp4", "--preview", "2") == 0  # and says who is not there
    assert "2 frames of hopper.mp4: 0 swapped, 0 without a face, 2 with only other people" in capsys.readouterr().out


def test_two_previews_of_one_video_never_meet(project, people, capsys):
    """They would write under one hidden name, and whoever is done first would put the other's half in place."""
    picture = result(project, "talk-preview.jpg")
    with only_one(picture.with_name(".talk-preview.jpg.lock"), "held", passing=True):
        assert convert(project, people / "talk.mp4", "--preview", "1") == 1
        assert "talk-preview.jpg is being made by another process" in capsys.readouterr().err
        assert convert(project, people / "talk.mp4", "--preview", "1", "--start", "0.2") == 0  # another picture
    assert not picture.exists() and not parts(result(project).parent)
    assert convert(project, people / "talk.mp4", "--preview", "1") == 0
    assert picture.exists() and not parts(result(project).parent)


@pytest.mark.slow
def test_the_command_line_says_how_the_face_goes_in(project, people, capsys):
    pictures = []
    ways = ["--keep both", "--blend alpha --sharpen 0 --occlusion none", "--scale 0.9"]
    for more in ([], *map(str.split, ways)):
        assert convert(project, people / "talk.mp4", "--preview", "2", *more) == 0
        pictures.append(read_image(result(project, "talk-preview.jpg")).astype(int))
    assert all(np.abs(other - pictures[0]).max() > 20 for other in pictures[1:])
    capsys.readouterr()
    assert convert(project, people / "talk.mp4", "--blend", "band") == 1
    assert "--blend: 'band' is not one of bands, alpha, seamless" in capsys.readouterr().err
    assert convert(project, people / "talk.mp4", "--scale", "nan") == 1
    assert "--scale: nan is out of range" in capsys.readouterr().err


def test_hands_are_looked_for_where_they_are_asked_for(project, people, monkeypatch, capsys):
    """A finder that sees a hand before every mouth."""

    class Hands(HandFinder):
        def __init__(self):
            pass

        def palms(self, picture):
            return [(np.array([80.0, 100, 110, 130]), np.tile([[95.0, 115]], (7, 1)) + [[0, 20], *[[0, -20]] * 6])]

        def hand(self, picture, square):
            return POINTS * 160 + [223, 270], 160 * 0.49 / 0.09, 0.95

    monkeypatch.setattr(request, "HandFinder", Hands)
    pictures = []
    for more in ([], ["--occlusion", "hands"]):
        assert convert(project, people / "talk.mp4", "--preview", "1", *more) == 0
        pictures.append(read_image(result(project, "talk-preview.jpg")).astype(int))
    changed = np.abs(pictures[1] - pictures[0]).max(2)
    third = changed.shape[1] // 3
    assert changed[:, : third - 8].max() < 12  # the frame itself is the same
    assert (changed[:, third : 2 * third] > 12).sum() > 100 and (changed[:, 2 * third :] > 12).sum() > 100
    monkeypatch.undo()
    find = packaged.importlib.util.find_spec
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda name: None if name == "mediapipe" else find(name))
    capsys.readouterr()
    assert convert(project, people / "talk.mp4", "--occlusion", "hands") == 1
    assert "run `pip install --no-deps mediapipe==0.10.21`" in capsys.readouterr().err
    assert not parts(result(project).parent)


def test_a_head_that_is_turned_too_far_is_left_and_said(project, people, capsys):
    folder = project.parent / "models" / "c2h"
    about = read_about(folder)
    low, high = about_turns(about, "b")
    assert -40 < low <= high < 40 and about_turns(about, "c") is None
    about["turns"] = {"a": [0, 1], "b": [-89.0, -80.0]}
    (folder / MODEL).write_text(json.dumps(about))
    assert convert(project, people / "talk.mp4") == 1
    said = capsys.readouterr().err
    assert "Of the 30 frames of talk.mp4 30 show collins, turned further than hopper was seen" in said
    assert not parts(result(project).parent)
    assert convert(project, people / "talk.mp4", "--max-yaw", "90") == 0
    for odd in (["x", 1], [1], {}, [-300, 300], None, [True, False]):
        assert about_turns({"turns": {"a": odd}}, "a") is None
    assert about_turns({"turns": 3}, "a") is None and about_turns({}, "b") is None


@pytest.mark.slow
def test_reverse_swaps_the_other_person_and_only_them(project, people, capsys):
    assert convert(project, people / "hopper.mp4", "--reverse", "--duration", "1") == 0
    assert read_note(result(project, "hopper-0-1-reverse.mp4"))["from"] == "hopper"
    assert convert(project, people / "hopper.mp4") == 1
    said = capsys.readouterr().err
    assert "collins is in none of the 45 frames of hopper.mp4" in said and "--everyone" in said
    assert not result(project, "hopper.mp4").exists()
    assert not parts(project.parent / "data" / "output")
    assert convert(project, people / "hopper.mp4", "--everyone", "--duration", "1") == 0


def converter(model, identity, finder=None) -> Converter:
    """For one swap, whose faces never fade."""
    painter = Painter(Swapper(model, ConvertSettings()))
    return Converter(painter, lambda size: [SwapRule(identity, Limits())], finder or FaceFinder(),
                     identity is not None)  # fmt: skip


def test_of_two_people_in_the_picture_one_is_swapped(trained, people):
    left, right = (read_image(people / f"{name}.png") for name in ("collins", "hopper"))
    frame = np.ascontiguousarray(np.hstack([left, right]))
    identity = learn_identity("collins", (people / "collins.png",))
    model = load_model(trained.parent / "models" / "c2h")
    [out] = converter(model, identity).convert([frame])
    assert np.array_equal(out[:, 480:], frame[:, 480:])
    assert not np.array_equal(out[:, :480], frame[:, :480])
    [out] = converter(model, None).convert([frame])
    assert not np.array_equal(out[:, 480:], frame[:, 480:])


@pytest.mark.slow
def test_two_swaps_in_one_video_each_find_their_person(project, people, tmp_path, capsys):
    project.write_text(project.read_text().replace("swaps:\n", "swaps:\n  h2c:\n    from: hopper\n    to: collins\n"))
    config = ["--config", str(project)]
    assert main(["train", "h2c", "--preset", "cpu", "--iterations", "2", "--batch-size", "4", *config]) == 0
    both = tmp_path / "both.mp4"
    run_ffmpeg("-i", people / "collins.mp4", "-i", people / "hopper.mp4", "-filter_complex", "hstack", "-t", "1", both)
    changed = {}
    for more in ([], ["--swap", "h2c"]):
        assert convert(project, both, "--overwrite", *more) == 0
        (_, before), (_, after) = (next(read_frames(path)) for path in (both, result(project, "both.mp4")))
        difference = np.abs(before.astype(int) - after)[60:280]  # below the label
        half = difference.shape[1] // 2
        changed[len(more)] = [float((side > 12).mean()) for side in (difference[:, :half], difference[:, half:])]
    assert changed[0][0] > 0.02 > 0.001 > changed[0][1]
    assert min(changed[2]) > 0.02
    facts = read_note(result(project, "both.mp4"))
    assert (facts["from"], facts["to"]) == ("collins and hopper", "hopper and collins")
    assert [told["swap"] for told in facts["swaps"]] == ["c2h", "h2c"] and len(facts["consent"]) == 2
    assert convert(project, both, "--preview", "1", "--swap", "h2c") == 0
    task = ConvertTask("c2h", str(both), others=("h2c",), given=(("keep", "mouth"),))
    wanted = ConversionRequest(load_project(project), task, ConvertSettings(keep="mouth"))
    assert [swap.settings.keep for swap in wanted.swaps] == ["mouth", "mouth"]
    capsys.readouterr()
    assert convert(project, both, "--overwrite", "--swap", "h2c", "--everyone") == 1
    assert "leave --everyone out" in capsys.readouterr().err
    assert convert(project, both, "--overwrite", "--swap", "c2h") == 1
    assert "Two of these swaps replace collins" in capsys.readouterr().err
    assert convert(project, both, "--overwrite", "--swap", "none") == 1
    assert "No model is in" in capsys.readouterr().err


def test_a_face_that_the_detector_loses_is_bridged_but_a_cut_is_not(trained, people):
    class Blinking(FaceFinder):
        def look(self, frame):
            return [] if frame[0, 0, 0] == 1 else super().look(frame)

        def find_near(self, frame, box, roll=0.0):
            return None if frame[0, 0, 0] == 1 else super().find_near(frame, box, roll)

    frame, other = (read_image(people / f"{name}.png") for name in ("collins", "hopper"))
    lost, cut = frame.copy(), other.copy()
    lost[0, 0], cut[0, 0] = 1, 1
    identity = learn_identity("collins", (people / "collins.png",))
    model = load_model(trained.parent / "models" / "c2h")
    frames = [frame, lost, lost, cut, lost]
    made = converter(model, identity, Blinking()).convert(frames)
    changed = [not np.array_equal(before, after) for before, after in zip(frames, made, strict=True)]
    assert changed == [True, True, True, False, False]


class Mirror:
    """A network that gives back what it sees, at 128 pixels, and remembers the landmarks."""

    preset = replace(ORIGINAL, size=128)

    def swap(self, faces, points, from_side, to_side):
        self.points = np.array(points)
        return faces


def test_the_mask_ends_where_either_face_ends(trained, people):
    """A giver whose jaw is narrower by a tenth: what her picture shows beside it is not put in."""
    model = load_model(trained.parent / "models" / "c2h")
    frame = read_image(people / "collins.png")
    [face] = FaceFinder().find(frame)
    points = crop_points(face.landmarks, model.crop)[None]
    assert model.drawn_points(points, "a", "a") == pytest.approx(points, abs=0.02)
    mine, theirs = (getattr(model.network, f"shape_{side}").parts for side in "ab")
    for name in ("mean", "deviation"):
        theirs[name].assign(mine[name])
    head = np.array(mine["head"])
    head[:17, 0] *= 0.9
    head[:17, 1] -= 0.13
    theirs["head"].assign(head)
    narrow = model.drawn_points(points, "a", "b")[0]
    changed = {}
    for mask in ("extended", "shared"):
        [(_, out, _)] = Painter(Swapper(model, ConvertSettings(mask=mask))).painted([(frame, [SwapFace(**vars(face))])])
        changed[mask] = (out != frame).any(2)
    place = align(face.landmarks, 256)
    jaw = np.round(place.points_back(narrow * 256 - 0.5)).astype(int)
    assert (changed["shared"] & ~changed["extended"]).mean() < 0.002  # but for rounding
    inside, outside = jaw[8] - [0, 12], np.round((jaw[8] + face.landmarks[8]) / 2).astype(int)
    assert changed["shared"][inside[1], inside[0]]
    assert changed["extended"][outside[1], outside[0]] and not changed["shared"][outside[1], outside[0]]


@pytest.mark.parametrize("name", CROPS)
def test_what_the_model_sees_is_where_it_is_put_back(people, tmp_path, name):
    """A mirror leaves the frame as it was, but for the resampling: whatever the model sees, it sees it in its place."""
    frame = read_image(people / "collins.png")
    network = Mirror()
    model = SwapModel(network, {"align": name}, tmp_path)
    [face] = FaceFinder().find(frame)
    [(_, out, _)] = Painter(Swapper(model, ConvertSettings(color="none"))).painted([(frame, [SwapFace(**vars(face))])])
    changed = (out != frame).any(2)
    error = ((out.astype(float) - frame)[changed] ** 2).mean()
    assert changed.mean() > 0.05 and 10 * np.log10(255**2 / error) > 31
    np.testing.assert_allclose(network.points[0], crop_points(face.landmarks, CROPS[name]), atol=1e-6)


@pytest.mark.slow
def test_a_model_that_made_no_step_converts(prepared, people, tmp_path):
    file = copied(prepared, tmp_path)
    assert main(["train", "c2h", "--preset", "cpu", "--iterations", "0", "--config", str(file)]) == 0
    assert convert(file, people / "talk.mp4", "--duration", "1") == 0
    story = json.loads(result(file, "talk-0-1.json").read_text())
    assert story["model"]["step"] == 0 and story["counts"]["swapped"] == 15


@pytest.mark.slow
def test_whole_faces_from_the_yaml_to_the_video(people, tmp_path):
    """The model's own crop counts when it is used, whatever the YAML says by then."""
    file = write_project(tmp_path / "project", people, preprocess={"fps": 10, "align": "wholeface"})
    config = ["--config", str(file)]
    assert main(["preprocess", "c2h", *config]) == 0
    assert main(["train", "c2h", "--preset", "cpu", "--iterations", "2", "--batch-size", "4", *config]) == 0
    assert read_about(file.parent / "models" / "c2h")["align"] == "wholeface"
    file.write_text(file.read_text().replace("align: wholeface", "align: face"))
    assert convert(file, people / "talk.mp4", "--duration", "1") == 0
    story = json.loads(result(file, "talk-0-1.json").read_text())
    assert story["model"]["align"] == "wholeface" and story["counts"]["swapped"] == 15
    assert main(["evaluate", "c2h", str(result(file, "talk-0-1.mp4")), *config]) == 0
    said = json.loads(result(file, "talk-0-1.evaluation.json").read_text())
    assert said["background"]["psnr"] > 30  # the forehead is not taken for background
    assert 10 < said["reconstruction"]["a"]["psnr"] < 60


def test_a_silent_video_stays_silent_and_a_small_height_is_kept_to(project, people, tmp_path):
    silent = tmp_path / "silent.mp4"
    run_ffmpeg("-i", people / "talk.mp4", "-an", "-c:v", "copy", silent)
    assert convert(project, silent, "--height", "240") == 0
    info = probe(result(project, "silent.mp4"))
    assert (info.height, info.has_sound) == (240, False)


def test_a_rotated_phone_video_comes_out_upright_and_swapped(project, people, tmp_path):
    turned, phone = tmp_path / "turned.mp4", tmp_path / "phone.mp4"
    run_ffmpeg("-i", people / "talk.mp4", "-vf", "transpose=1", "-c:a", "copy", turned)
    run_ffmpeg("-display_rotation", "90", "-i", turned, "-c", "copy", phone)
    assert convert(project, phone) == 0
    assert json.loads(result(project, "phone.json").read_text())["counts"]["swapped"] >= 28


def test_what_is_there_is_not_overwritten_unasked(project, people, capsys):
    assert convert(project, people / "talk.mp4", "--duration", "0.5") == 0
    first = result(project, "talk-0-0.5.mp4").read_bytes()
    assert convert(project, people / "talk.mp4", "--duration", "0.5") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert result(project, "talk-0-0.5.mp4").read_bytes() == first


@pytest.mark.parametrize(("make", "words"), [
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"not a video at all" * 99), "not a video"),
    (lambda path: run_ffmpeg("-f", "lavfi", "-i", "sine=d=1", path), "no picture"),
    (lambda path: None, "does not exist"),
])  # fmt: skip
def test_a_bad_video_is_one_sentence(project, tmp_path, capsys, make, words):
    video = tmp_path / "bad.mp4"
    make(video)
    assert convert(project, video) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and words in said[0]
    assert not result(project).parent.exists() or not list(result(project).parent.iterdir())


def test_a_video_without_the_model_or_with_a_wrong_name(prepared, people, capsys):
    assert convert(prepared, people / "talk.mp4") == 1
    assert "faceit.py train c2h" in capsys.readouterr().err
    assert main(["convert", "c2hh", str(people / "talk.mp4"), "--config", str(prepared)]) == 1
    assert "did you mean c2h?" in capsys.readouterr().err


def test_several_videos_go_on_past_a_bad_one(project, people, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"")
    words = ["convert", "c2h", str(bad), str(people / "talk.mp4"), "--duration", "0.5", "--config", str(project)]
    assert main(words) == 1
    assert "1 of 2 videos" in capsys.readouterr().err
    assert result(project, "talk-0-0.5.mp4").exists()


def test_the_same_video_twice_gives_the_same_frames(project, people, tmp_path):
    for name in ("one.mp4", "two.mp4"):
        assert convert(project, people / "talk.mp4", "--duration", "1", "--output", str(tmp_path / name)) == 0
    one, two = (list(read_frames(tmp_path / name)) for name in ("one.mp4", "two.mp4"))
    assert len(one) == 15
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, two, strict=True))


def test_the_swapped_face_is_nearer_to_the_mean_of_the_other_person(project, people):
    """Thirty steps give hardly more than Hopper's mean face, and that is whose face it must be."""
    assert convert(project, people / "talk.mp4", "--duration", "0.4") == 0
    collins, hopper = (learn_identity(n, (people / f"{n}.png",)) for n in ("collins", "hopper"))
    _, frame = next(read_frames(result(project, "talk-0-0.4.mp4")))
    [face, *_] = FaceFinder().find(frame)
    code = encode(frame, face.landmarks)
    assert isinstance(hopper, Identity)
    assert hopper.distance(code) < collins.distance(code)


def test_a_video_larger_than_the_encoder_takes_is_no_crash(project, people, tmp_path):
    odd = tmp_path / "odd.mkv"
    run_ffmpeg("-i", people / "talk.mp4", "-vf", "scale=321:301,format=yuv444p", "-c:v", "ffv1", "-c:a", "flac", odd)
    assert convert(project, odd, "--duration", "0.5") == 0
    info = probe(result(project, "odd-0-0.5.mp4"))
    assert (info.width % 2, info.height % 2, info.sound_codec) == (0, 0, "aac")


def test_no_frame_written_means_no_file(tmp_path):
    with pytest.raises(Exception, match="no frame"), VideoWriter(tmp_path / "x.mp4", 64, 64, 25):
        pass
    assert not list(tmp_path.iterdir())
