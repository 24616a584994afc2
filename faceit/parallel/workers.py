"""Worker processes for parts of videos: as many as asked for, each with one thread, gone when their parent is gone."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time as clock
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from typing import Any, Protocol

from faceit.errors import FaceitError

MOST_WORKERS = 8  # by default; each takes about 0.4 GB
IN_HAND = 2  # jobs a worker, at work or waiting for it: what is done early waits in memory for its turn
SLOTS = 1024  # for counters, one a worker by its number; two in one lose a few counts of the progress shown
ENDED = ("A worker process was ended from outside, perhaps for want of memory: run it again, it goes on where it was. "
         "`workers: 1` under preprocess takes the least memory.")  # fmt: skip
FEW_FRAMES = 400  # less than that is done in this process: a worker takes a second or two to begin


class WorkerEnded(FaceitError):
    """A worker process was ended from outside."""


class Stopped(Exception):
    """The parent wants no more."""


class Job(Protocol):
    """A part of a video and what is to be done with it; it travels to a worker and its answer back."""

    def do(self, stopped: Callable[[], bool]) -> object:
        """Do it, asking ``stopped`` once a frame and raising Stopped when it is true."""

    def frames(self) -> Iterable:
        """The same work without a result, frame by frame: to see how fast it is."""


_stop: Any = None  # in a worker: 1 when the parent wants no more
_frames: Any = None  # in a worker: the counters of the workers' frames


def cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class WorkerPool:
    """Does jobs, in worker processes or, when there are few frames, here. Use it with ``with``."""

    def __init__(self, workers: int | None = None, on_frame: Callable[[], None] | None = None):
        """``on_frame()`` is called after each frame that is done in this process."""
        self.workers = workers or min(MOST_WORKERS, cores())
        self._pool: ProcessPoolExecutor | None = None
        self._stop: Any = None  # both ctypes, once there is a pool
        self._counters: Any = None
        self._under_way: list[Future] = []
        self._done_here = 0
        self._on_frame = on_frame

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self._pool is not None:
            self._stop.value = 1
            if isinstance(error, WorkerEnded):  # a pool that breaks ends whom it knows, and waits for whom it had just
                for child in multiprocessing.active_children():  # begun to start as well
                    child.terminate()
            self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def frames(self) -> int:
        """How many frames have been done, by all workers and here."""
        return self._done_here + (sum(self._counters) if self._counters is not None else 0)

    @property
    def free(self) -> bool:
        """Whether another job may be handed in."""
        self._under_way = [future for future in self._under_way if not future.done()]
        return len(self._under_way) < IN_HAND * self.workers

    def submit(self, job: Job, frames: float) -> Future:
        """Hand in a job; ``frames`` are there to do in all, as far as known."""
        if self._pool is None and (self.workers == 1 or frames < FEW_FRAMES):
            return self._here(job)
        future = self._handed(_do, job)
        self._under_way.append(future)
        return future

    def pace(self, job: Job, seconds: float) -> float:
        """Frames a second of all workers together, each doing this job for so long."""
        if self.workers == 1:
            return pace(job, seconds)
        futures = [self._handed(pace, job, seconds) for _ in range(self.workers)]
        return sum(outcome(future) for future in futures)

    def _handed(self, do: Callable, *args) -> Future:
        pool = self._opened()
        try:
            with _deaf():
                return pool.submit(do, *args)
        except BrokenProcessPool:
            raise WorkerEnded(ENDED) from None

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
            # without locks, which a worker that is killed would never give back
            self._stop, self._counters = context.RawValue("b", 0), context.RawArray("q", SLOTS)
            self._pool = ProcessPoolExecutor(self.workers, context, _begin, (self._stop, self._counters))
        return self._pool

    def _here(self, job: Job) -> Future:
        future: Future = Future()
        try:
            future.set_result(job.do(self._ticked))
        except Exception as e:  # as a worker's error comes, with the result
            future.set_exception(e)
        return future

    def _ticked(self) -> bool:
        self._done_here += 1
        if self._on_frame:
            self._on_frame()
        return False


def pace(job: Job, seconds: float) -> float:
    """Frames a second of a job, done again and again for so long after its first frame."""
    began, count = None, 0
    while True:
        for _ in job.frames():
            now = clock.monotonic()
            began = began or now
            if now - began >= seconds:
                return max(count, 1) / (now - began)
            count += 1


def outcome(future: Future):
    """What a worker gave, or its error; a sentence when its process was ended from outside."""
    try:
        return future.result()
    except BrokenProcessPool:
        raise WorkerEnded(ENDED) from None


@contextlib.contextmanager
def _deaf():
    """Ctrl-C is for the parent to hear, once this is over: a worker that is started meanwhile never listens to it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # begun later, it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # held back, not lost as an ignored one would be
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(stop, frames) -> None:
    """A worker's first act: one thread each, Ctrl-C is for the parent to hear, and nobody outlives the parent."""
    import cv2

    global _stop, _frames
    _stop, _frames = stop, frames
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a worker
    wait([parent.sentinel])
    os._exit(1)


def _is_stopped() -> bool:
    _frames[os.getpid() % SLOTS] += 1
    return bool(_stop.value)


def _do(job: Job) -> object:
    try:
        return job.do(_is_stopped)
    except Stopped:
        return None
