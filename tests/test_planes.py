"""Frames as encoders hold them: the same colours in the same places as in RGB, and nothing lost on the way through."""

import numpy as np
import pytest
from skimage import data

from faceit.compose.blend import put_back
from faceit.config.settings import ConvertSettings
from faceit.geometry import Alignment, align
from faceit.media.provenance import Label
from faceit.media.video import read_frames, read_planes
from faceit.media.writer import VideoWriter
from faceit.planes import TO_RGB, TO_YUV, Planes, cut

from .media.flash_beep import run_ffmpeg

SIDE = 240
KINDS = {
    "usual": ["-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_range", "tv"],
    "old": ["-pix_fmt", "yuv420p", "-colorspace", "smpte170m", "-color_range", "tv"],
    "unsaid": ["-pix_fmt", "yuv420p"],
    "full range": ["-pix_fmt", "yuvj420p"],
    "ten bits": ["-pix_fmt", "yuv420p10le", "-colorspace", "bt709"],
    "all colours": ["-pix_fmt", "yuv444p", "-colorspace", "bt709"],
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict:
    """Half a second of smooth strong colours, a kind each."""
    folder = tmp_path_factory.mktemp("kinds")
    out = {}
    for kind, options in KINDS.items():
        out[kind] = folder / f"{kind}.mp4"
        matrix = "bt709" if "bt709" in options else "bt601"
        full = "full" if "yuvj420p" in options else "tv"
        run_ffmpeg("-f", "lavfi", "-i", f"gradients=s={SIDE + 80}x{SIDE}:r=10:d=0.5:seed=3:n=6",
                   "-vf", f"scale=out_color_matrix={matrix}:out_range={full}", "-c:v", "libx264", "-qp", "1", *options,
                   out[kind])  # fmt: skip
    return out


def whole(planes: Planes) -> np.ndarray:
    """The left square of a frame as RGB."""
    return planes.warp(Alignment(np.eye(2, 3), SIDE))


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_colours_go_there_and_back():
    rgb = np.random.default_rng(0).uniform(0, 255, (99, 3))
    yuv = rgb @ TO_YUV[:, :3].T + TO_YUV[:, 3]
    np.testing.assert_allclose(yuv @ TO_RGB[:, :3].T + TO_RGB[:, 3], rgb, atol=1e-9)
    corners = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]]) @ TO_YUV[:, :3].T + TO_YUV[:, 3]
    np.testing.assert_allclose(corners[:2], [[16, 128, 128], [235, 128, 128]], atol=1e-9)
    assert corners[2, 2] == pytest.approx(240) and corners[3, 1] == pytest.approx(240)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_video_has_the_colours_that_it_has_in_rgb(clips, kind):
    pairs = list(zip(read_frames(clips[kind]), read_planes(clips[kind]), strict=True))
    assert len(pairs) == 5
    for (time, frame), (same_time, planes) in pairs:
        assert time == same_time and planes.y.shape == frame.shape[:2]
        assert apart(whole(planes), frame[:SIDE, :SIDE]) < 1.5


@pytest.mark.parametrize("height", [None, 120])
def test_what_is_not_touched_is_what_the_decoder_gave(clips, tmp_path, height):
    planes = [each for _, each in read_planes(clips["usual"], height=height)]
    rows, width = planes[0].y.shape
    with VideoWriter(tmp_path / "out.mp4", width, rows, 10, crf=0, planes=True) as writer:
        for each in planes:
            writer.write(each)
    again = [each for _, each in read_planes(tmp_path / "out.mp4")]
    assert len(again) == 5 and all(np.array_equal(a.data, b.data) for a, b in zip(planes, again, strict=True))


def test_a_range_begins_where_frames_do(clips):
    times = [time for time, _ in read_planes(clips["usual"], start=0.2, end=0.4)]
    assert times == [time for time, _ in read_frames(clips["usual"], start=0.2, end=0.4)] and len(times) == 2


def test_wrong_sizes_are_refused(tmp_path):
    for shape in ((90, 61), (91, 60)):
        with pytest.raises(ValueError, match="planes are"):
            Planes(np.zeros(shape, np.uint8))
    writer = VideoWriter(tmp_path / "x.mp4", 64, 48, 25, planes=True)
    with pytest.raises(ValueError, match="a frame must be"):
        writer.write(Planes.black(64, 50))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    """A portrait as RGB and as planes of one file, and its landmarks."""
    from faceit.faces.detect import FaceFinder
    from faceit.images import write_image

    picture = data.astronaut()[:400, 20:420]
    folder = tmp_path_factory.mktemp("portrait")
    write_image(folder / "a.png", picture)
    run_ffmpeg("-i", folder / "a.png", "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p",
               "-colorspace", "bt709", "-qp", "1", folder / "a.mp4")  # fmt: skip
    (_, frame), (_, planes) = next(read_frames(folder / "a.mp4")), next(read_planes(folder / "a.mp4"))
    return frame, planes, FaceFinder().find(frame)[0].landmarks


@pytest.mark.parametrize("size", [40, 100, 256])
def test_a_face_is_cut_out_as_from_rgb(portrait, size):
    frame, planes, landmarks = portrait
    place = align(landmarks, size, 1.4)
    one, other = cut(frame, place), cut(planes, place)
    assert one.shape == other.shape == (size, size, 3)
    assert apart(one, other) < 1.5
    for shift in (1, -1):  # and in its place
        assert apart(one, other) < apart(one, np.roll(other, shift, 1)) / 2


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_a_face_is_put_back_as_into_rgb(portrait, scale):
    frame, planes, landmarks = portrait
    if scale < 1:  # a small face in the same frame
        landmarks = (landmarks - landmarks.mean(0)) * scale + landmarks.mean(0)
    face = np.full((64, 64, 3), (0.8, 0.2, 0.1), np.float32)
    settings = ConvertSettings(color="none", blend="alpha", sharpen=0.0, grain=False)
    rgb, out = frame.copy(), planes.copy()
    put_back(rgb, landmarks, face, settings)
    put_back(out, landmarks, face, settings)
    size = min(frame.shape[:2])
    one, other = rgb[:size, :size], out.warp(Alignment(np.eye(2, 3), size))
    assert np.abs(one.astype(int) - frame[:size, :size]).max() > 60  # it did something
    assert apart(one, other) < 2
    inside = tuple(np.round(landmarks[30]).astype(int)[::-1])
    np.testing.assert_allclose(other[inside], one[inside], atol=4)
    far = np.abs(out.y.astype(int) - planes.y) > 0
    assert 0 < far.mean() < 0.5
    assert not np.array_equal(out.u, planes.u) and np.array_equal(out.u[:5], planes.u[:5])


@pytest.mark.parametrize("size", [(640, 360), (64, 48), (322, 182)])
def test_the_label_is_the_same(size):
    width, height = size
    grey = np.full((height, width, 3), 90, np.uint8)
    planes = Planes.black(width, height)
    planes.y[:] = np.rint(TO_YUV[0] @ (90, 90, 90, 1))
    planes.u[:], planes.v[:] = 100, 160
    label = Label(width, height)
    label.stamp(grey)
    label.stamp(planes)
    expected = grey[..., 0] * (219 / 255) + 16
    assert np.abs(planes.y - expected).max() <= 1.5
    left, top, right, bottom = label.box
    assert planes.u[(top + bottom) // 4, (left + right) // 4] > 110  # grayer there
    assert np.all(planes.u[bottom // 2 + 1 :] == 100) and np.all(planes.v[:, : left // 2] == 160)
