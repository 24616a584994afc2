"""Opening media files with PyAV, in the same way for all releases that requirements.txt allows."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from faceit.media import process
from faceit.media.animated import readable

# Of these the file is a list of other files or addresses, or a pattern of names, all of which would be opened with it.
NAME_OTHERS = ("hls", "dash", "concat", "sdp", "rtp", "rtsp", "sap", "imf", "image2", "lavfi", "webm_dash_manifest",
               "avisynth", "vapoursynth", "ffmetadata")  # fmt: skip
TAGS_AS_BYTES = 19  # PyAV's first release that takes tags in any encoding by itself, and no longer has a word for it


def open_to_read(path: Path | str):
    """PyAV's container of a file whose tags may be in any encoding: old AVI and MP3 files have Latin-1, cp1251 ...

    Raises what PyAV raises: ``av.error.FFmpegError``, OSError.
    """
    import av

    knows_tags = int(av.__version__.split(".")[0]) >= TAGS_AS_BYTES
    words: dict[str, Any] = {} if knows_tags else {"metadata_errors": "surrogateescape"}
    return av.open(process.file_name(readable(path)), options=local_only(), **words)


def source_input(path: Path | str, **options):
    """ffmpeg-python's input for a user's file, read as what it is; numbers among the options are in plain decimals."""
    import ffmpeg

    return ffmpeg.input(process.file_name(readable(path)), **local_only(), **options)


@lru_cache(maxsize=1)
def local_only() -> dict[str, str]:
    """ffmpeg's options for reading a file as what it is: no network, and no format in which a file names others."""
    import av

    kinds = sorted(set(av.formats_available) - set(NAME_OTHERS))
    return {"protocol_whitelist": "file", "format_whitelist": ",".join(kinds)}


def tags(container) -> dict[str, str]:
    """The tags of a whole file, with names in lower case (Matroska has upper case); invalid UTF-8 becomes U+FFFD."""
    return {
        key.lower(): text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for key, text in container.metadata.items()
    }
