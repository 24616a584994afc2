"""Charts over time: one for each measurement of a video's frames, and one of the training's loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from faceit.pages.axes import Mark
from faceit.pages.figures import People, floors, people
from faceit.pages.line_charts import Line, Stretch, lines
from faceit.pages.values import number, part, text

SHADED = {"no_face": "no face", "someone_else": "only someone else", "turned": "turned too far",
          "lost": "face lost in the result"}  # fmt: skip
MOST_STRETCHES = 400  # shaded ones in a chart


@dataclass(frozen=True)
class Timeline:
    """One chart with its texts; ``legend`` is (colour class, words) of its lines."""

    title: str
    meaning: str
    chart: Markup
    legend: tuple[tuple[str, str], ...]
    wide: bool = False


@dataclass(frozen=True)
class Frames:
    """One video's rows of frames.csv: times in seconds, states, and columns of numbers, nan where not measured."""

    time: np.ndarray
    state: Sequence[str]
    columns: Mapping[str, np.ndarray]

    def points(self, name: str) -> list[tuple[float, float]]:
        return list(zip(self.time.tolist(), self.column(name).tolist(), strict=True))

    def column(self, name: str) -> np.ndarray:
        return self.columns.get(name, np.full(len(self.time), np.nan))


def timelines(evaluation: dict, frames: Frames, pins: Sequence[tuple[float, str]] = ()) -> list[Timeline]:
    """The charts of one video; those without measurements are left out."""
    if not len(frames.time):
        return []
    who = people(evaluation)
    drawn = [
        _likeness(evaluation, frames, who, pins), _mouth(frames), _second(evaluation, frames, who),
        _pair(frames, "yaw", "Head, left and right", "Degrees; positive is to the picture\u2019s right."),
        _pair(frames, "pitch", "Head, up and down", "Degrees; positive is up."),
        _sharpness(evaluation, frames, who),
        _pair(frames, "jitter", "Jitter", "Trembling of the landmarks, in eye distances."),
        _pair(frames, "warp", "Warp", "Left over after motion, in gray levels."),
    ]  # fmt: skip
    drawn = [one for one in drawn if one.chart]
    halves = [i for i, one in enumerate(drawn) if not one.wide]
    if len(halves) % 2:  # the last one would have no neighbour
        drawn[halves[-1]] = replace(drawn[halves[-1]], wide=True)
    return drawn


def stretches(frames: Frames) -> list[Stretch]:
    """Where nothing was swapped, or the result has no face: neighbouring frames of the same state are merged."""
    found: list[Stretch] = []
    step = float(np.median(np.diff(frames.time))) if len(frames.time) > 1 else 0.04
    for time, state in zip(frames.time.tolist(), frames.state, strict=True):
        if state not in SHADED:
            continue
        if found and found[-1].kind == state and time - found[-1].end < 1.5 * step:
            found[-1] = Stretch(found[-1].start, time + step, state, SHADED[state])
        else:
            found.append(Stretch(time, time + step, state, SHADED[state]))
    return found[:MOST_STRETCHES]


def _chart(frames: Frames, drawn: list[Line], title: str, **more) -> Markup:
    span = float(frames.time[0]), float(frames.time[-1])
    label = f"{title} over time: {', '.join(line.name for line in drawn)}"
    return lines(drawn, label, across=time_labels(span[1]), span=span, stretches=stretches(frames), **more)


def time_labels(last: float):
    """A function that formats seconds on an axis up to ``last``: 4 s, or 1:20 in longer videos."""
    def label(seconds: float) -> str:
        if last < 90:
            return f"{seconds:g}\u202fs"
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return label


def _likeness(evaluation: dict, frames: Frames, who: People, pins) -> Timeline:
    title = "Likeness"
    drawn = [Line(f"to {who.giver}", frames.points("distance_to"), "to"),
             Line(f"to {who.driver}", frames.points("distance_from"), "from")]  # fmt: skip
    level = Mark("same person below", number(evaluation, "identity", "dlib", "threshold"), "limit")
    chart = _chart(frames, drawn, title, levels=[level], pins=pins, height=190)
    meaning = "Distance of dlib\u2019s encodings to each person; numbers above are the worst frames below."
    return Timeline(title, meaning if pins else meaning.partition(";")[0] + ".", chart, _legend(drawn), wide=True)


def _second(evaluation: dict, frames: Frames, who: People) -> Timeline:
    name = text(evaluation, "identity", "second", "name") or "a second recogniser"
    drawn = [Line(f"to {who.giver}", frames.points("second_to"), "to"),
             Line(f"to {who.driver}", frames.points("second_from"), "from")]  # fmt: skip
    level = Mark("same person above", number(evaluation, "identity", "second", "threshold"), "limit")
    chart = _chart(frames, drawn, "Similarity", levels=[level])
    meaning = f"Cosine similarity by {name}; higher is more alike."
    return Timeline("Likeness, second opinion", meaning, chart, _legend(drawn))


def _mouth(frames: Frames) -> Timeline:
    title = "Mouth opening"
    drawn = [Line("driving", _standard(frames, "mouth_opening_driving"), "from"),
             Line("swapped", _standard(frames, "mouth_opening_swapped"), "to")]  # fmt: skip
    meaning = "Each relative to its own mean, in its own standard deviations: the lines should coincide."
    return Timeline(title, meaning, _chart(frames, drawn, title, height=170), _legend(drawn), wide=True)


def _standard(frames: Frames, name: str) -> list[tuple[float, float]]:
    values = frames.column(name)
    measured = values[np.isfinite(values)]
    deviation = float(measured.std()) if len(measured) else 0.0
    if not deviation > 1e-9:
        return []
    return list(zip(frames.time.tolist(), ((values - measured.mean()) / deviation).tolist(), strict=True))


def _pair(frames: Frames, key: str, title: str, meaning: str) -> Timeline:
    """One measurement in the driving and the swapped video; for jitter and warp the swapped column has no suffix."""
    swapped = f"{key}_swapped" if f"{key}_swapped" in frames.columns else key
    drawn = [Line("driving", frames.points(f"{key}_driving"), "from"), Line("swapped", frames.points(swapped), "to")]
    return Timeline(title, meaning, _chart(frames, drawn, title), _legend(drawn))


def _sharpness(evaluation: dict, frames: Frames, who: People) -> Timeline:
    drawn = [Line("swapped", frames.points("sharpness"), "to")]
    marks = floors(part(evaluation, "sharpness", "floors"), who, 1)
    levels = [mark for mark in marks if mark.kind in ("real_to", "mean_face")]
    chart = _chart(frames, drawn, "Sharpness", levels=levels)
    return Timeline("Sharpness", "Deviation of the Laplacian, in gray levels.", chart, _legend(drawn))


def _legend(drawn: list[Line]) -> tuple[tuple[str, str], ...]:
    measured = [line for line in drawn if any(y is not None and np.isfinite(y) for _, y in line.points)]
    return tuple((f"{line.tone}{' dashed' if line.dashed else ''}", line.name) for line in measured)


def losses(history: Sequence[Mapping[str, float | None]], names: Mapping[str, str],
           tones: Mapping[str, str]) -> Timeline:  # fmt: skip
    """Both people's loss over the minutes of training; dashed on held-out faces."""
    drawn = []
    for side in ("a", "b"):
        for key, words, dashed in (("loss", "", False), ("held", ", held out", True)):
            points = [((row["seconds"] or 0.0) / 60, row.get(f"{key}_{side}")) for row in history]
            drawn.append(Line(f"{names[side]}{words}", points, tones[side], dashed))
    chart = lines(drawn, f"Loss over the minutes of training: {names['a']} and {names['b']}", height=220, log=True,
                  gaps=False, across=lambda minutes: f"{minutes:g}\u202fmin")  # fmt: skip
    held = any(line.dashed and _legend([line]) for line in drawn)
    more = " Dashed: on held-out faces; where that rises, the network is overfitting." if held else ""
    return Timeline("Loss", f"Lower is better.{more}", chart, _legend(drawn), wide=True)
