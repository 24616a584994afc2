"""Files are opened whatever encoding their tags are in, by every release of PyAV that may be installed."""

import av
import pytest

from faceit.errors import MediaError
from faceit.media.container import open_to_read, tags
from faceit.media.fetch import fetch
from faceit.media.probe import probe
from faceit.media.provenance import read_note
from faceit.media.server import serve_folder

from .flash_beep import run_ffmpeg


@pytest.fixture
def old_avi(tmp_path):
    """A video as old camcorders and editors write them: its title is in Latin-1, its comment in cp1251."""
    path = tmp_path / "old.avi"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:d=1:r=10", "-metadata", "title=Jos@ am See",
               "-metadata", "comment=@@@@", path)  # fmt: skip
    data = path.read_bytes()
    assert data.count(b"Jos@ am See") == 1 and data.count(b"@@@@\0") == 1
    data = data.replace(b"Jos@ am See", "José am See".encode("latin-1"))
    path.write_bytes(data.replace(b"@@@@\0", "друг".encode("cp1251") + b"\0"))
    return path


def test_tags_that_are_not_utf_8(old_avi):
    with open_to_read(old_avi) as container:
        assert {k: v for k, v in tags(container).items() if k in ("title", "comment")} == {
            "title": "Jos\ufffd am See", "comment": "\ufffd" * 4}  # fmt: skip
        assert next(container.decode(video=0)).width == 64


def test_such_a_file_goes_the_way_of_any_other(old_avi, tmp_path, monkeypatch):
    assert probe(old_avi).duration == 1.0
    assert read_note(old_avi) is None
    monkeypatch.setenv("NO_PROXY", "*")
    with serve_folder(old_avi.parent) as address:
        assert probe(fetch(f"{address}/old.avi", tmp_path / "loaded")).width == 64


@pytest.mark.parametrize(("version", "words"), [("17.0.0", {"metadata_errors"}), ("18.1.0", {"metadata_errors"}),
                                                ("19.0.2", set()), ("20.1", set())])  # fmt: skip
def test_each_release_is_given_what_it_takes(tmp_path, monkeypatch, version, words):
    given = {}
    monkeypatch.setattr(av, "__version__", version)
    monkeypatch.setattr(av, "open", lambda file, **more: given.update(more))
    open_to_read(tmp_path / "any.mp4")
    assert given.keys() - {"options"} == words


def test_what_cannot_be_opened_is_said(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(av.error.FFmpegError), open_to_read(tmp_path / "no.mp4"):
        pass
    with pytest.raises(MediaError, match="is not a video"):
        probe(tmp_path / "no.mp4")
