"""Opening media files with PyAV: one way for all of its releases that requirements.txt allows."""

from pathlib import Path
from typing import Any

from faceit.media import process

TAGS_AS_BYTES = 19  # PyAV's first release that takes tags in any encoding by itself, and no longer has a word for it


def open_to_read(path: Path | str):
    """PyAV's container of a file, whatever encoding its tags are in: old AVI and MP3 files have Latin-1, cp1251 ...

    Raises what PyAV raises: ``av.error.FFmpegError``, OSError.
    """
    import av

    knows_tags = int(av.__version__.split(".")[0]) >= TAGS_AS_BYTES
    words: dict[str, Any] = {} if knows_tags else {"metadata_errors": "surrogateescape"}
    return av.open(process.file_name(path), **words)


def tags(container) -> dict[str, str]:
    """The tags of a file as a whole, their names in small letters (Matroska has capitals); U+FFFD stands for what is
    not UTF-8."""
    return {
        key.lower(): text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for key, text in container.metadata.items()
    }
