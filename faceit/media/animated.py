"""Animated WebP files as videos: PyAV cannot decode them, nor can ffmpeg before its release 9, so that both read a
lossless copy."""

import contextlib
import threading
from pathlib import Path

from faceit.errors import MediaError
from faceit.media.ffmpeg import process_temp
from faceit.picture_files import check_effort, opened

HEAD = 21  # bytes, of which the last says whether there are several pictures
ANIMATION = 0x02  # in that byte
CLOCK = 1000  # WebP counts milliseconds
SHORTEST_MS, USUAL_MS = 11, 100  # browsers show what should be shorter than that for so long
MOST_COPIES = 4  # at a time: lossless, they are large

_copies: dict[tuple, Path] = {}  # by the state of the file, the oldest first
_lock = threading.Lock()


def readable(path: Path | str) -> Path | str:
    """A file that PyAV and ffmpeg can read: this one, or of an animated WebP a copy, which lives as long as the process
    or until there are many. MediaError for a damaged one."""
    if not _is_animated(Path(path)):
        return path
    state = Path(path).stat()
    key = (str(path), state.st_size, state.st_mtime_ns)
    with _lock:
        if key not in _copies:
            while len(_copies) >= MOST_COPIES:
                with contextlib.suppress(OSError):  # Windows keeps what is being read
                    _copies.pop(next(iter(_copies))).unlink(missing_ok=True)
            copy = process_temp() / f"{abs(hash(key)):x}.mkv"
            _unroll(Path(path), copy)
            _copies[key] = copy
        return _copies[key]


def _is_animated(path: Path) -> bool:
    if path.suffix.lower() != ".webp" or not path.is_file():  # reading a pipe would wait for ever
        return False
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    return len(head) == HEAD and head[8:16] == b"WEBPVP8X" and bool(head[-1] & ANIMATION)


def _unroll(path: Path, out: Path) -> None:
    """Write all pictures of a file as a lossless video in which each is shown at its time."""
    import av

    with opened(path) as image:
        check_effort(image, path)
        try:
            with av.open(str(out), "w", format="matroska") as video:
                stream = video.add_stream("ffv1", rate=CLOCK)
                stream.width, stream.height = image.size
                stream.pix_fmt = "bgra" if image.mode == "RGBA" else "bgr0"
                at = 0
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    picture = _picture(image, stream.pix_fmt)
                    shown = image.info.get("duration") or 0
                    shown = shown if shown >= SHORTEST_MS else USUAL_MS
                    picture.pts = at
                    for packet in stream.encode(picture):
                        packet.duration = shown
                        video.mux(packet)
                    at += shown
                video.mux(stream.encode())
        except av.error.FFmpegError as error:
            raise MediaError(f"{path} cannot be unpacked in {out.parent}: {error.strerror}: free some space, or set "
                             "TMPDIR to another folder.") from error  # fmt: skip


def _picture(image, pixels: str):
    """The current picture of an opened file, white where nothing is seen, as PyAV's frame."""
    import av
    import numpy as np

    values = np.array(image.convert("RGBA"))
    values[values[..., 3] == 0, :3] = 255
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(values[..., [2, 1, 0, 3]]), "bgra").reformat(format=pixels)
