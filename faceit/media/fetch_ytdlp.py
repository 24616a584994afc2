"""Downloading one video by yt-dlp: its options, its hooks, and a second attempt after some errors."""

import io
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faceit.errors import MediaError
from faceit.media.fetch_errors import sentence, short_address
from faceit.media.fetch_record import Download
from faceit.media.fetch_resume import Replaced, Resumed, Watched, compare_fragments, reopen_streams
from faceit.media.ffmpeg import ffmpeg_on_path
from faceit.progress import say

SOCKET_TIMEOUT_S = 20
RETRY_SLEEP_S = (1, 2, 4, 8)  # before the second, third ... attempt after a dropped connection or a server error
CUT_CRF = 17  # ranges are re-encoded to be exact; this is visually close to lossless
RESERVE = 500_000_000  # bytes of the disk that no download fills, or a twentieth of it where that is less
FRAGMENTS = 4  # of a streamed video, downloaded at a time
JS_RUNTIMES = ("deno", "node", "quickjs", "bun")  # for YouTube's challenges, in yt-dlp's order

OnProgress = Callable[[int, int | None], None]  # (bytes done, bytes in all or None)


@dataclass(frozen=True)
class Cookies:
    """Where the cookies for a site come from: a Netscape cookies file, or a browser's ``name`` or ``name:profile``."""

    file: Path | None = None
    browser: str | None = None


class Stopped(Exception):
    """The caller stopped waiting; not an error."""


class Endless(MediaError):
    """What came has no length and fills the disk: it cannot be resumed."""


@dataclass
class Hooks:
    """yt-dlp's callbacks: for progress, for warnings, and before a download; each may stop it."""

    job: Download
    on_progress: OnProgress | None = None
    stop: threading.Event | None = None
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, tuple[int, int | None]] = field(default_factory=dict)  # file -> bytes done, bytes in all
    open_ended: bool = False  # a server did not say how much comes

    def check(self) -> None:
        """Raise Stopped if nobody waits for the video any more."""
        if self.stop is not None and self.stop.is_set():
            raise Stopped

    def progress(self, event: dict) -> None:
        """yt-dlp's progress hook; picture and sound are separate files, so their bytes are added."""
        self.check()
        done = event.get("downloaded_bytes")
        if done is None:
            return
        total = event.get("total_bytes") or event.get("total_bytes_estimate")
        self._check_room(event, int(done))
        self.counts[event.get("filename") or ""] = int(done), None if total is None else max(int(total), int(done))
        if self.on_progress is not None:
            totals = [total for _, total in self.counts.values() if total is not None]
            whole = sum(totals) if len(totals) == len(self.counts) else None
            self.on_progress(sum(done for done, _ in self.counts.values()), whole)

    def _check_room(self, event: dict, done: int) -> None:
        """MediaError where the rest of a file would fill the disk."""
        folder, total = self.job.stem.parent, event.get("total_bytes")
        disk = shutil.disk_usage(folder)
        free = disk.free - min(RESERVE, disk.total // 20)
        if free >= (max(total - done, 0) if total else 0):
            return
        short = short_address(self.job.url)
        if not total and not event.get("fragment_count"):
            raise Endless(f"{short}: {done / 1e6:,.0f} MB came without a word of how much it is, and the disk of "
                          f"{folder} is nearly full: free some space, or use another address.")  # fmt: skip
        needs = f"{(total - done) / 1e6:,.0f} MB more are needed and" if total else "only"
        raise MediaError(f"{short}: {needs} {disk.free / 1e6:,.0f} MB are free on the disk of {folder}: free some and "
                         "run it again, it goes on where it was.")  # fmt: skip

    def filter(self, info: dict, *, incomplete: bool = False) -> None:
        """yt-dlp's match filter, called before anything is downloaded; MediaError if the video cannot be fetched."""
        self.check()
        short = short_address(self.job.url)
        if info.get("is_live") or info.get("live_status") == "is_live":
            raise MediaError(f"{short}: it is being broadcast live: fetch it when the broadcast has ended.")
        if info.get("live_status") == "is_upcoming":
            raise MediaError(f"{short}: it has not been shown yet: fetch it later, or take it out of the YAML.")
        length, start = info.get("duration"), self.job.start
        if length and start is not None and start >= length:
            raise MediaError(f"{short}: the video ends at {length:g} s: set start ({start:g} s) to an earlier time.")

    # yt-dlp's logger: nothing is printed; warnings may explain a failure later
    def debug(self, message: str) -> None:
        self.check()

    info = error = debug

    def warning(self, message: str, **_: Any) -> None:
        self.warnings.append(message)


def download(url: str, hooks: Hooks, cookies: Cookies, parts: Path) -> tuple[Path, dict]:
    """Download the video of ``hooks.job`` from ``url`` into the folder ``parts``: (its file, yt-dlp's information on
    it). Raises MediaError, one sentence, or Stopped."""
    _load_libraries()
    reopen_streams(parts)
    fragments = FRAGMENTS
    for last_try in (False, True):
        try:
            return _from_one_video(url, hooks, cookies, parts, fragments)
        except (MediaError, Stopped):
            raise
        except Exception as error:
            hooks.check()
            if not last_try and "closed file" in str(error):
                # one of several parallel fragments failed, and another reported it: try again, one by one
                fragments = 1
                continue
            # media addresses expire: reading the page again gives new ones
            if not last_try and re.search("unable to download video data: HTTP Error 403|exited with code", str(error)):
                continue
            raise MediaError(sentence(error, hooks.job.url, hooks.warnings, parts)) from error
    raise AssertionError("unreachable")


def _from_one_video(url: str, hooks: Hooks, cookies: Cookies, parts: Path, fragments: int) -> tuple[Path, dict]:
    """``_download``, which begins anew where what is there is of a video that was replaced."""
    try:
        return _download(url, hooks, cookies, parts, fragments)
    except Replaced:
        for stray in parts.iterdir():
            stray.unlink()
        hooks.counts.clear()
        return _download(url, hooks, cookies, parts, fragments)


_load_lock = threading.Lock()


def _load_libraries() -> None:
    """Import what the threads share: circular imports break if two threads import them at once."""
    with _load_lock:
        import av  # noqa: F401
        import yt_dlp.extractor.generic
        import yt_dlp.extractor.youtube  # noqa: F401
        from yt_dlp import downloader
        from yt_dlp.downloader import external, fragment
        from yt_dlp.globals import plugin_dirs

        if not issubclass(external.Popen, _Child):
            external.Popen = type("Popen", (_Child, external.Popen), {})
        if not issubclass(downloader.HttpFD, Resumed):
            downloader.HttpFD = type("HttpFD", (Resumed, downloader.HttpFD), {})
            quiet = fragment.HttpQuietDownloader
            fragment.HttpQuietDownloader = type("HttpQuietDownloader", (Watched, quiet), {})
            compare_fragments(fragment.FragmentFD)
        plugin_dirs.value = []  # code from the user's folders, which may be a stranger's


_children: dict[int | None, Any] = {}  # thread -> the ffmpeg process that it waits for


class _Child:
    """Mixed into yt-dlp's Popen to register its ffmpeg: otherwise a thread that waits for it could not be stopped."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        _children[threading.get_ident()] = self


def kill_ffmpeg_of(thread: threading.Thread) -> None:
    """Kill the ffmpeg that a thread waits for, if any."""
    child = _children.pop(thread.ident, None)
    if child is not None and child.poll() is None:
        child.kill()


def _download(url: str, hooks: Hooks, cookies: Cookies, parts: Path, fragments: int) -> tuple[Path, dict]:
    """One attempt; raises whatever yt-dlp raises."""
    options = _options(hooks, parts) | _cookie_options(cookies) | {"concurrent_fragment_downloads": fragments}
    with _downloader(options) as ydl:
        info = ydl.extract_info(url)
    count = (info or {}).get("playlist_count") or 1
    if count > 1:
        say(f"  ! {short_address(hooks.job.url)}: of its {count} videos the first one is taken.")
    while info and info.get("_type", "video") != "video":
        info = next((entry for entry in info.get("entries") or () if entry), None)
    files = [d.get("filepath") for d in (info or {}).get("requested_downloads") or ()]
    path = Path(files[0]).resolve() if files and files[0] else None
    if path is None or path.parent != parts or not path.is_file():
        raise MediaError(f"{short_address(hooks.job.url)}: no video was found there: give the page of one video.")
    return path, info


def _downloader(options: dict[str, Any]):
    """A YoutubeDL; tests replace it by one with a fake YouTube."""
    from yt_dlp import YoutubeDL

    return YoutubeDL(options)


def _options(hooks: Hooks, parts: Path) -> dict[str, Any]:
    ffmpeg_on_path()  # yt-dlp cuts ranges only with a program called ffmpeg
    return {
        "quiet": True,
        "noprogress": True,
        "logger": hooks,
        "color": "no_color",
        # the sort order limits the size: the largest not above the height, otherwise the smallest above it;
        # "res" is the smaller side, so an upright video is not mistaken for a large one
        "format": "bv*+ba/b/bv*",
        "format_sort": ["lang", f"res:{hooks.job.height}", "vcodec:h264", "acodec:aac", "ext:mp4:m4a"],
        "merge_output_format": "mp4/mkv",
        # stable names let a killed download resume; they contain the format, so that two formats are never mixed
        "outtmpl": {"default": "video-%(format_id).40s.%(ext)s"},
        "paths": {"home": str(parts)},
        "restrictfilenames": True,
        "continuedl": True,
        "updatetime": False,
        "retries": 4,
        "fragment_retries": 4,
        "extractor_retries": 3,
        "file_access_retries": 3,
        "retry_sleep_functions": {kind: _retry_sleep for kind in ("http", "fragment", "extractor")},
        "skip_unavailable_fragments": False,  # a video with gaps is not the video
        "socket_timeout": SOCKET_TIMEOUT_S,
        "sleep_interval_requests": 0.75,  # yt-dlp's own advice against being blocked
        "noplaylist": True,
        "playlist_items": "1",
        "match_filter": hooks.filter,
        "progress_hooks": [hooks.progress],
        "js_runtimes": {name: {} for name in JS_RUNTIMES},
        **(_range_options(hooks.job) if hooks.job.ranged else {}),
    }


def _range_options(job: Download) -> dict[str, Any]:
    from yt_dlp.utils import download_range_func

    # to the millisecond: yt-dlp hands them on as Python writes them, and ffmpeg takes no exponents
    span = (round(job.start or 0.0, 3), float("inf") if job.end is None else round(job.end, 3))
    return {
        "download_ranges": download_range_func(None, [span]),
        "force_keyframes_at_cuts": True,
        "external_downloader_args": {"ffmpeg_o": ["-crf", str(CUT_CRF)]},
    }


def _cookie_options(cookies: Cookies) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if cookies.file is not None:
        # yt-dlp ignores a missing file and writes to an existing one: pass it only the text
        try:
            text = Path(cookies.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not a text file"
            raise MediaError(
                f"The cookies file {cookies.file} cannot be read ({why}): correct its path, or leave it out."
            ) from error
        options["cookiefile"] = io.StringIO(text)
    if cookies.browser is not None:
        name, _, profile = cookies.browser.partition(":")
        from yt_dlp.cookies import SUPPORTED_BROWSERS

        if name.lower() not in SUPPORTED_BROWSERS:
            known = ", ".join(sorted(SUPPORTED_BROWSERS))
            raise MediaError(f"cookies_from_browser: {name!r} is not a browser that yt-dlp can read: use {known}.")
        options["cookiesfrombrowser"] = (name.lower(), profile or None, None, None)
    return options


def _retry_sleep(n: int) -> float:
    return RETRY_SLEEP_S[min(n, len(RETRY_SLEEP_S) - 1)]
