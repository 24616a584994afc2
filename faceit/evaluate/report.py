"""report: one HTML file to look at, made from evaluation.json, frames.csv and what lies on disk.

What is missing (a video that has gone, an imported model without a history, a figure that could not be measured) is
said in a sentence in its place. Nothing in the page asks the network for anything, and nothing in it runs.
"""

import csv
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit

import cv2
import numpy as np

from faceit.config.project import NAME, Project
from faceit.errors import FaceitError, MediaError
from faceit.files import read_json, write_text
from faceit.images import fit_within, read_image, resize
from faceit.media.provenance import Label
from faceit.media.video import probe, read_frames
from faceit.network.history import HISTORY, read_history
from faceit.pages import facesets, figures
from faceit.pages.render import picture, render
from faceit.pages.timelines import Frames, losses, timelines
from faceit.pages.values import clock, items, number, part, shown, text
from faceit.progress import Progress, duration

EVALUATION, FRAMES, REPORT = "evaluation.json", "frames.csv", "report.html"
FORMAT = 1  # of evaluation.json; a larger one was written by a newer faceit
MOST_WORST, MOST_BEST, MOST_TIMELINES = 6, 3, 6
FACE_SIDE, FRAME_SIDE = 320, 480  # pixels of the pictures: around a face, and of a whole frame
PREVIEW_SIDE, PREVIEW_KB = 790, 90.0
CHANGED = 14  # gray levels; a codec seldom changes a blurred pixel as much, a swap does
ROOM = 1.5  # of a face's picture to the changed part in it

WHY = {
    "identity": "looks less like {to} than the others", "expression": "mouth, eyes or brows do not follow",
    "pose": "the head is turned otherwise", "seam": "the edge of the face shows",
    "lost": "no face is found in the result",
}  # fmt: skip


def report(project: Project, evaluation: Path) -> Path:
    """Write the page beside an evaluation.json (``X.evaluation.json`` -> ``X.report.html``) and return its path.

    FaceitError when the file is no evaluation, or a newer faceit wrote it.
    """
    said = _read(evaluation)
    made = _Report(project, evaluation, said)
    page = made.beside(REPORT)
    write_text(page, render("report.html.j2", **made.values()))
    return page


def _read(evaluation: Path) -> dict:
    """evaluation.json, as far as it can be believed."""
    try:
        said = json.loads(evaluation.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FaceitError(f"{evaluation} is not there: run `python faceit.py evaluate SWAP` first.") from None
    except OSError as e:
        raise FaceitError(f"{evaluation} cannot be read ({e.strerror}): name an evaluation.json.") from None
    except (ValueError, RecursionError):
        raise FaceitError(f"{evaluation} is damaged: run `python faceit.py evaluate` again.") from None
    version = said.get("format") if isinstance(said, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise FaceitError(f"{evaluation} is no evaluation of faceit: name an evaluation.json.")
    if version > FORMAT:
        raise FaceitError(f"{evaluation} was written by a newer faceit ({said.get('faceit')!r:.40}): update faceit.")
    return said


@dataclass(frozen=True)
class _Shown:
    """A frame of the source and the same swapped, as the page shows them; without pictures, ``sentence`` says why."""

    title: str
    why: str
    time: str
    video: str
    link: str | None
    numbers: str
    source: str = ""
    swapped: str = ""
    sentence: str = ""


class _Report:
    """An evaluation with all that belongs to it on disk; ``values`` are what the template wants."""

    def __init__(self, project: Project, evaluation: Path, said: dict):
        self.project, self.file, self.said = project, evaluation, said
        self.who = figures.people(said)
        self.videos = [part(video) for video in items(said, "videos")]
        self.pairs = {i: _Pair(evaluation.parent, video, said) for i, video in enumerate(self.videos)}
        self.rows = _read_frames(self.beside(FRAMES))

    def beside(self, name: str) -> Path:
        """The file of that kind beside the evaluation: X.evaluation.json -> X.frames.csv."""
        stem = self.file.name
        before = stem.removesuffix(EVALUATION) if stem.endswith(EVALUATION) else f"{self.file.stem}."
        return self.file.with_name(before + name)

    def values(self) -> dict:
        worst = [entry for entry in items(self.said, "worst") if isinstance(entry, dict)][:MOST_WORST]
        best = [entry for entry in items(self.said, "best") if isinstance(entry, dict)][:MOST_BEST]
        typical = self._typical()
        total = len(worst) + len(best) + len(typical)
        with Progress("report", total, "picture") as progress:
            pictures = []
            for entry in [*typical, *worst, *best]:
                pictures.append(self._shown(entry, bad=entry in worst))
                progress.update(len(pictures))
        first, last = len(typical), len(typical) + len(worst)
        return {
            **self._head(), "typical": pictures[:first], "worst": pictures[first:last], "best": pictures[last:],
            "more_worst": max(0, len(items(self.said, "worst")) - len(worst)),
            "identity": figures.identity(self.said), "expression": figures.expression(self.said),
            "groups": figures.groups(self.said), "coverage": figures.coverage(self.said),
            **self._timelines(worst), **self._training(), **self._faces(), **self._sources(), **self._method(),
        }  # fmt: skip

    def _head(self) -> dict:
        modified = datetime.fromtimestamp(self.file.stat().st_mtime)
        files = [_name(video) for video in self.videos if _name(video)]
        return {
            "swap": text(self.said, "swap") or "a swap", "who": self.who, "is_model": self.said.get("kind") == "model",
            "is_reverse": self.said.get("reverse") is True, "date": f"{modified.day} {modified:%B %Y}", "files": files,
            "version": text(self.said, "faceit") or "an unknown version",
            "summary": [text({"s": s}, "s") for s in items(self.said, "summary") if text({"s": s}, "s")],
        }  # fmt: skip

    # --- frames ---

    def _typical(self) -> list[dict]:
        """The swapped frame of median trouble, if frames.csv knows one: what a frame looks like without choosing."""
        rows = [(number(row), i) for i, row in enumerate(self.rows.trouble) if number(row) is not None]
        rows = sorted((trouble, i) for trouble, i in rows if self.rows.state[i] == "swapped")
        if not rows:
            return []
        trouble, i = rows[len(rows) // 2]
        return [{"video": int(self.rows.video[i]), "time": float(self.rows.time[i]), "trouble": trouble}]

    def _shown(self, entry: dict, bad: bool) -> _Shown:
        """The pictures and words of one frame."""
        time, trouble, which = number(entry, "time"), number(entry, "trouble"), number(entry, "video")
        pair = self.pairs.get(int(which)) if which is not None else None
        why = WHY.get(text(entry, "why") or "", "").format(to=self.who.giver)
        said = {"title": self.who.driver, "why": why if bad else "", "time": "" if time is None else clock(time),
                "video": pair.name if pair else "", "link": pair.link(time) if pair else None,
                "numbers": self._numbers(int(which) if pair else -1, time, trouble)}  # fmt: skip
        if pair is None or time is None or time < 0:
            return _Shown(**said, sentence="The evaluation does not say where this frame is.")
        try:
            source, swapped = pair.pictures(time)
        except MediaError as e:
            return _Shown(**said, sentence=str(e))
        return _Shown(**said, source=source, swapped=swapped)

    def _numbers(self, video: int, time: float | None, trouble: float | None) -> str:
        words = []
        row = self.rows.nearest(video, time)
        distance = number({"d": self.rows.columns["distance_to"][row]}, "d") if row is not None else None
        if distance is not None:
            words.append(f"distance {shown(distance)}")
        if trouble is not None:
            words.append(f"trouble {shown(trouble)}")
        return ", ".join(words)

    def _timelines(self, worst: list[dict]) -> dict:
        drawn = []
        for i, video in enumerate(self.videos[:MOST_TIMELINES]):
            pins = [(time, str(n + 1)) for n, entry in enumerate(worst)
                    if number(entry, "video") == i and (time := number(entry, "time")) is not None]  # fmt: skip
            charts = timelines(self.said, self.rows.of(i), pins)
            drawn.append({"name": _name(video) or f"video {i + 1}", "charts": charts, "facts": _facts(video)})
        states = {state for state in self.rows.state if state in figures.STATES and state != "swapped"}
        return {
            "timelines": drawn, "has_timelines": any(one["charts"] for one in drawn),
            "more_videos": max(0, len(self.videos) - MOST_TIMELINES), "frames_file": self.beside(FRAMES).name,
            "shades": [(state, words) for state, words in figures.STATES.items() if state in states],
        }  # fmt: skip

    # --- training ---

    @cached_property
    def folder(self) -> Path | None:
        """The swap's model folder; None where the name cannot be one."""
        name = text(self.said, "swap") or ""
        return self.project.model_dir(name) if NAME.fullmatch(name) else None

    @cached_property
    def about(self) -> dict:
        return (read_json(self.folder / "model.json") if self.folder else None) or {}

    def _training(self) -> dict:
        about, history = self.about, read_history(self.folder / HISTORY) if self.folder else []
        names = {side: text(about, "people", side, "name") or side for side in ("a", "b")}
        tones = {"a": "to", "b": "from"} if self.said.get("reverse") is True else {"a": "from", "b": "to"}
        then, now = number(self.said, "model", "step"), number(about, "step")
        return {
            "loss": losses(history, names, tones), "training": _training_facts(about, names), "has_model": bool(about),
            "trained_on": _trained_on(then, now),
            "training_settings": [("train", _settings(about.get("train"))), ("preset", _settings(about.get("preset")))],
            "preview": self._preview(), "names": names, "tones": tones,
        }  # fmt: skip

    def _preview(self) -> str:
        """The newest preview of the training, or nothing."""
        if self.folder is None:
            return ""
        kept = sorted((self.folder / "previews").glob("*.jpg"), reverse=True)
        for path in (self.folder / "preview.jpg", self.folder / "previews" / "preview.jpg", *kept[:1]):
            if path.is_file():
                try:
                    return picture(fit_within(read_image(path), PREVIEW_SIDE)[0], PREVIEW_KB)
                except MediaError:
                    continue
        return ""

    # --- people ---

    def _faces(self) -> dict:
        return {"poses": facesets.poses(self.said), "spreads": facesets.spreads(self.said),
                "lacking": facesets.lacking(self.said), "heads": facesets.heads(self.said)}  # fmt: skip

    def _sources(self) -> dict:
        found = []
        for side, tone in (("from", "from"), ("to", "to")):
            name = text(self.said, side, "name")
            if name:
                found.append({"name": name, "tone": tone, "consent": text(self.said, side, "consent"),
                              "known": name in self.project.people, "videos": self._videos_of(name)})  # fmt: skip
        return {"sources": found}

    def _videos_of(self, name: str) -> list[dict]:
        person = self.project.people.get(name)
        return [self._source(video) for video in person.videos] if person else []

    def _source(self, video) -> dict:
        """What is known of one video of a person: the YAML's words, and those of the page that it was fetched from."""
        fetched = read_json(self.project.video_stem(video).with_suffix(".json")) if video.file is None else None
        span = ""
        if video.start is not None or video.end is not None:
            span = f"{clock(video.start or 0)} to {'the end' if video.end is None else clock(video.end)}"
        facts = [text(fetched or {}, key) for key in ("title", "uploader")]
        licence = text(fetched or {}, "licence")
        title = facts[0] or (Path(video.url).name if video.file is not None else video.name)
        return {"title": title, "uploader": facts[1] or "", "licence": licence or "", "span": span,
                "fetched": fetched is not None, "is_file": video.file is not None,
                "url": video.url, "link": video.url if _is_web(video.url) else None}  # fmt: skip

    def _method(self) -> dict:
        return {"settings": _settings(self.said.get("settings")),
                "second": text(self.said, "identity", "second", "name"),
                "threshold": number(self.said, "identity", "dlib", "threshold")}  # fmt: skip


# ------------------------------------------------------------------------------------------------------- a video pair


class _Pair:
    """A converted video and its source, to take single frames out of."""

    def __init__(self, folder: Path, video: dict, said: dict):
        self.name = _name(video)
        self._file, self._source = text(video, "file"), text(video, "source")
        self._folder, self._start = folder, number(video, "start") or 0.0
        self._has_label = part(said, "settings").get("label") is not False
        self._why: str | None = None  # a file that could not be read is not tried again

    def link(self, time: float | None) -> str | None:
        """Where a browser finds the converted video at ``time``: a relative address, percent-encoded."""
        if not self._file:
            return None
        place = "" if time is None else f"#t={max(0.0, time):.1f}"
        if Path(self._file).is_absolute():
            return Path(self._file).as_uri() + place
        return f"./{quote(self._file.encode('utf-8', 'replace'), safe='/')}{place}"

    def pictures(self, time: float) -> tuple[str, str]:
        """(source, swapped) at ``time`` of the converted video as data: URIs, around the face where it is known."""
        if self._why:
            raise MediaError(self._why)
        try:
            swapped = self._frame(self._file, time, "converted video")
            source = self._frame(self._source, self._start + time, "source video")
        except MediaError as e:
            self._why = str(e)
            raise
        if source.shape != swapped.shape:
            source = resize(source, swapped.shape[1], swapped.shape[0])
        box = _changed(source, swapped, self._has_label)
        if box is None:
            return tuple(picture(fit_within(frame, FRAME_SIDE)[0]) for frame in (source, swapped))
        left, top, side = box
        cut = [frame[top : top + side, left : left + side] for frame in (source, swapped)]
        return tuple(picture(resize(face, FACE_SIDE, FACE_SIDE)) for face in cut)

    def _frame(self, name: str | None, time: float, what: str) -> np.ndarray:
        """The frame that is on screen at ``time``. MediaError, as the page says it, when there is none."""
        if not name:
            raise MediaError(f"The evaluation does not name the {what}.")
        path = self._folder / name
        if "\0" in name or not path.is_file():
            raise MediaError(f"The {what} {Path(name).name} is no longer where it was.")
        step = 1 / probe(path).fps
        # whole frames before it, so that the beat is the one on which the video was converted
        early = min(2, math.floor(Fraction(time) / step + Fraction(1, 100)))
        start = max(0.0, time - float(early * step))
        near = list(read_frames(path, start=start, end=time + 2 * float(step)))
        return min(near, key=lambda entry: abs(entry[0] - time))[1]


def _changed(source: np.ndarray, swapped: np.ndarray, has_label: bool) -> tuple[int, int, int] | None:
    """The square (left, top, side) around the largest part that differs, label aside; None where none does."""
    height, width = source.shape[:2]
    difference = cv2.absdiff(source, swapped).max(axis=2)
    if has_label:
        left, top, right, bottom = Label(width, height).box
        difference[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = 0
    small, scale = fit_within(np.ascontiguousarray(difference), 320)
    near = max(3, round(max(small.shape) * 0.02)) | 1
    seen = cv2.GaussianBlur(small, (near, near), 0)
    mask = cv2.dilate((seen > CHANGED).astype(np.uint8), np.ones((near, near), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    weight = [float(seen[labels == i].sum()) for i in range(1, count)]
    x, y, w, h, _ = stats[1 + int(np.argmax(weight))]
    if max(w, h) < 0.04 * max(small.shape):
        return None
    side = min(round(ROOM * max(w, h) / scale), height, width)
    middle_x, middle_y = (x + w / 2) / scale, (y + h / 2) / scale
    left = min(max(0, round(middle_x - side / 2)), width - side)
    return left, min(max(0, round(middle_y - side / 2)), height - side), side


# ------------------------------------------------------------------------------------------------------------- tables


class _Rows:
    """frames.csv: a list for each column."""

    def __init__(self):
        self.video: list[float] = []
        self.time: list[float] = []
        self.state: list[str] = []
        self.columns: dict[str, list[float]] = defaultdict(list)

    @property
    def trouble(self) -> list[float]:
        return self.columns["trouble"]

    def of(self, video: int) -> Frames:
        """The frames of one video, in the order of time."""
        rows = sorted((i for i, v in enumerate(self.video) if v == video), key=lambda i: self.time[i])
        columns = {name: np.array([values[i] for i in rows]) for name, values in self.columns.items() if values}
        return Frames(np.array([self.time[i] for i in rows]), [self.state[i] for i in rows], columns)

    def nearest(self, video: int, time: float | None) -> int | None:
        """The row of a video nearest to a time, if one has it to a twentieth of a second."""
        rows = [i for i, v in enumerate(self.video) if v == video and self.columns["distance_to"]]
        if time is None or not rows:
            return None
        row = min(rows, key=lambda i: abs(self.time[i] - time))
        return row if abs(self.time[row] - time) < 0.05 else None


def _read_frames(path: Path) -> _Rows:
    """The table beside the evaluation; rows that cannot be read are left out, and without a file there are none."""
    rows = _Rows()
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for line in csv.DictReader(file):
                video, time = _float(line.get("video")), _float(line.get("time"))
                if math.isnan(video) or math.isnan(time):
                    continue
                rows.video.append(video)
                rows.time.append(time)
                rows.state.append(line.get("state") or "")
                for name in line.keys() - {"video", "time", "state", "frame", None}:
                    rows.columns[name].append(_float(line[name]))
    except (OSError, csv.Error):
        return rows if _is_even(rows) else _Rows()
    return rows


def _is_even(rows: _Rows) -> bool:
    return all(len(values) == len(rows.time) for values in rows.columns.values())


def _float(value) -> float:
    """A number from a table; nan for anything else, and for what is beyond belief."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return math.nan
    return found if abs(found) < 1e12 else math.nan


def _trained_on(then: float | None, now: float | None) -> str:
    """A sentence where the model on disk is not the one that was measured."""
    if then is None or now is None or then == now:
        return ""
    what = "has been trained on since" if now > then else "is another one now"
    return f"The model {what}: {shown(then, 0)} steps when this was measured, {shown(now, 0)} on this disk."


def _training_facts(about: dict, names: dict[str, str]) -> list[tuple[str, str]]:
    """The short table of the training: (word, value), what is not known left out."""
    seconds, step, size = number(about, "seconds"), number(about, "step"), number(about, "preset", "size")
    batch = number(about, "preset", "batch_size")
    faces = [f"{shown(count, 0)} of {names[side]}" for side in ("a", "b")
             if (count := number(about, "faces", side)) is not None]  # fmt: skip
    backend = text(about, "backend")
    versions = [f"faceit {text(about, 'faceit')}" if text(about, "faceit") else "",
                f"Keras {text(about, 'keras')}" if text(about, "keras") else "", backend or ""]
    facts = [
        ("Time", None if seconds is None else duration(seconds)),
        ("Steps", None if step is None else shown(step, 0)),
        ("Preset", text(about, "preset", "name")),
        ("Size", None if size is None else f"{shown(size, 0)} pixels"),
        ("Faces", " and ".join(faces) or None),
        ("Batch", None if batch is None else f"{shown(batch, 0)} faces a side"),
        ("Began from", text(about, "warm_start") or ("nothing" if about else None)),
        ("Versions", ", ".join(filter(None, versions)) or None),
        ("Saved", (text(about, "saved") or "").replace("T", " ").replace("+00:00", " UTC") or None),
    ]
    return [(word, value) for word, value in facts if value]


def _settings(values) -> list[tuple[str, str]]:
    """Settings as words; what is no plain value is left out."""
    if not isinstance(values, dict):
        return []
    return [(key, _setting(value)) for key, value in values.items() if not isinstance(value, dict | list)]


def _setting(value) -> str:
    if value is None:
        return "as it comes"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    found = number({"value": value}, "value")
    return "no number" if found is None else f"{found:.9g}"


def _name(video: dict) -> str:
    return Path(text(video, "file") or text(video, "source") or "").name


def _facts(video: dict) -> str:
    """The size and length of a video in words."""
    width, height, fps, frames = (number(video, key) for key in ("width", "height", "fps", "frames"))
    words = [f"{shown(width, 0)}×{shown(height, 0)}" if width and height else "",
             f"{shown(fps, 0 if fps == round(fps) else 2)} frames/s" if fps else "",
             f"{shown(frames, 0)} frames" if frames is not None else "",
             duration(frames / fps) if frames and fps else ""]  # fmt: skip
    return ", ".join(filter(None, words))


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme.lower() in ("http", "https")
    except ValueError:
        return False
