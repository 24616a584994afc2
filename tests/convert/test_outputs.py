"""What convert writes: in step with the sound whatever the source is, and in every form that is asked for."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from faceit.cli import main
from faceit.convert import video_parts
from faceit.media.probe import probe
from faceit.media.provenance import Label, read_note
from faceit.media.video import read_frames

from ..media.flash_beep import make_flash_beep, offsets, run_ffmpeg
from .conftest import convert, result


def hidden(project) -> list:
    return [path.name for path in result(project).parent.rglob(".*")]


def source(folder, people, kind):
    """A talking head with a flash and a beep every second, in one of the ways in which videos are odd."""
    clip = make_flash_beep(folder, "constant", people / "collins.png")
    out = folder / f"{kind}.mp4"
    if kind == "rotated":  # as phones write it: lying, with a note to turn it
        run_ffmpeg("-i", clip, "-vf", "transpose=cclock", "-c:a", "copy", folder / "lying.mp4")
        run_ffmpeg("-display_rotation", 270, "-i", folder / "lying.mp4", "-c", "copy", out)
    elif kind == "59.94":
        run_ffmpeg("-i", clip, "-r", "60000/1001", "-c:a", "copy", out)
    elif kind == "two sounds":
        run_ffmpeg("-i", clip, "-i", clip, "-map", "0", "-map", "1:a", "-c:v", "copy", "-c:a:0", "copy", "-c:a:1",
                   "libmp3lame", out)  # fmt: skip
    elif kind == "no sound":
        run_ffmpeg("-i", clip, "-c", "copy", "-an", out)
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "size", "fps", "sounds"), [
    ("rotated", (320, 240), Fraction(25), 1),
    ("59.94", (320, 240), Fraction(60000, 1001), 1),
    ("two sounds", (320, 240), Fraction(25), 2),
    ("no sound", (320, 240), Fraction(25), 0),
])  # fmt: skip
def test_odd_sources_stay_in_step_over_the_parts(project, people, tmp_path, monkeypatch, kind, size, fps, sounds):
    monkeypatch.setattr(video_parts, "PART_S", 1.3)
    clip, out, trimmed = source(tmp_path, people, kind), tmp_path / "out.mp4", tmp_path / "trimmed.mp4"
    assert convert(project, clip, "--output", out) == 0
    info = probe(out)
    assert ((info.width, info.height), info.fps) == (size, fps)
    assert info.duration == pytest.approx(probe(clip).duration, abs=float(1 / fps))
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == sounds
    assert convert(project, clip, "--output", trimmed, "--start", "1.4", "--duration", "2.2") == 0
    assert probe(trimmed).duration == pytest.approx(2.2, abs=0.1)
    for made, seen in ((out, 4), (trimmed, 2)):
        if sounds:
            apart = offsets(made)
            assert len(apart) == seen and max(map(abs, apart)) <= 1 / fps


@pytest.mark.parametrize("name", ["talk.mkv", "talk.mov", "talk.webm"])
def test_the_name_says_what_is_written(project, people, name):
    out = result(project).parent / "elsewhere" / name
    assert convert(project, people / "talk.mp4", "--output", out, "--preset", "ultrafast") == 0
    assert len(list(read_frames(out))) == 30 and read_note(out)["to"] == "hopper"
    story = json.loads(out.with_name(f"{name}.json").read_text())
    assert story["settings"]["codec"] == ("vp9" if name.endswith("webm") else "h264")
    assert not hidden(project)


def test_a_lossless_copy_differs_in_the_face_alone(project, people):
    project.write_text(project.read_text().replace("to: hopper", "to: hopper\n    convert: {label: false}"))
    assert convert(project, people / "talk.mp4", "--codec", "ffv1") == 0
    for (_, before), (_, after) in zip(read_frames(people / "talk.mp4"), read_frames(result(project, "talk.mkv")),
                                       strict=True):  # fmt: skip
        changed = np.abs(before.astype(int) - after).max(2) > 0
        assert changed[100:200, 100:200].mean() > 0.5 and not changed[:20].any() and not changed[:, :20].any()


@pytest.mark.slow
@pytest.mark.parametrize(("form", "name"), [("gif", "talk.gif"), ("webp", "talk.webp")])
def test_pictures_that_move(project, people, form, name, capsys):
    assert convert(project, people / "talk.mp4", "--format", form, "--compare", "side") == 0
    with Image.open(result(project, name)) as image:
        assert image.n_frames == 30
    assert read_note(result(project, name))["from"] == "collins"
    assert json.loads(result(project, f"{name}.json").read_text())["counts"]["swapped"] == 30
    assert probe(result(project, "talk-side-by-side.mp4")).width == 640
    assert "evaluate" not in capsys.readouterr().out and not hidden(project)


def test_a_folder_of_pictures(project, people, capsys):
    assert convert(project, people / "talk.mp4", "--format", "png", "--duration", "0.5") == 0
    folder, beside = result(project, "talk-0-0.5"), result(project).parent
    assert {path.name for path in beside.iterdir()} <= {"talk-0-0.5", "talk-0-0.5.json", "talk-0-0.5-worst.jpg"}
    assert [path.name for path in sorted(folder.iterdir())] == [f"{i:06d}.png" for i in range(1, 9)]
    assert read_note(folder / "000003.png")["swap"] == "c2h"
    assert convert(project, people / "talk.mp4", "--format", "png", "--duration", "0.5") == 1
    assert "is there already" in capsys.readouterr().err
    (folder / "mine.txt").write_text("notes")
    assert convert(project, people / "talk.mp4", "--format", "png", "--duration", "0.5", "--overwrite") == 1
    assert "holds other files" in capsys.readouterr().err and (folder / "mine.txt").exists()


def test_a_second_run_into_the_same_folder_replaces_it_when_told(project, people, capsys):
    folder = result(project).parent / "frames"
    words = "--format", "png", "--output", folder, "--duration"
    assert convert(project, people / "talk.mp4", *words, "0.5") == 0
    assert convert(project, people / "talk.mp4", *words, "0.3") == 1
    assert "frames is there already" in capsys.readouterr().err and len(list(folder.iterdir())) == 8
    assert convert(project, people / "talk.mp4", *words, "0.3", "--overwrite") == 0
    assert [path.name for path in sorted(folder.iterdir())] == [f"{i:06d}.png" for i in range(1, 6)]


@pytest.mark.parametrize(("form", "name"), [("png", "one"), ("gif", "one.gif"), ("webp", "one.webp")])
def test_one_frame_is_enough(project, people, form, name):
    out = result(project).parent / "one"  # gets its ending
    assert convert(project, people / "talk.mp4", "--format", form, "--output", out, "--duration", "0.03") == 0
    made = out.with_name(name)
    assert read_note(made / "000001.png" if form == "png" else made)["from"] == "collins"


@pytest.mark.slow
def test_results_of_one_name_keep_their_own_stories(project, people):
    for name, codec in (("a.mp4", "h264"), ("a.mkv", "ffv1"), ("a", "h264"), ("B.MP4", "h264")):
        out = result(project).parent / name
        more = ["--codec", codec, "--overwrite", "--duration", "0.2"]
        assert convert(project, people / "talk.mp4", "--output", out, *more) == 0
    stories = {path.name: json.loads(path.read_text())["settings"]["codec"]
               for path in result(project).parent.glob("*.json")}  # fmt: skip
    assert stories == {"a.json": "h264", "a.mkv.json": "ffv1", "B.json": "h264"}  # a became a.mp4


def test_what_somebody_else_put_there_stays(project, people, capsys):
    mine = result(project, "talk-worst.jpg")
    mine.parent.mkdir(parents=True)
    mine.write_bytes((people / "collins.png").read_bytes())
    assert convert(project, people / "talk.mp4") == 1
    assert "talk-worst.jpg is there already, and none of faceit's" in capsys.readouterr().err
    assert mine.read_bytes() == (people / "collins.png").read_bytes()


@pytest.mark.slow
def test_a_fast_clock_keeps_every_frame(project, people, tmp_path):
    fast = tmp_path / "fast.mp4"
    run_ffmpeg("-i", people / "talk.mp4", "-vf", "setpts=N/(144*TB)", "-r", 144, "-frames:v", 12, fast)
    assert convert(project, fast, "--codec", "ffv1") == 0
    assert probe(result(project, "fast.mkv")).fps == 144 and len(list(read_frames(result(project, "fast.mkv")))) == 12
    assert convert(project, fast, "--format", "jpg", "--overwrite") == 0
    assert len(list(result(project, "fast").iterdir())) == 12


@pytest.mark.slow
def test_a_yaml_for_editors_is_still_measured(project, people):
    project.write_text(project.read_text().replace("to: hopper", "to: hopper\n    convert: {codec: prores}"))
    assert main(["evaluate", "c2h", "--config", str(project)]) == 0
    said = json.loads((project.parent / "models" / "c2h" / "evaluation.json").read_text())
    assert said["coverage"]["swapped"] > 0 and said["settings"]["codec"] == "h264"


@pytest.mark.slow
def test_a_video_from_a_machine_with_another_encoder_is_measured(project, people):
    assert convert(project, people / "talk.mp4", "--duration", "0.4") == 0
    out = result(project, "talk-0-0.4.mp4")
    told = json.loads(out.with_suffix(".json").read_text())
    told["settings"]["encoder"] = "videotoolbox"
    out.with_suffix(".json").write_text(json.dumps(told))
    assert main(["evaluate", "c2h", str(out), "--config", str(project)]) == 0
    said = json.loads(out.with_name("talk-0-0.4.evaluation.json").read_text())
    assert said["background"]["floors"]["codec"] > 20


def test_what_moves_is_short(project, people, tmp_path, capsys):
    long = tmp_path / "long.mp4"
    run_ffmpeg("-stream_loop", 40, "-i", people / "talk.mp4", "-c", "copy", long)
    assert convert(project, long, "--format", "gif") == 1
    assert "too long for gif: take up to 60 s" in capsys.readouterr().err
    assert convert(project, long, "--format", "gif", "--start", "20", "--duration", "1") == 0


@pytest.mark.parametrize("ending", [".webp", ".png"])
def test_a_picture_that_moves_is_a_video(project, people, tmp_path, ending, capsys):
    pictures = [Image.fromarray(frame) for _, frame in read_frames(people / "talk.mp4", end=0.6)]
    source = tmp_path / f"moving{ending}"
    pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=67)
    assert convert(project, source) == 0
    made = result(project, "moving.mp4")
    assert probe(made).duration == pytest.approx(len(pictures) * 0.067, abs=0.04) and read_note(made)["to"] == "hopper"
    assert convert(project, source, "--preview", "2") == 0
    assert "2 frames of moving" in capsys.readouterr().out and not hidden(project)


def test_the_layer_laid_over_the_video_is_the_result(project, people):
    assert convert(project, people / "talk.mp4", "--layer", "--codec", "ffv1") == 0
    layer = result(project, "talk-layer.mov")
    assert read_note(layer)["to"] == "hopper"
    with av.open(str(layer)) as container:
        [stream] = container.streams.video
        assert stream.codec_context.codec.name == "prores" and "yuva444" in stream.codec_context.pix_fmt
        faces = [frame.to_ndarray(format="rgba") for frame in container.decode(stream)]
    label = Label(320, 320).box
    videos = zip(faces, read_frames(people / "talk.mp4"), read_frames(result(project, "talk.mkv")), strict=True)
    for face, (_, before), (_, after) in videos:
        alpha = face[..., 3:].astype(float) / 255
        laid = face[..., :3] * alpha + before * (1 - alpha)
        apart = np.abs(laid - after).mean(2)
        assert apart.mean() < 1.5 and np.percentile(apart, 99) < 12
        assert alpha[150, 160] > 0.95 and alpha[300, 20] == 0
        assert alpha[label[1] + 8 : label[3] - 8, label[0] + 20 : label[2] - 20].mean() > 0.5  # the mark goes along


def test_an_encoder_that_is_not_here_is_said_before_anything_is_done(project, people, capsys):
    assert convert(project, people / "talk.mp4", "--encoder", "videotoolbox") == 1
    assert "videotoolbox does not work here" in capsys.readouterr().err
    assert not result(project).exists() and not hidden(project)
    assert convert(project, people / "talk.mp4", "--encoder", "auto", "--duration", "0.4") == 0
    assert len(list(read_frames(result(project, "talk-0-0.4.mp4")))) == 6
