"""The page of faces: what it shows of a person's tracks, and the way of a choice from a tick to faces.yaml."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.config.track_choices import TrackChoices, read_choices, write_choices
from faceit.errors import FaceitError
from faceit.faces.faceset import DONE, LEFT_OUT, cut_face, read_table, write_table
from faceit.faces.tracks import BEST, TRACKS, Track, write_tracks
from faceit.images import write_image
from faceit.pages.tracks import TrackFacts, groups, why
from faceit.preprocess.review_page import faces, take_choices
from faceit.preprocess.selection import pick

from ..drawn import SKIN, draw
from ..windows import BEYOND, COLORS, EMPTY_CHARTS, HEADINGS, OVERLAPS, opened

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
TRACK = Track("000000000-0", 0.0, 1.9, 20, 110, 0.31, 0.55, None, "theirs", False)
# who is drawn, distance, verdict, doubtful, where it begins (seconds), refused
TALK = [("ann", 0.31, "theirs", False, 0, None), ("ann", 0.53, "theirs", True, 2, None),
        ("cyd", 0.57, "perhaps", True, 4, None), ("bob", 0.82, "other", False, 6, None),
        ("cyd", 0.49, "refused", False, 8, 0.22)]  # fmt: skip


def write_faces(folder: Path, tracks: list, turn: float = 0.0) -> None:
    """A folder of faces as preprocess leaves it: of each track of ``TALK``'s kind ten faces, two of them twins."""
    for place in (folder, folder / LEFT_OUT, folder / BEST):
        place.mkdir(parents=True, exist_ok=True)
    rows, named = [], []
    for who, distance, verdict, doubtful, begin, refused in tracks:
        name = f"{begin * 1000:09d}-0"
        named.append(dataclasses.replace(TRACK, name=name, begin=float(begin), end=begin + 1.9, distance=distance,
                                         verdict=verdict, doubtful=doubtful, refused=refused))  # fmt: skip
        for i in range(10):
            picture, row = cut_face(*draw(who, i / 10, turn + i / 40), 64, "", begin + i / 10, name)
            if i == 0:
                write_image(folder / BEST / f"{name}.jpg", picture)
            if verdict in ("other", "refused"):
                break
            reason = "perhaps" if verdict == "perhaps" else "twin" if i < 2 else None
            row = dataclasses.replace(row, file=f"{begin * 1000 + 100 * i:09d}.jpg", left_out=reason)
            write_image((folder / LEFT_OUT if reason else folder) / row.file, picture)
            rows.append(row)
    write_table(folder, rows)
    write_tracks(folder, named)
    (folder / DONE).write_text("{}", encoding="utf-8")


@pytest.fixture
def project(tmp_path) -> Path:
    """The folder of a project with faces of ann (two videos, one of them extracted) and bob."""
    videos = {"ann": ["talk", "later"], "bob": ["bob_clip"], "cyd": ["cyd_clip"]}
    said = {
        "people": {name: {"consent": "a drawing", "videos": [{"url": f"https://example.org/{v}", "name": v}
                                                              for v in videos[name]]} for name in SKIN},
        "swaps": {"a2b": {"from": "ann", "to": "bob"}},
    }  # fmt: skip
    (tmp_path / "faceit.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    write_faces(tmp_path / "data/processed/ann/talk", TALK)
    write_faces(tmp_path / "data/processed/bob/bob_clip", [("bob", 0.2, "theirs", False, 0, None)], turn=9.0)
    return tmp_path


class Page(HTMLParser):
    """A page as its tags with their attributes and as its words; ``rows`` are the ticks with the words beside them."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags, self.words, self.rows, self.scripts = [], [], {}, []
        self._row = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "input":
            self._row = self.rows.setdefault(dict(attrs)["data-track"], [dict(attrs)])

    def handle_endtag(self, tag):
        self._row = None if tag == "tr" else self._row

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script" and data.strip():
            self.scripts.append(data)
        self.words.append(data)
        if self._row is not None:
            self._row.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]

    def row(self, track: str) -> str:
        return " ".join(" ".join(self.rows[track][1:]).split())

    def ticked(self) -> set[str]:
        return {name for name, row in self.rows.items() if "checked" in row[0]}

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(project: Path, name: str = "ann") -> Page:
    said = load_project(project / "faceit.yaml")
    return Page(faces(said, [said.person(name)])[0])


# ------------------------------------------------------------------------------------------------------- what it shows


def test_each_track_is_a_row_with_its_picture_and_its_reason(project):
    shown = page(project)
    assert list(shown.rows) == ["000002000-0", "000004000-0", "000000000-0", "000008000-0", "000006000-0"]
    assert shown.ticked() == {"000000000-0", "000002000-0"}
    for track, words in (
        ("000000000-0", ("0:00.0 – 0:01.9", "20 frames, 110 pixels wide", "8 faces kept; left out: twin 2.",
                         "0.31 away, well within the tolerance of 0.55")),
        ("000002000-0", ("0.53 away, only just within the tolerance of 0.55",)),
        ("000004000-0", ("0.57 away, just beyond the tolerance of 0.55",)),
        ("000006000-0", ("Someone else: 0.82 away",)),
        ("000008000-0", ("Nearer (0.22) to someone listed as not ann than to ann (0.49)",)),
    ):  # fmt: skip
        for word in words:
            assert word in shown.row(track), (track, word, shown.row(track))
    labelled = {attrs["for"] for attrs in shown.all("label")}
    assert labelled == {row[0]["id"] for row in shown.rows.values()}
    assert all(row[0]["aria-label"].startswith("This is ann: talk, 0:0") for row in shown.rows.values())


def test_faces_are_counted_by_reason_with_samples(project):
    (project / "data/processed/ann/talk/000000300.jpg").unlink()
    shown = page(project)
    for words in ("1 of 2 sources; the others are not extracted yet", "5 tracks", "15 faces kept", "15 left out",
                  "kept 15 these train", "perhaps 10 a little beyond", "twin 4 nearly the same",
                  "deleted 1 you deleted these pictures"):  # fmt: skip
        assert words in shown.text, words
    assert len(shown.all("img")) == 5 + 12 + 10 + 4  # of tracks, and of each reason


def test_what_the_other_one_of_the_swap_shows_and_she_lacks_is_said(project):
    ann, bob = page(project), page(project, "bob")
    assert "ann has no faces turned" in ann.text and "of bob’s faces are there" in ann.text
    assert "bob has no faces looking straight ahead, level; 100 % of ann’s faces are there." in bob.text
    heat = [svg for svg in ann.all("svg") if "heatmap" in svg.get("class", "")]
    assert len(heat) == 2 and "ann’s head" in heat[0]["aria-label"]
    assert "Nearly all of them look" in ann.text


def test_a_person_of_no_swap_has_poses_alone(project):
    write_faces(project / "data/processed/cyd/cyd_clip", [("cyd", 0.2, "theirs", False, 0, None)])
    shown = page(project, "cyd")
    assert len([svg for svg in shown.all("svg") if "heatmap" in svg.get("class", "")]) == 1
    assert "lacks" not in shown.text and "No track is near the line" in shown.text


def test_a_choice_in_force_is_ticked_and_said(project, capfd):
    said = {"000000000-0": False, "000006000-0": True, "000099000-0": True}
    write_choices(project / "faces.yaml", TrackChoices({"ann": {"talk": said, "gone": {"000000000-0": True}},
                                                        "anne": {"talk": said}}))  # fmt: skip
    shown = page(project)
    printed = capfd.readouterr().out
    assert "faces.yaml has choices about anne, who is not in faceit.yaml; did you mean ann?" in printed
    assert "ann: 2 choices in faces.yaml fit no track that is there now" in printed
    assert shown.ticked() == {"000002000-0", "000006000-0"}
    assert "Unticked by hand. The next preprocess applies it." in shown.row("000000000-0")
    assert "Ticked by hand. The next preprocess applies it." in shown.row("000006000-0")
    assert "by hand" not in shown.row("000002000-0")
    assert "2 of the choices in faces.yaml fit no track" in shown.text
    assert "gone 000000000-0, talk 000099000-0" in shown.text
    folder, rows = project / "data/processed/ann/talk", []
    for row in read_table(folder):
        if row.track == "000000000-0":
            if row.left_out is None:
                (folder / row.file).rename(folder / LEFT_OUT / row.file)
            row = dataclasses.replace(row, left_out="unticked")
        rows.append(row)
    write_table(folder, rows)
    after = page(project).row("000000000-0")
    assert "Unticked by hand." in after and "next preprocess" not in after


def test_the_same_files_give_the_same_page(project):
    path = project / "data/processed/ann/faces.html"
    page(project)
    before = path.read_bytes()
    page(project)
    assert path.read_bytes() == before and not list(path.parent.glob(".*"))


def test_pictures_that_have_gone_are_said(project):
    for path in (project / "data/processed/ann/talk" / BEST).iterdir():
        path.unlink()
    assert page(project).text.count("no picture") == 5


def seen(**more) -> TrackFacts:
    values = vars(TRACK) | {"video": "talk", "title": "talk"} | more
    del values["encoding"]
    return TrackFacts(**values)


def test_thousands_of_tracks_are_listed_where_they_matter():
    rng = np.random.default_rng(0)
    some = [seen(name=str(i), distance=d, verdict="theirs" if d < 0.55 else "other", doubtful=abs(d - 0.55) < 0.05)
            for i, d in enumerate(rng.uniform(0.2, 1.0, 9000))]  # fmt: skip
    some.append(seen(name="chosen", distance=0.99, verdict="other", chosen=False))
    asked = []
    near, kept, others = groups(some, "ann", lambda one: asked.append(one) or "")
    assert len(near.rows) == near.total == sum(one.doubtful for one in some) and not near.more
    assert len(kept.rows) == 800 and kept.more == f"{kept.total - 800:,} more are surer than these."
    assert min(row.track.distance for row in kept.rows) > 0.4  # those nearest to the line
    assert len(others.rows) == 121 and others.rows[-1].track.name == "chosen"  # what was chosen is always listed
    assert len(asked) == len(near.rows) + 800 + 121


@pytest.mark.parametrize(("more", "said"), [
    ({"distance": 0.5}, "0.50 away, within the tolerance"),
    ({"distance": 0.5, "doubtful": True}, "0.50 away, only just within"),
    ({"distance": 0.4, "doubtful": True, "refused": 0.43}, "someone listed as not ann is nearly as near (0.43)"),
    ({"distance": 0.5, "doubtful": True, "refused": 0.9}, "0.50 away, only just within the tolerance of 0.55."),
    ({"distance": 0.54, "verdict": "perhaps", "frames": 1}, "only just within the tolerance of 0.55, and for 1 frame"),
])  # fmt: skip
def test_the_reason_fits_the_numbers(more, said):
    assert said in why(seen(**more), "ann")


# ------------------------------------------------------------------------------------------------------- hostile, wrong


def test_texts_of_the_web_are_text_and_one_script_may_run(project):
    (project / "data/videos").mkdir(parents=True)
    (project / "data/videos/talk.json").write_text(json.dumps({"title": HOSTILE}), encoding="utf-8")
    shown = page(project)
    assert HOSTILE in shown.text and "{{ 7*7 }}" in shown.text
    assert len(shown.all("script")) == len(shown.scripts) == 2
    policy = next(meta["content"] for meta in shown.all("meta") if "http-equiv" in meta)
    digest = base64.b64encode(hashlib.sha256(shown.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy and policy.startswith("default-src 'none'")
    assert not re.search(r"script-src[^;]*unsafe|https?:", policy)
    assert not [key for _, attrs in shown.tags for key in attrs if key.startswith("on")]
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in shown.all("img"))
    assert all(link["href"].startswith("#") for link in shown.all("a"))


def test_the_report_runs_nothing_still():
    from faceit.pages.render import TEMPLATES

    assert "script" not in (TEMPLATES / "report.html.j2").read_text(encoding="utf-8")
    assert "</script" not in (TEMPLATES / "faces.js").read_text(encoding="utf-8")


def test_a_track_leads_into_its_video(project):
    video = project / "my videos" / "a#b.mp4"
    video.parent.mkdir()
    video.write_bytes(b"x")
    said = yaml.safe_load((project / "faceit.yaml").read_text(encoding="utf-8"))
    said["people"]["ann"]["videos"] = [{"url": "my videos/a#b.mp4", "name": "talk"}]
    (project / "faceit.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    links = [a["href"] for a in page(project).all("a") if not a["href"].startswith("#")]
    assert len(links) == 5 and "../../../my%20videos/a%23b.mp4#t=2.0" in links


@pytest.mark.parametrize("line", ["{", "[]", '{"name": "000000000-0"}', "name"])
def test_damaged_tracks_are_a_sentence(project, line):
    path = project / "data/processed/ann/talk" / TRACKS
    if line == "name":
        write_tracks(path.parent, [dataclasses.replace(TRACK, name="../../../../etc/passwd")])
    else:
        path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(FaceitError, match="tracks.jsonl is damaged: delete the folder talk and run preprocess again"):
        page(project)


def test_without_faces_there_is_a_sentence(project, capfd):
    assert main(["faces", "cyd", "--config", str(project / "faceit.yaml")]) == 1
    assert "There are no faces of cyd yet: run `python faceit.py preprocess cyd` first." in capfd.readouterr().err
    assert main(["faces", "a2c", "--config", str(project / "faceit.yaml")]) == 1
    assert "no swap 'a2c'; did you mean a2b?" in capfd.readouterr().err


def test_a_swap_has_a_page_for_each_of_its_people(project, capfd):
    assert main(["faces", "a2b", "--config", str(project / "faceit.yaml")]) == 0
    said = capfd.readouterr().out
    for name in ("ann", "bob"):
        assert f"Look at {project / 'data/processed' / name / 'faces.html'}" in said


# ------------------------------------------------------------------------------------------------------ taking choices


def test_a_saved_file_is_taken_in_for_the_people_named(project, tmp_path):
    said = load_project(project / "faceit.yaml")
    write_choices(project / "faces.yaml", TrackChoices({"ann": {"talk": {"000004000-0": True}},
                                                        "bob": {"bob_clip": {"000000000-0": False}}}))  # fmt: skip
    saved = tmp_path / "faces (1).yaml"
    saved.write_text('"ann":\n  "talk":\n    000002000-0: drop\n    "000077000-0": keep\n"bob": {}\n', encoding="utf-8")
    words = take_choices(said, [said.person("ann")], saved)
    assert words.startswith("ann: 1 track ticked, 1 track unticked by hand; 1 of them fit no track that is there now.")
    assert "Now run `python faceit.py preprocess ann`" in words
    now = read_choices(project / "faces.yaml")
    assert now.of("ann", "talk") == {"000002000-0": False, "000077000-0": True}
    assert now.of("bob", "bob_clip") == {"000000000-0": False}
    words = take_choices(said, [said.person("ann"), said.person("bob")], saved)
    assert "bob: 0 tracks ticked, 0 tracks unticked by hand." in words
    assert "preprocess ann` and `python faceit.py preprocess bob`" in words
    assert not read_choices(project / "faces.yaml").of("bob", "bob_clip")


def test_what_cannot_be_taken_in_changes_nothing(project, tmp_path):
    said = load_project(project / "faceit.yaml")
    write_choices(project / "faces.yaml", TrackChoices({"ann": {"talk": {"000004000-0": True}}}))
    before = (project / "faces.yaml").read_bytes()
    saved = tmp_path / "saved.yaml"
    for text, sentence in ((None, "is not there: name the faces.yaml that your browser saved"),
                           ("", "holds no choices about ann; it is empty"),
                           ("anna: {talk: {000002000-0: drop}}", "about ann; it is of anna; did you mean anna?"),
                           ("ann: {talk: [x]}", "saved.yaml line 1: expected tracks")):  # fmt: skip
        if text is not None:
            saved.write_text(text, encoding="utf-8")
        with pytest.raises(FaceitError, match=re.escape(sentence)):
            take_choices(said, [said.person("ann")], saved)
        assert (project / "faces.yaml").read_bytes() == before
    (project / "faces.yaml").write_text("ann: [", encoding="utf-8")
    saved.write_text("ann: {talk: {000002000-0: drop}}", encoding="utf-8")
    with pytest.raises(FaceitError, match="mend it or delete it first"):
        take_choices(said, [said.person("ann")], saved)


# --------------------------------------------------------------------------------------------------------- in a browser


def box(window, track: str, video: str = "talk"):
    return window.locator(f"input[data-video='{video}'][data-track='{track}']")


@pytest.mark.slow
def test_a_tick_in_the_browser_comes_into_force(browser, project, tmp_path, capfd):
    write_choices(project / "faces.yaml", TrackChoices({"bob": {"constructor": {"000000000-0": False}},
                                                        "ann": {"talk": {"000006000-0": True}}}))  # fmt: skip
    page(project)
    with opened(browser, project / "data/processed/ann/faces.html") as window:
        state = window.locator("#state")
        assert window.locator("#save").is_disabled() and "then save" in state.inner_text()
        box(window, "000002000-0").uncheck()
        assert state.inner_text() == "1 change not saved."
        window.locator("tr", has=box(window, "000004000-0")).locator(".verdict").click()  # anywhere in the row
        box(window, "000006000-0").press("ArrowDown")
        assert window.evaluate("document.activeElement.dataset.track") == "000000000-0"
        window.keyboard.press("Space")
        assert state.inner_text() == "3 changes not saved." and window.title().startswith("(3) ")
        window.keyboard.press("Space")
        assert not box(window, "000002000-0").is_checked() and box(window, "000004000-0").is_checked()
        with window.expect_download() as caught:
            window.locator("#save").click()
        assert caught.value.suggested_filename == "faces.yaml"
        caught.value.save_as(tmp_path / "saved.yaml")
        assert "Saved as faces.yaml" in state.inner_text() and window.locator("#save").is_disabled()
        assert window.locator(".then").is_visible()
    saved = read_choices(tmp_path / "saved.yaml")
    assert saved.of("ann", "talk") == {"000002000-0": False, "000004000-0": True, "000006000-0": True}
    assert saved.of("bob", "constructor") == {"000000000-0": False}
    words = ["faces", "ann", "--choices", str(tmp_path / "saved.yaml"), "--config", str(project / "faceit.yaml")]
    assert main(words) == 0
    assert "ann: 2 tracks ticked, 1 track unticked by hand." in capfd.readouterr().out
    assert read_choices(project / "faces.yaml") == saved
    now = Page(project / "data/processed/ann/faces.html")
    assert now.ticked() == {"000000000-0", "000004000-0", "000006000-0"}
    said = load_project(project / "faceit.yaml")
    pick(said, [said.person("ann")])  # what preprocess does in the end
    kept = {row.track for row in read_table(project / "data/processed/ann/talk") if row.left_out is None}
    assert kept == {"000000000-0", "000004000-0"}  # of 000006000-0 no face is on disk yet
    assert "No face kept" not in page(project).row("000004000-0")


@pytest.mark.slow
def test_undoing_and_going_back_to_the_measurement_saves_nothing_of_it(browser, project, tmp_path):
    write_choices(project / "faces.yaml", TrackChoices({"ann": {"talk": {"000006000-0": True}}}))
    page(project)
    with opened(browser, project / "data/processed/ann/faces.html") as window:
        box(window, "000000000-0").uncheck()
        window.locator("#undo").click()
        assert box(window, "000000000-0").is_checked() and window.locator("#save").is_disabled()
        box(window, "000006000-0").uncheck()
        with window.expect_download() as caught:
            window.locator("#save").click()
        caught.value.save_as(tmp_path / "saved.yaml")
    assert (tmp_path / "saved.yaml").read_text(encoding="utf-8").splitlines()[1:] == ['"ann": {}']
    said = load_project(project / "faceit.yaml")
    take_choices(said, [said.person("ann")], tmp_path / "saved.yaml")
    assert read_choices(project / "faces.yaml") == TrackChoices()


@pytest.mark.slow
def test_no_other_script_runs(browser, project):
    page(project)
    path = project / "data/processed/ann/faces.html"
    text = path.read_text(encoding="utf-8")
    other = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
    path.write_text(text.replace("</main>", f"{other}</main>"), encoding="utf-8")
    window = browser.new_page()
    try:
        window.goto(path.as_uri())
        assert window.title() == "The faces of ann: faceit"
        assert window.locator("body.alive").count() == 1  # ours does
    finally:
        window.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_whole(browser, project, width, scheme):
    (project / "data/videos").mkdir(parents=True)
    (project / "data/videos/talk.json").write_text(json.dumps({"title": HOSTILE * 3 + "x" * 300}), encoding="utf-8")
    page(project)
    with opened(browser, project / "data/processed/ann/faces.html", width, scheme) as window:
        assert window.evaluate("document.documentElement.scrollWidth") == width and window.evaluate(BEYOND) == []
        assert window.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
        for box in window.locator("input[type=checkbox]").all()[:2]:
            box.click()
        assert window.evaluate(COLORS) == []
        assert window.evaluate(EMPTY_CHARTS) == [] and window.evaluate(OVERLAPS) == []
        headings = window.evaluate(HEADINGS)
        assert [level for level, _ in headings].count(1) == 1 and headings[0][0] == 1
        assert all(now <= before + 1 for (before, _), (now, _) in zip(headings, headings[1:], strict=False))
        window.emulate_media(media="print", color_scheme="dark")
        assert not window.locator("#save").is_visible()
        assert window.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        window.locator("#undo").evaluate("button => button.click()")


@pytest.mark.slow
def test_without_scripts_it_still_shows_and_says_so(browser, project):
    page(project)
    context = browser.new_context(java_script_enabled=False)
    try:
        window = context.new_page()
        window.goto((project / "data/processed/ann/faces.html").as_uri())
        assert "cannot save choices" in window.locator("noscript").inner_text()
        assert not window.locator("#save").is_visible() and window.locator("tr.on").count() == 2
    finally:
        context.close()
