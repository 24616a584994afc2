"""What a video is: its figures, and a sentence for what is none."""

import subprocess
import sys

import pytest

from faceit.errors import MediaError
from faceit.media import probe as probe_module
from faceit.media.probe import probe

from .clips import frames_of, make
from .flash_beep import run_ffmpeg


class TestProbe:
    def test_tells_size_rate_length_and_sound(self, clip):
        info = probe(clip)
        assert (info.width, info.height, info.fps) == (320, 180, 25)
        assert info.duration == pytest.approx(2, abs=0.05)
        assert info.has_sound and info.sound_codec == "aac" and not info.hdr

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("missing.mp4", None, "does not exist"),
            ("empty.mp4", b"", "is empty"),
            ("words.mp4", b"these are words\n" * 99, "not a video"),
            ("words.txt", b"these are words\n" * 99, "not a video"),
        ],
    )
    def test_refuses_in_a_sentence(self, tmp_path, name, content, sentence):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match=sentence) as caught:
            probe(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)

    def test_refuses_a_folder(self, tmp_path):
        with pytest.raises(MediaError, match="is a folder"):
            probe(tmp_path)

    def test_refuses_sound_without_picture(self, tmp_path):
        run_ffmpeg("-f", "lavfi", "-i", "sine=d=1", tmp_path / "song.m4a")
        with pytest.raises(MediaError, match="sound but no picture"):
            probe(tmp_path / "song.m4a")

    def test_the_sleeve_of_a_song_is_no_video(self, tmp_path):
        run_ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=0.04", "-frames:v", 1, tmp_path / "sleeve.png")
        run_ffmpeg(
            "-f", "lavfi", "-i", "sine=d=1", "-i", tmp_path / "sleeve.png", "-map", 0, "-map", 1, "-c:v", "copy",
            "-disposition:v", "attached_pic", tmp_path / "song.mp3",
        )  # fmt: skip
        with pytest.raises(MediaError, match="sound but no picture"):
            probe(tmp_path / "song.mp3")

    def test_refuses_a_photo(self, tmp_path):
        run_ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=0.04", "-frames:v", 1, tmp_path / "photo.jpg")
        with pytest.raises(MediaError, match="not a video"):
            probe(tmp_path / "photo.jpg")

    def test_refuses_a_download_cut_off_before_its_index(self, tmp_path, clip):
        (tmp_path / "half.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
        with pytest.raises(MediaError, match="cut off"):
            probe(tmp_path / "half.mp4")

    def test_a_video_is_looked_into_once_until_it_changes(self, tmp_path, monkeypatch):
        path = make(tmp_path / "clip.ts", "testsrc2=s=64x48:r=25:d=1")
        read_to_the_end = []
        measured = probe_module._measured_duration
        monkeypatch.setattr(probe_module, "_measured_duration", lambda *a: read_to_the_end.append(1) or measured(*a))
        assert probe(path).duration == pytest.approx(1, abs=0.05)
        assert len(frames_of(path)) == 25 and probe(path).duration == pytest.approx(1, abs=0.05)
        assert len(read_to_the_end) == 1
        make(path, "testsrc2=s=64x48:r=25:d=2")
        assert probe(path).duration == pytest.approx(2, abs=0.05) and len(read_to_the_end) == 2
        path.unlink()
        with pytest.raises(MediaError, match="does not exist"):
            probe(path)

    def test_is_cheap_to_import(self):
        heavy = "import sys, faceit.media.video; print({'av', 'ffmpeg', 'PIL', 'moviepy'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "set()"
