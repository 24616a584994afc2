"""How soon a training has a model that swaps, and what memory it takes. Run by hand.

    python -m benchmarks.first_swap --clips DIR [--faces 1000] [--work DIR]

DIR as in ``benchmarks.pairs``; the faces are those of pair 2, repeated until each person has so many. Runs ``train
--iterations 0`` in a process of its own, twice: the second time textures are kept from the first. Prints seconds to the
first model and preview, the largest memory, and last the seconds over those that decoding the pictures takes.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.pairs import pair_2, write_project
from faceit.cli import main as faceit
from faceit.config.project_file import load_project
from faceit.faces.faceset import TABLE, iterate_present, iterate_table, picture, write_table
from faceit.images import read_image

TRAIN = "import sys; from faceit.cli import main; sys.exit(main(sys.argv[1:]))"


def repeat_faces(folders: list[Path], wanted: int) -> None:
    """Have the folders of a person show so many faces: pictures again under other names."""
    rows = [(folder, row) for folder in folders for row in iterate_present(folder) if not row.held_out]
    more: dict[Path, list] = {}
    for i in range(wanted - len(rows)):
        folder, row = rows[i % len(rows)]
        name = f"{Path(row.file).stem}-{i // len(rows)}{Path(row.file).suffix}"
        if not (folder / name).exists():
            os.link(picture(folder, row), folder / name)
        more.setdefault(folder, []).append(replace(row, file=name))
    for folder, added in more.items():
        known = list(iterate_table(folder))
        names = {row.file for row in known}
        write_table(folder, known + [row for row in added if row.file not in names])
        assert (folder / TABLE).exists()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-first-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    file = write_project(work, pair_2(args.clips.resolve()))
    assert faceit(["preprocess", "pair", "--config", str(file)]) == 0
    project = load_project(file)
    people = project.swap("pair").a, project.swap("pair").b
    for person in people:
        repeat_faces(project.face_dirs(person), args.faces)
    began, decoded = time.monotonic(), 0
    for person in people:
        for folder in project.face_dirs(person):
            for row in iterate_present(folder):
                read_image(picture(folder, row))
                decoded += 1
    decoding = time.monotonic() - began
    for kept in ("nothing", "textures"):
        shutil.rmtree(work / "models", ignore_errors=True)
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", TRAIN, "train", "pair", "--iterations", "0", "--preset", "cpu",
                        "--config", str(file)], check=True)  # fmt: skip
        seconds = time.monotonic() - began
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{decoded:,} faces, {kept} kept: {seconds:.1f} s to the first model, at most {most:,.0f} MB")
        if kept == "nothing":
            first = seconds
    print(f"seconds to the first model over those of decoding all pictures by one core: {first / decoding:.2f}")


if __name__ == "__main__":
    main()
