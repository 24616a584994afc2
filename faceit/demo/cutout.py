"""The person and the background of a portrait, separated so that the head can move in front of the background."""

import cv2
import numpy as np

from faceit.demo.curves import smooth_step


def person_mask(picture, points):
    """How much of each pixel is the person, (h, w) float32; below the chin everything is, since it hardly moves.

    GrabCut (Rother et al. 2004), initialised with shapes derived from the landmarks.
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
    cv2.grabCut(picture, mask, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    person: np.ndarray = (mask & 1).astype(np.uint8)
    edge = int(0.3 * width)
    wide: np.ndarray = cv2.copyMakeBorder(person, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, _disc(edge))
    # better a rim of background that moves with the hair than hair that stays behind
    person = cv2.dilate(wide, _disc(int(0.06 * width)))[edge:-edge, edge:-edge]
    pieces = cv2.findContours(person, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    largest = max(pieces, key=cv2.contourArea)
    person = cv2.drawContours(np.zeros_like(person), [largest], -1, 1, -1).astype(np.float32)
    person = cv2.GaussianBlur(person, (0, 0), max(0.015 * width, 0.8))
    body = smooth_step(np.arange(h), chin + 0.1 * long, chin + 0.45 * long)[:, None]
    return np.maximum(person, body).astype(np.float32)


def without_person(picture, cover):
    """The picture without the person, (h, w, 3) float32: filled with the background, mirrored at the outline."""
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
    deep = smooth_step(away, 0.0, 0.025 * w)[..., None].astype(np.float32)
    return np.ascontiguousarray(filled + (smooth - filled) * deep)


def _disc(diameter):
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter | 1,) * 2)
