"""Before and after in one picture, next to each other, one above the other or split by a moving line, by moviepy.

Only for files of our own making: of other files moviepy loses rotation, pixel shape and late starts. It reads the
clips and puts them together; our own writer encodes them, since moviepy's shifts a late sound, rounds the rate to two
decimals (half a second in an hour), leaves the colours untagged and does not look at how ffmpeg ended.
"""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from faceit.errors import MediaError
from faceit.media import process
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.probe import VideoInfo, probe
from faceit.media.provenance import Label
from faceit.media.video import SCALING
from faceit.media.writer import VideoWriter

CAPTION_HEIGHT = 0.045  # the text's em, as a share of the picture's height
SMALLEST_EM = 16  # px
BOX_HEIGHT = 1.6  # em
BOX_OPACITY, TEXT_OPACITY = 0.55, 0.95
WAYS = {"side": "side-by-side", "stacked": "stacked", "wipe": "wipe"}  # way -> suffix of the file's name
WIPE_S, WIPE_REACH = 6.0, 0.4  # period in seconds; amplitude to either side, as a share of the width
LINE = 1 / 320  # thickness, as a share of the picture's height
VERY_WIDE = 2.2  # aspect ratio from which stacked videos are easier to view


def side_by_side(
    left: Path | str,
    right: Path | str,
    out: Path | str,
    *,
    sound_from: Path | None = None,
    way: str = "side",
    captions: tuple[str, str] = ("original", "faceit"),
    label_at: str = "",
    crf: int = 18,
    preset: str = "medium",
    comment: str | None = None,
) -> Path:
    """Write ``out``: two videos, each with its caption, in one of ``WAYS``. "side": next to each other (very wide ones
    above each other); "stacked": above each other; "wipe": ``left`` to the left of a line that moves back and forth,
    ``right`` to the right of it; the label's area, where it is
    ``label_at`` a corner, is always taken from ``right``.

    ``left`` and ``right`` are files as VideoWriter writes them, of one rate: constant, square pixels, from zero on, and
    without chapters, over which moviepy stumbles. The rate and the size are those of ``right`` (``left`` is scaled to
    it), sound and chapters those of ``sound_from``, untouched; it ends with the shorter one. ``out`` is whole or as it
    was. Returns ``out``; raises MediaError.
    """
    videos = probe(left), probe(right)
    rate, size = videos[1].fps, (videos[1].width, videos[1].height)
    frames = max(1, round(min(video.duration for video in videos) * rate))
    with _clip(videos[0], size, frames) as before, _clip(videos[1], size, frames) as after:
        film = _together(before, after, way, captions, label_at)
        width, height = film.size
        writer = VideoWriter(out, width, height, rate, sound_from=sound_from, comment=comment, crf=crf, preset=preset)
        with writer:
            for n in range(frames):
                # the middle of the frame on moviepy's clock, which rounds 100/7 frames a second to 14.29
                writer.write(film.get_frame((n + 0.5) / film.fps))
    return Path(out)


@contextmanager
def _clip(video: VideoInfo, size: tuple[int, int], frames: int) -> Iterator:
    """moviepy's clip of the first ``frames`` frames of a video, scaled to ``size`` (width, height)."""
    os.environ.setdefault("FFMPEG_BINARY", ffmpeg_exe())  # moviepy looks for one when it is imported
    import moviepy

    name = process.file_name(video.path)
    try:
        clip = moviepy.VideoFileClip(name, audio=False, target_resolution=size, resize_algorithm=SCALING)
    except Exception as error:  # it takes ffmpeg's words apart, and stumbles over some in many ways
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise MediaError(f"{video.path} cannot be read by moviepy: {why}") from error
    with closing(clip):
        yield clip.with_duration(frames / clip.fps)


def _together(before, after, way: str, captions: tuple[str, str], label_at: str):
    """Two clips of the same size combined into one."""
    import moviepy

    width, height = after.size
    inks = [_caption(text, height)[:height, : width // 2 if way == "wipe" else width] for text in captions]
    box = Label(width, height, place=label_at).box if label_at else (0, 0, 0, 0)
    join = np.vstack if way == "stacked" or width > VERY_WIDE * height else np.hstack

    def at(time: float) -> np.ndarray:
        # moviepy's own clips_array takes ten times as long, and its clips with masks as long as encoding does
        pictures = before.get_frame(time), after.get_frame(time)
        if way == "wipe":
            return _wipe(*pictures, inks, box, line_at(time, width))
        picture = join(pictures)
        _write(inks[0], picture)
        _write(inks[1], picture[-height:, -width:])
        return picture

    return moviepy.VideoClip(at, duration=after.duration).with_fps(after.fps)


def _wipe(before: np.ndarray, after: np.ndarray, inks: list[np.ndarray], label: tuple[int, int, int, int],
          line: int) -> np.ndarray:  # fmt: skip
    """One picture: the first to the left of the column ``line``, the second to the right of it and in the box
    ``label``. The captions are at the bottom, each in its own half, since the label is at the top."""
    before, after = before.copy(), after.copy()
    _write(inks[0], before[-len(inks[0]) :])
    _write(inks[1], after[-len(inks[1]) :, -inks[1].shape[1] :])
    left, top, right, bottom = label
    labelled = after[top:bottom, left:right].copy()
    split(before, after, line)
    after[top:bottom, left:right] = labelled
    return after


def line_at(time: float, width: int) -> int:
    """The column of a wipe's line in a picture of ``width`` pixels: starts in the middle and moves as a sine."""
    return round(width * (0.5 + WIPE_REACH * np.sin(2 * np.pi * time / WIPE_S)))


def split(before: np.ndarray, after: np.ndarray, at: int) -> None:
    """Copy ``before`` left of column ``at`` into ``after``, both (h, w, 3) uint8, with a line between them."""
    after[:, :at] = before[:, :at]
    thick = max(1, round(LINE * after.shape[0]))
    after[:, max(0, at - 2 * thick) : at + 2 * thick] //= 2  # so that the white line is visible on white
    after[:, max(0, at - thick) : at + thick] = 255


def _write(ink: np.ndarray, picture: np.ndarray) -> None:
    """Write a caption (h, w, 1) into the upper left corner of ``picture`` (h, w, 3), in place."""
    box = picture[: ink.shape[0], : ink.shape[1]]
    opacity = BOX_OPACITY + (TEXT_OPACITY - BOX_OPACITY) * ink
    box[:] = np.rint(box * (1 - opacity) + 255 * ink * opacity)


def _caption(text: str, height: int) -> np.ndarray:
    """How white each pixel of a caption's box is, for a picture of ``height`` pixels: (h, w, 1) float32 in 0-1."""
    from PIL import Image, ImageDraw, ImageFont  # moviepy's TextClip cuts off the lower parts of letters

    em = max(SMALLEST_EM, round(CAPTION_HEIGHT * height))
    path = _font()
    font = ImageFont.truetype(path, em) if path else ImageFont.load_default(em)
    _, top, right, bottom = font.getbbox(text)
    box = Image.new("L", (round(right) + 2 * (em // 2), max(round(BOX_HEIGHT * em), round(bottom - top) + em // 2)))
    ImageDraw.Draw(box).text((em // 2, (box.height - bottom - top) // 2), text, fill=255, font=font)
    return np.asarray(box, np.float32)[:, :, None] / 255


def _font() -> str | None:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font draws boxes for accented letters."""
    matplotlib = importlib.util.find_spec("matplotlib")  # finding it takes no time, importing it would
    if matplotlib is None or matplotlib.origin is None:
        return None
    font = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return str(font) if font.exists() else None
