"""A clip that the tests share, stand-ins for ffmpeg, and a site with videos."""

import subprocess
from pathlib import Path

import pytest

from faceit.media import fetch_ytdlp
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.server import serve_folder

from ..conftest import once
from .clips import make
from .downloads import status_of


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """Two seconds of moving test picture, 320x180 at 25, with a tone."""
    name = "a clip: é.mp4"
    return once(tmp_path_factory, "clip", lambda folder: make(
        folder / name, "testsrc2=s=320x180:r=25:d=2", "-c:a", "aac", sound="sine=d=2")) / name  # fmt: skip


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Put a shell script in ffmpeg's place."""

    def place(script: str):
        path = tmp_path / "fake-ffmpeg"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("FACEIT_FFMPEG", str(path))

    return place


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with clips of a few seconds and the pages around them."""
    folder = tmp_path_factory.mktemp("site")

    def ffmpeg(*args):
        subprocess.run([ffmpeg_exe(), "-loglevel", "error", "-y", *args], cwd=folder, check=True)

    def picture(size, seconds=6):
        return ["-f", "lavfi", "-i", f"testsrc=size={size}:rate=10:duration={seconds}"]

    sound = ["-f", "lavfi", "-i", "sine=duration=6"]
    x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20"]
    ffmpeg(*picture("160x120"), *sound, *x264, "-c:a", "aac", "-movflags", "+faststart", "clip.mp4")
    for height in (120, 240, 480):
        ffmpeg(*picture(f"{height * 4 // 3}x{height}"), *x264, f"v{height}.mp4")
    ffmpeg(*picture("240x426"), *x264, "upright.mp4")
    ffmpeg(*sound, "-c:a", "aac", "sound.m4a")
    ffmpeg(*sound, "-c:a", "aac", "-f", "mp4", "sound.mp4")
    ffmpeg(*picture("160x120", 2), "-c:v", "libvpx", "-b:v", "200k", "small.webm")
    ffmpeg("-i", "clip.mp4", "-c", "copy", "-hls_time", "2", "-hls_list_size", "0", "list.m3u8")
    noise = ["-f", "lavfi", "-i", "nullsrc=size=320x240:rate=10:duration=4,geq=random(1)*255:128:128"]
    ffmpeg(*noise, *x264, "-b:v", "2M", "big.mp4")
    whole = (folder / "clip.mp4").read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_bytes(b"this is no video at all " * 99)
    (folder / "page.html").write_text(
        '<html><title>Talk</title><video><source src="clip.mp4" type="video/mp4"></video>'
    )
    (folder / "two.html").write_text('<title>x</title><video src="clip.mp4"></video><video src="v240.mp4"></video>')
    (folder / "evil.html").write_text('<title>../../../evil</title><video src="clip.mp4"></video>')
    (folder / "nothing.html").write_text("<html><title>Nothing</title><p>words</p>")
    return folder


@pytest.fixture
def log():
    return []


@pytest.fixture
def base(site, log, monkeypatch):
    """The address of the site; ``/status/403/x.mp4`` answers 403."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fetch_ytdlp, "RETRY_SLEEP_S", (0,))
    with serve_folder(site, log=log, status=status_of) as url:
        yield url


@pytest.fixture
def youtube(base, monkeypatch):
    """``youtube(dict)`` answers with this video, ``youtube("words")`` with this error; several: one after another."""
    answers = []

    def play(*more):
        answers[:] = more

    def downloader(options):
        from yt_dlp import YoutubeDL
        from yt_dlp.extractor.youtube import YoutubeIE

        class Played(YoutubeIE):
            @classmethod
            def ie_key(cls):
                return "Youtube"

            def _real_initialize(self):
                pass

            def _real_extract(self, url):
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(answer, dict):
                    return {"id": "abcdefghijk", "title": "../a/talk", **answer}
                self.report_warning("No supported JavaScript runtime could be found.")
                if "country" in answer:
                    self.raise_geo_restricted(answer, countries=["DE"])
                return self.raise_no_formats(answer, expected=True)

        ydl = YoutubeDL(options)
        ydl.add_info_extractor(Played(ydl))
        return ydl

    monkeypatch.setattr(fetch_ytdlp, "_downloader", downloader)
    return play
