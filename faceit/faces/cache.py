"""Decoded pictures on disk, memory-mapped: the second start takes them as they are, and memory holds what is used.

A cache is an .npy file with uint8 pictures and a .json file beside it with its key and checksums. Its name says what it
was made from, so whoever makes the same one at the same time writes the same bytes. It can be deleted at any time.
"""

import contextlib
import errno
import io
import json
import math
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceit.files import no_link, read_json, replacing
from faceit.progress import Progress, say

THREADS = min(8, os.cpu_count() or 1)  # OpenCV decodes without Python's lock; a disk has little use for more readers
BLOCK_BYTES = 16 << 20  # made, written and checked at a time: some hundred faces
LARGEST_SHARE = 0.5  # of what is free on the disk: the rest is for the models, which cannot do without it
SIZES = 2  # a person: who tries another one goes back
STALE_S = 600  # a file in the making that nobody wrote to for so long was left by a killed run
KEY_LETTERS = 16  # of the key's hexadecimal digits are in the name
# the names of what lies here; what else somebody put there is left alone
OURS = re.compile(rf"\.?\d+-[a-z]+-[0-9a-f]{{{KEY_LETTERS}}}-[a-z]+\..+")


@dataclass(frozen=True)
class Pictures:
    """``count`` pictures of ``shape`` uint8, of which ``make(i)`` gives one, in any thread; ``label`` is the bar's."""

    count: int
    shape: tuple[int, ...]
    make: Callable[[int], np.ndarray]
    label: str

    @property
    def whole(self) -> tuple[int, ...]:
        """The shape of all of them."""
        return self.count, *self.shape

    @property
    def block(self) -> int:
        """Pictures in a block."""
        return max(1, BLOCK_BYTES // math.prod(self.shape))

    def blocks(self) -> Iterator[np.ndarray]:
        """All of them, made by several threads, (block, *shape) at a time; the last block may be shorter."""
        with ThreadPoolExecutor(THREADS) as pool, Progress(self.label, self.count, "face") as progress:
            for begin in range(0, self.count, self.block):
                end = min(begin + self.block, self.count)
                block = np.empty((end - begin, *self.shape), np.uint8)
                for at, picture in enumerate(pool.map(self.make, range(begin, end))):
                    block[at] = picture
                progress.update(end)
                yield block

    def in_memory(self) -> np.ndarray:
        """All of them, (count, *shape)."""
        array, done = np.empty(self.whole, np.uint8), 0
        for block in self.blocks():
            array[done : done + len(block)] = block
            done += len(block)
        return array


@dataclass(frozen=True)
class CachePlace:
    """Where pictures of ``size`` are kept that were made from what ``key`` (hexadecimal digits) stands for; of each
    size there is one set of every ``kind`` ("train", "held"), with its ``key``."""

    folder: Path
    size: int
    kind: str
    key: str

    def file(self, what: str) -> Path:
        """The pictures' file; its checksums are beside it, .json."""
        return self.folder / f"{self.size}-{self.kind}-{self.key[:KEY_LETTERS]}-{what}.npy"


def kept(place: CachePlace, what: str, pictures: Pictures) -> np.ndarray:
    """The pictures from the cache, read only, which is made first where it is not there, not whole or of another key.
    Where it cannot be written they are in memory, and one line says so."""
    if not pictures.count:
        return pictures.in_memory()  # nothing cannot be mapped
    no_link(place.folder)
    path = place.file(what)
    try:
        if not _is_whole(path, place.key, pictures):
            _tidy(place)
            _make(path, place.key, pictures)
        with contextlib.suppress(OSError):  # a disk that can only be read
            os.utime(path.with_suffix(".json"))  # when it was used last
        return _mapped(path, pictures)
    except OSError as e:
        say(f"  ! {place.folder} cannot keep the decoded faces ({e.strerror or e}): they are kept in memory, and "
            "decoded again at the next start.")  # fmt: skip
        return pictures.in_memory()


def _header(pictures: Pictures) -> bytes:
    """The beginning of the .npy file."""
    file = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": pictures.whole}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()


def _mapped(path: Path, pictures: Pictures) -> np.memmap:
    return np.memmap(path, np.uint8, "r", len(_header(pictures)), pictures.whole)


def _is_whole(path: Path, key: str, pictures: Pictures) -> bool:
    """Whether a cache is there and as it was written: key, size, and the checksum of every block. It is read once as a
    whole, which the first steps would do in small pieces."""
    about = read_json(path.with_suffix(".json"))
    if about is None or about.get("key") != key or not path.is_file():
        return False
    if path.stat().st_size != len(_header(pictures)) + math.prod(pictures.whole):
        return False
    array = _mapped(path, pictures)
    blocks = [array[begin : begin + pictures.block] for begin in range(0, pictures.count, pictures.block)]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(zlib.crc32, blocks)) == about.get("crc32")


def _make(path: Path, key: str, pictures: Pictures) -> None:
    """Write a cache. OSError where the disk refuses, or would be left with little."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if math.prod(pictures.whole) > LARGEST_SHARE * shutil.disk_usage(path.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    sums = []

    def parts() -> Iterator[bytes | memoryview]:
        yield _header(pictures)
        for block in pictures.blocks():
            sums.append(zlib.crc32(block.data))
            yield block.data

    mark = f".{os.getpid()}"  # others may make the same one meanwhile
    # by plain writes: where a disk fills up, a write into a memory map kills the process
    with replacing(path, mark) as part, part.open("wb") as file:
        for each in parts():
            file.write(each)
    with replacing(path.with_suffix(".json"), mark) as part:
        part.write_text(json.dumps({"key": key, "crc32": sums}))


def _tidy(place: CachePlace) -> None:
    """Remove what ``place`` makes old: its size and kind of another key, sizes that were not used for longest, and what
    killed runs left. Who has a removed one open keeps it."""
    used = {str(place.size): math.inf}
    with contextlib.suppress(OSError):
        here = [path for path in place.folder.iterdir() if OURS.fullmatch(path.name)]
        for path in here:
            size, kind, key = path.name.split("-")[:3]
            age = time.time() - path.stat().st_mtime
            if path.suffix == ".part":
                if age > STALE_S:
                    _remove(path)
            elif (size, kind) == (str(place.size), place.kind) and key != place.key[:KEY_LETTERS]:
                _remove(path)
            else:
                used[size] = max(used.get(size, -math.inf), -age)
        old = sorted(used, key=lambda size: used[size])[:-SIZES]
        for path in here:
            if path.name.partition("-")[0] in old:
                _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # Windows keeps what somebody has open
        path.unlink(missing_ok=True)
