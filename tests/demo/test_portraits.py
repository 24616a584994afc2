"""The portraits that come with the packages."""

import numpy as np


def test_portraits_are_square_rgb_pictures(pictures):
    assert set(pictures) == {"collins", "hopper"}
    for picture in pictures.values():
        assert picture.shape == (480, 480, 3) and picture.dtype == np.uint8
    assert pictures["collins"][440, 20, 0] > 2 * pictures["collins"][440, 20, 2]  # the suit is orange: RGB, not BGR
