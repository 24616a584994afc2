"""The demo: what is in its folder already, and the picture at its end, which tells what the result tells."""

import numpy as np
import pytest

from faceit.cli import main
from faceit.demo import run
from faceit.demo.run import CONFIG, FIRST_LINE, STILL, TALK_S, _still
from faceit.images import read_image
from faceit.media.provenance import note, read_note
from faceit.media.writer import VideoWriter


def test_the_picture_of_four_moments_has_the_videos_note(tmp_path):
    with VideoWriter(tmp_path / "talk-side-by-side.mp4", 64, 48, 5, comment=note({"from": "hopper"})) as writer:
        for _ in range(int(TALK_S * 5)):
            writer.write(np.full((48, 64, 3), 90, np.uint8))
    _still(tmp_path / "demo.jpg", tmp_path / "talk.mp4")
    assert read_note(tmp_path / "demo.jpg")["from"] == "hopper"
    assert read_image(tmp_path / "demo.jpg").shape[:2] > (90, 120)


@pytest.fixture
def no_work(monkeypatch):
    """The demo stops where its work would begin."""
    def begin(folder):
        raise ZeroDivisionError

    monkeypatch.setattr(run, "make_clips", begin)


@pytest.mark.parametrize(("name", "content", "words"), [
    (CONFIG, "people: {me: {portrait: me.jpg}}\n", "is a project of yours"), (CONFIG, "", "is a project of yours"),
    (CONFIG, FIRST_LINE + "\nswaps: {}\n", "is of another version's demo"),
    (STILL, "a picture of mine", "is there already, and none of the demo's"),
    ("data/output/hopper_to_collins/hopper_talk.mp4", "a video of mine", "is there already"),
])  # fmt: skip
def test_a_folder_with_files_of_the_users_is_refused(tmp_path, no_work, capsys, name, content, words):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    assert main(["demo", "--dir", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert words in error and str(file) in error and "name another folder with --dir" in error
    assert file.read_text() == content and [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_what_was_changed_in_the_demos_project_stays(tmp_path, no_work):
    (tmp_path / "clips").mkdir()
    for port in ("99999", "0", "9" * 5000, "8" * 400):  # ports that cannot be: another one is taken
        with run._served(tmp_path, tmp_path / "clips") as project:
            before = project.file.read_text()
        changed = run.ADDRESS.sub(f"http://127.0.0.1:{port}", before).replace("NASA", "My words: NASA", 1)
        project.file.write_text(changed)
        with run._served(tmp_path, tmp_path / "clips") as project:
            after = project.file.read_text()
        assert after == run.ADDRESS.sub(run.ADDRESS.search(after)[0], changed) and f":{port}/" not in after
    with pytest.raises(ZeroDivisionError):  # it is still the demo's own
        run.demo(tmp_path, 1.0)
