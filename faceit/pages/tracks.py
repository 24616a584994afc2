"""The tracks of a person as rows of the page of faces: which are doubtful, which count, which do not, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from faceit.pages.axes import Mark
from faceit.pages.bars import slim_bar
from faceit.pages.values import clock, shown

MOST_KEPT, MOST_OTHERS = 800, 120  # rows, those nearest to the tolerance; doubtful ones are all shown
FARTHEST = 1.0  # distance; where the scale of a row's bar ends
FAR = 0.1  # difference of two distances that counts as clear


@dataclass(frozen=True)
class TrackFacts:
    """What is known about one track. Numbers as in ``faces.tracks.Track``; ``chosen`` is the user's choice.

    ``kept`` counts its faces that train or are held out; ``left_out`` the others, by reason.
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
    waiting: bool = False  # the choice is not applied yet; the next preprocess will
    link: str | None = None
    kept: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        """Whether it is theirs by measurement, whatever was chosen by hand."""
        return self.verdict == "theirs"

    @property
    def on(self) -> bool:
        """Whether it counts as theirs: by the user's choice, otherwise by measurement."""
        return self.decided if self.chosen is None else self.chosen


@dataclass(frozen=True)
class TrackRow:
    """One track as the page shows it."""

    track: TrackFacts
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
    """Rows with a title; ``more`` says how many are not listed."""

    key: str
    title: str
    lead: str
    total: int
    rows: Sequence
    more: str = ""


def groups(tracks: Sequence[TrackFacts], person: str, picture: Callable[[TrackFacts], str]) -> list[TrackGroup]:
    """The page's three lists, each sorted so that the tracks nearest to the tolerance come first.

    ``picture`` returns a track's picture as a data: URI; it is called for listed tracks only. Tracks chosen by hand are
    always listed.
    """
    near = sorted((one for one in tracks if one.doubtful), key=lambda one: one.distance)
    kept = sorted((one for one in tracks if not one.doubtful and one.on), key=lambda one: -one.distance)
    others = sorted((one for one in tracks if not one.doubtful and not one.on), key=lambda one: one.distance)
    found = []
    for key, title, lead, members, most, more in (
        ("near", "Near the line", f"By measurement, these may be {person} or not. Please check.", near, len(near), ""),
        ("kept", f"Counted as {person}", "The least sure first.", kept, MOST_KEPT, "more are surer than these"),
        ("others", f"Not {person}", "The nearest first.", others, MOST_OTHERS, "more are farther away than these"),
    ):
        listed = members[:most] + [one for one in members[most:] if one.chosen is not None]
        hidden = len(members) - len(listed)
        rows = [row(one, person, picture(one)) for one in listed]
        found.append(TrackGroup(key, title, lead, len(members), rows, f"{shown(hidden, 0)} {more}." if hidden else ""))
    return found


def row(track: TrackFacts, person: str, picture: str) -> TrackRow:
    """A track's row."""
    begin, end, distance = clock(track.begin), clock(track.end), shown(track.distance)
    span = f"{begin} \u2013 {end}" if end != begin else begin
    bar = slim_bar(min(track.distance, FARTHEST), [Mark("tolerance", track.tolerance, "unswapped")],
                   f"Distance {distance}, tolerance {shown(track.tolerance)}", low=0.0, high=FARTHEST)  # fmt: skip
    facts = f"{count(track.frames, 'frame')}, {shown(track.width, 0)} pixels wide"
    return TrackRow(track, picture, span, facts, distance, bar, why(track, person), by_hand(track), faces(track))


def why(track: TrackFacts, person: str) -> str:
    """Why the measurement accepts a track or not, in a sentence."""
    away, limit = f"{shown(track.distance)} away", f"the tolerance of {shown(track.tolerance)}"
    someone = f"someone listed as not {person}"
    if track.verdict == "refused":
        return f"Nearer ({shown(track.refused or 0.0)}) to {someone} than to {person} ({shown(track.distance)})."
    if track.verdict == "perhaps":
        if track.distance > track.tolerance:
            return f"{away}, just beyond {limit}."
        return f"{away}, only just within {limit}, and for {count(track.frames, 'frame')} alone."
    if track.verdict == "theirs":
        crowded = track.doubtful and track.refused is not None and track.refused - track.distance < FAR
        just = track.doubtful and not crowded
        how = "well " if track.tolerance - track.distance >= FAR else "only just " if just else ""
        also = ""
        if crowded and track.refused is not None:
            also = f"; {someone} is nearly as near ({shown(track.refused)})"
        return f"{away}, {how}within {limit}{also}."
    return f"Someone else: {away}, beyond {limit}."


def by_hand(track: TrackFacts) -> str:
    """What the user chose, and whether that is applied."""
    if track.chosen is None:
        return ""
    later = " The next preprocess applies it." if track.waiting else ""
    return f"{'Ticked' if track.chosen else 'Unticked'} by hand.{later}"


def faces(track: TrackFacts) -> str:
    """What happened to a track's faces, in a sentence; empty if none is on disk."""
    if not track.kept and not track.left_out:
        return ""
    out = ", ".join(f"{reason} {shown(n, 0)}" for reason, n in sorted(track.left_out.items(), key=lambda e: -e[1]))
    kept = f"{count(track.kept, 'face')} kept" if track.kept else "No face kept"
    return f"{kept}; left out: {out}." if out else f"{kept}."


def count(n: float, what: str) -> str:
    """ "1 frame", "1,200 frames"."""
    return f"{shown(n, 0)} {what}{'' if n == 1 else 's'}"
