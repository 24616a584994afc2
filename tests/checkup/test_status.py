"""init writes a project that holds, status says how far it is."""

import dataclasses
import re
from pathlib import Path

import pytest

from faceit.checkup.status import TEMPLATE, init, status
from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.config.settings import ConvertSettings, CurateSettings, ModelSettings, PreprocessSettings, TrainSettings
from faceit.errors import FaceitError

from ..conftest import copied, write_project

ROOT = Path(__file__).parents[2]


def test_init_writes_a_project_that_validates(tmp_path):
    output = init(tmp_path / "faceit.yaml")
    project = load_project(tmp_path / "faceit.yaml")
    assert list(project.swaps) == ["anna_to_ben"]
    assert project.people["anna"].consent == "my own face"
    assert (tmp_path / "data" / "persons").is_dir()
    assert str(tmp_path / "data" / "persons") in output and "anna_to_ben" in output


def test_init_makes_the_folder_it_is_given(tmp_path):
    init(tmp_path / "my project" / "swap.yaml")
    assert load_project(tmp_path / "my project" / "swap.yaml").people


def test_init_overwrites_nothing(tmp_path):
    file = tmp_path / "faceit.yaml"
    file.write_text("mine")
    with pytest.raises(FaceitError, match="already exists"):
        init(file)
    assert file.read_text() == "mine"
    dangling = tmp_path / "link.yaml"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FaceitError, match="already exists"):
        init(dangling)


def test_what_the_example_has_in_comments_holds_too(tmp_path):
    open_all = re.sub(r"^( *)# ((photos|model|train|convert|preprocess):|- )", r"\1\2", TEMPLATE, flags=re.MULTILINE)
    (tmp_path / "faceit.yaml").write_text(open_all)
    project = load_project(tmp_path / "faceit.yaml")
    anna, swap = project.people["anna"], project.swap("anna_to_ben")
    assert len(anna.videos) == 3 and anna.photos
    assert anna.videos[1].name == "talk" and anna.videos[2].file == tmp_path / "data/videos/holiday.mp4"
    assert swap.train == TrainSettings(minutes=30.0)
    # these show the defaults
    assert (project.preprocess, swap.model, swap.convert) == (PreprocessSettings(), ModelSettings(), ConvertSettings())


def test_the_shortest_project_holds(tmp_path):
    (tmp_path / "faceit.yaml").write_text(
        "people:\n  a: {consent: mine}\n  b: {consent: mine}\nswaps:\n  s: {from: a, to: b}\n"
    )
    project = load_project(tmp_path / "faceit.yaml")
    assert project.swap("s").train == TrainSettings()
    assert project.people["a"].portraits == (tmp_path / "data/persons/a.jpg",)


@pytest.mark.parametrize("kind", [PreprocessSettings, CurateSettings, ModelSettings, TrainSettings, ConvertSettings])
def test_the_docs_list_every_setting_with_its_default(kind):
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = kind.__name__.removesuffix("Settings").lower()
    table = text.split(f"\n## {section}", 1)[1].split("\n## ")[0]
    table = "|" + table.split("|", 1)[1].split("\n\n")[0]  # the first one there
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines() if line.startswith("| ")]
    defaults_by_name = {}
    for keys, defaults in rows:  # "| crf, preset | 18, medium |" is two
        alone = ", " not in keys
        defaults_by_name |= dict(zip(keys.split(", "), [defaults] if alone else defaults.split(", "), strict=True))
    for field in dataclasses.fields(kind):
        value = field.default
        shown = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else value
        assert field.name in defaults_by_name, f"{field.name} is not in docs/configuration.md"
        assert value is None or defaults_by_name[field.name] == str(shown)


def test_status_of_a_project_that_has_nothing_yet(tmp_path):
    init(tmp_path / "faceit.yaml")
    output = status(load_project(tmp_path / "faceit.yaml"))
    assert "anna: portrait missing: " in output and "XXXXXXXXXXX" in output
    assert "not downloaded" in output and "0 faces in all" in output
    assert "anna_to_ben: anna gets the face of ben; not trained yet" in output


def test_status_tells_a_file_that_is_there_from_one_that_is_not(tmp_path):
    (tmp_path / "there.mp4").touch()
    (tmp_path / "a.jpg").touch()
    (tmp_path / "faceit.yaml").write_text(
        "people:\n  a:\n    consent: mine\n    portrait: a.jpg\n    photos: stills\n"
        "    videos: [there.mp4, {url: gone.mp4, name: gone}]\n"
    )
    lines = [line.strip() for line in status(load_project(tmp_path / "faceit.yaml")).splitlines()]
    assert "a: portrait found; consent: mine" in lines
    assert any(re.fullmatch(r"there-\w{6}: file found, no faces yet", line) for line in lines)
    assert "gone: file missing" in lines and "photos: no faces yet" in lines


def test_status_survives_what_lies_about_in_models(tmp_path):
    init(tmp_path / "faceit.yaml")
    for name in ("anna_to_ben", "damaged", "a name with spaces", ".part"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.json").write_text("{")
    output = status(load_project(tmp_path / "faceit.yaml"))
    assert "anna_to_ben: anna gets the face of ben;" in output and "damaged: not in the YAML;" in output
    assert "is damaged" in output and "spaces" not in output and ".part" not in output


@pytest.mark.slow
def test_status_of_a_project_that_is_trained(trained, tmp_path, capsys):
    file = copied(trained, tmp_path)
    pictures = (tmp_path / "data" / "processed" / "collins").glob("*/*.jpg")
    next(picture for picture in pictures if picture.name != "sheet.jpg").unlink()  # a face that a person did not like
    (tmp_path / "data" / "output" / "c2h").mkdir(parents=True)
    (tmp_path / "data" / "output" / "c2h" / "talk.mp4").touch()
    (tmp_path / "models" / "c2h").rename(tmp_path / "models" / "old")
    assert main(["status", "--config", str(file)]) == 0
    output = capsys.readouterr().out
    assert "29 faces in all" in output and "30 faces in all" in output
    assert "c2h: collins gets the face of hopper; not trained yet" in output
    assert re.search(r"old: not in the YAML; cpu\b.*, 30 steps in ", output)
    assert str(Path("data/output/c2h/talk.mp4")) in output


def test_a_project_can_be_moved(tmp_path, people):
    write_project(tmp_path / "one", people, {"collins": ["a.mp4"], "hopper": ["b.mp4"]})
    (tmp_path / "one").rename(tmp_path / "two")
    project = load_project(tmp_path / "two" / "faceit.yaml")
    assert project.people["collins"].videos[0].file == tmp_path / "two" / "a.mp4"
