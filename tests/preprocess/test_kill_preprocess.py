"""kill -9 at any moment of preprocess: nothing half-made counts, and the next run ends with the very same files."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.faces.faceset import DONE, LEFT_OUT, SHEET, TABLE, finished, present_names, read_table
from faceit.faces.tracks import BEST, TRACKS
from faceit.images import write_image
from faceit.media.server import serve_folder
from faceit.media.video import read_frames
from faceit.preprocess import run as stage
from faceit.preprocess import segment
from tests.conftest import ROOT, copied, write_project

posix = pytest.mark.skipif(os.name != "posix", reason="there is no kill -9")
pytestmark = posix

SEGMENT_S = 1.0  # of a clip of three seconds

# Runs preprocess in segments of a second, and kills itself at the place named: argv is YAML, place.
DRIVER = """
import os, signal, sys
from pathlib import Path
from faceit.cli import main
from faceit.faces import faceset
from faceit.preprocess import segment
from faceit.preprocess import partial_folder
from faceit.preprocess import photos
from faceit.preprocess import run as stage

stage.SEGMENT_S = float(sys.argv[3])
place, count = sys.argv[2], 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def before(owner, name, number, fits=lambda *args: True):
    '''Die at the number-th call of owner.name that fits, in the place of the call.'''
    real = getattr(owner, name)
    def wrapped(*args, **options):
        global count
        count += bool(fits(*args))
        if fits(*args) and count == number:
            die()
        return real(*args, **options)
    setattr(owner, name, wrapped)

def torn_table(folder, rows):
    global count
    count += 1
    if count == 3:  # made, first segment, second
        with (folder / partial_folder.TABLE).open("ab") as file:
            file.write("".join(map(faceset._line, rows)).encode()[:-700])
        die()
    return append(folder, rows)

append = partial_folder.append_rows
named = lambda word: lambda path, *rest: Path(path).name == word
hidden = lambda word: lambda source, target: Path(source).name.startswith(".") and word in Path(source).name
if place == "in the first segment": before(segment, "write_bytes", 4)
if place == "in the second segment": before(segment, "write_bytes", 15)
if place == "in a picture": before(os, "replace", 16, lambda source, target: Path(target).suffix == ".jpg")
if place == "in the table": partial_folder.append_rows = torn_table
if place == "after the table": before(partial_folder.PartialFolder, "_append", 2)
if place == "after the tracks": before(partial_folder, "write_text", 2, named(partial_folder.STATE))
if place == "after a segment": before(segment, "read_frames", 3)
if place == "after the last segment": before(partial_folder, "write_tracks", 1)
if place == "before done": before(partial_folder, "write_text", 1, named(partial_folder.DONE))
if place == "after done": before(partial_folder, "recover", 1)
if place == "before the renames": before(os, "replace", 1, lambda source, target: Path(target).name.endswith(".old"))
if place == "between the renames": before(os, "replace", 1, lambda source, target: Path(source).is_dir()
                                          and Path(source).name.endswith(".part"))
if place == "after the renames": before(partial_folder.shutil, "rmtree", 1, lambda path, *rest: Path(path).is_dir()
                                        and Path(path).name.endswith(".old"))
if place == "in a photo": before(photos, "write_face", 2)
if place == "before the photos' table": before(photos, "write_table", 1)
if place == "before the photos' done": before(photos, "write_text", 1, named(photos.DONE))
sys.exit(main(["preprocess", "--person", "collins", "--config", sys.argv[1]]))
"""


def run_and_die(file: Path, place: str) -> None:
    """Preprocess in a process of its own, which dies at ``place`` as of kill -9."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", DRIVER, str(file), place, str(SEGMENT_S)]
    died = subprocess.run(words, env=env, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]


def change(file: Path, **settings) -> None:
    project = yaml.safe_load(file.read_text())
    project["preprocess"] |= settings
    file.write_text(yaml.safe_dump(project, sort_keys=False))


def faces_of(file: Path, source: str | None = None) -> Path:
    person = load_project(file).person("collins")
    return load_project(file).faces_dir(person, source or person.videos[0].name)


def everything(file: Path) -> dict[str, bytes]:
    """All files of the person, hidden ones and what is left over too."""
    root = faces_of(file).parent if load_project(file).person("collins").videos else faces_of(file, "photos").parent
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != stage.LOCK}


@pytest.fixture(scope="module")
def again(prepared, tmp_path_factory) -> Path:
    """A project with a finished set, one picture deleted, whose settings have changed: it is to be made again."""
    file = copied(prepared, tmp_path_factory.mktemp("again"))
    (faces_of(file) / "000001200.jpg").unlink()
    shutil.rmtree(file.parent / "data" / "processed" / "hopper")
    change(file, size=128)
    return file


@pytest.fixture(scope="module")
def undisturbed(again, tmp_path_factory) -> dict[str, bytes]:
    """What a run that nobody kills makes of it."""
    file = copied(again, tmp_path_factory.mktemp("undisturbed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "SEGMENT_S", SEGMENT_S)
        assert main(["preprocess", "--person", "collins", "--config", str(file)]) == 0
    names = present_names(faces_of(file))
    assert len(names) == 29
    # nothing of the making is left
    assert {p.name for p in faces_of(file).iterdir()} == {*names, TABLE, TRACKS, BEST, LEFT_OUT, SHEET, DONE}
    return everything(file)


PLACES = [
    "in the first segment",
    "in the second segment",
    "in a picture",
    "in the table",
    "after the table",
    "after the tracks",
    "after a segment",
    "after the last segment",
    "before done",
    "after done",
    "before the renames",
    "between the renames",
    "after the renames",
]


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_killed_and_run_again_gives_the_same_files(again, undisturbed, tmp_path, monkeypatch, place):
    file = copied(again, tmp_path)
    run_and_die(file, place)
    folder = faces_of(file)
    if place == "after the renames":
        assert [len(present_names(f)) for f in finished([folder])] == [29]
    elif place == "between the renames":
        assert finished([folder]) == []
    else:  # the old set is whole until the new one is
        assert [len(read_table(f)) for f in finished([folder])] == [30] and len(present_names(folder)) == 29
    looked = []
    read = segment.read_frames

    def note(path, *, start, **options):
        looked.append(start)
        return read(path, start=start, **options)

    monkeypatch.setattr(stage, "SEGMENT_S", SEGMENT_S)
    monkeypatch.setattr(segment, "read_frames", note)
    assert main(["preprocess", "--person", "collins", "--config", str(file)]) == 0
    assert everything(file) == undisturbed
    done_before = {"in the first segment": 0, "in the second segment": 1, "in a picture": 1, "in the table": 1,
                   "after the table": 1, "after the tracks": 1, "after a segment": 2}.get(place, 3)  # fmt: skip
    assert looked == [0.0, 1.0, 2.0][done_before:]  # whole segments are not looked at again


@pytest.mark.slow
def test_killed_before_there_was_any_set(prepared, tmp_path, monkeypatch):
    file = copied(prepared, tmp_path)
    shutil.rmtree(tmp_path / "data" / "processed" / "collins")
    run_and_die(file, "in the second segment")
    assert finished([faces_of(file)]) == [] and not faces_of(file).exists()
    monkeypatch.setattr(stage, "SEGMENT_S", SEGMENT_S)
    assert main(["preprocess", "c2h", "--config", str(file)]) == 0
    assert (faces_of(file) / DONE).exists() and len(present_names(faces_of(file))) == 30


def test_killed_and_then_changed_settings_begin_anew(again, tmp_path):
    """Pictures of other settings are never mixed, and the old set's deleted picture is still remembered."""
    file = copied(again, tmp_path)
    run_and_die(file, "after the last segment")
    change(file, size=192, fps=5)
    assert main(["preprocess", "--person", "collins", "--config", str(file)]) == 0
    names = [f"{200 * i:09d}.jpg" for i in range(15) if i != 6]
    assert present_names(faces_of(file)) == names
    assert sorted(p.name for p in faces_of(file).glob("0*.jpg")) == names
    assert [p.name for p in faces_of(file).parent.iterdir() if p.name.endswith((".part", ".old"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("place", ["in a photo", "before the photos' table", "before the photos' done"])
def test_killed_among_the_photos(people, tmp_path, place):
    (tmp_path / "photos").mkdir()
    places = (tmp_path / "photos" / "one.png", tmp_path / "photos" / "two.png", tmp_path / "late.png")
    for place_of_photo, (_, frame) in zip(places, read_frames(people / "collins.mp4", fps=1), strict=True):
        write_image(place_of_photo, frame)

    def project(name: str) -> Path:
        file = write_project(tmp_path / name, people, {"collins": []}, swaps={})
        values = yaml.safe_load(file.read_text())
        values["people"]["collins"] |= {"videos": [], "photos": ["../photos"]}
        file.write_text(yaml.safe_dump(values))
        return file

    def add_photo(file: Path) -> None:
        values = yaml.safe_load(file.read_text())
        values["people"]["collins"]["photos"].append("../late.png")
        file.write_text(yaml.safe_dump(values))

    undisturbed, killed = project("undisturbed"), project("killed")
    for file in (undisturbed, killed):
        if file == killed:
            run_and_die(file, place)
            assert finished([faces_of(file, "photos")]) == []
        assert main(["preprocess", "--person", "collins", "--config", str(file)]) == 0
        add_photo(file)
        if file == killed and place != "in a photo":  # there is but one new photo
            run_and_die(file, place)
            assert len(present_names(faces_of(file, "photos"))) >= 2
        assert main(["preprocess", "--person", "collins", "--config", str(file)]) == 0
        assert len(present_names(faces_of(file, "photos"))) == 3
    assert everything(killed) == everything(undisturbed)


@pytest.mark.slow
def test_killed_in_the_download_goes_on_where_it_was(people, prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    size, log = (people / "collins.mp4").stat().st_size, []
    words = [sys.executable, str(ROOT / "faceit.py"), "preprocess", "--person", "collins", "--config"]
    with serve_folder(people, log=log, bytes_per_second=size / 8) as base:  # the whole would take eight seconds
        video = {"url": f"{base}/collins.mp4", "name": "talk"}
        file = write_project(tmp_path, people, {"collins": [video]}, swaps={})
        child = subprocess.Popen([*words, str(file)], env=dict(os.environ), stdout=subprocess.DEVNULL)
        limit = time.monotonic() + 60
        while sum(p.stat().st_size for p in tmp_path.rglob("*.part") if p.is_file()) < size / 10:
            assert child.poll() is None and time.monotonic() < limit
            time.sleep(0.05)
        child.kill()
        child.wait()
        port = int(base.rsplit(":", 1)[1])
    assert not faces_of(file).exists()
    log.clear()
    with serve_folder(people, log=log, port=port):
        assert main(["preprocess", "--person", "collins", "--config", str(file)]) == 0
    # what is there already is asked for once more, to be compared; then come those that are missing
    begins = [int(found[1]) for _, header in log if (found := re.fullmatch(r"bytes=([0-9]+)-", header or ""))]
    assert begins and begins[-1] > 0
    talk, direct = faces_of(file), faces_of(prepared)
    assert read_table(talk) == read_table(direct) and len(read_table(talk)) == 30
    for name in present_names(direct):
        assert (talk / name).read_bytes() == (direct / name).read_bytes()
