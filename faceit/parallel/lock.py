"""One process at a time: a lock that the operating system lets go of however its holder ends, so it is never stale."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from faceit.errors import FaceitError


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold ``path`` as a lock; FaceitError at once when another process has it. ``what`` begins the sentence. A file
    system without locks lets everyone in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=0o666, preserve_lock_file=True, fallback_to_soft=False, on_acquired=_sign)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise FaceitError(f"{what} by another process ({_holder(path)}): wait for it, or stop it first.") from None
    except OSError:
        if not os.access(path, os.R_OK | os.W_OK):  # it is not the lock that cannot be had, but the file
            raise
    try:
        yield
    finally:
        lock.release()


def _sign(descriptor: int) -> None:
    """Write into the lock's file who has it."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError):  # Windows keeps others from reading what is locked
        return path.read_bytes()[:20].decode("ascii", "replace").strip() or "just started"
    return "it does not say which"
