import numpy as np
import pytest

from faceit.faces.appearance import MOST_FITTED, fit_layout, fit_paint, fit_person, shows
from faceit.geometry import mouth_opening
from faceit.shape import CODE, generic_head
from faceit.texture import Layout

SIZE = 64


def face(mouth: float = 0.0, lids: float = 1.0) -> np.ndarray:
    """Landmarks in units of the crop: ``mouth`` open in eye distances, ``lids`` as a share of an open eye."""
    head = generic_head()[:, :2].copy()
    middle = (head[62, 1] + head[66, 1]) / 2
    head[60:68, 1] = middle
    head[[65, 66, 67, *range(55, 60)], 1] += mouth
    for eye in (slice(36, 42), slice(42, 48)):
        centre = head[eye, 1].mean()
        head[eye, 1] = centre + (head[eye, 1] - centre) * lids
    return head / 2.65 + [0.5, 0.3]


def talker(count: int = 80, seed: int = 0):
    """A person who goes red as the mouth opens: (points, codes, shown, layout, textures)."""
    rng = np.random.default_rng(seed)
    mouth = 0.1 + 0.1 * np.sin(np.arange(count) * 0.7) + rng.normal(0, 0.01, count)
    points = np.stack([face(max(each, 0)) for each in mouth])
    _, layout, codes = fit_person(points, np.full(count, 0.004))
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    textures = np.repeat(np.stack([x * 90 + 60, y * 90 + 60, np.full_like(x, 100)], -1)[None], count, 0)
    textures[..., 0] += 300 * mouth[:, None, None]
    textures += rng.normal(0, 4, textures.shape)
    return points, codes, shows(points), layout, np.clip(textures, 0, 255).astype(np.uint8), mouth


def painted(paint, codes):
    return (paint.mean + ((codes - paint.middle) @ paint.regression @ paint.basis).reshape(-1, *paint.mean.shape)) * 255


def test_paint_moves_with_the_expression_also_of_faces_that_it_never_saw():
    points, codes, shown, layout, textures, mouth = talker(120)
    paint = fit_paint(textures[:90], codes[:90], shown[:90], layout, 8)
    made = painted(paint, codes[90:])[..., 0].mean((1, 2))
    assert np.corrcoef(made, mouth[90:])[0, 1] > 0.95
    assert made.std() > 0.6 * textures[90:, ..., 0].mean((1, 2)).std()


def test_what_cannot_be_predicted_is_not_driven():
    points, codes, shown, layout, textures, mouth = talker()
    rng = np.random.default_rng(3)
    blink_of_a_lamp = rng.normal(0, 20, (len(textures), 1, 1))
    lit = np.clip(np.repeat(textures[:1], len(textures), 0).astype(float) + blink_of_a_lamp[..., None], 0, 255)
    paint = fit_paint(lit.astype(np.uint8), codes, shown, layout, 8)
    made = painted(paint, codes)[..., 1].mean((1, 2))
    assert made.std() < 0.35 * lit[..., 1].mean((1, 2)).std()


def test_the_basis_says_what_the_textures_do():
    _, codes, shown, layout, textures, _ = talker()
    paint = fit_paint(textures, codes, shown, layout, 8)
    assert paint.basis.shape == (8, SIZE * SIZE * 3) and paint.regression.shape == (CODE, 8)
    off = textures.reshape(len(textures), -1) / 255.0 - paint.mean.ravel()
    there = np.linalg.lstsq(paint.basis[:2].T, off.T, rcond=None)[0]
    assert (off - there.T @ paint.basis[:2]).std() < 0.7 * off.std()


def test_few_faces_leave_the_rest_of_the_basis_empty():
    _, codes, shown, layout, textures, _ = talker(6)
    paint = fit_paint(textures, codes, shown, layout, 16)
    assert paint.basis.shape[0] == 16 and not paint.basis[6:].any() and np.isfinite(paint.regression).all()


def test_of_many_faces_some_are_fitted():
    """Memory does not grow with the footage: what is read is bounded."""
    _, codes, shown, layout, textures, _ = talker(40)
    read = []

    class Counted:
        shape = (4000, SIZE, SIZE, 3)

        def __getitem__(self, rows):
            read.append(len(rows))
            return textures[np.asarray(rows) % 40]

    fit_paint(Counted(), np.tile(codes, (100, 1)), np.tile(shown, (100, 1)), layout, 4)
    assert read == [MOST_FITTED]


def test_textures_show_the_mouth_open_also_of_who_hardly_opens_it():
    shut, wide = (np.stack([face(each) for each in np.linspace(0, most, 30)]) for most in (0.02, 0.3))
    assert mouth_opening(fit_layout(shut).points) == pytest.approx(0.1, abs=0.02)
    assert mouth_opening(fit_layout(wide).points) == pytest.approx(0.16, abs=0.03)


def test_what_is_behind_closed_lids_and_lips_is_not_shown():
    points = np.stack([face(0.15), face(0.0), face(0.15, lids=0.1)])
    shown = shows(np.concatenate([points, [face(0.1)] * 9]))
    assert shown[0] == pytest.approx([1, 1, 1])
    assert shown[1, 0] == 0 and shown[1, 1:] == pytest.approx([1, 1])
    assert shown[2, 0] == 1 and shown[2, 1:] == pytest.approx([0, 0])


def test_the_inside_of_a_mouth_comes_from_the_faces_that_show_it():
    """Of forty faces ten open their mouth and show white teeth: so does the mean, whatever lips cover in the others."""
    layout = Layout(face(0.14))
    textures = np.full((40, SIZE, SIZE, 3), 90, np.uint8)
    inside = np.round(layout.points[60:68] * SIZE - 0.5).astype(int)
    (left, top), (right, bottom) = inside.min(0), inside.max(0)
    textures[:10, top : bottom + 1, left : right + 1] = 240
    shown = np.tile(np.float32([0, 1, 1]), (40, 1))
    shown[:10, 0] = 1
    codes = np.random.default_rng(0).normal(0, 1, (40, CODE)).astype(np.float32)
    paint = fit_paint(textures, codes, shown, layout, 4)
    middle = paint.mean[(top + bottom) // 2, (left + right) // 2] * 255
    assert middle.mean() > 190
    assert textures[:, (top + bottom) // 2, (left + right) // 2].mean() < 130
