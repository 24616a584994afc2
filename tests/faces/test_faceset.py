"""A face set is a folder that people look through and delete from; its table is read with care."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from faceit.errors import FaceitError, MediaError
from faceit.faces.faceset import (
    DONE,
    SHEET,
    TABLE,
    FaceRow,
    append_rows,
    cut_face,
    finished,
    present,
    present_names,
    read_table,
    write_face,
    write_sheet,
    write_table,
)
from faceit.faces.measures import look
from faceit.geometry import FACE, WHOLEFACE
from faceit.images import read_image, write_image
from tests.drawn import draw


def row(file: str = "000000100.jpg", time: float | None = 0.1) -> FaceRow:
    landmarks = tuple((100.25 + i, 50.5 + 2 * i) for i in range(68))
    return FaceRow(file, time, (640, 360), (90, 40, 190, 140), landmarks, 0.3125, "talk-1", 0.01, source=180.0,
                   sharpness=87.5, pose=(-6.5, 2.0, 0.5), mouth=0.1, eyes=0.15, light=(120.0, 3.0, -2.0),
                   look="AAAA")  # fmt: skip


def values(**changes) -> str:
    return json.dumps({**vars(row()), **changes}) + "\n"


def a_set(folder, count: int):
    """A folder with a table and gray pictures whose level is their number; some landmarks in the right place."""
    folder.mkdir()
    rows = [row(f"{i:09d}.jpg", i / 10) for i in range(count)]
    for i, each in enumerate(rows):
        write_image(folder / each.file, np.full((64, 64, 3), i, np.uint8))
    write_table(folder, rows)
    return rows


def test_table_comes_back_as_it_was(tmp_path):
    rows = [row(), row("me-0123456789ab.jpg", None)]
    write_table(tmp_path, rows)
    assert read_table(tmp_path) == rows
    append_rows(tmp_path, [row("000000300.jpg", 0.3)])
    assert read_table(tmp_path) == [*rows, row("000000300.jpg", 0.3)]
    assert read_table(tmp_path)[0].points().dtype == np.float32
    assert [file.name for file in tmp_path.iterdir()] == [TABLE]


def test_folder_without_a_table_has_no_rows(tmp_path):
    assert read_table(tmp_path) == [] and present(tmp_path / "nowhere") == []


@pytest.mark.parametrize("rest", ['{"file": "000000300.jpg", "ti', '{"file": "000000300.jpg"}', "\x00\x00"])
def test_line_cut_off_by_a_kill_is_left_out(tmp_path, rest):
    (tmp_path / TABLE).write_text(values() + values(file="000000200.jpg") + rest)
    assert [r.file for r in read_table(tmp_path)] == ["000000100.jpg", "000000200.jpg"]


def test_whole_last_line_counts_without_its_line_end(tmp_path):
    (tmp_path / TABLE).write_text(values() + values(file="000000200.jpg").strip())
    assert len(read_table(tmp_path)) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"not JSON\n",
        b"\xff\xfe\x00\n",
        b"[]\n",
        b"\n",
        values(file="../x.jpg").encode(),
        values(file="/etc/x.jpg").encode(),
        values(file="").encode(),
        values(file=7).encode(),
        values(landmarks=[[1, 2]] * 67).encode(),
        values(landmarks=[[1, 2, 3]] * 68).encode(),
        values(landmarks=[["a", "b"]] * 68).encode(),
        values(surprise=1).encode(),
        json.dumps({"file": "000000100.jpg", "landmarks": [[1, 2]] * 68}).encode() + b"\n",
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_damaged_line_is_a_sentence_with_the_next_step(tmp_path, line, last):
    (tmp_path / TABLE).write_bytes(values().encode() + line + (b"" if last else values().encode()))
    with pytest.raises(FaceitError, match=rf"{TABLE} is damaged at line 2: delete the folder .* preprocess again"):
        read_table(tmp_path)


def test_a_table_of_an_older_version_is_called_that(tmp_path):
    old = json.dumps({"file": "000000100.jpg", "landmarks": [[1, 2]] * 68}) + "\n"
    (tmp_path / TABLE).write_text(old + old)
    with pytest.raises(FaceitError, match="was made by another version of faceit: run preprocess again"):
        read_table(tmp_path)


def test_deleted_pictures_are_no_longer_in_the_set(tmp_path):
    a_set(tmp_path / "talk", 5)
    (tmp_path / "talk" / "000000003.jpg").unlink()
    (tmp_path / "talk" / "stranger.jpg").write_bytes(b"not of this set")
    assert [r.file for r in present(tmp_path / "talk")] == [f"{i:09d}.jpg" for i in (0, 1, 2, 4)]


def test_only_folders_that_were_finished_count(tmp_path):
    a_set(tmp_path / "talk", 1)
    assert finished([tmp_path / "talk", tmp_path / "nowhere"]) == []
    (tmp_path / "talk" / DONE).write_text("{}")
    assert finished([tmp_path / "talk", tmp_path / "nowhere"]) == [tmp_path / "talk"]


def test_sheet_shows_at_most_96_and_goes_with_the_last_picture(tmp_path):
    rows = a_set(tmp_path / "talk", 110)
    folder = tmp_path / "talk"
    write_sheet(folder, [r.file for r in rows])
    assert read_image(folder / SHEET).shape == (8 * 98 + 2, 12 * 98 + 2, 3)
    write_sheet(folder, present_names(folder)[:5])
    assert read_image(folder / SHEET).shape[0] == 98 + 2
    write_sheet(folder, [])
    assert not (folder / SHEET).exists()


def test_a_full_disk_is_no_fault_of_one_video(tmp_path, monkeypatch):
    """MediaError would be counted, and the next video begun."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(FaceitError, match="No space left on device.*free some space") as e:
        write_face(tmp_path / "000000000.jpg", np.zeros((8, 8, 3), np.uint8))
    assert not isinstance(e.value, MediaError)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FaceitError, match="No space left"):
        write_table(tmp_path, [row()])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_append_to_a_full_disk_is_a_sentence(tmp_path):
    (tmp_path / TABLE).symlink_to("/dev/full")
    with pytest.raises(FaceitError, match="No space left on device"):
        append_rows(tmp_path, [row()])


def test_a_face_measures_the_same_however_much_of_the_head_its_picture_shows():
    frame, face = draw("ann", 0.4, 0.3)
    near, whole = (cut_face(frame, face, 256, "x", None, crop=crop)[1] for crop in (FACE, WHOLEFACE))
    assert (near.source, near.pose, near.mouth, near.eyes) == (whole.source, whole.pose, whole.mouth, whole.eyes)
    assert near.light == pytest.approx(whole.light, abs=2)
    assert np.abs(look(near).astype(int) - look(whole)).mean() < 4
