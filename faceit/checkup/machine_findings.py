"""doctor's findings about the machine: memory, and disk space compared with what the project still needs."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from faceit.checkup.disk_space import FRESH_BYTES, disks, existing, size
from faceit.checkup.finding import FAIL, OK, WORSE, Finding
from faceit.checkup.project_findings import preset_of
from faceit.network.devices import memory

LEAST_MEMORY = 2 * 10**9  # bytes; training `cpu` takes 1.6 GB, most of it before the first step


def check_memory() -> list[Finding]:
    """Free memory, compared with what training needs."""
    total, free = memory()
    if total is None:
        return [Finding(OK, "memory", "unknown on this machine; training takes about 2 GB")]
    if free is None:
        free = total
    text = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free"
    if free < LEAST_MEMORY:
        return [Finding(WORSE, "memory", f"{text}, and training takes about 2: close other programs.")]
    return [Finding(OK, "memory", text)]


def check_disk(file: Path | None, project, tried: dict[str, Future], reported: set[str | None]) -> Iterator[Finding]:
    """Free disk space, compared with what the project still needs."""
    folder = existing(Path.cwd() if file is None else file.absolute().parent)
    broken = [module for module in ("cv2", "av", "keras") if project is not None and module in reported]
    if not os.access(folder, os.W_OK):
        yield Finding(FAIL, "disk", f"{folder} cannot be written: change its permissions, or work in another folder.")
    elif broken:
        [disk] = disks({folder: 0})
        yield Finding(WORSE, "disk", f"{size(disk.free)} are free on the disk of {folder}; how much this project needs "
                      f"is unknown while {broken[0]} is broken: see above.")  # fmt: skip
    elif project is None:
        yield from _space({folder: FRESH_BYTES}, "a project needs about")
    else:
        yield from _project_space(project, tried["keras"].result()["disk"])


def _project_space(project, model_sizes: dict[str, int]) -> Iterator[Finding]:
    """The project's disks, counted as in ``estimate``. ``model_sizes``: preset -> largest size of a model in bytes."""
    from faceit.checkup.remaining_work import model_bytes, preprocess_bytes, sources

    found = sources(project, project.people.values())
    for source in found:
        if source.trouble and source.file is not None and source.file.exists():
            trouble = f"{source.person}: {source.trouble.rstrip('.')}"
            yield Finding(WORSE, "videos", f"{trouble}: remove it from the YAML, or replace the file.")
    data, what = preprocess_bytes(project, found), "this project still needs about"
    swaps = project.swaps.values()
    models = sum(model_bytes(project, swap.name, model_sizes[preset_of(project, swap)]) for swap in swaps)
    unknown = [source for source in found if source.trouble and source.file is None]
    if unknown and data + models < FRESH_BYTES:
        what = f"with {len(unknown)} video{'s' * (len(unknown) != 1)} of unknown length {what}"
        data = FRESH_BYTES - models
    yield from _space({project.data: data, project.root / "models": models}, what)


def _space(wanted: dict[Path, int], what: str) -> Iterator[Finding]:
    for disk in disks(wanted):
        text = f"{size(disk.free)} are free on the disk of {disk.place}; {what} {size(disk.need)}"
        if disk.short:
            yield Finding(FAIL, "disk", f"{text}: free {size(disk.short)}, or move to a larger disk.")
        else:
            yield Finding(OK, "disk", text)
