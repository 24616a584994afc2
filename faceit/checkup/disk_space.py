"""Free and needed space on the disks of a project. It imports nothing that may be broken."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

FRESH_BYTES = 10**9  # for a project about which little is known: a few minutes of video, their faces, a model


@dataclass(frozen=True)
class Disk:
    """One disk of a project: a folder on it, what is free and what is needed, in bytes."""

    place: Path
    free: int
    need: int

    @property
    def short(self) -> int:
        """Bytes that are missing; 0 if there is enough space."""
        return max(0, self.need - self.free)


def disks(wanted: dict[Path, int]) -> list[Disk]:
    """The disks of some folders (which may not exist yet), each with all that is needed on it."""
    found: dict[int, Disk] = {}
    for folder, need in wanted.items():
        place = existing(folder)
        device = place.stat().st_dev
        before = found.get(device)
        free = shutil.disk_usage(place).free if before is None else before.free
        found[device] = Disk(before.place if before else place, free, need + (before.need if before else 0))
    return list(found.values())


def existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def size(count: float) -> str:
    """Bytes in readable units: 300 kB, 92 MB, 1.4 GB."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{math.ceil(count / 1e3)} kB"
