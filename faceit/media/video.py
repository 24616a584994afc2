"""Videos in: what they are, and their pictures as a stream of RGB arrays or of planes.

Reading puts every source on one even beat (a constant frame rate that starts at zero of the file's own clock), upright,
with square pixels and even sizes, so that no later stage meets variable rates, late starts, rotation flags or HDR.
"""

import math
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from faceit.errors import MediaError
from faceit.media import process
from faceit.media.container import open_to_read
from faceit.planes import Planes

SLOWEST_FPS, FASTEST_FPS, FALLBACK_FPS = 1, 240, Fraction(30)  # containers without a rate say 1000 or 90000
NTSC = [Fraction(n * 1000, 1001) for n in (24, 30, 60)]
SAME_RATE = 1e-6
COMMON_RATES = (5, 10, 12, 15, NTSC[0], 24, 25, NTSC[1], 30, 48, 50, NTSC[2], 60)
HDR_TRANSFERS = (16, 18)  # ITU-T H.273 transfer characteristics: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)
BT709, UNSPECIFIED = 1, 2  # H.273: colour matrices; the file does not say
FULL_RANGE = 2  # ffmpeg's number for levels from 0 to 255
NOT_VIDEO_FORMATS = ("image2", "tty")  # a .jpg opens as a one-frame video, a .txt as a terminal's picture
SCALING = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"  # swscale's defaults trade a level or two for speed
AS_BT709 = {"out_color_matrix": "bt709", "out_range": "tv", "flags": SCALING}
QUICK_SCALING = "bicubic"  # those defaults: a picture that keeps its size is converted in a third of the time
SEEK_MARGIN_S = 10.0  # longer than the distance of key frames in most files
TIMESTAMPS_JUMP = 0x0200  # AVFMT_TS_DISCONT: MPEG-TS, MPEG-PS and a few more


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, as ``read_frames`` will deliver it: upright, square pixels, even width and height."""

    path: Path
    width: int
    height: int
    fps: Fraction
    duration: float  # seconds from the start of the file's clock to the end of the last picture
    has_sound: bool
    sound_codec: str | None  # ffmpeg's name, for instance "aac"; of the first sound stream
    hdr: bool
    interlaced: bool = False


def probe(path: Path | str) -> VideoInfo:
    """Look into a video (10 ms or so). Raises MediaError, in a sentence, when it holds no picture to work on."""
    return _inspect(path).info


def frame_size(info: VideoInfo, height: int | None = None) -> tuple[int, int]:
    """(width, height) of the frames that ``read_frames(..., height=height)`` gives: never larger, both even."""
    if height is None or height >= info.height:
        return info.width, info.height
    small = max(2, height - height % 2)
    return max(2, 2 * round(info.width * small / info.height / 2)), small


def frame_count(
    info: VideoInfo, fps: Fraction | float | None = None, start: float | None = None, end: float | None = None
) -> int:
    """About how many frames ``read_frames`` will give for this range; for progress, not for allocation."""
    first = start or 0.0
    last = info.duration if end is None else min(end, info.duration)
    return max(0, math.ceil((last - first) * float(rate_of(fps or info.fps)) - 1e-6))


def read_frames(
    path: Path | str,
    *,
    fps: Fraction | float | None = None,
    start: float | None = None,
    end: float | None = None,
    height: int | None = None,
    quick: bool = False,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time, frame): seconds on the source's clock, and (h, w, 3) uint8 RGB, C-contiguous, writable.

    Frames come at a constant ``fps`` (default: the video's own) in step with the sound, also when the source has a
    variable rate or its picture starts late (the first picture is then repeated from the start). ``start`` and ``end``
    are seconds on the source's clock; ``height`` makes the picture smaller, never larger (see ``frame_size``).
    ``quick`` takes half the time where the picture keeps its size, and is a level or two beside the exact colours,
    more at the edges of coloured things: good for finding faces, not for what is shown.
    Closing the generator ends ffmpeg. What can be read of a damaged file is delivered.

    Raises MediaError at once for a file that ``probe`` refuses or a range outside it, and later when not even one
    frame can be read or ffmpeg is killed.
    """
    source = _inspect(path)
    _check_range(source.info, start, end)
    rate = rate_of(fps or source.info.fps)
    width, rows = frame_size(source.info, height)
    command = _read_command(source, rate, start or 0.0, end,
                            lambda picture: _to_rgb(picture, source, (width, rows), quick), "rgb24")  # fmt: skip
    return _frames(command, source.info.path, (rows, width, 3), rate, start or 0.0)


def read_planes(
    path: Path | str, *, start: float | None = None, end: float | None = None, height: int | None = None
) -> Iterator[tuple[float, Planes]]:
    """As ``read_frames``, but (time, planes). What most videos are made of comes as the decoder gives it."""
    source = _inspect(path)
    _check_range(source.info, start, end)
    width, rows = frame_size(source.info, height)
    command = _read_command(source, source.info.fps, start or 0.0, end,
                            lambda picture: _to_planes(picture, source, (width, rows)), "yuv420p")  # fmt: skip
    return _frames(command, source.info.path, (3 * rows // 2, width), source.info.fps, start or 0.0, Planes)


# --- looking into a file -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A video and what ffmpeg must be told about it, beyond what others need to know."""

    info: VideoInfo
    own_size: tuple[int, int]  # (width, height) of the picture, upright, before its pixels are made square and even
    stream: int  # index in the file
    jumps: bool  # a format like MPEG-TS: no index, and a clock that may jump
    late_s: float  # by how much the picture starts after the file's clock, where ffmpeg would forget it
    colorspace: int
    primaries: int
    pixels: str | None  # ffmpeg's name of the pixel format
    full_range: bool


def opened(path: Path | str):
    """PyAV's container of a file, or MediaError in words."""
    import av

    path = Path(path)
    if path.is_dir():
        raise MediaError(f"{path} is a folder: name one video in it.")
    if not path.exists():
        raise MediaError(f"{path} does not exist.")
    try:
        if path.stat().st_size == 0:
            raise MediaError(f"{path} is empty: fetch or copy it again.")
        return open_to_read(path)
    except PermissionError as error:
        raise MediaError(f"{path} may not be read: {error.strerror}.") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path} is not a video, or it is damaged or cut off ({_words(error)}).") from error


def _words(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return said[:1].lower() + said[1:]


def _inspect(path: Path | str) -> _Source:
    """What there is to know of a video; looked up once, since some formats must be read to their end for it."""
    path = Path(path)
    try:
        state = path.stat()
    except OSError:
        return _looked_into(path, 0, 0)  # it says what is wrong, and errors are not remembered
    return _looked_into(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _looked_into(path: Path, size: int, changed: int) -> _Source:
    """``_inspect`` of the file as it was when it had this size (bytes) and time of change (ns)."""
    with opened(path) as container:
        video = _video_stream(container, path)
        frame = _first_frame(container, video)
        if frame is None:
            raise MediaError(f"{path}: not one picture in it can be decoded; it is damaged or cut off.")
        own_size, (width, height) = _upright_sizes(frame, video.sample_aspect_ratio)
        context = video.codec_context
        sounds = [s for s in container.streams.audio if decodable(s)]
        late = late_by(container, video)
        info = VideoInfo(
            path=path,
            width=width,
            height=height,
            fps=_own_rate(video),
            duration=_duration(container, video),
            has_sound=bool(sounds),
            sound_codec=sounds[0].codec_context.name if sounds else None,
            hdr=context.color_trc in HDR_TRANSFERS,
            interlaced=bool(frame.interlaced_frame),
        )
        jumps = clock_jumps(container)
        return _Source(
            info, own_size, video.index, jumps, late if jumps else 0.0, context.colorspace, context.color_primaries,
            context.pix_fmt, context.color_range == FULL_RANGE,
        )  # fmt: skip


def _video_stream(container, path: Path):
    import av

    if container.format.name in NOT_VIDEO_FORMATS or container.format.name.endswith("_pipe"):
        raise MediaError(f"{path} is not a video.")
    cover = av.stream.Disposition.attached_pic  # the sleeve of a music file
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & cover:
            return stream
    if container.streams.audio:
        raise MediaError(f"{path} has sound but no picture.")
    raise MediaError(f"{path} is not a video.")


def _first_frame(container, stream):
    """The first picture that can be decoded; damaged ones before it are passed over. None when there is none."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return None
            frames = packet.decode()
        except av.error.EOFError:
            return None
        except (av.error.InvalidDataError, av.error.PatchWelcomeError):
            continue
        except av.error.FFmpegError:
            return None
        if frames:
            return frames[0]


def _upright_sizes(frame, aspect) -> tuple[tuple[int, int], tuple[int, int]]:
    """(width, height) after rotation: as the picture is, and with square pixels and even."""
    own, square = (frame.width, frame.height), (round(frame.width * (aspect or 1)), frame.height)
    if round(frame.rotation / 90) % 2:
        own, square = own[::-1], square[::-1]
    return own, (max(2, square[0] - square[0] % 2), max(2, square[1] - square[1] % 2))


def _own_rate(stream) -> Fraction:
    """The rate of the pictures; of a variable one, a common rate that loses almost none of them."""
    guess, average = (
        rate if rate and SLOWEST_FPS <= rate <= FASTEST_FPS else None
        for rate in (stream.guessed_rate, stream.average_rate)
    )
    if guess and average and guess > 1.5 * average:  # 24 and 30 a second in one file are guessed as 120
        return rate_of(next((rate for rate in COMMON_RATES if rate >= 0.99 * average), average))
    return rate_of(guess or average or FALLBACK_FPS)


def rate_of(fps: Fraction | float) -> Fraction:
    """A rate as a fraction of numbers that fit a container's clock; 29.97002997 becomes 30000/1001, and so does what a
    clock of nanoseconds makes of it."""
    near = (known for known in NTSC if abs(fps / known - 1) < SAME_RATE)
    rate = next(near, Fraction(fps).limit_denominator(1001))
    if rate <= 0:
        raise ValueError(f"a frame rate must be above zero, not {fps}")
    return rate


def clock_jumps(container) -> bool:
    return bool(container.format.flags & TIMESTAMPS_JUMP)


def late_by(container, stream) -> float:
    """Seconds between the start of the file's clock (its first stream's start) and that of ``stream``."""
    if stream.start_time is None or container.start_time is None:
        return 0.0
    return max(0.0, float(stream.start_time * stream.time_base) - container.start_time / 1e6)


def _duration(container, stream) -> float:
    if clock_jumps(container):  # their headers have no length, and guesses from the bit rate are 20 % off
        return _measured_duration(container, stream)
    if stream.duration:
        return late_by(container, stream) + float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1e6
    return _measured_duration(container, stream)


def _measured_duration(container, stream) -> float:
    """The end of the last packet, for files that a recorder never finished (it reads the whole file)."""
    import av

    end, begin = 0.0, (container.start_time or 0) / 1e6
    try:
        container.seek(0)
        for packet in container.demux(stream):
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base) - begin)
    except av.error.FFmpegError:
        return end
    return end


def decodable(stream) -> bool:
    # phones add tracks (spatial sound) that ffmpeg can name but not decode
    return stream.codec_context is not None and bool(stream.codec_context.codec)


def used_range(info: VideoInfo, start: float | None, end: float | None) -> tuple[float, float | None]:
    """(start, end) in seconds of what a range holds of a video; end None where nobody knows how long it is."""
    return start or 0.0, min(end or info.duration, info.duration) if info.duration else end


def used_seconds(info: VideoInfo, start: float | None, end: float | None) -> float:
    """How long that is; 0 where nobody knows."""
    first, last = used_range(info, start, end)
    return 0.0 if last is None else max(0.0, last - first)


def _check_range(info: VideoInfo, start: float | None, end: float | None) -> None:
    if start is not None and start < 0:
        raise MediaError(f"{info.path}: the start ({start:g} s) is before the video begins.")
    if end is not None and end <= (start or 0.0):
        raise MediaError(f"{info.path}: the end ({end:g} s) is not after the start ({start or 0.0:g} s).")
    if start is not None and info.duration and start >= info.duration:
        raise MediaError(f"{info.path} is {info.duration:.1f} s long, so it cannot start at {start:g} s.")


# --- ffmpeg's command lines ------------------------------------------------------------------------------------------


def _read_command(
    source: _Source, rate: Fraction, start: float, end: float | None, convert: Callable, pixels: str
) -> list[str]:
    """Frames at an even rate, through the filters of ``convert(picture)``, in a pixel format."""
    import ffmpeg

    options = seek(start, source.late_s, SEEK_MARGIN_S if source.jumps else 0.0)
    # noaccurate_seek keeps the picture that is already on screen at the start, which "accurate" drops;
    # reinit_filter=0: a change of size on the way would begin the filters, and the count of frames, anew
    file = ffmpeg.input(process.file_name(source.info.path), noaccurate_seek=None, reinit_filter=0, **options)
    picture = file[str(source.stream)]
    if source.info.interlaced:
        picture = picture.filter("bwdif", mode="send_frame", deint="interlaced")
    # start_time=0 drops what comes before and fills up to a late picture: frame n is at start + n / rate
    picture = picture.filter("fps", fps=str(rate), start_time=0)
    limit = {} if end is None else {"t": end - start}
    return process.command(convert(picture).output("pipe:", format="rawvideo", pix_fmt=pixels, **limit))


def _to_planes(picture, source: _Source, size: tuple[int, int]):
    """Scale to ``size`` and convert to yuv420p of BT.709 in limited range, where it is not that already."""
    matrix = BT709 if _is_guessed_bt709(source) else source.colorspace
    if (source.pixels, source.full_range, matrix, source.info.hdr) != ("yuv420p", False, BT709, False):
        return _to_rgb(picture, source, size, False).filter("format", "rgb24").filter("scale", **AS_BT709)
    # both pass on what is so already; a file may change its size on the way
    return picture.filter("scale", *size, flags=SCALING).filter("setsar", 1).filter("format", "yuv420p")


def _is_guessed_bt709(source: _Source) -> bool:
    """Whether the file does not say what its colours are and players take them for BT.709: only old, small video is
    BT.601."""
    return source.colorspace == UNSPECIFIED and (source.info.height > 576 or source.info.width >= 1280)


def _to_rgb(picture, source: _Source, size: tuple[int, int], quick: bool):
    """Scale to ``size`` and convert to RGB, whatever the source's colours are; see ``read_frames`` for ``quick``."""
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


def seek(start: float, late_s: float, margin_s: float) -> dict:
    """Input options that put zero at ``start`` on the file's clock; what comes before has negative times.

    Seeking goes to ``margin_s`` before it: without an index ffmpeg may land behind the key frame that is needed.
    For MPEG-TS and its like ffmpeg moves the first stream *in use* to zero, although another may begin earlier;
    ``late_s`` is what it forgets.
    """
    options = {}
    target = start - margin_s
    if target > 0:
        options["ss"] = target
    offset = max(0.0, late_s - max(0.0, target)) - (start - max(0.0, target))
    if offset:
        options["itsoffset"] = offset
    if start > 0 and margin_s > 0:
        options["dts_delta_threshold"] = 3 * margin_s  # by default 10 s before zero is taken for a jump, and "mended"
    return options


def _frames(
    command: list[str], path: Path, shape: tuple[int, ...], rate: Fraction, start: float, held: Callable = np.asarray
) -> Iterator[tuple]:
    # a file and not a pipe: an undrained pipe of error lines stops ffmpeg, and then us, for ever
    with tempfile.TemporaryFile() as log:
        reader = process.start(command, stdout=subprocess.PIPE, stderr=log)
        count = 0
        try:
            while True:
                frame = np.empty(shape, np.uint8)
                if reader.stdout.readinto(memoryview(frame).cast("B")) < frame.nbytes:
                    break
                yield start + float(count / rate), held(frame)
                count += 1
            reader.wait()
            if reader.returncode < 0 or (count == 0 and reader.returncode != 0):
                raise MediaError(f"{path} cannot be read: {process.why(reader, log)}.")
            if count == 0:
                raise MediaError(f"{path} has no picture in the part asked for.")
        finally:
            process.end(reader)
