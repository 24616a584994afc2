"""Which of the faces found are worth training on. Works on the numbers in the table alone: no pictures, no disk.

First what is poor is left out, then what is nearly the same as another, then, of more than ``most``, what others show
too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from faceit.config.settings import CurateSettings
from faceit.faces.faceset import FaceRow
from faceit.faces.measures import look
from faceit.geometry import crop_points

REASONS = {
    "perhaps": "a little beyond the tolerance, and not ticked: maybe somebody else",
    "unticked": "taken out by hand",
    "small": "enlarged from too few pixels",
    "misaligned": "eyes, nose and mouth were guessed: no face, turned far away, or hidden",
    "covered": "something seems to be in front of the face",
    "blurred": "blurred, by motion or out of focus",
    "twin": "nearly the same as another face that trains",
    "spare": "others show the same pose, expression and light",
}
POOR = ("small", "misaligned", "covered", "blurred")  # in the order in which they are asked

# So many faces stay however poor they are, and half of a person's up to ENOUGH: a poor video still trains,
# and a face is learned from 160.
FEW, ENOUGH = 100, 400
# Sharpness (measures.sharpness) below which a face is blurred whoever it is: at 7, eyes are two dark stripes; and from
# which on it is not, however sharp the person's other videos are: 14 is a face of a 360 line video, moved by 3 %.
LEAST_SHARP, SURELY_SHARP = 7.0, 14.0
# The landmarks' spread is 0.003 to 0.007 for most faces and was never above 0.0125 for 6,000 free ones of four people;
# with a hand or a microphone before the mouth it is 0.01 to 0.03. The look must also differ from what free faces show.
COVERED_SPREAD, COVERED_STRANGE = 0.015, 0.35
SURE_SPREAD = 1.25  # of the person's median: landmarks that surely lie right
LEARN, PARTS = 3000, 12  # from so many sure faces, so many components (Turk and Pentland 1991) say how a person looks
PATCH = 4  # pixels of a look, of 16: a finger or a microphone
# Twins: landmarks that lie so far apart (root mean square, of the crop's width) or looks (gray levels), or a bit of
# both. Consecutive frames of a still face differ by 0.003 and 1.3, a blink by 0.01.
TWIN_POINTS, TWIN_LOOK = 0.003, 2.5
TWIN_PARTS = 32  # principal components in which twins are looked for, before they are compared in full
BLOCK = 1000  # faces compared at a time
# Cells of what faces show: degrees of yaw and pitch, edges of the mouth's opening in eye distances, the lids below a
# share of the person's median, luma and its difference between the halves.
CELL_DEGREES, CELL_MOUTH, CELL_SHUT, CELL_LUMA, CELL_SIDE = 10.0, (0.06, 0.15, 0.25, 0.4), 0.6, 40.0, 25.0
NEEDED_SHARE = 0.5  # of the places go first to what the other person's faces show


@dataclass(frozen=True)
class Traits:
    """What curation knows of n faces: ``points`` (n, 68, 2) float32 in crop units, ``looks`` (n, 256) uint8, ``pose``
    and ``light`` (n, 3), the others (n,), as in ``FaceRow``. 0.9 kB a face."""

    source: np.ndarray
    sharpness: np.ndarray
    spread: np.ndarray
    pose: np.ndarray
    mouth: np.ndarray
    eyes: np.ndarray
    light: np.ndarray
    held_out: np.ndarray
    points: np.ndarray
    looks: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def where(self, mask: np.ndarray) -> "Traits":
        """Those of a mask (n,) or of indices."""
        return Traits(**{key: values[mask] for key, values in vars(self).items()})


def gather(rows: Iterable[FaceRow]) -> Traits:
    """The traits of rows, which are read one by one."""
    measured, points, looks = [], [], []
    for row in rows:
        alone = row.source, row.sharpness, row.spread, row.mouth, row.eyes, row.held_out
        measured.append((*alone, *row.pose, *row.light))
        points.append(crop_points(row.points()))
        looks.append(look(row).ravel())
    numbers = np.array(measured, np.float32).reshape(-1, 12)
    source, sharpness, spread, mouth, eyes, held_out = numbers[:, :6].T
    return Traits(
        source, sharpness, spread, numbers[:, 6:9], mouth, eyes, numbers[:, 9:], held_out > 0,
        np.array(points, np.float32).reshape(-1, 68, 2), np.array(looks, np.uint8).reshape(-1, 256),
    )  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """For each face its reason, a key of ``REASONS`` or None; how ``strange`` it looks beside the person's free faces,
    (n,), about 0.1, and 0.35 or more where something covers a part of it, nan where that is not known; and how far its
    ``nearest`` among those that were preferred to it is, (n,), 1 where twins end, infinite where there is none."""

    reasons: list[str | None]
    strange: np.ndarray
    nearest: np.ndarray


def curate(
    faces: Traits, settings: CurateSettings, out: list[str | None] | None = None, needs: Traits | None = None
) -> Verdict:
    """Judge all faces of one person. ``out`` are reasons that stand already; ``needs`` the faces of those whose swaps
    need this person's face. What is held out is not judged: it measures, and must be as the video is."""
    reasons: list[str | None] = list(out) if out is not None else [None] * len(faces)
    strange, nearest = np.full(len(faces), np.nan, np.float32), np.full(len(faces), np.inf, np.float32)
    here = np.array([reason is None for reason in reasons], bool)
    mine = np.flatnonzero(here & ~faces.held_out)
    if not settings.enabled or not len(mine):
        return Verdict(reasons, strange, nearest)
    strange = strangeness(faces, here)
    poor = _poor(faces.where(mine), np.nan_to_num(strange[mine]), settings)
    for i, reason in zip(mine, poor, strict=True):
        reasons[i] = reason
    mine = mine[[reason is None for reason in poor]]
    good = faces.where(mine)
    goodness = good.sharpness / (1 + good.spread / COVERED_SPREAD)
    if settings.twins:
        apart = _apart(good, goodness)
        nearest[mine] = apart
        twin = apart < 1
        spared = max(0, min(FEW, len(mine)) - int((~twin).sum()))
        twin[np.argsort(-np.where(twin, apart, -1), kind="stable")[:spared]] = False  # those that differ most
        for i in mine[twin]:
            reasons[i] = "twin"
        mine, good, goodness = mine[~twin], good.where(~twin), goodness[~twin]
    if settings.most and len(mine) > settings.most:
        chosen = _best(good, goodness, settings.most, needs)
        for i in mine[~chosen]:
            reasons[i] = "spare"
    return Verdict(reasons, strange, nearest)


# --- what is poor ----------------------------------------------------------------------------------------------------


def _poor(faces: Traits, strange: np.ndarray, settings: CurateSettings) -> list[str | None]:
    """A reason for each poor face; the least poor ones stay when too few would."""
    usual = float(np.median(faces.sharpness))
    sharp = min(max(settings.sharpness * usual, LEAST_SHARP), SURELY_SHARP) if settings.sharpness else 0.0
    spread = np.maximum(faces.spread, 1e-6)
    beyond = {  # above 1 is poor
        "small": settings.pixels / np.maximum(faces.source, 1e-6),
        "misaligned": spread / (settings.spread or np.inf),
        "covered": np.minimum(spread / COVERED_SPREAD, strange / COVERED_STRANGE) * bool(settings.spread),
        "blurred": sharp / np.maximum(faces.sharpness, 1e-6),
    }
    worst = np.max([beyond[reason] for reason in POOR], axis=0)
    stay = min(len(faces), max(FEW, min(ENOUGH, len(faces) // 2)))
    limit = max(1.0, float(np.partition(worst, stay - 1)[stay - 1]))
    found: list[str | None] = [None] * len(faces)
    for reason in reversed(POOR):
        for i in np.flatnonzero((beyond[reason] > 1) & (worst > limit)):
            found[i] = reason
    return found


def strangeness(faces: Traits, here: np.ndarray) -> np.ndarray:
    """How strange the strangest patch of each look is, (n,): what is left of it after the person's principal
    components, in deviations of the look's gray levels; nan when too few faces are known for sure.

    The components are learned from faces whose landmarks surely lie right: covered ones must not explain themselves.
    Rare expressions are strange as well, so this alone is no reason to leave a face out.
    """
    sure = np.flatnonzero(here & (faces.spread <= SURE_SPREAD * np.median(faces.spread[here])))
    strange = np.full(len(faces), np.nan, np.float32)
    if len(sure) < FEW:
        return strange
    known = _evened(faces.looks[sure[np.linspace(0, len(sure) - 1, min(len(sure), LEARN)).astype(int)]])
    mean = known.mean(0)
    parts = _components(known - mean, PARTS)
    for begin in range(0, len(faces), BLOCK):
        part = slice(begin, begin + BLOCK)
        rest = _evened(faces.looks[part]) - mean
        rest = np.abs(rest - (rest @ parts) @ parts.T).reshape(-1, 16, 16)
        strange[part] = _patches(rest).max((1, 2))
    return strange


def _evened(looks: np.ndarray) -> np.ndarray:
    """Looks with mean 0 and deviation about 1: another light is not strange."""
    looks = looks.astype(np.float32)
    looks -= looks.mean(1, keepdims=True)
    return looks / (looks.std(1, keepdims=True) + 4)  # 4 gray levels: in the dark, noise is no look


def _patches(values: np.ndarray) -> np.ndarray:
    """Means over every square of ``PATCH`` pixels, (n, 16, 16) -> (n, 13, 13)."""
    sums = np.pad(values, ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)
    return (sums[:, PATCH:, PATCH:] - sums[:, :-PATCH, PATCH:] - sums[:, PATCH:, :-PATCH]
            + sums[:, :-PATCH, :-PATCH]) / PATCH**2  # fmt: skip


def _components(centred: np.ndarray, count: int) -> np.ndarray:
    """The first principal components of (n, d), (d, count), nearly, by subspace iteration (Rutishauser 1969).

    NumPy's own solver takes seconds where other processes keep its threads waiting.
    """
    spread = centred.T @ centred
    parts = np.random.default_rng(0).normal(size=(len(spread), count)).astype(np.float32)
    for _ in range(10):
        parts = np.linalg.qr(spread @ parts)[0]
    return parts


# --- what is nearly the same -----------------------------------------------------------------------------------------


def _apart(faces: Traits, goodness: np.ndarray) -> np.ndarray:
    """How far each face is from the nearest of those that stay before it, (n,); below 1 it is a twin and does not stay.
    Better ones come first."""
    order = np.argsort(-goodness, kind="stable")
    sample = order[np.linspace(0, len(order) - 1, min(len(order), LEARN)).astype(int)]
    known = _features(faces, sample)
    mean = known.mean(0)
    parts = _components(known - mean, min(TWIN_PARTS, known.shape[1]))
    apart = np.full(len(faces), np.inf, np.float32)
    stay, kept = np.empty(0, int), np.empty((0, parts.shape[1]), np.float32)
    for begin in range(0, len(order), BLOCK):
        block = order[begin : begin + BLOCK]
        full = _features(faces, block)
        short = (full - mean) @ parts
        near, gap = _nearest(short, kept)
        if len(kept):
            found = near >= 0
            gap[found] = np.linalg.norm(full[found] - _features(faces, stay[near[found]]), axis=1)
        fresh = _fresh(full, gap)
        apart[block] = gap
        stay, kept = np.concatenate([stay, block[fresh]]), np.concatenate([kept, short[fresh]])
    return apart


def _features(faces: Traits, which: np.ndarray) -> np.ndarray:
    """What twins are compared by: vectors (n, 358) whose distance is 1 where twins end."""
    points = faces.points[which, 17:].reshape(len(which), -1) / (TWIN_POINTS * 51**0.5)  # without the jaw, which jumps
    return np.hstack([points, faces.looks[which].astype(np.float32) / (TWIN_LOOK * 16)])


def _nearest(short: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of (n, d) the index of the nearest of ``kept`` (m, d), and its distance; -1 and infinite without any."""
    best, index = np.full(len(short), np.inf, np.float32), np.full(len(short), -1)
    norms = (short**2).sum(1)
    for begin in range(0, len(kept), BLOCK):
        other = kept[begin : begin + BLOCK]
        squared = (other**2).sum(1)[None] - 2 * short @ other.T
        at = squared.argmin(1)
        least = squared[np.arange(len(short)), at] + norms
        better = least < best
        best[better], index[better] = least[better], at[better] + begin
    return index, np.sqrt(np.maximum(best, 0))


def _fresh(full: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Go through one block in order: which stay, (n,) bool. ``gap`` is lowered to the nearest of those."""
    norms = (full**2).sum(1)
    between = np.sqrt(np.maximum(norms[:, None] + norms - 2 * full @ full.T, 0))
    fresh = np.zeros(len(full), bool)
    for i in range(len(full)):
        if gap[i] >= 1:
            fresh[i] = True
            np.minimum(gap[i + 1 :], between[i, i + 1 :], out=gap[i + 1 :])
    return fresh


# --- the best N ------------------------------------------------------------------------------------------------------


def _best(faces: Traits, goodness: np.ndarray, most: int, needs: Traits | None) -> np.ndarray:
    """Choose ``most`` faces, (n,) bool: first some of what is needed, as often as it is; then of every pose, expression
    and light, of what is seen four times as often twice as many: what is rare is learned, what is usual stays usual."""
    chosen = np.zeros(len(faces), bool)
    if needs is not None and len(needs):
        cells, wanted = _numbered(_shown(faces), _shown(needs))
        counts = np.bincount(cells, minlength=cells.max() + 1)
        wanted = np.bincount(wanted[wanted >= 0], minlength=len(counts)).astype(float)
        _choose(chosen, goodness, cells, _shares(counts, round(NEEDED_SHARE * most), wanted, np.zeros_like(counts)))
    light = np.stack([faces.light[:, 0] // CELL_LUMA, (faces.light[:, 1] + CELL_SIDE / 2) // CELL_SIDE], 1)
    all_shown = np.hstack([_shown(faces), light.astype(int)])
    cells, _ = _numbered(all_shown, all_shown[:0])
    counts, given = np.bincount(cells), np.bincount(cells[chosen], minlength=cells.max() + 1)
    shares = _shares(counts, most, counts**0.5, given)
    _choose(chosen, goodness, cells, shares - given)
    return chosen


def _shown(faces: Traits) -> np.ndarray:
    """Pose and expression as whole numbers, (n, 4)."""
    turned = np.round(faces.pose[:, :2] / CELL_DEGREES)
    shut = faces.eyes < CELL_SHUT * np.median(faces.eyes)
    return np.column_stack([turned, np.digitize(faces.mouth, CELL_MOUTH), shut]).astype(int)


def _numbered(cells: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells (n, k) -> their numbers (n,); those of others likewise, -1 where a cell is not among ``cells``."""
    known, numbers = np.unique(cells, axis=0, return_inverse=True)
    names = {tuple(cell): i for i, cell in enumerate(known.tolist())}
    return numbers.reshape(-1), np.array([names.get(tuple(cell), -1) for cell in others.tolist()], int)


def _shares(counts: np.ndarray, places: int, weights: np.ndarray, given: np.ndarray) -> np.ndarray:
    """How many of each cell's ``counts`` get a place, (k,): one, and more in proportion to the weights, but no cell
    gets more than it has, nor less than was ``given``; what one does not use up, others get. Weight 0 gets nothing.
    """

    def at(level: float) -> np.ndarray:
        return np.maximum(given, np.minimum(counts, np.ceil(level * weights)))

    low, high = 0.0, float(counts.max() + 1) / max(weights[weights > 0].min(initial=np.inf), 1e-9)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).sum() <= places else (low, middle)
    shares = at(low).astype(int)
    room = np.flatnonzero((shares < counts) & (weights > 0))
    rest = max(0, places - int(shares.sum()))
    shares[room[np.argsort(-weights[room], kind="stable")][:rest]] += 1
    return shares


def _choose(chosen: np.ndarray, goodness: np.ndarray, cells: np.ndarray, shares: np.ndarray) -> None:
    """Mark so many more of each cell: it is cut into pieces in order of time, and the best of each is taken."""
    free = np.flatnonzero(~chosen)
    free = free[np.argsort(cells[free], kind="stable")]
    begins = np.searchsorted(cells[free], np.arange(len(shares) + 1))
    for cell in np.flatnonzero(shares > 0):
        inside = free[begins[cell] : begins[cell + 1]]
        for piece in np.array_split(inside, shares[cell]):
            if len(piece):
                chosen[piece[np.argmax(goodness[piece])]] = True
