"""The project's YAML file: read, checked, and turned into a Project."""

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import yaml

from faceit.config.consent import consent_fault
from faceit.config.own_folders import check_links
from faceit.config.project import (
    NAME,
    NAME_RULE,
    Person,
    Project,
    RefusedPerson,
    Swap,
    Video,
    host_of,
    parse_time,
    shown_url,
    video_name,
)
from faceit.config.setting import settings_of
from faceit.config.settings import (
    ConvertSettings,
    CurateSettings,
    ModelSettings,
    PreprocessSettings,
    Settings,
    TrainSettings,
    check,
    check_value,
    nearest,
    shown,
)
from faceit.config.yaml_hints import BACKSLASH, address_fault, comment_after, path_fault, space_hint
from faceit.config.yaml_text import composed
from faceit.errors import ConfigError
from faceit.plain_text import is_unseen

MOST_BYTES = 1_000_000  # of a YAML file; ten thousand videos are half of it, and the parser takes a second for 50 kB
FPS = settings_of(PreprocessSettings)["fps"]  # whose range a video's own rate has, too
MOST_NODES = 100_000  # of it, aliases counted each time
LONGEST_KEY, LONGEST_NUMBER = 100, 400  # characters
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# decimal, or minutes and seconds; YAML also has octal, hexadecimal and binary numbers, and _ between digits
PLAIN_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)(:[0-5]?[0-9])*")


def load_project(file: Path) -> Project:
    """Read the YAML file. ConfigError: one line with the file, the line, the place, what is wrong."""
    try:
        file = Path(file).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"{file}: there is no such home folder; give the whole path of the YAML file.") from None
    try:
        if file.exists() and not file.is_file() and not file.is_dir():  # a pipe or a device may never end
            raise ConfigError(f"{file} is no plain file: name the project's YAML file with --config.")
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigError(
                f"{file} has more than {MOST_BYTES / 1e6:g} MB, which no project has: name the YAML file with --config."
            )
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{file} is not there: write one with `python faceit.py init`, or name yours with --config."
        ) from None
    except UnicodeDecodeError as e:
        raise ConfigError(
            f"{file} is not UTF-8 text (byte {e.start + 1}): name the project's YAML file, or save it as UTF-8."
        ) from None
    except OSError as e:
        why = "is a folder" if file.is_dir() else f"cannot be read ({e.strerror})"
        raise ConfigError(f"{file} {why}: name the project's YAML file with --config.") from None
    check_links(file.parent)
    return _Reader(file, text).project()


class _Reader:
    """Turns the YAML's nodes into a Project, and knows on which line everything was said."""

    def __init__(self, file: Path, text: str):
        self.file, self.text = file, text
        self.text_lines = text.splitlines()
        self.lines: dict[str, int] = {}
        self.cut_off: dict[str, str] = {}  # place -> what looks like the rest of a name, and is a comment to YAML
        self.nodes = 0
        with composed(file, text, MOST_NODES) as (loader, node):
            if node is not None:
                self._note_lines(node, "")
            self.root = {} if node is None else loader.construct_document(node)

    def _note_lines(self, node, path: str, depth: int = 0) -> None:
        # an alias is its anchor's node again: one in itself never ends, and ten in a row in ten others are a billion
        self.nodes += 1
        if depth > 20 or self.nodes > MOST_NODES:
            raise ConfigError(f"{self.file.name}: this is nested too deeply, or its aliases (*) multiply too much")
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                self._check_key(key)
                place = f"{path}.{key.value}" if path else key.value
                self.lines[place] = key.start_mark.line + 1
                if place in seen:
                    raise ConfigError(f"{self.where(place)}: this key is there twice; take one out")
                seen.add(place)
                self._note_lines(value, place, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                place = f"{path}[{i}]"
                self.lines[place] = value.start_mark.line + 1
                self._note_lines(value, place, depth + 1)
        elif isinstance(node, yaml.ScalarNode):
            self._check_scalar(node, path)

    def _check_key(self, key) -> None:
        """Refuse what is no word before its text is made: a list of aliases as a key would be a billion."""
        if not isinstance(key, yaml.ScalarNode) or len(key.value) > LONGEST_KEY:
            is_word = isinstance(key, yaml.ScalarNode)
            why = f"has more than {LONGEST_KEY} characters" if is_word else "is a list or a mapping"
            raise ConfigError(f"{self.file.name} line {key.start_mark.line + 1}: this key {why}; write a word")

    def _check_scalar(self, node, place: str) -> None:
        """Refuse numbers that YAML takes for others than people do, and note names that it cuts off."""
        if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:  # of one with colons the time is quadratic
            self.fail(place, "this number has too many digits")
        if node.tag == NUMBERS[0] and not PLAIN_INT.fullmatch(node.value):
            with contextlib.suppress(ValueError):
                number = yaml.SafeLoader("").construct_yaml_int(node)
                self.fail(place, f"YAML reads {node.value} as {number}; write it without a 0 in front, or {number}, "
                          "or, where it is a name, in quotes")  # fmt: skip
        if node.style is None:  # written without quotes
            rest = comment_after(self.text_lines, node.end_mark.line, node.end_mark.column)
            if rest:
                self.cut_off[place] = rest

    def where(self, place: str) -> str:
        """'faceit.yaml line 7: people.collins.videos'."""
        near = place
        while near and near not in self.lines:  # what is missing has no line: the line of what it is missing from
            near = near.rpartition(".")[0]
        return f"{self.file.name}{f' line {self.lines[near]}' if near else ''}: {place}"

    def fail(self, place: str, text: str) -> NoReturn:
        # what is said of such a space once is enough
        hint = "" if "(U+" in text else space_hint(self.text, self.lines[place] - 1 if place in self.lines else None)
        raise ConfigError(f"{self.where(place)}: {text}{hint}")

    def mapping(self, value, place: str, known=None) -> dict:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fail(place, "expected keys with values under this")
        for key in value:
            if known is not None and key not in known:
                self.fail(f"{place}.{key}" if place else str(key), f"unknown key{nearest(key, known)}")
        return value

    def names(self, value, place: str) -> dict:
        seen: dict[str, str] = {}
        for name in self.mapping(value, place):
            if not isinstance(name, str):
                self.fail(f"{place}.{name}", f"write this name in quotes; without them YAML reads {shown(name)}")
            if not NAME.fullmatch(name):
                self.fail(f"{place}.{name}", f"names are {NAME_RULE}")
            other = seen.setdefault(name.lower(), name)
            if other != name:  # one folder on macOS and Windows
                self.fail(f"{place}.{name}", f"this is {other} but for capital letters; give it another name")
        return value or {}

    def project(self) -> Project:
        top = self.root
        if not isinstance(top, dict):
            raise ConfigError(f"{self.file.name}: expected `people:` and `swaps:` at the top; see `faceit.py init`")
        self.mapping(top, "", ("people", "swaps", "preprocess", "curate"))
        if not top.get("people"):
            raise ConfigError(f"{self.file.name}: no people; list them under `people:` (see `faceit.py init`)")
        people = {n: self.person(n, v) for n, v in self.names(top["people"], "people").items()}
        refused = {n: self.refused(p, top["people"][n].get("not"), people) for n, p in people.items()}
        people = {n: replace(p, refused=refused[n]) for n, p in people.items()}
        swaps = {n: self.swap(n, v, people) for n, v in self.names(top.get("swaps"), "swaps").items()}
        settings = self.settings(PreprocessSettings, top.get("preprocess"), "preprocess")
        curate = self.settings(CurateSettings, top.get("curate"), "curate")
        self.check_video_names(people)
        return Project(self.file, people, swaps, settings, curate)

    def settings(self, kind: type[Settings], value, place: str) -> Settings:
        return check(kind, self.mapping(value, place), lambda key: self.where(f"{place}.{key}"))

    def person(self, name: str, value) -> Person:
        place = f"people.{name}"
        value = self.mapping(value, place, ("portrait", "not", "consent", "videos", "photos"))
        consent = value.get("consent")
        fault = consent_fault(consent)
        if fault or not isinstance(consent, str):
            self.fail(f"{place}.consent", fault or "")
        portraits = self.paths(value.get("portrait") or f"data/persons/{name}.jpg", f"{place}.portrait")
        videos = value.get("videos") or []
        if not isinstance(videos, list):
            self.fail(f"{place}.videos", "expected a list: one `- URL` or `- file` a line")
        return Person(
            name, portraits, consent.strip(),
            tuple(self.video(v, f"{place}.videos[{i}]") for i, v in enumerate(videos)),
            self.paths(value.get("photos"), f"{place}.photos"),
        )  # fmt: skip

    def refused(self, person: Person, value, people: dict[str, Person]) -> tuple[RefusedPerson, ...]:
        """Who is under a person's `not:`: a word that is a person's name means that person, any other is a path."""
        place = f"people.{person.name}.not"
        found: list[RefusedPerson] = []
        for i, word in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
            found += self.refusal(person, word, f"{place}[{i}]" if isinstance(value, list) else place, people)
        return tuple(dict.fromkeys(found))

    def refusal(self, person: Person, word, place: str, people: dict[str, Person]) -> list[RefusedPerson]:
        if not isinstance(word, str) or not word.strip():
            self.fail(place, f"expected a person's name, a picture or a folder, not {shown(word)}")
        if word == person.name:
            self.fail(place, f"{word} cannot be refused as {word}; name others here")
        if word in people:
            return [RefusedPerson(path, word) for path in people[word].portraits]
        path = self.path(word, place)
        if path in person.portraits:
            self.fail(place, f"this is {person.name}'s own portrait; name pictures of others here")
        # what has an ending or a slash may be on another machine, and is missed when it is read
        if NAME.fullmatch(word) and not path.exists():
            self.fail(place, f"no person '{word}' under people, and no folder or picture{nearest(word, people)}")
        return [RefusedPerson(path)]

    def paths(self, value, place: str) -> tuple[Path, ...]:
        values = value if isinstance(value, list) else [] if value is None else [value]
        for i, v in enumerate(values):
            if not isinstance(v, str) or not v.strip():
                self.fail(f"{place}[{i}]" if isinstance(value, list) else place, "expected a file name, or a list")
        return tuple(self.path(v, f"{place}[{i}]" if isinstance(value, list) else place) for i, v in enumerate(values))

    def path(self, text: str, place: str) -> Path:
        if "\0" in text:
            self.fail(place, "a file name cannot hold a zero byte")
        try:
            path = self.file.parent / Path(text).expanduser()
        except RuntimeError:
            self.fail(place, f"there is no such home folder: {text}")
        if not os.path.exists(path):
            self.missing(text, place)
        return path

    def missing(self, text: str, place: str) -> None:
        """A file may be on another machine, or come later; but a name that YAML or an editor has changed never will."""
        if any(is_unseen(c) and c.isascii() for c in text):  # "C:\new\take" has the end of a line and a tab in it
            self.fail(place, f"this file name has a control character in it; {BACKSLASH}")
        fault = path_fault(text)
        if fault:
            self.fail(place, fault)
        rest = self.cut_off.get(place) or self.cut_off.get(place.removesuffix(".url"))
        if rest:
            self.fail(place, f"no file {text!r:.80} is there, and YAML takes {rest!r:.80} for a comment; if it belongs "
                      "to the name, put the whole name in quotes")  # fmt: skip

    def video(self, value, place: str) -> Video:
        if isinstance(value, str):
            value = {"url": value}
        value = self.mapping(value, place, ("url", "name", "start", "end", "fps"))
        url = value.get("url")
        if not isinstance(url, str) or not url.strip():
            self.fail(f"{place}.url", "expected a URL or the name of a video file")
        url = url.strip()
        start, end = (self.seconds(value.get(k), f"{place}.{k}") for k in ("start", "end"))
        if end is not None and end <= (start or 0):
            self.fail(f"{place}.end", f"the end ({end:g} s) is not after the start ({start or 0:g} s)")
        name = value.get("name")
        if name is not None and (not isinstance(name, str) or not NAME.fullmatch(name)):
            self.fail(f"{place}.name", f"names are {NAME_RULE}")
        fps = value.get("fps")
        if fps is not None:
            fps = check_value(FPS, fps, self.where(f"{place}.fps"))
        if fault := address_fault(url):
            self.fail(f"{place}.url", fault)
        is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", url) is not None
        if is_url and not url.lower().startswith(("http://", "https://")):
            self.fail(f"{place}.url", "only http and https URLs are fetched; for a file write its path alone")
        if is_url and not host_of(url):
            self.fail(f"{place}.url", f"this is not a whole URL: {shown_url(url)}")
        if re.match(r"(www\.[\w-]+\.\w+|(m\.)?youtube\.com|youtu\.be)/", url, re.IGNORECASE):
            self.fail(f"{place}.url", f"write it as https://{shown_url(url)}")
        file = None if is_url else self.path(url, f"{place}.url")
        return Video(url, name or video_name(url, start, end), start, end, fps, file)

    def seconds(self, value, place: str) -> float | None:
        try:
            return None if value is None else parse_time(value)
        except ValueError:
            self.fail(place, f"expected seconds or \"minutes:seconds\", not {shown(value)}")

    def swap(self, name: str, value, people: dict[str, Person]) -> Swap:
        place = f"swaps.{name}"
        value = self.mapping(value, place, ("from", "to", "model", "train", "convert"))
        for side in ("from", "to"):
            who = value.get(side)
            if not isinstance(who, str):
                self.fail(f"{place}.{side}", f"name a person here{nearest('', people)}")
            if who not in people:
                self.fail(f"{place}.{side}", f"no person '{who}' under people{nearest(who, people)}")
        if value["from"] == value["to"]:
            self.fail(f"{place}.to", "from and to are the same person")
        train = self.settings(TrainSettings, value.get("train"), f"{place}.train")
        if train.minutes is not None and train.iterations is not None:
            self.fail(f"{place}.train", "minutes or iterations say how long; take one of them out")
        return Swap(
            name, people[value["from"]], people[value["to"]],
            self.settings(ModelSettings, value.get("model"), f"{place}.model"), train,
            self.settings(ConvertSettings, value.get("convert"), f"{place}.convert"),
        )  # fmt: skip

    def check_video_names(self, people: dict[str, Person]) -> None:
        urls: dict[str, Video] = {}
        for person in people.values():
            mine = set()
            for i, video in enumerate(person.videos):
                place = f"people.{person.name}.videos[{i}]"
                if video.name == "photos":
                    self.fail(place, "a video cannot be called photos; give it another name")
                other = urls.setdefault(video.name.lower(), video)  # names are one on macOS and Windows
                if (other.url, other.start, other.end) != (video.url, video.start, video.end):
                    self.fail(place, f"another video has the name {other.name} already; give this one its own")
                if other.name != video.name:
                    self.fail(place, f"this video is called {other.name} elsewhere; call it that here too")
                if video.name in mine:
                    self.fail(place, f"this video is listed twice (name {video.name}); take one out or name it")
                mine.add(video.name)
