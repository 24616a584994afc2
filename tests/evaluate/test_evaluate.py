"""evaluate from the command line: what was held out, a converted video, the files they give, and what can be wrong."""

import csv
import json
import shutil

import numpy as np
import pytest

from faceit.cli import main
from faceit.evaluate.reconstruction import face_crops
from faceit.geometry import WHOLEFACE
from faceit.measure.expression import EXPRESSIONS
from faceit.measure.table import COLUMNS
from faceit.media.probe import frame_count, probe

from ..conftest import copied
from ..drawn import drawn_set

pytestmark = pytest.mark.slow


def run(file, *words) -> int:
    return main([*words, "--config", str(file)])


@pytest.fixture(scope="module")
def converted(trained, people, tmp_path_factory):
    """The YAML of a project with talk.mp4 converted. Read only: take ``copied``."""
    file = copied(trained, tmp_path_factory.mktemp("converted"))
    assert run(file, "convert", "c2h", str(people / "talk.mp4")) == 0
    return file


def output(file):
    return file.parent / "data" / "output" / "c2h" / "talk.mp4"


def read(path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def nothing_is_nan(value) -> bool:
    if isinstance(value, dict):
        return all(map(nothing_is_nan, value.values()))
    if isinstance(value, list):
        return all(map(nothing_is_nan, value))
    return value == value


def test_what_was_held_out_is_converted_and_measured(trained, tmp_path, capfd):
    file = copied(trained, tmp_path)
    assert run(file, "evaluate", "c2h") == 0
    folder = file.parent / "models" / "c2h"
    results = read(folder / "evaluation.json")
    assert (results["format"], results["kind"]) == (1, "model")
    assert (results["from"]["name"], results["to"]["name"]) == ("collins", "hopper")
    [video] = results["videos"]
    assert video["start"] == pytest.approx(2.4) and video["end"] == pytest.approx(3.0, abs=0.1)
    assert (folder / video["file"]).is_file()
    assert video["source"] == "collins.mp4"  # outside of the project: by its name alone
    assert results["coverage"]["frames"] == frame_count(probe(folder / video["file"])) == 9
    for side, name in (("a", "collins"), ("b", "hopper")):
        figures = results["reconstruction"][side]
        assert (figures["name"], figures["faces"]) == (name, 6)
        assert 10 < figures["psnr"] < 60 and 0 < figures["ssim"] <= 1
        assert figures["gain"] == pytest.approx(figures["psnr"] - figures["mean_face_psnr"], abs=1e-3)
        assert results["faces"][side]["held_out"] == 6 and sum(map(sum, results["faces"][side]["yaw_pitch"])) == 30
    assert results["seen"] is False
    assert results["heads"].keys() == {"yaw", "pitch", "differ"} and abs(results["heads"]["yaw"]["to"]) < 60
    assert results["pose"]["offset"].keys() == results["pose"]["driving"].keys() == {"yaw", "pitch", "roll"}
    assert results["pose"]["floors"]["unswapped"]["offset"] == {"yaw": 0, "pitch": 0, "roll": 0}
    out = capfd.readouterr().out
    assert "9 of 9 frames are swapped." in out and "report.html" in out
    assert (folder / "report.html").is_file() and (folder / "frames.csv").is_file()


def test_a_converted_video_is_measured_against_its_source_the_same_twice(converted, tmp_path, capfd):
    file = copied(converted, tmp_path)
    files = [output(file).with_name(f"talk.{name}") for name in ("evaluation.json", "frames.csv")]
    written = []
    for _ in range(2):
        assert run(file, "evaluate", "c2h", str(output(file))) == 0
        written.append([path.read_bytes() for path in files])
    assert written[0] == written[1]
    results = json.loads(written[0][0])
    assert (results["kind"], results["videos"][0]["file"], results["videos"][0]["frames"]) == ("video", "talk.mp4", 30)
    assert results["coverage"] == {"frames": 30, "swapped": 30, "no_face": 0, "someone_else": 0, "lost": 0, "turned": 0}
    assert results["identity"]["dlib"]["floors"].keys() == {"real_to", "real_from", "unswapped", "mean_face"}
    dlib_floors = results["identity"]["dlib"]["floors"]
    assert dlib_floors["real_to"] < 0.4 < 0.5 < dlib_floors["unswapped"]
    assert results["expression"].keys() == set(EXPRESSIONS) and results["speed"]["frames_per_second"] > 0
    assert results["background"]["psnr"] > 35 and results["background"]["floors"]["codec"] > 35
    assert nothing_is_nan(results) and "30 of 30 frames are swapped." in results["summary"]
    rows = list(csv.DictReader(written[0][1].decode().splitlines()))
    assert len(rows) == 30 and set(COLUMNS) < rows[0].keys()
    assert output(file).with_name("talk.report.html").is_file()
    assert capfd.readouterr().out.count("Look at ") == 2


def test_report_at_once_and_a_part_and_a_moved_project(converted, people, tmp_path):
    file = copied(converted, tmp_path / "one")
    words = ["--reverse", "--start", "1", "--end", "2", "--height", "240", "--report"]
    assert run(file, "convert", "c2h", str(people / "hopper.mp4"), *words) == 0
    evaluation = file.parent / "data" / "output" / "c2h" / "hopper-1-2-reverse.evaluation.json"
    results = read(evaluation)
    assert results["reverse"] and (results["from"]["name"], results["to"]["name"]) == ("hopper", "collins")
    [video] = results["videos"]
    assert (video["start"], video["height"], results["coverage"]["swapped"]) == (1.0, 240, 15)
    moved = file.parent.rename(tmp_path / "two")
    assert run(moved / "faceit.yaml", "evaluate", "c2h", str(moved / "data/output/c2h/hopper-1-2-reverse.mp4")) == 0


def test_without_face_sets_portraits_do_and_floors_are_missing(converted, tmp_path):
    file = copied(converted, tmp_path)
    shutil.rmtree(file.parent / "data" / "processed")
    assert run(file, "evaluate", "c2h", str(output(file))) == 0
    results = read(output(file).with_name("talk.evaluation.json"))
    floors = results["identity"]["dlib"]["floors"]
    assert floors.pop("unswapped") > 0.5 and floors == {"real_to": None, "real_from": None, "mean_face": None}
    assert results["reconstruction"] is None and results["faces"] == {"a": None, "b": None} and results["lacking"] == []
    assert results["heads"] is None
    assert results["sharpness"]["ratio"] is None and results["identity"]["dlib"]["to"] > 0


def test_what_can_be_wrong_is_a_sentence(converted, people, tmp_path, capfd):
    file = copied(converted, tmp_path)
    talk = output(file)

    def complaint(*words) -> str:
        capfd.readouterr()
        assert run(file, "evaluate", *words) == 1
        err = capfd.readouterr().err.strip().splitlines()
        assert len(err) == 1 and err[0].startswith("faceit: ")
        return err[0]

    assert "There is no swap 'c2x'; did you mean c2h?" in complaint("c2x")
    assert "talk.json beside talk.mp4 does not say what it was made from" in complaint("c2h", str(people / "talk.mp4"))
    assert "nowhere.mp4 is not there, nor in" in complaint("c2h", "nowhere.mp4")
    assert "name that too" in complaint("c2h", str(talk), "--start", "3")
    assert "goes with one VIDEO" in complaint("c2h", "--source", str(people / "talk.mp4"))
    assert "is not as long as its source" in complaint("c2h", str(talk), "--source", str(people / "collins.mp4"))
    story = read(talk.with_suffix(".json"))
    talk.with_suffix(".json").write_text(json.dumps(story | {"source_file": "gone.mp4"}))
    assert "gone.mp4, from which talk.mp4 was made, is not there: name it with --source." in complaint("c2h", str(talk))
    talk.with_suffix(".json").write_text(json.dumps(story | {"swap": "other"}))
    assert "was made with the swap other: evaluate it under that name." in complaint("c2h", str(talk))
    for wrong in ({"settings": [1]}, {"settings": {"crf": "x"}}, {"counts": 3}, {"start": [2]}, {"portraits": 7}):
        talk.with_suffix(".json").write_text(json.dumps(story | wrong))
        assert "talk.json beside talk.mp4 is damaged" in complaint("c2h", str(talk))
    talk.with_suffix(".json").unlink()
    assert run(file, "evaluate", "c2h", "talk.mp4", "--source", str(people / "talk.mp4")) == 0
    assert not list(file.parent.rglob(".*.part"))


def test_a_model_that_may_have_trained_on_what_is_held_out_says_so(trained, tmp_path):
    file = copied(trained, tmp_path)
    model = file.parent / "models" / "c2h" / "model.json"
    about = read(model)
    assert {side: list(known.values()) for side, known in about["held_out_from"].items()} == {"a": [2.4], "b": [2.4]}
    about["held_out_from"]["b"] = dict.fromkeys(about["held_out_from"]["b"], 2.7)  # it has seen 0.3 s of the end
    model.write_text(json.dumps(about), encoding="utf-8")
    assert run(file, "evaluate", "c2h") == 0
    results = read(model.with_name("evaluation.json"))
    assert results["seen"] is True
    assert results["summary"][0].startswith("Careful: the network was trained on faces that are now held out")


def test_nobody_swapped_is_counted_and_no_figure_is_made_up(converted, tmp_path):
    file = copied(converted, tmp_path)
    assert run(file, "evaluate", "c2h", "talk.mp4", "--reverse") == 0  # as if Hopper had been in the talk
    results = read(output(file).with_name("talk.evaluation.json"))
    assert results["coverage"] == {"frames": 30, "swapped": 0, "no_face": 0, "someone_else": 30, "lost": 0, "turned": 0}
    assert results["identity"]["nearer_to"] is None and results["expression"]["mouth_opening"]["r"] is None
    assert results["worst"] == results["best"] == [] and nothing_is_nan(results)
    assert results["summary"][0] == "0 of 30 frames are swapped (30 with only other people)."


def test_nothing_held_out_says_what_to_do(trained, tmp_path, capfd):
    file = copied(trained, tmp_path)
    text = file.read_text(encoding="utf-8").replace("fps: 10", "fps: 10\n  held_out: 0")
    file.write_text(text, encoding="utf-8")
    assert run(file, "preprocess", "c2h") == 0
    assert run(file, "evaluate", "c2h") == 1
    assert "Nothing is held out of collins's videos: name a converted video, or set held_out" in capfd.readouterr().err


def test_faces_are_compared_in_the_face_crop_however_much_of_the_head_is_seen():
    near, whole = face_crops(drawn_set("ann", 3), 64), face_crops(drawn_set("ann", 3, 82, crop=WHOLEFACE), 64)
    assert near.shape == whole.shape == (3, 64, 64, 3) and near.max() <= 1
    beside = np.roll(near, 1, axis=2)  # a pixel
    assert np.abs(near - whole).mean() < 0.5 * np.abs(near - beside).mean()


@pytest.mark.parametrize("name", ["talk.evaluation.json", "talk.frames.csv", "talk.report.html"])
def test_a_file_of_the_users_beside_the_video_stays(converted, tmp_path, capsys, name):
    file = copied(converted, tmp_path)
    mine = output(file).with_name(name)
    mine.write_text("mine")
    assert run(file, "evaluate", "c2h", str(output(file))) == 1
    assert f"{name} is there already, and none of faceit's: move it away" in capsys.readouterr().err
    assert mine.read_text() == "mine"


def test_a_folder_for_what_is_measured_that_is_a_link_is_refused(trained, tmp_path, capsys):
    file = copied(trained, tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    (file.parent / "models" / "c2h" / "evaluation").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert run(file, "evaluate", "c2h") == 1
    assert "evaluation is a link, and faceit writes and removes files in it" in capsys.readouterr().err
    assert not list((tmp_path / "elsewhere").iterdir())
