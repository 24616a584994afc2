"""Joining separately encoded parts of a video: packets are copied, each at its frame's own time."""

import os
from fractions import Fraction
from pathlib import Path

from faceit.errors import MediaError
from faceit.files import new_file
from faceit.media import process
from faceit.media.container import open_to_read
from faceit.media.formats import CONTAINERS


def join(parts: list[Path], out: Path, fps: Fraction) -> int:
    """Concatenate the pictures of video files, encoded alike, into ``out``, which has the same suffix; returns their
    number. ``out`` is incomplete until this returns. MediaError if a part is damaged or encoded differently from the
    first, or ``out`` cannot be written."""
    import av

    done = 0
    path = None
    try:
        new_file(out)
        with av.open(os.path.abspath(out), "w", format=CONTAINERS[out.suffix].muxer) as whole:
            stream = None
            held_back = max(_held_back(path := part, fps) for part in parts)
            for path in parts:
                with open_to_read(path) as part:
                    part_stream = part.streams.video[0]
                    if stream is None:
                        stream = _stream_like(part_stream, whole, fps)
                        extradata = part_stream.codec_context.extradata
                    if part_stream.time_base != stream.time_base or part_stream.codec_context.extradata != extradata:
                        raise MediaError(f"{path} was encoded differently from the parts before it.")
                    done += _copied(part, part_stream, whole, stream, done, held_back, fps)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        why = f"{error}{process.step_after(error)}"
        raise MediaError(f"{path or out} cannot be joined with the other parts: {why}.") from error
    return done


def _stream_like(template, whole, fps: Fraction):
    """A stream for a part's packets."""
    if whole.format.name != "matroska":
        stream = whole.add_stream_from_template(template)
    else:  # Matroska stores a frame rate of its own, which a template lacks
        context = template.codec_context
        stream = whole.add_stream(context.name, rate=fps)
        stream.width, stream.height, stream.pix_fmt = context.width, context.height, context.pix_fmt
        stream.codec_context.extradata = context.extradata
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(stream.codec_context, name, getattr(context, name))
    stream.time_base = template.time_base
    return stream


def _held_back(path: Path, fps: Fraction) -> int:
    """How many frames a part's encoder delays, so that pictures can be predicted from later ones."""
    with open_to_read(path) as part:
        stream = part.streams.video[0]
        first = next(part.demux(stream))
        return 0 if first.dts is None else max(0, round(-first.dts * stream.time_base * fps))


def _copied(part, part_stream, whole, stream, first: int, held_back: int, fps: Fraction) -> int:
    """Copy a part's packets to the times of its frames, the first of which is number ``first``; returns how many."""
    ticks = 1 / (fps * part_stream.time_base)  # per frame; in Matroska's clock, of milliseconds, not a whole number
    count = 0
    for packet in part.demux(part_stream):
        if packet.dts is None:  # the end
            continue
        packet.pts = round((first + round(packet.pts / ticks)) * ticks)
        # parts of one or two frames are not reordered and have no delay: give all parts the same
        packet.dts = min(packet.pts, round((first + count - held_back) * ticks))
        packet.duration = round(ticks)
        packet.stream = stream
        whole.mux(packet)
        count += 1
    return count
