"""The shape of faces apart from their paint: a head in three dimensions, its pose, and what expression adds.

A face's 68 landmarks are the head of its person, turned and projected (weak perspective: no lens), and what its
expression moves in the head's own frontal plane. So the pose and the expression of one person can be read off, and the
landmarks worked out that another person's head would have with them: the shape of an active appearance model (Cootes,
Edwards and Taylor 2001) on a rigid head. All arrays are of many faces at once.

Heads are (68, 3), in eye distances from the point between the eyes' centres: x to the picture's right, y down, z away
from the camera.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceit.geometry import LEFT_EYE, MIRROR, RIGHT_EYE

# What a pose is fitted to: the nose and the eyes' corners, which hardly move with expression; brows and the jaw's ends
# keep it from turning wildly.
RIGID = np.zeros(68)
RIGID[27:36] = 1.0
RIGID[[36, 39, 42, 45]] = 1.0
RIGID[17:27] = 0.1
RIGID[[0, 1, 15, 16]] = 0.1
PULL = 0.02  # of the squared turn, radians, towards none: pitch is hard to tell from a long nose
DOUBT = 0.04  # eye distances off at which a landmark counts half (Geman and McClure)
ROUNDS = 12  # of Gauss and Newton: fewer leave fast turns unfinished
FARTHEST = np.radians(75.0)  # of yaw, and
STEEPEST = np.radians(50.0)  # of pitch: what is fitted beyond is a bad landmark
LEAST_FORESHORTENING = 0.5  # of the head's plane: what is shorter says little of its expression
# A person's own head: so many faces' worth of the generic one, and of its depths, are mixed in
GENERIC_FACES, GENERIC_DEPTHS = 10.0, 250.0
OFFSET_ROUNDS = 3
# Deviations of expressions in eye distances, x and y alike: people are much alike in them (six who talk: eyes 0.019 to
# 0.025, mouth 0.033 to 0.053, brows 0.028 to 0.046). What a person showed is drawn to these as by so many faces more.
COMMON_FACES = 150.0
COMMON = np.full((68, 2), 0.022)
COMMON[0:17] = 0.03
COMMON[17:27] = 0.037
COMMON[27:36] = 0.012
COMMON[48:68] = 0.043
FLOOR = 0.01  # eye distances; added to deviations, so that a point that never moves does not shout
REACH = 6.0  # deviations; what lies further out is taken for so far: a blink is four or five
CODE_REACH = 3.0  # the same of what paint is told
TURN_UNITS = 3.0  # what radians of turn are multiplied by to stand beside standardised expressions
CODE = 68 * 2 + 4  # numbers that paint is told of a face
TURNS = (2, 98)  # percentiles of yaw and pitch that count as seen


def generic_head() -> np.ndarray:
    """The head that everybody's own begins as, (68, 3) float64; ``benchmarks/generic_head.py`` made it."""
    head = json.loads((Path(__file__).parent / "generic_head.json").read_text(encoding="utf-8"))
    return np.array(head["points"])


@dataclass(frozen=True)
class Poses:
    """Where n heads are: ``turn`` (n, 2), yaw and pitch in radians, positive to the picture's right and up; ``place``
    (n, 4): cosine and sine of the roll times the pixels of an eye distance, and where the point between the eyes
    lies."""

    turn: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.turn)

    def project(self, heads: np.ndarray) -> np.ndarray:
        """Heads (68, 3) or (n, 68, 3) as seen: (n, 68, 2) in pixels."""
        return self.placed(np.broadcast_to(heads, (len(self), *heads.shape[-2:])) @ projections(self.turn))

    def placed(self, flat: np.ndarray) -> np.ndarray:
        """What is projected, (n, k, 2) in eye distances, in pixels."""
        x, y = flat[..., 0], flat[..., 1]
        a, b, left, top = (self.place[:, i, None] for i in range(4))
        return np.stack([a * x - b * y + left, b * x + a * y + top], -1)

    def flattened(self, points: np.ndarray) -> np.ndarray:
        """The way back: (n, k, 2) pixels -> eye distances, upright, from the point between the eyes."""
        a, b = self.place[:, 0, None], self.place[:, 1, None]
        x, y = (points[..., i] - self.place[:, 2 + i, None] for i in range(2))
        norm = a**2 + b**2
        return np.stack([(a * x + b * y) / norm, (a * y - b * x) / norm], -1)


def projections(turn: np.ndarray) -> np.ndarray:
    """What projects a turned head: (n, 2) yaw and pitch -> (n, 3, 2), head @ it is in eye distances."""
    cy, sy, cp, sp = np.cos(turn[:, 0]), np.sin(turn[:, 0]), np.cos(turn[:, 1]), np.sin(turn[:, 1])
    zero = np.zeros_like(cy)
    # the nose lies at negative z: to the right means that x grows as z falls
    across = np.stack([cy, zero, -sy], -1)
    down = np.stack([sp * sy, cp, sp * cy], -1)
    return np.stack([across, down], -1)


def fit_poses(points: np.ndarray, head: np.ndarray, pull: float = PULL) -> Poses:
    """The poses in which a head (68, 3) looks most like landmarks (n, 68, 2) in pixels, by robust least squares over
    its rigid points. ``pull`` is how strongly turns are drawn towards none."""
    turn = np.zeros((len(points), 2))
    place = _placed(points, np.broadcast_to(head[:, :2], points.shape), np.broadcast_to(RIGID, points.shape[:2]))
    step = 1e-4
    for round_ in range(ROUNDS):
        poses = Poses(turn, place)
        flat = head @ projections(turn)
        seen = poses.flattened(points)
        error = seen - flat
        far = (error**2).sum(-1)
        weights = RIGID / (1 + far / DOUBT**2) ** 2 if round_ > 2 else np.broadcast_to(RIGID, far.shape)
        # by yaw and pitch, and by what a similarity does to the seen points: grow, roll, move
        slopes = np.stack([(head @ projections(turn + step * np.eye(2)[i]) - flat) / step for i in range(2)], -1)
        x, y = flat[..., 0], flat[..., 1]
        one, none = np.ones_like(x), np.zeros_like(x)
        moved = np.stack([np.stack([x, y], -1), np.stack([-y, x], -1), np.stack([one, none], -1),
                          np.stack([none, one], -1)], -1)  # fmt: skip
        jacobian = np.concatenate([slopes, moved], -1)  # (n, 68, 2, 6)
        heavy = jacobian * weights[..., None, None]
        normal = np.einsum("npki,npkj->nij", heavy, jacobian)
        right = np.einsum("npki,npk->ni", heavy, error)
        normal[:, [0, 1], [0, 1]] += pull
        right[:, :2] -= pull * turn
        normal += 1e-9 * np.eye(6)
        change = np.linalg.solve(normal, right[..., None])[..., 0]
        turn = np.clip(turn + np.clip(change[:, :2], -0.3, 0.3), [-FARTHEST, -STEEPEST], [FARTHEST, STEEPEST])
        place = _placed(points, head @ projections(turn), weights)
    return Poses(turn, place)


def _placed(points: np.ndarray, flat: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The similarities that take (n, k, 2) eye distances nearest to ``points`` in pixels, as ``Poses.place``."""
    w = weights / weights.sum(1, keepdims=True)
    from_mean, onto_mean = (np.einsum("nk,nkd->nd", w, each) for each in (flat, points))
    p, q = flat - from_mean[:, None], points - onto_mean[:, None]
    norm = np.einsum("nk,nkd->n", w, p**2)
    a = np.einsum("nk,nkd->n", w, p * q) / norm
    b = np.einsum("nk,nk->n", w, p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]) / norm
    left = onto_mean[:, 0] - a * from_mean[:, 0] + b * from_mean[:, 1]
    top = onto_mean[:, 1] - b * from_mean[:, 0] - a * from_mean[:, 1]
    return np.stack([a, b, left, top], -1)


@dataclass(frozen=True)
class Shape:
    """A person's shape: their ``head`` (68, 3); of their expressions, in eye distances in the head's frontal plane, the
    ``mean`` and ``deviation`` (68, 2); ``turns`` (2, 2): the (lowest, highest) yaw and pitch in which they were seen,
    radians."""

    head: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    turns: np.ndarray

    def read(self, points: np.ndarray) -> tuple[Poses, "Expression"]:
        """The poses of landmarks (n, 68, 2) of this person, and their expressions."""
        poses = fit_poses(points, self.head)
        moved = expressions(points, poses, self.head)
        standard = np.clip((moved - self.mean) / (self.deviation + FLOOR), -REACH, REACH)
        return poses, Expression(standard, gaps(self.head[:, :2] + moved) / self._usual_gaps)

    def landmarks(self, poses: Poses, expression: "Expression") -> np.ndarray:
        """The landmarks of this person in these poses with these expressions: (n, 68, 2) pixels."""
        face = self.head[:, :2] + expression.standard * (self.deviation + FLOOR) + self.mean
        face = opened(face, expression.gaps * self._usual_gaps)
        heads = np.concatenate([face, np.broadcast_to(self.head[:, 2:], (*face.shape[:2], 1))], -1)
        return poses.project(heads)

    @property
    def _usual_gaps(self) -> np.ndarray:
        """What gaps are measured by, (7,): eyes by this person's usual opening, lips by eye distances."""
        usual = gaps((self.head[:, :2] + self.mean)[None])[0]
        return np.concatenate([np.maximum(usual[:4], 0.02), np.ones(3)])

    def code(self, turn: np.ndarray, expression: "Expression") -> np.ndarray:
        """What the paint of this person is told of turns (n, 2) and expressions: (n, ``CODE``) float32. It is painted
        as they were seen: beyond the turns that were seen it stays as at the last of them."""
        turn = np.clip(turn, self.turns[:, 0], self.turns[:, 1]) * TURN_UNITS
        flat = np.clip(expression.standard, -CODE_REACH, CODE_REACH).reshape(len(turn), -1)
        return np.concatenate([flat, turn, turn**2], 1).astype(np.float32)


def expressions(points: np.ndarray, poses: Poses, head: np.ndarray) -> np.ndarray:
    """What landmarks (n, 68, 2) differ by from a head in these poses, in its own frontal plane: (n, 68, 2) eye
    distances."""
    flat = projections(poses.turn)
    rest = poses.flattened(points) - head @ flat
    a, b, d = flat[:, 0, 0], flat[:, 0, 1], flat[:, 1, 1]  # x of the plane lies along (a, b), y along (0, d)
    a = np.sign(a) * np.maximum(np.abs(a), LEAST_FORESHORTENING)
    d = np.maximum(d, LEAST_FORESHORTENING)
    across = rest[..., 0] / a[:, None]
    return np.stack([across, (rest[..., 1] - b[:, None] * across) / d[:, None]], -1)


@dataclass(frozen=True)
class Expression:
    """Expressions of n faces: ``standard`` (n, 68, 2), deviations of each landmark from that person's mean, within
    +-``REACH``; ``gaps`` (n, 7), how far lids and lips are open, by ``PAIRS``: lids as a share of that person's usual
    opening, lips in eye distances."""

    standard: np.ndarray
    gaps: np.ndarray


# Lids and inner lips, (upper, lower): how far these are open can be compared between people as it is
PAIRS = np.array([(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)])
UPPER_LID = 0.8  # of what an eye closes by is the upper lid's
# What goes along when the lower lip goes down: by the share of the middle gap that each does
LOWER = {55: 0.5, 56: 0.9, 57: 1.0, 58: 0.9, 59: 0.5, 60: 0.2, 64: 0.2, 48: 0.1, 54: 0.1, 4: 0.2, 5: 0.5, 6: 0.75,
         7: 0.9, 8: 1.0, 9: 0.9, 10: 0.75, 11: 0.5, 12: 0.2}  # fmt: skip


def gaps(faces: np.ndarray) -> np.ndarray:
    """How far lids and lips of upright faces (n, 68, 2) are open: (n, 7), by ``PAIRS``; below 0 they cross."""
    return faces[:, PAIRS[:, 1], 1] - faces[:, PAIRS[:, 0], 1]


def opened(faces: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Upright faces (n, 68, 2) whose lids and lips are open by ``wanted`` (n, 7), but never less than closed. A mouth
    opens by its lower lip, and takes the chin along."""
    out = faces.copy()
    more = np.maximum(wanted, 0) - gaps(faces)
    upper = np.array([UPPER_LID] * 4 + [0.0] * 3)
    for k, (high, low) in enumerate(PAIRS):
        out[:, high, 1] -= upper[k] * more[:, k]
        out[:, low, 1] += (1 - upper[k]) * more[:, k]
    for point, share in LOWER.items():
        out[:, point, 1] += share * more[:, 5]
    return out


def fit_shape(points: np.ndarray, spread: np.ndarray | None = None) -> Shape:
    """A person's shape from their landmarks (n, 68, 2) in pixels of any scale. ``spread`` (n,), eye distances, says how
    unsure each face's are: it counts less for that."""
    weights = np.ones(len(points)) if spread is None else 1 / (1 + (spread / DOUBT) ** 2)
    head = generic = generic_head()
    for _ in range(OFFSET_ROUNDS):
        poses = fit_poses(points, head)
        head = generic + _offset(points, poses, generic, weights)
        eyes = head[LEFT_EYE].mean(0), head[RIGHT_EYE].mean(0)
        head = (head - np.mean(eyes, 0)) / np.linalg.norm(np.subtract(*eyes)[:2])
    poses = fit_poses(points, head)
    found = expressions(points, poses, head)
    share = weights / weights.sum()
    mean = np.einsum("n,npk->pk", share, found)
    variance = np.einsum("n,npk->pk", share, (found - mean) ** 2)
    variance = (weights.sum() * variance + COMMON_FACES * COMMON**2) / (weights.sum() + COMMON_FACES)
    low, high = np.percentile(poses.turn, TURNS, axis=0)
    return Shape(head, mean, np.sqrt(variance), np.stack([low, high], -1))


def _offset(points: np.ndarray, poses: Poses, generic: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What a person's head differs by from the generic one: least squares over all faces and turns, drawn to nothing.
    Each face counts for each point by how near it lies to the middle of them all."""
    flat = projections(poses.turn)  # (n, 3, 2)
    rest = poses.flattened(points) - generic @ flat
    apart = rest - np.median(rest, 0)
    sure = weights[:, None] / (1 + (apart**2).sum(-1) / (4 * DOUBT) ** 2)
    normal = np.einsum("nik,njk,np->pij", flat, flat, sure)
    right = np.einsum("nik,npk,np->pi", flat, rest, sure)
    normal += np.diag([GENERIC_FACES, GENERIC_FACES, GENERIC_DEPTHS])
    offset = np.linalg.solve(normal, right[..., None])[..., 0]
    return (offset + offset[MIRROR] * [-1, 1, 1]) / 2 * [0, 0, 1] + offset * [1, 1, 0]
