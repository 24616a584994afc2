"""Whether a download can be what was asked for: its address and range before, the file that came after."""

import re
from pathlib import Path
from typing import BinaryIO

from faceit.errors import MediaError
from faceit.media.container import open_to_read
from faceit.media.fetch_errors import short_address
from faceit.media.fetch_record import Download

RANGE_SLACK_S = 1.0  # a cut may be off by this much, or by a tenth of its length when that is more


def checked_address(job: Download) -> str:
    """The address as yt-dlp should get it. Raises MediaError for what is no web address, or an impossible range."""
    url, short = job.url.strip(), short_address(job.url)
    if job.start is not None and job.start < 0:
        raise MediaError(f"{short}: start is {job.start:g} s: set it to 0 or more.")
    if job.end is not None and job.end <= (job.start or 0.0):
        raise MediaError(f"{short}: end ({job.end:g} s) is not after start ({job.start or 0:g} s): correct them.")
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://", url, re.IGNORECASE)
    if scheme and scheme[1].lower() in ("http", "https"):
        return url
    if scheme and scheme[1].lower() == "file":
        raise MediaError(f"{short}: for a file on disk write its path, without file://.")
    if not scheme and re.match(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,}(:\d+)?/", url, re.IGNORECASE):
        return "https://" + url
    raise MediaError(f"{short or 'An empty address'}: not a web address: write https://..., or the path of a file.")


def check_file(path: Path, job: Download, duration: float | None) -> str:
    """The extension that the loaded file should carry. MediaError unless it is a whole video of the right length; the
    site says that the video has ``duration`` seconds, None where it says nothing."""
    short = short_address(job.url)
    if path.stat().st_size == 0:
        raise MediaError(f"{short}: the file that came is empty: try again later, or use another address.")
    length, declared, suffix = _measure(path, short, job.ranged)
    if job.ranged:
        _check_range(length, job, duration)
    elif _ends_early(path):
        raise MediaError(f"{short}: the file breaks off before its end: run it again, or use another address.")
    elif declared is not None and declared - length > max(2.0, declared / 10):
        raise MediaError(
            f"{short}: the file breaks off at {length:.1f} s of {declared:.1f} s: run it again, or use another address."
        )
    return suffix


def _ends_early(path: Path) -> bool:
    """Whether a file says that it is longer: one of MP4's kind, Matroska's or AVI, whose parts tell their lengths."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in (b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide"):
            return _end_of_boxes(file, size) > size
        if head.startswith(b"RIFF"):
            return 8 + int.from_bytes(head[4:8], "little") > size
        if head.startswith(b"\x1a\x45\xdf\xa3"):
            return _end_of_matroska(file) > size
    return False


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Where the last of the boxes of which an MP4 consists should end; 0 where that is left open."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0: to the end of the file
            return 0
        at += length
    return at


def _end_of_matroska(file: BinaryIO) -> int:
    """Where a Matroska's one segment should end, which comes after a header; 0 where that is left open."""
    end = 0
    for id_length in (4, 4):
        file.seek(end + id_length)
        first = file.read(1)
        more = 8 - first[0].bit_length() if first and first[0] else 0  # the zeros before the first one count bytes
        length = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + file.read(more), "big") if first else 0
        if length == 2 ** (7 * (more + 1)) - 1:  # unknown
            return 0
        end += id_length + 1 + more + length
    return end


def _measure(path: Path, short: str, ranged: bool) -> tuple[float, float | None, str]:
    """Length of the picture as read and as declared (seconds, None: not declared), and the fitting extension."""
    import av

    try:
        with open_to_read(path) as container:
            streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            first, last, count = _span(container, streams[0]) if streams else (0.0, 0.0, 0)
            if count == 0 and ranged:
                raise MediaError(f"{short}: there is no picture between start and end: set them to within the video.")
            if not streams:
                raise MediaError(f"{short}: there is only sound, no picture: use the address of a video.")
            container.seek(0)
            if next(container.decode(streams[0]), None) is None:
                raise MediaError(f"{short}: not one picture of the file can be read: use another address.")
            if count < 2:
                raise MediaError(f"{short}: it is a single picture, not a video: use the address of a video.")
            declared = None
            if streams[0].duration:
                declared = float(streams[0].duration * streams[0].time_base)
            elif container.duration:
                declared = container.duration / av.time_base
            return last - first, declared, _suffix(path, container.format.name)
    except (av.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MediaError(
            f"{short}: what came cannot be read as a video ({why}): run it again, or use another address."
        ) from error


def _span(container, stream) -> tuple[float, float, int]:
    """Where the packets of a PyAV stream begin and end (seconds), and how many there are; nothing is decoded."""
    spans = [
        (float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base))
        for packet in container.demux(stream)
        if packet.pts is not None
    ]
    if not spans:
        return 0.0, 0.0, 0
    return min(begin for begin, _ in spans), max(begin + length for begin, length in spans), len(spans)


def _suffix(path: Path, container: str) -> str:
    """The file's own extension when it fits what is inside, else the usual one for that."""
    for names, usual, others in (
        ("mp4", ".mp4", (".mp4", ".m4v", ".mov")),
        ("matroska,webm", ".mkv", (".mkv", ".webm")),
        ("mpegts", ".ts", (".ts", ".mts", ".m2ts")),
    ):
        if names in container:
            return path.suffix if path.suffix in others else usual
    usual = "." + re.sub(r"[^a-z0-9]", "", container.split(",")[0].lower())
    return path.suffix if re.fullmatch(r"\.[a-z0-9]{2,4}", path.suffix) else usual


def _check_range(length: float, job: Download, whole: float | None) -> None:
    end = min((t for t in (job.end, whole) if t), default=None)
    if end is None:
        return
    asked = end - (job.start or 0.0)
    if abs(length - asked) > max(RANGE_SLACK_S, asked / 10):
        raise MediaError(
            f"{short_address(job.url)}: {length:.1f} s came instead of the {asked:.1f} s between start and end: if the "
            "video ends there, correct end; if not, download it whole and name the file, with start and end, in the "
            "YAML."
        )
