"""Downloads that go on, that end early, and servers on which they do: by the real yt-dlp."""

import re
import shutil
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from faceit.errors import MediaError
from faceit.media import fetch_ytdlp
from faceit.media.fetch import fetch
from faceit.media.fetch_record import Download, parts_folder
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.server import serve_folder

from .downloads import WATCH, refusal, size_and_length, video_format


class _Odd(BaseHTTPRequestHandler):
    """Gives ``server.data``, ``most`` bytes at a time, then it breaks off; ``length``: whether it says how much it is;
    ``pieces``: whether it gives ranges."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, found = self.server, re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        server.asked.append(self.headers.get("Range"))
        data = server.data
        found = found if server.pieces else None
        begin, end = (int(found[1]), int(found[2] or len(data) - 1)) if found else (0, len(data) - 1)
        if begin >= len(data):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        given = data[begin : end + 1]
        self.send_response(206 if found else 200)
        self.send_header("Content-Type", "video/mp4")
        if found:
            self.send_header("Content-Range", f"bytes {begin}-{begin + len(given) - 1}/{len(data)}")
        self.send_header(*(("Content-Length", str(len(given))) if server.length else ("Connection", "close")))
        self.end_headers()
        if self.command == "GET":
            with suppress(OSError):
                self.wfile.write(given[: server.most] if found is None or not found[2] else given)
        self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def odd(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fetch_ytdlp, "RETRY_SLEEP_S", (0,))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Odd)
    server.most, server.length, server.pieces, server.asked = None, True, True, []
    server.url = f"http://127.0.0.1:{server.server_port}/talk.mp4"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("other", ["as long", "longer", "shorter", "much shorter", "as long, at once", "the same"])
def test_what_was_replaced_on_the_server_is_fetched_anew(odd, site, tmp_path, monkeypatch, other):
    first = (site / "big.mp4").read_bytes()
    second = first if other == "the same" else (site / "v120.mp4" if other == "much shorter" else site / "v480.mp4")
    second = second if isinstance(second, bytes) else second.read_bytes()
    if missing := {"as long": 0, "as long, at once": 0, "longer": 1000}.get(other, -len(first)) + len(first):
        missing -= len(second)
        second += missing.to_bytes(4, "big") + b"free" + bytes(missing - 8)
    odd.data, odd.most = first, len(first) // 20
    if other == "as long, at once":  # while yt-dlp tries again
        count = []

        def replace(n):
            count.append(n)
            odd.data, odd.most = second, None
            return 0

        monkeypatch.setattr(fetch_ytdlp, "_retry_sleep", replace)
        path = fetch(odd.url, tmp_path / "talk")
        assert count
    else:
        with pytest.raises(MediaError):
            fetch(odd.url, tmp_path / "talk")
        odd.data, odd.most = second, None
        odd.asked.clear()
        path = fetch(odd.url, tmp_path / "talk")
    assert path.read_bytes() == second


def test_a_part_that_is_all_of_it_is_no_dead_end(base, site, tmp_path):
    part = parts_folder(Download(f"{base}/clip.mp4", tmp_path / "talk")) / "video-mp4.mp4.part"
    part.parent.mkdir(parents=True)
    shutil.copy(site / "clip.mp4", part)
    assert fetch(f"{base}/clip.mp4", tmp_path / "talk").read_bytes() == (site / "clip.mp4").read_bytes()


@pytest.mark.parametrize("other", ["the same", "longer", "other pieces", "one piece more before"])
def test_what_was_replaced_in_a_list_of_fragments_is_fetched_anew(site, tmp_path, monkeypatch, other):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fetch_ytdlp, "RETRY_SLEEP_S", (0,))
    web, failing = tmp_path / "web", {"/b2.ts"}
    web.mkdir()
    for name, source in (("a", "clip.mp4"), ("b", "clip.mp4"), ("c", "v240.mp4")):
        subprocess.run([ffmpeg_exe(), "-loglevel", "error", "-i", site / source, "-c", "copy", "-hls_time", "2",
                        "-hls_list_size", "0", f"{name}.m3u8"], cwd=web, check=True)  # fmt: skip
    shutil.copy(web / "b.m3u8", web / "list.m3u8")
    log = []
    with serve_folder(web, log=log, status=lambda path: 503 if path in failing else None) as url:
        assert "HTTP 503" in refusal(f"{url}/list.m3u8", tmp_path / "talk")
        failing.clear()
        with min(tmp_path.glob(".part/*/*.part"), key=lambda each: len(each.name)).open("ab") as part:
            part.write(b"the piece at which it was killed")
        if other == "other pieces":
            for piece in web.glob("c*.ts"):
                shutil.copy(piece, web / piece.name.replace("c", "b", 1))
        text = (web / "b.m3u8").read_text()
        if other == "longer":
            text = text.replace("#EXT-X-ENDLIST", "#EXT-X-DISCONTINUITY\n#EXTINF:2,\na0.ts\n#EXT-X-ENDLIST")
        if other == "one piece more before":
            text = text.replace("#EXTINF", "#EXTINF:2,\na2.ts\n#EXT-X-DISCONTINUITY\n#EXTINF", 1)
        (web / "list.m3u8").write_text(text)
        log.clear()
        path = fetch(f"{url}/list.m3u8", tmp_path / "talk")
        asked = [path for path, _ in log if path.endswith(".ts")]
        whole = fetch(f"{url}/list.m3u8", tmp_path / "whole")
    assert path.read_bytes() == whole.read_bytes()
    if other in ("the same", "longer"):
        assert "/b1.ts" in asked and "/b0.ts" not in asked
    assert sorted(each.name for each in tmp_path.glob("talk*")) == ["talk.json", "talk.mp4"]


@pytest.mark.parametrize("kind", ["mp4", "fragmented.mp4", "mkv", "webm", "avi", "mov"])
def test_what_ends_early_is_noticed_though_nobody_says_its_length(odd, tmp_path, kind):
    file, codec = tmp_path / f"a.{kind}", "libvpx" if kind == "webm" else "mpeg4"
    flags = {"mp4": ["-movflags", "+faststart"], "mov": ["-movflags", "+faststart"],
             "fragmented.mp4": ["-movflags", "frag_keyframe+empty_moov", "-g", "5"]}.get(kind, [])  # fmt: skip
    subprocess.run([ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=3",
                    "-c:v", codec, *flags, file], check=True)  # fmt: skip
    odd.length, odd.pieces, odd.data = False, False, file.read_bytes()
    assert fetch(odd.url, tmp_path / "whole").read_bytes() == odd.data
    for share in (0.7, 0.9, 0.97):  # less than two seconds are missing
        odd.most = int(share * len(odd.data))
        assert "breaks off" in refusal(odd.url, tmp_path / "talk") and not list(tmp_path.glob(".part/*"))


def streamed(file):
    """A video of a kind that is made to be streamed, as bytes."""
    source = ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=3"]
    subprocess.run([ffmpeg_exe(), "-loglevel", "error", *source, "-c:v", "libx264", "-g", "5", file], check=True)
    return file.read_bytes()


@pytest.mark.parametrize("kind", ["ts", "m2ts", "flv"])
def test_where_nothing_tells_the_end_that_is_said(odd, tmp_path, capsys, kind):
    odd.data = streamed(tmp_path / f"a.{kind}")
    fetch(odd.url, tmp_path / "known")
    assert "nothing tells" not in capsys.readouterr().out
    odd.length, odd.pieces, pieces = False, False, {"ts": 188, "m2ts": 192}
    end = 13
    while kind == "flv" and end < 0.9 * len(odd.data):  # a tag after another
        end += 15 + int.from_bytes(odd.data[end + 1 : end + 4], "big")
    end = end if kind == "flv" else len(odd.data) * 9 // 10 // pieces[kind] * pieces[kind]
    for most in (len(odd.data), end):
        odd.most = most
        fetch(odd.url, tmp_path / str(most))
        assert "nothing tells whether this is all of it" in capsys.readouterr().out
    odd.most = end - 5
    assert "breaks off before its end" in refusal(odd.url, tmp_path / "within")


def test_where_the_site_tells_the_length_it_is_compared(odd, youtube, tmp_path, capsys):
    odd.data, odd.length, odd.pieces = streamed(tmp_path / "a.ts"), False, False
    youtube({"formats": [video_format("", "ts", 120, url=odd.url, ext="ts")], "duration": 3})
    fetch(WATCH, tmp_path / "whole")
    odd.most = len(odd.data) // 2 // 188 * 188
    assert "breaks off at 1." in refusal(WATCH, tmp_path / "half") and "nothing tells" not in capsys.readouterr().out


def test_no_download_fills_the_disk(odd, site, tmp_path, monkeypatch):
    odd.data = (site / "big.mp4").read_bytes()
    usage = shutil.disk_usage(tmp_path)

    def disk(free):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(total=20 * 10**9, free=free))

    disk(500_000_000 + 1000)
    assert "MB more are needed and 500 MB are free" in refusal(odd.url, tmp_path / "talk")
    disk(10**9)
    assert fetch(odd.url, tmp_path / "talk").read_bytes() == odd.data  # it goes on
    odd.length, odd.pieces = False, False
    disk(400_000_000)
    assert "without a word of how much it is, and the disk" in refusal(odd.url, tmp_path / "endless")
    assert not list(tmp_path.glob(".part/*"))


@pytest.mark.parametrize("replaced", [True, False])
def test_picture_and_sound_are_of_one_video(youtube, base, site, log, tmp_path, replaced):
    picture = tmp_path / "picture.mp4"
    shutil.copy(site / "v120.mp4", picture)
    sound = {"format_id": "s", "ext": "m4a", "vcodec": "none", "acodec": "mp4a.40.2"}
    with serve_folder(tmp_path) as url:
        formats = [video_format(url, "picture.mp4", 120)]
        youtube({"formats": [*formats, sound | {"url": f"{base}/missing.m4a"}]})
        assert "HTTP 404" in refusal(WATCH, tmp_path / "talk")  # the picture came
        if replaced:
            shutil.copy(site / "v240.mp4", picture)
        youtube({"formats": [*formats, sound | {"url": f"{base}/sound.m4a"}]})
        path = fetch(WATCH, tmp_path / "talk")
    assert size_and_length(path) == (*((320, 240) if replaced else (160, 120)), pytest.approx(6, abs=0.15), True)
