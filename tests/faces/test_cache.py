"""Decoded faces are kept for the next start, and whatever happens to what is kept, the faces are the right ones."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceit.checkup.status import status
from faceit.config.project_file import load_project
from faceit.errors import FaceitError
from faceit.faces import cache, load
from faceit.faces.faceset import read_table, write_table
from faceit.faces.load import load_appearance, load_faceset
from faceit.images import write_image
from tests.drawn import drawn_folder, drawn_project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ann(tmp_path, monkeypatch) -> Path:
    """A folder of 12 faces; blocks are so small that they have several."""
    monkeypatch.setattr(cache, "BLOCK_BYTES", 5 * 45 * 45 * 3)
    drawn_folder(tmp_path / "ann" / "talk", "ann", 12)
    return tmp_path / "ann" / "talk"


def kept(folder: Path, size: int = 32, **options):
    return load_faceset([folder], size, cache=folder.parent / ".cache", **options)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder.parent / ".cache").iterdir())


def without_reading(monkeypatch):
    def read(path):
        raise AssertionError(f"{path} is read")

    monkeypatch.setattr(load, "read_image", read)


def same(folder: Path, **options) -> None:
    """What is kept is what the pictures are, and the next start takes it as it is."""
    wanted, found = load_faceset([folder], 32, **options), kept(folder, **options)
    assert len(found) and isinstance(found.faces, np.memmap) and np.array_equal(found.faces, wanted.faces)
    assert np.array_equal(found.points, wanted.points) and np.array_equal(found.yaw, wanted.yaw)
    with pytest.MonkeyPatch.context() as patch:
        without_reading(patch)
        assert np.array_equal(kept(folder, **options).faces, wanted.faces)


@pytest.mark.parametrize("options", [{}, {"most": 5}])
def test_the_second_start_decodes_nothing_and_has_the_same_faces(ann, options):
    same(ann, **options)
    found = kept(ann, **options)
    assert not found.faces.flags.writeable  # nobody changes what others have open
    assert len(np.load(ann.parent / ".cache" / files(ann)[-1])) == len(found)  # an .npy like any other
    assert [name.split(".")[-1] for name in files(ann)] == ["json", "npy"]


def test_textures_are_kept_too(ann):
    wanted = load_appearance([ann], 64)
    assert not isinstance(wanted.textures.pictures, np.memmap)
    for _ in range(2):
        found = load_appearance([ann], 64, cache=ann.parent / ".cache").textures
        assert isinstance(found.pictures, np.memmap) and np.array_equal(found.pictures, wanted.textures.pictures)
        assert np.array_equal(found.codes, wanted.textures.codes)
    assert len(files(ann)) == 2


def another_picture(folder: Path) -> None:
    write_image(folder / "000003.jpg", np.zeros((128, 128, 3), np.uint8))


def another_curation(folder: Path) -> None:
    rows = read_table(folder)
    write_table(folder, [replace(row, left_out="twin" if i == 4 else None) for i, row in enumerate(rows)])


def another_split(folder: Path) -> None:
    rows = read_table(folder)
    write_table(folder, [replace(row, held_out=i == 4) for i, row in enumerate(rows)])


def other_landmarks(folder: Path) -> None:
    rows = read_table(folder)
    moved = tuple((x + (i < 17), y) for i, (x, y) in enumerate(rows[0].landmarks))
    write_table(folder, [replace(rows[0], landmarks=moved), *rows[1:]])


def a_deleted_picture(folder: Path) -> None:
    (folder / "000003.jpg").unlink()


@pytest.mark.parametrize(
    "change", [another_picture, another_curation, another_split, other_landmarks, a_deleted_picture]
)
def test_what_changed_is_made_anew_and_the_old_is_gone(ann, change):
    before = kept(ann)
    was, names = np.array(before.faces), files(ann)
    change(ann)
    same(ann)
    assert not set(files(ann)) & set(names) and len(files(ann)) == 2
    assert np.array_equal(before.faces, was)  # a training that runs goes on with what it had


def cut_off(faces: Path) -> None:
    faces.write_bytes(faces.read_bytes()[:-100])


def grown(faces: Path) -> None:
    faces.write_bytes(faces.read_bytes() + b"more")


def one_byte(faces: Path) -> None:
    data = bytearray(faces.read_bytes())
    data[len(data) // 2] ^= 1
    faces.write_bytes(data)


def zeros(faces: Path) -> None:
    """As a power cut may leave it."""
    faces.write_bytes(bytes(faces.stat().st_size))


def something_else(faces: Path) -> None:
    np.save(faces, np.zeros((12, 45, 45, 3), np.float32))


def no_sums(faces: Path) -> None:
    faces.with_suffix(".json").unlink()


def strange_sums(faces: Path) -> None:
    said = json.loads(faces.with_suffix(".json").read_text())
    faces.with_suffix(".json").write_text(json.dumps(said | {"crc32": None}))


def another_persons(faces: Path) -> None:
    """Whole, and of as many faces."""
    drawn_folder(faces.parents[2] / "bob" / "talk", "bob", 12)
    kept(faces.parents[2] / "bob" / "talk")
    for path in (faces.parents[2] / "bob" / ".cache").iterdir():
        shutil.copy(path, faces.with_suffix(path.suffix))


@pytest.mark.parametrize(
    "damage", [cut_off, grown, one_byte, zeros, something_else, no_sums, strange_sums, another_persons, Path.unlink]
)
def test_what_is_damaged_is_made_anew(ann, damage):
    kept(ann)
    damage(ann.parent / ".cache" / files(ann)[1])
    same(ann)


def full(monkeypatch, folder):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10_000))


def full_at_the_end(monkeypatch, folder):
    def replace_(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", replace_)


def read_only(monkeypatch, folder):
    (folder.parent / ".cache").write_bytes(b"a file where the folder should be")


@pytest.mark.parametrize("trouble", [full, full_at_the_end, read_only])
def test_where_it_cannot_be_written_the_faces_are_in_memory(ann, monkeypatch, capsys, trouble):
    wanted = load_faceset([ann], 32)
    trouble(monkeypatch, ann)
    found = kept(ann)
    assert np.array_equal(found.faces, wanted.faces)
    assert not isinstance(found.faces, np.memmap)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "cannot keep the decoded faces" in said and "in memory" in said
    assert trouble is read_only or files(ann) == []


def test_a_disk_that_can_only_be_read_still_gives_what_is_there(ann, monkeypatch):
    kept(ann)

    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("utime", "replace"):
        monkeypatch.setattr(cache.os, name, refused)
    without_reading(monkeypatch)
    assert isinstance(kept(ann).faces, np.memmap)


def test_two_sizes_are_kept_those_used_last(ann):
    for size, age in ((16, 30), (48, 20), (32, 10)):
        kept(ann, size)
        kept(ann, size, held_out=True)  # nothing: that is no cache
        for path in (ann.parent / ".cache").glob(f"{size}-*"):
            os.utime(path, (time.time() - age,) * 2)
    assert {name.split("-")[0] for name in files(ann)} == {"48", "32"}
    kept(ann, 48)  # used again
    kept(ann, 16)
    assert {name.split("-")[0] for name in files(ann)} == {"48", "16"}


def test_what_a_killed_run_left_is_removed_and_what_another_writes_is_not(ann):
    kept(ann)
    place, name = ann.parent / ".cache", files(ann)[1]
    for writer, age in (("111", 3600), ("222", 1)):
        left = place / f".{name}.{writer}.part"
        left.write_bytes(b"half")
        os.utime(left, (time.time() - age,) * 2)
    (place / "notes.txt").write_text("mine")
    kept(ann, 48)
    assert [each for each in files(ann) if not each[0].isdigit()] == [f".{name}.222.part", "notes.txt"]


def test_a_moved_project_keeps_what_it_has(ann, tmp_path, monkeypatch):
    kept(ann)
    shutil.copytree(ann.parent, tmp_path / "elsewhere" / "anna")
    without_reading(monkeypatch)
    assert len(kept(tmp_path / "elsewhere" / "anna" / "talk")) == 12


MAKE = """
import hashlib, sys
from pathlib import Path
from faceit.faces.load import load_faceset
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
faces = load_faceset([folder], 32, cache=folder.parent / ".cache")
print(type(faces.faces).__name__, hashlib.sha256(faces.faces.tobytes()).hexdigest())
"""


def test_two_trainings_that_share_a_person_begin_at_once(ann):
    """Both make what is kept at the same time, and both have it."""
    words = [sys.executable, "-c", MAKE, str(ann)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    runs = [subprocess.Popen(words, **pipes) for _ in range(2)]
    try:
        for run in runs:
            assert run.stdout.readline() == "ready\n"
        for run in runs:
            run.stdin.write("go\n")
            run.stdin.flush()
        said = [run.communicate(timeout=60)[0].split() for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert said[0] == said[1] and said[0][0] == "memmap"
    same(ann)
    assert len(files(ann)) == 2


def test_nobody_else_sees_the_hidden_folder(tmp_path):
    project = load_project(drawn_project(tmp_path, 4))
    person = project.person("ann")
    before = status(project)
    load_faceset(project.face_dirs(person), 32, cache=project.faces_cache(person))
    place = project.faces_cache(person)
    assert place.parent == project.faces_dir(person) and place.name.startswith(".") and len(list(place.iterdir())) == 2
    assert status(project) == before and place not in project.face_dirs(person)


def test_a_cache_that_is_a_link_is_refused(ann, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "32-train-0123456789ab-faces.npy").write_bytes(b"precious")
    (ann.parent / ".cache").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(FaceitError, match=r"\.cache is a link, .*: remove the link"):
        kept(ann)
    assert [path.read_bytes() for path in elsewhere.iterdir()] == [b"precious"]
