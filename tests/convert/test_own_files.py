"""What is beside a result: ours is replaced, a user's stays, and links lead nowhere."""

import json

import numpy as np
import pytest

from faceit.cli import main
from faceit.convert.own_files import is_ours, refuse_to_replace
from faceit.errors import FaceitError
from faceit.images import read_image, write_image
from faceit.lock import only_one
from faceit.measure.table import FrameTable
from faceit.media.provenance import note
from faceit.pages.render import TEMPLATES

from .conftest import convert, result, results


@pytest.mark.parametrize(("name", "ours", "theirs"), [
    ("x.json", b'{"faceit": "1.0.0"}', b'{"words": []}'), ("x.json", b'{"faceit": null}', b"[1]"),
    ("x.json", b'{"swap": "c2h", "from": "c", "to": "h", "consent": {}, "model": {}}', b'{"from": "c", "to": "h"}'),
    ("x.html", (TEMPLATES / "base.html.j2").read_bytes(), b"<!doctype html>\n<html><title>faceit</title>"),
    ("x.csv", FrameTable().text().encode(), b"time,frame\n1,2\n"), ("x.csv", b"video,frame,time,state,older\n", b""),
])  # fmt: skip
def test_ours_is_told_from_theirs(tmp_path, name, ours, theirs):
    (tmp_path / name).write_bytes(ours)
    refuse_to_replace([tmp_path / name, tmp_path / "none.json"])
    (tmp_path / name).write_bytes(theirs)
    with pytest.raises(FaceitError, match=f"{name} is there already, and none of faceit's: add --overwrite, or move"):
        refuse_to_replace([tmp_path / name])
    refuse_to_replace([tmp_path / name], overwrite=True)


def test_a_picture_of_ours_has_a_note_and_a_folder_is_never_ours(tmp_path):
    picture = np.zeros((16, 16, 3), np.uint8)
    write_image(tmp_path / "a.jpg", picture, comment=note({"from": "c"}))
    write_image(tmp_path / "b.jpg", picture)
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    for name in ("d.json", "d.csv", "d.html", "d.jpg"):
        (tmp_path / name).mkdir()
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_ours(path)] == ["a.jpg"]


@pytest.mark.parametrize(("name", "words"), [
    ("talk.json", []), ("talk-preview.jpg", ["--preview", "1"]), ("talk-faces.html", ["--faces"]),
    ("talk-before-after.png", ["--side-by-side"]),
])  # fmt: skip
def test_a_file_of_the_users_beside_a_video_stays(project, people, capsys, name, words):
    mine = result(project, name)
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b'{"mine": 1}')
    assert convert(project, people / "talk.mp4", *words) == 1
    assert f"{name} is there already, and none of faceit's" in capsys.readouterr().err
    assert mine.read_bytes() == b'{"mine": 1}' and [path.name for path in mine.parent.iterdir()] == [name]


def test_what_is_ours_is_written_anew(project, people):
    few = [people / "talk.mp4", "--duration", "0.1"]
    for words in ([], ["--preview", "1"], ["--faces"], ["--overwrite"], ["--preview", "1"], ["--faces"]):
        assert convert(project, *few, *words) == 0
    assert "faceit" in json.loads(result(project, "talk-0-0.1.json").read_text())
    result(project, "talk-0-0.1.json").write_text('{"mine": 1}')
    assert convert(project, *few, "--overwrite") == 0  # as asked
    assert "faceit" in json.loads(result(project, "talk-0-0.1.json").read_text())


def test_the_users_json_beside_photos_stays_and_two_runs_take_turns(project, people, tmp_path, capsys):
    folder = tmp_path / "album"
    folder.mkdir()
    write_image(folder / "a.png", read_image(people / "collins.png"))
    for source, mine in ((folder / "a.png", results(project) / "a.png.json"),
                         (folder, results(project) / "album" / "faceit.json")):  # fmt: skip
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text('{"mine": 1}')
        assert convert(project, source) == 1
        assert f"{mine.name} is there already, and none of faceit's" in capsys.readouterr().err
        assert mine.read_text() == '{"mine": 1}'
        mine.unlink()
    out = results(project) / "a.png"
    with only_one(out.with_name(".a.png.lock"), "held", passing=True):
        assert convert(project, folder / "a.png") == 1
    assert "a.png is being made by another process" in capsys.readouterr().err and not out.exists()
    for source in (folder / "a.png", folder):
        assert convert(project, source) == 0
    assert not list(results(project).rglob(".*"))


def test_links_of_a_strangers_project_lead_nowhere(project, people, tmp_path, capsys):
    """Under every hidden name that convert, faces, export and train write, to files and folders of somebody else's."""
    out, root, victim = results(project), project.parent, tmp_path / "victim"
    out.mkdir(parents=True)
    (victim / "docs").mkdir(parents=True)
    before = {}
    docs = ("docs/thesis.txt", "docs/part-0000.mp4", "docs/00000099.jpg")
    for name in (*docs, "json", "html", "lock", "jpg", "zip", "mp4"):
        (victim / name).write_text(name)
        before[victim / name] = name.encode()
    for link, to in ((out / ".talk-0-0.3.json.part", "json"), (out / ".talk-0-0.3.mp4.part", "mp4"),
                     (out / ".talk-preview.jpg.part", "jpg"), (out / ".talk-worst.jpg.part", "jpg"),
                     (root / "data/processed/collins/.faces.html.part", "html"), (root / ".share.faceit.part", "zip"),
                     (out / ".talk-0-0.4.mp4.parts", "docs"), (root / "models/c2h/.state.safetensors.part", "mp4"),
                     (root / "models/c2h/.model.json.part", "json")):  # fmt: skip
        link.symlink_to(victim / to)
    inside = out / ".talk-0-0.3.mp4.parts"
    inside.mkdir()
    for link in ("part.mp4", "part-0000.mp4", ".part-0000.picture.part.mp4", "state.json", "seen-0000.npz", "notes"):
        (inside / link).symlink_to(victim / "mp4")
    talk, config = people / "talk.mp4", ["--config", str(project)]
    assert convert(project, talk, "--duration", "0.3") == 0
    assert convert(project, talk, "--duration", "0.4") == 1
    assert ".talk-0-0.4.mp4.parts is a link, " in capsys.readouterr().err
    assert convert(project, talk, "--preview", "1") == 0
    assert main(["faces", "collins", *config]) == 0
    assert main(["export", "c2h", str(root / "share.faceit"), *config]) == 0
    for name in ("previews", "snapshots", "timelapse"):
        folder = root / "models" / "c2h" / name
        if folder.is_dir():
            folder.rename(folder.with_name(f"{name}-aside"))
        folder.symlink_to(victim / "docs", target_is_directory=True)
        assert main(["train", "c2h", "--iterations", "32", *config]) == 1
        assert f"{name} is a link, " in capsys.readouterr().err
        folder.unlink()
    lock = root / "models" / ".c2h.lock"
    lock.unlink()
    lock.symlink_to(victim / "lock")
    assert main(["train", "c2h", "--iterations", "32", *config]) == 1
    assert ".c2h.lock is a link, " in capsys.readouterr().err
    assert {path: path.read_bytes() for path in victim.rglob("*") if path.is_file()} == before
