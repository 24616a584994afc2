"""One process at a time: a lock that the operating system lets go of however its holder ends, so it is never stale."""

import contextlib
import errno
import os
from pathlib import Path

from faceit.errors import FaceitError

HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
FAR = 1 << 20  # Windows keeps others from reading the locked byte: one behind the process number


@contextlib.contextmanager
def only_one(path: Path, what: str):
    """Hold ``path`` as a lock; FaceitError at once when another process has it. ``what`` begins the sentence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _lock(descriptor):
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            raise FaceitError(f"{what} by another process ({holder or 'just started'}): wait for it, or stop it first.")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the lock is ours; a file system without locks lets everyone in."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(descriptor, FAR, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        return e.errno not in HELD
    return True
