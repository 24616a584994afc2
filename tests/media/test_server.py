"""The server of the demo and the tests: one folder's files, nothing else, and no client holds it up."""

import socket
import urllib.error
import urllib.request

import pytest

from faceit.media import server
from faceit.media.server import serve_folder


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    (tmp_path / "key").write_bytes(b"secret")
    (folder / "talk.mp4").write_bytes(b"talk")
    (folder / "same.mp4").symlink_to("talk.mp4")
    (folder / "out.mp4").symlink_to(tmp_path / "key")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    with serve_folder(folder) as base:
        assert urllib.request.urlopen(f"{base}/same.mp4").read() == b"talk"
        for name in ("out.mp4", "up/key", "up/clips/../key"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{base}/{name}")


def test_a_range_of_thousands_of_digits_is_no_range(tmp_path):
    (tmp_path / "talk.mp4").write_bytes(b"talk")
    with serve_folder(tmp_path) as base:
        for wanted in (f"bytes=0-{'9' * 5000}", f"bytes=-{'9' * 5000}", f"bytes={'9' * 5000}-", "bytes=\u0663-"):
            request = urllib.request.Request(f"{base}/talk.mp4", headers={"Range": wanted.encode().decode("latin-1")})
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 200 and answer.read() == b"talk"


def test_a_client_that_says_nothing_is_let_go(tmp_path, monkeypatch):
    assert server._Handler.timeout <= 60
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    with (serve_folder(tmp_path) as base,
          socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))) as client):  # fmt: skip
        client.sendall(b"GET /talk")
        client.settimeout(10)
        assert client.recv(1) == b""
