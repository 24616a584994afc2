import numpy as np
import pytest

from faceit.geometry import LEFT_EYE, OUTER_LIPS
from faceit.shape import generic_head
from faceit.texture import Layout, insides, inverted, moving_areas, sampled, weights_map

SIZE = 128


def frontal() -> np.ndarray:
    """Landmarks of a face in units of its crop."""
    return generic_head()[:, :2] / 2.65 + [0.5, 0.3]


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout(frontal())


def waves(size: int = SIZE) -> np.ndarray:
    """A picture whose every place looks different, (size, size, 3) float32 in 0..1, smooth."""
    y, x = np.mgrid[:size, :size] / size
    return np.stack([x, y, 0.5 + 0.5 * np.sin(6 * x) * np.sin(6 * y)], -1).astype(np.float32)


def opened() -> np.ndarray:
    """The same face with its mouth open and its head somewhat turned."""
    points = frontal()
    points[[*range(5, 12), *range(55, 60), *range(65, 68)], 1] += 0.05
    points[27:36, 0] += 0.03
    return points


def test_a_face_at_the_layout_is_its_own_texture(layout):
    assert np.allclose(layout.texture(waves(), frontal(), SIZE, 1.0), waves(), atol=1e-3)


def test_landmarks_come_to_lie_where_they_always_lie(layout):
    """Each landmark's colour, which is its place, is found in the texture near the layout's landmark."""
    points = opened()
    texture = layout.texture(waves(), points, SIZE, 1.0)
    inner = layout.points[:, 1] < 0.95  # the chin lies at the lower border
    at, points = np.round(layout.points * SIZE - 0.5).astype(int)[inner], points[inner]
    off = np.abs(texture[at[:, 1], at[:, 0], :2] - points)
    assert off.mean() < 0.012  # crop widths; the spline passes them by a little
    assert np.abs(waves()[at[:, 1], at[:, 0], :2] - points).max() > 0.04


def test_the_way_back_undoes_the_way_there(layout):
    points = opened()
    texture = layout.texture(waves(), points, SIZE, 1.0)
    back = layout.drawn(texture, points, SIZE)
    inner = slice(SIZE // 8, -SIZE // 8)
    assert np.abs(back - waves())[inner, inner].mean() < 0.005


def test_a_field_and_its_inverse_cancel(layout):
    field = layout.field(opened())
    again = field + sampled(inverted(field), field, len(field), 1.0)
    assert np.abs(again).mean() < 0.03 * np.abs(field).mean()


def test_the_margin_around_a_picture_is_left_out(layout):
    wide = np.zeros((176, 176, 3), np.float32)
    wide[24:152, 24:152] = waves()
    assert np.allclose(layout.texture(wide, frontal(), SIZE, 176 / 128), waves(), atol=0.01)


def test_a_much_larger_picture_is_reduced_first(layout):
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 2, (720, 720, 3)).astype(np.uint8) * 255
    assert layout.texture(grain, frontal(), SIZE, 1.4).std() < 0.45 * grain.std()


def test_errors_count_most_at_eyes_and_mouth_and_least_outside(layout):
    weights = weights_map(layout, SIZE)[..., 0]
    at = np.round(frontal() * SIZE - 0.5).astype(int)
    eye, mouth = (at[part].mean(0).astype(int) for part in (LEFT_EYE, OUTER_LIPS))
    cheek = (at[2] * 0.4 + at[31] * 0.6).astype(int)
    assert weights.mean() == pytest.approx(1, abs=1e-4)
    assert min(weights[eye[1], eye[0]], weights[mouth[1], mouth[0]]) > 1.5 * weights[cheek[1], cheek[0]]
    assert weights[cheek[1], cheek[0]] > 4 * weights[2, 2]


def test_insides_lie_within_what_moves(layout):
    within = insides(layout, SIZE)
    assert within.shape == (3, SIZE, SIZE) and (within.max((1, 2)) > 0.3).all()
    assert (moving_areas(layout, SIZE) >= within.max(0) - 0.3).all()
