"""Bounded queues between threads, so that reading, swapping and encoding overlap."""

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable
from queue import Empty, Full, Queue

END = object()
POLL_S = 0.1  # between two checks whether the other side still runs


def ahead(items: Iterable, depth: int) -> Generator:
    """The same items, read by a separate thread up to ``depth`` items ahead. Its exception is raised in order;
    closing this generator ends the thread and closes the source."""
    queue: Queue = Queue(depth)
    stopped = threading.Event()

    def put(entry) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(Full):
                queue.put(entry, timeout=POLL_S)
                return True
        return False

    def draw() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    break
            else:
                put((END, None))
        except BaseException as error:  # passed on, to be raised where the items are used
            put((END, error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=draw, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if error is not None:
                raise error
            if item is END:
                return
            yield item
    finally:
        stopped.set()
        thread.join()


class BackgroundCalls:
    """Calls ``do`` with each item put, in order, in a separate thread, at most ``depth`` items behind. Use it with
    ``with``: leaving the block waits for the rest, or drops it after an exception. What ``do`` raises is raised at the
    next call."""

    def __init__(self, do: Callable, depth: int):
        self._do = do
        self._queue: Queue = Queue(depth)
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="behind", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def put(self, item) -> None:
        """Add an item; waits while the queue is full."""
        while True:
            if self._error is not None:
                raise self._error
            with contextlib.suppress(Full):
                return self._queue.put(item, timeout=POLL_S)

    def __exit__(self, kind, error, trace) -> None:
        if kind is not None:
            self._stop.set()
        else:
            with contextlib.suppress(BaseException):
                self.put(END)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=POLL_S)
            except Empty:
                continue
            if item is END:
                return
            try:
                self._do(item)
            except BaseException as error:  # raised by the next put
                self._error = error
                return
