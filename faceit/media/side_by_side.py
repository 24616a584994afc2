"""Before and after in one picture, next to each other, one above the other or split by a moving line, by moviepy.

Only for mp4 files of our own making: of other files moviepy loses rotation, pixel shape and late starts. Its
CompositeVideoClip takes several times as long as encoding does, and its way with sound shifts a late one; so the
pictures are put together here, frame by frame, and ffmpeg copies the sound.
"""

import importlib.util
import os
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from faceit.errors import MediaError
from faceit.media.container import open_to_read
from faceit.media.ffmpeg import ffmpeg_exe, last_line
from faceit.media.mux import mux, part_path
from faceit.media.probe import VideoInfo, probe
from faceit.media.provenance import Label
from faceit.media.video import SCALING

CAPTION_HEIGHT = 0.045  # of a letter's em, as a part of the picture's height
SMALLEST_EM = 16  # px
BOX_OPACITY, TEXT_OPACITY = 0.55, 0.95
WAYS = {"side": "side-by-side", "stacked": "stacked", "wipe": "wipe"}  # and what names of files end with
WIPE_S, WIPE_REACH = 6.0, 0.4  # seconds, to and fro; part of the width to either side of the middle
LINE = 1 / 320  # of the picture's height
VERY_WIDE = 2.2  # width by height from which one above the other is easier to look at


def side_by_side(
    left: Path | str,
    right: Path | str,
    out: Path | str,
    *,
    way: str = "side",
    captions: tuple[str, str] = ("original", "faceit"),
    label: bool = False,
    fps: Fraction | float | None = None,
    crf: int = 18,
    preset: str = "medium",
    comment: str | None = None,
) -> Path:
    """Write ``out``: two videos, each with its caption, in one of ``WAYS``. "side": next to each other (very wide ones
    above each other); "stacked": above each other; "wipe": ``left`` to the left of a line that moves to and fro, and
    ``right`` to the right of it; with ``label`` the place of the label is always that of ``right``.

    ``left`` and ``right`` are mp4 files as VideoWriter writes them: constant rate, square pixels, from zero on. The
    sound is that of ``right``, untouched, and so are the size (``left`` is scaled to it) and, unless ``fps`` is given,
    the rate; it ends with the shorter one. ``out`` is written under hidden names beside itself: it is whole or as it
    was. Returns ``out``; raises MediaError.
    """
    left, right, out = Path(left), Path(right), Path(out)
    if out.suffix.lower() != ".mp4":
        raise MediaError(f"{out}: videos are written as .mp4; give a name that ends so.")
    videos = probe(left), probe(right)
    rate = Fraction(fps or videos[1].fps).limit_denominator(1001)
    frames = max(1, round(min(video.duration for video in videos) * rate))
    picture = part_path(out, "picture")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _write_picture(videos, _drawing(way, captions, label), picture, rate, frames, ["-crf", str(crf)], preset)
        _check(picture, frames, out)
        sound_from = right if videos[1].has_sound else None
        mux(picture, sound_from, out, length=float(frames / rate), comment=comment)
    except OSError as error:  # also what moviepy raises when ffmpeg fails
        raise MediaError(f"{out} cannot be written: {_reason(error)}.") from error
    finally:
        picture.unlink(missing_ok=True)
    return out


class _Canvas:
    """The picture that holds both pictures and their captions."""

    def __init__(self, clips: list, captions: list[np.ndarray], stacked: bool):
        (width, height), (second_width, second_height) = (clip.size for clip in clips)
        if stacked:
            corners, shape = ((0, 0), (height, 0)), (height + second_height, width, 3)
        else:
            corners, shape = ((0, 0), (0, width)), (height, width + second_width, 3)
        self._pixels = np.empty(shape, np.uint8)  # one for all frames: moviepy has sent a frame before it asks again
        self._parts = [
            (clip, self._pixels[top : top + clip.h, left : left + clip.w], ink[: clip.h, : clip.w])
            for clip, ink, (top, left) in zip(clips, captions, corners, strict=True)
        ]

    def draw(self, time: float) -> np.ndarray:
        """The frame at ``time``: (h, w, 3) uint8 RGB, overwritten by the next call."""
        for clip, pixels, ink in self._parts:
            pixels[:] = clip.get_frame(time)
            _write(ink, pixels[: ink.shape[0], : ink.shape[1]])
        return self._pixels


class _Wipe:
    """One picture, to the left of a line from the first clip and to the right of it from the second. The captions are
    below, each in its own half, since the label is above."""

    def __init__(self, clips: list, captions: list[np.ndarray], label: bool):
        self._clips = clips
        self._width, self._height = clips[1].size
        self._inks = [ink[: self._height, : self._width // 2] for ink in captions]
        self._label = Label(self._width, self._height).box if label else (0, 0, 0, 0)

    def draw(self, time: float) -> np.ndarray:
        """As ``_Canvas.draw``."""
        before, after = (np.array(clip.get_frame(time)) for clip in self._clips)
        left, top, right, bottom = self._label
        labelled = after[top:bottom, left:right].copy()
        for picture, ink, last in zip((before, after), self._inks, (False, True), strict=True):
            box = picture[self._height - ink.shape[0] :, :]
            _write(ink, box[:, self._width - ink.shape[1] :] if last else box[:, : ink.shape[1]])
        split(before, after, line_at(time, self._width))
        after[top:bottom, left:right] = labelled
        return after


def line_at(time: float, width: int) -> int:
    """Where a wipe's line is in a picture of ``width`` pixels: in the middle at first, moving as a sine."""
    return round(width * (0.5 + WIPE_REACH * np.sin(2 * np.pi * time / WIPE_S)))


def split(before: np.ndarray, after: np.ndarray, at: int) -> None:
    """Put what is left of column ``at`` of ``before`` into ``after``, (h, w, 3) uint8 both, with a line between."""
    after[:, :at] = before[:, :at]
    thick = max(1, round(LINE * after.shape[0]))
    after[:, max(0, at - 2 * thick) : at + 2 * thick] //= 2  # so that a white line is seen before white
    after[:, max(0, at - thick) : at + thick] = 255


def _drawing(way: str, captions: tuple[str, str], label: bool) -> Callable:
    """What makes a canvas out of moviepy and the clips."""
    def canvas(moviepy, clips: list) -> _Canvas | _Wipe:
        width, height = clips[1].size
        inks = [_caption(moviepy, text, height) for text in captions]
        if way == "wipe":
            return _Wipe(clips, inks, label)
        return _Canvas(clips, inks, stacked=way == "stacked" or width > VERY_WIDE * height)

    return canvas


def _write(ink: np.ndarray, box: np.ndarray) -> None:
    """Write a caption (h, w, 1) over the pixels of ``box`` (h, w, 3), in place."""
    opacity = BOX_OPACITY + (TEXT_OPACITY - BOX_OPACITY) * ink
    box[:] = np.rint(box * (1 - opacity) + 255 * ink * opacity).astype(np.uint8)


def _write_picture(
    videos: tuple[VideoInfo, VideoInfo],
    drawing: Callable,
    picture: Path,
    rate: Fraction,
    frames: int,
    params: list[str],
    preset: str,
) -> None:
    """Both pictures, without sound, into the file ``picture``."""
    moviepy = _moviepy()
    size = videos[1].width, videos[1].height
    clips = []
    try:
        for video in videos:
            clips.append(_clip(moviepy, video, size))
        canvas = drawing(moviepy, clips)
        half = 0.5 / float(rate)  # of a frame's time: moviepy rounds down, both frame numbers and their count
        film = moviepy.VideoClip(lambda t: canvas.draw(t + half), duration=float(frames / rate) + half)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a last frame that has to be shown twice
            film.write_videofile(
                os.path.abspath(picture),
                fps=float(rate),
                codec="libx264",
                audio=False,
                preset=preset,
                ffmpeg_params=[*params, "-vf", _colours_and_rate(rate)],
                logger=None,
            )
    finally:
        for clip in clips:
            clip.close()


def _moviepy():
    """The package, set to use our ffmpeg (it looks for one when it is imported)."""
    os.environ.setdefault("FFMPEG_BINARY", ffmpeg_exe())
    import moviepy

    return moviepy


def _clip(moviepy, video: VideoInfo, size: tuple[int, int]):
    clip = moviepy.VideoFileClip(
        os.path.abspath(video.path), audio=False, target_resolution=size, resize_algorithm=SCALING
    )
    clip.reader.fps = float(video.fps)  # moviepy reads it from ffmpeg's text, which has two decimals
    return clip


def _caption(moviepy, text: str, height: int) -> np.ndarray:
    """How white each pixel of the caption's box is: (h, w, 1) float32 in 0-1."""
    em = max(SMALLEST_EM, round(CAPTION_HEIGHT * height))
    # moviepy measures a text without its descenders and cuts them off: leave room, then centre what was drawn
    clip = moviepy.TextClip(
        font=_font(), text=text or " ", font_size=em, color="white", bg_color=(0, 0, 0), margin=(em // 2, em)
    )
    try:
        ink = clip.get_frame(0)[:, :, :1].astype(np.float32) / 255
    finally:
        clip.close()
    rows = np.flatnonzero(ink.max(axis=(1, 2)) > 0.1)
    letters = ink[rows[0] : rows[-1] + 1] if rows.size else ink[:1]
    room = max(round(1.6 * em), len(letters) + em // 2) - len(letters)
    return np.pad(letters, ((room // 2, room - room // 2), (0, 0), (0, 0)))


def _font() -> str | None:
    """DejaVu Sans, which matplotlib brings along: moviepy's own font draws boxes for accented letters."""
    matplotlib = importlib.util.find_spec("matplotlib")  # finding it takes no time, importing it would
    if matplotlib is None or matplotlib.origin is None:
        return None
    font = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return str(font) if font.exists() else None


def _colours_and_rate(rate: Fraction) -> str:
    """The filters that mend what moviepy tells ffmpeg.

    It leaves rgb24 to be converted by bt601 without a tag, where players take bt709 for large pictures, and gives the
    rate with two decimals: 23.98 for 24000/1001 is half a second in an hour.
    """
    return (
        f"scale=out_color_matrix=bt709:out_range=tv:flags={SCALING},"
        "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,"
        f"settb={1 / rate},setpts=N,fps={rate}"
    )


def _check(picture: Path, frames: int, out: Path) -> None:
    """moviepy does not look at how ffmpeg ended: a disk that was full at the end shows only here."""
    import av

    try:
        with open_to_read(picture) as container:
            written = container.streams.video[0].frames
    except (av.error.FFmpegError, IndexError):
        written = 0
    if written != frames:
        raise MediaError(f"{out} cannot be written: only {written} of {frames} frames got through; is the disk full?")


def _reason(error: OSError) -> str:
    """ffmpeg's last line out of moviepy's page of advice."""
    said = last_line(str(error).split("The video export failed")[0])
    return (said or error.strerror or "ffmpeg failed").rstrip(".")
