"""report: one HTML file, made from evaluation.json, frames.csv and the files they refer to.

For what is missing (a video that is gone, an imported model without a history, a figure that could not be measured) the
page has a sentence instead. The page makes no network requests and runs no scripts.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from faceit.config.elsewhere import recall
from faceit.config.project import Project
from faceit.convert.own_files import refuse_to_replace
from faceit.errors import FaceitError, MediaError
from faceit.evaluate.frames_csv import read_frames_csv
from faceit.evaluate.report_sources import earlier, sources
from faceit.evaluate.report_training import settings, training
from faceit.evaluate.video_pair import VideoPair, video_name
from faceit.files import write_text
from faceit.pages import facesets, figures
from faceit.pages.render import render
from faceit.pages.timelines import timelines
from faceit.pages.values import clock, items, number, part, shown, text
from faceit.progress import Progress, duration

EVALUATION, FRAMES, REPORT = "evaluation.json", "frames.csv", "report.html"
FORMAT = 1  # of evaluation.json; a larger one was written by a newer faceit
MOST_WORST, MOST_BEST, MOST_TIMELINES = 6, 3, 6

WHY = {
    "identity": "looks less like {to} than the others", "expression": "mouth, eyes or brows do not follow",
    "pose": "the head is turned differently", "seam": "the edge of the face shows",
    "lost": "no face is found in the result",
}  # fmt: skip


def report(project: Project, evaluation: Path) -> Path:
    """Write the page beside an evaluation.json (``X.evaluation.json`` -> ``X.report.html``) and return its path.

    FaceitError if the file is not an evaluation, or a newer faceit wrote it.
    """
    content = _Report(project, evaluation, _read(evaluation))
    page = content.beside(REPORT)
    refuse_to_replace([page], step="")
    write_text(page, render("report.html.j2", **content.values()))
    return page


def _read(evaluation: Path) -> dict:
    """The content of evaluation.json, a dict of a known format; its values are not checked."""
    try:
        results = json.loads(evaluation.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FaceitError(f"{evaluation} is not there: run `python faceit.py evaluate SWAP` first.") from None
    except OSError as e:
        raise FaceitError(f"{evaluation} cannot be read ({e.strerror}): name an evaluation.json.") from None
    except (ValueError, RecursionError):
        raise FaceitError(f"{evaluation} is damaged: run `python faceit.py evaluate` again.") from None
    version = results.get("format") if isinstance(results, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise FaceitError(f"{evaluation} is not an evaluation by faceit: name an evaluation.json.")
    if version > FORMAT:
        raise FaceitError(f"{evaluation} was written by a newer faceit ({results.get('faceit')!r:.40}): update faceit.")
    return results


@dataclass(frozen=True)
class _ShownFrame:
    """A frame of the source and its swapped version, as the page shows them; without pictures, ``sentence`` says why.
    """

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
    """An evaluation (``results`` is its JSON) with all its files on disk, for the template."""

    def __init__(self, project: Project, evaluation: Path, results: dict):
        self.project, self.file, self.results = project, evaluation, results
        self.who = figures.people(results)
        self.videos = [part(video) for video in items(results, "videos")]
        noted = recall(project, evaluation, "source", [text(video, "source") or "" for video in self.videos])
        if noted:  # outside of the project, the evaluation names them only
            self.videos = [video | {"source": str(path)} for video, path in zip(self.videos, noted, strict=True)]
        self.pairs = {i: VideoPair(evaluation.parent, video, results) for i, video in enumerate(self.videos)}
        self.rows = read_frames_csv(self.beside(FRAMES))

    def beside(self, name: str) -> Path:
        """The file of this kind beside the evaluation: X.evaluation.json -> X.frames.csv."""
        stem = self.file.name
        before = stem.removesuffix(EVALUATION) if stem.endswith(EVALUATION) else f"{self.file.stem}."
        return self.file.with_name(before + name)

    def values(self) -> dict:
        """All that the template needs."""
        worst = [entry for entry in items(self.results, "worst") if isinstance(entry, dict)][:MOST_WORST]
        best = [entry for entry in items(self.results, "best") if isinstance(entry, dict)][:MOST_BEST]
        typical = self._typical()
        total = len(worst) + len(best) + len(typical)
        with Progress("report", total, "picture") as progress:
            pictures = []
            for entry in [*typical, *worst, *best]:
                pictures.append(self._shown_frame(entry, bad=entry in worst))
                progress.update(len(pictures))
        first, last = len(typical), len(typical) + len(worst)
        return {
            **self._head(), "typical": pictures[:first], "worst": pictures[first:last], "best": pictures[last:],
            "more_worst": max(0, len(items(self.results, "worst")) - len(worst)),
            "identity": figures.identity(self.results), "expression": figures.expression(self.results),
            "groups": figures.groups(self.results), "coverage": figures.coverage(self.results),
            **self._timelines(worst), **training(self.project, self.results), **self._faces(),
            "sources": sources(self.project, self.results), "earlier": earlier(self.results), **self._method(),
        }  # fmt: skip

    def _head(self) -> dict:
        modified = datetime.fromtimestamp(self.file.stat().st_mtime)
        files = [video_name(video) for video in self.videos if video_name(video)]
        return {
            "swap": text(self.results, "swap") or "a swap", "who": self.who,
            "is_model": self.results.get("kind") == "model", "is_reverse": self.results.get("reverse") is True,
            "date": f"{modified.day} {modified:%B %Y}", "files": files,
            "version": text(self.results, "faceit") or "an unknown version",
            "summary": [text({"s": s}, "s") for s in items(self.results, "summary") if text({"s": s}, "s")],
        }  # fmt: skip

    def _typical(self) -> list[dict]:
        """The swapped frame of median trouble, if frames.csv has one: a frame that was not hand-picked."""
        rows = [(number(row), i) for i, row in enumerate(self.rows.trouble) if number(row) is not None]
        rows = sorted((trouble, i) for trouble, i in rows if self.rows.state[i] == "swapped")
        if not rows:
            return []
        trouble, i = rows[len(rows) // 2]
        return [{"video": int(self.rows.video[i]), "time": float(self.rows.time[i]), "trouble": trouble}]

    def _shown_frame(self, entry: dict, bad: bool) -> _ShownFrame:
        """The pictures and texts of one frame."""
        time, trouble, which = number(entry, "time"), number(entry, "trouble"), number(entry, "video")
        at = -1 if which is None else int(which)
        pair = self.pairs.get(at)
        why = WHY.get(text(entry, "why") or "", "").format(to=self.who.giver)
        words: dict[str, Any] = {
            "title": self.who.driver, "why": why if bad else "", "time": "" if time is None else clock(time),
            "video": pair.name if pair else "", "link": pair.link(time) if pair else None,
            "numbers": self._numbers(at if pair else -1, time, trouble),
        }  # fmt: skip
        if pair is None or time is None or time < 0:
            return _ShownFrame(**words, sentence="The evaluation does not say where this frame is.")
        try:
            source, swapped = pair.pictures(time)
        except MediaError as e:
            return _ShownFrame(**words, sentence=str(e))
        return _ShownFrame(**words, source=source, swapped=swapped)

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
            charts = timelines(self.results, self.rows.of(i), pins)
            name = video_name(video) or f"video {i + 1}"
            drawn.append({"name": name, "charts": charts, "facts": _video_facts(video)})
        states = {state for state in self.rows.state if state in figures.STATES and state != "swapped"}
        return {
            "timelines": drawn, "has_timelines": any(one["charts"] for one in drawn),
            "more_videos": max(0, len(self.videos) - MOST_TIMELINES), "frames_file": self.beside(FRAMES).name,
            "shades": [(state, words) for state, words in figures.STATES.items() if state in states],
        }  # fmt: skip

    def _faces(self) -> dict:
        return {"poses": facesets.poses(self.results), "spreads": facesets.spreads(self.results),
                "lacking": facesets.lacking(self.results), "heads": facesets.heads(self.results)}  # fmt: skip

    def _method(self) -> dict:
        return {"settings": settings(self.results.get("settings")),
                "second": text(self.results, "identity", "second", "name"),
                "threshold": number(self.results, "identity", "dlib", "threshold")}  # fmt: skip


def _video_facts(video: dict) -> str:
    """The size and length of a video in words."""
    width, height, fps, frames = (number(video, key) for key in ("width", "height", "fps", "frames"))
    words = [f"{shown(width, 0)}×{shown(height, 0)}" if width and height else "",
             f"{shown(fps, 0 if fps == round(fps) else 2)} frames/s" if fps else "",
             f"{shown(frames, 0)} frames" if frames is not None else "",
             duration(frames / fps) if frames and fps else ""]  # fmt: skip
    return ", ".join(filter(None, words))
