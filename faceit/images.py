"""Pictures: reading, writing, resizing, contact sheets and grids. The one place that knows OpenCV's BGR."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from faceit.errors import MediaError
from faceit.files import write_bytes
from faceit.picture_files import check_effort, commented, opened, profiled

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

# Pillow's, of 8 bits
DIRECT_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB"}
STRIP = 1024  # rows
LONGEST_COMMENT = 65_000  # bytes, of a JPEG's; Pillow needs it and the file's head in one block of 65,536


def read_image(path: Path) -> np.ndarray:
    """A picture from disk, upright by its EXIF, on white where it is transparent: (h, w, 3) uint8 RGB. MediaError when
    it is none, or too large to be read."""
    with opened(path) as image:
        check_effort(image, path)
        pixels, opacity = upright(image, path)
    return pixels if opacity is None else on_white(pixels, opacity)


def upright(image: "Picture", path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The pixels of an opened picture, turned by its EXIF: (h, w, 3) uint8 RGB, and its opacity (h, w) uint8, where it
    has one. Raises what ``opened`` puts into words."""
    from PIL import ImageOps

    transparent = image.has_transparency_data
    if image.mode not in DIRECT_MODES:  # Pillow would cut 16 bits off instead of reducing them
        pixels = decoded(path, cv2.IMREAD_COLOR)
        if pixels is None:
            raise MediaError(f"{path} has pixels of a kind that is not read ({image.mode}): save it with 8 or 16 bits.")
        return pixels, None
    ImageOps.exif_transpose(image, in_place=True)
    pixels = _in_strips(image, "RGBA" if transparent else "RGB")
    if not transparent:
        return pixels, None
    return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])


def _in_strips(image: "Picture", mode: str) -> np.ndarray:
    """A picture's pixels (h, w, channels) uint8 in another mode; all at once they would be in memory four times."""
    pixels = np.empty((image.height, image.width, len(mode)), np.uint8)
    for top in range(0, image.height, STRIP):
        bottom = min(image.height, top + STRIP)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)).convert(mode))
    return pixels


def decoded(path: Path, flags: int) -> np.ndarray | None:
    """A picture as OpenCV decodes it, (h, w, 3) RGB; None where it cannot."""
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else swapped_channels(pixels)  # OpenCV 5.0 mixes up a TIFF's with IMREAD_COLOR_RGB


def on_white(pixels: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """What is seen of (h, w, 3) uint8 pixels with ``opacity`` (h, w) uint8 before white: colours that it hides stay
    hidden."""
    share = opacity[..., None].astype(np.float32) / 255
    return np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is stored, from its first bytes. MediaError when it is none."""
    with opened(path) as image:
        return image.size


def write_image(path: Path, image: np.ndarray, quality: int = 95, comment: str = "",
                profile: bytes | None = None) -> None:  # fmt: skip
    """Write RGB (or gray) pixels as JPEG or PNG by the name's ending, with a comment that programs find (in a JPEG
    COM, in a PNG iTXt); the file is whole or absent. A PNG may have 16 bits (uint16) and a fourth channel, its opacity.
    ``profile`` is the ICC profile of the colours."""
    ending = path.suffix.lower()
    if ending in (".jpg", ".jpeg"):
        write_bytes(path, jpeg(image, quality, comment, profile), MediaError)
        return
    if image.ndim == 3:
        image = image[:, :, [2, 1, 0, 3][: image.shape[2]]]
    ok, data = cv2.imencode(ending, np.ascontiguousarray(image))
    if not ok:
        raise ValueError(f"cannot encode a picture as {ending}")
    content = profiled(data.tobytes(), profile) if profile else data.tobytes()
    write_bytes(path, commented(content, comment) if comment else content, MediaError)


def jpeg(image: np.ndarray, quality: int = 95, comment: str = "", profile: bytes | None = None) -> bytes:
    """RGB (or gray) pixels as the bytes of a JPEG file, with a comment and a colour profile (ICC). MediaError if the
    comment does not fit."""
    from PIL import Image

    content, text = io.BytesIO(), comment.encode()
    if len(text) > LONGEST_COMMENT:
        raise MediaError(f"A comment of {len(text):,} bytes does not fit into a JPEG, which holds {LONGEST_COMMENT:,}.")
    Image.fromarray(image).save(content, "JPEG", quality=quality, subsampling="4:2:0", comment=text,
                                icc_profile=profile)  # fmt: skip
    return content.getvalue()


def swapped_channels(image: np.ndarray) -> np.ndarray:
    """RGB (h, w, 3) to BGR, for OpenCV's networks, or back; a contiguous copy."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize by area when shrinking and by cubic interpolation when growing."""
    shrinking = width * height < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def fit_within(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture scaled down to a longer side of at most ``side``, and the scale factor (1.0 or less)."""
    factor = min(1.0, side / max(image.shape[:2]))
    if factor == 1.0:
        return image, 1.0
    width, height = (max(1, round(length * factor)) for length in (image.shape[1], image.shape[0]))
    return resize(image, width, height), factor


def grid(images: list[np.ndarray], columns: int, gap: int = 2) -> np.ndarray:
    """Pictures of one size (h, w, 3) in rows of ``columns``, on dark gray."""
    h, w = images[0].shape[:2]
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, 3), 32, np.uint8)
    for i, image in enumerate(images):
        y, x = gap + (i // columns) * (h + gap), gap + (i % columns) * (w + gap)
        sheet[y : y + h, x : x + w] = image
    return sheet


def with_caption(image: np.ndarray, text: str, height: int = 22) -> np.ndarray:
    """The picture with a line of text on dark gray above it."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (image.shape[1], height), (32, 32, 32))
    font = ImageFont.load_default(height * 0.62)
    ImageDraw.Draw(strip).text((4, height / 2), text, fill=(235, 235, 235), font=font, anchor="lm")
    return np.vstack([np.asarray(strip), image])
