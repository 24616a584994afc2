"""One process at a time: a lock that the operating system releases however its holder ends, so it is never stale."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from faceit.errors import FaceitError


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold ``path`` as a lock; FaceitError at once if another process holds it. ``what`` begins the sentence. On a file
    system without locks it has no effect."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=0o666, preserve_lock_file=True, fallback_to_soft=False, on_acquired=_sign)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise FaceitError(f"{what} by another process ({_holder(path)}): wait for it, or stop it first.") from None
    except OSError:
        if not os.access(path, os.R_OK | os.W_OK):  # the problem is the file, not the lock
            raise
    try:
        yield
    finally:
        lock.release()


def _sign(descriptor: int) -> None:
    """Write the holder's process id into the lock's file."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError):  # on Windows a locked file cannot be read
        return path.read_bytes()[:20].decode("ascii", "replace").strip() or "just started"
    return "process unknown"
