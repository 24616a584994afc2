"""The tracks of a video before its conversion, as rows of a page: who is swapped, who is not, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from faceit.pages.axes import Mark
from faceit.pages.bars import shares, slim_bar
from faceit.pages.lanes import Lane, lanes
from faceit.pages.timelines import time_labels
from faceit.pages.tracks import FARTHEST, TrackFacts, TrackGroup, count, why
from faceit.pages.values import clock, shown

MOST_SWAPPED, MOST_OTHERS = 300, 120  # rows with a picture; doubtful ones are all shown
KINDS = {"swapped": "swapped", "turned": "turned too far", "other": "someone else", "no_face": "no face"}


@dataclass(frozen=True)
class Role:
    """What is known about a track. ``kind`` is one of ``KINDS`` (except "no_face"): what happens to most of its faces
    that are the person's. ``measured`` compares it with ``person``; None if everyone is swapped. ``hint`` says what
    would change the verdict. ``counts`` are faces by kind."""

    name: str
    kind: str
    begin: float
    end: float
    frames: int
    width: int
    counts: dict[str, int]
    person: str = ""
    giver: str = ""
    measured: TrackFacts | None = None
    crowded: bool = False  # theirs, but another face in the same frames is nearer
    hint: str = ""
    link: str | None = None

    @property
    def doubtful(self) -> bool:
        """Whether the user should check it."""
        return self.crowded or (self.measured is not None and self.measured.doubtful)


@dataclass(frozen=True)
class CastRow:
    """One track as the page shows it."""

    role: Role
    picture: str  # a data: URI, or empty
    span: str
    facts: str
    verdict: str
    distance: str
    bar: Markup
    why: str
    parts: str


def groups(roles: Sequence[Role], picture: Callable[[Role], str]) -> list[TrackGroup]:
    """The page's lists, the doubtful tracks first. ``picture`` returns a track's picture as a data: URI."""
    def certain(kind: str) -> list[Role]:
        return [role for role in roles if role.kind == kind and not role.doubtful]

    near = sorted((role for role in roles if role.doubtful), key=_distance)
    found = []
    for key, title, lead, members, most in (
        ("near", "Near the line", "By measurement, these may be the person or not. Please check.", near, len(near)),
        ("swapped", "Swapped", "The least sure first.", sorted(certain("swapped"), key=lambda one: -_distance(one)),
         MOST_SWAPPED),
        ("turned", "Turned too far", "The right person, but never seen from this angle.", certain("turned"),
         MOST_OTHERS),
        ("other", "Someone else", "Not swapped. The nearest first.", sorted(certain("other"), key=_distance),
         MOST_OTHERS),
    ):  # fmt: skip
        hidden = len(members) - len(members[:most])
        rows = [row(one, picture(one)) for one in members[:most]]
        found.append(TrackGroup(key, title, lead, len(members), rows, f"{shown(hidden, 0)} more." if hidden else ""))
    return [group for group in found if group.total or group.key in ("near", "swapped")]


def _distance(role: Role) -> float:
    return role.measured.distance if role.measured is not None else 0.0


def row(role: Role, picture: str) -> CastRow:
    """A track's row."""
    begin, end = clock(role.begin), clock(role.end)
    span = f"{begin} \u2013 {end}" if end != begin else begin
    facts = f"{count(role.frames, 'frame')}, {shown(role.width, 0)} pixels wide"
    distance, bar, reason = "", Markup(""), "Everyone is swapped."
    if (track := role.measured) is not None:
        distance, tolerance = shown(track.distance), shown(track.tolerance)
        bar = slim_bar(min(track.distance, FARTHEST), [Mark("tolerance", track.tolerance, "unswapped")],
                       f"Distance {distance}, tolerance {tolerance}", low=0.0, high=FARTHEST)  # fmt: skip
        reason = why(track, role.person)
    if role.crowded:
        reason += " Another face in its frames is nearer, and at most one of them is swapped."
    return CastRow(role, picture, span, facts, verdict(role), distance, bar, reason, _parts(role))


def verdict(role: Role) -> str:
    """What happens to a track, in a few words."""
    if role.kind == "swapped":
        return f"{role.person or 'whoever it is'} \u2192 {role.giver}"
    return KINDS[role.kind]


def _parts(role: Role) -> str:
    """How many frames have which verdict; empty if all have the same."""
    counts = {kind: n for kind, n in role.counts.items() if n}
    if len(counts) < 2:
        return ""
    words = {"swapped": "swapped", "turned": "turned too far", "other": "left"}
    return ", ".join(f"{words[kind]} in {count(n, 'frame')}" for kind, n in counts.items()) + "."


def time_line(roles: Sequence[Role], length: tuple[float, float]) -> Markup:
    """When each track is seen, in its colour and with a link to its row. ``length``: begin and end, seconds."""
    drawn = [Lane(role.begin, role.end, f"{role.kind}{' doubtful' if role.doubtful else ''}",
                  f"{clock(role.begin)} \u2013 {clock(role.end)}: {verdict(role)}", f"#track-{role.name}")
             for role in roles]  # fmt: skip
    return lanes(drawn, "When each track is seen", span=length, across=time_labels(length[1]))


def totals(frames: dict[str, int]) -> tuple[Markup, list[tuple[str, str, str]]]:
    """Frames by kind as a bar, and its legend: (colour class, words, count)."""
    bar = shares([(KINDS[kind], kind, n) for kind, n in frames.items()], "What happens to the frames")
    return bar, [(kind, KINDS[kind], shown(n, 0)) for kind, n in frames.items()]
