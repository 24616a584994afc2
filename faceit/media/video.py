"""Reading videos: their pictures as a stream of RGB arrays or of planes.

Every source is converted to a constant frame rate that starts at zero of the file's own clock, upright, with square
pixels and even sizes, so that no later stage meets variable rates, late starts, rotation flags or HDR.
"""

import subprocess
import tempfile
from collections.abc import Callable, Generator
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import cast

import numpy as np

from faceit.errors import MediaError
from faceit.media import process
from faceit.media.container import source_input
from faceit.media.probe import VideoDetails, check_range, frame_size, inspect, rate_of
from faceit.planes import Planes

BT709, UNSPECIFIED = 1, 2  # H.273 codes of colour matrices: BT.709, and not specified in the file
SCALING = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"  # swscale's defaults are faster but a level or two off
AS_BT709 = {"out_color_matrix": "bt709", "out_range": "tv", "flags": SCALING}
QUICK_SCALING = "bicubic"  # those defaults: without scaling, conversion takes a third of the time
SEEK_MARGIN_S = 10.0  # longer than the distance between key frames in most files
ORDER_S = 1.0  # longer than a picture waits for those that were encoded before it and are shown later


def read_frames(
    path: Path | str,
    *,
    fps: Fraction | float | None = None,
    start: float | None = None,
    end: float | None = None,
    height: int | None = None,
    quick: bool = False,
) -> Generator[tuple[float, np.ndarray], None, None]:
    """Yield (time, frame): seconds on the source's clock, and (h, w, 3) uint8 RGB, C-contiguous, writable.

    Frames come at a constant ``fps`` (default: the video's own) in sync with the sound, even if the source has a
    variable rate or its picture starts late (the first picture is then repeated from the start). ``start`` and ``end``
    are seconds on the source's clock; ``height`` makes the picture smaller, never larger (see ``frame_size``).
    ``quick`` takes half the time if the picture keeps its size, and is a level or two off the exact colours,
    more at coloured edges: good enough to detect faces, not for output.
    Closing the generator ends ffmpeg. A damaged file is read as far as possible.

    Raises MediaError at once for a file that ``probe`` refuses or a range outside it, and later if not even one
    frame can be read or ffmpeg is killed.
    """
    source = inspect(path)
    check_range(source.info, start, end)
    rate = rate_of(fps or source.info.fps)
    width, rows = frame_size(source.info, height)
    command = _read_command(source, rate, start or 0.0, end,
                            lambda picture: _to_rgb(picture, source, (width, rows), quick), "rgb24")  # fmt: skip
    return _frames(command, source.info.path, (rows, width, 3), rate, start or 0.0)


def read_planes(
    path: Path | str, *, start: float | None = None, end: float | None = None, height: int | None = None
) -> Generator[tuple[float, Planes], None, None]:
    """As ``read_frames``, but (time, planes). For most videos these are the decoder's output, unconverted."""
    source = inspect(path)
    check_range(source.info, start, end)
    width, rows = frame_size(source.info, height)
    command = _read_command(source, source.info.fps, start or 0.0, end,
                            lambda picture: _to_planes(picture, source, (width, rows)), "yuv420p")  # fmt: skip
    return _frames(command, source.info.path, (3 * rows // 2, width), source.info.fps, start or 0.0, Planes)


def _read_command(
    source: VideoDetails, rate: Fraction, start: float, end: float | None, convert: Callable, pixels: str
) -> list[str]:
    """Frames at an even rate, through the filters of ``convert(picture)``, in a pixel format."""
    # fragmented MP4 is sought by when pictures are decoded: the one that is found may be shown after the start
    margin = SEEK_MARGIN_S if source.jumps else ORDER_S
    options = seek(0.0 if source.info.counted else start, source.late_s, margin)
    # noaccurate_seek keeps the picture that is already on screen at the start, which "accurate" drops;
    # reinit_filter=0: a change of size on the way would begin the filters, and the count of frames, anew
    file = source_input(source.info.path, noaccurate_seek=None, reinit_filter=0, **options)
    picture = file[str(source.stream)]
    if source.info.interlaced:
        picture = picture.filter("bwdif", mode="send_frame", deint="interlaced")
    # start_time=0 drops what is before and repeats a late first picture: frame n is at start + n / rate
    picture = picture.filter("fps", fps=str(rate), start_time=0)
    if source.info.counted and start > 0:  # there is no time by which to seek
        picture = picture.filter("trim", start_frame=int(start * rate + 1e-6)).filter("setpts", "PTS-STARTPTS")
    limit = {} if end is None else {"t": process.plain(end - start)}
    return process.command(convert(picture).output("pipe:", format="rawvideo", pix_fmt=pixels, **limit))


def seek(start: float, late_s: float, margin_s: float) -> dict:
    """Input options that set time zero to ``start`` on the file's clock; earlier frames have negative times.

    Seeking goes ``margin_s`` further back: without an index ffmpeg may land after the key frame that is needed.
    For MPEG-TS and similar formats ffmpeg moves the first stream *in use* to zero, although another may begin earlier;
    ``late_s`` is the difference.
    """
    options = {}
    target = start - margin_s
    if target > 0:
        options["ss"] = process.plain(target)
    offset = max(0.0, late_s - max(0.0, target)) - (start - max(0.0, target))
    if offset:
        options["itsoffset"] = process.plain(offset)
    if start > 0 and margin_s > 0:
        # by default 10 s before zero is taken for a jump, and "mended"
        options["dts_delta_threshold"] = process.plain(3 * margin_s)
    return options


def _to_planes(picture, source: VideoDetails, size: tuple[int, int]):
    """Scale to ``size`` and convert to yuv420p, BT.709, limited range, if it is not already that."""
    matrix = BT709 if _is_guessed_bt709(source) else source.colorspace
    if (source.pixels, source.full_range, matrix, source.info.hdr) != ("yuv420p", False, BT709, False):
        return _to_rgb(picture, source, size, False).filter("format", "rgb24").filter("scale", **AS_BT709)
    # both do nothing if not needed; but a file may change its size midway
    return picture.filter("scale", *size, flags=SCALING).filter("setsar", 1).filter("format", "yuv420p")


def _to_rgb(picture, source: VideoDetails, size: tuple[int, int], quick: bool):
    """Scale to ``size`` and convert to RGB from any colour space; see ``read_frames`` for ``quick``."""
    width, height = size
    if not source.info.hdr:
        guess = {"in_color_matrix": "bt709"} if _is_guessed_bt709(source) else {}
        flags = QUICK_SCALING if quick and size == source.own_size else SCALING
        return picture.filter("scale", width, height, flags=flags, **guess).filter("setsar", 1)
    picture = picture.filter("scale", width, height, flags="bicubic").filter("setsar", 1)
    tags = {}
    if source.primaries == UNSPECIFIED:
        tags["color_primaries"] = "bt2020"
    if source.colorspace == UNSPECIFIED:
        tags["colorspace"] = "bt2020nc"
    if tags:
        picture = picture.filter("setparams", **tags)
    picture = picture.filter("zscale", t="linear", npl=203)  # nits of white: ITU-R BT.2408
    picture = picture.filter("format", "gbrpf32le").filter("zscale", p="bt709")
    picture = picture.filter("tonemap", tonemap="mobius", desat=0)
    return picture.filter("zscale", t="bt709", m="bt709", r="tv").filter("format", "yuv444p")


def _is_guessed_bt709(source: VideoDetails) -> bool:
    """Whether the file does not specify its colours and players assume BT.709: only old, small video is BT.601."""
    return source.colorspace == UNSPECIFIED and (source.info.height > 576 or source.info.width >= 1280)


def _frames(
    command: list[str], path: Path, shape: tuple[int, ...], rate: Fraction, start: float, wrap: Callable = np.asarray
) -> Generator[tuple, None, None]:
    """(time, ``wrap(array)``) from ffmpeg's output: uint8 arrays of ``shape``."""
    # a file and not a pipe: an undrained pipe of error lines stops ffmpeg, and then us, for ever
    with tempfile.TemporaryFile() as log:
        reader = process.start(command, stdout=subprocess.PIPE, stderr=log)
        pipe = cast(BufferedReader, reader.stdout)
        count = 0
        try:
            while True:
                frame = np.empty(shape, np.uint8)
                if pipe.readinto(frame.data.cast("B")) < frame.nbytes:
                    break
                yield start + float(count / rate), wrap(frame)
                count += 1
            reader.wait()
            if reader.returncode < 0 or (count == 0 and reader.returncode != 0):
                raise MediaError(f"{path} cannot be read: {process.why(reader, log)}.")
            if count == 0:
                raise MediaError(f"{path} has no picture in the part asked for.")
        finally:
            process.end(reader)
