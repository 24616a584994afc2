"""Conversions in parts: a kill loses none that is whole, and nobody can see in the video where it was."""

import json
import os
import random
import signal
import subprocess
import sys
from itertools import pairwise

import av
import numpy as np
import pytest

from faceit.casting import first_pass
from faceit.cli import main
from faceit.convert import run, video_parts
from faceit.convert.video_parts import VideoConversion
from faceit.errors import MediaError
from faceit.lock import only_one
from faceit.media.probe import probe
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter

from ..conftest import ROOT, copied
from ..media.flash_beep import make_flash_beep, offsets, run_ffmpeg
from .conftest import result

PART_S = 0.4  # 6 of talk.mp4's 30 frames

# stops itself at the nth frame that is looked at or written
KILLING = """
import os, signal, sys
from faceit.cli import main
from faceit.media.writer import VideoWriter
from faceit.faces.follow import Follower
from faceit.convert import run, video_parts
video_parts.PART_S = float(sys.argv[1])
left = [int(sys.argv[2])]
def counted(method):
    def called(*given):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*given)
    return called
VideoWriter.write, Follower.step = counted(VideoWriter.write), counted(Follower.step)
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture
def project(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(video_parts, "PART_S", PART_S)
    return copied(trained, tmp_path / "project")


def words(project, video, *more) -> list[str]:
    return ["convert", "c2h", str(video), *more, "--config", str(project)]


def frames(path) -> list[np.ndarray]:
    return [frame for _, frame in read_frames(path)]


def same(one, other) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def hidden(project) -> list[str]:
    return [path.name for path in result(project).parent.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_killed_ten_times_the_video_is_the_same(project, people, capsys):
    assert main(words(project, people / "talk.mp4")) == 0
    undisturbed = frames(result(project))
    assert len(undisturbed) == 30
    result(project).unlink()
    rng = random.Random(1)
    for _ in range(10):
        left = str(rng.randint(2, 11))  # a part has 6 frames to look at and 6 to write
        ran = subprocess.run([sys.executable, "-c", KILLING, str(PART_S), left, *words(project, people / "talk.mp4")],
                             cwd=ROOT, env=os.environ, capture_output=True, text=True)  # fmt: skip
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        assert not result(project).exists()
    assert main(words(project, people / "talk.mp4")) == 0
    assert "was begun before" in capsys.readouterr().out
    assert same(frames(result(project)), undisturbed)
    assert not hidden(project)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["constant", "variable", "late_video", "late_sound"])
def test_parts_are_one_video_with_its_sound_in_step(project, people, tmp_path, kind, monkeypatch):
    clip = make_flash_beep(tmp_path, kind, people / "collins.png")
    counts = {}
    for seconds in (0.7, 60.0):
        monkeypatch.setattr(video_parts, "PART_S", seconds)
        out = tmp_path / f"{seconds}.mp4"
        assert main(words(project, clip, "--output", str(out))) == 0
        with av.open(str(out)) as container:
            stream = container.streams.video[0]
            times = sorted(packet.pts * stream.time_base for packet in container.demux(stream) if packet.size)
        steps = {later - before for before, later in pairwise(times)}
        assert steps == {1 / probe(out).fps} and times[0] == 0
        apart = offsets(out)
        assert len(apart) == len(offsets(clip)) and max(map(abs, apart)) <= 1 / probe(out).fps
        counts[seconds] = len(times)
    assert len(set(counts.values())) == 1


@pytest.mark.slow
def test_a_full_disk_keeps_what_was_done_and_it_goes_on(project, people, monkeypatch, capsys):
    opened = []
    enter = VideoWriter.__enter__

    def full(self):
        opened.append(self.path.name)
        if len(opened) == 3:
            raise MediaError(f"{self.path} cannot be written: No space left on device.")
        return enter(self)

    monkeypatch.setattr(VideoWriter, "__enter__", full)
    assert main(words(project, people / "talk.mp4")) == 1
    assert "No space left" in capsys.readouterr().err
    assert not result(project).exists()
    kept = sorted(path.name for path in (result(project).parent / ".talk.mp4.parts").glob("part-*"))
    assert kept == ["part-0000.mp4", "part-0001.mp4"]
    assert main(words(project, people / "talk.mp4")) == 0
    assert opened[3] == "part-0002.mp4" and "7 of 10 pieces" in capsys.readouterr().out
    assert json.loads(result(project, "talk.json").read_text())["counts"]["swapped"] == 30
    assert not hidden(project)


@pytest.mark.slow
def test_ctrl_c_is_a_normal_way_to_stop(project, people, monkeypatch, capsys):
    write, count = VideoWriter.write, []

    def stopping(self, frame):
        count.append(frame)
        if len(count) == 16:  # in the third part
            raise KeyboardInterrupt
        write(self, frame)

    monkeypatch.setattr(VideoWriter, "write", stopping)
    assert main(words(project, people / "talk.mp4")) == 130
    assert "goes on from here" in capsys.readouterr().err
    assert not result(project).exists()
    assert main(words(project, people / "talk.mp4")) == 0
    assert "7 of 10 pieces" in capsys.readouterr().out and len(frames(result(project))) == 30
    assert not hidden(project)


@pytest.mark.slow
def test_stopped_beside_a_result_that_is_whole_it_goes_on(project, people, monkeypatch, capsys):
    """The comparison is made when the result has its name: the same command is not refused because of that."""

    def stopped(*given):
        raise KeyboardInterrupt

    asked = words(project, people / "talk.mp4", "--side-by-side")
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_comparison", stopped)
        assert main(asked) == 130
    before = frames(result(project))
    assert main([*asked, "--color", "none"]) == 1  # that would be another one
    assert "is there already" in capsys.readouterr().err
    assert main(asked) == 0
    assert same(frames(result(project)), before) and hidden(project) == []
    assert len(frames(result(project, "talk-side-by-side.mp4"))) == len(before)
    assert main(asked) == 1  # now it is done
    assert "is there already" in capsys.readouterr().err


def test_other_settings_begin_anew(project, people, monkeypatch):
    keys, opened = [], VideoConversion.opened

    def seen(self):
        keys.append(self.key)
        return opened(self)

    monkeypatch.setattr(VideoConversion, "opened", seen)
    for more in ([], ["--reverse"], ["--everyone"], ["--height", "200"], []):
        main(words(project, people / "talk.mp4", "--duration", "0.3", "--overwrite", *more))
    assert len(set(keys)) == 4 and keys[0] == keys[-1]
    project.write_text(project.read_text().replace("to: hopper", "to: hopper\n    convert: {feather: 0.1}"))
    main(words(project, people / "talk.mp4", "--duration", "0.3", "--overwrite"))
    assert keys[-1] not in keys[:-1]


@pytest.mark.slow
def test_two_runs_never_write_one_video(project, people, capsys):
    folder = result(project).parent / ".talk.mp4.parts"
    with only_one(folder / video_parts.LOCK, "it is held"):
        assert main(words(project, people / "talk.mp4")) == 1
        assert "is being made by another process" in capsys.readouterr().err
        assert folder.is_dir()  # and the one who holds it keeps it
    assert main(words(project, people / "talk.mp4")) == 0


def test_a_hole_in_the_middle_keeps_the_length(project, people, tmp_path, monkeypatch):
    """A part that cannot be read shows the last picture: the sound goes on, and so does the rest."""
    read = first_pass.read_frames

    def holed(path, *, start=None, **more):
        for time, frame in read(path, start=start, **more):
            if 0.4 <= time < 0.8:
                raise MediaError("no picture in the part asked for")
            yield time, frame

    monkeypatch.setattr(first_pass, "read_frames", holed)
    assert main(words(project, people / "talk.mp4")) == 0
    assert len(frames(result(project))) == 30
    counts = json.loads(result(project, "talk.json").read_text())["counts"]
    assert (counts["frames"], counts["swapped"], counts["no_face"]) == (30, 24, 6)


def test_without_a_face_nothing_is_left(project, tmp_path, capsys):
    gray = tmp_path / "gray.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "color=gray:s=320x240:d=1:r=15", gray)
    assert main(words(project, gray)) == 1
    assert "No face in any of the 15 frames" in capsys.readouterr().err
    assert not hidden(project)
