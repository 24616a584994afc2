"""The talking head talks: mouth, sound and head do what the pose says."""

import contextlib
import dataclasses

import numpy as np
import pytest

from faceit.demo import talking_head
from faceit.demo.talking_head import RATE, Pose, TalkingHead, make_clip, performance, portraits, speech
from faceit.geometry import mouth_opening

# dlib's points on the two portraits of portraits(), so that these tests need no dlib
LANDMARKS = {
    "collins": [
        (161, 178),
        (161, 197),
        (163, 217),
        (164, 237),
        (169, 257),
        (180, 274),
        (195, 289),
        (211, 301),
        (230, 306),
        (251, 304),
        (269, 293),
        (287, 280),
        (299, 264),
        (307, 245),
        (312, 225),
        (317, 205),
        (319, 184),
        (172, 162),
        (182, 151),
        (197, 149),
        (211, 152),
        (224, 159),
        (258, 160),
        (271, 156),
        (285, 155),
        (299, 158),
        (308, 169),
        (240, 175),
        (239, 190),
        (239, 204),
        (239, 218),
        (220, 225),
        (228, 227),
        (237, 230),
        (246, 228),
        (254, 226),
        (187, 173),
        (196, 168),
        (208, 169),
        (217, 178),
        (206, 179),
        (195, 178),
        (260, 180),
        (270, 173),
        (281, 173),
        (291, 179),
        (282, 182),
        (271, 182),
        (196, 238),
        (211, 239),
        (225, 239),
        (236, 242),
        (246, 240),
        (260, 241),
        (274, 242),
        (260, 259),
        (245, 266),
        (233, 267),
        (222, 265),
        (208, 257),
        (201, 241),
        (225, 245),
        (235, 247),
        (246, 246),
        (269, 244),
        (245, 257),
        (234, 258),
        (223, 256),
    ],  # fmt: skip
    "hopper": [
        (122, 212),
        (126, 237),
        (132, 261),
        (140, 284),
        (154, 304),
        (170, 321),
        (188, 334),
        (210, 342),
        (234, 344),
        (256, 341),
        (275, 331),
        (291, 317),
        (304, 297),
        (312, 275),
        (316, 251),
        (318, 227),
        (319, 202),
        (141, 193),
        (152, 177),
        (171, 171),
        (191, 172),
        (208, 179),
        (245, 175),
        (261, 166),
        (280, 164),
        (297, 171),
        (307, 185),
        (229, 198),
        (231, 215),
        (233, 231),
        (235, 248),
        (209, 257),
        (221, 260),
        (233, 264),
        (245, 260),
        (255, 256),
        (165, 204),
        (175, 199),
        (187, 197),
        (198, 203),
        (188, 206),
        (176, 207),
        (254, 201),
        (266, 193),
        (277, 193),
        (286, 198),
        (277, 202),
        (266, 202),
        (194, 291),
        (207, 285),
        (222, 283),
        (232, 285),
        (242, 283),
        (254, 284),
        (266, 287),
        (255, 296),
        (244, 300),
        (233, 302),
        (223, 301),
        (209, 298),
        (199, 291),
        (222, 290),
        (231, 290),
        (242, 289),
        (261, 287),
        (243, 289),
        (232, 291),
        (223, 291),
    ],  # fmt: skip
}


@pytest.fixture(scope="module")
def pictures():
    pytest.importorskip("skimage")
    pytest.importorskip("matplotlib")
    return portraits()


@pytest.fixture(scope="module", params=["collins", "hopper"])
def person(request, pictures):
    """(portrait, landmarks, TalkingHead) of each of the two."""
    points = np.array(LANDMARKS[request.param], np.float32)
    return pictures[request.param], points, TalkingHead(pictures[request.param], points)


def mouth(frame, points):
    """Gray pixels between nose and chin, as far as the mouth is wide."""
    top, bottom = int(points[33, 1]), int(points[8, 1])
    left, right = int(points[49, 0]), int(points[53, 0])
    return frame[top:bottom, left:right].mean(2)


def test_portraits_are_square_rgb_pictures(pictures):
    assert set(pictures) == {"collins", "hopper"}
    for picture in pictures.values():
        assert picture.shape == (480, 480, 3) and picture.dtype == np.uint8
    assert pictures["collins"][440, 20, 0] > 2 * pictures["collins"][440, 20, 2]  # the suit is orange: RGB, not BGR


def test_the_mouth_opens_onto_a_dark_inside(person):
    _, points, doll = person
    dark = [(mouth(doll.frame(Pose(mouth_open=o)), points) < 45).mean() for o in (0, 0.3, 0.6, 1.0)]
    assert dark == sorted(dark) and dark[3] > dark[0] + 0.06


def test_the_eyes_shut_and_the_other_one_stays(person):
    _, points, doll = person
    open_, shut = doll.frame(Pose()), doll.frame(Pose(blink_left=1))
    for eye, changes in ((points[36:42], True), (points[42:48], False)):
        x, y = eye.mean(0).astype(int)
        moved = np.abs(open_[y - 4 : y + 5, x - 6 : x + 7].astype(int) - shut[y - 4 : y + 5, x - 6 : x + 7]).mean()
        assert (moved > 20) == changes, moved


def test_the_head_turns_and_the_border_stays(person):
    portrait, points, doll = person
    rest = doll.frame(Pose())
    turned = doll.frame(Pose(yaw=12, pitch=8, roll=4, shift_x=0.08, mouth_open=1))
    assert np.abs(turned[:, [0, -1]].astype(int) - rest[:, [0, -1]]).max() <= 3
    assert np.abs(turned[-1].astype(int) - rest[-1]).max() <= 8
    x, y = points[30].astype(int)
    assert (
        np.abs(turned[y - 20 : y + 20, x - 20 : x + 20].astype(int) - rest[y - 20 : y + 20, x - 20 : x + 20]).mean() > 3
    )


def test_a_shift_moves_the_face_by_fractions_of_its_width(person):
    import cv2

    _, points, doll = person
    width = points[16, 0] - points[0, 0]
    left, top = points[27:48].min(0).astype(int)
    right, bottom = points[27:48].max(0).astype(int)
    eyes = np.ascontiguousarray(doll.frame(Pose())[top:bottom, left:right])
    found = cv2.minMaxLoc(cv2.matchTemplate(doll.frame(Pose(shift_x=0.08, shift_y=-0.05)), eyes, cv2.TM_CCOEFF_NORMED))[
        3
    ]
    assert found[0] - left == pytest.approx(0.08 * width, abs=1.5)
    assert found[1] - top == pytest.approx(-0.05 * width, abs=1.5)


def test_light_is_a_gain_and_zoom_brings_the_face_nearer(person):
    _, _, doll = person
    rest = doll.frame(Pose()).astype(int)
    dim = doll.frame(Pose(light=0.5)).astype(int)
    assert np.abs(dim - rest / 2).max() <= 1.5
    side = doll.frame(Pose(light=0.8, light_side=1)).astype(int)
    assert side[:, -40:].sum() / rest[:, -40:].sum() > 1.15 * side[:, :40].sum() / rest[:, :40].sum()
    assert doll.frame(Pose(zoom=1.1)).shape == rest.shape


def test_any_size_and_contiguous_frames(person):
    portrait, points, _ = person
    frame = TalkingHead(portrait, points, (320, 240)).frame(Pose(mouth_open=0.5, yaw=-5))
    assert frame.shape == (240, 320, 3) and frame.dtype == np.uint8 and frame.flags.c_contiguous


def test_the_same_seed_is_the_same_performance_and_picture(person):
    portrait, points, doll = person
    poses = performance(2, 25, seed=3)
    assert poses == performance(2, 25, seed=3) != performance(2, 25, seed=4)
    again = TalkingHead(portrait, points)
    assert np.array_equal(doll.frame(poses[20]), again.frame(poses[20]))
    sound = speech(poses, 25, 180, 3)
    assert np.array_equal(sound, speech(poses, 25, 180, 3)) and not np.array_equal(sound, speech(poses, 25, 180, 4))


def test_a_performance_is_rich():
    poses = performance(12, 25, seed=0)
    assert len(poses) == 300
    column = {f.name: np.array([getattr(p, f.name) for p in poses]) for f in dataclasses.fields(Pose)}
    assert column["mouth_open"].max() > 0.7 and column["mouth_open"].min() == 0
    assert column["mouth_wide"].max() > 0.4 and column["mouth_wide"].min() < -0.4
    assert 3 <= np.sum(np.diff((column["blink_left"] > 0.5).astype(int)) == 1) <= 7
    for name, reach in (("yaw", 7), ("pitch", 4), ("roll", 2.5)):
        assert column[name].max() > reach and column[name].min() < -reach
        assert np.abs(np.diff(column[name])).max() < 2.5  # degrees a frame: nobody snaps round
    assert column["zoom"].min() >= 1.0  # never beyond the picture's edge


def test_the_voice_is_loud_when_the_mouth_is_open():
    poses = performance(6, 25, seed=1)
    sound = speech(poses, 25, 200, seed=1)
    assert sound.dtype == np.int16 and len(sound) == 6 * RATE
    loud = np.sqrt((sound.reshape(len(poses), -1).astype(float) ** 2).mean(1))
    opening = np.array([p.mouth_open for p in poses])
    assert np.corrcoef(loud, opening)[0, 1] > 0.9
    assert np.abs(sound).max() > 8000
    quiet = np.convolve(opening < 0.01, np.ones(3), "same") == 3  # the frames beside it are shut too
    assert quiet.any() and loud[quiet].max() < 0.01 * loud.max()


def test_a_clip_has_pictures_and_sound_of_the_same_length(person, tmp_path):
    import av

    portrait, points, _ = person
    out = make_clip(portrait, points, tmp_path / "talk.mp4", seconds=1.2, size=(240, 240), seed=5)
    with av.open(str(out)) as clip:
        video, sound = clip.streams.video[0], clip.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.codec_context.colorspace == 1 and video.codec_context.color_primaries == 1  # bt709
        assert float(video.duration * video.time_base) == pytest.approx(1.2, abs=0.01)
        assert float(sound.duration * sound.time_base) == pytest.approx(1.2, abs=0.05)
        frames = [f.to_ndarray(format="rgb24") for f in clip.decode(video=0)]
    assert len(frames) == 30
    expected = TalkingHead(portrait, points, (240, 240)).frame(performance(1.2, 25, 5)[15])
    assert np.abs(frames[15].astype(int) - expected).mean() < 8
    assert [p.name for p in tmp_path.iterdir()] == ["talk.mp4"]


def test_a_failed_clip_leaves_nothing(person, tmp_path, monkeypatch):
    portrait, points, _ = person

    def broken(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(talking_head.TalkingHead, "frame", broken)
    with contextlib.suppress(KeyboardInterrupt):
        make_clip(portrait, points, tmp_path / "talk.mp4", seconds=0.5, size=(240, 240))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_dlib_sees_the_mouth_open(name, pictures):
    dlib = pytest.importorskip("dlib")
    models = pytest.importorskip("face_recognition_models")
    find = dlib.get_frontal_face_detector()
    predict = dlib.shape_predictor(models.pose_predictor_model_location())
    doll = TalkingHead(pictures[name], np.array(LANDMARKS[name], np.float32))
    seen, asked = [], [0, 0.25, 0.5, 0.75, 0.9]
    for opening, yaw in zip(asked, (-10, -5, 0, 5, 10), strict=True):
        frame = doll.frame(Pose(mouth_open=opening, yaw=yaw))
        box = max(find(frame, 0), key=lambda b: b.width())
        seen.append(mouth_opening(np.array([(p.x, p.y) for p in predict(frame, box).parts()], np.float32)))
    assert np.corrcoef(seen, asked)[0, 1] > 0.9
