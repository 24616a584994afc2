"""Work that runs ahead and behind: bounded queues between threads, so that reading, swapping and encoding overlap."""

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable
from queue import Empty, Full, Queue

END = object()
PATIENCE_S = 0.1  # between two looks at whether the other side is still there


def ahead(items: Iterable, depth: int) -> Generator:
    """The same items, drawn by a thread of its own up to ``depth`` before they are asked for. Its exception comes in
    its turn; closing this generator ends the thread and closes the source."""
    line: Queue = Queue(depth)
    gone = threading.Event()

    def put(what) -> bool:
        while not gone.is_set():
            with contextlib.suppress(Full):
                line.put(what, timeout=PATIENCE_S)
                return True
        return False

    def draw() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    break
            else:
                put((END, None))
        except BaseException as error:  # handed over, to be raised where the items are used
            put((END, error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=draw, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = line.get()
            if error is not None:
                raise error
            if item is END:
                return
            yield item
    finally:
        gone.set()
        thread.join()


class BackgroundCalls:
    """Calls ``do`` with what is put, in order, in a thread of its own, at most ``depth`` behind. Use it with ``with``;
    leaving it waits for the rest, or, after an exception, drops it. What ``do`` raises is raised at the next call."""

    def __init__(self, do: Callable, depth: int):
        self._do = do
        self._line: Queue = Queue(depth)
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="behind", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def put(self, item) -> None:
        """Hand over one more; waits while the line is full."""
        while True:
            if self._error is not None:
                raise self._error
            with contextlib.suppress(Full):
                return self._line.put(item, timeout=PATIENCE_S)

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
                item = self._line.get(timeout=PATIENCE_S)
            except Empty:
                continue
            if item is END:
                return
            try:
                self._do(item)
            except BaseException as error:  # for the one who puts
                self._error = error
                return
