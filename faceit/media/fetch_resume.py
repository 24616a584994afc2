"""A download that goes on where it was goes on with the same file: what comes next must follow what is there.

Sites replace files, and yt-dlp does not ask whether they did. So the last bytes that are on disk are asked for again:
where they are others now, the download begins anew. Of a video in fragments it is the last one that is there.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from faceit.files import read_json, replacing

SEAM = 64 * 1024  # bytes that are compared
STATE = ".seam"  # beside the part of a video in fragments: which one was the last, and where it lies


class Replaced(Exception):
    """The video on the server is no longer the one of which a part is there."""


class Resumed:
    """Mixed into yt-dlp's HttpFD, whose requests then go through a ``_Seam``."""

    ydl: Any

    def real_download(self, filename: str, info_dict: dict) -> bool:
        ydl = self.ydl
        self.ydl = _Seam(ydl, Path(self.temp_name(filename)))  # type: ignore[attr-defined]
        try:
            return super().real_download(filename, info_dict)  # type: ignore[misc]
        finally:
            self.ydl = ydl


class Watched:
    """Mixed into yt-dlp's downloader of fragments, whose requests then go through a ``_Watch``."""

    ydl: Any

    def real_download(self, filename: str, info_dict: dict) -> bool:
        ydl = self.ydl
        self.ydl = _Watch(ydl)
        try:
            return super().real_download(filename, info_dict)  # type: ignore[misc]
        finally:
            self.ydl = ydl


class _Watch:
    """A YoutubeDL as the download of one file sees it: it notes where a server does not say how much comes."""

    def __init__(self, ydl):
        self._ydl = ydl

    def __getattr__(self, name: str):
        return getattr(self._ydl, name)

    def urlopen(self, request):
        """As YoutubeDL's."""
        response = self._ydl.urlopen(request)
        said = ("Content-Length", "Content-Range", "Transfer-Encoding")  # the last one has an end of its own
        if not any(response.headers.get(name) for name in said):
            self._ydl.params["logger"].open_ended = True  # our Hooks
        return response


class _Seam(_Watch):
    """It also compares what comes with ``part``, which is what is there of the file."""

    def __init__(self, ydl, part: Path):
        super().__init__(ydl)
        self._part = part
        self._next: int | None = None  # where the piece that was asked for last ends

    def urlopen(self, request):
        """As YoutubeDL's; the whole file comes where the piece that is asked for would not fit. yt-dlp then throws away
        what it has."""
        from yt_dlp.networking.exceptions import HTTPError
        from yt_dlp.utils import parse_http_range

        begin = parse_http_range(request.headers.get("Range"))[0]
        if begin and begin != self._next and not self._fits(request, begin):
            request = _without_range(request)
        try:
            response = super().urlopen(request)
        except HTTPError as error:
            if error.status != 416 or "Range" not in request.headers:
                raise
            # all of it is there: a run was killed between its last byte and its end
            response = super().urlopen(_without_range(request))
        end = parse_http_range(response.headers.get("Content-Range"))[1]
        self._next = None if end is None else end + 1
        return response

    def _fits(self, request, begin: int) -> bool:
        """Whether the file on the server has the same bytes before ``begin`` as the one on disk."""
        from yt_dlp.networking.exceptions import HTTPError
        from yt_dlp.utils import parse_http_range

        size = min(begin, SEAM)
        asked = request.copy()
        asked.headers["Range"] = f"bytes={begin - size}-{begin - 1}"
        try:
            with self._ydl.urlopen(asked) as response:
                if parse_http_range(response.headers.get("Content-Range"))[0] != begin - size:
                    return True  # it gives no pieces, so that the whole comes anyhow
                theirs = response.read(size)
        except HTTPError as error:
            return error.status != 416  # it has become shorter; others meet the request itself, too
        with self._part.open("rb") as part:
            part.seek(begin - size)
            return theirs == part.read(size)


def _without_range(request):
    request = request.copy()
    del request.headers["Range"]
    return request


def reopen_streams(parts: Path) -> None:
    """Take a picture and a sound that came whole, but not together, for unfinished, so that they are compared as well:
    of a video that was replaced in between one would be the old one's."""
    for file in parts.iterdir():
        if re.fullmatch(r"video-.*\.f.+\.\w+", file.name) and file.suffix not in (".part", ".ytdl", ".temp"):
            part = file.replace(file.with_name(f"{file.name}.part"))
            if not _state(part).exists():
                os.truncate(part, max(part.stat().st_size - 1, 0))  # nobody gives what comes after the end


def compare_fragments(kind) -> None:
    """Have yt-dlp's FragmentFD, ``kind``, fetch the last fragment that is there once more before it goes on: the list
    of fragments may be another one now, or what they hold. Replaced is raised where it is."""
    prepare, append = kind._prepare_frag_download, kind._append_fragment

    def prepared(self, ctx: dict) -> None:
        part = Path(self.temp_name(ctx["filename"]))
        _remove_strays(part)
        prepare(self, ctx)
        before, begin, ctx["seam"] = _last_fragment(part)
        ctx["dest_stream"].truncate(begin)
        ctx.update(appended=before, fragment_index=before, complete_frags_downloaded_bytes=begin)
        if not begin:
            ctx.pop("extra_state", None)  # of what was there

    def appended(self, ctx: dict, content: bytes) -> None:
        digest, expected, stream = hashlib.sha256(content).hexdigest(), ctx.pop("seam", None), ctx["dest_stream"]
        if expected not in (None, digest):
            stream.close()
            raise Replaced
        stream.flush()
        part = Path(ctx["tmpfilename"])
        begin = part.stat().st_size
        append(self, ctx, content)
        # counted here: threads that are ahead change yt-dlp's own count
        ctx["appended"] += 1
        with replacing(_state(part)) as file:
            known = {"count": ctx["appended"], "begin": begin, "size": len(content), "sha256": digest}
            file.write_text(json.dumps(known), encoding="utf-8")

    kind._prepare_frag_download, kind._append_fragment = prepared, appended


def _state(part: Path) -> Path:
    return part.with_name(part.name + STATE)


def _remove_strays(part: Path) -> None:
    """Remove fragments that an earlier run has not appended yet: nothing tells whether they are of the same video."""
    for stray in part.parent.iterdir():
        if stray.name.startswith(f"{part.name}-Frag"):
            stray.unlink()


def _last_fragment(part: Path) -> tuple[int, int, str | None]:
    """Of the last fragment that was appended to ``part``: how many come before it, where it begins, and its checksum.
    (0, 0, None) where that is not known, or what is there is something else."""
    known = read_json(_state(part)) or {}
    count, begin, size = (n if isinstance(n := known.get(key), int) else -1 for key in ("count", "begin", "size"))
    if min(count - 1, begin, size) < 0:
        return 0, 0, None
    with part.open("rb") as file:
        file.seek(begin)
        digest = hashlib.sha256(file.read(size)).hexdigest()
    return (count - 1, begin, digest) if digest == known.get("sha256") else (0, 0, None)
