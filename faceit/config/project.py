"""The project: people, their videos, the swaps, from one YAML file; and every path under data/ and models/.

Relative paths are beside the YAML file, so a project is a folder that one can move. Names from the YAML become
parts of paths only when they match ``NAME``.
"""

import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

from faceit.config.settings import (
    ConvertSettings,
    CurateSettings,
    ModelSettings,
    PreprocessSettings,
    TrainSettings,
    check,
    check_value,
    nearest,
    shown,
)
from faceit.config.yaml_text import composed
from faceit.errors import ConfigError, FaceitError
from faceit.picture_files import pictures_in

MOST_NODES = 100_000  # of a YAML file, aliases counted each time; ten thousand videos are half of it
# of people, videos and swaps; CON and its like are devices on Windows, in every folder
NAME = re.compile(r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])\Z)[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
NAME_RULE = "letters, digits, - and _, at most 64, and not con, nul and the like"


@dataclass(frozen=True)
class Video:
    """One video of a person: a URL to fetch or a file on disk, and the part of it that counts (seconds)."""

    url: str
    name: str
    start: float | None = None
    end: float | None = None
    fps: float | None = None
    file: Path | None = None  # set when it is on this disk already

    @property
    def range_in_file(self) -> tuple[float | None, float | None]:
        """(start, end) of what is read of the file: a download has been cut already."""
        return (None, None) if self.file is None else (self.start, self.end)


@dataclass(frozen=True)
class RefusedPerson:
    """Somebody a person must not be taken for: a portrait of the person ``whose``, or, with ``whose`` None, a picture
    or a folder of pictures, all of whose faces count."""

    path: Path
    whose: str | None = None

    def pictures(self) -> list[Path]:
        """The picture, or those in the folder, by name. FaceitError for a folder without any."""
        if not self.path.is_dir():
            return [self.path]
        inside = pictures_in(self.path)
        if not inside:
            raise FaceitError(f"{self.path}, under `not:`, holds no picture that can be read: use JPEG or PNG.")
        return inside


@dataclass(frozen=True)
class Person:
    """Whose face it is; the portraits say which face in a video is theirs, and ``refused`` which is not."""

    name: str
    portraits: tuple[Path, ...]
    consent: str
    videos: tuple[Video, ...] = ()
    photos: tuple[Path, ...] = ()
    refused: tuple[RefusedPerson, ...] = ()  # `not:` in the YAML

    @property
    def identity_pictures(self) -> tuple[Path, ...]:
        """All pictures that say which face is theirs and which is not, in the YAML's order."""
        return self.portraits + tuple(path for each in self.refused for path in each.pictures())


@dataclass(frozen=True)
class Swap:
    """Person ``a`` is in the video; the face of ``b`` replaces theirs (``from`` and ``to`` in the YAML)."""

    name: str
    a: Person
    b: Person
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    convert: ConvertSettings = field(default_factory=ConvertSettings)


@dataclass(frozen=True)
class Project:
    """Everything that the YAML says, understood once, and where things are on disk."""

    file: Path
    people: dict[str, Person]
    swaps: dict[str, Swap]
    preprocess: PreprocessSettings
    curate: CurateSettings = field(default_factory=CurateSettings)

    @cached_property
    def root(self) -> Path:
        return self.file.parent

    @property
    def data(self) -> Path:
        return self.root / "data"

    def videos_dir(self) -> Path:
        return self.data / "videos"

    def video_stem(self, video: Video) -> Path:
        """Where a fetched video goes, without its ending."""
        return self.videos_dir() / video.name

    def faces_dir(self, person: Person, source: str = "") -> Path:
        """Aligned faces of a person; ``source`` is a video's name, or "photos"."""
        folder = self.data / "processed" / person.name
        return folder / source if source else folder

    def faces_cache(self, person: Person) -> Path:
        """A person's faces as training reads them; made from the others, and made anew when it is gone."""
        return self.faces_dir(person, ".cache")

    def choices_file(self) -> Path:
        """What was ticked and unticked by hand on the page of faces."""
        return self.root / "faces.yaml"

    def face_dirs(self, person: Person) -> list[Path]:
        """The folders of all that the YAML lists for a person, done or not."""
        names = [video.name for video in person.videos] + (["photos"] if person.photos else [])
        return [self.faces_dir(person, name) for name in names]

    def model_dir(self, swap: str) -> Path:
        if not NAME.fullmatch(swap):
            raise FaceitError(f"{swap!r} cannot be a swap's name: use {NAME_RULE}.")
        return self.root / "models" / swap

    def model_names(self) -> list[str]:
        """The swaps that have a model, in the YAML or not."""
        names = (file.parent.name for file in (self.root / "models").glob("*/model.json"))
        return sorted(name for name in names if NAME.fullmatch(name))

    def output_dir(self, swap: str) -> Path:
        return self.data / "output" / swap

    def shown(self, path: Path) -> str:
        """A path as files say it: from the project's folder on where it is inside, so that a project can be moved."""
        path = Path(path).absolute()
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def person(self, name: str) -> Person:
        if name not in self.people:
            raise FaceitError(f"{self.file.name} has no person '{name}'{nearest(name, self.people)}")
        return self.people[name]

    def swap(self, name: str) -> Swap:
        if name not in self.swaps:
            raise FaceitError(f"{self.file.name} has no swap '{name}'{nearest(name, self.swaps)}")
        return self.swaps[name]


def load_project(file: Path) -> Project:
    """Read the YAML file. ConfigError: one line with the file, the line, the place, what is wrong."""
    try:
        file = Path(file).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"{file}: there is no such home folder; give the whole path of the YAML file.") from None
    try:
        text = file.read_text(encoding="utf-8")
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
    return _Reader(file, text).project()


class _Reader:
    """Turns the YAML's nodes into a Project, and knows on which line everything was said."""

    def __init__(self, file: Path, text: str):
        self.file = file
        self.lines: dict[str, int] = {}
        self.nodes = 0
        with composed(file, text) as (loader, node):
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
                place = f"{path}.{key.value}" if path else str(key.value)
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

    def where(self, place: str) -> str:
        """'faceit.yaml line 7: people.collins.videos'."""
        near = place
        while near and near not in self.lines:  # what is missing has no line: the line of what it is missing from
            near = near.rpartition(".")[0]
        return f"{self.file.name}{f' line {self.lines[near]}' if near else ''}: {place}"

    def fail(self, place: str, text: str):
        raise ConfigError(f"{self.where(place)}: {text}")

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

    def settings(self, kind, value, place: str):
        return check(kind, self.mapping(value, place), lambda key: self.where(f"{place}.{key}"))

    def person(self, name: str, value) -> Person:
        place = f"people.{name}"
        value = self.mapping(value, place, ("portrait", "not", "consent", "videos", "photos"))
        consent = value.get("consent")
        if not isinstance(consent, str) or not consent.strip():
            self.fail(f"{place}.consent", "say how you may use this face, for example: consent: \"my own face\"")
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
        return tuple(self.path(v, place) for v in values)

    def path(self, text: str, place: str) -> Path:
        if "\0" in text:
            self.fail(place, "a file name cannot hold a zero byte")
        try:
            return self.file.parent / Path(text).expanduser()
        except RuntimeError:
            self.fail(place, f"there is no such home folder: {text}")

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
            fps = check_value("Video", "fps", fps, float, lambda key: self.where(f"{place}.{key}"))
        is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", url) is not None
        if is_url and not url.lower().startswith(("http://", "https://")):
            self.fail(f"{place}.url", "only http and https URLs are fetched; for a file write its path alone")
        if is_url and not _host(url):
            self.fail(f"{place}.url", f"this is not a whole URL: {url}")
        if re.match(r"(www\.[\w-]+\.\w+|(m\.)?youtube\.com|youtu\.be)/", url, re.IGNORECASE):
            self.fail(f"{place}.url", f"write it as https://{url}")
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


def parse_time(value) -> float:
    """Seconds from 12, 12.5, "0:40", "1:02:03.5". ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int | float):
        seconds = value
    else:
        words = str(value).strip().split(":")
        if not all(re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", word) for word in words):
            raise ValueError(value)
        parts = [float(word) for word in words]
        if not 1 <= len(parts) <= 3 or any(p >= 60 for p in parts[1:]):
            raise ValueError(value)
        seconds = 0.0
        for p in parts:
            seconds = seconds * 60 + p
    if not 0 <= seconds < 1e7:  # also refuses nan
        raise ValueError(value)
    return float(seconds)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # a bracket alone, for example
        return None


def video_name(url: str, start: float | None = None, end: float | None = None) -> str:
    """A short readable name for a video, made from its URL or file name, unique by a hash of URL and range."""
    if "://" in url and _host(url):
        parts = urlsplit(url)
        words = parse_qs(parts.query).get("v", [""])[0] or Path(parts.path.rstrip("/")).stem or parts.netloc
    else:
        words = Path(url).stem
    slug = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:40] or "video"
    return f"{slug}-{hashlib.sha1(f'{url}|{start}|{end}'.encode()).hexdigest()[:6]}"
