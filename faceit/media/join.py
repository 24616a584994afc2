"""Parts of one video, encoded apart, as one: their packets are copied, each at its frame's own time."""

import os
from fractions import Fraction
from pathlib import Path

from faceit.errors import MediaError
from faceit.files import new_file
from faceit.media.container import open_to_read
from faceit.media.formats import CONTAINERS


def join(parts: list[Path], out: Path, fps: Fraction) -> int:
    """Put the pictures of video files, which were encoded alike, one behind the other into ``out``, which ends as
    they do; how many there are. ``out`` is in the making until this returns. MediaError when a part is damaged, unlike
    the first, or the disk refuses."""
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
                    given = part.streams.video[0]
                    if stream is None:
                        stream = _stream_like(given, whole, fps)
                        extradata = given.codec_context.extradata
                    if given.time_base != stream.time_base or given.codec_context.extradata != extradata:
                        raise MediaError(f"{path} was encoded in another way than the parts before it.")
                    done += _copied(part, given, whole, stream, done, held_back, fps)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"{path or out} cannot be joined with the other parts: {error}.") from error
    return done


def _stream_like(given, whole, fps: Fraction):
    """A stream for a part's packets."""
    if whole.format.name != "matroska":
        stream = whole.add_stream_from_template(given)
    else:  # which keeps a rate of its own, that a template does not bring
        context = given.codec_context
        stream = whole.add_stream(context.name, rate=fps)
        stream.width, stream.height, stream.pix_fmt = context.width, context.height, context.pix_fmt
        stream.codec_context.extradata = context.extradata
        for told in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(stream.codec_context, told, getattr(context, told))
    stream.time_base = given.time_base
    return stream


def _held_back(path: Path, fps: Fraction) -> int:
    """How many frames the encoder of a part held back, so that a picture may be predicted from a later one."""
    with open_to_read(path) as part:
        given = part.streams.video[0]
        first = next(part.demux(given))
        return 0 if first.dts is None else max(0, round(-first.dts * given.time_base * fps))


def _copied(part, given, whole, stream, first: int, held_back: int, fps: Fraction) -> int:
    """Copy a part's packets to where its frames are, of which ``first`` is the number of the first; how many."""
    ticks = 1 / (fps * given.time_base)  # of a frame; Matroska's clock, of milliseconds, has no whole number of them
    count = 0
    for packet in part.demux(given):
        if packet.dts is None:  # the end
            continue
        packet.pts = round((first + round(packet.pts / ticks)) * ticks)
        # parts of a frame or two need no reordering and come without that delay: all get the same
        packet.dts = min(packet.pts, round((first + count - held_back) * ticks))
        packet.duration = round(ticks)
        packet.stream = stream
        whole.mux(packet)
        count += 1
    return count
