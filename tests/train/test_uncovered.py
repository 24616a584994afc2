"""Faces with a hand before them are no faces to learn from: they are found by the median texture, and left out."""

from dataclasses import replace

import numpy as np
import pytest

from faceit.train.uncovered import uncovered


@pytest.fixture(scope="module")
def found(prepared):
    """The textures of the woman of the stories."""
    from faceit.config.project_file import load_project
    from faceit.faces.load import load_appearance

    project = load_project(prepared)
    return load_appearance(project.face_dirs(project.people["collins"]), 128)


def covered(found, rows):
    """The same set with something dark from below over the mouth of these rows."""
    pictures = np.array(found.textures.pictures)
    pictures[rows, 78:, 34:94] = (40, 60, 90)
    return replace(found, textures=replace(found.textures, pictures=pictures))


def test_faces_with_something_before_them_are_left_out(found):
    rows = [3, 4, 5, 11]
    free = uncovered(covered(found, rows))
    assert len(free) == len(found) - 4 == len(free.points) == len(free.yaw) == len(free.textures.codes)
    rest = np.setdiff1d(np.arange(len(found)), rows)
    assert np.array_equal(free.points, found.points[rest])
    assert np.array_equal(free.textures.pictures[np.array([0, 3])], found.textures.pictures[rest[[0, 3]]])
    assert np.array_equal(free.faces[2:4], found.faces[rest[2:4]])
    assert free.textures.pictures.shape == (len(rest), 128, 128, 3)
    appearance = free.appearance(4)  # what training begins with
    assert np.abs(appearance.paint.mean[100] - found.textures.pictures[rest][:, 100].mean(0) / 255).max() < 0.2


def test_faces_with_nothing_before_them_all_stay(found):
    assert uncovered(found) is found


def test_what_somebody_always_wears_is_theirs(found):
    everyone = covered(found, np.arange(len(found)))
    assert uncovered(everyone) is everyone
