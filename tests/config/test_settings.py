"""Settings: one default each, checked wherever they come from."""

import dataclasses

import pytest

from faceit.config.settings import (
    CHOICES,
    RANGES,
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


@pytest.mark.parametrize("kind", ALL)
def test_every_number_has_a_range_and_every_range_a_number(kind):
    for field in dataclasses.fields(kind):
        number = "int" in str(field.type) or "float" in str(field.type)
        names = {field.name, f"{kind.__name__}.{field.name}"}
        bounded = names & {*RANGES, *CHOICES}
        assert bounded or not number, field.name


def test_each_table_names_fields_that_are_there():
    known = {name for kind in ALL for f in dataclasses.fields(kind) for name in (f.name, f"{kind.__name__}.{f.name}")}
    assert {*RANGES, *CHOICES} <= known


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
