"""A project's folders may be links: to a user's other disk they are followed, to other things they are not."""

import pytest

from faceit.cli import main
from faceit.config.own_folders import MARK
from faceit.config.project_file import load_project
from faceit.errors import ConfigError

YAML = """\
people:
  anna: {portrait: anna.jpg, consent: "my own face", videos: [a.mp4]}
  ben: {portrait: ben.jpg, consent: "Ben, by e-mail", videos: [b.mp4]}
swaps: {anna_to_ben: {from: anna, to: ben}}
"""
PLACES = ["data", "data/videos", "data/processed", "data/processed/anna", "data/processed/anna/a", "data/output",
          "data/output/anna_to_ben", "models", "models/anna_to_ben"]  # fmt: skip


@pytest.fixture
def linked(tmp_path):
    """A function: place -> the folder elsewhere to which it is a link in a project; ``load`` reads that."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "faceit.yaml").write_text(YAML)

    def link(place):
        target = tmp_path / "elsewhere"
        target.mkdir()
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).symlink_to(target, target_is_directory=True)
        return target

    link.load = lambda: load_project(root / "faceit.yaml")
    return link


@pytest.mark.parametrize("place", PLACES)
def test_a_link_to_somebodys_folder_is_refused_until_they_say_it_is_theirs(linked, place):
    target = linked(place)
    (target / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match=rf"{place} is a link to .*, where there is thesis\.txt"):
        linked.load()
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]
    (target / MARK).touch()
    linked.load()


@pytest.mark.parametrize("place", PLACES)
def test_a_link_to_an_empty_folder_is_taken_and_stays_so(linked, place):
    target = linked(place)
    (target / "lost+found").mkdir()  # as new disks have
    linked.load()
    (target / "talk.mp4").touch()
    linked.load()


def test_a_link_to_what_faceit_began_is_taken(linked):
    target = linked("data")
    (target / "processed" / "anna").mkdir(parents=True)
    (target / "videos").mkdir()
    linked.load()
    (target / MARK).unlink()
    (target / "letters").mkdir()
    with pytest.raises(ConfigError, match="where there is letters"):
        linked.load()


def test_a_link_to_models_is_taken(linked):
    target = linked("models")
    (target / "anna_to_ben").mkdir()
    (target / ".anna_to_ben.lock").touch()
    with pytest.raises(ConfigError, match="where there is anna_to_ben"):
        linked.load()
    (target / "anna_to_ben" / "model.json").write_text("{}")
    linked.load()


def test_a_disk_that_is_not_there_is_told(linked):
    linked("data/output").rmdir()
    with pytest.raises(ConfigError, match="which is not there: connect that disk"):
        linked.load()


def test_without_a_yaml_links_are_looked_at_too(linked, tmp_path, monkeypatch, capsys):
    (linked("models") / "thesis.txt").write_text("precious")
    (tmp_path / "project" / "faceit.yaml").unlink()
    monkeypatch.chdir(tmp_path / "project")
    assert main(["import", "a.faceit"]) == 1
    assert "models is a link" in capsys.readouterr().err
