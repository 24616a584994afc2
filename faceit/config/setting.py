"""One setting, stated once: its name, type, default, allowed values and words.

A setting is a field of a dataclass in ``faceit.config.settings``. The check of the YAML, the options of the command
line and the tables of docs/configuration.md are made from what is said there.
"""

import dataclasses
import types
import typing
from typing import Any


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is known of one setting.

    ``help`` says what it means, in the command line's help and in the page's table, where ``more`` follows as further
    sentences. ``choices`` or ``range`` (both ends included) limit the values. Where ``optional``, None is a value, and
    ``none`` says what then happens. Where ``option``, the command line has an option of that name; ``metavar`` stands
    for its value, and ``group`` is the heading of the help under which it is listed. ``former`` are choices of earlier
    versions, which projects may still have, and what is taken in their place.
    """

    name: str
    kind: type  # int, float, bool or str
    optional: bool
    default: Any
    help: str
    more: str = ""
    none: str = "none"
    choices: tuple = ()
    former: tuple[tuple[str, str], ...] = ()
    range: tuple[float, float] | None = None
    option: bool = False
    metavar: str | None = None
    group: str = ""

    @property
    def flag(self) -> str:
        """The name of its option: "--batch-size"."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def values(self) -> str:
        """The allowed values in words: "0 to 51", "light, none", "true, false"; "text" for any text."""
        if self.kind is bool:
            return "true, false"
        if self.range is not None:
            return " to ".join(map(in_words, self.range))
        return ", ".join(map(str, self.choices)) or "text"


def setting(default, help: str, **details) -> Any:
    """A dataclass field that states a setting; the keywords are those of ``Setting``."""
    return dataclasses.field(default=default, metadata={"help": help, **details})


def settings_of(kind: type) -> dict[str, Setting]:
    """The settings of a dataclass by name, in its order."""
    hints = typing.get_type_hints(kind)
    return {f.name: Setting(f.name, *_kind(hints[f.name]), f.default, **f.metadata) for f in dataclasses.fields(kind)}


def options_of(kind: type) -> list[Setting]:
    """Those of them that the command line may give, in the same order."""
    return [each for each in settings_of(kind).values() if each.option]


def _kind(hint) -> tuple[type, bool]:
    """(type, whether None is allowed too) of ``int`` or ``int | None``."""
    if not isinstance(hint, types.UnionType):
        return hint, False
    (kind,) = (each for each in typing.get_args(hint) if each is not type(None))
    return kind, True


def in_words(value) -> str:
    """A value as one writes it in YAML: "true", "0.08", "20" for 20.0."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
