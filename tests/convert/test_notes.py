"""What a result tells: of swaps before, of both consents, of a label that is missing, of no folder outside."""

import json

import numpy as np
import pytest
import yaml

from faceit.config.project import Project
from faceit.config.project_file import load_project
from faceit.config.settings import PreprocessSettings
from faceit.convert.request import merged_consents, people_of
from faceit.errors import FaceitError
from faceit.images import read_image, write_image
from faceit.media.provenance import note, read_note

from .conftest import convert, result, results

ABOUT = {"people": {side: {"name": name, "consent": f"{name}: public domain"}
                    for side, name in (("a", "collins"), ("b", "hopper"))}}  # fmt: skip
BEFORE = {"from": "ann", "to": "bob", "consent": {"bob": "Bob, by letter"}, "before": [{"from": "eve", "to": "ann"}]}


def changed(project, change) -> None:
    """Change the YAML: ``change`` takes what it says."""
    said = yaml.safe_load(project.read_text())
    change(said)
    project.write_text(yaml.safe_dump(said))


def test_a_swap_of_a_swap_tells_of_all(project, people, tmp_path):
    photo = tmp_path / "swapped.jpg"
    write_image(photo, read_image(people / "collins.png"), comment=note(BEFORE))
    assert convert(project, photo) == 0
    facts = read_note(results(project) / "swapped.jpg")
    assert [(one["from"], one["to"]) for one in facts["before"]] == [("eve", "ann"), ("ann", "bob")]
    assert facts["before"][1]["consent"] == {"bob": "Bob, by letter"} and facts["from"] == "collins"


@pytest.mark.slow
def test_so_does_a_video_of_a_video_and_its_report(project, people):
    from faceit.cli import main

    assert convert(project, people / "talk.mp4") == 0
    first = result(project).rename(project.parent / "first.mp4")
    assert convert(project, first, "--everyone", "--reverse") == 0
    again = result(project, "first-reverse.mp4")
    assert [(one["from"], one["to"]) for one in read_note(again)["before"]] == [("collins", "hopper")]
    assert json.loads(again.with_suffix(".json").read_text())["before"][0]["swap"] == "c2h"
    assert main(["evaluate", "c2h", str(again), "--config", str(project)]) == 0
    page = again.with_suffix(".report.html").read_text()
    assert "Before, the face of collins had been replaced by the face of hopper. Consent: collins: collins" in page


def test_a_note_that_would_not_fit_is_said_before_the_work(project, people, tmp_path, capsys):
    photo = tmp_path / "swapped.png"
    write_image(photo, read_image(people / "collins.png"), comment=note({"before": [{"to": "x" * 64_500}]}))
    assert convert(project, photo) == 1
    assert "notes of earlier swaps in the source do not fit into a result's note" in capsys.readouterr().out
    assert not (results(project) / "swapped.png").exists()


def test_a_missing_label_is_said_and_noted(project, people, tmp_path, capsys):
    photo = tmp_path / "portrait.png"
    write_image(photo, read_image(people / "collins.png"))
    changed(project, lambda said: said["swaps"]["c2h"].update(convert={"label": False}))
    assert convert(project, photo) == 0
    assert "gets no AI MODIFIED label (label: false" in capsys.readouterr().out
    assert read_note(results(project) / "portrait.png")["label"] is False
    assert convert(project, people / "talk.mp4", "--preview", "1") == 0
    assert "gets no AI MODIFIED label" in capsys.readouterr().out
    assert read_note(result(project, "talk-preview.jpg"))["label"] is False


def test_of_a_person_who_is_there_twice_one_is_swapped_and_that_is_said(project, people, tmp_path, capsys):
    photo = tmp_path / "mirror.png"
    picture = read_image(people / "collins.png")
    write_image(photo, np.hstack([picture, picture[:, ::-1]]))
    assert convert(project, photo) == 0
    said = capsys.readouterr().out
    assert "collins is more than once in 1 photo (" in said and "only the likest face is swapped" in said
    assert convert(project, photo, "--everyone", "--overwrite") == 0
    assert "more than once" not in capsys.readouterr().out


def test_upside_down_is_thought_of(project, people, tmp_path, capsys):
    photo = tmp_path / "upside down.png"
    write_image(photo, read_image(people / "collins.png")[::-1])
    assert convert(project, photo) == 1
    assert "on its side or upside down? Then turn it upright first." in capsys.readouterr().err


def test_the_consent_is_the_models_and_the_yamls_for_the_footage(project):
    changed(project, lambda said: said["people"]["hopper"].update(consent="my aunt, by letter"))
    people = people_of(load_project(project), ABOUT)
    assert people["a"].consent == "collins: public domain"
    assert people["b"].consent == "hopper: public domain; for the footage: my aunt, by letter"
    assert people["b"].portraits == load_project(project).people["hopper"].portraits


def test_of_one_name_in_two_models_both_consents_are_told():
    consents = [{"ann": "by letter", "bob": "mine"}, {"cas": "mine", "bob": "by phone"}, {"bob": "mine"}]
    assert merged_consents(consents[:2]) == {"ann": "by letter", "bob": "mine; by phone", "cas": "mine"}
    assert merged_consents([consents[0], consents[2]]) == consents[0]


def test_a_model_without_a_consent_asks_for_one(project, tmp_path):
    about = {"people": {**ABOUT["people"], "b": {"name": "hopper", "consent": "TODO"}}}
    assert people_of(load_project(project), about)["b"].consent == "hopper: public domain"
    empty = Project(tmp_path / "faceit.yaml", {}, {}, PreprocessSettings())
    with pytest.raises(FaceitError, match=r"hopper: 'TODO' is no consent.*list hopper with a consent in faceit\.yaml"):
        people_of(empty, about)


@pytest.mark.slow
def test_a_result_names_files_outside_of_the_project_and_evaluate_still_finds_them(project, people, capsys):
    from faceit.cli import main

    assert convert(project, people / "talk.mp4", "--portrait", people / "collins.png") == 0
    written = result(project, "talk.json")
    story = json.loads(written.read_text())
    assert (story["source_file"], story["portraits"]) == ("talk.mp4", ["collins.png"])
    assert main(["evaluate", "c2h", str(result(project)), "--config", str(project)]) == 0
    evaluation = result(project, "talk.evaluation.json").read_text()
    assert str(people) not in written.read_text() + evaluation
    assert json.loads(evaluation)["videos"][0]["source"] == "talk.mp4"
    page = result(project, "talk.report.html").read_text()
    assert str(people.parent) not in page and "no longer where it was" not in page and "data:image" in page
    (project.parent / "data" / ".elsewhere.json").unlink()
    capsys.readouterr()
    assert main(["evaluate", "c2h", str(result(project)), "--config", str(project)]) == 1
    assert "name it with --source" in capsys.readouterr().err
