"""Checks of a download: its address and range before, the file afterwards."""

import re
from pathlib import Path
from typing import BinaryIO

from faceit.errors import MediaError
from faceit.media.container import open_to_read
from faceit.media.fetch_errors import short_address
from faceit.media.fetch_record import Download
from faceit.media.picture_stream import film_of
from faceit.progress import say

RANGE_SLACK_S = 1.0  # a cut may be off by this much, or by a tenth of its length if that is more
TS_PACKETS = (188, 192)  # bytes of a packet of a transport stream, the longer with a time of 4 bytes before


def checked_address(job: Download) -> str:
    """The address for yt-dlp. Raises MediaError if it is not a web address, or the range is impossible."""
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


def check_file(path: Path, job: Download, info: dict, open_ended: bool = False) -> str:
    """The extension that the downloaded file should have. MediaError unless it is a complete video of the right length;
    ``info`` is yt-dlp's. ``open_ended``: no server said how much it is; what else does not tell is said."""
    short, duration = short_address(job.url), info.get("duration")
    if path.stat().st_size == 0:
        raise MediaError(f"{short}: the downloaded file is empty: try again later, or use another address.")
    length, declared, suffix = _measure(path, short, job.ranged)
    # what ffmpeg has put together is whole, whatever came
    whole = _is_whole(path) if info.get("protocol") in ("http", "https") else None
    if job.ranged:
        _check_range(length, job, duration)
    elif whole is False:
        raise MediaError(f"{short}: the file breaks off before its end: run it again, or use another address.")
    elif declared is not None and declared - length > max(2.0, declared / 10):
        raise _broken(short, length, declared)
    elif open_ended and whole is None:
        _check_open_end(short, length, duration)
    return suffix


def _broken(short: str, length: float, whole: float) -> MediaError:
    return MediaError(
        f"{short}: the file breaks off at {length:.1f} s of {whole:.1f} s: run it again, or use another address."
    )


def _check_open_end(short: str, length: float, duration: float | None) -> None:
    """Compare a file whose end nothing tells with the length that the site gives; where it gives none, say so."""
    if duration is None:
        say(f"  ! {short}: nothing tells whether this is all of it, since neither the server nor a file of this kind "
            f"says how long it is. {length:.1f} s came: if some is missing, delete it and run it again.")  # fmt: skip
    elif duration - length > max(RANGE_SLACK_S, duration / 100):
        raise _broken(short, length, duration)


def _is_whole(path: Path) -> bool | None:
    """Whether a file is as long as it says: MP4 and its kind, Matroska and AVI tell their lengths, those that are made
    to be streamed only where a piece of them should end. None where it may go on."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4 * TS_PACKETS[-1])
        if head[4:8] in (b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide"):
            end, goes_on = _end_of_boxes(file, size)
        elif head.startswith(b"RIFF"):
            end, goes_on = 8 + int.from_bytes(head[4:8], "little"), False
        elif head.startswith(b"\x1a\x45\xdf\xa3"):
            end = _end_of_matroska(file)
            goes_on = end == 0
        elif head.startswith(b"FLV"):
            end, goes_on = _end_of_flv(file, int.from_bytes(head[5:9], "big"), size), True
        else:
            # each packet of a transport stream begins with a G, behind its time if it has one
            packet = next((n for n in TS_PACKETS if {*head[n % 188 :: n][:3]} == {ord("G")}), 1)
            end, goes_on = -(-size // packet) * packet, True
    return False if end > size else None if goes_on else True


def _end_of_boxes(file: BinaryIO, size: int) -> tuple[int, bool]:
    """Where the last of the boxes of which an MP4 consists should end, and whether others may follow."""
    at, goes_on = 0, False
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        goes_on = goes_on or head[4:8] == b"moof"  # what comes in fragments does not tell how many
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0: to the end of the file
            return 0, True
        at += length
    return at, goes_on


def _end_of_flv(file: BinaryIO, at: int, size: int) -> int:
    """Where the last of the tags of which an FLV consists should end; they begin at ``at``, after a number."""
    at += 4
    while at + 4 <= size:
        file.seek(at)
        at += 11 + int.from_bytes(file.read(4)[1:], "big") + 4
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
    """Length of the video as measured and as declared (seconds, None: not declared), and the right extension."""
    import av

    try:
        with open_to_read(path) as container:
            film = film_of(container)
            first, last, count = (0.0, 0.0, 0) if film is None else _span(container, film)
            if count == 0 and ranged:
                raise MediaError(f"{short}: there is no picture between start and end: set them to within the video.")
            if film is None:
                raise MediaError(f"{short}: there is only sound, no picture: use the address of a video.")
            container.seek(0)
            if next(container.decode(film), None) is None:
                raise MediaError(f"{short}: not one picture of the file can be read: use another address.")
            if count < 2:
                raise MediaError(f"{short}: it is a single picture, not a video: use the address of a video.")
            declared = None
            if film.duration:
                declared = float(film.duration * film.time_base)
            elif container.duration:
                declared = container.duration / av.time_base
            begin = (container.start_time or 0) / av.time_base
            if declared is not None and declared >= begin:  # some files with a late clock count their length from zero
                declared -= begin
            return last - first, declared, _suffix(path, container.format.name)
    except (av.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MediaError(
            f"{short}: the downloaded file cannot be read as a video ({why}): run it again, or use another address."
        ) from error


def _span(container, stream) -> tuple[float, float, int]:
    """Begin and end of a PyAV stream's packets (seconds), and their number; nothing is decoded."""
    spans = [
        (float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base))
        for packet in container.demux(stream)
        if packet.pts is not None
    ]
    if not spans:
        return 0.0, 0.0, 0
    return min(begin for begin, _ in spans), max(begin + length for begin, length in spans), len(spans)


def _suffix(path: Path, container: str) -> str:
    """The file's own extension if it fits the content, otherwise the usual one for it."""
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
    expected = end - (job.start or 0.0)
    if abs(length - expected) > max(RANGE_SLACK_S, expected / 10):
        raise MediaError(
            f"{short_address(job.url)}: {length:.1f} s were downloaded, not the {expected:.1f} s between start and "
            "end: if the video ends there, correct end; if not, download it whole and name the file, with start and "
            "end, in the YAML."
        )
