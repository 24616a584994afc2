"""Talking clips made on the spot from a portrait, for the demo and for tests.

One picture and its 68 landmarks become a talking head: lips part over a mouth with teeth, eyelids close, brows rise,
the head turns in front of its background. The displacement fields are thin-plate splines (Bookstein 1989) through the
landmarks; the turn is the parallax of a rounded depth. It is a toy: one portrait, small turns, no new wrinkles.
"""

import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceit.errors import MediaError
from faceit.geometry import eye_distance

RATE = 44100  # samples a second
PORTRAIT_SIDE = 480
# name -> (left, top, side) of the square with head and shoulders, in the packages' own pictures
_CROPS = {"collins": (86, 0, 280), "hopper": (45, 0, 460)}

_MAX_GAP = 0.38  # lips at mouth_open 1, in eye distances; speech seldom opens wider
_RAISE = 0.14  # the upper lip's share of the gap; the jaw does the rest
_STEP = 2  # expression fields are kept at every second pixel, they are smooth
_COARSE = 4  # and the head's field at every fourth
_CAVITY = np.array([44, 17, 15], np.float32)
_TONGUE = np.array([134, 66, 62], np.float32)
_IVORY = np.array([226, 192, 156], np.float32)
_LASH = np.array([38, 24, 20], np.float32)


@dataclass(frozen=True)
class Pose:
    """What the talking head does in one frame. Left and right are the picture's."""

    mouth_open: float = 0.0  # 0 lips shut .. 1 wide open
    mouth_wide: float = 0.0  # -1 pursed .. 1 drawn wide
    blink_left: float = 0.0  # 0 open .. 1 shut
    blink_right: float = 0.0
    brow: float = 0.0  # -1 lowered .. 1 raised
    yaw: float = 0.0  # degrees, positive to the picture's right
    pitch: float = 0.0  # degrees, positive down
    roll: float = 0.0  # degrees, positive clockwise
    shift_x: float = 0.0  # face widths, positive to the picture's right
    shift_y: float = 0.0  # face widths, positive down
    zoom: float = 1.0  # of the whole picture
    light: float = 1.0  # gain of the whole picture
    light_side: float = 0.0  # -1 brighter on the left .. 1 brighter on the right
    gaze_x: float = 0.0  # -1 .. 1, to the picture's right
    gaze_y: float = 0.0  # -1 .. 1, down


def portraits() -> dict[str, np.ndarray]:
    """The two public-domain portraits, head and shoulders: {"collins", "hopper"}, each (480, 480, 3) uint8 RGB.

    Eileen Collins comes from scikit-image (NASA), Grace Hopper from matplotlib (US Navy).
    Raises MediaError when a package is missing.
    """
    try:
        import skimage.data
        from matplotlib import cbook
        from PIL import Image
    except ImportError as e:
        raise MediaError(
            f"The demo's portraits are inside scikit-image and matplotlib, and {e.name} is not installed: "
            "run 'pip install scikit-image matplotlib'."
        ) from None
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        pictures = {"collins": skimage.data.astronaut(), "hopper": np.asarray(Image.open(file).convert("RGB"))}
    found = {}
    for name, (left, top, side) in _CROPS.items():
        square = pictures[name][top : top + side, left : left + side]
        found[name] = cv2.resize(square, (PORTRAIT_SIDE, PORTRAIT_SIDE), interpolation=cv2.INTER_LANCZOS4)
    return found


# ---- what the talking head does and says --------------------------------------------------------------------------

# mouth_open and mouth_wide of the five vowels a, e, i, o, u
_VOWELS = np.array([[1.0, 0.1], [0.55, 0.6], [0.3, 1.0], [0.62, -0.6], [0.34, -1.0]])
# formants in Hz of a nearly shut and an open jaw, of pursed and wide lips, after Peterson and Barney (1952)
_F1 = (320.0, 800.0)
_F2 = (850.0, 2150.0)
_F3 = 2700.0
_BLINK = np.array([0.0, 0.55, 1.0, 0.95, 0.6, 0.25, 0.0])  # at 0, 0.04 .. 0.24 seconds: shuts fast, opens slowly


def performance(seconds: float, fps: float, seed: int) -> list[Pose]:
    """A person talking: one Pose a frame, the same for the same seed.

    Phrases of syllables (3-5 a second) with pauses between, a blink every 2-5 s, a head that keeps turning slowly.
    """
    rng = np.random.default_rng(seed)
    count = max(1, round(seconds * fps))
    time = np.arange(count) / fps
    opening, width, stress = _syllables(seconds, time, rng)
    blink = _blinks(seconds, time, rng)
    lag = _interpolated(time - 0.02, time, blink)  # eyelids are not quite in step

    def wander(reach, every):
        return reach * _wander(seconds, time, every, rng)

    yaw, pitch, roll = wander(12, 1.5), wander(8, 1.3), wander(4.5, 1.7)
    brow = np.clip(wander(0.8, 1.2) + 0.5 * stress - 0.1, -1, 1)
    x, y = wander(0.07, 2.2) + yaw / 12 * 0.03, wander(0.05, 2.0)
    zoom, light, side = 1.05 + wander(0.05, 3.0), 0.96 + wander(0.07, 3.5), wander(0.9, 3.0)
    gaze_x, gaze_y = wander(1.0, 1.0), wander(0.8, 1.1)
    pitch = pitch + 1.5 * stress  # a nod on what matters
    columns = (opening, width, blink, lag, brow, yaw, pitch, roll, x, y, zoom, light, side, gaze_x, gaze_y)
    return [Pose(*(float(v) for v in row)) for row in np.stack(columns, 1)]


def speech(poses: list[Pose], fps: float, pitch: float, seed: int, rate: int = RATE) -> np.ndarray:
    """A voice for the poses: int16 mono, ``len(poses) / fps`` seconds at ``rate`` samples a second.

    Harmonics of ``pitch`` (Hz) under three formants that follow the mouth; shut lips are silent.
    """
    rng = np.random.default_rng([seed, 1])
    samples = round(len(poses) * rate / fps)
    at = (np.arange(samples) / rate).astype(np.float64)
    frames = (np.arange(len(poses)) + 0.5) / fps  # a frame is shown from its time on; its middle is when it is true

    def smooth(values):
        return _interpolated(at, frames, np.asarray(values, np.float64)).astype(np.float32)

    opening, width = smooth([p.mouth_open for p in poses]), smooth([p.mouth_wide for p in poses])
    loud = _step(opening, 0.04, 0.9) ** 0.8
    melody = 1 + 0.10 * smooth(_wander(at[-1] + 1, frames, 0.7, rng)) + 0.12 * opening
    phase = 2 * np.pi * np.cumsum(pitch * melody, dtype=np.float64) / rate
    f1 = _F1[0] + (_F1[1] - _F1[0]) * np.clip(opening, 0, 1)
    f2 = _F2[0] + (_F2[1] - _F2[0]) * np.clip((width + 1) / 2, 0, 1)
    voice = np.zeros(samples, np.float32)
    for k in range(1, int(min(4000, rate / 2.5) / (1.25 * pitch)) + 1):
        hz = (k * pitch) * melody.astype(np.float32)
        tract = _resonance(hz, f1, 90) + 0.55 * _resonance(hz, f2, 130) + 0.25 * _resonance(hz, _F3, 200)
        voice += tract * np.sin(k * phase % (2 * np.pi)).astype(np.float32) / k**0.7
    breath = rng.standard_normal(samples).astype(np.float32)
    breath -= cv2.blur(breath[:, None], (1, 15))[:, 0]  # what is left hisses
    # the hiss of a consonant, where the lips have just let go
    release = np.clip(np.gradient(opening) * rate / 12, 0, 1) * _step(opening, 0.02, 0.12)
    mixed = loud * (voice / max(float(np.abs(voice).max()), 1e-6) + 0.012 * breath) + 0.02 * release * breath
    return (np.clip(mixed * 0.75, -1, 1) * 32767).astype(np.int16)


def make_clip(
    portrait: np.ndarray,
    landmarks: np.ndarray,
    out: Path,
    *,
    seconds: float,
    fps: float = 25,
    size: tuple[int, int] = (480, 480),
    seed: int = 0,
    pitch: float = 200.0,
) -> Path:
    """Write an mp4 (h264, bt709, with sound) of the portrait talking; the same pixels and sound for the same seed.

    ``portrait`` (h, w, 3) uint8 RGB, ``landmarks`` (68, 2) in its pixels, ``size`` (width, height) even, ``pitch`` of
    the voice in Hz. The file is whole or absent. Returns ``out``; raises MediaError when ffmpeg fails.
    """
    from faceit.media.writer import VideoWriter

    poses = performance(seconds, fps, seed)
    speaker = TalkingHead(portrait, landmarks, size)
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        voice = Path(folder) / "voice.wav"
        _write_wav(voice, speech(poses, fps, pitch, seed))
        with VideoWriter(out, *size, fps, sound_from=voice, preset="veryfast") as video:
            for pose in poses:
                video.write(speaker.frame(pose))
    return Path(out)


def _write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def _syllables(seconds, time, rng):
    """mouth_open, mouth_wide and stress (0..1) at each time, as arrays."""
    keys = [(-1.0, 0.0, 0.0, 0.0), (0.1, 0.0, 0.0, 0.0)]  # time, open, wide, stress
    now = 0.15
    while now < seconds:
        stop = now + rng.uniform(1.2, 2.4)
        while now < stop:
            long = 1 / rng.uniform(3.0, 5.0)
            vowel = _VOWELS[rng.integers(len(_VOWELS))]
            strong = float(rng.random() < 0.3)
            opening = vowel[0] * rng.uniform(0.7, 0.95) * (1 + 0.2 * strong)
            consonant = 0.0 if rng.random() < 0.45 else rng.uniform(0.05, 0.22)  # p, b, m shut the lips; others do not
            keys.append((now, consonant, 0.3 * vowel[1], 0.0))
            keys.append((now + 0.38 * long, opening, vowel[1], strong))
            keys.append((now + 0.62 * long, 0.9 * opening, vowel[1] * 0.9, strong))
            now += long
        keys.append((now, 0.0, 0.0, 0.0))
        now += rng.uniform(0.35, 0.75)
        keys.append((now - 0.03, 0.0, rng.uniform(-0.2, 0.3), 0.0))
    at, *values = np.array(keys).T
    opening, width, stress = (_interpolated(time, at, v) for v in values)
    return np.clip(opening, 0, 1), np.clip(_calmed(width, time, 0.05), -1, 1), _calmed(stress, time, 0.12)


def _blinks(seconds, time, rng):
    """How far the eyes are shut at each time, 0..1."""
    shut = np.zeros(len(time))
    now = rng.uniform(0.5, 1.5)
    while now < seconds:
        shut = np.maximum(shut, np.interp(time, now + 0.04 * np.arange(len(_BLINK)), _BLINK, 0, 0))
        now += rng.uniform(2.0, 4.5)
    return shut


def _wander(seconds, time, every, rng):
    """A slow value in -1..1 that swings from side to side about every ``every`` seconds."""
    count = int(seconds / every) + 4
    # sides alternate, so that a short clip too shows both
    values = rng.uniform(0.35, 1.0, count) * (-1.0) ** (np.arange(count) + rng.integers(2))
    at = (np.arange(count) - 1 + rng.uniform(-0.25, 0.25, count)) * every
    return _interpolated(time, at, values)


def _interpolated(time, at, values):
    """``values`` known at times ``at``, between them in half cosines, so that motion starts and stops gently."""
    if len(at) < 2:
        return np.full(len(time), values[0])
    i = np.clip(np.searchsorted(at, time, side="right") - 1, 0, len(at) - 2)
    t = _step(time, at[i], np.maximum(at[i + 1], at[i] + 1e-9))
    return values[i] + (values[i + 1] - values[i]) * t


def _calmed(values, time, seconds):
    """A Gaussian average over ``seconds``."""
    if len(time) < 2:
        return values
    sigma = seconds / (time[1] - time[0])
    line = values.astype(np.float32)[None]
    return cv2.GaussianBlur(line, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[0].astype(np.float64)


def _resonance(hz, centre, width):
    """Gain of a formant at frequencies ``hz``, 1 at its centre (Hz)."""
    return 1 / (1 + ((hz - centre) / width) ** 2) ** 0.75


class TalkingHead:
    """A portrait that moves.

    ``portrait`` is (h, w, 3) uint8 RGB with a roughly upright, frontal face, ``landmarks`` (68, 2) in its pixels,
    ``size`` (width, height) of the frames in pixels; the portrait is scaled to fill them and cut in the middle.
    """

    def __init__(self, portrait: np.ndarray, landmarks: np.ndarray, size: tuple[int, int] = (480, 480)):
        picture, points = _filled(portrait, np.asarray(landmarks, np.float64), size)
        self._picture = picture.astype(np.float32)
        self._eyes = [_Eye(picture, points[36:42]), _Eye(picture, points[42:48])]
        self._face = _Expression(picture, points)
        self._head = _Head(picture, points)

    def frame(self, pose: Pose) -> np.ndarray:
        """The talking head in a pose: (h, w, 3) uint8 RGB."""
        picture = self._picture.copy()
        for eye, blink in zip(self._eyes, (pose.blink_left, pose.blink_right), strict=True):
            eye.draw(picture, blink, pose.gaze_x, pose.gaze_y)
        self._face.draw(picture, pose)
        return self._head.render(picture, pose)


class _Eye:
    """One eye that shuts and looks about, drawn into the portrait before anything else moves."""

    def __init__(self, picture, points):
        left, right = points[:, 0].min(), points[:, 0].max()
        self.width = width = right - left
        self.box = box = _box(points, 0.55 * width, picture.shape)
        x, y = _pixels(box)
        upper = _curve(points[[0, 1, 2, 3]], 3)(x[0])
        lower = _curve(points[[0, 5, 4, 3]], 3)(x[0])
        # dlib's corners lie inside the visible ones, so the curves go on a little beyond them
        self.upper, self.lower = np.minimum(upper, lower - 0.5), lower
        self.y = y
        across = (x - left) / width
        self.inside = _step(across, -0.12, 0.02) * (1 - _step(across, 0.98, 1.12))
        self.bulge = np.clip(1 - (2 * across - 1) ** 2, 0, 1)
        self.brim = 0.22 * width  # lashes reach this far above the lid's edge
        self.lid = self._lid(picture[box])

    def _lid(self, patch):
        """Skin in place of the eye: (h, w, 3) float32."""
        reach = np.where(self.inside > 0.3, self.brim, -9)
        hole = (self.y > self.upper - reach) & (self.y < self.lower + 0.06 * self.width) & (self.inside > 0.3)
        skin = cv2.inpaint(patch, hole.astype(np.uint8), 0.12 * self.width, cv2.INPAINT_TELEA)
        soft = cv2.GaussianBlur(skin, (0, 0), 0.05 * self.width).astype(np.float32)
        beneath = (self.y - self.lower) / self.width
        bag = (beneath > 0.12) & (beneath < 0.40) & (self.inside > 0.5)
        # lashes and the shadow of the socket darken what grows in from the rim; the skin below the eye knows better
        soft = 0.5 * soft + 0.5 * np.median(patch[bag], axis=0).astype(np.float32)
        depth = (self.y - self.upper) / np.maximum(self.lower - self.upper, 1)
        shade = 1 - 0.10 * _step(depth, 0.2, 1.0)  # the lid is round: its lower part looks down
        return np.where(hole[..., None], soft, skin).astype(np.float32) * shade[..., None].astype(np.float32)

    def draw(self, picture, blink, gaze_x, gaze_y):
        """Draw the eye into ``picture`` (float32 RGB), in place."""
        patch = picture[self.box]
        if gaze_x or gaze_y:
            self._look(patch, gaze_x, gaze_y)
        if blink <= 0:
            return
        edge = self.upper + (self.lower - self.upper) * min(blink, 1.0)
        soft = 0.03 * self.width
        cover = _step(edge - self.y, -soft, soft) * _step(self.y - self.upper, -self.brim * 1.2, -self.brim * 0.6)
        cover = cover * self.inside * min(1.0, 4 * blink)
        lashes = np.exp(-(((self.y - edge) / (0.045 * self.width)) ** 2)) * self.inside**2
        lashes = 0.62 * lashes * min(1.0, 4 * blink) * (0.35 + 0.65 * self.bulge)
        patch += (self.lid - patch) * cover[..., None].astype(np.float32)
        patch += (_LASH - patch) * lashes[..., None].astype(np.float32)

    def _look(self, patch, gaze_x, gaze_y):
        """Move what is between the lids."""
        h, w = patch.shape[:2]
        x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        dx, dy = 0.11 * self.width * gaze_x, 0.05 * self.width * gaze_y
        moved = _sample(patch, x - (dx * self.bulge).astype(np.float32), y - (dy * self.bulge).astype(np.float32))
        soft = 0.04 * self.width
        between = _step(self.y - self.upper, -soft, soft) * _step(self.lower - self.y, -soft, soft)
        patch += (moved - patch) * (between * self.bulge**0.5)[..., None].astype(np.float32)


class _Expression:
    """Mouth, jaw and brows.

    The skin is two sheets that meet in the line of the lips: the upper one, and the lower one, which the jaw carries.
    Both lie over the inside of the mouth. A sheet's field says where each of its points goes; drawing inverts it.
    """

    def __init__(self, picture, points):
        self.unit = eye_distance(points)
        ring = _ring(points)
        self.box = box = _box(ring, 0, picture.shape)
        x, y = _pixels(box)
        self.lips = _Lips(picture, points, self.unit)
        self.above = (self.lips.upper(x[0]) - y).astype(np.float32)  # > 0 on the upper sheet
        self.below = (y - self.lips.lower(x[0])).astype(np.float32)  # > 0 on the lower sheet
        self.fields = _fields(points, ring, box, self.lips, self.unit)
        self.inside = _Inside(picture[box], x, self.above, self.below, self.lips, self.unit)
        self.fade = _edge_fade(x.shape, 0.06)[..., None]

    def draw(self, picture, pose):
        """Draw the lower face and the brows into ``picture`` (float32 RGB), in place."""
        upper, lower, gap, closing = self._moves(pose)
        patch = picture[self.box]
        source = patch.copy()
        h, w = source.shape[:2]
        ux, uy = _inverse_map(upper, _STEP, (h, w))
        lx, ly = _inverse_map(lower, _STEP, (h, w))
        over, under = _sample(self.above, ux, uy), _sample(self.below, lx, ly)
        skin = _sample(source, ux, uy)
        jaw = _sample(source, lx, ly)
        top = int(max(0, np.argmax((over < 3).any(1)) - 2))
        rows = slice(top, h)  # the lips' line and all that is below it
        mouth = self.inside.render(source, (ux[rows], uy[rows]), over[rows], under[rows], gap)
        soft = 1.6
        # beyond the corners there is one skin: without this its two half-covers would let the dark shine through
        whole = 1 - self.inside.opening(ux[rows], uy[rows])
        over_cover = np.maximum(np.clip(over[rows] / soft + 1, 0, 1), whole)[..., None]
        under_cover = np.clip(under[rows] / soft + 0.5, 0, 1)[..., None]
        if closing > 0:
            jaw[rows] *= self.inside.seam(ux[rows], uy[rows], over[rows], closing)[..., None]
        skin[rows] = mouth + (skin[rows] - mouth) * over_cover
        skin[rows] += (jaw[rows] - skin[rows]) * under_cover
        patch += (skin - patch) * self.fade

    def _moves(self, pose):
        """Fields of the two sheets (h, w, 2), the gap between the lips in pixels, how far the lips were closed."""
        f = self.fields
        gap = float(np.clip(pose.mouth_open, 0, 1.2)) * _MAX_GAP * self.unit
        opening = max(gap - self.lips.gap, 0.0)
        closing = 1 - min(gap / self.lips.gap, 1.0) if self.lips.gap > 0 else 0.0
        both = pose.mouth_wide * f["wide"] + pose.brow * f["brow"] + opening * f["cheeks"]
        upper = both + opening * _RAISE * f["raise"]
        lower = both + opening * (1 - _RAISE) * f["jaw"] + closing * f["close"]
        return upper, lower, gap, closing


class _Lips:
    """Where the lips meet: the lower edge of the upper lip and the upper edge of the lower one, y of x, pixels."""

    def __init__(self, picture, points, unit):
        self.left = (points[48] + points[60]) / 2
        self.right = (points[54] + points[64]) / 2
        upper, lower = points[60:65], points[[60, 67, 66, 65, 64]]
        gap = float((lower - upper)[1:4, 1].mean())
        self.gap = gap if gap > 0.05 * unit else 0.0  # dlib puts shut lips a little apart
        if self.gap:
            self.upper, self.lower = self._edge(_curve(upper, 4)), self._edge(_curve(lower, 4))
        else:
            line = _darkest(picture, points, unit)
            self.left, self.right = (np.array([x, float(line(x))]) for x in points[[48, 54], 0])
            self.upper = self.lower = self._edge(line)
        self.middle = (self.left[0] + self.right[0]) / 2
        self.half = (self.right[0] - self.left[0]) / 2

    def profile(self, x):
        """How far the open lips part at x, 1 in the middle, 0 at the corners: rounder than a parabola."""
        return np.clip(1 - ((x - self.middle) / self.half) ** 2, 0, 1) ** 0.7

    def _edge(self, curve):
        """``curve`` between the corners, level beyond them."""
        xs = np.linspace(self.left[0], self.right[0], 33)
        ys = curve(xs)
        ys[0], ys[-1] = self.left[1], self.right[1]
        if curve.inner is not None:
            outside = (xs < curve.inner[0]) | (xs > curve.inner[1])
            keep = ~outside
            keep[[0, -1]] = True
            ys = np.interp(xs, xs[keep], ys[keep])
        return lambda x: np.interp(x, xs, ys)


class _Inside:
    """The inside of the mouth: dark, a tongue below, teeth that hang from the upper sheet."""

    def __init__(self, patch, x, above, below, lips, unit):
        self.unit = unit
        self.lips_were_open = lips.gap > 0
        across = (x - lips.middle) / lips.half
        self.across = across.astype(np.float32)
        if self.lips_were_open:
            self.teeth = None  # the photo's own
            self.teeth_cover = np.clip((-above - 0.5) / 1.5, 0, 1) * np.clip((-below - 0.5) / 2.0, 0, 1)
        else:
            self.teeth, self.teeth_cover = _teeth(x - lips.middle, -above, 0.62 * lips.half, unit)
        self.teeth_cover = self.teeth_cover.astype(np.float32)

    def render(self, source, upper_map, over, under, gap):
        """Colours (h, w, 3) float32 behind the lips; ``over``, ``under`` as in _Expression, pixels."""
        across = _sample(self.across, *upper_map)
        tongue = np.exp(-((np.maximum(-under, 0) / (0.10 * self.unit)) ** 2)) * np.clip(1 - across**2 * 2.6, 0, 1)
        tongue *= np.clip(gap / (0.30 * self.unit), 0, 1) * 0.6
        colour = _CAVITY + (_TONGUE - _CAVITY) * tongue[..., None]
        teeth = _sample(source if self.teeth is None else self.teeth, *upper_map)
        cover = _sample(self.teeth_cover, *upper_map)[..., None]
        if not self.lips_were_open:  # drawn teeth lie in the lip's shadow, the deeper the less the mouth is open
            lit = 0.4 + 0.6 * _step(-over, 0, 0.07 * self.unit)
            cover = cover * (lit * (0.45 + 0.55 * min(gap / (0.18 * self.unit), 1)))[..., None]
        colour += (teeth - colour) * cover
        return colour.astype(np.float32)

    def opening(self, x, y):
        """1 between the corners of the mouth, 0 beyond them, (h, w)."""
        return 1 - _step(np.abs(_sample(self.across, x, y)), 0.96, 1.0)

    def seam(self, x, y, over, closing):
        """Factor (h, w) that darkens the line where closed lips touch."""
        across = _sample(self.across, x, y)
        line = np.exp(-((over / (0.022 * self.unit)) ** 2)) * np.clip(1 - across**2, 0, 1) ** 0.5
        return (1 - 0.45 * closing * line).astype(np.float32)


class _Head:
    """The head in front of its background: turn, tilt, shift, zoom and light."""

    def __init__(self, picture, points):
        h, w = picture.shape[:2]
        self.width = points[16, 0] - points[0, 0]
        eyes = points[36:48, 1].mean()
        self.long = points[8, 1] - eyes
        self.middle = np.array([points[[0, 16], 0].mean(), eyes])
        self.pivot = np.array([points[8, 0], points[8, 1] + 0.35 * self.long])
        self.cover = _person(picture, points)
        self.background = _without(picture, self.cover)
        self.coarse = _coarse_grid((h, w), _COARSE)
        self.depth = self._depth(points)
        self.weight = self._weight((h, w), points[8, 1])
        self.grid = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        self.centre = ((w - 1) / 2, (h - 1) / 2)

    def _depth(self, points):
        """How far each point stands in front of the axis it turns about, pixels."""
        x, y = self.coarse
        r = ((x - self.middle[0]) / (0.98 * self.width)) ** 2 + ((y - self.middle[1]) / (1.55 * self.long)) ** 2
        skull = 0.62 * self.width * np.clip(1 - r, 0, 1) ** 1.5

        def bump(at, height, spread):
            d = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (spread * self.width) ** 2
            return height * self.width * np.exp(-d)

        nose, chin = bump(points[30], 0.10, 0.16), bump(points[8], 0.12, 0.30)
        return (skull + nose + chin).astype(np.float32)

    def _weight(self, shape, chin):
        """1 on the head, fading over the shoulders to 0 at the frame's lower corners and border."""
        x, y = self.coarse
        h, w = shape
        falling = 1 - _step(y, chin - 0.1 * self.long, min(chin + 1.3 * self.long, h - 1))
        sides = np.minimum(_step(x, 0, 0.18 * w), _step(w - 1 - x, 0, 0.18 * w))
        return (falling * sides).astype(np.float32)

    def _field(self, pose):
        """Where each point goes, (h, w, 2) pixels, at every fourth pixel."""
        x, y = self.coarse
        yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
        dx = self.depth * np.sin(yaw) + (np.cos(yaw) - 1) * (x - self.middle[0]) * self.weight
        dy = self.depth * np.sin(pitch) + (np.cos(pitch) - 1) * (y - self.middle[1]) * self.weight
        rx, ry = x - self.pivot[0], y - self.pivot[1]
        sway_x = np.cos(roll) * rx - np.sin(roll) * ry - rx + pose.shift_x * self.width
        sway_y = np.sin(roll) * rx + np.cos(roll) * ry - ry + pose.shift_y * self.width
        return np.dstack([dx + self.weight * sway_x, dy + self.weight * sway_y]).astype(np.float32)

    def render(self, picture, pose):
        """Portrait with its expression (float32 RGB) -> the frame, (h, w, 3) uint8."""
        cx, cy = self.centre
        bx = (self.grid[0] - cx) / np.float32(pose.zoom) + cx
        by = (self.grid[1] - cy) / np.float32(pose.zoom) + cy
        back = _invert(self._field(pose), _COARSE)
        at = 1 / _COARSE
        offset = (at - 1) / 2  # pixel centres of the coarse grid
        back = cv2.remap(back, bx * at + offset, by * at + offset, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mx, my = bx + back[..., 0], by + back[..., 1]
        person = _sample(picture, mx, my)
        cover = cv2.remap(self.cover, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[..., None]
        behind = cv2.remap(self.background, bx, by, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        behind += (person - behind) * cover
        across = (self.grid[0][0] - cx) / cx
        behind *= (pose.light * (1 + 0.14 * pose.light_side * across)).astype(np.float32)[None, :, None]
        return np.clip(behind + 0.5, 0, 255).astype(np.uint8)


# ---- fields -------------------------------------------------------------------------------------------------------


def _fields(points, ring, box, lips, unit):
    """The displacement of each part of the expression at strength 1: {name: (h, w, 2) float32 pixels}."""
    shape = box[0].stop - box[0].start, box[1].stop - box[1].start
    x, y = _coarse_grid(shape, _STEP)
    x, y = x + box[1].start, y + box[0].start
    gate = _gate(x, y, lips, unit)[..., None]
    anchored = np.concatenate([points, ring])

    def spline(moves, leave=(), along=None):
        values = np.zeros((len(anchored), 2))
        for index, move in moves.items():
            values[index] = move
        keep = np.setdiff1d(np.arange(len(anchored)), list(leave))
        at, values = anchored[keep], values[keep]
        if along is not None:
            at, values = np.concatenate([at, along[0]]), np.concatenate([values, along[1]])
        return _thin_plate(at, values, x, y)

    upper_edge, lower_edge = _along(lips, lips.upper), _along(lips, lips.lower)
    lift = np.stack([np.zeros(len(lower_edge)), 1.04 * (upper_edge - lower_edge)[:, 1]], 1)
    bow = np.stack([np.zeros(len(upper_edge)), lips.profile(upper_edge[:, 0])], 1)
    upper_lip, lower_lip = [49, 50, 51, 52, 53, 61, 62, 63], [55, 56, 57, 58, 59, 65, 66, 67]
    inner = [61, 62, 63, 65, 66, 67]
    return {
        "wide": spline(_wide(unit)),
        "brow": spline(_brow(unit)),
        "cheeks": spline(_cheeks(), leave=upper_lip + lower_lip),
        "raise": gate * spline(_raise(points, lips), leave=inner + lower_lip, along=(upper_edge, -bow)),
        "jaw": gate * spline(_jaw(points, lips), leave=inner + upper_lip, along=(lower_edge, bow)),
        "close": gate * spline(_close(points), leave=inner + upper_lip, along=(lower_edge, lift)),
    }


def _along(lips, edge):
    """Points along one edge of the lips and beyond the corners, (13, 2)."""
    x = lips.middle + lips.half * np.array([-1.6, -1.3, -1.1, -0.8, -0.55, -0.28, 0, 0.28, 0.55, 0.8, 1.1, 1.3, 1.6])
    return np.stack([x, edge(x)], 1)


def _mirror(moves):
    """Add the other side's landmarks to moves of the left side: {index: (dx, dy)}."""
    pairs = {48: 54, 49: 53, 50: 52, 59: 55, 58: 56, 60: 64, 61: 63, 67: 65, 31: 35, 32: 34}
    pairs |= {i: 16 - i for i in range(8)} | {17 + i: 26 - i for i in range(5)}
    return moves | {pairs[i]: (-dx, dy) for i, (dx, dy) in moves.items() if i in pairs}


def _wide(unit):
    corner = {48: (-1, -0.3), 60: (-0.9, -0.25), 49: (-0.62, -0.1), 59: (-0.62, -0.15)}
    lips = {50: (-0.25, 0.06), 61: (-0.45, 0), 67: (-0.45, 0), 58: (-0.3, 0)}
    cheek = {3: (-0.18, -0.1), 4: (-0.2, -0.1), 5: (-0.12, 0), 31: (-0.1, 0)}
    left = corner | lips | cheek
    return {i: (dx * 0.095 * unit, dy * 0.095 * unit) for i, (dx, dy) in _mirror(left).items()}


def _brow(unit):
    left = {17: (0, -0.6), 18: (0, -0.95), 19: (0, -1), 20: (0, -0.95), 21: (0, -0.8)}
    return {i: (dx, dy * 0.10 * unit) for i, (dx, dy) in _mirror(left).items()}


def _cheeks():
    # an opening jaw draws the corners in and down; both sheets follow, so the cheeks have no seam
    return _mirror({48: (0.14, 0.10), 60: (0.15, 0.12), 4: (0.05, 0.05), 5: (0.06, 0.05)})


def _raise(points, lips):
    return {i: (0, -0.85 * lips.profile(points[i, 0])) for i in range(49, 54)}


def _jaw(points, lips):
    left = {8: (0, 0.92), 7: (0.01, 0.88), 6: (0.03, 0.70), 5: (0.03, 0.45), 4: (0.02, 0.2), 3: (0, 0.06)}
    return _mirror(left) | {i: (0, 0.97 * lips.profile(points[i, 0])) for i in range(55, 60)}


def _close(points):
    whole = float((points[[63, 62, 61], 1] - points[[65, 66, 67], 1]).mean())
    share = {56: 0.85, 57: 0.85, 58: 0.85, 55: 0.4, 59: 0.4, 7: 0.4, 8: 0.45, 9: 0.4, 6: 0.25, 10: 0.25}
    return {i: (0, part * whole) for i, part in share.items()}


def _ring(points):
    """Points around the face that stay where they are, (n, 2)."""
    eyes, chin = points[36:48].mean(0), points[8]
    down = chin[1] - eyes[1]
    width = points[16, 0] - points[0, 0]
    middle = np.array([(points[0, 0] + points[16, 0]) / 2, eyes[1] + 0.35 * down])
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return middle + np.stack([np.cos(turn) * 0.70 * width, np.sin(turn) * 1.30 * down], 1)


def _gate(x, y, lips, unit):
    """1 where the two sheets may part, 0 on the lips' line beyond the corners, so that the cheeks never tear."""
    beyond = np.maximum(lips.left[0] - x, x - lips.right[0])
    apart = np.abs(y - (lips.upper(x) + lips.lower(x)) / 2)
    shut = 1 - _step(apart, 0, 0.08 * unit + 0.5 * np.clip(beyond, 0, 0.25 * unit))
    return (1 - _step(beyond, 0, 0.08 * unit) * shut).astype(np.float32)


def _thin_plate(points, values, x, y):
    """Thin-plate spline through ``values`` (n, 2) at ``points`` (n, 2), on the grid x, y: (h, w, 2) float32."""
    scale = np.ptp(points, axis=0).max()
    p = points / scale
    n = len(p)

    def kernel(r2):
        return 0.5 * r2 * np.log(np.maximum(r2, 1e-12))

    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = kernel(((p[:, None] - p[None]) ** 2).sum(-1)) + 1e-5 * np.eye(n)  # shut lips share points
    system[:n, n:] = np.c_[np.ones(n), p]
    system[n:, :n] = system[:n, n:].T
    weights = np.linalg.solve(system, np.r_[values, np.zeros((3, 2))])
    at = np.stack([x.ravel(), y.ravel()], 1) / scale
    field = kernel(((at[:, None] - p[None]) ** 2).sum(-1)) @ weights[:n] + np.c_[np.ones(len(at)), at] @ weights[n:]
    return (field.reshape(*x.shape, 2) * _edge_fade(x.shape, 0.12)[..., None]).astype(np.float32)


def _invert(field, step, rounds=12):
    """Displacement of a backward map for a forward ``field`` (h, w, 2) in pixels, both at every ``step``-th pixel."""
    h, w = field.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    back = -field
    for _ in range(rounds):  # a fixed point: the source of p is p - field(source)
        seen = cv2.remap(
            field, x + back[..., 0] / step, y + back[..., 1] / step, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        back += 0.75 * (-seen - back)  # in full steps it swings where the lips' field is steep
    return back


def _inverse_map(field, step, shape):
    """Backward sampling maps x, y (h, w) float32 for a forward field kept at every ``step``-th pixel."""
    h, w = shape
    back = _invert(field, step)
    full = cv2.resize(back, (back.shape[1] * step, back.shape[0] * step), interpolation=cv2.INTER_LINEAR)[:h, :w]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    return x + full[..., 0], y + full[..., 1]


def _coarse_grid(shape, step):
    """Pixel coordinates x, y of the centres of step x step blocks that cover ``shape``."""
    h, w = -(-shape[0] // step), -(-shape[1] // step)
    centre = (step - 1) / 2
    return np.meshgrid(np.arange(w, dtype=np.float32) * step + centre, np.arange(h, dtype=np.float32) * step + centre)


# ---- pixels -------------------------------------------------------------------------------------------------------


def _filled(portrait, points, size):
    """Portrait and landmarks scaled to fill ``size`` (width, height) and cut in the middle."""
    w, h = size
    ph, pw = portrait.shape[:2]
    scale = max(w / pw, h / ph)
    if scale != 1:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        portrait = cv2.resize(portrait, (max(w, round(pw * scale)), max(h, round(ph * scale))), interpolation=way)
    left, top = (portrait.shape[1] - w) // 2, (portrait.shape[0] - h) // 2
    points = (points + 0.5) * scale - 0.5 - [left, top]
    return np.ascontiguousarray(portrait[top : top + h, left : left + w]), points


def _person(picture, points):
    """How much of each pixel is the person, (h, w) float32; below the chin everything is, since it hardly moves.

    GrabCut (Rother et al. 2004) from shapes that the landmarks suggest.
    """
    h, w = picture.shape[:2]
    width, eyes, chin = points[16, 0] - points[0, 0], points[36:48, 1].mean(), points[8, 1]
    x, long = points[[0, 16], 0].mean(), chin - eyes
    mask = np.full((h, w), cv2.GC_BGD, np.uint8)

    def ellipse(y, wide, tall, label):
        cv2.ellipse(mask, (int(x), int(y)), (int(wide * width), int(tall * long)), 0, 0, 360, int(label), -1)

    def trunk(top, foot, label):
        corners = [[x - top * width, chin], [x + top * width, chin], [x + foot * width, h], [x - foot * width, h]]
        cv2.fillPoly(mask, [np.array(corners, np.int32)], int(label))

    ellipse(eyes - 0.05 * long, 0.9, 2.0, cv2.GC_PR_BGD)
    mask[int(chin - 0.3 * long) :] = cv2.GC_PR_BGD
    ellipse(eyes - 0.1 * long, 0.68, 1.3, cv2.GC_PR_FGD)
    trunk(0.5, 1.4, cv2.GC_PR_FGD)
    ellipse(eyes - 0.1 * long, 0.52, 1.05, cv2.GC_FGD)
    trunk(0.25, 0.8, cv2.GC_FGD)
    cv2.setRNGSeed(0)  # GrabCut starts from a random clustering
    cv2.grabCut(picture, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    person = (mask & 1).astype(np.uint8)
    edge = int(0.3 * width)
    wide = cv2.copyMakeBorder(person, *[edge] * 4, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, _disc(edge))
    # a rim of background may travel with the hair, lost hair would stay behind
    person = cv2.dilate(wide, _disc(int(0.06 * width)))[edge:-edge, edge:-edge]
    pieces = cv2.findContours(person, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    largest = max(pieces, key=cv2.contourArea)
    person = cv2.drawContours(np.zeros_like(person), [largest], -1, 1, -1).astype(np.float32)
    person = cv2.GaussianBlur(person, (0, 0), max(0.015 * width, 0.8))
    body = _step(np.arange(h), chin + 0.1 * long, chin + 0.45 * long)[:, None]
    return np.maximum(person, body).astype(np.float32)


def _disc(diameter):
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter | 1,) * 2)


def _without(picture, cover):
    """The picture with the person painted over, (h, w, 3) float32: the background mirrored in the person's outline."""
    known = cv2.erode((cover < 0.02).astype(np.uint8), _disc(int(0.028 * cover.shape[1])))  # stray hair
    if not known.any():
        return picture.astype(np.float32)
    away, labels = cv2.distanceTransformWithLabels(1 - known, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    h, w = known.shape
    y, x = np.mgrid[:h, :w]
    place = np.zeros((labels.max() + 1, 2), np.float32)  # label -> its known pixel
    place[labels[known > 0]] = np.stack([x, y], -1)[known > 0]
    nearest = place[labels]
    mirrored = 2 * nearest - np.dstack([x, y])
    near = np.stack([np.clip(mirrored[..., 0], 0, w - 1), np.clip(mirrored[..., 1], 0, h - 1)], -1).astype(np.float32)
    is_known = cv2.remap(known, near[..., 0], near[..., 1], cv2.INTER_NEAREST) > 0
    source = np.where(is_known[..., None], near, nearest).astype(np.float32)
    filled = cv2.remap(picture, source[..., 0], source[..., 1], cv2.INTER_LINEAR).astype(np.float32)
    smooth = cv2.GaussianBlur(filled, (0, 0), 0.018 * w)
    deep = _step(away, 0.0, 0.025 * w)[..., None].astype(np.float32)
    return np.ascontiguousarray(filled + (smooth - filled) * deep)


def _teeth(x, depth, half, unit):
    """Upper teeth for a portrait that shows none: colours (h, w, 3) and cover (h, w), float32.

    ``x`` pixels right of the mouth's middle, ``depth`` pixels below the upper lip, ``half`` width of the arch.
    """
    edges = np.cumsum([0.0, 0.135, 0.105, 0.11, 0.10, 0.10]) * unit  # central incisor first, in eye distances
    u = np.abs(x) / half
    along = np.arcsin(np.clip(u, 0, 1)) * half * 0.92  # the arch turns away from us
    nearest = np.abs(along[..., None] - edges).min(-1)
    tall = unit * (0.105 - 0.03 * np.clip(u, 0, 1) ** 2) - 0.007 * unit * np.exp(-((nearest / (0.015 * unit)) ** 2))
    cover = np.clip((tall - depth) / 1.8 + 0.5, 0, 1) * (1 - _step(u, 0.75, 1.0)) * (depth > -4)
    light = (0.90 - 0.42 * u**2) * (1 - 0.20 * np.exp(-((nearest / (0.010 * unit)) ** 2)))
    return (_IVORY * light[..., None]).astype(np.float32), cover


def _darkest(picture, points, unit):
    """The line of shut lips, y of x: the darkest path from corner to corner near dlib's inner lips."""
    gray = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 0.012 * unit).astype(np.float64)
    inner = (points[60:65] + points[[60, 67, 66, 65, 64]]) / 2
    guess = np.r_[points[48:49], inner[1:4], points[54:55]]
    xs = np.arange(int(np.ceil(points[48, 0])), int(points[54, 0]) + 1)
    near = np.arange(-int(0.09 * unit), int(0.09 * unit) + 1)
    ys = np.round(np.interp(xs, guess[:, 0], guess[:, 1])).astype(int)[:, None] + near
    cost = gray[np.clip(ys, 0, gray.shape[0] - 1), xs[:, None]] + 0.4 * np.abs(near)
    total, came = cost.copy(), np.zeros(cost.shape, int)
    climb = 6.0 * (np.arange(len(near))[:, None] - np.arange(len(near))) ** 2.0
    for i in range(1, len(xs)):
        ways = total[i - 1][None] + climb
        came[i] = ways.argmin(1)
        total[i] = cost[i] + ways.min(1)
    path = [int(total[-1].argmin())]
    for i in range(len(xs) - 1, 0, -1):
        path.append(came[i][path[-1]])
    line = ys[np.arange(len(xs)), path[::-1]].astype(np.float32)
    line = cv2.GaussianBlur(line[None], (0, 0), 0.045 * unit, borderType=cv2.BORDER_REPLICATE)[0]
    return _Curve(lambda x: np.interp(x, xs, line), None)


class _Curve:
    """y of x through a few points; ``inner`` is the part of x where the points lie."""

    def __init__(self, function, inner):
        self.function, self.inner = function, inner

    def __call__(self, x):
        return np.asarray(self.function(x), np.float64)


def _curve(points, degree):
    """A polynomial through points (n, 2), level in slope never trusted far beyond them."""
    start, stop = points[0, 0], points[-1, 0]
    fit = np.polynomial.Polynomial.fit(points[:, 0], points[:, 1], degree)
    return _Curve(lambda x: fit(np.clip(x, start, stop)), (start, stop))


def _sample(image, x, y):
    way = cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR
    return cv2.remap(image, x, y, way, borderMode=cv2.BORDER_REPLICATE)


def _box(points, margin, shape):
    """Rows and columns (slices) around points, within the picture."""
    left, top = np.maximum(np.floor(points.min(0) - margin).astype(int), 0)
    right, bottom = np.minimum(np.ceil(points.max(0) + margin).astype(int) + 1, [shape[1], shape[0]])
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _pixels(box):
    return np.meshgrid(np.arange(box[1].start, box[1].stop), np.arange(box[0].start, box[0].stop))


def _edge_fade(shape, share):
    """1 inside, falling smoothly to 0 at the edges within ``share`` of the sides, (h, w) float32."""
    h, w = shape
    rows = _step(np.minimum(np.arange(h), np.arange(h)[::-1]), 0, share * h)
    columns = _step(np.minimum(np.arange(w), np.arange(w)[::-1]), 0, share * w)
    return (rows[:, None] * columns).astype(np.float32)


def _step(x, low, high):
    """Smooth step: 0 below ``low``, 1 above ``high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
