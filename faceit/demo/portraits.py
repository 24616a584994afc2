"""The two public-domain portraits of the demo and the tests, taken from the packages that contain them."""

import cv2
import numpy as np

from faceit.errors import MediaError

PORTRAIT_SIDE = 480
# name -> (left, top, side) of the square with head and shoulders, in the packages' own pictures
_CROPS = {"collins": (86, 0, 280), "hopper": (45, 0, 460)}


def portraits() -> dict[str, np.ndarray]:
    """The two public-domain portraits, head and shoulders: {"collins", "hopper"}, each (480, 480, 3) uint8 RGB.

    Eileen Collins comes from scikit-image (NASA), Grace Hopper from matplotlib (US Navy).
    Raises MediaError if a package is missing.
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
    with Image.open(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))) as hopper:
        pictures = {"collins": skimage.data.astronaut(), "hopper": np.asarray(hopper.convert("RGB"))}
    found = {}
    for name, (left, top, side) in _CROPS.items():
        square = pictures[name][top : top + side, left : left + side]
        found[name] = cv2.resize(square, (PORTRAIT_SIDE, PORTRAIT_SIDE), interpolation=cv2.INTER_LANCZOS4)
    return found
