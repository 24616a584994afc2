"""Files and folders are whole or as they were, and what the disk refuses is said in words."""

import errno
import os

import pytest

from faceit.errors import FaceitError, MediaError, WeightsError
from faceit.files import new_file, new_folder, no_link, read_json, replacing, write_bytes, write_lines, write_text

FULL = OSError(errno.ENOSPC, "No space left on device")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail(error):
    raise error


def test_a_file_appears_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old" and part.parent == tmp_path
    assert path.read_text() == "new" and names(tmp_path) == ["x.json"]


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt(), ValueError("a bug")], ids=repr)
def test_an_exception_leaves_the_file_as_it_was(tmp_path, error):
    path = tmp_path / "x.json"
    path.write_text("old")
    with pytest.raises(type(error)) as caught, replacing(path) as part:
        part.write_text("half")
        raise error
    assert caught.value is error and path.read_text() == "old" and names(tmp_path) == ["x.json"]


def test_several_processes_write_under_marks_of_their_own(tmp_path):
    with replacing(tmp_path / "x", ".1") as one, replacing(tmp_path / "x", ".2") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "x").read_text() == "one" and names(tmp_path) == ["x"]


@pytest.mark.parametrize("kind", [FaceitError, MediaError, WeightsError])
def test_what_the_disk_refuses_is_a_sentence_where_asked(tmp_path, kind):
    words = r"x cannot be written \(No space left on device\): free some space"
    with pytest.raises(kind, match=words) as caught, replacing(tmp_path / "x", error=kind):
        raise FULL
    assert caught.value.__context__ is FULL  # training waits for room where it finds it there
    with pytest.raises(kind, match=words), new_folder(tmp_path / "x", kind):
        raise FULL
    with pytest.raises(kind, match="no is not there"), replacing(tmp_path / "x", error=kind):
        raise kind("no is not there")  # of its own
    assert names(tmp_path) == []


def test_writing_says_what_the_disk_refuses(tmp_path, monkeypatch):
    for write in (lambda path: write_bytes(path, b"x", MediaError), lambda path: write_text(path, "x")):
        with pytest.raises(FaceitError, match=r"no/x cannot be written \(No such file or directory\)"):
            write(tmp_path / "no" / "x")
    monkeypatch.setattr(os, "replace", lambda *_: fail(FULL))
    with pytest.raises(FaceitError, match="No space left"):
        write_text(tmp_path / "x", "x")
    assert names(tmp_path) == []


def test_lines_may_come_one_by_one_and_stay_as_they_are(tmp_path):
    write_lines(tmp_path / "x", (f"{n} ž\n" for n in range(3)))
    assert (tmp_path / "x").read_bytes() == "0 ž\n1 ž\n2 ž\n".encode()


def test_a_folder_appears_at_the_end_of_the_block(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".x.part").mkdir()
    (tmp_path / "deep" / ".x.part" / "stray").write_text("of a run that was killed")
    with new_folder(tmp_path / "deep" / "x") as part:
        (part / "one").write_text("1")
        assert not (tmp_path / "deep" / "x").exists()
    assert names(tmp_path / "deep") == ["x"] and names(tmp_path / "deep" / "x") == ["one"]


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()], ids=repr)
def test_an_exception_leaves_no_folder(tmp_path, error):
    with pytest.raises(type(error)), new_folder(tmp_path / "x") as part:
        (part / "one").write_text("1")
        raise error
    assert names(tmp_path) == []


def test_a_folder_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("mine")
    with pytest.raises(FaceitError, match="cannot be written"), new_folder(tmp_path / "x") as part:
        (part / "one").write_text("1")
    assert names(tmp_path) == ["x"] and names(tmp_path / "x") == ["mine"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff\xfe"])
def test_json_that_is_no_object_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    assert read_json(tmp_path / "x") is None
    write_text(tmp_path / "x", '{"a": 1}')
    assert read_json(tmp_path / "x") == {"a": 1}


@pytest.fixture
def victim(tmp_path):
    """A folder of somebody's that a link leads to."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    return folder


def test_a_link_under_the_name_of_a_part_leads_nowhere(tmp_path, victim):
    thesis = victim / "thesis.txt"
    for name in ("one", "two", "three"):
        (tmp_path / f".{name}.part").symlink_to(thesis)
    write_text(tmp_path / "one", "new")
    write_bytes(tmp_path / "two", b"new")
    with replacing(tmp_path / "three") as part:
        assert part.is_file() and not part.is_symlink()  # also for programs that are given the name alone
        part.write_text("new")
    (tmp_path / "four").symlink_to(thesis)
    write_text(tmp_path / "four", "new")
    assert thesis.read_text() == "precious"
    assert [(tmp_path / name).read_text() for name in ("one", "two", "three", "four")] == ["new"] * 4


def test_a_dangling_link_makes_no_file_elsewhere(tmp_path):
    new_file(tmp_path / "plain")
    (tmp_path / ".one.part").symlink_to(tmp_path / "elsewhere")
    write_text(tmp_path / "one", "new")
    assert names(tmp_path) == ["one", "plain"]


def test_a_work_folder_that_is_a_link_is_refused(tmp_path, victim):
    (tmp_path / ".x.part").symlink_to(victim, target_is_directory=True)
    with pytest.raises(FaceitError, match=r"\.x\.part is a link, .*: remove the link"), new_folder(tmp_path / "x"):
        pass
    with pytest.raises(FaceitError, match="is a link"):
        no_link(tmp_path / ".x.part")
    assert no_link(victim) == victim and no_link(tmp_path / "none") == tmp_path / "none"
    assert names(victim) == ["thesis.txt"]


@pytest.mark.parametrize(("number", "step"), [
    (errno.ENOSPC, "free some space"), (errno.EROFS, "work in a folder that can be written"),
    (errno.EACCES, "check whose file it is"), (errno.EMFILE, "ulimit"), (errno.EEXIST, "move what is there away"),
])  # fmt: skip
def test_the_next_step_is_that_of_the_trouble(tmp_path, number, step):
    with pytest.raises(FaceitError, match=f"x cannot be written .*: .*{step}"):  # noqa: SIM117
        with replacing(tmp_path / "x", error=FaceitError):
            raise OSError(number, os.strerror(number))


def test_json_nested_too_deeply_is_none(tmp_path):
    (tmp_path / "x").write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert read_json(tmp_path / "x") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files here")
def test_json_out_of_a_pipe_is_none(tmp_path):
    os.mkfifo(tmp_path / "x")
    assert read_json(tmp_path / "x") is None
    os.mkfifo(tmp_path / ".y.part")
    write_text(tmp_path / "y", "new")
    assert (tmp_path / "y").read_text() == "new" and names(tmp_path) == ["x", "y"]
