"""The YAML: what it may say, and that each mistake is one line with the place and the way out."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faceit.config.elsewhere import recall, remember
from faceit.config.project import RefusedPerson, parse_time, shown_url, video_name
from faceit.config.project_file import load_project
from faceit.config.settings import ConvertSettings, ModelSettings, PreprocessSettings, TrainSettings
from faceit.errors import ConfigError, FaceitError

GOOD = """\
people:
  collins:
    portrait: [persons/collins.jpg, persons/collins2.png]
    consent: "NASA portrait, public domain"
    videos:
      - https://www.youtube.com/watch?v=abcDEF12345
      - {url: "https://example.org/sts.mp4", name: sts82, start: "0:40", end: "2:10", fps: 10}
      - data/videos/interview.mp4
      - {url: ../elsewhere/talk.mkv, start: 5}
    photos: photos/collins
  hopper:
    consent: US Navy
    videos: [hopper.mp4]
swaps:
  collins_to_hopper:
    from: collins
    to: hopper
    model: {preset: cpu}
    train: {minutes: 60}
    convert: {color: none, mask: hull, label: no}
preprocess: {fps: 12, tolerance: 0.5}
"""


@pytest.fixture
def load(tmp_path):
    """A function: text -> Project of a faceit.yaml with it."""

    def written(text: str | bytes):
        file = tmp_path / "faceit.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_project(file)

    return written


@pytest.fixture
def complaint(load):
    """A function: text -> the one line that it is refused with."""

    def line(text: str | bytes) -> str:
        with pytest.raises(ConfigError) as caught:
            load(text)
        said = str(caught.value)
        assert "\n" not in said and len(said) < 400
        return said

    return line


def test_everything_that_the_yaml_says_is_understood(load, tmp_path):
    project = load(GOOD)
    collins, hopper = project.people["collins"], project.people["hopper"]
    assert collins.portraits == (tmp_path / "persons/collins.jpg", tmp_path / "persons/collins2.png")
    assert collins.photos == (tmp_path / "photos/collins",)
    youtube, sts, interview, talk = collins.videos
    assert youtube.file is None and youtube.name.startswith("abcDEF12345-")
    assert (sts.name, sts.start, sts.end, sts.fps) == ("sts82", 40.0, 130.0, 10.0)
    assert interview.file == tmp_path / "data/videos/interview.mp4"
    assert (talk.file, talk.start, talk.end) == (tmp_path / "../elsewhere/talk.mkv", 5.0, None)
    assert hopper.portraits == (tmp_path / "data/persons/hopper.jpg",)
    swap = project.swap("collins_to_hopper")
    assert (swap.a, swap.b) == (collins, hopper)
    assert swap.model == ModelSettings("cpu") and swap.train == TrainSettings(minutes=60.0)
    assert swap.convert == ConvertSettings(color="none", mask="hull", label=False)
    assert project.preprocess == PreprocessSettings(fps=12.0, tolerance=0.5)


def refusing(words: str) -> str:
    """GOOD with Collins' ``not:``, on its line 10."""
    return GOOD.replace("    photos: photos/collins", f"    not: {words}")


def test_under_not_a_name_is_a_person_and_any_other_word_a_picture_or_a_folder(load, tmp_path):
    folder = tmp_path / "strangers"
    folder.mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png"):
        (folder / name).touch()
    collins = load(refusing("[hopper, strangers, elsewhere/twin.jpg, hopper]")).people["collins"]
    portrait, twin = tmp_path / "data/persons/hopper.jpg", tmp_path / "elsewhere/twin.jpg"
    assert collins.refused == (RefusedPerson(portrait, "hopper"), RefusedPerson(folder), RefusedPerson(twin))
    inside = (folder / "a.png", folder / "b.JPG")
    assert collins.identity_pictures == (*collins.portraits, portrait, *inside, twin)


def test_a_single_word_under_not_and_none(load):
    collins, hopper = load(refusing("hopper")).people.values()
    assert [each.whose for each in collins.refused] == ["hopper"]
    assert hopper.refused == () and hopper.identity_pictures == hopper.portraits
    swap = load(refusing("hopper")).swap("collins_to_hopper")
    assert swap.a == collins  # convert refuses them as preprocess does


def test_a_person_may_be_refused_before_they_are_listed_and_have_several_portraits(load, tmp_path):
    text = GOOD.replace("consent: US Navy", "consent: US Navy\n    not: collins")
    hopper = load(text).people["hopper"]
    assert hopper.refused == tuple(
        RefusedPerson(tmp_path / name, "collins") for name in ("persons/collins.jpg", "persons/collins2.png")
    )


def test_a_file_from_a_windows_editor_is_read(load):
    assert load(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()).swaps


def test_settings_may_be_shared_by_an_alias(load):
    shared = GOOD.replace("train: {minutes: 60}", "train: &t {minutes: 60}")
    shared = shared.replace("preprocess:", "  back: {from: hopper, to: collins, train: *t}\npreprocess:")
    assert load(shared).swaps["back"].train.minutes == 60


def test_paths_are_beside_the_yaml_from_wherever_one_runs_it(load, tmp_path, monkeypatch):
    project = load(GOOD)
    monkeypatch.chdir("/")
    collins, swap = project.people["collins"], project.swap("collins_to_hopper")
    assert project.video_stem(collins.videos[1]) == tmp_path / "data/videos/sts82"
    assert project.faces_dir(collins, "sts82") == tmp_path / "data/processed/collins/sts82"
    assert project.face_dirs(collins)[-1] == tmp_path / "data/processed/collins/photos"
    assert project.model_dir(swap.name) == tmp_path / "models/collins_to_hopper"
    assert project.output_dir(swap.name) == tmp_path / "data/output/collins_to_hopper"


def test_models_are_listed_by_what_is_on_disk(load, tmp_path):
    project = load(GOOD)
    for name in ("zed", "abe", ".half-written", "a name"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.json").write_text("{}")
    (tmp_path / "models" / "empty").mkdir()
    assert project.model_names() == ["abe", "zed"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "CON", "nul", "com1", "a b", "x" * 65, "-x", "a\n"])
def test_a_models_folder_stays_under_models(load, name):
    with pytest.raises(FaceitError, match="cannot be a swap's name"):
        load(GOOD).model_dir(name)


def test_names_that_only_begin_like_a_device_are_fine(load):
    assert load(GOOD).model_dir("con_to_nul").name == "con_to_nul"


# Each: what to replace in GOOD, by what, and all that the line must hold.
MISTAKES = {
    "unknown key at the top": ("swaps:", "swap:", ["line 14: swap", "unknown key", "did you mean swaps?"]),
    "unknown key of a person": ("photos:", "photo:", ["line 10: people.collins.photo", "did you mean photos?"]),
    "unknown key of a video": ("fps: 10", "fpz: 10", ["line 7: people.collins.videos[1].fpz", "did you mean fps?"]),
    "unknown key of a swap": ("model:", "modle:", ["line 18: swaps.collins_to_hopper.modle", "did you mean model?"]),
    "unknown setting": ("minutes:", "minuts:", ["line 19: swaps.collins_to_hopper.train.minuts", "minutes?"]),
    "unknown preprocess setting": ("fps: 12", "speed: 12", ["line 21: preprocess.speed", "unknown key", "known: "]),
    "wrong type": ("minutes: 60", "minutes: long", ["line 19", "train.minutes", "expected a number, not 'long'"]),
    "a truth for a number": ("fps: 12", "fps: true", ["line 21: preprocess.fps", "expected a number"]),
    "a list for a swap": ("model: {preset: cpu}", "model: [cpu]", ["line 18", "expected keys with values"]),
    "out of range": ("fps: 12", "fps: 1200", ["line 21: preprocess.fps", "1200", "out of range; take 0.1 to 120"]),
    "not a number at all": ("fps: 12", "fps: .nan", ["preprocess.fps", "out of range"]),
    "too many digits": ("fps: 12", f"fps: {'9' * 400}", ["line 21: preprocess.fps", "too large"]),
    "too many digits of a time": ("start: 5", f"start: {'9' * 400}", ["line 9", "videos[3].start"]),
    "no such choice": ("mask: hull", "mask: oval", ["line 20", "'oval' is not one of shared, extended, hull"]),
    "no such preset": ("preset: cpu", "preset: heavy", ["line 18", "'heavy' is not one of auto, cpu, gpu, original"]),
    "both budgets": ("{minutes: 60}", "{minutes: 60, iterations: 9}", ["line 19", "take one of them out"]),
    "unknown person": ("from: collins", "from: colins", ["line 16", "no person 'colins'", "did you mean collins?"]),
    "nobody": ("    from: collins\n", "", ["line 15: swaps.collins_to_hopper.from", "known: collins, hopper"]),
    "a list of persons": ("from: collins", "from: [collins]", ["line 16", "name a person here"]),
    "from is to": ("to: hopper", "to: collins", ["line 17: swaps.collins_to_hopper.to", "the same person"]),
    "duplicate key": ("    to: hopper\n", "    to: hopper\n    to: collins\n", ["line 18", "there twice"]),
    "duplicate person": ("hopper:\n", "collins:\n", ["line 11: people.collins", "there twice"]),
    "twice the same video": ("[hopper.mp4]", "[hopper.mp4, hopper.mp4]",
                             ["line 13: people.hopper.videos[1]", "listed twice"]),
    "one name for two": ("hopper.mp4", "{url: hopper.mp4, name: sts82}",
                         ["line 13: people.hopper.videos[0]", "another video has the name sts82"]),
    "one name for two on macOS": ("hopper.mp4", "{url: hopper.mp4, name: STS82}", ["another video has the name sts82"]),
    "a video called photos": ("name: sts82", "name: photos", ["line 7", "cannot be called photos"]),
    "a name that climbs": ("name: sts82", "name: ../x", ["line 7", "names are letters, digits"]),
    "a device's name": ("name: sts82", "name: CON", ["line 7", "con, nul"]),
    "a person who climbs": ("  hopper:\n", "  ../x:\n", ["line 11", "names are letters, digits"]),
    "a person of digits": ("  hopper:\n", "  1906:\n", ["line 11", "in quotes", "1906"]),
    "a person called yes": ("  hopper:\n", "  yes:\n", ["in quotes", "True"]),
    "two but for capitals": ("  hopper:\n", "  Collins:\n", ["line 11: people.Collins", "but for capital letters"]),
    "bad time": ('"0:40"', '"0:xx"', ["line 7: people.collins.videos[1].start", 'seconds or "minutes:seconds"']),
    "end before start": ('"2:10"', '"0:10"', ["line 7: people.collins.videos[1].end", "10 s", "not after", "40 s"]),
    "ftp": ("https://example", "ftp://example", ["line 7: people.collins.videos[1].url", "only http and https"]),
    "a local URL": ("https://example.org", "file:///etc", ["line 7", "only http and https"]),
    "half a URL": ("https://example.org/", "https:///", ["line 7", "not a whole URL"]),
    "a broken host": ("https://example.org", "https://[example", ["line 7", "not a whole URL"]),
    "no https": ("https://www.youtube", "www.youtube", ["line 6", "write it as https://www.youtube.com/"]),
    "no consent": ("    consent: US Navy\n", "", ["line 11: people.hopper.consent", "how you may use this face"]),
    "empty consent": ("US Navy", '" "', ["line 12: people.hopper.consent", "how you may use this face"]),
    "a video without URL": ('url: "https://example.org/sts.mp4", ', "", ["line 7", "expected a URL"]),
    "videos are no list": ("[hopper.mp4]", "hopper.mp4", ["line 13: people.hopper.videos", "expected a list"]),
    "a portrait is no name": ("persons/collins2.png", "{a: b}", ["line 3", "portrait[1]", "expected a file name"]),
    "refused as oneself": ("photos: photos/collins", "not: [hopper, collins]",
                           ["line 10: people.collins.not[1]", "collins cannot be refused as collins"]),
    "refused by one's own portrait": ("photos: photos/collins", "not: persons/collins2.png",
                                      ["line 10: people.collins.not", "collins's own portrait"]),
    "nobody to refuse": ("photos: photos/collins", "not: [hoper]",
                         ["line 10: people.collins.not[0]", "no person 'hoper'", "did you mean hopper?"]),
    "no word to refuse": ("photos: photos/collins", "not: no", ["line 10: people.collins.not", "a folder, not False"]),
    "nobody's home": ("photos/collins", "~nobody-of-this-name/x", ["line 10", "no such home folder"]),
    "a tab": ("    from: collins", "\tfrom: collins", ["line 16", "not YAML"]),
    "a bracket left open": ("[hopper.mp4]", "[hopper.mp4", ["line", "not YAML"]),
    "code": ("US Navy", "!!python/object/apply:os.system [echo]", ["line 12", "not YAML", "python/object"]),
    "an alias of itself": ("persons/collins2.png", "&a [*a]", ["nested too deeply"]),
    "an anchor inside itself": ("model: {preset: cpu}", "model: &m {preset: *m}", ["nested too deeply"]),
    "two documents": ("swaps:", "---\nswaps:", ["not YAML"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_its_place(complaint, mistake):
    old, new, wanted = MISTAKES[mistake]
    assert GOOD.count(old) >= 1
    said = complaint(GOOD.replace(old, new, 1))
    assert said.startswith("faceit.yaml")
    for words in wanted:
        assert words in said


def test_what_is_no_project_is_said_in_one_line(complaint, tmp_path):
    assert "no people" in complaint("")
    assert "no people" in complaint("# only a comment\n")
    assert "expected `people:`" in complaint("- a\n- b\n")
    assert "not UTF-8" in complaint(GOOD.encode("utf-16"))
    assert "not UTF-8" in complaint(b"people: \xff\xfe")
    assert "not YAML" in complaint("people: \0")
    assert "not YAML" in complaint("[" * 5000)
    assert "not YAML" in complaint("people: 2024-13-45")


def test_a_bomb_of_aliases_is_refused_at_once(complaint):
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]")
    assert "multiply" in complaint("\n".join(lines))


def test_code_in_the_yaml_is_not_run(complaint, tmp_path):
    target = tmp_path / "made"
    complaint(f"people: !!python/object/apply:os.mkdir ['{target}']")
    assert not target.exists()


def test_a_file_that_is_not_there_or_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"is not there: write one with `python faceit.py init`"):
        load_project(tmp_path / "no.yaml")
    with pytest.raises(ConfigError, match="is a folder: name the project's YAML file"):
        load_project(tmp_path)
    with pytest.raises(ConfigError, match="no such home folder"):
        load_project(Path("~nobody-of-this-name/faceit.yaml"))


def test_who_is_not_there_is_named_with_the_nearest(load):
    project = load(GOOD)
    with pytest.raises(FaceitError, match="no swap 'collins_to_hoper'; did you mean collins_to_hopper"):
        project.swap("collins_to_hoper")
    with pytest.raises(FaceitError, match="no person 'zzz'; known: collins, hopper"):
        project.person("zzz")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(12, 12), (0, 0), (12.5, 12.5), ("12.5", 12.5), ("0:40", 40), ("1:02:03.5", 3723.5), (" 2:00 ", 120)],
)
def test_times(said, seconds):
    assert parse_time(said) == seconds


@pytest.mark.parametrize(
    "said",
    ["", ":", "x", "-1", -1, "1:-2", "1:60", "1:2:3:4", "nan", float("nan"), "inf", "1e3", "1_0", True, 1e9, 10**400],
)
def test_what_is_no_time(said):
    with pytest.raises(ValueError):
        parse_time(said)


def test_videos_are_named_by_what_they_are():
    url = "https://www.youtube.com/watch?v=abcDEF12345&list=x"
    assert video_name(url).startswith("abcDEF12345-")
    assert video_name(url) != video_name(url, 0.0, 10.0)  # another part is another video
    assert video_name("https://example.org/a%20b/the talk.mp4?x=1").startswith("the-talk-")
    assert video_name("https://example.org/").startswith("example-org-")
    assert video_name("data/видео.mp4").startswith("video-")
    assert video_name("a/talk.mp4") != video_name("b/talk.mp4")
    assert video_name("//[x.mp4").startswith("x-")


def test_the_same_video_may_show_two_people(load):
    both = GOOD.replace("[hopper.mp4]", "[data/videos/interview.mp4]")
    project = load(both)
    names = [project.people[who].videos[i].name for who, i in (("collins", 2), ("hopper", 0))]
    assert names[0] == names[1]


# A key or a number that takes hours or all memory when it is made into text; each is refused at once.
TENFOLD = [f", &{name} [{', '.join(['*' + before] * 10)}]" for name, before in zip("bcdefgh", "abcdefg", strict=True)]
BOMBS = {
    "aliases as a key": f"? [&a [x, x, x, x, x, x, x, x, x, x]{''.join(TENFOLD)}]\n: 1\npeople: {{}}\n",
    "a mapping as a key": "? {a: 1}\n: 1\n",
    "a key without end": f"? \"{'k' * 300_000}\"\n: {{{', '.join(f'a{i}: 1' for i in range(9_000))}}}\n",
    "sexagesimal": f"preprocess: {{fps: {'1:' * 200_000}1}}\n",
    "sexagesimal float": f"preprocess: {{fps: {'1:' * 200_000}1.5}}\n",
    "sexagesimal by a tag": f"people: !!int '{'1:' * 200_000}1'\n",
    "sexagesimal as a key": f"? {'1:' * 200_000}1\n: x\n",
    "binary": f"preprocess: {{fps: 0b{'1' * 400_000}}}\n",
    "many entries": f"people: [{'x,' * 400_000}]\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_yaml_takes_no_time_and_no_memory(complaint, bomb):
    began = time.monotonic()
    assert complaint(BOMBS[bomb]).startswith("faceit.yaml")
    assert time.monotonic() - began < 60  # seconds on an idle machine


def test_a_file_too_large_a_pipe_or_a_device_is_no_project(tmp_path):
    large = tmp_path / "large.yaml"
    large.write_text("# padding\n" * 200_000 + GOOD)
    with pytest.raises(ConfigError, match="more than 1 MB"):
        load_project(large)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.yaml")
        for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
            with pytest.raises(ConfigError, match="is no plain file: name the project's YAML file"):
                load_project(path)


# What other programs and editors make of a name or an address: to replace in GOOD, by what, what the line must hold.
HABITS = {
    "backslashes": ("hopper.mp4", r'"C:\Users\me\talk.mp4"', ["line 13", "in double quotes a backslash", "single"]),
    "backslashes that are escapes": ("hopper.mp4", r'"clips\new\talk.mp4"', ["line 13", "control character", "slash"]),
    "backslashes of a portrait": ("persons/collins2.png", r'"C:\pictures\me.png"', ["line 3", "a backslash begins"]),
    "a number sign": ("[hopper.mp4]", "\n      - take #2.mp4", ["line 14", "'take'", "'#2.mp4' for a comment"]),
    "a number sign of a url": ("[hopper.mp4]", "\n      - url: take #2.mp4", ["line 14", "#2.mp4", "quotes"]),
    "a number sign of a photo": ("photos/collins", "me #1.jpg", ["line 10: people.collins.photos", "'#1.jpg'"]),
    "a star": ("[hopper.mp4]", "\n      - *.mp4", ["line 14", "alias", "in quotes", "each file by itself"]),
    "a star before a word": ("[hopper.mp4]", "[*talk]", ["line 13", "alias", "each file by itself"]),
    "a pattern": ("hopper.mp4", "clips/*.mp4", ["line 13", "names with *", "list each file by itself"]),
    "a pattern of photos": ("photos/collins", '"*.jpg"', ["line 10", "list each file", "folder"]),
    "curly quotes": ("hopper.mp4", "“https://example.org/x.mp4”", ["line 13", "quotes", "write https://example.org/x.mp4"]),
    "pointed brackets": ("hopper.mp4", "<https://example.org/x.mp4>", ["line 13", "brackets", "https://example.org/x.mp4"]),
    "guillemets": ("hopper.mp4", "«https://example.org/x.mp4»", ["line 13", "write https://example.org/x.mp4"]),
    "a link of Markdown": ("hopper.mp4", '"[x](https://example.org/x.mp4)"', ["line 13", "write https://example.org/x.mp4"]),
    "words before an address": ("hopper.mp4", "see https://example.org/x", ["line 13", "begins with https://"]),
    "two addresses": ("hopper.mp4", "https://a.org/x https://b.org/y", ["line 13", "one `- URL` a line"]),
    "curly quotes around a file": ("hopper.mp4", "„talk.mp4“", ["line 13", "quotes", "write talk.mp4"]),
    "a tag": ("[hopper.mp4]", "\n      - !take.mp4", ["line 14", "a ! at the beginning", "in quotes"]),
    "an anchor": ("[hopper.mp4]", "\n      - &.mp4", ["line 14", "a & at the beginning", "in quotes"]),
    "an at sign": ("[hopper.mp4]", "\n      - @me.mp4", ["line 14", "a @ at the beginning", "in quotes"]),
    "a comma at the end": ("[hopper.mp4]", "\n      - hopper.mp4,", ["line 14", "take the , at the end off"]),
    "half an address": ("hopper.mp4", "https//example.org/x.mp4", ["line 13", "begins with https://"]),
    "another half": ("hopper.mp4", '"http:/example.org/x.mp4"', ["line 13", "begins with https://"]),
    "octal": ("start: 5", "start: 010", ["line 9: people.collins.videos[3].start", "reads 010 as 8"]),
    "hexadecimal": ("fps: 12", "fps: 0x10", ["line 21", "reads 0x10 as 16"]),
    "a thousand with _": ("minutes: 60", "minutes: 1_000", ["line 19", "reads 1_000 as 1000"]),
    "a no-break space before a line": ("    consent: US", "\u00a0   consent: US", ["line 12", "no-break space"]),
    "one after a dash": ("[hopper.mp4]", "\n      -\u00a0hopper.mp4", ["line 14 holds a no-break space"]),
    "one after a colon": ("from: collins", "from:\u00a0collins", ["line 16 holds a no-break space"]),
    "one after a name": ("from: collins", "from: collins\u00a0", ["line 16", "no-break space"]),
    "one in a file's name": ("hopper.mp4", "my\u202ftalk.mp4", ["line 13", "U+202F"]),
    "an address in braces": ("hopper.mp4", "{url: https://a.org/?v=x, end: 9}", ["line 13", "in quotes", "braces"]),
    "quotes not closed": ("US Navy", '"US Navy', ["line 12", "not closed"]),
    "an apostrophe": ("US Navy", "'it's the US Navy'", ["line 12", "write it twice"]),
    "no space behind a colon": ("consent: US", "consent:US", ["line 13", "the line before it needs a space"]),
    "a wide colon": ("consent: US", "consent： US", ["line 13", "full-width"]),
    "another column": ("    videos: [h", "   videos: [h", ["line 13", "another column"]),
    "a deeper column": ("    videos: [h", "     videos: [h", ["line 13", "another column"]),
    "two documents": ("swaps:", "---\nswaps:", ["line 14", "take the --- before it out"]),
    "no width at all": ("https://example", "\u200bhttps://example", ["line 7", "U+200B"]),
}  # fmt: skip


@pytest.mark.parametrize("habit", HABITS)
def test_habits_of_elsewhere_get_a_hint(complaint, habit):
    old, new, wanted = HABITS[habit]
    said = complaint(GOOD.replace(old, new, 1))
    for words in wanted:
        assert words in said, said


def test_what_only_looks_like_such_a_habit_is_taken(load, tmp_path):
    (tmp_path / "it's *.mp4").touch()
    (tmp_path / "take\u202f2.mp4").touch()
    text = GOOD.replace("[hopper.mp4]", "\n      - 'it''s *.mp4'\n      - take\u202f2.mp4\n      - b.mp4 # 2.mp4\n"
                        "      - {url: c.mp4, start: 1:30}\n      - take-#2.mp4")  # fmt: skip
    text = text.replace("US Navy", "'accord\u00a0: oui, «\u00a0bien sûr\u00a0» “yes” #1'")
    hopper = load(text).people["hopper"]
    assert [video.url for video in hopper.videos][2:] == ["b.mp4", "c.mp4", "take-#2.mp4"]
    assert hopper.videos[3].start == 90 and hopper.consent.startswith("accord\u00a0: oui")


NO_CONSENTS = ['"no"', "None", '"ｎ／ａ"', '"n/a"', "N.A.", "TODO", "t.b.d.", '"?"', '"."', '"\u200b"', '"\u00a0"',
               '"to do!"', "[yes]", '"line\\ntwo"', '"a\\u202Eb"', '"x faceit-note: {}"', '"x FACEIT-NOTE: {}"',
               '"half \\ud800"', '"esc \\x1b[31m"', '"\\u2028"', "x" * 1001]  # fmt: skip


@pytest.mark.parametrize("consent", NO_CONSENTS)
def test_what_is_no_consent_is_said(complaint, consent):
    said = complaint(GOOD.replace("US Navy", consent))
    assert said.startswith("faceit.yaml line 12: people.hopper.consent: ") and said.isprintable()


@pytest.mark.parametrize("consent", ["my own face", "ja", "да", "本人同意", "x" * 1000, "no objections (3 May)", "3"])
def test_consents_in_any_words(load, consent):
    assert load(GOOD.replace("US Navy", f"'{consent}'")).people["hopper"].consent == consent


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@host.org:8080/x.mp4?token=abc&v=2#t=9", "https://host.org:8080/x.mp4?token=...&v=2"),
        ("https://www.youtube.com/watch?v=abcDEF12345&list=PL1", "https://www.youtube.com/watch?v=abcDEF12345&list=..."),
        ("http://me@[::1]:80/a?b", "http://[::1]:80/a?..."),
        ("https://host.org/a;jsessionid=1/b.mp4", "https://host.org/a/b.mp4"),
        ("https://host.org/?v=eyJhbGciOiJIUzI1NiIsInR5cCI6", "https://host.org/?v=..."),
        ("https://u:p@[broken/x?y", "[broken/x"),
        ("user:pass@host.org/x", "host.org/x"),
        ("host.org/x.mp4?key=1", "host.org/x.mp4?key=..."),
        ("data/me@home #2?.mp4", "data/me@home #2?.mp4"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert shown_url(url) == shown


def test_no_secret_gets_into_a_name_or_a_complaint(complaint):
    assert video_name("https://user:pass@example.org/").startswith("example-org-")
    for bad in ("https://u:secret@[x/y?secret", "youtu.be/x?token=secret", "“https://u:secret@x.org/?t=secret”"):
        assert "secret" not in complaint(GOOD.replace("hopper.mp4", f"'{bad}'"))


def test_many_at_once_note_where_things_are_and_none_is_lost(load, tmp_path):
    project = load(GOOD)
    results = [tmp_path / f"{n}.json" for n in range(24)]
    for path in results:
        path.write_text("{}")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: remember(project, path, {"source": [Path(f"/videos/{path.stem}.mp4")]}), results))
    for path in results:
        assert recall(project, path, "source", [f"{path.stem}.mp4"]) == [Path(f"/videos/{path.stem}.mp4").absolute()]
    assert [path.name for path in project.data.iterdir() if path.name.startswith(".elsewhere")] == [".elsewhere.json"]
