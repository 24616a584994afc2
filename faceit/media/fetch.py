"""Downloads: from a web address to a video file, by yt-dlp, with resuming, checks and readable errors."""

import contextlib
import queue
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from faceit.errors import FaceitError, MediaError
from faceit.files import no_link
from faceit.lock import only_one
from faceit.media.fetch_check import check_file, checked_address
from faceit.media.fetch_errors import disk_sentence
from faceit.media.fetch_record import (
    PARTS,
    Download,
    find_download,
    find_video,
    keep,
    parts_folder,
    put_in_place,
    refuse_foreign_file,
)
from faceit.media.fetch_ytdlp import Cookies, Endless, Hooks, OnProgress, Stopped, download, kill_ffmpeg_of
from faceit.progress import say

STOP_WAIT_S = 3.0  # how long a stopped fetch_all waits for its threads


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
    """Download the video at ``url`` to ``stem`` + ``.mp4``, and facts about it to ``stem`` + ``.json``.

    The JSON is written last: if it exists with the same url, range and height, the file is returned without
    a request. A download that was killed resumes; ranges start again. A video that does not fit into an mp4, or
    that comes as one file of another kind, keeps its own extension: find it later with ``find_video``.

    ``start`` and ``end`` are seconds; such a cut is re-encoded, to be exact. ``height`` limits the smaller side;
    H.264 is preferred among equals, and a video that exists only larger is still downloaded. ``cookies`` is a Netscape
    cookies file (it is read, never written), ``cookies_from_browser`` the name of a browser, or ``name:profile``.
    ``on_progress(done_bytes, total_bytes or None)`` is called often. Of a playlist or a page with several videos the
    first is downloaded.

    Raises MediaError, one sentence with the next step, if there is no complete video in the end.
    """
    job = Download(url, Path(stem), height, start, end)
    return _fetch(Hooks(job, on_progress), Cookies(cookies, cookies_from_browser))


def fetch_all(
    jobs: Iterable[Download],
    workers: int = 3,
    *,
    cookies: Path | None = None,
    cookies_from_browser: str | None = None,
    on_progress: Callable[[Download, int, int | None], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[Download, Path | MediaError]]:
    """Fetch several videos at a time; yield each job with its file or its error, as it finishes.

    ``on_progress(job, done_bytes, total_bytes or None)`` is called from the downloading threads, ``meanwhile()``
    repeatedly from the caller's thread while it waits. Ctrl-C and closing the generator stop the threads;
    what they have downloaded stays for the next run. An error that is not a MediaError is a bug, and is raised.
    """
    jobs = list(jobs)
    threads = _Threads(jobs, workers, Cookies(cookies, cookies_from_browser), on_progress)
    try:
        for _ in jobs:
            job, result = threads.next_result(meanwhile)
            if isinstance(result, BaseException) and not isinstance(result, MediaError):
                raise result
            yield job, result
    finally:
        threads.stop()


class _Threads:
    """The threads of ``fetch_all``. They are daemons: a thread that hangs in a socket must not keep a stopped program
    alive, as an executor's would."""

    def __init__(self, jobs: list[Download], workers: int, cookies: Cookies, on_progress: Callable | None):
        self._cookies, self._on_progress, self._stop = cookies, on_progress, threading.Event()
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._done: queue.SimpleQueue = queue.SimpleQueue()
        for job in jobs:
            self._waiting.put(job)
        count = max(1, min(workers, len(jobs)))
        self._threads = [threading.Thread(target=self._work, name=f"fetch-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                result: Path | BaseException = _fetch(Hooks(job, self._report(job), self._stop), self._cookies)
            except Stopped:
                return
            except BaseException as error:  # passed to the caller's thread, which decides
                result = error
            self._done.put((job, result))

    def _report(self, job: Download) -> OnProgress | None:
        report = self._on_progress
        return report and (lambda done, total: report(job, done, total))

    def next_result(self, meanwhile: Callable[[], None] | None) -> tuple[Download, Path | BaseException]:
        """The next finished job and its result; ``meanwhile`` is called until then."""
        while True:
            try:
                # on Windows a get without timeout cannot be interrupted
                return self._done.get(timeout=0.05 if meanwhile else 0.2)
            except queue.Empty:
                if meanwhile:
                    meanwhile()

    def stop(self) -> None:
        """Tell the threads to end, and wait a short time for them."""
        self._stop.set()
        for thread in self._threads:
            kill_ffmpeg_of(thread)
        for thread in self._threads:
            thread.join(STOP_WAIT_S / len(self._threads))


_locks: dict[Path, threading.Lock] = {}  # one per destination: the same video may be requested twice
_locks_lock = threading.Lock()


def _fetch(hooks: Hooks, cookies: Cookies) -> Path:
    stem = hooks.job.stem
    with _locks_lock:
        lock = _locks.setdefault(stem.parent.resolve() / stem.name, threading.Lock())
    try:
        with lock, _alone(hooks):
            return _fetch_locked(hooks, cookies)
    except MediaError:
        raise
    except FaceitError as error:  # a link where the parts would be
        raise MediaError(str(error)) from error
    except OSError as error:  # of our own files: yt-dlp's errors are already MediaErrors
        raise MediaError(disk_sentence(error, hooks.job.url, stem.parent)) from error


@contextlib.contextmanager
def _alone(hooks: Hooks) -> Iterator[None]:
    """Within this no other process fetches to the same place; one that does is waited for."""
    stem = hooks.job.stem
    parts = no_link(stem.parent / PARTS)
    told = False

    def wait() -> None:
        nonlocal told
        if not told:
            say(f"Another process is fetching {stem.name}: waiting for it.")
            told = True
        hooks.check()

    if find_download(hooks.job) is not None:  # there is nothing to write, perhaps nowhere to
        yield
        return
    try:
        with only_one(parts / f"{stem.name}.lock", f"{stem.name} is being fetched", passing=True, waiting=wait):
            yield
    finally:
        with contextlib.suppress(OSError):
            parts.rmdir()


def _fetch_locked(hooks: Hooks, cookies: Cookies) -> Path:
    job = hooks.job
    found = find_download(job)
    if found is not None:
        return found
    url, parts = checked_address(job), parts_folder(job)
    # an earlier run may have been killed between the last two moves
    if put_in_place(job, parts) and (found := find_video(job.stem)):
        return found
    refuse_foreign_file(job)
    no_link(parts).mkdir(parents=True, exist_ok=True)
    for stray in parts.iterdir():
        if stray.is_symlink():  # yt-dlp would write to where it leads
            stray.unlink()
    try:
        path, info = download(url, hooks, cookies, parts)
    except MediaError as error:
        if job.ranged or isinstance(error, Endless):  # what can never be resumed would only take up the disk
            shutil.rmtree(parts, ignore_errors=True)
        raise
    try:
        suffix = check_file(path, job, info, hooks.open_ended)
    except MediaError:
        shutil.rmtree(parts, ignore_errors=True)  # a damaged download must not be resumed
        raise
    hooks.check()
    return keep(job, parts, path, suffix, info)
