"""The tracks of a person as rows of the page of faces: which are near the line, which count, which do not, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from faceit.pages.axes import Mark
from faceit.pages.bars import slim_bar
from faceit.pages.values import clock, shown

MOST_KEPT, MOST_OTHERS = 800, 120  # rows, those nearest to the line; of the doubtful ones all are shown
FARTHEST = 1.0  # distance; where the scale of a row's bar ends
FAR = 0.1  # a difference of two distances that no longer is near


@dataclass(frozen=True)
class TrackFacts:
    """What is known of one track. Numbers as in ``faces.tracks.Track``; ``chosen`` is what somebody decided by hand.

    ``kept`` faces of it train or are held out; ``left_out`` says how many do not, by reason.
    """

    video: str
    title: str
    name: str
    begin: float
    end: float
    frames: int
    width: int
    distance: float
    tolerance: float
    refused: float | None
    verdict: str
    doubtful: bool
    chosen: bool | None = None
    waiting: bool = False  # what was chosen is not done yet: it is what the next preprocess does
    link: str | None = None
    kept: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        """What the measurement says, whatever was chosen by hand."""
        return self.verdict == "theirs"

    @property
    def on(self) -> bool:
        """Whether it counts as theirs."""
        return self.decided if self.chosen is None else self.chosen


@dataclass(frozen=True)
class TrackRow:
    """One track as the page shows it."""

    seen: TrackFacts
    picture: str  # a data: URI, or empty
    span: str
    facts: str
    distance: str
    bar: Markup
    why: str
    by_hand: str
    faces: str


@dataclass(frozen=True)
class TrackGroup:
    """Rows with a title; ``more`` says what is not listed."""

    key: str
    title: str
    lead: str
    total: int
    rows: Sequence
    more: str = ""


def groups(tracks: Sequence[TrackFacts], person: str, picture: Callable[[TrackFacts], str]) -> list[TrackGroup]:
    """The page's three lists, in each the nearest to the line first or last, so that the eye needs one look only.

    ``picture`` gives a track's data: URI, and is asked for the listed ones alone. What was chosen by hand is listed
    always.
    """
    near = sorted((one for one in tracks if one.doubtful), key=lambda one: one.distance)
    kept = sorted((one for one in tracks if not one.doubtful and one.on), key=lambda one: -one.distance)
    others = sorted((one for one in tracks if not one.doubtful and not one.on), key=lambda one: one.distance)
    found = []
    for key, title, lead, some, most, more in (
        ("near", "Near the line", f"Measured, these could be {person} or not. Please look.", near, len(near), ""),
        ("kept", f"Counted as {person}", "The least sure first.", kept, MOST_KEPT, "more are surer than these"),
        ("others", f"Not {person}", "The nearest first.", others, MOST_OTHERS, "more are farther away than these"),
    ):
        listed = some[:most] + [one for one in some[most:] if one.chosen is not None]
        hidden = len(some) - len(listed)
        rows = [row(one, person, picture(one)) for one in listed]
        found.append(TrackGroup(key, title, lead, len(some), rows, f"{shown(hidden, 0)} {more}." if hidden else ""))
    return found


def row(seen: TrackFacts, person: str, picture: str) -> TrackRow:
    """A track's row."""
    begin, end, distance = clock(seen.begin), clock(seen.end), shown(seen.distance)
    span = f"{begin} \u2013 {end}" if end != begin else begin
    bar = slim_bar(min(seen.distance, FARTHEST), [Mark("tolerance", seen.tolerance, "unswapped")],
                   f"Distance {distance}, tolerance {shown(seen.tolerance)}", low=0.0, high=FARTHEST)  # fmt: skip
    facts = f"{count(seen.frames, 'frame')}, {shown(seen.width, 0)} pixels wide"
    return TrackRow(seen, picture, span, facts, distance, bar, why(seen, person), by_hand(seen), faces(seen))


def why(seen: TrackFacts, person: str) -> str:
    """Why the measurement keeps a track or not, in a sentence."""
    away, limit = f"{shown(seen.distance)} away", f"the tolerance of {shown(seen.tolerance)}"
    someone = f"someone that {person} must not be taken for"
    if seen.verdict == "refused":
        return f"Nearer ({shown(seen.refused or 0.0)}) to {someone} than to {person} ({shown(seen.distance)})."
    if seen.verdict == "perhaps":
        if seen.distance > seen.tolerance:
            return f"{away}, just beyond {limit}."
        return f"{away}, only just within {limit}, and for {count(seen.frames, 'frame')} alone."
    if seen.verdict == "theirs":
        crowded = seen.doubtful and seen.refused is not None and seen.refused - seen.distance < FAR
        just = seen.doubtful and not crowded
        how = "well " if seen.tolerance - seen.distance >= FAR else "only just " if just else ""
        also = f"; {someone} is nearly as near ({shown(seen.refused)})" if crowded and seen.refused is not None else ""
        return f"{away}, {how}within {limit}{also}."
    return f"Someone else: {away}, beyond {limit}."


def by_hand(seen: TrackFacts) -> str:
    """What somebody chose, and whether that is done."""
    if seen.chosen is None:
        return ""
    later = " The next preprocess does so." if seen.waiting else ""
    return f"{'Ticked' if seen.chosen else 'Unticked'} by hand.{later}"


def faces(seen: TrackFacts) -> str:
    """What became of a track's faces, in a sentence; empty where none is on disk."""
    if not seen.kept and not seen.left_out:
        return ""
    out = ", ".join(f"{reason} {shown(n, 0)}" for reason, n in sorted(seen.left_out.items(), key=lambda e: -e[1]))
    kept = f"{count(seen.kept, 'face')} kept" if seen.kept else "No face kept"
    return f"{kept}; left out: {out}." if out else f"{kept}."


def count(n: float, what: str) -> str:
    """ "1 frame", "1,200 frames"."""
    return f"{shown(n, 0)} {what}{'' if n == 1 else 's'}"
