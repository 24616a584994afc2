"""Light: a swapped face is lit like the frame's, whatever the light, and what is outside the face has no say."""

import cv2
import numpy as np
import pytest

from faceit import light
from faceit.compose.masks import skin_area
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import align
from faceit.light import Light, in_usual_light, light_of, relit

SIZE = 128


def gray(picture):
    return np.repeat((picture @ light.LUMA32)[..., None], 3, -1)


def sided(picture):
    return picture * np.linspace(0.3, 1.2, SIZE, dtype=np.float32)[:, None]


LIGHTS = {
    "0.6": lambda x: 0.6 * x, "0.4": lambda x: 0.4 * x, "0.2": lambda x: 0.2 * x, "gray": gray,
    "sepia": lambda x: gray(x) * np.float32([1.05, 0.95, 0.75]), "night": lambda x: x * np.float32([0.25, 0.35, 0.65]),
    "warm": lambda x: x * np.float32([1, 0.85, 0.6]), "from the left": sided,
}  # fmt: skip


@pytest.fixture(scope="module")
def faces():
    """The crops of Collins and of Hopper, and where they are skin: two (SIZE, SIZE, 3) float32, two bool."""
    pictures, areas = [], []
    for name in ("collins", "hopper"):
        picture = portraits()[name]
        landmarks = FaceFinder().find(picture)[0].landmarks
        place = align(landmarks, SIZE)
        pictures.append(place.warp(picture).astype(np.float32) / 255)
        areas.append(skin_area(place.points(landmarks.astype(np.float64)), SIZE))
    return *pictures, *areas


def swapped(faces, change=lambda x: x):
    """Hopper's face in Collins's frame, whose light was changed; and that frame, both as 8 bits hold them."""
    frame, face, theirs, ours = faces
    frame = np.rint(255 * np.clip(change(frame), 0, 1)) / np.float32(255)
    return relit(face, light_of(frame, theirs), ours), frame


@pytest.mark.parametrize("name", LIGHTS)
def test_a_face_is_as_bright_and_as_tinted_as_the_frames(name, faces):
    out, frame = swapped(faces, LIGHTS[name])
    got, wanted = (Light(*light_of(each, area) / 100) for each, area in ((out, faces[3]), (frame, faces[2])))
    assert got.brightness == pytest.approx(wanted.brightness, rel=0.05)
    np.testing.assert_allclose(got.tint, wanted.tint, atol=0.03)
    assert got.contrast < max(1.35 * wanted.contrast, Light(*light_of(faces[1], faces[3]) / 100).contrast)
    assert out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1


@pytest.mark.parametrize("name", ["0.6", "0.4", "0.2", "gray", "sepia", "warm"])
def test_what_the_light_does_to_the_frame_it_does_to_the_face(name, faces):
    plain, _ = swapped(faces)
    out, _ = swapped(faces, LIGHTS[name])
    error = (out - np.clip(LIGHTS[name](plain), 0, 1))[faces[3]]
    assert np.abs(error).mean() < 0.02  # nothing is harsher in the dark, nor of a colour of its own
    assert np.percentile(np.abs(error), 99) < 0.09


@pytest.mark.parametrize("gain", [1.2, 1.4])
def test_an_overexposed_face_is_as_pale_as_the_frames_and_no_paler(gain, faces):
    out, frame = swapped(faces, lambda x: gain * x)
    means = [255 * each[area].mean(0) for each, area in ((out, faces[3]), (frame, faces[2]))]
    np.testing.assert_allclose(*(each - light.LUMA32 @ each for each in means), atol=7)


def test_a_gray_frame_gets_a_gray_face(faces):
    out, frame = swapped(faces, gray)
    assert np.ptp(np.rint(255 * frame), axis=-1).max() == 0
    assert np.ptp(np.rint(255 * out), axis=-1).max() == 0


def test_less_and_less_colour_takes_the_faces_away_steadily(faces):
    spreads = []
    for much in (1, 0.5, 0.25, 0.1, 0.05, 0):
        out, _ = swapped(faces, lambda x, much=much: much * x + (1 - much) * gray(x))
        spreads.append(float(np.ptp(out[faces[3]], axis=-1).mean()))
    assert all(more > less for more, less in zip(spreads, spreads[1:], strict=False)) and spreads[-1] == 0


def test_light_from_a_side_falls_on_that_side(faces):
    def halves(picture, area):
        left = np.arange(SIZE) < SIZE // 2
        return picture[area & left].mean() / picture[area & ~left].mean()

    out, frame = swapped(faces, sided)
    plain, _ = swapped(faces)
    assert halves(frame, faces[2]) < 0.8
    assert halves(out, faces[3]) < 0.85 < 0.95 < halves(plain, faces[3])


@pytest.mark.parametrize("fade", [0.75, 0.5, 0.25])
def test_a_fade_to_white_fades_the_eyes_too(fade, faces):
    out, frame = swapped(faces, lambda x: fade * x + 1 - fade)
    darkest = [np.percentile(gray(each)[area], 1) for each, area in ((out, faces[3]), (frame, faces[2]))]
    plain, _ = swapped(faces)
    assert abs(darkest[0] - darkest[1]) < 0.15
    assert darkest[0] > np.percentile(gray(plain)[faces[3]], 1)


def face_of(skin, **parts):
    """A flat face of one colour with parts of others, (64, 64, 3), and its area."""
    face = np.full((64, 64, 3), skin, np.float32)
    face += np.random.default_rng(0).normal(0, 0.01, (64, 64, 1)).astype(np.float32)
    for i, colour in enumerate(parts.values()):
        face[8 + 14 * i : 16 + 14 * i, 24:40] = colour
    area = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 28, 1, -1) > 0
    return face, area


def test_what_is_not_skin_keeps_most_of_its_own_tint():
    face, area = face_of((0.8, 0.55, 0.4), glasses=(0.02, 0.02, 0.02), teeth=(0.8, 0.78, 0.75))
    like, _ = face_of((0.6, 0.5, 0.42), pupils=(0.05, 0.04, 0.04), lips=(0.6, 0.35, 0.35))
    out = relit(face, light_of(like, area), area)
    assert out[12, 32].max() < 0.03 and np.ptp(out[12, 32]) < 0.015  # black stays black
    red, blue = light_of(out, area)[1:3] / 100
    skin, teeth = out[48, 32], out[26, 32]
    np.testing.assert_allclose((red, blue), light_of(like, area)[1:3] / 100, atol=0.02)
    assert np.ptp(teeth) / teeth.mean() < 0.5 * np.ptp(skin) / skin.mean()
    assert teeth.mean() == pytest.approx(0.777 * skin.mean() / 0.583, rel=0.1)  # darker by as much as the skin


def test_coloured_light_is_on_teeth_too():
    face, area = face_of((0.8, 0.55, 0.4), teeth=(0.8, 0.78, 0.75))
    like = face_of((0.8, 0.55, 0.4))[0] * np.float32([0.3, 0.4, 0.9])
    red, green, blue = relit(face, light_of(like, area), area)[12, 32]
    assert blue > 1.3 * red


def test_pixels_outside_the_area_have_no_say(faces, rng):
    frame, face, theirs, ours = faces
    noise = rng.random(frame.shape, np.float32)
    wanted, seen = light_of(frame, theirs), light_of(np.where(theirs[..., None], frame, noise), theirs)
    np.testing.assert_array_equal(wanted, seen)


def test_a_face_already_in_its_light_stays(faces):
    _, face, _, area = faces
    np.testing.assert_allclose(relit(face, light_of(face, area), area), face, atol=0.05)


def test_contrast_is_bounded(faces, rng):
    _, face, _, area = faces
    flat = (0.5 + rng.normal(0, 0.004, (SIZE, SIZE, 1)) * np.ones(3)).astype(np.float32)
    out = relit(flat, light_of(face, area), area)
    assert gray(out)[area].std() < 2 * flat[area].std() + 0.01  # noise is not made larger
    flat[40:60, 30:60] = 0.1  # dark eyes: there is no haze
    dull = relit(face, light_of(flat, area), area)
    assert gray(dull)[area].std() > 0.5 * gray(face)[area].std()  # nor is a face of clay made


def test_nothing_known_changes_nothing(faces):
    _, face, _, area = faces
    assert relit(face, light_of(face, area), np.zeros_like(area)) is face
    assert relit(face, np.full(light.WORDS, np.nan), area) is face
    for value in (0.0, 1.0):
        flat = np.full((64, 64, 3), value, np.float32)
        assert np.isfinite(relit(flat, light_of(1 - flat, np.ones((64, 64), bool)), np.ones((64, 64), bool))).all()


def test_a_network_sees_faces_in_the_light_that_it_learned_in(faces):
    face, _, area, _ = faces
    usual = light_of(face, area)
    assert in_usual_light(face, usual, area) is face
    assert in_usual_light(0.9 * face, usual, area) is not None
    np.testing.assert_array_equal(in_usual_light(0.9 * face, usual, area), 0.9 * face)  # so far nothing changes
    for name in ("0.4", "0.2", "night", "gray"):
        seen = np.rint(255 * LIGHTS[name](face)) / np.float32(255)
        before, after = (Light(*np.abs(light_of(each, area) - usual) / 100)
                         for each in (seen, in_usual_light(seen, usual, area)))  # fmt: skip
        assert after.brightness < 0.21 * usual[0] / 100 and np.abs(after.tint).max() < 0.09, name
        assert after.brightness + np.abs(after.tint).sum() < before.brightness + np.abs(before.tint).sum(), name
