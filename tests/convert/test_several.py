"""Several videos in one run: none takes another's place, and one that fails does not end the others."""

import os
import shutil
import sys

import pytest

from faceit.cli import main

from .conftest import result, results


def convert(project, *words) -> int:
    return main(["convert", "c2h", *map(str, words), "--duration", "0.3", "--config", str(project)])


@pytest.fixture
def two(people, tmp_path):
    """talk.mp4 in two folders."""
    for day in ("day1", "day2"):
        (tmp_path / day).mkdir()
        shutil.copy(people / "talk.mp4", tmp_path / day / "talk.mp4")
    return [tmp_path / day / "talk.mp4" for day in ("day1", "day2")]


@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--preview", "1"], ["--format", "png"]])
def test_two_of_one_name_are_refused_before_anything_begins(project, two, more, capsys):
    assert convert(project, *two, *more) == 1
    said = capsys.readouterr().err
    assert "would both become" in said and str(two[0]) in said and str(two[1]) in said
    assert not results(project).exists()


def test_so_are_two_endings_and_one_video_twice(project, people, two, tmp_path, capsys):
    other = two[0].with_suffix(".mov")
    shutil.copy(two[0], other)
    for pair in ([two[0], other], [two[0], two[0]], [two[0], two[0].parent / "x" / ".." / "talk.mp4"]):
        assert convert(project, *pair, "--overwrite") == 1
        assert "would both become" in capsys.readouterr().err
    two[1].rename(two[1].with_name("talk-0-0.3.mp4"))
    folder = two[1].parent
    (folder / "a.mp4").write_bytes(two[0].read_bytes())
    (tmp_path / "a.mov").write_bytes(two[0].read_bytes())
    before = (folder / "a.mp4").read_bytes()
    assert convert(project, tmp_path / "a.mov", folder / "a.mp4", "--output", folder, "--overwrite") == 1
    assert (folder / "a.mp4").read_bytes() == before and not results(project).exists()


def test_a_result_may_not_replace_another_source(project, two, tmp_path, capsys):
    other = two[1].with_name("talk-layer.mov")
    two[1].rename(other)
    before = other.read_bytes()
    assert convert(project, two[0], other, "--output", other.parent, "--layer", "--overwrite") == 1
    assert f"The result of {two[0]} would replace {other}" in capsys.readouterr().err
    assert other.read_bytes() == before


def test_pictures_of_several_videos_get_a_folder_each(project, two, tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    other = two[1].with_name("walk.mp4")
    two[1].rename(other)
    assert convert(project, two[0], other, "--format", "png", "--output", place) == 0
    assert sorted(path.name for path in place.iterdir() if path.is_dir()) == ["talk", "walk"]
    assert all(len(list((place / name).glob("*.png"))) for name in ("talk", "walk"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("name", [b"m\xfcller.mp4", b"x" * 246 + b".mp4", b"bad\xff.jpg"])
def test_a_bad_name_ends_nothing_but_itself(project, two, name, capsys):
    folder = os.fsencode(two[0].parent)
    bad = os.path.join(folder, name)
    shutil.copy(two[0], os.fsdecode(bad))
    last = two[1].with_name("walk.mp4")
    two[1].rename(last)
    assert convert(project, os.fsdecode(bad), last) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and said[0].startswith("faceit: ") and "1 of 2 videos" in said[1]
    assert result(project, "walk-0-0.3.mp4").exists()
    assert convert(project, os.fsdecode(bad)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
