"""Videos are fetched by the real yt-dlp, from a server on this machine or from a YouTube that is played."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from faceit.errors import MediaError
from faceit.lock import only_one
from faceit.media import fetch_errors, fetch_ytdlp
from faceit.media.fetch import fetch, fetch_all
from faceit.media.fetch_record import Download, find_download, find_video, parts_folder
from faceit.media.server import serve_folder

from .downloads import WATCH, refusal, sha256, size_and_length, video_format

ROOT = Path(__file__).parents[2]


# -- what comes


def test_direct_file_arrives_byte_for_byte_with_its_facts(base, site, tmp_path, capfd):
    counts = []
    stem = tmp_path / "videos" / "talk.v1"
    path = fetch(f"{base}/clip.mp4", stem, on_progress=lambda *count: counts.append(count))
    assert path == tmp_path / "videos" / "talk.v1.mp4"
    assert path.read_bytes() == (site / "clip.mp4").read_bytes()
    facts = json.loads((tmp_path / "videos" / "talk.v1.json").read_text())
    assert facts["url"] == f"{base}/clip.mp4"
    assert facts["sha256"] == sha256(path) and facts["size"] == path.stat().st_size
    assert facts["extractor"] == "generic" and facts["start"] is None and facts["height"] == 1080
    assert sorted(p.name for p in path.parent.iterdir()) == ["talk.v1.json", "talk.v1.mp4"]
    assert counts[-1] == (path.stat().st_size, path.stat().st_size)
    assert capfd.readouterr() == ("", "")


def test_second_call_makes_no_request_and_another_height_does(base, log, tmp_path):
    stem = tmp_path / "talk"
    first = fetch(f"{base}/clip.mp4", stem)
    seen = len(log)
    assert fetch(f"{base}/clip.mp4", stem) == first == find_video(stem)
    assert len(log) == seen
    assert fetch(f"{base}/clip.mp4", stem, height=480) == first
    assert len(log) > seen
    assert json.loads((tmp_path / "talk.json").read_text())["height"] == 480


def test_damaged_file_is_fetched_again(base, site, tmp_path):
    path = fetch(f"{base}/clip.mp4", tmp_path / "talk")
    path.write_bytes(path.read_bytes()[:1000])
    assert find_video(tmp_path / "talk") is None
    assert fetch(f"{base}/clip.mp4", tmp_path / "talk").read_bytes() == (site / "clip.mp4").read_bytes()


def test_failed_change_leaves_the_old_video(base, tmp_path):
    path = fetch(f"{base}/clip.mp4", tmp_path / "talk")
    with pytest.raises(MediaError, match="HTTP 404"):
        fetch(f"{base}/missing.mp4", tmp_path / "talk")
    assert find_video(tmp_path / "talk") == path


@pytest.mark.parametrize("page", ["page.html", "two.html", "evil.html"])
def test_first_video_of_a_page_whatever_its_title(base, site, tmp_path, page):
    path = fetch(f"{base}/{page}", tmp_path / "a" / "b" / "talk")
    assert path.read_bytes() == (site / "clip.mp4").read_bytes()
    made = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert made == {"a/b/talk.mp4", "a/b/talk.json"}


def test_of_several_videos_the_first_is_taken_and_that_is_said(base, site, tmp_path, capfd):
    items = "".join(f'<item><title>{name}</title><enclosure url="{base}/{name}.mp4" type="video/mp4"/></item>'
                    for name in ("clip", "v240", "v480"))  # fmt: skip
    (site / "feed.xml").write_text(f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>')
    for page, count in (("page.html", 0), ("two.html", 2), ("feed.xml", 3)):
        assert fetch(f"{base}/{page}", tmp_path / page).stat().st_size == (site / "clip.mp4").stat().st_size
        said = capfd.readouterr().out
        assert (f"of its {count} videos the first one is taken" in said) if count else ("taken" not in said)


def test_hls_is_joined_into_an_mp4(base, tmp_path):
    path = fetch(f"{base}/list.m3u8", tmp_path / "talk")
    assert path.suffix == ".mp4"
    assert size_and_length(path) == (160, 120, pytest.approx(6, abs=0.15), True)


def test_hls_with_a_hole_is_refused(base, site, tmp_path):
    text = (site / "list.m3u8").read_text().replace("list1.ts", "gone.ts")
    (site / "hole.m3u8").write_text(text)
    assert "HTTP 404" in refusal(f"{base}/hole.m3u8", tmp_path / "talk")


def test_a_fragment_that_fails_behind_another_is_told_of_by_its_own_name(base, site, tmp_path, monkeypatch):
    real, asked = fetch_ytdlp._download, []

    def download(*arguments):
        asked.append(arguments[-1])
        if len(asked) == 1:
            raise ValueError("write to closed file")
        return real(*arguments)

    monkeypatch.setattr(fetch_ytdlp, "_download", download)
    assert fetch(f"{base}/list.m3u8", tmp_path / "talk").is_file()
    assert asked == [fetch_ytdlp.FRAGMENTS, 1]


def test_webm_keeps_its_extension_and_is_found(base, tmp_path):
    path = fetch(f"{base}/small.webm", tmp_path / "talk")
    assert path == tmp_path / "talk.webm" == find_video(tmp_path / "talk")
    assert fetch(f"{base}/clip.mp4", tmp_path / "talk") == tmp_path / "talk.mp4" == find_video(tmp_path / "talk")
    assert not path.exists()


@pytest.mark.parametrize(
    ("start", "end", "length"), [(1.5, 3.5, 2.0), (None, 1.3, 1.3), (4.0, None, 2.0)], ids=["middle", "head", "tail"]
)
def test_range_is_exact(base, tmp_path, start, end, length, capfd):
    path = fetch(f"{base}/clip.mp4", tmp_path / "talk", start=start, end=end)
    assert size_and_length(path) == (160, 120, pytest.approx(length, abs=0.11), True)
    facts = json.loads((tmp_path / "talk.json").read_text())
    assert (facts["start"], facts["end"]) == (start, end)
    assert capfd.readouterr() == ("", "")


def test_range_beyond_the_end_is_refused(base, tmp_path):
    assert "correct end" in refusal(f"{base}/clip.mp4", tmp_path / "talk", start=2, end=60)
    assert "within the video" in refusal(f"{base}/clip.mp4", tmp_path / "talk", start=50, end=60)
    assert "not after start" in refusal(f"{base}/clip.mp4", tmp_path / "talk", start=5, end=5)
    assert "0 or more" in refusal(f"{base}/clip.mp4", tmp_path / "talk", start=-5)


# -- being stopped


def test_killed_download_goes_on_where_it_was(site, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    size, log = (site / "big.mp4").stat().st_size, []
    script = "import sys; from faceit.media.fetch import fetch; fetch(sys.argv[1], __import__('pathlib').Path('v/big'))"
    # the whole would take eight seconds
    with serve_folder(site, log=log, bytes_per_second=size / 8) as url:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen([sys.executable, "-c", script, f"{url}/big.mp4"], cwd=tmp_path, env=env)
        wait_until(lambda: sum(p.stat().st_size for p in tmp_path.rglob("*.part") if p.is_file()) > size / 10)
        child.send_signal(signal.SIGKILL)
        child.wait()
        port = url.rsplit(":", 1)[1]
    assert not (tmp_path / "v" / "big.mp4").exists() and find_video(tmp_path / "v" / "big") is None
    log.clear()
    with serve_folder(site, log=log, port=int(port)) as url:
        path = fetch(f"{url}/big.mp4", tmp_path / "v" / "big")
    resumed = [header for _, header in log if header and header != "bytes=0-"]
    seam, rest = resumed[:2]  # the last bytes that were there are compared before
    begin = int(rest.removeprefix("bytes=").removesuffix("-"))
    assert begin > 0 and seam.endswith(f"-{begin - 1}")
    assert sha256(path) == sha256(site / "big.mp4")
    assert sorted(p.name for p in path.parent.iterdir()) == ["big.json", "big.mp4"]


def wait_until(ready, seconds=20):
    limit = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_kill_between_the_last_two_renames(base, log, site, tmp_path, monkeypatch):
    stem = tmp_path / "talk"
    replace = os.replace

    def die_at_the_sheet(source, target):
        if Path(target).name == "talk.json":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", die_at_the_sheet)
    with pytest.raises(KeyboardInterrupt):
        fetch(f"{base}/clip.mp4", stem)
    assert find_video(stem) is None
    monkeypatch.setattr(os, "replace", replace)
    log.clear()
    assert fetch(f"{base}/clip.mp4", stem) == find_video(stem)
    assert log == [] and not (tmp_path / ".part").exists()


def test_foreign_file_is_never_written_over(base, log, tmp_path):
    (tmp_path / "talk.mp4").write_bytes(b"my holiday")
    with pytest.raises(MediaError, match="not downloaded by faceit"):
        fetch(f"{base}/clip.mp4", tmp_path / "talk")
    assert (tmp_path / "talk.mp4").read_bytes() == b"my holiday" and log == []


# -- what goes wrong


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing.mp4", "nothing at this address (HTTP 404)"),
        ("status/403/x.mp4", "refuses access (HTTP 403)"),
        ("status/410/x.mp4", "nothing at this address (HTTP 410)"),
        ("status/429/x.mp4", "too many requests"),
        ("status/503/x.mp4", "server is in trouble (HTTP 503)"),
        ("nothing.html", "no video is found on this page"),
        ("sound.m4a", "picture"),
        ("sound.mp4", "only sound"),
        ("empty.mp4", "empty"),
        ("text.mp4", "cannot be read as a video"),
        ("half.mp4", "breaks off"),
    ],
)
def test_sentence_for(base, tmp_path, path, words):
    sentence = refusal(f"{base}/{path}", tmp_path / "talk")
    assert words in sentence and sentence.startswith(f"{base}/{path}".removeprefix("http://"))


def test_page_that_is_there_with_media_in_trouble(base, site, tmp_path, log):
    for status, words, requests in ((403, "HTTP 403", 2), (500, "HTTP 500", 5), (429, "too many requests", 1)):
        (site / f"page{status}.html").write_text(f'<title>x</title><video src="/status/{status}/x.mp4"></video>')
        log.clear()
        assert words in refusal(f"{base}/page{status}.html", tmp_path / "talk")
        assert sum("status" in path for path, _ in log) >= requests


@pytest.mark.parametrize("path", ["missing.mp4", "status/403/x.mp4", "nothing.html", "half.mp4", "clip.mp4"])
def test_secrets_of_an_address_are_nowhere(base, site, tmp_path, path):
    """Neither in the sentence nor in what is noted of the download, which is still known again."""
    url = f"{base.replace('http://', 'http://me:secret@')}/{path}?token=secret&v=2#secret"
    if path == "clip.mp4":
        assert fetch(url, tmp_path / "talk").name == "talk.mp4"
        assert find_download(Download(url, tmp_path / "talk")) and not find_download(Download(base, tmp_path / "talk"))
        said = (tmp_path / "talk.json").read_text()
        assert f"{base}/clip.mp4?token=...&v=2" in said
    else:
        said = refusal(url, tmp_path / "talk")
    assert "secret" not in said and "me:" not in said and "token=..." in said


def test_secrets_of_an_address_that_a_server_sends_one_to_are_nowhere(tmp_path):
    url = "https://example.org/x?token=secret"
    error = ValueError("Unable to open https://me:secret@cdn.example.org/y;s=secret?sig=secret&e=1#secret (refused)")
    said = fetch_errors.sentence(error, url, [], tmp_path / "a" / "b")
    assert "secret" not in said and "https://cdn.example.org/y?sig=...&e=..." in said


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    sentence = refusal(f"http://127.0.0.1:{port}/x.mp4", tmp_path / "talk")
    assert "connection failed" in sentence and "refused" in sentence and "HTTPConn" not in sentence


@pytest.mark.parametrize("url", ["", "interview.mp4", "rtmp://example.org/x", "-o/etc/passwd"])
def test_no_web_address(tmp_path, url):
    assert "not a web address" in refusal(url, tmp_path / "talk")


def test_file_address_and_missing_cookies(base, tmp_path):
    assert "write its path" in refusal("file:///etc/passwd", tmp_path / "talk")
    cookies = tmp_path / "cookies.txt"
    assert "cookies.txt cannot be read" in refusal(f"{base}/clip.mp4", tmp_path / "talk", cookies=cookies)
    assert not cookies.exists()
    cookies.write_text("no cookies, only words\n")
    sentence = refusal(f"{base}/clip.mp4", tmp_path / "talk", cookies=cookies)
    assert "Netscape" in sentence and "0x" not in sentence
    assert "use brave" in refusal(f"{base}/clip.mp4", tmp_path / "talk", cookies_from_browser="lynx")


def test_cookies_are_read_and_never_written(base, tmp_path):
    text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsession\tsecret\n"
    (tmp_path / "cookies.txt").write_text(text)
    fetch(f"{base}/clip.mp4", tmp_path / "talk", cookies=tmp_path / "cookies.txt")
    assert (tmp_path / "cookies.txt").read_text() == text
    assert "secret" not in (tmp_path / "talk.json").read_text()


def test_full_disk(base, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("yt_dlp.downloader.http.HttpFD.sanitize_open", full)
    assert "no space is left" in refusal(f"{base}/clip.mp4", tmp_path / "talk")


def test_folder_that_cannot_be_made(base, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot be written"):
        fetch(f"{base}/clip.mp4", tmp_path / "file" / "talk")


# -- a YouTube that is played


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Private video. Sign in if you've been granted access to this video", "the video is private: ask its owner"),
        ("Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies", "cookies_from_browser"),
        ("Sign in to confirm your age. This video may be inappropriate for some users", "adults only"),
        ("The uploader has not made this video available in your country", "your country (only in DE)"),
        ("Video unavailable. This video has been removed by the uploader", "not available"),
        ("Join this channel to get access to members-only content like this video", "for members"),
        ("This content isn't available, try again later. The current session has been rate-limited", "wait an hour"),
        ("This video is DRM protected", "copying"),
        ("This live event will begin in 3 days.", "not been shown yet"),
        ("Something new {happens}", "Something new {happens}: run 'pip install"),
    ],
)
def test_youtube_says(youtube, tmp_path, words, expected):
    youtube(words)
    sentence = refusal(WATCH, tmp_path / "talk")
    assert sentence.startswith("youtube.com/watch?v=abcdefghijk: ") and expected in sentence
    assert ("JavaScript runtime" in sentence) == ("bot" in words or "Something" in words)


@pytest.mark.parametrize(("height", "taken"), [(100, 120), (240, 240), (479, 240), (1080, 480)])
def test_height_bounds_the_picture_and_the_sound_is_merged(youtube, base, tmp_path, height, taken):
    formats = [video_format(base, f"v{h}.mp4", h) for h in (120, 240, 480)]
    sound = {"format_id": "s", "url": f"{base}/sound.m4a", "ext": "m4a", "vcodec": "none", "acodec": "mp4a.40.2"}
    youtube({"formats": [*formats, sound], "uploader": "NASA", "license": "CC BY", "duration": 6})
    counts = []
    path = fetch(WATCH, tmp_path / "talk", height=height, on_progress=lambda *count: counts.append(count))
    assert size_and_length(path) == (taken * 4 // 3, taken, pytest.approx(6, abs=0.15), True)
    assert counts == sorted(counts) and counts[-1][0] == counts[-1][1]
    facts = json.loads((tmp_path / "talk.json").read_text())
    assert (facts["id"], facts["title"], facts["uploader"]) == ("abcdefghijk", "../a/talk", "NASA")
    assert (facts["licence"], facts["duration"], facts["extractor"]) == ("CC BY", 6, "youtube")


def test_range_of_separate_picture_and_sound(youtube, base, tmp_path):
    sound = {"format_id": "s", "url": f"{base}/sound.m4a", "ext": "m4a", "vcodec": "none", "acodec": "mp4a.40.2"}
    youtube({"formats": [video_format(base, "v240.mp4", 240), sound], "duration": 6})
    path = fetch(WATCH, tmp_path / "talk", start=1, end=60)  # the end is known here: it is taken
    assert size_and_length(path) == (320, 240, pytest.approx(5, abs=0.11), True)
    assert "the video ends at 6 s" in refusal(WATCH, tmp_path / "other", start=7)


def test_upright_video_is_bounded_by_its_smaller_side(youtube, base, tmp_path):
    upright = video_format(base, "upright.mp4", width=240, height=426)
    youtube({"formats": [video_format(base, "v120.mp4", width=120, height=214), upright]})
    assert size_and_length(fetch(WATCH, tmp_path / "talk", height=240))[:2] == (240, 426)


def test_sound_only_and_live_are_refused(youtube, base, tmp_path):
    youtube({"formats": [video_format(base, "sound.m4a", vcodec="none", acodec="mp4a.40.2", ext="m4a")]})
    assert "no picture" in refusal(WATCH, tmp_path / "talk")
    youtube({"formats": [video_format(base, "clip.mp4", 120)], "live_status": "is_live"})
    assert "broadcast live" in refusal(WATCH, tmp_path / "talk")


def test_expired_media_address_is_asked_for_again(youtube, base, tmp_path, site):
    expired = {"formats": [video_format(base, "status/403/x.mp4", 120)]}
    youtube(expired, {"formats": [video_format(base, "clip.mp4", 120)]})
    assert fetch(WATCH, tmp_path / "talk").read_bytes() == (site / "clip.mp4").read_bytes()


# -- several


def test_several_at_a_time_each_with_its_own_end(base, tmp_path):
    names = ["clip.mp4", "v120.mp4", "missing.mp4", "v240.mp4"]
    jobs = [Download(f"{base}/{name}", tmp_path / name.replace(".", "-")) for name in names]
    jobs.append(jobs[0])  # the same one twice is fetched once
    results = list(fetch_all(jobs, workers=3))
    assert sorted(job.stem.name for job, _ in results) == sorted(job.stem.name for job in jobs)
    for job, result in results:
        assert isinstance(result, MediaError) if "missing" in job.url else result == find_video(job.stem)
    assert list(fetch_all([])) == []


def test_threads_of_a_fresh_program_load_the_libraries_together(base, tmp_path):
    script = (
        "import sys; from pathlib import Path; from faceit.media.fetch import Download, fetch_all\n"
        "for _, result in fetch_all([Download(sys.argv[1], Path(name)) for name in 'abcd'], workers=4): print(result)"
    )
    command = [sys.executable, "-c", script, f"{base}/clip.mp4"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert sorted(done.stdout.split()) == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"] and done.stderr == ""


def test_interrupt_stops_the_threads_and_their_ffmpeg(site, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    started = threading.Event()
    with serve_folder(site, bytes_per_second=20_000) as url:  # "big" would take a minute
        jobs = [Download(f"{url}/big.mp4", tmp_path / f"big{i}", start=1 if i == 0 else None) for i in range(4)]

        def interrupt():
            assert started.wait(20)
            wait_until(lambda: any(child.poll() is None for child in fetch_ytdlp._children.values()))
            raise KeyboardInterrupt

        running = fetch_all(jobs, workers=2, on_progress=lambda *_: started.set(), meanwhile=interrupt)
        before = threading.active_count()
        with pytest.raises(KeyboardInterrupt):
            next(running)
        began = time.monotonic()
        wait_until(lambda: not any(t.name.startswith("fetch-") for t in threading.enumerate()), 5)
        assert time.monotonic() - began < 5 and threading.active_count() <= before + 3
    assert [p.name for p in tmp_path.iterdir()] == [".part"]


def test_import_is_light():
    code = "import sys, faceit.media.fetch, faceit.media.server; print({'yt_dlp', 'av', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("start", [None, 1.0])
def test_of_a_download_that_fails_only_what_can_be_resumed_stays(tmp_path, monkeypatch, start):
    def fail(url, hooks, cookies, parts):
        (parts / "video.mp4.part").write_bytes(b"half")
        raise MediaError("It failed.")

    monkeypatch.setattr("faceit.media.fetch.download", fail)
    refusal("http://a.b/c.mp4", tmp_path / "talk", start=start)
    assert len(list(tmp_path.rglob("*.mp4.part"))) == (start is None)


def test_plugins_of_ytdlp_in_the_users_folders_are_not_run(base, tmp_path):
    plugin = tmp_path / "config" / "yt-dlp" / "plugins" / "x" / "yt_dlp_plugins" / "extractor"
    plugin.mkdir(parents=True)
    (plugin / "evil.py").write_text(f"open({str(tmp_path / 'evil')!r}, 'w')\n")
    script = "import sys; from pathlib import Path; from faceit.media.fetch import fetch; fetch(sys.argv[1], Path('a'))"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path / "config"), "NO_PROXY": "*"}
    subprocess.run([sys.executable, "-c", script, f"{base}/clip.mp4"], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "a.mp4").exists() and not (tmp_path / "evil").exists()


# -- two at once, and links


def test_two_processes_that_fetch_one_url_take_turns(base, site, log, tmp_path):
    stem = tmp_path / "talk"
    words = "import pathlib, sys; from faceit.media.fetch import fetch; fetch(sys.argv[1], pathlib.Path(sys.argv[2]))"
    command = [sys.executable, "-c", words, f"{base}/clip.mp4", str(stem)]
    with only_one(tmp_path / ".part" / "talk.lock", "held", passing=True):
        other = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert other.stdout.readline() == "Another process is fetching talk: waiting for it.\n" and log == []
    assert other.communicate(timeout=60)[0] == "" and other.returncode == 0
    assert sha256(find_video(stem)) == sha256(site / "clip.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.json", "talk.mp4"]


def test_links_where_downloads_grow_lead_nowhere(base, site, tmp_path):
    stem, elsewhere = tmp_path / "videos" / "talk", tmp_path / "elsewhere"
    job = Download(f"{base}/clip.mp4", stem)
    parts = parts_folder(job)
    parts.mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_bytes(b"precious")
    for name in ("video-mp4.mp4.part", "video-mp4.mp4", "video-0.mp4.part", "video-0.mp4", "done.json", "whole"):
        (parts / name).symlink_to(elsewhere / "thesis.txt")
    assert fetch(job.url, stem).read_bytes() == (site / "clip.mp4").read_bytes()
    for n, in_parts in enumerate((False, True)):
        stem = tmp_path / f"videos{n}" / "talk"
        place = parts_folder(Download(job.url, stem)) if in_parts else stem.with_name(".part")
        place.parent.mkdir(parents=True)
        place.symlink_to(elsewhere, target_is_directory=True)
        assert "is a link" in refusal(job.url, stem)
    assert [path.read_bytes() for path in elsewhere.iterdir()] == [b"precious"]


def test_a_users_json_beside_a_video_is_never_written_over(base, log, tmp_path):
    (tmp_path / "talk.json").write_text('{"words": ["my subtitles"]}')
    assert "talk.json is there already and was not downloaded" in refusal(f"{base}/clip.mp4", tmp_path / "talk")
    assert "my subtitles" in (tmp_path / "talk.json").read_text() and log == []
