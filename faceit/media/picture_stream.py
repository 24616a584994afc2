"""Which of a file's streams is the film, and how many pictures a second it has where it has the most."""

from collections.abc import Iterator
from itertools import pairwise

from faceit.media.container import open_to_read

STRETCH_S = 0.5  # over which a rate is taken: in less, a picture that is late makes the next ones look fast
SLOW, SELDOM = 12.5, 20  # pictures a second; of so many gaps one may be shorter, as behind a picture that is late
SLIDES = 4  # a stream with fewer than one picture in so many of the liveliest one's is a row of stills, or an intro
WHOLE_BYTES = 256 * 2**20  # files up to this size are read whole where no index tells when their pictures are
SAME = 0.02  # of two rates


def film_of(container):
    """The stream of a PyAV container that players show: no cover, moving, the largest; None where there is none."""
    streams = [stream for stream in container.streams.video if stream.codec_context is not None]
    streams = [stream for stream in streams if not is_cover(stream)]
    streams = [stream for stream in streams if stream.codec_context.codec] or streams
    if len(streams) < 2:
        return streams[0] if streams else None
    counts = _pictures(container, streams)
    most = max(counts.values())
    moving = [s for s in streams if counts[s.index] * SLIDES >= most and counts[s.index] > min(1, most - 1)]
    return max(moving or streams, key=lambda s: (s.codec_context.width * s.codec_context.height, _is_default(s)))


def is_cover(stream) -> bool:
    """Whether a stream is a picture about the file, as the sleeve of a music file is."""
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _is_default(stream) -> bool:
    import av

    return bool(stream.disposition & av.stream.Disposition.default)


def _pictures(container, streams) -> dict[int, int]:
    """How many pictures each stream has, by its index in the file."""
    if all(stream.frames for stream in streams):
        return {stream.index: stream.frames for stream in streams}
    counts = dict.fromkeys((stream.index for stream in streams), 0)
    for packet in _packets(container, list(counts)):
        counts[packet.stream.index] += 1
    return counts


def _packets(container, streams: list[int]) -> Iterator:
    """The packets of these streams, as far as the file can be read: it is opened anew, since not all formats can be
    wound back."""
    import av

    try:
        with open_to_read(container.name) as again:
            yield from (packet for packet in again.demux(streams) if packet.size)
    except av.error.FFmpegError:
        return  # it is cut off here


def fastest_rate(container, stream) -> float | None:
    """Pictures a second in the fastest stretch of a stream. None where their times are unknown, and where a large file
    has no index and calls its rate constant."""
    index = getattr(stream, "index_entries", None)  # PyAV 17 has none
    times = [] if index is None else [entry.timestamp for entry in index]
    if not stream.frames or len(times) < stream.frames:  # most formats have the key frames alone in it
        guess, average = stream.guessed_rate, stream.average_rate
        if container.size > WHOLE_BYTES and guess and average and abs(guess / average - 1) < SAME:
            return None
        times = [packet.pts for packet in _packets(container, [stream.index]) if packet.pts is not None]
    return _fastest(sorted(set(times)), float(stream.time_base))


def _fastest(times: list[int], tick: float) -> float | None:
    """The most pictures a second in any stretch; ``times`` rise, in ticks of so many seconds."""
    if len(times) < 2:
        return None
    stretch = min(STRETCH_S / tick, times[-1] - times[0])
    best, last = 0.0, 0
    for first, begin in enumerate(times):
        while last < len(times) and times[last] - begin < stretch:
            last += 1
        if last == len(times):
            break
        best = max(best, (last - first) / (times[last] - begin))
    if best < SLOW * tick:  # few are in such a stretch: a GIF's pictures have each a time of their own
        gaps = sorted(after - before for before, after in pairwise(times))
        best = max(best, 1 / gaps[len(gaps) // SELDOM])
    return best / tick
