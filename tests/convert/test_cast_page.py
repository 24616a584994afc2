"""The page of who is who before a conversion: it only looks, and nothing is looked through twice."""

import re

import pytest

from faceit.casting import first_pass
from faceit.convert import video_parts
from faceit.convert.video_parts import VideoConversion

from ..media.flash_beep import run_ffmpeg
from .conftest import convert


@pytest.fixture
def both(people, tmp_path):
    """A second of Collins, left, and Hopper, right."""
    path = tmp_path / "both & more.mp4"
    run_ffmpeg("-i", people / "collins.mp4", "-i", people / "hopper.mp4", "-filter_complex", "hstack", "-t", "1", path)
    return path


def folder(project):
    return project.parent / "data" / "output" / "c2h"


def rows(page: str) -> list[str]:
    """The verdicts of the tracks, in the page's order."""
    return re.findall(r'<span class="pill \w+">(.*?)</span>', page)


@pytest.mark.slow
def test_everyone_is_on_the_page_and_the_conversion_goes_on_from_it(project, both, capsys, monkeypatch):
    assert convert(project, both, "--faces") == 0
    said = capsys.readouterr().out
    page = folder(project) / "both & more-faces.html"
    assert f"Look at {page}" in said and "15 frames, 15 swapped" in said and "2 tracks" in said
    html = page.read_text()
    assert rows(html) == ["collins \u2192 hopper", "someone else"]
    assert html.count("data:image/jpeg") == 2 and html.count('class="mark lane') == 2
    assert "<script" not in html and "both &amp; more.mp4" in html
    assert not (folder(project) / "both & more.mp4").exists()

    def looked(*_):
        raise AssertionError("it looked again")

    monkeypatch.setattr(first_pass.FirstPass, "do", looked)  # in the parent, before workers are forked from it
    assert convert(project, both, "--side-by-side") == 0
    assert "1 of 2 pieces of work are done" in capsys.readouterr().out
    assert (folder(project) / "both & more.mp4").exists()
    assert [path.name for path in folder(project).iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_a_doubtful_verdict_says_what_changes_it_and_that_needs_no_second_look(project, both, capsys):
    assert convert(project, both, "--faces") == 0
    [seen] = folder(project).glob(".*.parts/seen-*")
    before = seen.stat().st_mtime_ns
    page = folder(project) / "both & more-faces.html"
    [near, far] = sorted(map(float, re.findall(r'<td class="far"><b>(.*?)</b>', page.read_text())))
    assert near < 0.5 < far
    text = project.read_text()
    project.write_text(text.replace("to: hopper", f"to: hopper\n    convert: {{tolerance: {far - 0.005:.3f}}}"))
    assert convert(project, both, "--faces") == 0
    html = page.read_text()
    assert rows(html)[0] == "someone else"
    [advised] = re.findall(r"collins after all\? tolerance: (0\.\d\d) under swaps.c2h.convert takes it in", html)
    project.write_text(text.replace("to: hopper", f"to: hopper\n    convert: {{tolerance: {advised}}}"))
    assert convert(project, both, "--faces") == 0
    [advised] = re.findall(r"Not collins\? tolerance: (0\.\d\d) ", page.read_text())  # now it would be taken for him
    assert float(advised) < far + 0.005
    project.write_text(text.replace("to: hopper", "to: hopper\n    convert: {tolerance: 0.1}"))
    assert convert(project, both, "--faces") == 0
    assert "0 swapped" in capsys.readouterr().out and rows(page.read_text()) == ["someone else"] * 2
    assert seen.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_look_leaves_what_was_painted(project, people, monkeypatch, capsys):
    monkeypatch.setattr(video_parts, "PART_S", 0.4)
    monkeypatch.setattr(VideoConversion, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert convert(project, people / "talk.mp4") == 130
    monkeypatch.undo()
    monkeypatch.setattr(video_parts, "PART_S", 0.4)
    parts = {path: path.stat().st_mtime_ns for path in folder(project).glob(".talk.mp4.parts/part-*")}
    assert len(parts) == 5
    assert convert(project, people / "talk.mp4", "--faces", "--feather", "0.2", "--height", "200") == 0
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    capsys.readouterr()
    assert convert(project, people / "talk.mp4") == 0
    assert "5 of 10 pieces" in capsys.readouterr().out  # the look at another height made its own


def test_everyone_a_part_and_nobody(project, people, both, capsys):
    assert convert(project, both, "--faces", "--everyone", "--start", "0.2", "--duration", "0.4") == 0
    html = (folder(project) / "both & more-0.2-0.6-faces.html").read_text()
    assert rows(html) == ["whoever it is \u2192 hopper"] * 2 and "Distance" not in html
    assert "0:00.2" in html  # times are the video's
    empty = both.with_name("empty.mp4")
    run_ffmpeg("-f", "lavfi", "-i", "color=gray:s=320x240:d=1", empty)
    assert convert(project, empty, "--faces") == 0
    assert "No face was found in any frame" in (folder(project) / "empty-faces.html").read_text()
    photo = both.with_name("photo.png")
    photo.write_bytes((people / "collins.png").read_bytes())
    capsys.readouterr()
    assert convert(project, photo, "--faces") == 1
    assert "is no video: --faces is for those" in capsys.readouterr().err


def test_a_browser_shows_it_whole(browser, project, both):
    assert convert(project, both, "--faces") == 0
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((folder(project) / "both & more-faces.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".lane").nth(1).click()
    assert page.evaluate("location.hash").startswith("#track-")
    page.close()
