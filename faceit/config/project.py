"""The project: people, their videos, the swaps; and every path under data/ and models/.

Relative paths are beside the YAML file, so a project is a folder that one can move. Names from the YAML become
parts of paths only when they match ``NAME``.
"""

import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from faceit.config.settings import (
    ConvertSettings,
    CurateSettings,
    ModelSettings,
    PreprocessSettings,
    TrainSettings,
    nearest,
)
from faceit.errors import FaceitError
from faceit.picture_files import pictures_in

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
        """A path as results say it: from the project's folder on where it is inside, so that a project can be moved,
        and its name alone where it is not: other folders are nobody's business."""
        if not self.holds(path):
            return Path(path).name
        return Path(os.path.relpath(path, self.root)).as_posix()

    def holds(self, path: Path) -> bool:
        """Whether it lies in the project's folder."""
        return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(self.root))

    def shown_video(self, video: Video) -> str:
        """What a video was taken from, as results say it."""
        return shown_url(video.url) if video.file is None else self.shown(video.file)

    def person(self, name: str) -> Person:
        if name not in self.people:
            raise FaceitError(f"{self.file.name} has no person '{name}'{nearest(name, self.people)}")
        return self.people[name]

    def swap(self, name: str) -> Swap:
        if name not in self.swaps:
            raise FaceitError(f"{self.file.name} has no swap '{name}'{nearest(name, self.swaps)}")
        return self.swaps[name]


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


def host_of(url: str) -> str | None:
    """The host that a URL names; None where it names none or is no URL."""
    try:
        return urlsplit(url).hostname
    except ValueError:  # a bracket alone, for example
        return None


def shown_url(url: str) -> str:
    """The address as it may be shown to anybody: without user and password, without the values of its query, where
    tokens stand (but YouTube's ``v`` says which video it is), and without what follows a # or, in its path, a ;. The
    name of a file comes as it is."""
    url = url.strip()
    has_scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url) is not None
    # typed without https://, it is an address where it has a password, or a host before its query
    if not has_scheme and not re.match(r"[^/?#\s]*:[^/?#\s]*@[^/]|[\w-]+(\.[\w-]+)+(:\d+)?/[^?]*\?", url):
        return url
    try:
        parts = urlsplit(url if has_scheme else f"//{url}")
    except ValueError:  # a bracket alone: nobody knows where its host ends
        return url.partition("?")[0].partition("#")[0].rpartition("@")[2]
    query = "&".join(_shown_value(*part.partition("=")) for part in parts.query.split("&")) if parts.query else ""
    path = re.sub(r";[^/]*", "", parts.path)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, query, "")).removeprefix("//")


def _shown_value(key: str, sign: str, value: str) -> str:
    """One part of an address's query: "v=abcDEF12345", "token=...", or "..." for a value without a key."""
    if key == "v" and re.fullmatch(r"[A-Za-z0-9_-]{1,16}", value):
        return f"v={value}"
    return f"{key}=..." if sign else "..."


def without_secrets(text: str) -> str:
    """A text as it may be shown to anybody: the addresses in it as ``shown_url`` gives them."""
    text = re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+", lambda found: shown_url(found[0]), text)
    # what HTTP libraries say of an address without its host
    return re.sub(r"(url: /[^\s'\"<>?]*\?)[^\s'\"<>]+", r"\1...", text)


def video_name(url: str, start: float | None = None, end: float | None = None) -> str:
    """A short readable name for a video, made from its URL or file name, unique by a hash of URL and range."""
    if "://" in url and host_of(url):
        parts = urlsplit(url)
        words = parse_qs(parts.query).get("v", [""])[0] or Path(parts.path.rstrip("/")).stem
        words = words or parts.netloc.rpartition("@")[2]
    else:
        words = Path(url).stem
    slug = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:40] or "video"
    return f"{slug}-{hashlib.sha1(f'{url}|{start}|{end}'.encode()).hexdigest()[:6]}"
