"""Properties of a video: size, frame rate, length, colours and sound."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from faceit.errors import MediaError
from faceit.media.container import open_to_read
from faceit.media.picture_stream import fastest_rate, film_of, is_cover

SLOWEST_FPS, FASTEST_FPS, FALLBACK_FPS = 1, 240, Fraction(30)  # containers without a rate report 1000 or 90000
NTSC = [Fraction(n * 1000, 1001) for n in (24, 30, 60)]
SAME_RATE = 1e-6
COMMON_RATES = [Fraction(n) for n in (5, 10, 12, 15, NTSC[0], 24, 25, NTSC[1], 30, 48, 50, NTSC[2], 60, 90, 120, 240)]
HDR_TRANSFERS = (16, 18)  # ITU-T H.273 transfer characteristics: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)
FULL_RANGE = 2  # ffmpeg's number for levels from 0 to 255
NOT_VIDEO_FORMATS = ("image2", "tty")  # a .jpg opens as a one-frame video, a .txt as a terminal's picture
RATE_SLACK = 1.15  # pictures that come late make others look so much faster than they are
LATE_CLOCK_S = 0.1  # a clock that starts later than a packet of sound may
JUMP_S, BACK_S = 10.0, 0.1  # seconds that a clock may go on at once, or back: what is more, ffmpeg takes for a jump
TIMESTAMPS_JUMP = 0x0200  # AVFMT_TS_DISCONT: MPEG-TS, MPEG-PS and a few more
NO_TIMESTAMPS = 0x0080  # AVFMT_NOTIMESTAMPS: H.264 alone in a file, and other bare streams


@dataclass(frozen=True)
class VideoInfo:
    """A video as ``read_frames`` will deliver it: upright, square pixels, even width and height."""

    path: Path
    width: int
    height: int
    fps: Fraction
    duration: float  # seconds from the start of the file's clock to the end of the last picture
    has_sound: bool
    sound_codec: str | None  # ffmpeg's name, for instance "aac"; of the first sound stream
    hdr: bool
    interlaced: bool = False
    left_out: tuple[str, ...] = ()  # what of its pictures is not read, in words
    counted: bool = False  # it has no clock, or one that jumps: whatever is read of it is read from its beginning


def probe(path: Path | str) -> VideoInfo:
    """Inspect a video (about 10 ms). Raises MediaError, with a sentence, if it has no usable picture."""
    return inspect(path).info


def frame_size(info: VideoInfo, height: int | None = None) -> tuple[int, int]:
    """(width, height) of the frames of ``read_frames(..., height=height)``: never larger than the video, both even."""
    if height is None or height >= info.height:
        return info.width, info.height
    small = max(2, height - height % 2)
    return max(2, 2 * round(info.width * small / info.height / 2)), small


def frame_count(
    info: VideoInfo, fps: Fraction | float | None = None, start: float | None = None, end: float | None = None
) -> int:
    """About how many frames ``read_frames`` will yield for this range; for progress, not for allocation."""
    first = start or 0.0
    last = info.duration if end is None else min(end, info.duration)
    return max(0, math.ceil((last - first) * float(rate_of(fps or info.fps)) - 1e-6))


def used_range(info: VideoInfo, start: float | None, end: float | None) -> tuple[float, float | None]:
    """(start, end) in seconds of the part of a video within a range; end is None if its length is unknown."""
    return start or 0.0, min(end or info.duration, info.duration) if info.duration else end


def used_seconds(info: VideoInfo, start: float | None, end: float | None) -> float:
    """The length of ``used_range`` in seconds; 0 if unknown."""
    first, last = used_range(info, start, end)
    return 0.0 if last is None else max(0.0, last - first)


def check_range(info: VideoInfo, start: float | None, end: float | None) -> None:
    """MediaError if a range (seconds on the file's clock) is outside the video."""
    if start is not None and start < 0:
        raise MediaError(f"{info.path}: the start ({start:g} s) is before the video begins.")
    if end is not None and end <= (start or 0.0):
        raise MediaError(f"{info.path}: the end ({end:g} s) is not after the start ({start or 0.0:g} s).")
    if start is not None and info.duration and start >= info.duration:
        raise MediaError(f"{info.path} is {info.duration:.1f} s long, so it cannot start at {start:g} s.")


def rate_of(fps: Fraction | float) -> Fraction:
    """A rate as a fraction that fits a container's clock; 29.97002997 becomes 30000/1001, and so does its value rounded
    to nanoseconds."""
    near = (known for known in NTSC if abs(float(fps / known) - 1) < SAME_RATE)
    rate = next(near, Fraction(fps).limit_denominator(1001))
    if rate <= 0:
        raise ValueError(f"a frame rate must be above zero, not {fps}")
    return rate


@dataclass(frozen=True)
class VideoDetails:
    """A video, and further properties that reading it by ffmpeg depends on."""

    info: VideoInfo
    own_size: tuple[int, int]  # (width, height) of the picture, upright, before its pixels are made square and even
    stream: int  # index in the file
    jumps: bool  # a format like MPEG-TS: no index, and a clock that may jump
    late_s: float  # how much later than the file's clock the picture starts, if ffmpeg would ignore that
    colorspace: int
    primaries: int
    pixels: str | None  # ffmpeg's name of the pixel format
    full_range: bool


def inspect(path: Path | str) -> VideoDetails:
    """All that reading needs to know about a video; cached, since some formats must be read to their end for it."""
    path = Path(path)
    try:
        state = path.stat()
    except OSError:
        return _inspect_as_it_was(path, 0, 0)  # raises a sentence; errors are not cached
    return _inspect_as_it_was(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _inspect_as_it_was(path: Path, size: int, changed: int) -> VideoDetails:
    """``inspect`` of the file with this size (bytes) and time of modification (ns), which are part of the cache key."""
    with opened(path) as container:
        video = _video_stream(container, path)
        frame = _first_frame(container, video)
        if frame is None:
            raise MediaError(f"{path}: not one picture in it can be decoded; it is damaged or cut off.")
        own_size, (width, height) = _upright_sizes(frame, video.sample_aspect_ratio)
        context = video.codec_context
        sounds = [s for s in container.streams.audio if decodable(s)]
        late = late_by(container, video)
        rate, fastest = _own_rate(container, video)
        duration, jumped = _duration(container, video)
        info = VideoInfo(
            path=path,
            width=width,
            height=height,
            fps=rate,
            duration=duration,
            has_sound=bool(sounds),
            sound_codec=sounds[0].codec_context.name if sounds else None,
            hdr=context.color_trc in HDR_TRANSFERS,
            interlaced=bool(frame.interlaced_frame),
            left_out=tuple(_left_out(container, video, frame, rate, fastest)),
            counted=jumped or bool(container.format.flags & NO_TIMESTAMPS),
        )
        jumps = clock_jumps(container)
        return VideoDetails(
            info, own_size, video.index, jumps, late if jumps else 0.0, context.colorspace, context.color_primaries,
            context.pix_fmt, context.color_range == FULL_RANGE,
        )  # fmt: skip


def opened(path: Path | str):
    """PyAV's container of a file, or MediaError with a sentence."""
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
    except av.error.ArgumentError as error:
        raise MediaError(f"{path} is not a video but a picture, or it only names other files, as playlists do: name "
                         "the video itself.") from error  # fmt: skip
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path} is not a video, or it is damaged or cut off ({_clause(error)}).") from error


def _clause(error: Exception) -> str:
    """An error as part of a sentence."""
    words = getattr(error, "strerror", None) or str(error)
    return words[:1].lower() + words[1:]


def _video_stream(container, path: Path):
    if container.format.name in NOT_VIDEO_FORMATS or container.format.name.endswith("_pipe"):
        raise MediaError(f"{path} is not a video.")
    if (stream := film_of(container)) is not None:
        return stream
    if container.streams.audio:
        raise MediaError(f"{path} has sound but no picture.")
    raise MediaError(f"{path} is not a video.")


def _first_frame(container, stream):
    """The first picture that can be decoded, skipping damaged ones; None if there is none."""
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
    """(width, height) after rotation: of the stored picture, and with square pixels and even sides."""
    own, square = (frame.width, frame.height), (round(frame.width * (aspect or 1)), frame.height)
    if round(frame.rotation / 90) % 2:
        own, square = own[::-1], square[::-1]
    return own, (max(2, square[0] - square[0] % 2), max(2, square[1] - square[1] % 2))


def _own_rate(container, stream) -> tuple[Fraction, float]:
    """The rate at which pictures are read: of a variable one, a common rate that loses almost none in its fastest
    stretch; and how many a second that stretch has."""
    guess, average = (_believable(rate) for rate in (stream.guessed_rate, stream.average_rate))
    fastest = fastest_rate(container, stream)
    if fastest is None:
        rate = rate_of(guess or average or FALLBACK_FPS)
        return rate, float(rate)
    if guess and fastest / RATE_SLACK <= guess <= 1.5 * fastest:  # 24 and 30 a second in one file are guessed as 120
        return rate_of(guess), fastest
    if fastest > FASTEST_FPS * RATE_SLACK:  # every second, third ... of them
        return rate_of(fastest / math.ceil(fastest / FASTEST_FPS - 0.01)), fastest
    nearest = min(COMMON_RATES, key=lambda rate: abs(rate - fastest))
    if abs(nearest / fastest - 1) < 0.03:
        return rate_of(nearest), fastest
    return rate_of(next((rate for rate in COMMON_RATES if rate >= fastest / RATE_SLACK), fastest)), fastest


def _left_out(container, stream, frame, rate: Fraction, fastest: float) -> list[str]:
    """What of a video's pictures is not read, each in words."""
    words = []
    others = sum(s is not stream and s.codec_context is not None and not is_cover(s) for s in container.streams.video)
    if others:
        which = f"{stream.codec_context.width}x{stream.codec_context.height}"
        words.append(f"of its {others + 1} streams of pictures the largest one that moves is taken ({which})")
    if fastest > rate * RATE_SLACK:
        words.append(f"it has {fastest:.0f} pictures a second, of which {float(rate):.4g} are taken")
    if _shows_through(stream, frame):
        words.append("its opacity is left out: the result is opaque")
    return words


def _shows_through(stream, frame) -> bool:
    """Whether a video has an opacity, and not only a format that could hold one."""
    if stream.metadata.get("alpha_mode") == "1":  # VP8 and VP9 have it beside the picture
        return True
    if not any(component.is_alpha for component in frame.format.components):
        return False
    return bool(frame.reformat(format="rgba").to_ndarray()[..., 3].min() < 255)


def _believable(rate: Fraction | None) -> Fraction | None:
    return rate if rate and SLOWEST_FPS <= rate <= FASTEST_FPS else None


def _duration(container, stream) -> tuple[float, bool]:
    """(seconds, whether the clock jumps on the way)."""
    if clock_jumps(container):  # their headers have no length, and guesses from the bit rate are 20 % off
        return _measured_duration(container, stream)
    late = (container.start_time or 0) / 1e6 > LATE_CLOCK_S
    if stream.duration and not late:
        return late_by(container, stream) + float(stream.duration * stream.time_base), False
    if container.duration and not late:
        return container.duration / 1e6, False
    # some writers of Matroska and ASF count the length from the start of the clock and some from zero: look at the end
    near = (container.start_time or 0) + (container.duration or 0)
    end, _ = _measured_duration(container, stream, near)
    return (end, False) if end else _measured_duration(container, stream)


def _measured_duration(container, stream, near: int = 0) -> tuple[float, bool]:
    """The end of the last packet, for files that a recorder never finished, and whether the clock jumps; it reads the
    file from ``near``, in microseconds of its clock. Jumps are taken out, as ffmpeg does when it reads."""
    import av

    end, begin, shift, jumped = 0.0, (container.start_time or 0) / 1e6, 0.0, False
    last: float | None = None
    expected = 0.0
    moves = clock_jumps(container)
    try:
        container.seek(near)
        for packet in container.demux(stream):
            if packet.pts is None:
                continue
            length = float((packet.duration or 0) * packet.time_base)
            if moves and packet.dts is not None:
                at = float(packet.dts * packet.time_base)
                if last is not None and (at - expected > JUMP_S or at < last - BACK_S):
                    shift, jumped = shift + expected - at, True
                last, expected = at, at + length
            end = max(end, float(packet.pts * packet.time_base) + length + shift - begin)
    except av.error.FFmpegError:
        return end, jumped
    return end, jumped


def sound_end(path: Path | str, near: float) -> float:
    """When the last sound of a video ends, seconds on the file's clock, as far as it can be read; 0 where it has none
    after ``near``."""
    with opened(path) as container:
        place = (container.start_time or 0) + round(1e6 * max(0.0, near - 1.0))
        sounds = [stream for stream in container.streams.audio if decodable(stream)]
        place = 0 if clock_jumps(container) else place
        return max((_measured_duration(container, stream, place)[0] for stream in sounds), default=0.0)


def clock_jumps(container) -> bool:
    """Whether the format is like MPEG-TS: no index, and a clock that may jump."""
    return bool(container.format.flags & TIMESTAMPS_JUMP)


def late_by(container, stream) -> float:
    """Seconds between the start of the file's clock (its first stream's start) and that of ``stream``."""
    if stream.start_time is None or container.start_time is None:
        return 0.0
    late = float(stream.start_time * stream.time_base) - container.start_time / 1e6
    tick = max(float(stream.time_base), 2e-6)  # the file's start is known to the microsecond
    return late if late > tick / 2 else 0.0


def decodable(stream) -> bool:
    """Whether ffmpeg can decode a stream: phones add tracks (spatial sound) that it can name but not decode."""
    return stream.codec_context is not None and bool(stream.codec_context.codec)
