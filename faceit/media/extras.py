"""What a video has beside picture, sound and subtitles: chapters, attached files, time codes, covers. Little comes
along."""

import re
from fractions import Fraction
from pathlib import Path

from faceit.media.formats import Container
from faceit.media.picture_stream import film_of, is_cover
from faceit.media.probe import decodable, opened

# the source's own tags that are copied: others tell where, when and with what somebody filmed, and who
KEPT_TAGS = ("title",)
NAMED = {"filename", "mimetype"}  # of an attached file: without both it cannot be attached again
TIME_CODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d+)")
DROPPED = 2  # numbers that a drop-frame code of 30 a second leaves out, each minute but every tenth
DAY_S = 24 * 3600
SAME_RATE = 1e-3


def chapters(path: Path, start: float, length: float) -> str:
    """The chapters of a part of a video, with their titles alone, as ffmpeg's text of metadata; "" where it has
    none."""
    with opened(path) as container:
        begin = (container.start_time or 0) / 1e6 + start
        found = [(*(float(each[end] * each["time_base"]) - begin for end in ("start", "end")), each["metadata"])
                 for each in container.chapters()]  # fmt: skip
    lines = []
    for first, last, told in found:
        if last > 0 and first < length:
            begins, ends = (round(1000 * min(max(at, 0.0), length)) for at in (first, last))
            tags = {key.lower(): text for key, text in told.items() if text}
            lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={begins}", f"END={ends}",
                      *(f"{key}={_escaped(tags[key])}" for key in KEPT_TAGS if key in tags)]  # fmt: skip
    return "\n".join([";FFMETADATA1", *lines, ""]) if lines else ""


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", text)


def time_code(path: Path, start: float, rate: Fraction, kind: Container) -> str | None:
    """The time code of the picture at ``start`` of a video that has a track of them and is converted at its own
    ``rate`` into a kind of file that takes one; None else."""
    with opened(path) as container:
        codes = [stream.metadata["timecode"] for stream in container.streams.data if "timecode" in stream.metadata]
        film = film_of(container)
        own = film.average_rate if film is not None else None
    found = TIME_CODE.fullmatch(codes[0]) if codes else None
    if found is None or not own or kind.muxer not in ("mp4", "mov") or abs(own / rate - 1) > SAME_RATE:
        return None
    return _later(found, round(start * rate), round(rate))


def _later(code: re.Match[str], frames: int, nominal: int) -> str:
    """A time code so many frames later, of so many numbers a second."""
    hours, minutes, seconds, number = (int(code[i]) for i in (1, 2, 3, 5))
    minutes += 60 * hours
    drops = DROPPED * nominal // 30 if code[4] != ":" else 0
    count = (60 * minutes + seconds) * nominal + number - drops * (minutes - minutes // 10) + frames
    per_ten = 600 * nominal - 9 * drops
    count %= DAY_S // 600 * per_ten
    tens, rest = divmod(count, per_ten)
    if drops and rest >= 60 * nominal:  # in the first of ten minutes none is left out
        rest += drops * (1 + (rest - 60 * nominal) // (60 * nominal - drops))
    seconds, number = divmod(tens * 600 * nominal + rest, nominal)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{code[4]}{number:02d}"


def attachments(path: Path, kind: Container) -> list[int]:
    """The streams of a video that are attached files, such as fonts, and that a file of this kind takes."""
    if kind.muxer != "matroska":
        return []
    with opened(path) as container:
        return [stream.index for stream in container.streams.attachments if stream.metadata.keys() >= NAMED]


def left_out(path: Path, kind: Container, codes_kept: int = 0) -> list[str]:
    """What of a video is neither in its pictures nor comes along into a file of this kind, each in words."""
    kept = len(attachments(path, kind))
    with opened(path) as container:
        streams = container.streams
        codes = [stream for stream in streams.data if "timecode" in stream.metadata]
        data = len(streams.data) - len(codes) - bool(container.chapters())  # MP4 keeps the titles of chapters as data
        counts = {
            "time code": len(codes) - codes_kept,
            "cover picture": sum(is_cover(stream) for stream in streams.video),
            "attached file": len(streams.attachments) - kept,
            "sound that cannot be decoded": sum(not decodable(stream) for stream in streams.audio),
            "track of other data": max(0, data),
        }
    words = [f"{count} {what}" for what, count in counts.items() if count]
    return [f"left out: {', '.join(words)}"] if words else []
