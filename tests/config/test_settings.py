"""Settings: one default each, checked wherever they come from."""

import dataclasses

import pytest

from docs.tables import PAGE, TABLES, filled, table
from faceit.config.setting import options_of, settings_of
from faceit.config.settings import (
    ConvertSettings,
    CurateSettings,
    ModelSettings,
    PreprocessSettings,
    TrainSettings,
    check,
    nearest,
    overridden,
)
from faceit.errors import ConfigError

ALL = (PreprocessSettings, CurateSettings, ModelSettings, TrainSettings, ConvertSettings)


@pytest.mark.parametrize("kind", ALL)
def test_the_defaults_pass_their_own_checks(kind):
    assert check(kind, dataclasses.asdict(kind()), str) == kind()


def test_the_docs_have_the_tables_of_the_settings_as_they_are():
    text = PAGE.read_text(encoding="utf-8")
    assert all(text.count(f"<!-- settings: {name} -->\n") == 1 for name in TABLES) and {*TABLES.values()} == {*ALL}
    assert filled(text) == text, "docs/configuration.md is not up to date: run `python -m docs.tables`"


@pytest.mark.parametrize("kind", ALL)
def test_every_setting_has_one_row_in_the_docs(kind):
    lines = table(kind).splitlines()
    assert len({line.count("|") for line in lines}) == 1  # no word splits a cell
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(settings_of(kind))


@pytest.mark.parametrize("kind", ALL)
def test_every_number_has_a_range_or_choices(kind):
    for setting in settings_of(kind).values():
        assert not (setting.range and setting.choices), setting.name
        assert setting.range or setting.choices or setting.kind not in (int, float), setting.name


@pytest.mark.parametrize("kind", ALL)
def test_a_setting_is_stated_whole(kind):
    assert [setting.name for setting in settings_of(kind).values()] == [f.name for f in dataclasses.fields(kind)]
    for setting in settings_of(kind).values():
        assert setting.kind in (int, float, bool, str) and setting.default == getattr(kind(), setting.name)
        assert setting.help and not setting.help.endswith(".") and not setting.more.endswith(".")
        assert setting.optional == (setting.default is None)
        assert setting.option or not (setting.metavar or setting.group)


def test_a_setting_knows_its_values_and_its_option():
    convert = settings_of(ConvertSettings)
    assert (convert["crf"].values, convert["feather"].values, convert["label"].values) == (
        "0 to 51", "0 to 0.3", "true, false",
    )  # fmt: skip
    assert convert["keep"].values == "none, mouth, eyes, both"
    assert settings_of(TrainSettings)["warm_start"].values == "text" and convert["max_yaw"].flag == "--max-yaw"
    assert [setting.name for setting in options_of(ModelSettings)] == ["preset"]


def test_none_is_a_value_only_where_it_means_something():
    assert check(ConvertSettings, {"max_yaw": None}, str).max_yaw is None
    with pytest.raises(ConfigError, match="fade: expected a number, not None"):
        check(ConvertSettings, {"fade": None}, str)


def test_one_name_may_mean_two_things():
    with pytest.raises(ConfigError, match="not one of auto, cpu, gpu, original"):
        check(ModelSettings, {"preset": "fast"}, str)
    assert check(ConvertSettings, {"preset": "fast", "height": 64}, str).preset == "fast"
    with pytest.raises(ConfigError, match="take 144 to 8640"):
        check(PreprocessSettings, {"height": 64}, str)


def test_the_command_line_wins_and_is_checked_too():
    settings = TrainSettings(minutes=5.0, seed=7)
    assert overridden(settings, minutes=9.0, batch_size=None) == TrainSettings(minutes=9.0, seed=7)
    with pytest.raises(ConfigError, match=r"--batch-size: 9999 is out of range; take 1 to 4096"):
        overridden(settings, batch_size=9999)


def test_the_nearest_word():
    assert nearest("colour", ["color", "mask"]) == "; did you mean color?"
    assert nearest("xyz", ["color", "mask"]) == "; known: color, mask"
    assert nearest("xyz", []) == ""
