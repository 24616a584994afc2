"""From a web address to a video file: yt-dlp, with resuming, checking, and sentences instead of tracebacks."""

import errno
import hashlib
import io
import json
import os
import queue
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faceit.errors import MediaError
from faceit.files import read_json, replacing
from faceit.media.container import open_to_read
from faceit.media.ffmpeg import ffmpeg_on_path

SOCKET_TIMEOUT_S = 20
RETRY_SLEEP_S = (1, 2, 4, 8)  # before the second, third ... try after a dropped connection or a server error
RANGE_SLACK_S = 1.0  # a cut may be off by this much, or by a tenth of its length when that is more
CUT_CRF = 17  # ranges are encoded again to be exact; this is close to lossless to the eye
FRAGMENTS = 4  # of a streamed video, loaded at a time
STOP_WAIT_S = 3.0  # how long a stopped fetch_all waits for its threads
JS_RUNTIMES = ("deno", "node", "quickjs", "bun")  # for YouTube's challenges, in yt-dlp's order

UPGRADE = "pip install --upgrade yt-dlp yt-dlp-ejs"
COOKIES = "set cookies_from_browser (firefox, chrome ...) to a browser that is logged in"

OnProgress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Download:
    """One video to fetch: its address, where to (``stem``: the path without ``.mp4``), and how much of it.

    ``height`` bounds the smaller side in pixels; ``start`` and ``end`` are seconds, None for the video's own.
    """

    url: str
    stem: Path
    height: int = 1080
    start: float | None = None
    end: float | None = None


def fetch(
    url: str,
    stem: Path,
    *,
    height: int = 1080,
    start: float | None = None,
    end: float | None = None,
    cookies: Path | None = None,
    cookies_from_browser: str | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """Download the video at ``url`` to ``stem`` + ``.mp4``, and what is known of it to ``stem`` + ``.json``.

    The JSON is written last: when it is there and names the same url, range and height, the file is returned without
    a request. A download that was killed goes on where it was; ranges begin again. A video that no mp4 can hold, or
    that comes as one file of another kind, keeps its own extension: look it up later with ``find_video``.

    ``start`` and ``end`` are seconds; such a cut is encoded again, to be exact. ``height`` bounds the smaller side;
    H.264 is preferred among equals, and a video that exists only larger is still taken. ``cookies`` is a Netscape
    cookies file (it is read, never written), ``cookies_from_browser`` the name of a browser, or ``name:profile``.
    ``on_progress(done_bytes, total_bytes or None)`` is called often. Of a playlist or a page with several videos the
    first is taken.

    Raises MediaError, one sentence with the next step, whenever there is no whole video at the end.
    """
    download = Download(url, Path(stem), height, start, end)
    return _fetch(download, _Access(cookies, cookies_from_browser), on_progress, None)


def fetch_all(
    jobs: Iterable[Download],
    workers: int = 3,
    *,
    cookies: Path | None = None,
    cookies_from_browser: str | None = None,
    on_progress: Callable[[Download, int, int | None], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[Download, Path | MediaError]]:
    """Fetch several videos at a time; yield each job with its file, or with what went wrong, as it finishes.

    ``on_progress(job, done_bytes, total_bytes or None)`` is called from the threads that download, ``meanwhile()``
    again and again from the caller's own while it waits for them. Ctrl-C and closing the generator stop the threads;
    what they had loaded stays for the next run. An error that is no MediaError is a bug, and is raised.
    """
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    done: queue.SimpleQueue = queue.SimpleQueue()
    jobs = list(jobs)
    for job in jobs:
        waiting.put(job)
    stop = threading.Event()
    access = _Access(cookies, cookies_from_browser)

    def work() -> None:
        while not stop.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            report = on_progress and (lambda count, total, job=job: on_progress(job, count, total))
            try:
                result: Path | BaseException = _fetch(job, access, report, stop)
            except _Stopped:
                return
            except BaseException as error:  # carried to the caller's thread, which decides
                result = error
            done.put((job, result))

    # daemons: a thread that hangs in a socket must not keep a stopped program alive
    threads = [threading.Thread(target=work, daemon=True) for _ in range(max(1, min(workers, len(jobs))))]
    for thread in threads:
        thread.start()
    try:
        for _ in jobs:
            job, result = _wait_for(done, meanwhile)
            if isinstance(result, BaseException) and not isinstance(result, MediaError):
                raise result
            yield job, result
    finally:
        stop.set()
        for thread in threads:
            child = _children.pop(thread.ident, None)
            if child is not None and child.poll() is None:
                child.kill()
        for thread in threads:
            thread.join(STOP_WAIT_S / len(threads))


def find_video(stem: Path) -> Path | None:
    """The whole video that ``fetch`` left at ``stem``, whatever its extension; None when there is none."""
    known = read_json(_beside(Path(stem), ".json")) or {}
    name = known.get("file")
    if not isinstance(name, str) or Path(name).name != name:
        return None
    path = Path(stem).with_name(name)
    return path if path.is_file() and path.stat().st_size == known.get("size") else None


# ---------------------------------------------------------------------------------------------------- one download


@dataclass(frozen=True)
class _Access:
    cookies: Path | None = None
    browser: str | None = None


@dataclass
class _Watch:
    """What yt-dlp tells while it works: bytes, warnings; and the way to stop it."""

    job: Download
    on_progress: OnProgress | None
    stop: threading.Event | None
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, tuple[int, int | None]] = field(default_factory=dict)  # file -> bytes done, bytes in all

    def check(self) -> None:
        if self.stop is not None and self.stop.is_set():
            raise _Stopped

    def hook(self, event: dict) -> None:
        """yt-dlp's progress hook; the picture and the sound are files of their own, so their bytes are summed."""
        self.check()
        done = event.get("downloaded_bytes")
        if done is None:
            return
        total = event.get("total_bytes") or event.get("total_bytes_estimate")
        self.counts[event.get("filename") or ""] = int(done), None if total is None else max(int(total), int(done))
        if self.on_progress is not None:
            totals = [total for _, total in self.counts.values()]
            self.on_progress(sum(done for done, _ in self.counts.values()), None if None in totals else sum(totals))

    def filter(self, info: dict, *, incomplete: bool = False) -> None:
        """yt-dlp's match filter, called before anything is loaded; raises what cannot be fetched."""
        self.check()
        short = _short(self.job.url)
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


class _Stopped(Exception):
    """The caller has gone; not an error."""


_locks: dict[Path, threading.Lock] = {}
_locks_lock = threading.Lock()


def _fetch(job: Download, access: _Access, on_progress: OnProgress | None, stop: threading.Event | None) -> Path:
    target = job.stem.parent.resolve() / job.stem.name
    with _locks_lock:
        lock = _locks.setdefault(target, threading.Lock())
    try:
        with lock:
            return _fetch_locked(job, access, _Watch(job, on_progress, stop))
    except OSError as error:  # of our own files: yt-dlp's errors have been put into words before
        raise MediaError(f"{_short(job.url)}: {_disk_trouble(error, job.stem.parent)}") from error


def _fetch_locked(job: Download, access: _Access, watch: _Watch) -> Path:
    found = find_video(job.stem)
    if found is not None and _is_same(read_json(_beside(job.stem, ".json")) or {}, job):
        return found
    url = _checked_url(job)
    temp = job.stem.parent.resolve() / ".part" / _key(job)
    if _finish(job, temp):  # killed between the last two renames
        return find_video(job.stem)
    _refuse_foreign_file(job)
    temp.mkdir(parents=True, exist_ok=True)
    path, info = _download_with_retry(url, job, access, watch, temp)
    try:
        suffix = _check(path, job, info)
    except MediaError:
        shutil.rmtree(temp, ignore_errors=True)  # what is damaged must not be resumed
        raise
    watch.check()
    name = job.stem.name + suffix
    facts = _facts(job, info, path, name)
    os.replace(path, temp / "whole")
    _write_json(temp / "done.json", facts)
    _finish(job, temp)
    return job.stem.with_name(name)


def _finish(job: Download, temp: Path) -> bool:
    """Put a checked download into place, the JSON last; False when ``temp`` does not hold one."""
    facts = read_json(temp / "done.json")
    if not facts:
        return False
    video, whole, sheet = job.stem.with_name(facts["file"]), temp / "whole", _beside(job.stem, ".json")
    if whole.is_file():
        old = find_video(job.stem)
        sheet.unlink(missing_ok=True)
        os.replace(whole, video)
        if old is not None and old != video:
            old.unlink()
    elif not (video.is_file() and video.stat().st_size == facts["size"]):
        return False
    os.replace(temp / "done.json", sheet)
    shutil.rmtree(temp, ignore_errors=True)
    with suppress(OSError):
        temp.parent.rmdir()
    return True


def _refuse_foreign_file(job: Download) -> None:
    """A file that a user put there has no JSON of ours: it is never written over."""
    video = _beside(job.stem, ".mp4")
    if video.exists() and not _beside(job.stem, ".json").exists():
        raise MediaError(
            f"{_short(job.url)}: {video} is there already and was not downloaded by faceit: "
            "move it away, or give this video another name."
        )


def _load_libraries() -> None:
    """Import what the threads share: modules that import one another break when two threads load them at once."""
    with _locks_lock:
        import av  # noqa: F401
        import yt_dlp.extractor.generic
        import yt_dlp.extractor.youtube  # noqa: F401
        from yt_dlp.downloader import external

        if not issubclass(external.Popen, _Child):
            external.Popen = type("Popen", (_Child, external.Popen), {})


_children: dict[int | None, Any] = {}  # thread -> the ffmpeg that it waits for


class _Child:
    """Mixed into yt-dlp's Popen, which keeps its ffmpeg to itself: a thread that waits for it could not be stopped."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        _children[threading.get_ident()] = self


def _download_with_retry(url: str, job: Download, access: _Access, watch: _Watch, temp: Path) -> tuple[Path, dict]:
    _load_libraries()
    fragments = FRAGMENTS
    for last_try in (False, True):
        try:
            return _download(url, job, access, watch, temp, fragments)
        except (MediaError, _Stopped):
            raise
        except Exception as error:
            watch.check()
            if not last_try and "closed file" in str(error):
                # of several fragments at a time one failed, and another told of it: ask again, one by one
                fragments = 1
                continue
            # the addresses of the media expire: asking the page again gives fresh ones
            if not last_try and re.search("unable to download video data: HTTP Error 403|exited with code", str(error)):
                continue
            raise MediaError(_sentence(error, job, watch.warnings, temp)) from error
    raise AssertionError("unreachable")


def _download(
    url: str, job: Download, access: _Access, watch: _Watch, temp: Path, fragments: int = FRAGMENTS
) -> tuple[Path, dict]:
    """The file that yt-dlp made in ``temp``, and its information; raises whatever yt-dlp raises."""
    options = _options(job, access, watch, temp) | {"concurrent_fragment_downloads": fragments}
    with _downloader(options) as ydl:
        info = ydl.extract_info(url)
    while info and info.get("_type", "video") != "video":
        info = next((entry for entry in info.get("entries") or () if entry), None)
    files = [d.get("filepath") for d in (info or {}).get("requested_downloads") or ()]
    path = Path(files[0]).resolve() if files and files[0] else None
    if path is None or path.parent != temp or not path.is_file():
        raise MediaError(f"{_short(job.url)}: no video came of it: give the page of one video.")
    return path, info


def _downloader(options: dict[str, Any]):
    """A YoutubeDL; tests put a fake YouTube into it."""
    from yt_dlp import YoutubeDL

    return YoutubeDL(options)


def _options(job: Download, access: _Access, watch: _Watch, temp: Path) -> dict[str, Any]:
    ffmpeg_on_path()  # yt-dlp cuts ranges only with a program that is called ffmpeg
    options: dict[str, Any] = {
        "quiet": True,
        "noprogress": True,
        "logger": watch,
        "color": "no_color",
        # the sort bounds the size: the largest that is not above the height, else the smallest above it;
        # "res" is the smaller side, so an upright video is not mistaken for a large one
        "format": "bv*+ba/b/bv*",
        "format_sort": ["lang", f"res:{job.height}", "vcodec:h264", "acodec:aac", "ext:mp4:m4a"],
        "merge_output_format": "mp4/mkv",
        # stable names let a killed download resume; the format is in them, so that two are never mixed
        "outtmpl": {"default": "video-%(format_id).40s.%(ext)s"},
        "paths": {"home": str(temp)},
        "restrictfilenames": True,
        "continuedl": True,
        "updatetime": False,
        "retries": 4,
        "fragment_retries": 4,
        "extractor_retries": 3,
        "file_access_retries": 3,
        "retry_sleep_functions": {kind: _retry_sleep for kind in ("http", "fragment", "extractor")},
        "skip_unavailable_fragments": False,  # a video with holes is not the video
        "socket_timeout": SOCKET_TIMEOUT_S,
        "sleep_interval_requests": 0.75,  # yt-dlp's own advice against being blocked
        "noplaylist": True,
        "playlist_items": "1",
        "match_filter": watch.filter,
        "progress_hooks": [watch.hook],
        "js_runtimes": {name: {} for name in JS_RUNTIMES},
        **_cookie_options(access),
    }
    if job.start is not None or job.end is not None:
        from yt_dlp.utils import download_range_func

        span = (job.start or 0.0, float("inf") if job.end is None else job.end)
        options["download_ranges"] = download_range_func(None, [span])
        options["force_keyframes_at_cuts"] = True
        options["external_downloader_args"] = {"ffmpeg_o": ["-crf", str(CUT_CRF)]}
    return options


def _cookie_options(access: _Access) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if access.cookies is not None:
        # yt-dlp ignores a file that is not there, and writes to the one that is: give it the text only
        try:
            text = Path(access.cookies).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not a text file"
            raise MediaError(
                f"The cookies file {access.cookies} cannot be read ({why}): correct its path, or leave it out."
            ) from error
        options["cookiefile"] = io.StringIO(text)
    if access.browser is not None:
        name, _, profile = access.browser.partition(":")
        from yt_dlp.cookies import SUPPORTED_BROWSERS

        if name.lower() not in SUPPORTED_BROWSERS:
            known = ", ".join(sorted(SUPPORTED_BROWSERS))
            raise MediaError(f"cookies_from_browser: {name!r} is not a browser that yt-dlp can read: use {known}.")
        options["cookiesfrombrowser"] = (name.lower(), profile or None, None, None)
    return options


def _retry_sleep(n: int) -> float:
    return RETRY_SLEEP_S[min(n, len(RETRY_SLEEP_S) - 1)]


# ------------------------------------------------------------------------------------------------- checking, facts


def _check(path: Path, job: Download, info: dict) -> str:
    """Make sure that the file is a whole video of the right length; return the extension that it should carry."""
    short = _short(job.url)
    if path.stat().st_size == 0:
        raise MediaError(f"{short}: the file that came is empty: try again later, or use another address.")
    ranged = job.start is not None or job.end is not None
    length, declared, suffix = _measure(path, short, ranged)
    if ranged:
        _check_range(length, job, info.get("duration"))
    elif declared is not None and declared - length > max(2.0, declared / 10):
        raise MediaError(
            f"{short}: the file breaks off at {length:.1f} s of {declared:.1f} s: run it again, or use another address."
        )
    return suffix


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
            f"{_short(job.url)}: {length:.1f} s came instead of the {asked:.1f} s between start and end: if the video "
            "ends there, correct end; if not, download it whole and name the file, with start and end, in the YAML."
        )


def _facts(job: Download, info: dict, path: Path, name: str) -> dict[str, Any]:
    from yt_dlp.version import __version__ as version

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "file": name,
        "url": job.url,
        "id": info.get("id"),
        "title": info.get("title"),
        "uploader": info.get("uploader") or info.get("channel"),
        "licence": info.get("license"),
        "extractor": info.get("extractor"),
        "duration": info.get("duration"),
        "start": job.start,
        "end": job.end,
        "height": job.height,
        "sha256": digest,
        "size": path.stat().st_size,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "yt_dlp": version,
    }


def _is_same(known: dict, job: Download) -> bool:
    asked = (job.url, job.height, job.start, job.end)
    return tuple(known.get(key) for key in ("url", "height", "start", "end")) == asked


def _key(job: Download) -> str:
    asked = (job.stem.name, job.url, job.height, *(None if t is None else float(t) for t in (job.start, job.end)))
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)  # with_suffix would cut a name at its last dot


def _write_json(path: Path, facts: dict) -> None:
    with replacing(path) as part:
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        part.write_text(text, encoding="utf-8", errors="replace")


def _wait_for(results: queue.SimpleQueue, meanwhile: Callable[[], None] | None = None) -> Any:
    while True:
        with suppress(queue.Empty):
            # on Windows a get without an end cannot be interrupted
            return results.get(timeout=0.05 if meanwhile else 0.2)
        if meanwhile:
            meanwhile()


# ------------------------------------------------------------------------------------------------------- sentences


def _checked_url(job: Download) -> str:
    """The address as yt-dlp should get it. Raises MediaError for what is no web address, or an impossible range."""
    url, short = job.url.strip(), _short(job.url)
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


def _short(url: str) -> str:
    """The address as a person would say it."""
    text = re.sub(r"^https?://(www\.)?", "", url.strip())
    return text if len(text) <= 80 else text[:77] + "..."


# words in yt-dlp's message (lower case) -> reason; the first that fits wins, and all come before an HTTP status
_CLEAR_WORDS = (
    ("no space left", "space"),
    ("not a bot", "bot"),
    ("private video", "private"),
    ("video is private", "private"),
    ("members-only", "members"),
    ("join this channel", "members"),
    ("premium members", "paid"),
    ("payment", "paid"),
    ("purchase", "paid"),
    ("confirm your age", "age"),
    ("age-restricted", "age"),
    ("age restricted", "age"),
    ("rate-limited", "limit"),
    ("in your country", "geo"),
    ("from your location", "geo"),
    ("live event will begin", "later"),
    ("premieres in", "later"),
    ("not currently live", "later"),
    ("drm protect", "drm"),
    ("use --cookies", "login"),
    ("registered users", "login"),
    ("login required", "login"),
    ("video-password", "login"),
    ("ffmpeg is not installed", "ffmpeg"),
    ("ffmpeg could not be found", "ffmpeg"),
    ("requested format is not available", "format"),
    ("no video formats found", "format"),
)
# these may also stand in the text of an HTTP error ("503 Service Unavailable"), so they come after it
_LOOSE_WORDS = (
    ("unavailable", "gone"),
    ("not available", "gone"),
    ("isn't available", "gone"),
    ("been removed", "gone"),
    ("been terminated", "gone"),
    ("does not exist", "gone"),
    ("did not get any data", "empty"),
    ("got error", "network"),
    ("timed out", "network"),
    ("unable to open for writing", "write"),
    ("unable to write", "write"),
    ("permission denied", "write"),
    ("exited with code", "cut"),
)
_PHRASES = {
    "space": "no space is left on the disk of {folder}: free some and run it again, it goes on where it was",
    "write": "nothing can be written to {folder}: check the folder's permissions",
    "bot": "the site asks for a proof that you are not a bot: {cookies}, and try again",
    "private": "the video is private: ask its owner, or take it out of the YAML",
    "members": "the video is for members of the channel only: {cookies} as a member, or take it out of the YAML",
    "paid": "the video must be paid for: {cookies} and has bought it, or take it out of the YAML",
    "age": "the video is for adults only and asks for an account: {cookies}",
    "limit": "the site has had too many requests from here: wait an hour, then run it again with fewer at once",
    "geo": "the video is not shown in your country{countries}: use another one, or a network where it is shown",
    "later": "it has not been shown yet, or is not being shown: fetch it later, or take it out of the YAML",
    "drm": "the video is protected against copying (DRM) and cannot be fetched: use another one",
    "login": "the site wants a login: {cookies}",
    "ffmpeg": "ffmpeg is not installed: run 'pip install imageio-ffmpeg'",
    "format": "it has no picture that can be fetched (only sound, or protected): use another video",
    "unsupported": "no video is found on this page: open it in a browser, and give the address of the video itself",
    "forbidden": "the server refuses access (HTTP 403): run '{upgrade}', or {cookies}",
    "missing": "there is nothing at this address (HTTP {status}): correct it, or take it out of the YAML",
    "server": "the server is in trouble (HTTP {status}): run it again later, it goes on where it was",
    "http": "the server refuses the request (HTTP {status}): open the address in a browser to see why",
    "network": "the connection failed ({detail}): check the address and the network, and run it again",
    "certificate": "the server's certificate cannot be trusted ({detail}): check the address and this computer's clock",
    "gone": "the video is not available (removed, or never there): correct the address, or take it out of the YAML",
    "empty": "the file that came is empty: try again later, or use another address",
    "cut": "ffmpeg could not cut the range out of it: run it again; if that does not help, download it whole and name "
    "the file, with start and end, in the YAML",
    "cookies": "the cookies cannot be read ({detail}): export them again in Netscape format, or name another browser",
    "other": "{detail}: run '{upgrade}' and try again",
}
_MAY_NEED_RUNTIME = ("bot", "forbidden", "format", "cut", "other")


def _sentence(error: BaseException, job: Download, warnings: list[str], temp: Path) -> str:
    """One sentence, with the next step, for what yt-dlp raised."""
    reason, status = _reason(error, temp)
    countries = next((c for e in _chain(error) if (c := getattr(e, "countries", None))), ())
    phrase = _PHRASES[reason].format(
        status=status,
        detail=_detail(error),
        folder=temp.parent.parent,
        countries=f" (only in {', '.join(countries)})" if countries else "",
        cookies=COOKIES,
        upgrade=UPGRADE,
    )
    if reason in _MAY_NEED_RUNTIME and any(
        "JavaScript runtime" in text or "challenge solving failed" in text for text in warnings
    ):
        phrase += " (YouTube's formats need a JavaScript runtime that is missing here: pip install deno yt-dlp-ejs)"
    return f"{_short(job.url)}: {phrase}."


def _reason(error: BaseException, temp: Path) -> tuple[str, int | None]:
    """Which of the phrases fits, and the HTTP status when there was one."""
    from yt_dlp.cookies import CookieLoadError
    from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, TransportError
    from yt_dlp.utils import ContentTooShortError, GeoRestrictedError, UnsupportedError, UserNotLive

    chain = list(_chain(error))
    text = _without_prefix(error).lower()

    def is_any(kind: type) -> bool:
        return any(isinstance(e, kind) for e in chain)

    if _is_disk_full(chain, temp):
        return "space", None
    for kind, reason in (
        (CookieLoadError, "cookies"),
        (GeoRestrictedError, "geo"),
        (UnsupportedError, "unsupported"),
        (UserNotLive, "later"),
    ):
        if is_any(kind):
            return reason, None
    for words, reason in _CLEAR_WORDS:
        if words in text:
            return reason, None
    status = next((e.status for e in chain if isinstance(e, HTTPError)), None)
    if status is None and (found := re.search(r"http error (\d{3})", text)):
        status = int(found[1])
    if status is not None:
        named = {401: "login", 403: "forbidden", 404: "missing", 410: "missing", 429: "limit"}
        return named.get(status, "server" if status >= 500 else "http"), status
    if is_any(CertificateVerifyError):
        return "certificate", None
    if is_any(TransportError) or is_any(ContentTooShortError):
        return "network", None
    return next((reason for words, reason in _LOOSE_WORDS if words in text), "other"), None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it came from; yt-dlp keeps causes in ``exc_info`` and ``cause`` too."""
    seen, todo = set(), [error]
    while todo:
        e = todo.pop(0)
        if e is None or id(e) in seen:
            continue
        seen.add(id(e))
        yield e
        cause = getattr(e, "cause", None)
        todo += [
            (getattr(e, "exc_info", None) or (None, None))[1],
            cause if isinstance(cause, BaseException) else None,
            e.__cause__,
            e.__context__ if type(e).__name__ == "CookieLoadError" else None,  # it is raised without "from"
        ]


def _detail(error: BaseException) -> str:
    """The shortest true words for what happened: of the innermost error, without yt-dlp's advice to its own users."""
    from yt_dlp.cookies import CookieLoadError
    from yt_dlp.networking.exceptions import RequestError

    chain = list(_chain(error))
    if any(isinstance(e, CookieLoadError) for e in chain):
        chain = [e for e in chain if not isinstance(e, CookieLoadError) and "failed to load cookies" not in str(e)]
    chosen = next((e for e in chain if isinstance(e, RequestError)), (chain or [error])[0])
    text = next((line.strip() for line in _without_prefix(chosen).splitlines() if line.strip()), type(chosen).__name__)
    text = re.split(r"; please report this issue|\(caused by|\. Giving up after|: See +https?:", text)[0]
    text = re.sub(r"^HTTPS?Connection\w*\([^)]*\):\s*|^<[^>]* object at 0x\w+>:?\s*", "", text)
    return (text if len(text) <= 160 else text[:157] + "...").strip().rstrip(".:;")


def _without_prefix(error: BaseException) -> str:
    """The message without "ERROR: [site] id:"; an id may hold any word."""
    return re.sub(r"^(ERROR:\s*)?(\[[^\]]+\] ([^:\s]+: )?)?", "", str(error))


def _is_disk_full(chain: list[BaseException], temp: Path) -> bool:
    if any(isinstance(e, OSError) and e.errno == errno.ENOSPC for e in chain):
        return True
    with suppress(OSError):  # ffmpeg's own complaint is not passed on, so look
        return any("exited with code" in str(e) for e in chain) and shutil.disk_usage(temp).free < 2**20
    return False


def _disk_trouble(error: OSError, folder: Path) -> str:
    if error.errno == errno.ENOSPC:
        return _PHRASES["space"].format(folder=folder) + "."
    return f"{error.filename or folder} cannot be written ({error.strerror or error}): check the folder's permissions."
