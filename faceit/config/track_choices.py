"""What was decided by hand about tracks: ``faces.yaml``, written by the page of faces, obeyed by preprocess.

    collins:                  # a person
      sts82:                  # one of their videos
        "000012350-0": drop   # a track: not them, whatever was measured
        "000098000-1": keep   # them
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from faceit.config.project import NAME, NAME_RULE
from faceit.config.settings import nearest, shown
from faceit.config.yaml_text import composed
from faceit.errors import ConfigError
from faceit.files import write_bytes

TRACK = re.compile(r"[0-9]{9,15}-[0-9]{1,4}")  # milliseconds, and the place among the faces of that frame
WORDS = {"keep": True, "drop": False}
HEAD = "# Which tracks count as whose: made on the page of faces (`python faceit.py faces NAME`), read by preprocess.\n"
MOST_BYTES = 20_000_000  # of the file; a choice takes 25
MOST_NODES = 200_000  # of it, aliases counted each time


@dataclass(frozen=True)
class TrackChoices:
    """``people``: person -> video -> track -> whether it was ticked (True) or unticked."""

    people: Mapping[str, Mapping[str, Mapping[str, bool]]] = field(default_factory=dict)

    def keep(self, person: str, video: str, track: str) -> bool | None:
        """Whether a track was ticked (True) or unticked by hand; None where nobody said."""
        return self.of(person, video).get(track)

    def of(self, person: str, video: str) -> Mapping[str, bool]:
        """The choices about one video of a person: track -> kept."""
        return self.people.get(person, {}).get(video, {})

    def counts(self, person: str) -> tuple[int, int]:
        """How many tracks of a person's videos were ticked, and how many unticked."""
        choices = [kept for tracks in self.people.get(person, {}).values() for kept in tracks.values()]
        return sum(choices), len(choices) - sum(choices)

    def taken(self, other: "TrackChoices", people: Iterable[str]) -> "TrackChoices":
        """These choices with all that ``other`` says of ``people`` in the place of what was said of them here."""
        return TrackChoices({**self.people, **{name: other.people[name] for name in people if name in other.people}})


def unmatched(choices: TrackChoices, person: str, video: str, tracks: Iterable) -> list[str]:
    """The names of tracks that were chosen and are not among ``tracks`` (things with a ``name``): they were found with
    other settings, and the choices wait for those."""
    here = {track.name for track in tracks}
    return sorted(set(choices.of(person, video)) - here)


def read_choices(file: Path) -> TrackChoices:
    """Read the file; without one there are no choices. ConfigError: one line with the line, what is wrong, and what is
    expected."""
    try:
        if not file.is_file():
            if file.exists():
                raise ConfigError(f"{file} is no file: name the faces.yaml that the page of faces saved.")
            return TrackChoices()
        if file.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{file} is too large to hold choices: name the faces.yaml that the page of faces saved.")
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise ConfigError(f"{file} is not UTF-8 text (byte {e.start + 1}): save it as UTF-8, or delete it.") from None
    except OSError as e:
        raise ConfigError(f"{file} cannot be read ({e.strerror}): check whose file it is.") from None
    return _Reader(file, text).choices()


def write_choices(file: Path, choices: TrackChoices) -> None:
    """Write the file, in the order of names; whole or as it was. FaceitError where the disk refuses."""
    chosen = {
        person: {video: {track: "keep" if kept else "drop" for track, kept in sorted(tracks.items())}
                 for video, tracks in sorted(videos.items()) if tracks}
        for person, videos in sorted(choices.people.items()) if any(videos.values())
    }  # fmt: skip
    write_bytes(file, (HEAD + (yaml.safe_dump(chosen) if chosen else "")).encode())


class _Reader:
    """Walks the YAML's nodes: three mappings in each other, and plain words. Nothing is constructed."""

    def __init__(self, file: Path, text: str):
        self.file, self.nodes = file, 0
        with composed(file, text) as (_, self.root):
            pass

    def choices(self) -> TrackChoices:
        return TrackChoices({
            self.name(person, "person"): {
                self.name(video, "video"): dict(self.track(*pair) for pair in self.pairs(tracks, "tracks"))
                for video, tracks in self.pairs(videos, "videos")
            }
            for person, videos in self.pairs(self.root, "people")
        })  # fmt: skip

    def fail(self, node, text: str) -> NoReturn:
        raise ConfigError(f"{self.file.name} line {node.start_mark.line + 1}: {text}")

    def pairs(self, node, what: str) -> list:
        """The (key, value) nodes of a mapping; nothing said is an empty one."""
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"):
            return []
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"expected {what} with a colon behind each name")
        seen = set()
        for key, _ in node.value:
            self.nodes += 1  # an alias is its anchor's node again: a hundred lines of them can be a billion
            if self.nodes > MOST_NODES:
                raise ConfigError(f"{self.file.name}: its aliases (*) multiply too much")
            if not isinstance(key, yaml.ScalarNode):
                self.fail(key, f"expected {what} with a colon behind each name")
            if key.value in seen:
                self.fail(key, f"{shown(key.value)} is there twice; take one out")
            seen.add(key.value)
        return node.value

    def name(self, node, what: str) -> str:
        if not NAME.fullmatch(node.value):
            self.fail(node, f"{shown(node.value)} cannot be the name of a {what}: names are {NAME_RULE}")
        return node.value

    def track(self, key, value) -> tuple[str, bool]:
        if not TRACK.fullmatch(key.value):
            self.fail(key, f"{shown(key.value)} is no track: they are called as on the page of faces, \"000012350-0\"")
        word = value.value if isinstance(value, yaml.ScalarNode) else None
        if word is None or word not in WORDS:
            what = "a list or a mapping" if word is None else shown(word)
            self.fail(value, f"expected keep or drop, not {what}{nearest(word, WORDS) if word else ''}")
        return key.value, WORDS[word]
