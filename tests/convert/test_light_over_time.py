"""Light that changes within a video, and strange light: the swapped face is lit as the frame's, in every frame."""

import numpy as np
import pytest

from faceit.casting.cast import Limits, SwapRule
from faceit.config.settings import ConvertSettings
from faceit.convert.painter import Painter, Swapper
from faceit.convert.request import Converter
from faceit.faces.detect import FaceFinder
from faceit.geometry import filled_outline
from faceit.light import LUMA32
from faceit.media.video import read_frames
from faceit.network.swapmodel import load_model

FRAMES, FPS = 30, 30.0
RISING = np.arange(15) / 14
CHANGES = {
    "in from black and out again": np.concatenate([RISING, RISING[::-1]]),
    "slowly at first": np.concatenate([RISING, RISING[::-1]]) ** 2,
    "a lamp": np.repeat([0.25, 1.0], 15),
    "a lamp in the dark": np.repeat([0.08, 0.12], 15),
    "a lamp that goes out": np.repeat([0.9, 0.3], 15),
}


@pytest.fixture(scope="module")
def painter(trained):
    return Painter(Swapper(load_model(trained.parent / "models" / "c2h"), ConvertSettings()))


@pytest.fixture(scope="module")
def clips(people):
    """Frames of two clips of Collins, and where her face is in each: {name: (frames, areas)}."""
    finder, found = FaceFinder(), {}
    for name in ("talk", "collins"):
        frames = [frame for _, frame in read_frames(people / f"{name}.mp4")][:FRAMES]
        side = frames[0].shape[0]
        found[name] = frames, [filled_outline(finder.find(each)[0].landmarks, side, False) > 127 for each in frames]
    return found


def swapped(painter, frames):
    rule = SwapRule(None, Limits())
    return Converter(painter, lambda size: [rule], FaceFinder(), False, fps=FPS).convert(frames)


def levels(frames, areas):
    """Mean brightness of the face in each frame, in levels of 255."""
    return np.array([(frame[area] @ LUMA32).mean() for frame, area in zip(frames, areas, strict=True)])


def lit(frames, gains):
    return [np.rint(frame * gain).astype(np.uint8) for frame, gain in zip(frames, gains, strict=True)]


@pytest.fixture(scope="module")
def plain(painter, clips):
    """How bright the swapped face is in each frame as it is, over the frame's own: what no light is to change."""
    frames, areas = clips["talk"]
    return levels(swapped(painter, frames), areas) / levels(frames, areas)


@pytest.mark.parametrize("name", CHANGES)
def test_the_face_is_as_bright_as_the_frames_in_every_frame(name, painter, clips, plain):
    frames, areas = clips["talk"]
    changed = lit(frames, CHANGES[name])
    out = swapped(painter, changed)
    theirs = levels(changed, areas)
    assert np.abs(levels(out, areas) / (plain * theirs).clip(1) - 1)[theirs > 4].max() < 0.05
    assert np.abs(levels(out, areas) - plain * theirs).max() < 5
    assert sum(not np.array_equal(one, other) for one, other in zip(changed, out, strict=True)) >= 24


def test_over_a_cut_each_shot_keeps_its_light(painter, clips):
    dark, bright = (clips[name][0][:15] for name in ("talk", "collins"))
    areas = clips["talk"][1][:15] + clips["collins"][1][:15]
    shots = [*lit(dark, [0.2] * 15), *bright]
    alone = levels([*swapped(painter, shots[:15]), *swapped(painter, shots[15:])], areas)
    np.testing.assert_allclose(levels(swapped(painter, shots), areas), alone, rtol=0.04)
    np.testing.assert_allclose(alone, levels(shots, areas), rtol=0.15)


@pytest.mark.parametrize("gain", [0.6, 0.4, 0.2])
def test_less_light_on_the_frame_is_less_light_on_the_face(gain, painter, clips):
    frame, area = clips["talk"][0][0], clips["talk"][1][0]
    [as_it_is], [dark] = swapped(painter, [frame]), swapped(painter, lit([frame], [gain]))
    assert np.abs(dark.astype(float) - gain * as_it_is)[area].mean() < 4
    harsh, harsh_before = (np.std((each @ LUMA32)[area]) / np.mean((each @ LUMA32)[area]) for each in (dark, as_it_is))
    assert 0.85 < harsh / harsh_before < 1.15


@pytest.mark.parametrize(("name", "tint"), [("gray", (1, 1, 1)), ("sepia", (1.1, 0.98, 0.75))])
def test_the_face_has_no_more_tints_than_a_tinted_frame(name, tint, painter, clips):
    frame, area = clips["talk"][0][0], clips["talk"][1][0]
    tinted = np.rint(np.clip((frame @ LUMA32)[..., None] * np.float32(tint), 0, 255)).astype(np.uint8)
    [out] = swapped(painter, [tinted])
    spread = [np.ptp(each.astype(int), axis=-1) for each in (tinted, out)]
    assert not np.array_equal(out, tinted)
    assert spread[1].max() <= spread[0].max() + (0 if name == "gray" else 8)
    means = [each[area].mean(0) / each[area].mean() for each in (tinted, out)]
    np.testing.assert_allclose(*means, atol=0.02)


@pytest.mark.parametrize("tint", [(0.25, 0.35, 0.65), (1.0, 0.8, 0.5)])
def test_coloured_light_falls_on_the_face(tint, painter, clips):
    frame, area = clips["talk"][0][0], clips["talk"][1][0]
    tinted = np.rint(frame * np.float32(tint)).astype(np.uint8)
    [out] = swapped(painter, [tinted])
    assert not np.array_equal(out, tinted)
    means = [each[area].mean(0) / each[area].mean() for each in (tinted, out)]
    np.testing.assert_allclose(*means, atol=0.06)


@pytest.mark.parametrize("way", [1, -1])
def test_light_from_a_side_falls_on_the_same_side(way, painter, clips):
    frame, area = clips["talk"][0][0], clips["talk"][1][0]
    sided = np.rint(frame * np.linspace(0.3, 1, frame.shape[1])[::way, None]).astype(np.uint8)
    left = np.arange(frame.shape[1]) < np.nonzero(area)[1].mean()

    def halves(picture):
        brightness = np.log((picture @ LUMA32) + 1)
        return brightness[area & left].mean() - brightness[area & ~left].mean()

    [as_it_is], [out] = swapped(painter, [frame]), swapped(painter, [sided])
    theirs, ours = halves(sided) - halves(frame), halves(out) - halves(as_it_is)
    assert 0.5 < ours / theirs < 1.3
