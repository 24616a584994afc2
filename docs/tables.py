"""Write the tables of docs/configuration.md, between their markers, from the settings in faceit/config/settings.py.

    python -m docs.tables
"""

import re
from pathlib import Path

from faceit.config.setting import Setting, in_words, settings_of
from faceit.config.settings import ConvertSettings, CurateSettings, ModelSettings, PreprocessSettings, TrainSettings

PAGE = Path(__file__).with_name("configuration.md")
TABLES = {
    "preprocess": PreprocessSettings, "curate": CurateSettings, "model": ModelSettings, "train": TrainSettings,
    "convert": ConvertSettings,
}  # fmt: skip
MARKED = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(kind: type) -> str:
    """The settings of a dataclass as a Markdown table."""
    rows = ["| key | default | values | meaning |", "| --- | --- | --- | --- |", *map(row, settings_of(kind).values())]
    return "\n".join(rows) + "\n"


def row(setting: Setting) -> str:
    default = setting.none if setting.default is None else in_words(setting.default)
    meaning = f"{setting.help}. {setting.more}" if setting.more else setting.help
    return f"| {setting.name} | {default} | {setting.values} | {meaning} |"


def filled(page: str) -> str:
    """The page's text with each table as the settings are now."""
    return MARKED.sub(lambda found: found[1] + table(TABLES[found[2]]) + found[3], page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
