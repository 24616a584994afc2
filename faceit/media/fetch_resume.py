"""A download that goes on where it was goes on with the same file: what comes next must follow what is there.

Sites replace files, and yt-dlp does not ask whether they did. So the last bytes that are on disk are asked for again:
where they are others now, the download begins anew.
"""

from pathlib import Path
from typing import Any

SEAM = 64 * 1024  # bytes that are compared


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


class _Seam:
    """A YoutubeDL as the download of one file sees it; ``part`` is what is there of the file."""

    def __init__(self, ydl, part: Path):
        self._ydl, self._part = ydl, part
        self._next: int | None = None  # where the piece that was asked for last ends

    def __getattr__(self, name: str):
        return getattr(self._ydl, name)

    def urlopen(self, request):
        """As YoutubeDL's; the whole file comes where the piece that is asked for would not fit. yt-dlp then throws away
        what it has."""
        from yt_dlp.utils import parse_http_range

        begin = parse_http_range(request.headers.get("Range"))[0]
        if begin and begin != self._next and not self._fits(request, begin):
            request = request.copy()
            del request.headers["Range"]
        response = self._ydl.urlopen(request)
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
