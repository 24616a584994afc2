"""The project: people, their videos, the swaps, from one YAML file; and every path under data/ and models/.

Relative paths are beside the YAML file, so a project is a folder that one can move. Names from the YAML become
parts of paths only when they match ``NAME``.
"""

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

from .errors import ConfigError, FaceitError
from .settings import (
    ConvertSettings,
    ModelSettings,
    PreprocessSettings,
    TrainSettings,
    check,
    check_value,
    nearest,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
VIDEO_ENDINGS = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp")


@dataclass(frozen=True)
class Video:
    """One video of a person: a URL to fetch or a file on disk, and the part of it that counts (seconds)."""

    url: str
    name: str
    start: float | None = None
    end: float | None = None
    fps: float | None = None
    file: Path | None = None  # set when it is on this disk already


@dataclass(frozen=True)
class Person:
    """Whose face it is; the portraits say which face in a video is theirs."""

    name: str
    portraits: tuple[Path, ...]
    consent: str
    videos: tuple[Video, ...] = ()
    photos: tuple[Path, ...] = ()


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

    def face_dirs(self, person: Person) -> list[Path]:
        """The folders of all that the YAML lists for a person, done or not."""
        names = [video.name for video in person.videos] + (["photos"] if person.photos else [])
        return [self.faces_dir(person, name) for name in names]

    def model_dir(self, swap: str) -> Path:
        if not NAME.fullmatch(swap):
            raise FaceitError(f"'{swap}' cannot be a swap's name: use letters, digits, - and _, at most 64.")
        return self.root / "models" / swap

    def output_dir(self, swap: str) -> Path:
        return self.data / "output" / swap

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
    file = Path(file).expanduser().absolute()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{file} is not there: write one with `python faceit.py init`, or name yours with --config."
        ) from None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{file} cannot be read as UTF-8 text: {e}") from None
    return _Reader(file, text).project()


class _Reader:
    """Turns the YAML's nodes into a Project, and knows on which line everything was said."""

    def __init__(self, file: Path, text: str):
        self.file = file
        self.lines: dict[str, int] = {}
        try:
            loader = yaml.SafeLoader(text)
            try:
                node = loader.get_single_node()
                if node is not None:
                    self._note_lines(node, "")
                self.root = {} if node is None else loader.construct_document(node)
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as e:
            mark = e.problem_mark or e.context_mark
            line = f" line {mark.line + 1}" if mark else ""
            raise ConfigError(f"{file.name}{line}: this is not YAML: {e.problem or e.context}") from None
        except (yaml.YAMLError, RecursionError, ValueError, TypeError) as e:
            raise ConfigError(f"{file.name}: this is not YAML: {str(e).splitlines()[0]}") from None

    def _note_lines(self, node, path: str, depth: int = 0) -> None:
        if depth > 20:
            raise ConfigError(f"{self.file.name}: this is nested too deeply")
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
        line = self.lines.get(place) or self.lines.get(place.rpartition(".")[0])
        return f"{self.file.name}{f' line {line}' if line else ''}: {place}"

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
        for name in self.mapping(value, place):
            if not isinstance(name, str) or not NAME.fullmatch(name):
                self.fail(f"{place}.{name}", "names are letters, digits, - and _, at most 64, quoted if all digits")
        return value or {}

    def project(self) -> Project:
        top = self.root
        if not isinstance(top, dict):
            raise ConfigError(f"{self.file.name}: expected `people:` and `swaps:` at the top; see `faceit.py init`")
        self.mapping(top, "", ("people", "swaps", "preprocess"))
        if not top.get("people"):
            raise ConfigError(f"{self.file.name}: no people; list them under `people:` (see `faceit.py init`)")
        people = {n: self.person(n, v) for n, v in self.names(top["people"], "people").items()}
        swaps = {n: self.swap(n, v, people) for n, v in self.names(top.get("swaps"), "swaps").items()}
        settings = self.settings(PreprocessSettings, top.get("preprocess"), "preprocess")
        self.check_video_names(people)
        return Project(self.file, people, swaps, settings)

    def settings(self, kind, value, place: str):
        return check(kind, self.mapping(value, place), lambda key: self.where(f"{place}.{key}"))

    def person(self, name: str, value) -> Person:
        place = f"people.{name}"
        value = self.mapping(value, place, ("portrait", "consent", "videos", "photos"))
        consent = value.get("consent")
        if not isinstance(consent, str) or not consent.strip():
            self.fail(f"{place}.consent", "say how you may use this face, for example: consent: \"my own face\"")
        portraits = self.paths(value.get("portrait", f"data/persons/{name}.jpg"), f"{place}.portrait")
        videos = value.get("videos") or []
        if not isinstance(videos, list):
            self.fail(f"{place}.videos", "expected a list: one `- URL` or `- file` a line")
        return Person(
            name, portraits, consent.strip(),
            tuple(self.video(v, f"{place}.videos[{i}]") for i, v in enumerate(videos)),
            self.paths(value.get("photos"), f"{place}.photos"),
        )  # fmt: skip

    def paths(self, value, place: str) -> tuple[Path, ...]:
        values = value if isinstance(value, list) else [] if value is None else [value]
        for i, v in enumerate(values):
            if not isinstance(v, str) or not v.strip():
                self.fail(f"{place}[{i}]" if isinstance(value, list) else place, "expected a file name, or a list")
        return tuple(self.path(v) for v in values)

    def path(self, text: str) -> Path:
        return self.file.parent / Path(text).expanduser()

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
            self.fail(f"{place}.name", "names are letters, digits, - and _, at most 64")
        fps = value.get("fps")
        if fps is not None:
            fps = check_value("Video", "fps", fps, float, lambda key: self.where(f"{place}.{key}"))
        is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", url) is not None
        if is_url and not url.lower().startswith(("http://", "https://")):
            self.fail(f"{place}.url", "only http and https URLs are fetched; for a file write its path alone")
        file = None if is_url else self.path(url)
        return Video(url, name or video_name(url, start, end), start, end, fps, file)

    def seconds(self, value, place: str) -> float | None:
        try:
            return None if value is None else parse_time(value)
        except ValueError:
            self.fail(place, f"expected seconds or \"minutes:seconds\", not {value!r}")

    def swap(self, name: str, value, people: dict[str, Person]) -> Swap:
        place = f"swaps.{name}"
        value = self.mapping(value, place, ("from", "to", "model", "train", "convert"))
        for side in ("from", "to"):
            who = value.get(side)
            if who not in people:
                text = f"no person '{who}' under people{nearest(who, people)}" if who else "name a person here"
                self.fail(f"{place}.{side}", text)
        if value["from"] == value["to"]:
            self.fail(f"{place}.to", "from and to are the same person")
        return Swap(
            name, people[value["from"]], people[value["to"]],
            self.settings(ModelSettings, value.get("model"), f"{place}.model"),
            self.settings(TrainSettings, value.get("train"), f"{place}.train"),
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
                if video.name in mine:
                    self.fail(place, f"this video is listed twice (name {video.name}); take one out or name it")
                mine.add(video.name)
                other = urls.setdefault(video.name, video)
                if (other.url, other.start, other.end) != (video.url, video.start, video.end):
                    self.fail(place, f"another video has the name {video.name} already; give this one its own")


def parse_time(value) -> float:
    """Seconds from 12, 12.5, "0:40", "1:02:03.5". ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int | float):
        seconds = float(value)
    else:
        parts = [float(p) for p in str(value).strip().split(":")]
        if not 1 <= len(parts) <= 3 or any(p < 0 for p in parts) or any(p >= 60 for p in parts[1:]):
            raise ValueError(value)
        seconds = 0.0
        for p in parts:
            seconds = seconds * 60 + p
    if not 0 <= seconds < 1e7:  # also refuses nan
        raise ValueError(value)
    return seconds


def video_name(url: str, start: float | None = None, end: float | None = None) -> str:
    """A short readable name for a video, made from its URL or file name, unique by a hash of URL and range."""
    parts = urlsplit(url)
    words = parse_qs(parts.query).get("v", [""])[0] or Path(parts.path.rstrip("/")).stem or parts.netloc
    slug = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:40] or "video"
    return f"{slug}-{hashlib.sha1(f'{url}|{start}|{end}'.encode()).hexdigest()[:6]}"
