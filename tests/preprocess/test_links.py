"""Links in a project from a stranger, where faces are made: they lead no writing and no deletion elsewhere."""

import json
from pathlib import Path

import pytest

from faceit.errors import FaceitError
from faceit.faces.faceset import LEFT_OUT, TABLE
from faceit.faces.tracks import BEST
from faceit.preprocess.partial_folder import PIECES, STATE, PartialFolder, recover

from ..conftest import copied
from .test_preprocess import folder_of, run


@pytest.fixture
def victim(tmp_path) -> Path:
    """Somebody's pictures, of which one has a name as ours."""
    folder = tmp_path / "victim"
    folder.mkdir()
    for name in ("holiday.jpg", "000000000.jpg", "someone-0123456789ab.jpg"):
        (folder / name).write_bytes(b"precious")
    return folder


def unharmed(folder: Path) -> bool:
    return [path.read_bytes() for path in folder.iterdir()] == [b"precious"] * 3


@pytest.mark.parametrize("place", [".NAME.part", ".NAME.old", "NAME/left_out"])
def test_a_folder_of_faces_that_is_a_link_is_refused(prepared, tmp_path, victim, capsys, place):
    file = copied(prepared, tmp_path / "project")
    folder = folder_of(file)
    link = folder.parent / place.replace("NAME", folder.name)
    if link.is_dir():
        link.rename(tmp_path / "aside")
    link.symlink_to(victim, target_is_directory=True)
    assert run(file, "--person", "collins") == 1
    said = capsys.readouterr().err
    assert f"{link.name} is a link" in said and "faceit writes and removes files in it" in said
    assert unharmed(victim)


@pytest.mark.parametrize("place", ["photos", f"photos/{LEFT_OUT}"])
def test_the_folder_of_photos_faces_is_refused_where_it_is_a_link(tmp_path, victim, place):
    from faceit.config.settings import PreprocessSettings
    from faceit.preprocess.photos import _PhotoFaces

    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).symlink_to(victim, target_is_directory=True)
    with pytest.raises(FaceitError, match=f"{Path(place).name} is a link"):
        _PhotoFaces(tmp_path / "photos", "key", PreprocessSettings(), {}).sweep()
    assert unharmed(victim)


@pytest.mark.parametrize("name", [TABLE, PIECES, LEFT_OUT, BEST])
def test_a_link_within_what_was_begun_has_it_begun_anew(tmp_path, victim, name):
    folder = tmp_path / "talk"
    part = PartialFolder(folder, "key").part
    for file in (TABLE, PIECES):
        (part / file).touch()
    (part / STATE).write_text(json.dumps({"key": ["key", []], "segments": 3, "table_bytes": 0, "pieces_bytes": 0,
                                          "counts": {}}))  # fmt: skip
    assert PartialFolder(folder, "key").segments == 3
    place = part / name
    place.unlink() if place.is_file() else place.rmdir()
    place.symlink_to(victim if name in (LEFT_OUT, BEST) else victim / "holiday.jpg")
    again = PartialFolder(folder, "key")
    assert again.segments == 0 and not place.is_symlink() and unharmed(victim)


def test_recovering_goes_through_no_link(tmp_path, victim):
    (tmp_path / "talk").mkdir()
    (tmp_path / ".talk.part").symlink_to(victim, target_is_directory=True)
    (victim / "done.json").write_text("{}")
    with pytest.raises(FaceitError, match=r"\.talk\.part is a link"):
        recover(tmp_path / "talk", "key")
