"""What an earlier version left on disk goes on: a project half-way through preprocess, and a model in training.

``older/project.zip`` was made by faceit of November 2026, before its modules were moved into folders: one person is
done, the other was killed (kill -9) after the first of two segments. ``older/state.json`` is what that version wrote of
a model of six steps, but for the numbers: its strings, the names and shapes of its tensors, model.json, history.csv.
"""

import json
import zipfile
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.faces.faceset import DONE, read_table
from faceit.media import video
from faceit.network.model_file import STATE, read_about
from faceit.preprocess import run as stage
from faceit.preprocess import segment
from tests.drawn import drawn_project

OLDER = Path(__file__).with_name("older")


@pytest.fixture
def project(tmp_path) -> Path:
    with zipfile.ZipFile(OLDER / "project.zip") as packed:
        packed.extractall(tmp_path)
    return tmp_path / "faceit.yaml"


def test_faces_that_were_found_stay_and_half_a_video_is_finished(project, monkeypatch, capfd):
    done = {path: path.read_bytes() for path in (project.parent / "data" / "processed" / "collins").rglob("0*.jpg")}
    read = []

    def counted(path, **how):
        read.append((Path(path).stem, how["start"]))
        return video.read_frames(path, **how)

    monkeypatch.setattr(segment, "read_frames", counted)
    monkeypatch.setattr(stage, "SEGMENT_S", 1.0)  # as it was then
    assert main(["preprocess", "c2h", "--config", str(project)]) == 0
    assert read == [("hopper", 1.0)]  # nothing of Collins, and of Hopper only what is missing
    assert len(done) == 21  # and the best one of the track
    assert all(path.read_bytes() == data for path, data in done.items())
    found = load_project(project)
    for name in ("collins", "hopper"):
        [folder] = found.face_dirs(found.person(name))
        rows = read_table(folder)
        assert [round(row.time, 1) for row in rows] == [i / 10 for i in range(20)]
        assert len({row.track for row in rows}) == 1 and (folder / DONE).exists()  # one track over both segments
    assert "collins: 16 faces train and 4 are held out" in capfd.readouterr().out


@pytest.mark.slow
def test_training_goes_on_from_its_state(tmp_path, capfd):
    file = drawn_project(tmp_path, train={"timelapse": False})
    words = ["train", "a2b", "--config", str(file), "--iterations"]
    assert main([*words, "6"]) == 0
    folder, older = tmp_path / "models" / "a2b", json.loads((OLDER / "state.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / STATE)
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == older["shapes"]
    save_file(tensors, folder / STATE, metadata=older["strings"])
    (folder / "model.json").write_text(json.dumps(older["model"]), encoding="utf-8")
    (folder / "history.csv").write_text(older["history"], encoding="utf-8")
    capfd.readouterr()
    assert main([*words, "8"]) == 0
    assert "Going on at step 6" in capfd.readouterr().out
    about = read_about(folder)
    assert about["step"] == 8 and about["people"] == older["model"]["people"]
    assert (folder / "history.csv").read_text(encoding="utf-8").startswith(older["history"].rstrip("\n"))
