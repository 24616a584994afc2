"""A photo with what its file holds beside 8 bits of red, green and blue, so that its swap can be written with that."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from faceit.errors import MediaError
from faceit.images import decoded, on_white, resize, upright, write_image
from faceit.picture_files import check_effort, opened

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SEVERAL = ("GIF", "WEBP", "PNG", "AVIF", "TIFF", "HEIF")  # files that may hold several pictures
DEEP = ("PNG", "TIFF", "JPEG2000", "PPM", "AVIF")  # files that may have more than 8 bits
MOVING = {".gif", ".webp", ".png", ".apng", ".avif"}  # endings of files whose pictures may be a film
ONLY_FIRST = "only the first is converted; to convert all, "
RGB_PROFILE = b"RGB "  # in an ICC profile's header: of what its colours are mixed
WHOLE = {".png"}  # endings of files that hold opacity and 16 bits


@dataclass(frozen=True)
class Photo:
    """``pixels`` (h, w, 3) uint8 RGB, white where nothing is seen; where the file has them, ``opacity`` (h, w) uint8,
    the pixels with 16 bits, ``deep`` (h, w, 3) uint16, and the ICC ``profile`` of the colours. ``left_out``: what of
    the file is not here, for people to read, to follow the file's name; empty where all is."""

    pixels: np.ndarray
    opacity: np.ndarray | None = None
    deep: np.ndarray | None = None
    profile: bytes | None = None
    left_out: str = ""

    def reduced(self, height: int) -> "Photo":
        """The photo at most ``height`` pixels high."""
        if height >= self.pixels.shape[0]:
            return self
        size = max(1, round(self.pixels.shape[1] * height / self.pixels.shape[0])), height
        opacity, deep = (None if each is None else resize(each, *size) for each in (self.opacity, self.deep))
        return replace(self, pixels=resize(self.pixels, *size), opacity=opacity, deep=deep)

    def seen(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels of the photo, or of its swap, before white where it is transparent."""
        return pixels if self.opacity is None else on_white(pixels, self.opacity)

    def shown_in(self, box: tuple[int, int, int, int]) -> "Photo":
        """The photo as opaque within ``box`` (left, top, right, bottom) as what was drawn there needs to be seen."""
        if self.opacity is None:
            return self
        left, top, right, bottom = box
        opacity = self.opacity.copy()
        opacity[top:bottom, left:right] = 255
        return replace(self, opacity=opacity)

    def lost_as(self, path: Path) -> str:
        """What a file of that name cannot hold of the photo; empty where it holds all."""
        if path.suffix.lower() in WHOLE:
            return ""
        lost = {"the transparency (it becomes white)": self.opacity, "16 bits": self.deep}
        return " and ".join(name for name, value in lost.items() if value is not None)

    def write(self, path: Path, pixels: np.ndarray, comment: str) -> None:
        """Write ``pixels`` (h, w, 3) uint8, which were made of this photo's, with the rest that the file can hold.
        MediaError where the disk refuses."""
        if path.suffix.lower() not in WHOLE:
            write_image(path, self.seen(pixels), comment=comment, profile=self.profile)
            return
        made = pixels
        if self.deep is not None:  # what was not changed keeps its bits
            change = (pixels.astype(np.int32) - self.pixels) * 257
            made = np.clip(self.deep + change, 0, 65535).astype(np.uint16)
        if self.opacity is not None:
            opacity = self.opacity if self.deep is None else self.opacity.astype(np.uint16) * 257
            made = np.dstack([made, opacity])
        write_image(path, made, comment=comment, profile=self.profile)


def read_photo(path: Path) -> Photo:
    """A photo from disk, upright by its EXIF. MediaError when it is none, or too large to be read."""
    left_out = ""
    with opened(path) as image:
        check_effort(image, path)
        count = image.n_frames if image.format in SEVERAL and hasattr(image, "n_frames") else 1
        if count > 1:
            image.seek(0)
            step = "name the file alone" if path.suffix.lower() in MOVING else "make a video of them"
            left_out = f"holds {count:,} pictures: {ONLY_FIRST}{step}"
        elif image.info.get("bit_depth", 8) > 8:  # of a HEIC
            left_out = f"has {image.info['bit_depth']} bits, of which 8 are kept"
        profile, kind = image.info.get("icc_profile"), image.format
        converted = _without_profile(image, profile) if profile else None
        if converted is not None:
            pixels, opacity, profile = np.array(converted), None, None
        else:
            pixels, opacity = upright(image, path)
            is_its_own = profile and profile[16:20] == RGB_PROFILE and image.mode not in ("CMYK", "LAB")
            profile = profile if is_its_own else None
    deep = _deep(path, pixels) if kind in DEEP and converted is None else None
    if opacity is not None:
        hidden = opacity == 0
        pixels[hidden] = 255
        if deep is not None:
            deep[hidden] = 65535
        opacity = None if opacity.min() == 255 else opacity
    return Photo(pixels, opacity, deep, profile, left_out)


def moves(path: Path) -> bool:
    """Whether a picture file is a film of several pictures: not where it cannot be read, and not the pages of a
    TIFF."""
    if path.suffix.lower() not in MOVING:
        return False
    try:
        with opened(path) as image:
            return bool(getattr(image, "is_animated", False))
    except MediaError:
        return False


def _without_profile(image: "Picture", profile: bytes) -> "Picture | None":
    """The picture in sRGB where its profile is of other colours than red, green and blue (inks, grays), which no RGB
    file may carry; None where the profile can stay. One that cannot be used is as good as none."""
    from PIL import ImageCms, ImageOps

    if profile[16:20] == RGB_PROFILE or image.mode not in ("CMYK", "L"):
        return None
    try:
        theirs, ours = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, theirs, ours, outputMode="RGB")
    except ImageCms.PyCMSError:
        converted = None
    return ImageOps.exif_transpose(converted or image.convert("RGB"))


def _deep(path: Path, pixels: np.ndarray) -> np.ndarray | None:
    """The pixels (h, w, 3) uint16 of a file that has more than 8 bits: Pillow reads no more. ``pixels`` are the same in
    8 bits."""
    deep = decoded(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if deep is None or deep.dtype != np.uint16 or deep.shape != pixels.shape:
        return None
    times = deep.mean(dtype=np.float64) / max(pixels.mean(dtype=np.float64), 1e-9)
    bits = min(16, max(8, round(8 + np.log2(max(times, 1.0)))))  # some files have 10 or 12
    return deep if bits == 16 else np.rint(deep * (65535 / (2**bits - 1))).astype(np.uint16)
