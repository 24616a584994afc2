"""The whole job, as a user would do it: three commands on real (small) videos."""

import av
import numpy as np
import pytest

from faceit.cli import main
from faceit.media.probe import probe
from faceit.media.provenance import read_note
from faceit.media.server import serve_folder
from faceit.media.video import read_frames

from .conftest import write_project


def test_from_urls_to_a_face_swapped_video(people, tmp_path, capfd):
    with serve_folder(people) as base:
        videos = {name: [{"url": f"{base}/{name}.mp4", "name": name}] for name in ("collins", "hopper")}
        config = ["--config", str(write_project(tmp_path, people, videos))]
        assert main(["preprocess", "c2h", *config]) == 0
    assert main(["train", "c2h", "--preset", "cpu", "--iterations", "20", "--batch-size", "4", *config]) == 0
    talk = people / "talk.mp4"
    assert main(["convert", "c2h", str(talk), "--side-by-side", *config]) == 0
    assert main(["status", *config]) == 0
    said = capfd.readouterr()

    folder = tmp_path / "data" / "output" / "c2h"
    before, after, beside = probe(talk), probe(folder / "talk.mp4"), probe(folder / "talk-side-by-side.mp4")
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    assert after.duration == pytest.approx(before.duration, abs=1.5 / before.fps)
    assert after.has_sound and beside.has_sound
    assert (beside.width, beside.height) == (2 * before.width, before.height)
    facts = read_note(folder / "talk.mp4")
    assert facts["consent"] == {"collins": "collins: public domain", "hopper": "hopper: public domain"}
    _only_the_face_and_the_label_changed(talk, folder / "talk.mp4")
    for shown in ("30 faces found", "20 steps", "30 frames, 30 swapped", "talk-side-by-side.mp4"):
        assert shown in said.out
    for file in ("preview.jpg", "loss.png", "history.csv", "model.json", "weights.safetensors"):
        assert (tmp_path / "models" / "c2h" / file).stat().st_size > 0
    assert "Traceback" not in said.err


def _only_the_face_and_the_label_changed(source, result):
    """Away from the face and the label, the picture is the source's but for the codec."""
    differences = [
        np.abs(one.astype(int) - other).max(2)
        for (_, one), (_, other) in zip(read_frames(source), read_frames(result), strict=True)
    ]
    mean = np.mean(differences, 0)
    h, w = mean.shape
    corner = mean[int(0.9 * h) :, : w // 3]
    assert corner.mean() < 4
    assert mean[h // 4 : h // 2, w // 3 : 2 * w // 3].mean() > 3 * corner.mean()  # the face did change


@pytest.mark.slow
def test_the_demo_goes_from_nothing_to_a_video_and_again_without_work(tmp_path, capfd, monkeypatch):
    from faceit.demo import run as demo

    monkeypatch.setattr(demo, "TRAIN_S", 2.0)
    monkeypatch.setattr(demo, "TALK_S", 1.0)
    words = ["demo", "--dir", str(tmp_path / "demo"), "--minutes", "0.05"]
    assert main(words) == 0
    output = tmp_path / "demo" / "data" / "output" / demo.SWAP / "hopper_talk-side-by-side.mp4"
    with av.open(str(output)) as video:
        assert video.streams.video and video.streams.audio
    made = output.stat().st_mtime_ns
    assert main(words) == 0
    assert output.stat().st_mtime_ns == made
    assert "hopper_talk-side-by-side.mp4" in capfd.readouterr().out
