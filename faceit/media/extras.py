"""What a video has beside picture, sound and subtitles: attached files, time codes, covers. Little comes along."""

from pathlib import Path

from faceit.media.formats import Container
from faceit.media.picture_stream import is_cover
from faceit.media.probe import decodable, opened

NAMED = {"filename", "mimetype"}  # of an attached file: without both it cannot be attached again


def attachments(path: Path, kind: Container) -> list[int]:
    """The streams of a video that are attached files, such as fonts, and that a file of this kind takes."""
    if kind.muxer != "matroska":
        return []
    with opened(path) as container:
        return [stream.index for stream in container.streams.attachments if stream.metadata.keys() >= NAMED]


def left_out(path: Path, kind: Container) -> list[str]:
    """What of a video is neither in its pictures nor comes along into a file of this kind, each in words."""
    kept = len(attachments(path, kind))
    with opened(path) as container:
        streams = container.streams
        codes = [stream for stream in streams.data if "timecode" in stream.metadata]
        data = len(streams.data) - len(codes) - bool(container.chapters())  # MP4 keeps the titles of chapters as data
        counts = {
            "time code": len(codes),
            "cover picture": sum(is_cover(stream) for stream in streams.video),
            "attached file": len(streams.attachments) - kept,
            "sound that cannot be decoded": sum(not decodable(stream) for stream in streams.audio),
            "track of other data": max(0, data),
        }
    words = [f"{count} {what}" for what, count in counts.items() if count]
    return [f"left out: {', '.join(words)}"] if words else []
