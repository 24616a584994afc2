"""Measuring swappers whose truth is known: each figure moves as it must, and only the right ones do.

The perfect swap puts the face of Hopper's own clip into Collins' clip, where both play the same performance. All
others are that one with one thing spoilt.
"""

import cv2
import numpy as np
import pytest

from faceit.compose.blend import put_back
from faceit.config.project_file import load_project
from faceit.config.settings import ConvertSettings
from faceit.demo.clip import make_clip
from faceit.errors import FaceitError
from faceit.evaluate.reference import learn
from faceit.evaluate.video_meter import ConvertedVideo, VideoMeter
from faceit.faces.detect import FaceFinder
from faceit.faces.follow import followed
from faceit.faces.identity import learn_identity
from faceit.geometry import align
from faceit.images import read_image
from faceit.measure import summary
from faceit.measure.words import WRONG_WAY
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter

pytestmark = pytest.mark.slow
FLOORS = 4  # frames of a clip
# a colour match would take the flicker out again
SETTINGS = ConvertSettings(color="none", blend="alpha", sharpen=0.0, label=False)
FPS, SIDE, SECONDS, SIZE = 15, 320, 3.0, 160


@pytest.fixture(scope="module")
def stage(people, prepared, tmp_path_factory):
    """What all swappers share: the clips' frames and faces, and what is known of both people."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("faceit.evaluate.video_meter.FLOOR_FRAMES", FLOORS)
    folder = tmp_path_factory.mktemp("truth")
    finder, shots = FaceFinder(), {}
    for name in ("collins", "hopper"):
        picture = read_image(people / f"{name}.png")
        points = finder.find(picture)[0].landmarks
        clip = make_clip(picture, points, folder / f"{name}.mp4", seconds=SECONDS, fps=FPS, size=(SIDE, SIDE), seed=11)
        shots[name] = [(frame, faces[0].landmarks) for _, frame, faces in followed(read_frames(clip), finder)]
    project = load_project(prepared)
    known = {name: learn(project, person) for name, person in project.people.items()}
    identity = learn_identity("collins", project.people["collins"].portraits)
    yield {"folder": folder, "shots": shots, "known": known, "identity": identity}
    monkeypatch.undo()


def crops(stage) -> list[np.ndarray]:
    """Hopper's real faces, (s, s, 3) float32 in 0..1."""
    return [align(points, SIZE).warp(frame).astype(np.float32) / 255 for frame, points in stage["shots"]["hopper"]]


def swapped(stage, faces) -> list[np.ndarray]:
    """Collins' frames with these faces put in."""
    out = []
    for (frame, points), face in zip(stage["shots"]["collins"], faces, strict=True):
        out.append(frame.copy())
        put_back(out[-1], points, face, SETTINGS)
    return out


def measured(stage, name: str, frames: list[np.ndarray]) -> dict:
    """The figures of a swapper's video."""
    path = stage["folder"] / f"as-{name}.mp4"
    with VideoWriter(path, SIDE, SIDE, FPS, crf=6, preset="veryfast") as video:
        for frame in frames:
            video.write(frame)
    meter = VideoMeter(stage["known"]["collins"], stage["known"]["hopper"])
    meter.measure(0, ConvertedVideo(path, stage["folder"] / "collins.mp4", settings=SETTINGS), stage["identity"])
    table = meter.table
    expression = summary.expression(table)
    return {
        "to": summary.identity(table)["dlib"]["to"], "nearer": summary.identity(table)["nearer_to"],
        "second": summary.identity(table)["second"]["to"], "mouth": expression["mouth_opening"]["r"],
        "eye": expression["left_eye"]["r"], "brow": expression["left_brow"]["r"],
        "mouth_error": expression["mouth_opening"]["error"],
        "angle": summary.pose(table)["angle"], "shift": summary.pose(table)["shift"],
        "offset": summary.pose(table)["offset"],
        "sharpness": summary.median(table.column("sharpness")), **summary.time(table),
        "seam": summary.seam(table)["added"], "background": summary.background(table, meter.squared)["psnr"],
        "lost": summary.coverage(table)["lost"], "swapped": summary.coverage(table)["swapped"], "meter": meter,
    }  # fmt: skip


@pytest.fixture(scope="module")
def figures(stage):
    """name of a swapper -> its figures, measured when first asked for."""
    real = crops(stage)
    n, rng = len(real), np.random.default_rng(0)
    faces = {
        "perfect": real, "mean": [stage["known"]["hopper"].mean_face] * n,
        "shuffled": [real[i] for i in rng.permutation(n)], "late": real[:5] + real[:-5],
        "blurred": [cv2.GaussianBlur(face, (0, 0), 1.6) for face in real],
        "shifted": [np.roll(face, round(SIZE * 0.06), axis=0) for face in real],
        "flickering": [np.clip(face + (0.06 if i % 2 else -0.06), 0, 1) for i, face in enumerate(real)],
        "tinted": [np.clip(face + np.float32([0.1, -0.05, -0.05]), 0, 1) for face in real],
    }  # fmt: skip
    known = {}

    def of(name: str) -> dict:
        if name not in known:
            plain = [frame for frame, _ in stage["shots"]["collins"]]
            known[name] = measured(stage, name, plain if name == "unswapped" else swapped(stage, faces[name]))
        return known[name]

    return of


# how far a figure may be from the perfect swap's when its swapper spoils something else: (absolute, relative)
STEADY = {
    "to": (0.1, 0), "nearer": (0, 0), "second": (0.08, 0), "mouth": (0.08, 0), "eye": (0.12, 0), "brow": (0.15, 0),
    "mouth_error": (0.12, 0), "angle": (2, 0), "shift": (0.012, 0), "sharpness": (0, 0.15), "jitter": (0.3, 0),
    "flicker": (0.25, 0), "warp": (0, 0.2), "seam": (0, 0.2), "background": (1.0, 0), "lost": (0, 0),
}  # fmt: skip
# what each one spoils, and the bounds in which those figures then lie
SPOILT = {
    "shuffled": {"mouth": (-1, 0.5), "eye": (-1, 0.5), "brow": (-1, 0.5), "mouth_error": (0.7, 2), "jitter": (2, 99),
                 "flicker": (3, 99), "warp": (10, 99)},
    "late": {"mouth": (-1, 0.5), "eye": (-1, 0.5), "brow": (-1, 0.7), "mouth_error": (0.7, 2), "warp": (6.5, 99)},
    "blurred": {"sharpness": (10, 45), "warp": (2, 5), "seam": (8, 16)},
    "shifted": {"shift": (0.12, 0.25)},
    "flickering": {"flicker": (10, 99), "warp": (20, 99)},
    "tinted": {"seam": (14, 99)},
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_figure_moves_when_its_own_thing_is_spoilt_and_only_then(figures, name):
    perfect, spoilt = figures("perfect"), figures(name)
    for figure, (low, high) in SPOILT[name].items():
        assert low <= spoilt[figure] <= high, figure
    for figure in STEADY.keys() - SPOILT[name].keys():
        absolute, relative = STEADY[figure]
        assert spoilt[figure] == pytest.approx(perfect[figure], abs=absolute, rel=relative), figure


def test_the_perfect_swap_is_the_other_person_who_plays_along(figures):
    perfect = figures("perfect")
    assert perfect["to"] < 0.4 and perfect["nearer"] == 1 and perfect["second"] > 0.5
    assert perfect["mouth"] > 0.85 and perfect["eye"] > 0.7 and perfect["mouth_error"] < 0.35
    assert perfect["angle"] < 4 and perfect["shift"] < 0.05 and perfect["jitter"] < 2 and perfect["flicker"] < 1.4
    assert perfect["background"] > 40 and perfect["swapped"] == SECONDS * FPS and perfect["lost"] == 0


def test_the_unswapped_clip_follows_itself_and_is_not_the_other_person(figures):
    same = figures("unswapped")
    assert same["to"] > 0.5 and same["nearer"] == 0 and same["second"] < 0.4
    assert min(same["mouth"], same["eye"], same["brow"]) > 0.9 and same["mouth_error"] < 0.25
    assert same["angle"] < 1.2 and same["shift"] < 0.02 and same["seam"] < 1
    assert same["jitter"] == pytest.approx(1, abs=0.1) and same["flicker"] == pytest.approx(1, abs=0.1)
    assert same["warp"] == pytest.approx(same["warp_driving"], rel=0.05)


def test_a_tilted_head_is_off_to_its_side(stage, figures):
    turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), -14, 1)  # OpenCV's positive is anticlockwise
    tilted = [cv2.warpAffine(face, turn, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE) for face in crops(stage)]
    offset, perfect = measured(stage, "tilted", swapped(stage, tilted))["offset"], figures("perfect")["offset"]
    assert 8 < offset["roll"] - perfect["roll"] < 20
    assert all(abs(beyond) < WRONG_WAY for beyond in perfect.values())


def test_the_mean_face_passes_identity_and_fails_expression(figures):
    still = figures("mean")
    assert still["to"] < 0.6 and still["nearer"] == 1 and still["second"] > 0.4
    assert still["mouth"] < 0.6 and still["eye"] < 0.6 and still["mouth_error"] > 0.6
    assert still["sharpness"] < 0.7 * figures("perfect")["sharpness"]
    # and the floors that every evaluation measures beside a swap say the same of it
    meter = figures("perfect")["meter"]
    assert len(meter.mean_face) >= FLOORS and len(meter.unswapped) >= FLOORS
    assert summary.identity(meter.mean_face)["dlib"]["to"] == pytest.approx(still["to"], abs=0.06)
    assert summary.identity(meter.unswapped)["dlib"]["to"] == pytest.approx(figures("unswapped")["to"], abs=0.06)


def test_real_faces_of_hers_are_nearest(stage, figures):
    hopper = stage["known"]["hopper"]
    assert len(hopper.held_encodings) == 6
    assert hopper.distance(hopper.held_encodings) < figures("perfect")["to"]
    collins = stage["known"]["collins"]
    assert hopper.distance(collins.held_encodings) > 0.5
    assert hopper.similarity(hopper.held_second_encodings) > 0.8
    assert hopper.similarity(collins.held_second_encodings) < 0.4


def test_measuring_twice_gives_the_same_figures(stage, figures):
    again = measured(stage, "again", swapped(stage, crops(stage)))
    assert again.pop("meter").table.text() == figures("perfect")["meter"].table.text()


def test_a_face_that_is_gone_from_the_result_is_lost(stage):
    frames = swapped(stage, crops(stage))
    for frame in frames[10:14]:
        frame[:] = cv2.GaussianBlur(frame, (0, 0), 30)
    figures = measured(stage, "lost", frames)
    assert (figures["lost"], figures["swapped"]) == (4, SECONDS * FPS)
    why = summary.note_trouble(figures["meter"].table)
    worst, best = summary.extremes(figures["meter"].table, why, [FPS])
    assert worst[0]["why"] == "lost" and 10 <= worst[0]["frame"] < 14
    assert all(not 10 <= frame["frame"] < 14 for frame in best)


def test_a_head_that_was_turned_too_far_is_not_somebody_else(stage):
    source = stage["folder"] / "collins.mp4"
    meter = VideoMeter(stage["known"]["collins"], stage["known"]["hopper"])
    meter.measure(0, ConvertedVideo(source, source, settings=SETTINGS, yaw=(70.0, 80.0)), stage["identity"])
    coverage = summary.coverage(meter.table)
    assert (coverage["turned"], coverage["someone_else"], coverage["swapped"]) == (SECONDS * FPS, 0, 0)


def test_another_source_is_refused(stage, people):
    meter = VideoMeter(stage["known"]["collins"], stage["known"]["hopper"])
    other = ConvertedVideo(stage["folder"] / "collins.mp4", people / "talk.mp4", settings=SETTINGS)
    with pytest.raises(FaceitError, match="not as long as its source talk.mp4: name the right one with --source"):
        meter.measure(0, other, stage["identity"])
