"""Faces with things pasted over them, whose places are known exactly: what the occluder network learns from.

After the way of data sets of synthetic occlusion (Voo, Jiang and Loy 2022, "Delving into high-quality synthetic face
occlusion segmentation datasets"), with things that are drawn on the spot: hands in the person's own skin, cups, rods
with heads such as microphones, strands, rims, and whatever else. All in textures of 64 pixels; things are drawn twice
as large. Every function draws its chances from a NumPy generator ``r``.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from faceit.texture import SEEN

DRAWN = 2 * SEEN  # pixels in which things are drawn
SHARE = 0.7  # of the faces have something before them
KINDS = {"hand": 0.4, "cup": 0.14, "rod": 0.13, "patch": 0.18, "strands": 0.1, "rim": 0.05}  # how often each
FINER = 4  # bits below a pixel, in which OpenCV draws


@dataclass(frozen=True)
class Person:
    """A person's textures (n, 64, 64, 3) float32 in 0..1 with those that are ``expected`` for the same codes, where the
    face is in them, ``outline`` (64, 64) bool, and their inner ``lips`` (8, 2), 0 to 1 across."""

    textures: np.ndarray
    expected: np.ndarray
    outline: np.ndarray
    lips: np.ndarray


class Paster:
    """Makes samples of faces of ``people``."""

    def __init__(self, people: list[Person]):
        self.people = people
        self.pictures = np.concatenate([each.textures[:: max(1, len(each.textures) // 200)] for each in people])
        self.counts = [cv2.dilate(each.outline.astype(np.float32), np.ones((7, 7))) for each in people]

    def sample(self, r) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A texture beside the expected one, (64, 64, 6) float32 less 0.5; what is pasted over it, and where that
        counts, (64, 64) float32 both."""
        k = int(r.integers(len(self.people)))
        person, counts = self.people[k], self.counts[k]
        i, j = r.integers(len(person.textures), size=2)
        face = person.textures[i]
        expected = person.expected[i if r.random() > 0.12 else j]  # the landmarks of a covered face may be wrong
        if r.random() < 0.3:
            face = wrinkled(r, face)
        if r.random() < 0.3:
            face = mouth_open(r, face, person.lips)
        if r.random() < 0.4:
            face = on_ground(r, face, person.outline, self.stuff(r))
        if r.random() < 0.5:
            face, expected, counts = face[:, ::-1], expected[:, ::-1], counts[:, ::-1]
        face, expected = self.as_another(r, face, expected)
        face, pasted = self.covered(r, in_another_light(r, led_astray(r, face)))
        if r.random() < 0.4:
            face = cv2.GaussianBlur(face, (0, 0), r.uniform(0.3, 1.0))
        face = np.clip(face + r.normal(0, r.uniform(0, 0.02), face.shape), 0, 1)
        return np.concatenate([face, expected], axis=-1).astype(np.float32) - np.float32(0.5), pasted, counts

    def covered(self, r, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The face with something before it, or nothing, and where."""
        pasted = np.zeros((SEEN, SEEN), np.float32)
        for _ in range((r.random() < SHARE) * (1 + (r.random() < 0.2))):
            mask, look = self.thing(r, np.clip(face, 0, 1))
            mask, look = smaller(mask), smaller(look)
            if r.random() < 0.5:  # its shadow on the face
                x, y = r.integers(-3, 4, size=2)
                shade = cv2.GaussianBlur(np.roll(mask, (y, x), (0, 1)), (0, 0), r.uniform(1, 4))
                face = face * (1 - r.uniform(0.1, 0.6) * shade)[..., None]
            face = face * (1 - mask[..., None]) + look * mask[..., None]
            pasted = np.maximum(pasted, mask)
        return face, pasted

    def thing(self, r, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Something before a face: its mask (128, 128) float32 and its look (128, 128, 3)."""
        kind = r.choice(list(KINDS), p=list(KINDS.values()))
        shade = None
        if kind == "hand":
            mask, shade = hand(r)
        else:
            mask = {"cup": cup, "rod": rod, "patch": patch, "strands": strands, "rim": rim}[kind](r)
        of_skin = {"hand": 0.85, "patch": 0.25}.get(kind, 0.0)
        look = skin(r, face) if r.random() < of_skin else self.stuff(r)
        if shade is not None:
            look = look * (1 + r.uniform(0.3, 0.7) * shade[..., None])
        if kind == "strands":
            look = look * r.uniform(0.2, 0.9)
        return mask, np.clip(look, 0, 1)

    def stuff(self, r) -> np.ndarray:
        """What a thing may look like, (128, 128, 3) float32: a part of some picture, or a colour with grain, a slope of
        light and perhaps stripes."""
        if r.random() < 0.2:
            picture = self.pictures[r.integers(len(self.pictures))][:: r.choice([-1, 1]), :: r.choice([-1, 1])]
            side = int(r.integers(16, SEEN + 1))
            y, x = r.integers(0, SEEN - side + 1, size=2)
            return larger(picture[y : y + side, x : x + side])
        colour = np.array([[[r.uniform(0, 360), r.beta(1, 2.2), r.uniform(0.03, 1)]]], np.float32)
        look = np.tile(cv2.cvtColor(colour, cv2.COLOR_HSV2RGB), (DRAWN, DRAWN, 1))
        look += (r.uniform(0, 0.12) * grain(r, int(r.integers(1, 6))))[..., None]
        if r.random() < 0.25:
            stripe = r.uniform(0, 1, 3).tolist()
            for _ in range(r.integers(1, 6)):
                start, end = r.integers(0, DRAWN, size=(2, 2)).tolist()
                cv2.line(look, start, end, stripe, int(r.integers(2, 14)))
        return look * slope(r, 0.12, DRAWN)[..., None]

    def as_another(self, r, face: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same other person in both: of another form, another colour, with things that they always wear."""
        both = np.concatenate([face, expected], axis=-1)
        both = moved(both, elastic(r, r.uniform(0, 1.6)))
        gain = np.exp(r.normal(0, 0.12, 3)) * np.exp(r.normal(0, 0.25))
        both = np.clip(both * np.tile(gain, 2), 0, 1).astype(np.float32) ** np.float32(np.exp(r.normal(0, 0.2)))
        while r.random() < 0.45:
            if r.random() < 0.25:
                spots = cv2.GaussianBlur(np.float32(grain(r, 3, SEEN) > r.uniform(0, 1)), (0, 0), r.uniform(1, 4))
                both = both * (1 + spots[..., None] * (np.tile(np.exp(r.normal(0, 0.15, 3)), 2) - 1))
                continue
            mask = (patch, fringe, glasses)[r.integers(3)](r)
            mask = smaller(cv2.GaussianBlur(mask, (0, 0), r.uniform(0.5, 3)))[..., None]
            look = np.tile(smaller(np.clip(self.stuff(r), 0, 1)) * r.uniform(0.2, 1), (1, 1, 2))
            both = both * (1 - mask) + look * mask
        return both[..., :3].astype(np.float32), both[..., 3:].astype(np.float32)


# --- what is no thing before a face ---


def wrinkled(r, face: np.ndarray) -> np.ndarray:
    """Soft lines and folds of the face itself."""
    for _ in range(r.integers(1, 5)):
        line = np.zeros((DRAWN, DRAWN), np.float32)
        turns = r.uniform(0, 2 * np.pi) + r.normal(0, 0.08) * np.arange(8)
        steps = r.uniform(5, 30) / 8 * np.stack([np.cos(turns), np.sin(turns)], 1)
        draw_line(line, r.uniform(0.15, 0.85, 2) * DRAWN + np.cumsum(steps, 0), int(r.integers(1, 4)))
        line = smaller(cv2.GaussianBlur(line, (0, 0), r.uniform(0.8, 3)))
        face = face * (1 + r.uniform(-0.6, 0.25) * line)[..., None]
    return face


def mouth_open(r, face: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """What is dark, white or red between the lips, and perhaps teeth."""
    (x, y), width = lips.mean(0) * SEEN, float(np.ptp(lips[:, 0])) * SEEN
    height = r.uniform(0.03, 0.5) * width
    middle = (x + r.normal(0, 1), y + r.normal(0, 1.5))
    inside = cv2.GaussianBlur(ellipse(middle, (width * r.uniform(0.5, 1.1), height), r.normal(0, 6)), (0, 0),
                              r.uniform(0.3, 1.0))[..., None]  # fmt: skip
    about = face[round(y) - 2 : round(y) + 3, round(x) - 3 : round(x) + 4].reshape(-1, 3)
    lip = np.median(about, 0) if len(about) else face.mean((0, 1))
    colours = (lip * r.uniform(0.1, 0.6), np.full(3, r.uniform(0.8, 1.9) * face.mean()),
               lip * (1.2, 0.8, 0.8) * r.uniform(0.6, 1.3))  # fmt: skip
    out = face * (1 - inside) + colours[r.integers(3)] * inside
    if r.random() < 0.4:
        teeth = cv2.GaussianBlur(ellipse((x, y - 0.2 * height), (0.7 * width, 0.4 * height), 0), (0, 0), 0.7)
        teeth = teeth[..., None] * inside
        out = out * (1 - teeth) + r.uniform(0.5, 0.95) * teeth
    return out.astype(np.float32)


def on_ground(r, face: np.ndarray, outline: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """The face with something else around it, as a head that turns has."""
    inside = outline.astype(np.float32)
    if r.random() < 0.5:
        inside = cv2.dilate(inside, np.ones((3, 3)))
    inside = moved(cv2.GaussianBlur(inside, (0, 0), r.uniform(0.6, 2)), elastic(r, 2.0, 4))[..., None]
    return (face * inside + smaller(np.clip(ground, 0, 1)) * (1 - inside)).astype(np.float32)


def in_another_light(r, face: np.ndarray) -> np.ndarray:
    """Brighter, darker, tinted, from a side, with cast shadows and highlights."""
    face = face * np.exp(r.normal(0, 0.18)) * np.exp(r.normal(0, 0.04, 3)) * np.exp(slope(r, 0.3) - 1)[..., None]
    face = np.clip(face, 0, 1.2) ** np.exp(r.normal(0, 0.12))
    if r.random() < 0.35:
        shadow = smaller(polygon(blob(r, r.uniform(-0.1, 1.1, 2) * DRAWN, r.uniform(0.2, 0.7) * DRAWN, 10)))
        face = face * (1 - r.uniform(0.1, 0.5) * cv2.GaussianBlur(shadow, (0, 0), r.uniform(1.5, 6)))[..., None]
    if r.random() < 0.25:
        glint = ellipse(r.uniform(10, 54, 2), np.full(2, r.uniform(2, 12)), 0)
        face = face + r.uniform(0, 0.5) * cv2.GaussianBlur(glint, (0, 0), r.uniform(0.7, 2.5))[..., None]
    return face.astype(np.float32)


def led_astray(r, face: np.ndarray) -> np.ndarray:
    """A texture whose landmarks are off by a little, in some places by more."""
    offsets = elastic(r, 0.6)
    if r.random() < 0.3:
        y, x = np.mgrid[:SEEN, :SEEN].astype(np.float32)
        middle, reach = r.uniform(0, SEEN, 2), r.uniform(5, 12)
        near = np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * reach**2))
        offsets = offsets + near[..., None] * r.normal(0, 2.0, 2)
    return moved(face, offsets)


# --- things ---


def hand(r) -> tuple[np.ndarray, np.ndarray]:
    """A hand with some of its fingers from an edge of the picture: its mask, and how its fingers shade each other,
    below 0, (128, 128) float32 both."""
    mask, shade = (np.zeros((DRAWN, DRAWN), np.float32) for _ in range(2))
    tip, start = r.uniform(0.2, 0.85, 2) * DRAWN, edge_point(r)
    along = (tip - start) / max(np.linalg.norm(tip - start), 1e-3)
    across = np.array([-along[1], along[0]])
    width = r.uniform(0.045, 0.085) * DRAWN  # half a finger's
    count, spread, length = int(r.integers(1, 6)), r.uniform(-0.1, 0.35), r.uniform(7, 13) * width
    palm, wide = tip - 0.95 * length * along, width * (count + 0.3)
    wrist = palm - 1.2 * length * along
    capsule(mask, palm, wrist, wide, 0.9 * wide)
    capsule(mask, wrist, start - DRAWN * along, 0.7 * wide, 0.8 * wide)
    for i in r.permutation(count):
        off = i - (count - 1) / 2
        root = tip - along * length * r.uniform(0.85, 1.1) + across * off * 2 * width
        turn = 0.5 * spread * off + r.normal(0, 0.06)
        joint = root + 0.5 * length * r.uniform(0.75, 1.05) * (along * np.cos(turn) + across * np.sin(turn))
        turn += r.normal(0, 0.25)
        end = joint + 0.45 * length * (along * np.cos(turn) + across * np.sin(turn))
        finger, thick = np.zeros_like(mask), width * r.uniform(0.9, 1.1)
        capsule(finger, root, joint, thick, 0.95 * thick)
        capsule(finger, joint, end, 0.95 * thick, 0.75 * thick)
        round_it = -0.9 * np.clip(1 - cv2.GaussianBlur(finger, (0, 0), 0.5 * width), 0, 1)
        around = shade - 0.6 * cv2.GaussianBlur(finger, (0, 0), 0.35 * width)
        shade = np.where(finger > 0.5, round_it, around)
        mask = np.maximum(mask, finger)
    return mask, shade * mask


def cup(r) -> np.ndarray:
    middle = np.array([r.uniform(0, 1), r.uniform(0.4, 1.3)]) * DRAWN
    width, height, turn = r.uniform(0.2, 0.7) * DRAWN, r.uniform(0.3, 1.2) * DRAWN, r.normal(0, 25)
    corners = cv2.boxPoints((middle.tolist(), (width, height), turn))
    corners[[0, 3]] += (corners.mean(0) - corners[[0, 3]]) * r.uniform(-0.1, 0.3)  # wider above
    mask = polygon(corners)
    if r.random() < 0.5:
        top = (middle[0], middle[1] - height / 2)
        mask = np.maximum(mask, ellipse(top, (width, 0.35 * width), turn, DRAWN))
    return mask


def rod(r) -> np.ndarray:
    """A pen, a straw, a fork, a microphone."""
    mask, start, end = np.zeros((DRAWN, DRAWN), np.float32), edge_point(r), r.uniform(0.15, 0.9, 2) * DRAWN
    thick = r.uniform(0.015, 0.06) * DRAWN
    capsule(mask, start, end, thick, thick * r.uniform(0.7, 1.2))
    if r.random() < 0.6:
        along = (end - start) / max(np.linalg.norm(end - start), 1e-3)
        capsule(mask, end, end + along * r.uniform(0, 0.15) * DRAWN, *(r.uniform(0.05, 0.16, 2) * DRAWN))
    return mask


def patch(r) -> np.ndarray:
    middle = r.uniform(0.1, 0.9, 2) * DRAWN
    if r.random() < 0.7:
        middle = edge_point(r) * r.uniform(0.7, 1) + 0.3 * DRAWN * r.uniform(-1, 1, 2)
    mask = polygon(blob(r, middle, r.uniform(0.08, 0.5) * DRAWN, int(r.integers(5, 14))))
    return cv2.GaussianBlur(mask, (0, 0), r.uniform(1, 3)) if r.random() < 0.5 else mask


def strands(r, most: int = 9, thickest: int = 7, longest: float = 1.1) -> np.ndarray:
    """Hair that hangs from above."""
    mask = np.zeros((DRAWN, DRAWN), np.float32)
    for _ in range(r.integers(1, most)):
        y = np.arange(-5, DRAWN * r.uniform(0.3, longest), 6)
        leaning = r.normal(0, 0.5) + np.cumsum(r.normal(0, 0.12, len(y)))
        draw_line(mask, np.stack([r.uniform(0, DRAWN) + np.cumsum(6 * leaning), y], 1), int(r.integers(1, thickest)))
    return mask


def fringe(r) -> np.ndarray:
    return strands(r, 6, 9, 0.6)


def rim(r) -> np.ndarray:
    size = r.uniform(0.2, 0.6, 2) * DRAWN
    return ellipse(r.uniform(0.1, 0.9, 2) * DRAWN, size, r.uniform(0, 180), DRAWN, int(r.integers(2, 8)))


def glasses(r) -> np.ndarray:
    mask, size, thick = np.zeros((DRAWN, DRAWN), np.float32), r.uniform(0.2, 0.4, 2) * DRAWN, int(r.integers(2, 7))
    y = r.uniform(0.25, 0.4) * DRAWN
    for x in (0.3, 0.7):
        mask = np.maximum(mask, ellipse((x * DRAWN, y), size, 0, DRAWN, thick))
    return mask


# --- how they are drawn ---


def skin(r, face: np.ndarray) -> np.ndarray:
    """Skin as it is on the face (64, 64, 3), in another light: (128, 128, 3)."""
    y, x, reach = int(r.integers(30, 50)), int(r.integers(10, 54)), int(r.integers(4, 14))
    part = face[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
    look = larger(part) if r.random() < 0.5 else np.tile(np.median(part.reshape(-1, 3), 0), (DRAWN, DRAWN, 1))
    look = look * np.exp(r.normal(0, 0.12)) * np.exp(r.normal(0, 0.05, 3))
    return (look * (1 + r.uniform(0, 0.1) * grain(r, int(r.integers(2, 5)))[..., None])).astype(np.float32)


def edge_point(r) -> np.ndarray:
    """A point of the picture's edge, more often of the lower one."""
    at = r.uniform(0, 1)
    edges = ((at, 1), (at, 0), (1, at), (0, at))
    return DRAWN * np.array(edges[0 if r.random() < 0.5 else r.integers(4)])


def blob(r, middle, radius: float, corners: int) -> np.ndarray:
    turns, away = np.sort(r.uniform(0, 2 * np.pi, corners)), radius * (1 + r.uniform(-0.35, 0.35, corners))
    return middle + np.stack([away * np.cos(turns), away * np.sin(turns) * r.uniform(0.5, 1.2)], 1)


def grain(r, octaves: int, side: int = DRAWN) -> np.ndarray:
    out: np.ndarray = np.zeros((side, side), np.float32)
    for i in range(octaves):
        coarse = r.normal(0, 1, (2 ** (i + 1) + 1,) * 2).astype(np.float32)
        out += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC) / (i + 1)
    return out


def slope(r, most: float, side: int = SEEN) -> np.ndarray:
    """A plane about 1, that falls to some side."""
    at = ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)
    x, y = r.normal(0, most, 2)
    return (1 + x * at[None] + y * at[:, None]).astype(np.float32)


def elastic(r, deviation: float, points: int = 5) -> np.ndarray:
    """Smooth offsets, pixels: (64, 64, 2) float32."""
    return cv2.resize(r.normal(0, deviation, (points, points, 2)).astype(np.float32), (SEEN, SEEN),
                      interpolation=cv2.INTER_CUBIC)  # fmt: skip


def moved(picture: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:SEEN, :SEEN].astype(np.float32)
    at = (np.stack([x, y], -1) + offsets).astype(np.float32)
    return cv2.remap(picture.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def smaller(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture.astype(np.float32), (SEEN, SEEN), interpolation=cv2.INTER_AREA)


def larger(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture.astype(np.float32), (DRAWN, DRAWN), interpolation=cv2.INTER_LINEAR)


def fixed(points: np.ndarray) -> np.ndarray:
    return np.round(np.asarray(points) * 2**FINER).astype(np.int32)


def polygon(points: np.ndarray) -> np.ndarray:
    mask = np.zeros((DRAWN, DRAWN), np.float32)
    cv2.fillPoly(mask, [fixed(points)], 1.0, cv2.LINE_AA, FINER)
    return mask


def capsule(mask: np.ndarray, start: np.ndarray, end: np.ndarray, first: float, last: float) -> None:
    """Fill what lies between two discs, with their radii."""
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], 1)
    hull = cv2.convexHull(np.concatenate([start + first * circle, end + last * circle]).astype(np.float32))
    cv2.fillConvexPoly(mask, fixed(hull), 1.0, cv2.LINE_AA, FINER)


def draw_line(mask: np.ndarray, points: np.ndarray, thick: int) -> None:
    cv2.polylines(mask, [fixed(points)], False, 1.0, thick, cv2.LINE_AA, FINER)


def ellipse(middle, size, turn: float, side: int = SEEN, thick: int = -1) -> np.ndarray:
    mask, box = np.zeros((side, side), np.float32), (tuple(map(float, middle)), tuple(map(float, size)), float(turn))
    cv2.ellipse(mask, box, 1.0, thick, cv2.LINE_AA)
    return mask
