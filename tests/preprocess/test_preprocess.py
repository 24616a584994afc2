"""preprocess keeps the right person's faces, does nothing twice, and lets nobody's deleting be undone."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.config.track_choices import TrackChoices, write_choices
from faceit.errors import MediaError
from faceit.faces import faceset
from faceit.faces.faceset import DONE, SHEET, TABLE, finished, present_names, read_table
from faceit.faces.tracks import read_tracks
from faceit.geometry import eye_distance
from faceit.images import read_image, write_image
from faceit.media import fetch_ytdlp
from faceit.media.server import serve_folder
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter
from faceit.preprocess import photos as photo_stage
from faceit.preprocess import run as stage
from faceit.preprocess import segment
from faceit.preprocess.partial_folder import STATE, PartialFolder
from tests.conftest import copied, write_project

FPS = 10


@pytest.fixture(scope="module")
def frames(people) -> dict[str, list[np.ndarray]]:
    """One second of each person at 10 a second, and as long a time without anybody."""
    found = {n: [f for _, f in read_frames(people / f"{n}.mp4", fps=FPS, end=1.0)] for n in ("collins", "hopper")}
    ramp = np.linspace(40, 200, found["collins"][0].shape[1]).astype(np.uint8)
    return {**found, "nobody": [np.full_like(found["collins"][0], ramp[None, :, None])] * FPS}


def write_clip(path: Path, frames: list[np.ndarray], fps: float = FPS) -> str:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, fps, crf=10, preset="ultrafast") as writer:
        for frame in frames:
            writer.write(frame)
    return str(path)


def run(file: Path, *words: str) -> int:
    return main(["preprocess", *(words or ("--person", "collins")), "--config", str(file)])


def folder_of(file: Path, person: str = "collins", number: int = 0, name: str | None = None) -> Path:
    project = load_project(file)
    return project.faces_dir(project.person(person), name or project.person(person).videos[number].name)


def counts_of(folder: Path) -> dict:
    return json.loads((folder / DONE).read_text())["counts"]


def pictures(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob("*.jpg") if p.name != SHEET)


def milliseconds(*numbers: int) -> list[str]:
    return [f"{number * 1000 // FPS:09d}.jpg" for number in numbers]


def stamps(*folders: Path) -> dict:
    return {p: p.stat().st_mtime_ns for folder in folders for p in folder.rglob("*") if p.is_file()}


def change(file: Path, **settings) -> None:
    project = yaml.safe_load(file.read_text())
    project["preprocess"] |= settings
    file.write_text(yaml.safe_dump(project, sort_keys=False))


def change_person(file: Path, person: str = "collins", **values) -> None:
    project = yaml.safe_load(file.read_text())
    project["people"][person] |= values
    file.write_text(yaml.safe_dump(project, sort_keys=False))


# --- the right person --------------------------------------------------------------------------------------------


def test_of_two_shots_each_person_gets_their_own(people, frames, tmp_path):
    clip = write_clip(tmp_path / "cut.mp4", frames["collins"] + frames["hopper"])
    file = write_project(tmp_path, people, {"collins": [clip], "hopper": [clip]})
    assert run(file, "c2h") == 0
    for person, wanted in (("collins", range(10)), ("hopper", range(10, 20))):
        folder = folder_of(file, person)
        assert pictures(folder) == milliseconds(*wanted)
        counts = counts_of(folder)
        assert (counts["frames"], counts["kept"], counts["someone_else"]) == (20, 10, 10)
        assert counts["nearest"] > 0.5 > max(r.distance for r in read_table(folder))


def test_side_by_side_each_person_gets_their_own(people, frames, tmp_path):
    both = [np.hstack(pair) for pair in zip(frames["collins"], frames["hopper"], strict=True)][:4]
    clip = write_clip(tmp_path / "both.mp4", both)
    file = write_project(tmp_path, people, {"collins": [clip], "hopper": [clip]})
    assert run(file, "c2h") == 0
    width = frames["collins"][0].shape[1]
    for person, left in (("collins", True), ("hopper", False)):
        rows = read_table(folder_of(file, person))
        assert [r.file for r in rows] == milliseconds(*range(4))
        assert all((r.points()[:, 0].mean() < width) == left for r in rows)
        assert all(r.frame == (2 * width, width) for r in rows)


def test_clip_without_a_face_is_counted_and_the_good_one_kept(people, frames, tmp_path, capfd):
    empty = write_clip(tmp_path / "empty.mp4", frames["nobody"])
    mixed = write_clip(tmp_path / "mixed.mp4", frames["nobody"][:3] + frames["collins"][:4] + frames["hopper"][:2])
    file = write_project(tmp_path, people, {"collins": [empty, mixed]})
    write_yaml_without_swaps(file)
    assert run(file) == 0
    said = capfd.readouterr().out
    assert "10 frames, 0 faces found, 10 without a face, 0 of someone else than collins" in said
    assert "9 frames, 4 faces found, 3 without a face, 2 of someone else than collins" in said
    assert "collins: 4 faces from 2 of 2 sources; look through" in said
    empty_folder, mixed_folder = folder_of(file), folder_of(file, number=1)
    assert pictures(empty_folder) == [] and not (empty_folder / SHEET).exists()
    assert pictures(mixed_folder) == milliseconds(3, 4, 5, 6)
    assert read_image(mixed_folder / SHEET).ndim == 3 and read_image(mixed_folder / "000000300.jpg").shape[0] == 384


def write_yaml_without_swaps(file: Path) -> None:
    project = yaml.safe_load(file.read_text())
    project.pop("swaps")
    file.write_text(yaml.safe_dump(project, sort_keys=False))


def test_person_in_none_of_their_videos_is_an_error_that_says_how_far_off(people, frames, tmp_path, capfd):
    clip = write_clip(tmp_path / "other.mp4", frames["hopper"][:3])
    file = write_project(tmp_path, people, {"collins": [clip], "hopper": [clip]})
    for _ in range(2):  # the second run looks at nothing and knows it still
        assert run(file, "c2h") == 1
        said = capfd.readouterr()
        distance = counts_of(folder_of(file))["nearest"]
        assert f"No face of collins in 1 source: is {people / 'collins.png'} a good picture of them? " in said.err
        assert f"The nearest face is {distance:.2f} away. (tolerance 0.5;" in said.err
        assert "hopper: 3 faces from 1 of 1 sources" in said.out  # the other one's sentence comes all the same


def test_nobody_at_all_is_said_in_other_words(people, frames, tmp_path, capfd):
    clip = write_clip(tmp_path / "empty.mp4", frames["nobody"][:3])
    file = write_project(tmp_path, people, {"collins": [clip]}, swaps={})
    assert run(file) == 1
    assert "No face was found at all." in capfd.readouterr().err


def test_two_people_of_one_portrait_get_the_same_faces(people, frames, tmp_path):
    clip = write_clip(tmp_path / "c.mp4", frames["collins"][:3])
    file = write_project(tmp_path, people, {"collins": [clip], "hopper": [clip]})
    change_person(file, "hopper", portrait=str(people / "collins.png"))
    assert run(file, "c2h") == 0
    one, other = folder_of(file), folder_of(file, "hopper")
    assert (one / TABLE).read_bytes() == (other / TABLE).read_bytes() != b""


# --- downloads ---------------------------------------------------------------------------------------------------


@pytest.fixture
def site(people, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fetch_ytdlp, "RETRY_SLEEP_S", (0,))
    log = []
    with serve_folder(people, log=log) as base:
        yield base, log


def test_all_downloads_failing_is_an_error_with_the_first_problem(people, site, tmp_path, capfd):
    base, _ = site
    file = write_project(tmp_path, people, {"collins": [f"{base}/no.mp4", f"{base}/never.mp4"]}, swaps={})
    assert run(file) == 1
    said = capfd.readouterr()
    assert said.err.startswith("faceit: No video of collins could be had. The first problem: 127.0.0.1:")
    assert "HTTP 404" in said.err and "Traceback" not in said.err
    assert said.out.count("  ! 127.0.0.1:") == 2


def test_one_failing_download_of_two_does_not_stop_the_other(people, site, tmp_path, capfd):
    base, _ = site
    file = write_project(tmp_path, people, {"collins": [f"{base}/no.mp4", f"{base}/collins.mp4"]}, swaps={})
    change(file, fps=4)
    assert run(file) == 0
    said = capfd.readouterr().out
    assert "  ! 127.0.0.1:" in said and "HTTP 404" in said
    assert "collins: 12 faces from 1 of 2 sources; 1 could not be had; look through" in said


def test_video_of_two_people_is_loaded_once_and_never_again(people, frames, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "site").mkdir()
    write_clip(tmp_path / "site" / "both.mp4", frames["collins"][:4] + frames["hopper"][:4])
    log = []
    with serve_folder(tmp_path / "site", log=log) as base:
        videos = {name: [{"url": f"{base}/both.mp4", "name": "both"}] for name in ("collins", "hopper")}
        file = write_project(tmp_path, people, videos)
        assert run(file, "c2h") == 0
        data_requests = len(log)
        said = capfd.readouterr().out
        assert run(file, "c2h") == 0
    assert len(log) == data_requests
    assert said.count(f" MB from {base}/both.mp4") == 1
    assert "MB from" not in capfd.readouterr().out
    assert pictures(folder_of(file)) == milliseconds(*range(4))
    assert pictures(folder_of(file, "hopper")) == milliseconds(*range(4, 8))


# --- nothing twice -----------------------------------------------------------------------------------------------


@pytest.fixture
def never(monkeypatch):
    """A function after which looking at a video is a failure."""

    def forbid():
        def no(*_, **__):
            raise AssertionError("a video was looked at again")

        monkeypatch.setattr(segment, "read_frames", no)

    return forbid


def test_running_again_does_nothing(prepared, tmp_path, never, capfd):
    file = copied(prepared, tmp_path)
    before = stamps(tmp_path / "data" / "processed")
    never()
    assert run(file, "c2h") == 0
    after = stamps(tmp_path / "data" / "processed")
    assert {p: t for p, t in after.items() if p.name != stage.LOCK} == {
        p: t for p, t in before.items() if p.name != stage.LOCK
    }
    assert "collins: 30 faces from 1 of 1 sources" in capfd.readouterr().out


def test_a_new_video_does_not_redo_the_others(people, frames, prepared, tmp_path):
    file = copied(prepared, tmp_path)
    before = stamps(folder_of(file))
    clip = write_clip(tmp_path / "new.mp4", frames["collins"][:3])
    change_person(file, videos=[str(people / "collins.mp4"), clip])
    assert run(file) == 0
    assert stamps(folder_of(file)) == before
    assert pictures(folder_of(file, number=1)) == milliseconds(0, 1, 2)


def test_video_taken_out_of_the_yaml_no_longer_counts(people, frames, prepared, tmp_path, capfd):
    file = copied(prepared, tmp_path)
    old = folder_of(file)
    change_person(file, videos=[write_clip(tmp_path / "new.mp4", frames["collins"][:3])])
    assert run(file) == 0
    assert "collins: 3 faces from 1 of 1 sources" in capfd.readouterr().out
    assert len(pictures(old)) == 30  # it is left where it is, in case the video comes back


def test_moved_project_is_not_done_again(prepared, tmp_path, never):
    """Copying without -p changes every time of change; another machine's dlib may differ in the last digit."""
    shutil.copytree(prepared.parent, tmp_path / "moved", copy_function=shutil.copyfile)
    never()
    assert run(tmp_path / "moved" / prepared.name, "c2h") == 0


def test_changed_settings_extract_again(prepared, tmp_path):
    file = copied(prepared, tmp_path)
    change(file, size=128, fps=5)
    assert run(file) == 0
    folder = folder_of(file)
    assert pictures(folder) == milliseconds(*range(0, 30, 2))
    assert {read_image(folder / name).shape for name in pictures(folder)} == {(128, 128, 3)}


def test_video_that_has_changed_on_disk_is_extracted_again(people, frames, tmp_path):
    clip = write_clip(tmp_path / "c.mp4", frames["collins"][:3])
    file = write_project(tmp_path, people, {"collins": [clip]}, swaps={})
    assert run(file) == 0
    write_clip(tmp_path / "c.mp4", frames["collins"][:5])
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(*range(5))


def test_another_portrait_extracts_again(people, frames, tmp_path):
    clip = write_clip(tmp_path / "cut.mp4", frames["collins"][:3] + frames["hopper"][:3])
    shutil.copy(people / "hopper.png", tmp_path / "portrait.png")  # the wrong one, by mistake
    file = write_project(tmp_path, people, {"collins": [clip]}, swaps={})
    change_person(file, portrait="portrait.png")
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(3, 4, 5)
    shutil.copy(people / "collins.png", tmp_path / "portrait.png")
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(0, 1, 2)


# --- what somebody ticked ----------------------------------------------------------------------------------------


def test_a_stranger_who_was_ticked_is_kept_and_one_of_their_own_who_was_unticked_is_not(
    people, frames, tmp_path, never, capfd
):
    clip = write_clip(tmp_path / "cut.mp4", frames["collins"][:6] + frames["hopper"][:6])
    file = write_project(tmp_path / "project", people, {"collins": [clip]}, swaps={})
    assert run(file) == 0
    folder = folder_of(file)
    own, stranger = read_tracks(folder)
    assert (own.verdict, stranger.verdict) == ("theirs", "other") and pictures(folder) == milliseconds(*range(6))
    assert read_image(folder / "tracks" / f"{stranger.name}.jpg").shape == (384, 384, 3)
    choices = load_project(file).choices_file()
    write_choices(choices, TrackChoices({"collins": {folder.name: {own.name: False, stranger.name: True}}}))
    assert run(file) == 0
    kept = present_names(folder)
    assert [name[:9] for name in kept] == [name[:9] for name in milliseconds(*range(6, 12))]
    assert {row.left_out for row in read_table(folder) if row.track == own.name} == {"unticked"}
    assert sorted(p.name for p in (folder / "left_out").glob("0*.jpg")) == milliseconds(*range(6))
    never()  # from now on everything is on disk
    assert run(file) == 0 and present_names(folder) == kept
    choices.unlink()
    assert run(file) == 0
    assert present_names(folder) == milliseconds(*range(6))
    write_choices(choices, TrackChoices({"collins": {folder.name: {"000099000-0": True}}}))
    assert run(file) == 0
    assert "1 of the choices in faces.yaml fit no track that is there now" in capfd.readouterr().out


def test_a_tick_in_a_long_video_keeps_the_whole_track(people, frames, tmp_path, monkeypatch):
    """Over the ends of segments, and nobody else's."""
    monkeypatch.setattr(stage, "SEGMENT_S", 0.5)
    clip = write_clip(tmp_path / "cut.mp4", frames["hopper"] + frames["collins"][:4])
    file = write_project(tmp_path / "project", people, {"collins": [clip]}, swaps={})
    assert run(file) == 0
    folder = folder_of(file)
    stranger, own = read_tracks(folder)
    assert (stranger.begin, stranger.end, stranger.frames, stranger.verdict) == (0.0, 0.9, 10, "other")
    write_choices(load_project(file).choices_file(), TrackChoices({"collins": {folder.name: {stranger.name: True}}}))
    assert run(file) == 0
    assert [name[:9] for name in present_names(folder)] == [name[:9] for name in milliseconds(*range(14))]
    assert {row.track for row in read_table(folder)} == {stranger.name, own.name}


# --- what somebody deleted ---------------------------------------------------------------------------------------


def test_deleted_picture_stays_deleted(prepared, tmp_path, capfd):
    file = copied(prepared, tmp_path)
    folder = folder_of(file)
    gone = milliseconds(4, 11)
    for name in gone:
        (folder / name).unlink()
    assert run(file) == 0
    assert "collins: 28 faces from" in capfd.readouterr().out
    for settings in ({"tolerance": 0.58}, {"size": 128, "fps": 20, "tolerance": 0.6}):
        change(file, **settings)
        assert run(file) == 0
        assert not set(gone) & set(pictures(folder)) and len(present_names(folder)) == settings.get("fps", 10) * 3 - 2
        assert counts_of(folder)["deleted"] == 2
        assert not set(gone) & {r.file for r in read_table(folder)}
    assert "30 frames, 28 faces found, 0 without a face, 0 of someone else than collins, 2 l" in capfd.readouterr().out
    kept = set(present_names(folder))
    (folder / min(kept)).unlink()  # a further one, from the new set
    change(file, fps=5)
    assert run(file) == 0
    assert set(pictures(folder)) == set(milliseconds(*range(0, 30, 2))) - {*gone, min(kept)}


def test_picture_deleted_while_the_set_is_made_again_stays_deleted(prepared, tmp_path, monkeypatch):
    file = copied(prepared, tmp_path)
    folder = folder_of(file)
    change(file, size=128)
    take = PartialFolder.take

    def meanwhile(making, found):
        take(making, found)
        (folder / "000000700.jpg").unlink()

    monkeypatch.setattr(PartialFolder, "take", meanwhile)
    assert run(file) == 0
    assert "000000700.jpg" not in pictures(folder) and len(present_names(folder)) == 29
    assert len(read_table(folder)) == 29 and counts_of(folder)["deleted"] == 1 and counts_of(folder)["kept"] == 29


def test_a_deleted_picture_of_the_wrong_person_takes_nothing_of_the_right_one(people, frames, tmp_path, capfd):
    both = [np.hstack([one, other]) for one, other in zip(frames["collins"], frames["hopper"], strict=True)]
    clip = write_clip(tmp_path / "both.mp4", both)
    shutil.copy(people / "hopper.png", tmp_path / "portrait.png")  # the wrong one, by mistake
    file = write_project(tmp_path, people, {"collins": [clip]}, swaps={})
    change_person(file, portrait="portrait.png")
    assert run(file) == 0
    folder = folder_of(file)
    for name in pictures(folder):
        (folder / name).unlink()
    shutil.copy(people / "collins.png", tmp_path / "portrait.png")
    assert run(file) == 0
    assert pictures(folder) == milliseconds(*range(10)) and counts_of(folder)["deleted"] == 0


def test_folders_of_another_version_are_made_anew_and_others_are_told(prepared, tmp_path, capfd):
    file = copied(prepared, tmp_path)
    folder = folder_of(file)
    gone = pictures(folder)[3]
    (folder / gone).unlink()
    lines = [json.loads(line) for line in (folder / TABLE).read_text().splitlines()]
    old = [{key: line[key] for key in ("file", "time", "frame", "box", "landmarks", "distance")} for line in lines]
    (folder / TABLE).write_text("".join(json.dumps(line) + "\n" for line in old))
    done = json.loads((folder / DONE).read_text())
    (folder / DONE).write_text(json.dumps(done | {"key": "of another version", "deleted": []}))
    assert main(["train", "c2h", "--iterations", "1", "--config", str(file)]) == 1
    assert "was made by another version of faceit: run preprocess again" in capfd.readouterr().err
    assert run(file) == 0
    assert pictures(folder) == [name for name in milliseconds(*range(30)) if name != gone]


def test_when_all_are_unticked_the_page_of_faces_is_named(prepared, tmp_path, capfd):
    file = copied(prepared, tmp_path)
    folder = folder_of(file)
    (track,) = read_tracks(folder)
    write_choices(load_project(file).choices_file(), TrackChoices({"collins": {folder.name: {track.name: False}}}))
    assert run(file) == 1
    said = capfd.readouterr().err
    assert "All 30 faces that may be collins's are left out (30 unticked): `python faceit.py faces collins`" in said


def test_all_deleted_says_so_and_how_to_get_them_back(prepared, tmp_path, capfd):
    file = copied(prepared, tmp_path)
    folder = folder_of(file)
    for name in pictures(folder):
        (folder / name).unlink()
    assert run(file) == 1
    assert f"Every picture of collins has been deleted: delete the folder {folder.parent} to" in capfd.readouterr().err
    shutil.rmtree(folder.parent)
    assert run(file) == 0
    assert len(present_names(folder)) == 30


def test_damaged_table_is_a_sentence_and_its_advice_works(prepared, tmp_path, capfd):
    file = copied(prepared, tmp_path)
    folder = folder_of(file)
    lines = (folder / TABLE).read_text().splitlines(keepends=True)
    (folder / TABLE).write_text("".join(lines[:4] + ["oops\n"] + lines[5:]))
    assert run(file) == 1
    assert f"{TABLE} is damaged at line 5: delete the folder {folder.name} and run" in capfd.readouterr().err
    shutil.rmtree(folder)
    assert run(file) == 0 and len(present_names(folder)) == 30


# --- photos ------------------------------------------------------------------------------------------------------


@pytest.fixture
def photos(frames, tmp_path) -> Path:
    """A folder with two photos of Collins, one of Hopper, one that is none, and a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    write_image(folder / "at work.jpg", frames["collins"][0])
    write_image(folder / "at home.png", frames["collins"][7])
    write_image(folder / "a friend.jpg", frames["hopper"][0])
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("who is who")
    return folder


def photo_project(people, tmp_path, photos) -> Path:
    file = write_project(tmp_path, people, {"collins": []}, swaps={})
    change_person(file, videos=[], photos=photos)
    return file


def looked_at(monkeypatch) -> list[str]:
    """The names of the photos that are looked at from now on."""
    seen, read = [], photo_stage.read_image

    def note(path):
        seen.append(path.name)
        return read(path)

    monkeypatch.setattr(photo_stage, "read_image", note)
    return seen


def test_photos_of_the_right_person_are_kept(people, photos, tmp_path, capfd):
    file = photo_project(people, tmp_path, "photos")
    assert run(file) == 0
    said = capfd.readouterr().out
    assert said.count("broken.jpg is not a picture that can be read") == 1
    assert "3 new photos, 2 faces found, 0 without a face, 1 of someone else than collins" in said
    assert "collins: 2 faces from 1 of 1 sources; 1 could not be had" in said
    folder = folder_of(file, name="photos")
    assert sorted(name.rsplit("-", 1)[0] for name in pictures(folder)) == ["at-home", "at-work"]
    assert [r.time for r in read_table(folder)] == [None, None] and (folder / SHEET).exists()


def test_only_a_new_photo_is_looked_at(people, frames, photos, tmp_path, monkeypatch):
    (photos / "broken.jpg").unlink()
    file = photo_project(people, tmp_path, ["photos/at work.jpg", "photos"])  # one is in both
    seen = looked_at(monkeypatch)
    assert run(file) == 0
    assert sorted(seen) == ["a friend.jpg", "at home.png", "at work.jpg"]
    seen.clear()
    before = stamps(folder_of(file, name="photos"))
    assert run(file) == 0
    assert seen == [] and stamps(folder_of(file, name="photos")) == before
    write_image(photos / "new.jpg", frames["collins"][3])
    os.utime(photos / "at work.jpg")  # a copied photo is no new one
    (photos / "at home.png").rename(photos / "renamed.png")
    assert run(file) == 0
    assert seen == ["new.jpg"] and len(present_names(folder_of(file, name="photos"))) == 3


def test_deleted_face_of_a_photo_stays_deleted(people, frames, photos, tmp_path):
    file = photo_project(people, tmp_path, "photos")
    assert run(file) == 0
    folder = folder_of(file, name="photos")
    gone = next(name for name in pictures(folder) if name.startswith("at-work"))
    (folder / gone).unlink()
    for settings in ({}, {"size": 128}):
        change(file, **settings)
        write_image(photos / f"new{len(settings)}.jpg", frames["collins"][3 + len(settings)])
        assert run(file) == 0
        assert gone not in pictures(folder)
    (photos / "at work.jpg").rename(photos / "zz.jpg")
    change(file, tolerance=0.6)
    assert run(file) == 0
    assert sorted(name.rsplit("-", 1)[0] for name in pictures(folder)) == ["at-home", "new0", "new1"]
    assert len(present_names(folder)) == 3


def test_photo_taken_away_no_longer_counts(people, photos, tmp_path):
    file = photo_project(people, tmp_path, "photos")
    assert run(file) == 0
    (photos / "at work.jpg").unlink()
    assert run(file) == 0
    folder = folder_of(file, name="photos")
    assert [name.rsplit("-", 1)[0] for name in pictures(folder)] == ["at-home"] == [
        r.file.rsplit("-", 1)[0] for r in read_table(folder)
    ]


@pytest.mark.parametrize(
    "listed, said",
    [("nowhere", "collins's photos .*nowhere are not there: name"), ("empty", "hold no picture .*: use JPEG or PNG"),
     ("apple", "No photo of collins could be had. The first problem: .*phone.heic is ")],
)  # fmt: skip
def test_photos_that_are_not_there(people, tmp_path, capfd, listed, said):
    import re

    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "phone.dng").write_bytes(b"x")
    (tmp_path / "apple").mkdir()
    (tmp_path / "apple" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    file = photo_project(people, tmp_path, listed)
    assert run(file) == 1
    out, err = capfd.readouterr()
    assert re.search(said, err)
    assert ("passed over, as no pictures: phone.dng" in out) == (listed == "empty")


# --- segments and ranges -----------------------------------------------------------------------------------------


def table_and_pictures(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in [TABLE, *pictures(folder)]}


@pytest.mark.parametrize("fps, seconds", [(10, 0.5), (7, 0.5), (12.5, 0.9)])
def test_segments_lose_no_frame_and_double_none(people, frames, tmp_path, monkeypatch, fps, seconds):
    clip = write_clip(tmp_path / "cut.mp4", frames["collins"][:9] + frames["hopper"][:4])
    file = write_project(tmp_path / "one", people, {"collins": [clip]}, swaps={})
    change(file, fps=fps)
    assert run(file) == 0
    one = folder_of(file)
    monkeypatch.setattr(stage, "SEGMENT_S", seconds)
    other_file = copied(file, tmp_path / "many")
    shutil.rmtree(tmp_path / "many" / "data")
    assert run(other_file) == 0
    many = folder_of(other_file)
    assert counts_of(one)["frames"] == counts_of(many)["frames"] == pytest.approx(1.3 * fps, abs=0.5)
    assert pictures(one) == pictures(many) and len(pictures(one)) > 0.8 * fps
    for a, b in zip(read_table(one), read_table(many), strict=True):  # not only the times are called the same
        assert a.time == b.time
        apart = np.linalg.norm(a.points() - b.points(), axis=1).mean()
        assert apart < 0.04 * eye_distance(a.points())
    assert len(read_tracks(one)) == len(read_tracks(many)) == 2  # those of segments are joined
    assert [p.name for p in many.parent.iterdir() if p.name.startswith(f".{many.name}")] == []


def test_only_the_range_of_a_file_is_looked_at(people, tmp_path):
    video = {"url": str(people / "collins.mp4"), "start": 0.5, "end": "0:01.3"}
    file = write_project(tmp_path, people, {"collins": [video]}, swaps={})
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(*range(5, 13))
    change_person(file, videos=[{**video, "start": 2.5, "end": 100}])  # ends where the video ends
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(*range(25, 30))


def test_range_beyond_the_end_is_a_sentence_for_that_video(people, frames, tmp_path, capfd):
    clip = write_clip(tmp_path / "c.mp4", frames["collins"][:3])
    videos = [{"url": str(people / "collins.mp4"), "start": 50, "end": 60}, clip]
    file = write_project(tmp_path, people, {"collins": videos}, swaps={})
    assert run(file) == 0
    said = capfd.readouterr().out
    assert f"  ! {people / 'collins.mp4'} is 3.0 s long: correct its start (50 s) in the YAML." in said
    assert "collins: 3 faces from 1 of 2 sources; 1 could not be had" in said


def test_video_shorter_than_the_time_between_two_looks(people, frames, tmp_path):
    clip = write_clip(tmp_path / "c.mp4", frames["collins"][:3])
    file = write_project(tmp_path, people, {"collins": [{"url": clip, "fps": 2}]}, swaps={})
    assert run(file) == 0
    assert pictures(folder_of(file)) == ["000000000.jpg"]


def test_part_without_a_picture_does_not_end_the_video(people, frames, tmp_path, monkeypatch, capfd):
    """A hole in a damaged file, or a sound track that goes on longer than the picture."""
    monkeypatch.setattr(stage, "SEGMENT_S", 0.5)
    read = segment.read_frames

    def with_a_hole(path, *, start, **options):
        if start == 0.5:
            raise MediaError(f"{path} has no picture in the part asked for.")
        return read(path, start=start, **options)

    monkeypatch.setattr(segment, "read_frames", with_a_hole)
    clip = write_clip(tmp_path / "c.mp4", frames["collins"] * 2)
    file = write_project(tmp_path, people, {"collins": [clip]}, swaps={})
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(*range(5), *range(10, 20))
    assert "1 of 4 parts of 0 s have no picture that can be read, the first at 0 s" in capfd.readouterr().out


def test_reader_that_is_killed_does_not_make_half_a_video_count_as_done(people, frames, tmp_path, monkeypatch, capfd):
    """The system's out-of-memory killer may end ffmpeg: what it had not read is not without a face."""
    monkeypatch.setattr(stage, "SEGMENT_S", 0.5)
    read, killed = segment.read_frames, []

    def until_killed(path, *, start, **options):
        for i, each in enumerate(read(path, start=start, **options)):
            if start == 0.5 and i == 2 and not killed:
                killed.append(path)
                raise MediaError(f"{path} cannot be read: ffmpeg was killed by signal 9.")
            yield each

    monkeypatch.setattr(segment, "read_frames", until_killed)
    clip = write_clip(tmp_path / "c.mp4", frames["collins"] * 2)
    file = write_project(tmp_path, people, {"collins": [clip]}, swaps={})
    assert run(file) == 1
    assert "killed by signal 9" in capfd.readouterr().err and finished([folder_of(file)]) == []
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(*range(20))


# --- what else may happen ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("where", ["picture", "table", "sheet", "photo"])
def test_full_disk_is_one_sentence_and_one_can_go_on(people, frames, photos, tmp_path, monkeypatch, capfd, where):
    monkeypatch.setattr(stage, "SEGMENT_S", 0.5)
    (photos / "broken.jpg").unlink()
    clips = [write_clip(tmp_path / f"{name}.mp4", frames["collins"]) for name in "ab"]
    file = write_project(tmp_path, people, {"collins": clips}, swaps={})
    if where == "photo":
        change_person(file, photos="photos")
    real, room = os.replace, [{"picture": 7, "table": 0, "sheet": 0, "photo": 1}[where]]

    def replace(source, target):
        name = Path(target).name
        mine = {"picture": name.endswith(".jpg"), "table": name == STATE, "sheet": name == SHEET,
                "photo": name.startswith("at-")}[where]  # fmt: skip
        if mine:
            room[0] -= 1
            if room[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(faceset.os, "replace", replace)
    assert run(file) == 1
    said = capfd.readouterr()
    assert said.err.count("\n") == 1 and "No space left on device): free some space" in said.err
    assert "  ! " not in said.out  # it is not taken for a fault of the video
    if where != "sheet":  # that comes when the faces are there
        assert finished(load_project(file).face_dirs(load_project(file).person("collins"))) == []
    monkeypatch.setattr(faceset.os, "replace", real)
    assert run(file) == 0
    for number in (0, 1):
        assert pictures(folder_of(file, number=number)) == milliseconds(*range(10))
    if where == "photo":
        assert len(present_names(folder_of(file, name="photos"))) == 2


def test_second_preprocess_at_the_same_time_is_kept_out(prepared, tmp_path, capfd):
    from faceit.lock import only_one

    file = copied(prepared, tmp_path)
    with only_one(folder_of(file).parent / stage.LOCK, "x"):
        assert run(file, "c2h") == 1
        assert run(file, "--person", "hopper") == 0
    assert "collins's faces are being made by another process" in capfd.readouterr().err
    assert run(file, "c2h") == 0


def test_video_behind_a_link_and_a_data_folder_elsewhere(people, frames, tmp_path):
    (tmp_path / "disk").mkdir()
    write_clip(tmp_path / "disk" / "real.mp4", frames["collins"][:3])
    (tmp_path / "link.mp4").symlink_to(tmp_path / "disk" / "real.mp4")
    (tmp_path / "big").mkdir()
    file = write_project(tmp_path / "project", people, {"collins": ["../link.mp4"]}, swaps={})
    (tmp_path / "project" / "data").symlink_to(tmp_path / "big")
    assert run(file) == 0
    assert pictures(folder_of(file)) == milliseconds(0, 1, 2)
    assert list((tmp_path / "big" / "processed" / "collins").iterdir())
    change(file, size=128)
    assert run(file) == 0 and len(present_names(folder_of(file))) == 3


def test_video_that_is_none_does_not_stop_the_others(people, frames, tmp_path, capfd):
    (tmp_path / "text.mp4").write_text("not a video")
    clip = write_clip(tmp_path / "c.mp4", frames["collins"][:3])
    file = write_project(tmp_path, people, {"collins": ["gone.mp4", "text.mp4", clip]}, swaps={})
    assert run(file) == 0
    said = capfd.readouterr().out
    assert "gone.mp4 does not exist" in said and "text.mp4 is not a video" in said
    assert "collins: 3 faces from 1 of 3 sources; 2 could not be had" in said


def test_person_with_nothing_to_look_at(people, tmp_path, capfd):
    file = photo_project(people, tmp_path, [])
    assert run(file) == 1
    assert "collins has neither videos nor photos: list some under people.collins.videos" in capfd.readouterr().err


# --- held-out faces ---


def test_the_end_of_each_video_is_held_out_and_another_share_needs_no_new_look(prepared, tmp_path, never):
    file = copied(prepared, tmp_path)
    folder = folder_of(file)

    def held() -> list[float]:
        return [row.time for row in read_table(folder) if row.held_out]

    late = [row.time for row in read_table(folder) if row.time >= 2.4]  # of 3 s a fifth: a second would be more
    assert len(late) == 6
    assert held() == late
    never()
    change(file, held_out=0.0)
    assert run(file) == 0
    assert held() == []
    change(file, held_out=0.1)
    assert run(file) == 0
    assert held() == late


def test_photos_are_held_out_by_their_bytes_and_another_share_needs_no_new_look(people, photos, tmp_path, monkeypatch):
    file = photo_project(people, tmp_path, "photos")
    assert run(file) == 0
    folder = folder_of(file, name="photos")
    names = {row.file for row in read_table(folder)}
    seen = looked_at(monkeypatch)
    change(file, held_out=0.2)
    assert run(file) == 0
    assert seen == ["broken.jpg"]
    rows = read_table(folder)
    assert {row.file for row in rows} == names
    assert [row.held_out for row in rows] == [int(row.file[-16:-4], 16) < 0.2 * 16**12 for row in rows]
