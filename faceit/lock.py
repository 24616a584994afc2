"""One process at a time: a lock that the operating system lets go of however its holder ends, so it is never stale."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from faceit.errors import FaceitError

LOOK_S = 0.2  # between two looks at a lock that is waited for


@contextlib.contextmanager
def only_one(path: Path, what: str, *, passing: bool = False, waiting: Callable[[], None] | None = None,
             ) -> Iterator[None]:  # fmt: skip
    """Hold ``path`` as a lock; FaceitError at once when another process has it. ``what`` begins the sentence. A file
    system without locks lets everyone in.

    With ``passing`` the file is removed in the end, where nobody would understand it. ``waiting`` waits for the other
    process instead; it is called again and again until then.
    """
    lock = None
    while lock is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = _taken(path)
        except FileNotFoundError:
            if not passing:
                raise
            continue  # who had such a lock has removed the empty folder meanwhile
        if lock is None:
            if waiting is None:
                raise FaceitError(f"{what} by another process ({_holder(path)}): wait for it, or stop it first.")
            waiting()
            time.sleep(LOOK_S)
    try:
        yield
    finally:
        if passing and os.name != "nt":  # who has opened it meanwhile looks whether it is still the file of that name
            _remove(path)
        lock.release()
        if passing and os.name == "nt":  # where nobody can remove what another has open
            _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _taken(path: Path) -> FileLock | None:
    """The lock, where no other process has it."""
    if path.is_symlink():  # what is written into it would be written elsewhere
        raise FaceitError(f"{path} is a link, and faceit writes to it: remove the link and run it again.")
    still_there = True

    def sign(descriptor: int) -> None:
        """Write into the lock's file who has it."""
        nonlocal still_there
        with contextlib.suppress(OSError):  # on a full disk it is held all the same
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        try:
            still_there = os.path.samestat(os.fstat(descriptor), path.stat())
        except FileNotFoundError:
            still_there = False

    lock = FileLock(path, mode=0o666, preserve_lock_file=True, fallback_to_soft=False, on_acquired=sign)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    except OSError:
        if not os.access(path, os.R_OK | os.W_OK):  # it is not the lock that cannot be had, but the file
            raise
    if not still_there:  # its last holder has removed it meanwhile
        lock.release()
        return _taken(path)
    return lock


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError):  # Windows keeps others from reading what is locked
        return path.read_bytes()[:20].decode("ascii", "replace").strip() or "just started"
    return "it does not say which"
