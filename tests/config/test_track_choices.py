"""faces.yaml: what it may say, that what is written is read again, and that each mistake is one line."""

from types import SimpleNamespace

import pytest

from faceit.config.track_choices import TrackChoices, read_choices, unmatched, write_choices
from faceit.errors import ConfigError

GOOD = """\
# by hand
collins:
  sts82:
    "000012350-0": drop
    000098000-1: keep
  "123": {}
hopper:
"""


@pytest.fixture
def load(tmp_path):
    """A function: text -> Choices of a file with it."""

    def written(text: str | bytes) -> TrackChoices:
        file = tmp_path / "faces.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_choices(file)

    return written


def test_what_was_chosen_is_found(load):
    choices = load(GOOD)
    assert choices.keep("collins", "sts82", "000012350-0") is False
    assert choices.keep("collins", "sts82", "000098000-1") is True
    assert choices.keep("collins", "sts82", "000098000-2") is None
    assert choices.keep("nobody", "x", "000098000-2") is None
    assert choices.of("collins", "sts82") == {"000012350-0": False, "000098000-1": True}
    assert choices.of("hopper", "sts82") == choices.of("collins", "123") == {}
    assert choices.counts("collins") == (1, 1) and choices.counts("hopper") == (0, 0)


def test_no_file_is_no_choice(tmp_path, load):
    assert read_choices(tmp_path / "faces.yaml") == TrackChoices()
    assert load("") == load("# nothing\n") == TrackChoices()


def test_what_is_written_is_read_again(tmp_path):
    people = {"no": {"1e5": {"000012350-0": True}}, "b": {"x": {"000000000-3": False, "000000000-0": True}}, "c": {}}
    file = tmp_path / "faces.yaml"
    write_choices(file, TrackChoices(people))
    assert read_choices(file).people == {name: said for name, said in people.items() if said}
    assert file.read_text(encoding="utf-8").startswith("# Which tracks")
    write_choices(file, TrackChoices())
    assert read_choices(file) == TrackChoices() and not list(tmp_path.glob(".*"))


def test_a_disk_that_refuses_keeps_the_old_file(tmp_path):
    (tmp_path / "faces.yaml").mkdir()
    with pytest.raises(Exception, match="cannot be written"):
        write_choices(tmp_path / "faces.yaml", TrackChoices())


def test_of_another_file_only_the_named_people_are_taken(load):
    here = TrackChoices({"ann": {"x": {"000000000-0": True}}, "bob": {"y": {"000000000-0": True}}})
    other = TrackChoices({"ann": {"z": {"000000040-0": False}}, "bob": {}})
    assert here.taken(other, ["ann"]).people == {"ann": other.people["ann"], "bob": here.people["bob"]}
    assert here.taken(other, ["bob", "cyd"]).people == {"ann": here.people["ann"], "bob": {}}


def test_choices_that_fit_no_track_are_named():
    choices = TrackChoices({"ann": {"x": {"000000000-0": True, "000000040-0": False, "000000040-1": True}}})
    tracks = [SimpleNamespace(name="000000040-0"), SimpleNamespace(name="000000080-0")]
    assert unmatched(choices, "ann", "x", tracks) == ["000000000-0", "000000040-1"]
    assert unmatched(choices, "bob", "x", tracks) == []


@pytest.mark.parametrize(("text", "said"), [
    ("[collins]", "line 1: expected people with a colon"),
    ("collins", "line 1: expected people with a colon"),
    ("collins:\n  - sts82", "line 2: expected videos with a colon"),
    ("collins:\n  sts82: drop", "line 2: expected tracks with a colon"),
    ("collins:\n  sts82:\n    000012350-0: drop\n    000012350-0: keep", "line 4: '000012350-0' is there twice"),
    ("collins:\n  sts82:\n    000012350-0: dropp", "line 3: expected keep or drop, not 'dropp'; did you mean drop?"),
    ("collins:\n  sts82:\n    000012350-0: [keep]", "line 3: expected keep or drop, not a list or a mapping"),
    ("collins:\n  sts82:\n    000012350-0:", "line 3: expected keep or drop, not ''"),
    ("collins:\n  sts82:\n    ../../x: keep", "line 3: '../../x' is no track"),
    ("collins:\n  ../sts82:\n    000012350-0: keep", "cannot be the name of a video"),
    ("../collins:\n  sts82:\n    000012350-0: keep", "cannot be the name of a person"),
    ("? [a, b]\n: {x: {}}", "line 1: expected people with a colon"),
    ("a: {", "not YAML"), ("a: b: c", "line 1: this is not YAML"), ("\0", "not YAML"), ("a: *b", "not YAML"),
    ("--- a: 1\n--- b", "not YAML"), ("[" * 100_000, "not YAML"), (b"\xff\xfe\0", "not UTF-8"),
    ("a: !!python/object/apply:os.system [ls]", "expected videos with a colon"),
])  # fmt: skip
def test_a_mistake_is_one_line(load, text, said):
    with pytest.raises(ConfigError) as caught:
        load(text)
    line = str(caught.value)
    assert said in line and "\n" not in line and len(line) < 300 and "faces.yaml" in line


def test_aliases_cannot_multiply_for_ever(load):
    videos = "\n".join(f"  v{i}: {{}}" for i in range(500))
    people = "\n".join(f"p{i}: *all" for i in range(500))
    with pytest.raises(ConfigError, match="multiply"):
        load(f"p: &all\n{videos}\n{people}")


def test_what_is_no_small_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is no file"):
        read_choices(tmp_path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(30_000_000)
    with pytest.raises(ConfigError, match="too large"):
        read_choices(tmp_path / "large")
