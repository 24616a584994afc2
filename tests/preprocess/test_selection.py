"""Picking marks, moves and says; a kill on the way, a second run and a deleted picture change nothing of that."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from faceit.config.project_file import load_project
from faceit.config.settings import CurateSettings
from faceit.config.track_choices import TrackChoices, write_choices
from faceit.errors import FaceitError
from faceit.faces.faceset import (
    LEFT_OUT,
    SHEET,
    TABLE,
    iterate_table,
    picture,
    present_names,
    read_table,
    write_table,
)
from faceit.faces.load import load_faceset
from faceit.faces.tracks import Track, write_tracks
from faceit.images import read_image
from faceit.preprocess import selection
from faceit.preprocess.selection import STATE, SelectionCounts, pick

from ..conftest import copied
from ..drawn import drawn_folder, drawn_project

THEIRS, OTHER = "000000000-0", "000009000-0"


class Said:
    """Choices as the page of faces makes them."""

    def __init__(self, **tracks: bool):
        self.tracks = tracks

    def keep(self, person: str, video: str, track: str) -> bool | None:
        return self.tracks.get(f"{person}_{video}_{track}")


NOTHING = Said()


def track(name: str, verdict: str) -> Track:
    return Track(name, 0.0, 1.0, 10, 90, 0.5, 0.6, None, verdict, False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Ann's clip of 120 good faces, then 10 blurred ones, 6 of a track that may be someone else, and 4 held out; Bob
    has 60 good ones. Read only."""
    file = drawn_project(tmp_path_factory.mktemp("made"), count=60)
    folder = clip(load_project(file))
    shutil.rmtree(folder)
    drawn_folder(folder, "ann", 140)
    rows = [replace(row, sharpness=20.0, spread=0.004, source=150.0, track=THEIRS) for row in read_table(folder)]
    rows[120:130] = [replace(row, sharpness=2.0) for row in rows[120:130]]
    rows[130:136] = [replace(row, track=OTHER) for row in rows[130:136]]
    rows[136:] = [replace(row, held_out=True, sharpness=2.0) for row in rows[136:]]
    write_table(folder, rows)
    write_tracks(folder, [track(THEIRS, "theirs"), track(OTHER, "perhaps")])
    return file


@pytest.fixture
def project(made, tmp_path):
    return with_settings(load_project(copied(made, tmp_path)), twins=False)


def with_settings(project, **changes):
    return replace(project, curate=replace(project.curate, **changes))


def clip(project, name: str = "ann"):
    return project.faces_dir(project.people[name], f"{name}_clip")


def ann(project, choices=NOTHING) -> SelectionCounts:
    return pick(project, [project.people["ann"]], choices)["ann"]


def files(folder) -> tuple[set[str], set[str]]:
    """The pictures in their place, and those aside."""
    return tuple({path.name for path in place.glob("0*.jpg")} for place in (folder, folder / LEFT_OUT))


def everything(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_left_out_is_marked_moved_and_said(project, capsys):
    folder = clip(project)
    assert ann(project) == SelectionCounts(120, 4, {"perhaps": 6, "blurred": 10})
    assert "ann: 120 faces train and 4 are held out; left out: 6 perhaps, 10 blurred\n" in capsys.readouterr().out
    rows = read_table(folder)
    assert [row.left_out for row in rows] == [None] * 120 + ["blurred"] * 10 + ["perhaps"] * 6 + [None] * 4
    here, aside = files(folder)
    assert here == {row.file for row in rows if not row.left_out} == set(present_names(folder))
    assert aside == {row.file for row in rows if row.left_out}
    assert len(load_faceset([folder], 32)) == 120 and len(load_faceset([folder], 32, held_out=True)) == 4
    sheets = [read_image(place / SHEET) for place in (folder, folder / LEFT_OUT)]
    assert sheets[0].shape[0] == 8 * 98 + 2 and sheets[1].shape[0] == 2 * (98 + 2 + 22)  # a row for each of two reasons


def test_nothing_changed_is_nothing_done(project, monkeypatch):
    first = ann(project)
    before = everything(project.faces_dir(project.people["ann"]))
    monkeypatch.setattr(selection, "curate", None)
    monkeypatch.setattr(selection, "gather", None)
    assert ann(project) == first
    assert everything(project.faces_dir(project.people["ann"])) == before


@pytest.mark.parametrize("moves", [0, 1, 9, 15])
def test_a_kill_while_pictures_are_moved_is_made_good(project, monkeypatch, moves):
    folder = clip(project)
    whole = ann(project)
    after = everything(folder)
    off = with_settings(project, enabled=False)
    assert ann(off, Said(**{f"ann_ann_clip_{OTHER}": True})) == SelectionCounts(136, 4)
    assert files(folder)[1] == set()

    real, left = os.replace, [moves]

    def kill(source, goal):
        if source.suffix == ".jpg" and source.name[0] == "0":
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        real(source, goal)

    monkeypatch.setattr(selection.os, "replace", kill)
    with pytest.raises(KeyboardInterrupt):
        ann(project)
    monkeypatch.undo()
    assert len(files(folder)[1]) == moves  # the table says it already, whatever lies where
    assert len(load_faceset([folder], 32)) == 120 and len(present_names(folder)) == 124
    assert all(picture(folder, row).is_file() for row in iterate_table(folder))
    assert ann(project) == whole and everything(folder) == after


def test_a_deleted_picture_stays_deleted_and_counts_as_not_there(project):
    folder = clip(project)
    ann(project)
    rows = read_table(folder)
    (folder / rows[3].file).unlink()
    (folder / LEFT_OUT / rows[125].file).unlink()
    assert ann(project) == SelectionCounts(119, 4, {"perhaps": 6, "blurred": 9})
    assert [row.file for row in read_table(folder)] == [row.file for row in rows]
    assert {rows[3].file, rows[125].file}.isdisjoint(files(folder)[0] | files(folder)[1])


def test_a_choice_by_hand_counts_before_everything(project):
    folder = clip(project)
    assert ann(project, Said(**{f"ann_ann_clip_{OTHER}": True})) == SelectionCounts(126, 4, {"blurred": 10})
    unticked = ann(project, Said(**{f"ann_ann_clip_{THEIRS}": False}))
    assert unticked == SelectionCounts(0, 0, {"perhaps": 6, "unticked": 134})
    assert present_names(folder) == []
    assert ann(project) == SelectionCounts(120, 4, {"perhaps": 6, "blurred": 10})


def test_choices_are_read_where_the_page_of_faces_wrote_them(project):
    write_choices(project.choices_file(), TrackChoices({"ann": {"ann_clip": {OTHER: True}}}))
    assert pick(project, [project.people["ann"]])["ann"].train == 126


def test_tracks_of_others_that_nobody_ticks_any_more_are_left_out(project):
    write_tracks(clip(project), [track(THEIRS, "theirs"), track(OTHER, "refused")])
    assert ann(project, Said(**{f"ann_ann_clip_{OTHER}": True})).train == 126
    assert ann(project).left_out == {"unticked": 6, "blurred": 10}


def test_other_settings_take_effect_and_can_be_taken_back(project):
    folder = clip(project)
    ann(project)
    before = everything(folder)
    assert ann(with_settings(project, most=50)) == SelectionCounts(50, 4, {"perhaps": 6, "blurred": 10, "spare": 70})
    assert ann(with_settings(project, enabled=False)) == SelectionCounts(130, 4, {"perhaps": 6})
    assert not (folder / LEFT_OUT / SHEET).exists() or len(files(folder)[1]) == 6
    ann(project)
    assert everything(folder) == before


def test_all_videos_of_a_person_are_judged_together(project):
    """The same clip twice: each face has its twin in the other folder."""
    person = project.people["ann"]
    again = replace(person, videos=(*person.videos, replace(person.videos[0], name="again")))
    shutil.copytree(clip(project), project.faces_dir(again, "again"))
    both = replace(with_settings(project, twins=True), people={"ann": again})
    done = pick(both, [again], NOTHING)["ann"]
    assert done.left_out["twin"] >= 120 and done.train <= 120
    assert done.train + sum(done.left_out.values()) + done.held_out == 280


def test_what_the_swap_needs_matters_and_is_looked_at_again(project, monkeypatch):
    """Bob's face goes onto Ann: with few places, his poses that she has stay."""
    asked = []
    real = selection.curate

    def seen(faces, settings, out, needs):
        asked.append(None if needs is None else len(needs))
        return real(faces, settings, out, needs)

    monkeypatch.setattr(selection, "curate", seen)
    few, bob = with_settings(project, most=40), project.people["bob"]
    pick(few, [bob], NOTHING)
    pick(few, [bob], NOTHING)
    assert asked == [134]  # all of Ann's but those of the track that is not hers for sure
    ann(few)  # what is left out of hers for other reasons changes nothing for him
    pick(few, [bob], NOTHING)
    assert asked == [134, None]
    for row in read_table(clip(project))[90:]:
        for place in (clip(project), clip(project) / LEFT_OUT):
            (place / row.file).unlink(missing_ok=True)
    pick(few, [bob], NOTHING)
    assert asked == [134, None, 90]


def test_the_numbers_stand_in_the_table(project):
    folder = clip(project)
    ann(with_settings(project, twins=True))
    rows = read_table(folder)
    judged = [row for row in rows if row.left_out is None and not row.held_out]
    assert sum(row.nearest is None for row in judged) == 1  # the best one, before which nothing stays
    twins = [row.nearest for row in rows if row.left_out == "twin"]
    assert 0 < max(twins) < 1 and max(twins) <= min(row.nearest for row in judged if row.nearest is not None)
    assert all(row.strange is not None for row in rows) and np.median([row.strange for row in rows]) < 1


def test_a_person_without_faces_is_nothing_to_pick(tmp_path, capsys):
    project = load_project(drawn_project(tmp_path, count=2))
    (clip(project) / "done.json").unlink()
    assert ann(project) == SelectionCounts() and not (project.faces_dir(project.people["ann"]) / STATE).exists()
    assert capsys.readouterr().out == ""


def test_the_state_is_read_with_care(project):
    done = ann(project)
    state = project.faces_dir(project.people["ann"]) / STATE
    for text in ("", "[]", '{"key": 1}', state.read_text()[:40]):
        state.write_text(text)
        assert ann(project) == done


def test_a_disk_that_refuses_is_a_sentence(project, monkeypatch):
    def refuse(source, goal):
        raise PermissionError(13, "Permission denied", str(source))

    table = clip(project) / TABLE
    monkeypatch.setattr(selection, "write_table", lambda folder, rows: list(rows))
    monkeypatch.setattr(selection.os, "replace", refuse)
    with pytest.raises(FaceitError, match="cannot be moved .Permission denied."):
        ann(project)
    assert table.exists()


def test_the_defaults_keep_a_small_set_as_it_is(tmp_path):
    project = load_project(drawn_project(tmp_path, count=20))
    assert project.curate == CurateSettings()
    picked = pick(project, list(project.people.values()), NOTHING)
    assert picked == {name: SelectionCounts(20) for name in project.people}
