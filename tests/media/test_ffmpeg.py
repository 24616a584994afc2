"""Which ffmpeg is run, and what is said when there is none."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from faceit.errors import MediaError
from faceit.media import ffmpeg as ffmpeg_module
from faceit.media.ffmpeg import ffmpeg_exe, ffmpeg_on_path, last_line


class TestFfmpeg:
    def test_a_wrong_choice_is_said(self, monkeypatch):
        monkeypatch.setenv("FACEIT_FFMPEG", "/nowhere/ffmpeg")
        with pytest.raises(MediaError, match="FACEIT_FFMPEG"):
            ffmpeg_exe()

    def test_none_at_all_is_said(self, monkeypatch):
        monkeypatch.delenv("FACEIT_FFMPEG", raising=False)
        monkeypatch.setattr(ffmpeg_module, "_bundled_ffmpeg", lambda: None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(MediaError, match="not installed"):
            ffmpeg_exe()

    def test_on_path_under_its_own_name_once(self, monkeypatch, tmp_path):
        import shutil

        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.setenv("PATH", os.environ["PATH"])
        threads = [threading.Thread(target=ffmpeg_on_path) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        folder = ffmpeg_on_path()
        assert os.environ["PATH"].split(os.pathsep).count(folder) == 1
        assert Path(shutil.which("ffmpeg")).parent == Path(folder)
        assert subprocess.run(["ffmpeg", "-version"], capture_output=True).returncode == 0

    def test_a_home_that_cannot_be_written_is_no_obstacle(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
            monkeypatch.setenv(name, str(tmp_path / "file"))
        monkeypatch.setenv("PATH", os.environ["PATH"])
        assert Path(ffmpeg_on_path()).is_dir()

    def test_last_line(self):
        stderr = "a first line\n[mp4 @ 0x55d0] [x @ 0x1] Could not find tag\nConversion failed!\n\n"
        assert last_line(stderr) == "Could not find tag"
        assert last_line(stderr.encode()) == "Could not find tag"
        assert last_line("No path\n[out#0 @ 0x1] Nothing was written into output file, because") == "No path"
        assert last_line("") == last_line(None) == ""
