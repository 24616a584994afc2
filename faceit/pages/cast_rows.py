"""The tracks of a video that is to be converted, as rows of a page: who is swapped, who is not, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from faceit.pages.axes import Mark
from faceit.pages.bars import shares, slim_bar
from faceit.pages.lanes import Lane, lanes
from faceit.pages.timelines import second_word
from faceit.pages.tracks import FARTHEST, TrackFacts, TrackGroup, count, why
from faceit.pages.values import clock, shown

MOST_SWAPPED, MOST_OTHERS = 300, 120  # rows with a picture; of the doubtful ones all are shown
KINDS = {"swapped": "swapped", "turned": "turned too far", "other": "someone else", "no_face": "no face"}


@dataclass(frozen=True)
class Role:
    """What is known of a track. ``kind`` is one of ``KINDS`` (but "no_face"): what becomes of most of its faces that
    are the person's. ``seen`` is its measurement against ``person``, None where everyone is swapped. ``hint`` says what
    would change the verdict. ``counts`` has faces by kind."""

    name: str
    kind: str
    begin: float
    end: float
    frames: int
    width: int
    counts: dict[str, int]
    person: str = ""
    giver: str = ""
    seen: TrackFacts | None = None
    crowded: bool = False  # theirs, but beside a nearer one in the same frames
    hint: str = ""
    link: str | None = None

    @property
    def doubtful(self) -> bool:
        """Whether somebody should look."""
        return self.crowded or (self.seen is not None and self.seen.doubtful)


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
    """The page's lists; those near the line first, the nearest first. ``picture`` gives a track's data: URI."""
    def of(kind: str) -> list[Role]:
        return [role for role in roles if role.kind == kind and not role.doubtful]

    near = sorted((role for role in roles if role.doubtful), key=_distance)
    found = []
    for key, title, lead, some, most in (
        ("near", "Near the line", "Measured, these could be the person or not. Please look.", near, len(near)),
        ("swapped", "Swapped", "The least sure first.", sorted(of("swapped"), key=lambda one: -_distance(one)),
         MOST_SWAPPED),
        ("turned", "Turned too far", "The right person, but never seen from there.", of("turned"), MOST_OTHERS),
        ("other", "Someone else", "Left as they are. The nearest first.", sorted(of("other"), key=_distance),
         MOST_OTHERS),
    ):  # fmt: skip
        hidden = len(some) - len(some[:most])
        rows = [row(one, picture(one)) for one in some[:most]]
        found.append(TrackGroup(key, title, lead, len(some), rows, f"{shown(hidden, 0)} more." if hidden else ""))
    return [group for group in found if group.total or group.key in ("near", "swapped")]


def _distance(role: Role) -> float:
    return role.seen.distance if role.seen is not None else 0.0


def row(role: Role, picture: str) -> CastRow:
    """A track's row."""
    begin, end = clock(role.begin), clock(role.end)
    span = f"{begin} \u2013 {end}" if end != begin else begin
    facts = f"{count(role.frames, 'frame')}, {shown(role.width, 0)} pixels wide"
    distance, bar, said = "", Markup(""), "Everyone is swapped."
    if role.seen is not None:
        distance, tolerance = shown(role.seen.distance), shown(role.seen.tolerance)
        bar = slim_bar(min(role.seen.distance, FARTHEST), [Mark("tolerance", role.seen.tolerance, "unswapped")],
                       f"Distance {distance}, tolerance {tolerance}", low=0.0, high=FARTHEST)  # fmt: skip
        said = why(role.seen, role.person)
    if role.crowded:
        said += " In its frames another face is nearer, and one of them at the most is swapped."
    return CastRow(role, picture, span, facts, verdict(role), distance, bar, said, _parts(role))


def verdict(role: Role) -> str:
    """What becomes of a track, in a few words."""
    if role.kind == "swapped":
        return f"{role.person or 'whoever it is'} \u2192 {role.giver}"
    return KINDS[role.kind]


def _parts(role: Role) -> str:
    """In how many frames which verdict, where it is not the same in all."""
    some = {kind: n for kind, n in role.counts.items() if n}
    if len(some) < 2:
        return ""
    words = {"swapped": "swapped", "turned": "turned too far", "other": "left"}
    return ", ".join(f"{words[kind]} in {count(n, 'frame')}" for kind, n in some.items()) + "."


def time_line(roles: Sequence[Role], length: tuple[float, float]) -> Markup:
    """Which track when, each in its colour and a link to its row. ``length``: begin and end, seconds."""
    drawn = [Lane(role.begin, role.end, f"{role.kind}{' doubtful' if role.doubtful else ''}",
                  f"{clock(role.begin)} \u2013 {clock(role.end)}: {verdict(role)}", f"#track-{role.name}")
             for role in roles]  # fmt: skip
    return lanes(drawn, "Which track is seen when", span=length, across=second_word(length[1]))


def totals(frames: dict[str, int]) -> tuple[Markup, list[tuple[str, str, str]]]:
    """Frames by kind as a bar, and its legend: (colour class, words, count)."""
    bar = shares([(KINDS[kind], kind, n) for kind, n in frames.items()], "What becomes of the frames")
    return bar, [(kind, KINDS[kind], shown(n, 0)) for kind, n in frames.items()]
