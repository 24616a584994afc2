"""Parts of one video, encoded apart, as one: their packets are copied, each at its frame's own time."""

import os
from fractions import Fraction
from pathlib import Path

from faceit.errors import MediaError


def join(parts: list[Path], out: Path, fps: Fraction) -> int:
    """Put the pictures of mp4 or mov files, which were encoded alike, one behind the other into ``out``, which ends as
    they do; how many there are. ``out`` is in the making until this returns. MediaError when a part is damaged, unlike
    the first, or the disk refuses."""
    import av

    done = 0
    path = None
    try:
        with av.open(os.path.abspath(out), "w", format=out.suffix[1:]) as whole:
            stream = None
            held_back = max(_held_back(path := part, fps) for part in parts)
            for path in parts:
                with av.open(os.path.abspath(path)) as part:
                    given = part.streams.video[0]
                    if stream is None:
                        stream = whole.add_stream_from_template(given)
                        stream.time_base = given.time_base
                        extradata = given.codec_context.extradata
                    if given.time_base != stream.time_base or given.codec_context.extradata != extradata:
                        raise MediaError(f"{path} was encoded in another way than the parts before it.")
                    done += _copied(part, given, whole, stream, done, held_back, fps)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"{path or out} cannot be joined with the other parts: {error}.") from error
    return done


def _held_back(path: Path, fps: Fraction) -> int:
    """How many frames the encoder of a part held back, so that a picture may be predicted from a later one."""
    import av

    with av.open(os.path.abspath(path)) as part:
        given = part.streams.video[0]
        first = next(part.demux(given))
        return 0 if first.dts is None else max(0, round(-first.dts * given.time_base * fps))


def _copied(part, given, whole, stream, first: int, held_back: int, fps: Fraction) -> int:
    """Copy a part's packets to where its frames are, of which ``first`` is the number of the first; how many."""
    ticks = 1 / (fps * given.time_base)  # of a frame
    if ticks.denominator != 1:
        raise MediaError(f"{part.name}: a frame's time is no whole number of its clock's ticks.")
    count = 0
    for packet in part.demux(given):
        if packet.dts is None:  # the end
            continue
        packet.pts += first * int(ticks)
        # parts of a frame or two need no reordering and come without that delay: all get the same
        packet.dts = min(packet.pts, (first + count - held_back) * int(ticks))
        packet.stream = stream
        whole.mux(packet)
        count += 1
    return count
