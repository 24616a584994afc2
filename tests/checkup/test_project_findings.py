"""What is wrong with a project's YAML and its files is a line of doctor's report."""

import pytest

from .conftest import a_project


@pytest.mark.slow
def test_a_broken_yaml(quick, tmp_path, examine):
    file = a_project(tmp_path)
    file.write_text(file.read_text().replace("consent: mine, portrait: a.jpg", "portrait: a.jpg"))
    code, found, _ = examine("--config", file)
    assert code == 1 and "faceit.yaml line 2: people.a.consent: say how you may use this face" in found["project"][0]
    file.write_text("people: [")
    assert "this is not YAML" in examine("--config", file)[1]["project"][0]
    assert "is not there: write one with" in examine("--config", tmp_path / "other.yaml")[1]["project"][0]
    file.write_text("people:\n  a: {consent: mine, portrait: a.jpg, videos: [talk.mp4]}\n")
    assert "has no swap" in examine("--config", file)[1]["project"][0]


def test_files_that_are_not_there(quick, tmp_path, examine):
    file = a_project(tmp_path, "gone.mp4, talk.mp4")
    code, found, _ = examine("--config", file)
    assert code == 0  # the other one shows the same person
    line = found["videos"][0]
    assert line.startswith("!") and "gone.mp4 is not there: correct people.a.videos." in line
    (tmp_path / "talk.mp4").unlink()
    (tmp_path / "a.jpg").unlink()
    code, found, _ = examine("--config", file)
    assert code == 1 and [line[:4] for line in found["videos"]] == ["FAIL", "FAIL"]
    assert "gone.mp4 is not there, nor 1 more" in found["videos"][0]
    assert found["portrait"][0].startswith("FAIL") and found["portrait"][1] == "ok    portrait    b: b.jpg"


def test_a_video_that_is_none(quick, tmp_path, examine):
    file = a_project(tmp_path)
    (tmp_path / "talk.mp4").write_bytes(b"no video")
    code, found, _ = examine("--config", file)
    assert code == 0
    assert found["videos"][-1].startswith("!     videos      b: ") and "is not a video" in found["videos"][-1]
