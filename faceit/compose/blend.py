"""Blend: a swapped face back into its frame, within its own rectangle."""

import cv2
import numpy as np

from faceit.compose.detail import sharpened
from faceit.compose.grain import add_grain, skin_of
from faceit.compose.masks import MASK_SIZE, disc, face_mask, kept_area, kept_mask, skin_area
from faceit.config.settings import ConvertSettings
from faceit.geometry import FACE, Alignment, Crop, align, halved
from faceit.light import light_of, relit
from faceit.planes import TO_YUV, Layer, Planes, cut, in_colours

# Pixels of the square that goes into the frame: as many as the face has there, but at most so many or twice the
# network's picture, since what is finer is in neither of them.
SMALLEST, USUAL = 64, 256
LIGHT_SIZE = 64  # pixels of the crop in which a face's light is measured
BAND = 0.05  # of the crop's width: what is broader than that is shade
BAND_EDGE = 0.15  # likewise: over so much of the face the frame's shades go over into the swapped face's
SEEN_FROM = 0.02  # of the mask; what is less is not seen
BAND_SIZE = 64  # pixels in which they are worked out


def put_back(
    frame: np.ndarray | Planes, landmarks: np.ndarray, face: np.ndarray, settings: ConvertSettings, crop: Crop = FACE,
    *, light: np.ndarray | None = None, strength: float = 1.0, drawn: np.ndarray | None = None,
    front: np.ndarray | None = None, layer: Layer | None = None,
) -> None:  # fmt: skip
    """Put a swapped face (s, s, 3) float32 in 0..1, which shows ``crop``, over the one with these landmarks, in place.

    ``frame``, (h, w, 3) uint8 RGB or planes, changes only where the mask is. ``light`` is that of the frame's own face,
    as ``face_light`` gives it, perhaps smoothed over time; None: as it is here. ``strength`` 0 to 1 fades the face.
    ``drawn`` (m, m) float32 over the face's picture is above 0 where that shows the face, and not what is around it;
    None: everywhere. ``front`` (n, n) float32 over the crop is 1 where something lies before the face
    (``occlusion.occluded``). ``layer``, of the frame's size, gets the face too, unblended, with the mask as opacity.
    """
    size, own = _work_size(landmarks, crop, max(USUAL, 2 * len(face))), len(face)
    place, small = (_square(landmarks, pixels, settings, crop) for pixels in (size, own))
    mask, shown = _mask(landmarks, drawn, front, min(size, MASK_SIZE), settings, crop)
    # in the frame's colours, as sharp as it, with its shades: in the network's own pixels, which are enough
    face, points = np.clip(face, 0, 1), small.points(landmarks.astype(np.float64))
    here = _seen(frame, small)
    if settings.color != "none":
        skin = skin_area(points, own, crop) & (cv2.resize(shown, (own, own), interpolation=cv2.INTER_LINEAR) > 0.5)
        face = relit(face, light_of(here, skin) if light is None else light, skin)
    if settings.blend == "bands":
        face = _in_bands(face, here, mask)
    if settings.sharpen:
        face = sharpened(face, here, kept_area(points, own), settings.sharpen)
    face = cv2.resize(np.rint(face * 255).astype(np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)
    if settings.blend == "seamless":
        face = _seamless(face, cut(frame, place), mask)
    grainy = skin_of(frame, place, landmarks, mask) if settings.grain else None
    if strength < 1:
        mask = mask * np.float32(max(strength, 0))
    _into_frame(frame, place, face, mask)
    if layer is not None:
        _into_layer(layer, place, face, mask)
    if grainy is not None:
        add_grain(grainy, frame, place, mask, *([] if layer is None else [layer.planes]))


def face_light(frame: np.ndarray | Planes, landmarks: np.ndarray) -> np.ndarray:
    """The light of a frame's own face, for ``put_back``, as ``light.light_of`` gives it."""
    place = align(landmarks, LIGHT_SIZE)
    area = skin_area(place.points(landmarks.astype(np.float64)), LIGHT_SIZE)
    return light_of(_seen(frame, place), area)


def _seen(frame: np.ndarray | Planes, place: Alignment) -> np.ndarray:
    """What the frame shows in an aligned square: (size, size, 3) float32 RGB in 0..1."""
    return cut(frame, place).astype(np.float32) / 255


def _mask(landmarks, drawn, front, size: int, settings: ConvertSettings, crop: Crop) -> tuple[np.ndarray, np.ndarray]:
    """(how much of the swapped face is to be seen, how much of it may be seen: ``_shown``), (size, size) float32."""
    points = _square(landmarks, size, settings, crop).points(landmarks.astype(np.float64))
    mask = face_mask(points, size, settings.mask != "hull", settings.feather, crop, settings.erode)
    if settings.keep != "none":
        mask *= 1 - kept_mask(points, size, settings.keep)
    shown = _shown(drawn, front, size, settings.scale)
    return np.minimum(mask, shown), shown


def _shown(drawn: np.ndarray | None, front: np.ndarray | None, size: int, scale: float) -> np.ndarray:
    """How much of a face may be seen where, (size, size) float32: as it was drawn, and behind what lies before it."""
    shown: np.ndarray = np.ones((size, size), np.float32)
    if drawn is not None:
        shown = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_LINEAR)
    if front is None:
        return shown
    front = cv2.resize(front, (size, size), interpolation=cv2.INTER_LINEAR)
    if scale != 1:
        front = cv2.warpAffine(front, _scaled(Alignment(np.eye(2, 3), size), scale).matrix, (size, size))
    return np.minimum(shown, 1 - front)


def _in_bands(face: np.ndarray, here: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The face with its broad shades going over into the frame's, more gently than its detail, towards the mask's edge:
    blending in two bands (Burt and Adelson 1983)."""
    small = (BAND_SIZE, BAND_SIZE)
    there = (mask > SEEN_FROM).astype(np.uint8)  # outside both are the frame: what is swapped there is nobody's
    # measured in all its pixels: in fewer the depth jumps from frame to frame, and with it the face's brightness
    depth: np.ndarray = cv2.distanceTransform(there, cv2.DIST_L2, cv2.DIST_MASK_5) / (BAND_EDGE * len(mask))
    mine, theirs = (cv2.resize(each, small, interpolation=cv2.INTER_AREA) for each in (face, here))
    depth = cv2.resize(depth, small, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(there.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    shades: np.ndarray = cv2.GaussianBlur((theirs - mine) * inside[..., None], (0, 0), BAND * BAND_SIZE)
    shades /= np.maximum(cv2.GaussianBlur(inside, (0, 0), BAND * BAND_SIZE), 1e-3)[..., None]
    shades *= (0.5 + 0.5 * np.cos(np.pi * np.minimum(depth, 1)))[..., None]
    return np.clip(face + cv2.resize(shades, (len(face), len(face)), interpolation=cv2.INTER_LINEAR), 0, 1)


def _seamless(face: np.ndarray, here: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The face's gradients with the frame's colours at its edge (Pérez et al. 2003), by OpenCV. What touches the edge,
    hair or a collar, colours the whole face, so it flickers."""
    inside = (mask > 0.05).astype(np.uint8) * 255
    left, top, width, height = cv2.boundingRect(inside)
    if min(width, height) < 4:
        return face
    middle = (left + width // 2, top + height // 2)
    return cv2.seamlessClone(face, here, inside, middle, cv2.NORMAL_CLONE)


def _work_size(landmarks: np.ndarray, crop: Crop, largest: int) -> int:
    """Pixels of the crop at the frame's own resolution, within bounds; even."""
    return 2 * (int(np.clip(round(1 / align(landmarks, 1, crop=crop).scale), SMALLEST, largest)) // 2)


def _square(landmarks: np.ndarray, size: int, settings: ConvertSettings, crop: Crop) -> Alignment:
    """The square that a swapped face takes in the frame, in ``size`` pixels."""
    return _scaled(align(landmarks, size, crop=crop), settings.scale)


def _scaled(place: Alignment, scale: float) -> Alignment:
    """The same square, larger in the frame by ``scale``, about its middle."""
    if scale == 1:
        return place
    matrix = place.matrix / scale
    matrix[:, 2] += (place.size - 1) / 2 * (1 - 1 / scale)
    return Alignment(matrix, place.size)


def _into_frame(frame: np.ndarray | Planes, place: Alignment, face: np.ndarray, mask: np.ndarray) -> None:
    if not isinstance(frame, Planes):
        _paste([frame], place, [face], mask)
        return
    y, *colours = cv2.split(cv2.transform(face, TO_YUV))
    _paste([frame.y], place, [y], mask)
    _paste([frame.u, frame.v], in_colours(_scaled_down(place)), [halved(each, 1)[0] for each in colours],
           halved(mask, 1)[0])  # fmt: skip


def _into_layer(layer: Layer, place: Alignment, face: np.ndarray, mask: np.ndarray) -> None:
    """Colours wherever the mask is above nothing, so that they need not be taken apart from the frame's."""
    covered = cv2.dilate((mask > 0).astype(np.float32), disc(2))  # the colours' pixels are twice as large
    there = place.warp(layer.alpha).astype(np.float32) / 255  # another face: what is over it has its share alone
    covered = np.where(there > 0, mask / np.maximum(mask + there * (1 - mask), 1e-6), covered)
    _into_frame(layer.planes, place, face, covered)
    _paste([layer.alpha], place, [np.full(mask.shape, 255, np.uint8)], mask)


def _scaled_down(place: Alignment) -> Alignment:
    """The same square in half as many pixels; ``size`` is even."""
    matrix = place.matrix / 2
    matrix[:, 2] -= 0.25
    return Alignment(matrix, place.size // 2)


def _paste(planes: list[np.ndarray], place: Alignment, faces: list[np.ndarray], mask: np.ndarray) -> None:
    """Blend aligned faces, uint8 like the frame or planes, which are of one size, into the rectangle that is seen of
    them there."""
    left, top, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    corners = place.corners((left - 0.5, top - 0.5, width + 1, height + 1))  # what lies between pixels, too
    h, w = planes[0].shape[:2]
    left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, [w, h])
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, [w, h])
    if right <= left or bottom <= top:
        return
    back = place.inverse()
    back[:, 2] -= [left, top]
    size = (int(right - left), int(bottom - top))
    there = cv2.warpAffine(mask, back, size, flags=cv2.INTER_LINEAR)
    rest = 1 - there
    for plane, face in zip(planes, faces, strict=True):
        pixels = cv2.warpAffine(face, back, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        region = plane[top:bottom, left:right]
        cv2.blendLinear(pixels, region, there, rest, dst=region)
