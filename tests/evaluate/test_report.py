"""The report: what it shows of an evaluation, what it says where something is missing, and how a browser takes it."""

import copy
import json
import math
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from faceit.config.project_file import load_project
from faceit.errors import FaceitError
from faceit.evaluate.report import report

from ..windows import BEYOND, COLORS, EMPTY_CHARTS, HEADINGS, OVERLAPS, opened
from .sample_evaluation import evaluation, frame_rows, table, write_sample

SECTIONS = ("summary", "figures", "identity", "expression", "pose", "reconstruction", "sharpness", "time", "seam",
            "background", "coverage", "timelines", "frames", "training", "faces", "sources", "method")  # fmt: skip
HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"


class Page(HTMLParser):
    """A page as its tags with their attributes, and its words."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def bare(tmp_path):
    """The same without videos: quick to write reports of."""
    return write_sample(tmp_path, clips=False)


def page_of(file: Path, evaluation_file: Path, values: dict | None = None) -> Page:
    if values is not None:
        evaluation_file.write_text(json.dumps(values), encoding="utf-8")
    return read(report(load_project(file), evaluation_file))


# ------------------------------------------------------------------------------------------------ with all there


def test_the_page_holds_everything_in_its_place(sample):
    page = read(sample[1].with_name("talk.report.html"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert [name for name in ids if name in SECTIONS] == list(SECTIONS) and len(set(ids)) == len(ids)
    for words in ("AI modified", "40 of 41 frames", "Distance to bob", "real bob 0.21", "mean face 0.24",
                  "same person 0.60", "Follows, r", "58×".replace("58", "0.58"), "11.4 frames/s", "3,316",
                  "bob has no faces turned left 37.5–52.5°, level", "of ann’s faces", "looks less like bob",
                  "Bob on drawing", "Drawn Talks", "CC BY 4.0", "0:05.0 to 1:05.0", "bob: a drawing, public domain",
                  "held out", "Also found, but left out: twin 62, blurred 8.", "Settings of the conversion",
                  "feather"):  # fmt: skip
        assert words in page.text, words


def test_a_head_that_looks_the_wrong_way_is_shown(bare):
    file, evaluation_file = bare
    page = page_of(file, evaluation_file)
    for words in ("Offset of the turn −1.1°", "Swapped minus driving head; minus is to the picture’s left. On average "
                  "−2.4° in the driving video, −3.5° in the swapped one. It follows with r 0.96.",
                  "Offset of the nod 3.2°", "Heads are held alike: the median of ann’s faces looks 0° left and 2° up, "
                  "that of bob’s 9° right and 2° up."):  # fmt: skip
        assert words in page.text, words
    charts = [svg.get("aria-label", "") for svg in page.all("svg")]
    for axis in ("Head, left and right", "Head, up and down"):
        assert f"{axis} over time: driving, swapped" in charts
    values = evaluation()
    values["pose"]["offset"]["yaw"], values["pose"]["swapped"]["yaw"] = -31.2, -33.6
    values["heads"] = {"yaw": {"from": -16.0, "to": 2.0}, "pitch": {"from": 3.0, "to": -5.0}, "differ": True}
    page = page_of(file, evaluation_file, values)
    assert "Offset of the turn −31.2°" in page.text and "−33.6° in the swapped one" in page.text
    assert "Heads are held differently: the median of ann’s faces looks 16° left and 3° up, that of bob’s 2° right " \
           "and 5° down." in page.text  # fmt: skip
    older = evaluation()
    for key in ("offset", "driving", "swapped", "r"):
        del older["pose"][key]
    del older["heads"]
    page = page_of(file, evaluation_file, older)
    assert "Offset of" not in page.text and "Turn (yaw)" in page.text and "Heads are" not in page.text


def test_pictures_are_inside_small_and_show_the_face(sample):
    import base64

    from faceit.images import read_image

    path = sample[1].with_name("talk.report.html")
    assert path.stat().st_size < 1.5e6
    images = read(path).all("img")
    assert len(images) == 2 * (1 + 5 + 3) + 1 and all(image["alt"] for image in images)
    data = [base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,")) for image in images]
    assert max(map(len, data[:-1])) <= 40_000 and len(data[-1]) <= 90_000
    for i, name in ((2, "source"), (3, "swapped")):  # of the worst frame
        (path.parent / f"{name}.jpg").write_bytes(data[i])
        picture = read_image(path.parent / f"{name}.jpg")
        middle = picture[140:180, 140:180].mean((0, 1))
        assert middle[0] > 150 if name == "source" else middle[0] < 150  # Ann is fair, Bob is dark


def test_links_lead_into_the_converted_video_and_to_sources(sample):
    path = sample[1].with_name("talk.report.html")
    links = [a["href"] for a in read(path).all("a")]
    videos = [link for link in links if ".mp4" in link]
    assert "./talk.mp4#t=6.4" in videos and "https://www.example.org/watch?v=def456" in links
    assert all((path.parent / unquote(link.partition("#")[0])).is_file() for link in videos)
    assert all(link.startswith(("#", "./talk.mp4#t=", "https://www.example.org/")) for link in links)


def test_the_same_files_give_the_same_page(sample):
    path = sample[1].with_name("talk.report.html")
    before = path.read_bytes()
    assert report(load_project(sample[0]), sample[1]) == path and path.read_bytes() == before


# ----------------------------------------------------------------------------------------------- with parts missing


def test_without_anything_beside_it_every_section_says_so(bare, tmp_path):
    file, evaluation_file = bare
    for name in ("models/a2b/model.json", "models/a2b/history.csv", "models/a2b/preview.jpg",
                 "data/output/a2b/talk.frames.csv"):  # fmt: skip
        (tmp_path / name).unlink()
    page = page_of(file, evaluation_file, {"format": 1})
    assert {attrs.get("id") for _, attrs in page.tags} >= set(SECTIONS)
    assert not page.all("img") and not [svg for svg in page.all("svg") if "chart" in svg.get("class", "")]
    for words in ("has no summary", "Identity was not measured", "Expression was not measured",
                  "The frames were not counted", "talk.frames.csv is not beside this page", "its training is not known",
                  "were not counted", "does not name the people", "are not recorded"):  # fmt: skip
        assert words in page.text, words


def test_videos_that_have_gone_are_named(bare):
    page = page_of(*bare)
    assert page.text.count("The converted video talk.mp4 is no longer where it was.") == 8 and len(page.all("img")) == 1


def test_a_source_that_has_gone_and_a_file_that_is_no_video(bare, tmp_path):
    file, evaluation_file = bare
    (evaluation_file.parent / "talk.mp4").write_text("not a video", encoding="utf-8")
    assert "not a video" in page_of(file, evaluation_file).text
    values = evaluation()
    del values["videos"][0]["file"]
    assert "does not name the converted video" in page_of(file, evaluation_file, values).text
    values["videos"] = []
    assert "does not say where this frame is" in page_of(file, evaluation_file, values).text


def test_an_imported_model_and_one_trained_on(bare, tmp_path):
    file, evaluation_file = bare
    (tmp_path / "models/a2b/history.csv").unlink()
    about = json.loads((tmp_path / "models/a2b/model.json").read_text(encoding="utf-8"))
    (tmp_path / "models/a2b/model.json").write_text(json.dumps(about | {"step": 5000}), encoding="utf-8")
    page = page_of(file, evaluation_file)
    assert "no history.csv beside the model" in page.text
    assert "trained further since: 3,316 steps when this was measured, 5,000 on this disk" in page.text


def test_reversed_colours_follow_the_people(bare):
    values = evaluation("bob", "ann") | {"reverse": True}
    values["faces"]["a"]["name"], values["faces"]["b"]["name"] = "ann", "bob"
    page = page_of(*bare, values)
    heat = [svg for svg in page.all("svg") if "heatmap" in svg.get("class", "")]
    assert "bob’s head" in heat[0]["aria-label"] and "ann’s head" in heat[1]["aria-label"]


def test_a_model_with_many_videos(bare, tmp_path):
    file, evaluation_file = bare
    values = evaluation() | {"kind": "model"}
    values["videos"] = [dict(values["videos"][0], file=f"held/{i:02d}.mp4") for i in range(9)]
    rows = [dict(row, video=i) for i in range(9) for row in frame_rows(60)]
    (evaluation_file.parent / "talk.frames.csv").write_text(table(rows), encoding="utf-8")
    page = page_of(file, evaluation_file, values)
    assert "03.mp4" in page.text and "3 more videos are in talk.frames.csv" in page.text
    model = tmp_path / "models" / "a2b" / "evaluation.json"
    shutil.copy(evaluation_file, model)
    assert report(load_project(file), model) == model.with_name("report.html")


def broken(value, path=()):
    """(path, value) of every place in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from broken(value[key], (*path, key))


def replaced(value, path, new):
    value = copy.deepcopy(value)
    place = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return value


@pytest.mark.slow
@pytest.mark.parametrize("new", [None, "text", [], {}, -1, 1e308, math.nan, [None, {}, "x"], "\ud800\0"], ids=repr)
def test_no_damage_in_the_json_breaks_the_page(bare, new):
    """Each place of the JSON in turn holds something else; a part of the places for each kind, to be quick."""
    file, evaluation_file = bare
    project, values = load_project(file), evaluation()
    (evaluation_file.parent / "talk.frames.csv").write_text(table(frame_rows(12)), encoding="utf-8")
    places = [path for path in broken(values) if path and path != ("format",)]
    assert len(places) > 300
    top = [path for path in places if len(path) <= 2]
    for path in top + [path for path in places if len(path) > 2][:: 17 if new is not None else 5]:
        evaluation_file.write_text(json.dumps(replaced(values, path, new)), encoding="utf-8")
        text = report(project, evaluation_file).read_text(encoding="utf-8")
        assert text.rstrip().endswith("</html>") and ">nan<" not in text and ">None<" not in text, path


@pytest.mark.parametrize("frames", [
    "", "\n\n", "video,frame,time,state\n", "video,frame,time,state,trouble\n0,0,0.0,swapped,1\n",
    "video,time,state,distance_to\n0,nan,swapped,x\n0,1e300,lost,1\nx,y\n0,0.1,swapped,0.4,7,8,9\n0\n", "\0\0\0", '"',
])  # fmt: skip
def test_damaged_tables_are_read_as_far_as_they_go(bare, tmp_path, frames):
    file, evaluation_file = bare
    (evaluation_file.parent / "talk.frames.csv").write_text(frames, encoding="utf-8")
    (tmp_path / "models/a2b/history.csv").write_bytes(b"step,seconds,loss_a\n1,\xff\xfe,3\n2,2,nan\n" + frames.encode())
    (tmp_path / "models/a2b/model.json").write_text("[1]", encoding="utf-8")
    assert "Over time" in page_of(file, evaluation_file).text


# --------------------------------------------------------------------------------------------------- hostile, wrong


def hostile(value):
    """The same JSON with a hostile text in place of every text that has no fixed meaning."""
    if isinstance(value, dict):
        return {key: item if key in ("kind", "why", "format") else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def test_texts_from_files_are_text(bare, tmp_path):
    file, evaluation_file = bare
    rows = [dict(row, state=HOSTILE if i % 9 == 0 else row["state"]) for i, row in enumerate(frame_rows(30))]
    (evaluation_file.parent / "talk.frames.csv").write_text(table(rows), encoding="utf-8")
    page = page_of(file, evaluation_file, hostile(evaluation()))
    assert HOSTILE in page.text and not page.all("script") and not page.all("img")
    assert "{{ 7*7 }}" in page.text
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    assert all(link["href"].startswith(("#", "./%3Cscript")) for link in page.all("a"))


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "javascript:alert(1)", "//example.org/x.mp4", "a b#?%.mp4",
                                  "/dev/zero", "C:\\x.mp4", "http://example.org/v.mp4"])  # fmt: skip
def test_paths_stay_paths(bare, name):
    values = evaluation(files=(name, name))
    page = page_of(*bare, values)
    for link in page.all("a"):
        if not link["href"].startswith(("#", "file:///", "https://www.example.org/watch")):
            assert link["href"].startswith("./") and re.fullmatch(r"[\w./%~-]+#t=[\d.]+", link["href"])
    assert "no longer where it was" in page.text or "is not a video" in page.text


def test_addresses_of_videos_are_links_only_when_they_are_of_the_web(sample, tmp_path):
    import dataclasses

    project = load_project(sample[0])
    bob = project.people["bob"]
    bad = dataclasses.replace(bob.videos[0], url="javascript:alert(1)", name="x")
    project.people["bob"] = dataclasses.replace(bob, videos=(bad,))
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps(evaluation()), encoding="utf-8")
    page = read(report(project, file))
    assert "javascript:alert(1)" in page.text and not any("script:" in a["href"] for a in page.all("a"))
    secret = dataclasses.replace(bad, url="https://me:secret@example.org/x?token=secret&v=abc#secret")
    elsewhere = dataclasses.replace(bad, url="/home/secret/talk.mp4", file=tmp_path / "secret" / "talk.mp4")
    project.people["bob"] = dataclasses.replace(bob, videos=(secret, elsewhere))
    page = read(report(project, file))
    assert "https://example.org/x?token=...&v=abc" in page.text and "talk.mp4" in page.text
    assert "secret" not in file.with_name("report.html").read_text()


def test_swaps_that_were_made_in_a_source_before_are_told(bare, tmp_path):
    values = evaluation()
    before = {"from": "eve", "to": "<b>zoe</b>", "consent": {"zoe": "by letter"}}
    values["videos"][0]["before"] = [before, before, 7, {"consent": 3}]
    text = page_of(bare[0], bare[1], values).text
    assert text.count("the face of eve had been replaced by the face of <b>zoe</b>. Consent: zoe: by letter") == 1
    assert "the face of a person had been replaced by the face of another. Consent: not stated" in text


@pytest.mark.parametrize(("text", "sentence"), [
    (None, "is not there"), ("", "damaged"), ("{", "damaged"), ("[" * 100_000, "damaged"), ("[]", "not an evaluation"),
    ("{}", "not an evaluation"), ('{"format": true}', "not an evaluation"), ('{"format": "1"}', "not an evaluation"),
    ('{"format": 2, "faceit": "9.9"}', "newer faceit ('9.9')"), ('{"format": 99}', "newer"),
])  # fmt: skip
def test_what_is_no_evaluation_is_one_sentence_and_no_page(bare, text, sentence):
    file, evaluation_file = bare
    evaluation_file.unlink() if text is None else evaluation_file.write_text(text, encoding="utf-8")
    with pytest.raises(FaceitError, match=re.escape(sentence)) as error:
        report(load_project(file), evaluation_file)
    assert "\n" not in str(error.value) and not evaluation_file.with_name("talk.report.html").exists()


def test_a_folder_that_cannot_be_written_keeps_the_old_page(bare, monkeypatch):
    file, evaluation_file = bare
    path = report(load_project(file), evaluation_file)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(FaceitError, match="No space left"):
        report(load_project(file), evaluation_file)
    assert path.read_bytes() == before and not list(path.parent.glob(".*"))


# --------------------------------------------------------------------------------------------------- in a browser


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_whole(browser, sample, width, scheme):
    with opened(browser, sample[1].with_name("talk.report.html"), width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width and page.evaluate(BEYOND) == []
        assert page.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
        assert page.evaluate("document.images.length") == 19
        for name in SECTIONS:
            assert page.locator(f"#{name}").bounding_box()["height"] > 20, name
        assert page.evaluate("document.querySelectorAll('svg.chart').length") > 40
        assert page.evaluate(EMPTY_CHARTS) == []
        assert page.evaluate(OVERLAPS) == []
        assert page.evaluate(COLORS) == []
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (min(map(int, re.findall(r"\d+", ground))) > 200) == (scheme == "light")


@pytest.mark.slow
def test_headings_are_in_order_and_the_page_is_printed(browser, sample):
    with opened(browser, sample[1].with_name("talk.report.html")) as page:
        headings = page.evaluate(HEADINGS)
        assert headings[0][0] == 1 and [level for level, _ in headings].count(1) == 1
        assert all(now <= before + 1 for (before, _), (now, _) in zip(headings, headings[1:], strict=False))
        assert all(words for _, words in headings)
        assert page.evaluate("document.documentElement.lang") == "en"
        printed = page.pdf(format="A4")
        assert printed.startswith(b"%PDF") and len(printed) > 50_000
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.slow
def test_a_browser_takes_hostile_and_empty_pages(browser, bare):
    file, evaluation_file = bare
    long = hostile(evaluation("x" * 64, "y" * 64))
    long["from"]["name"], long["to"]["name"] = "x" * 64, "y" * 64
    for values in (hostile(evaluation()), {"format": 1}, long):
        evaluation_file.write_text(json.dumps(values), encoding="utf-8")
        for width in (390, 1280):
            with opened(browser, report(load_project(file), evaluation_file), width) as page:
                assert page.evaluate("document.documentElement.scrollWidth") == width
                assert page.evaluate("document.scripts.length") == 0 and page.evaluate(EMPTY_CHARTS) == []
