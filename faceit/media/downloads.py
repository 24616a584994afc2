"""Downloads for the chapters: from a project's settings to jobs, and their progress."""

import time
from pathlib import Path
from threading import Lock

from faceit.config.project import Project, Video
from faceit.media.fetch_record import Download
from faceit.progress import PLAIN_EVERY_S, say


def fetch_job(project: Project, video: Video) -> Download:
    """The download of one video of the project, with its range and maximal height."""
    return Download(video.url, project.video_stem(video), project.preprocess.height, video.start, video.end)


def cookie_options(project: Project) -> dict:
    """The keyword arguments that pass the project's cookies to the downloader."""
    cookies = project.preprocess.cookies
    return {
        "cookies": None if cookies is None else project.root / Path(cookies).expanduser(),
        "cookies_from_browser": project.preprocess.cookies_from_browser,
    }


class DownloadProgress:
    """Prints a line every few seconds during downloads; ``progress`` is called by the downloading threads."""

    def __init__(self, videos: int):
        self.videos, self.done = videos, 0
        self.loaded: set[Download] = set()
        self._bytes: dict[Download, tuple[int, int | None]] = {}
        self._last, self._lock = time.monotonic(), Lock()

    def progress(self, job: Download, done: int, total: int | None) -> None:
        with self._lock:
            self.loaded.add(job)
            self._bytes[job] = done, total
            if time.monotonic() - self._last < PLAIN_EVERY_S:
                return
            self._last = time.monotonic()
            line = self._line()
        say(line)

    def ended(self, job: Download) -> None:
        with self._lock:
            self.done += 1
            self._bytes.pop(job, None)

    def _line(self) -> str:
        under_way = [
            f"{job.stem.name} {done / 1e6:.1f}{f' of {total / 1e6:.1f}' if total else ''} MB"
            for job, (done, total) in self._bytes.items()
        ]
        return f"downloads: {self.done} of {self.videos} done; {', '.join(under_way)}"
