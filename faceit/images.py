"""Pictures: reading, writing, resizing, contact sheets and grids. The one place that knows OpenCV's BGR."""

import io
from pathlib import Path

import cv2
import numpy as np

from faceit.errors import MediaError
from faceit.files import write_bytes
from faceit.picture_files import commented

LONGEST_COMMENT = 65_000  # bytes, in a JPEG; Pillow needs it and the file's header in one block of 65,536


def read_image(path: Path) -> np.ndarray:
    """A picture from disk, rotated by its EXIF data: (h, w, 3) uint8 RGB. MediaError if it cannot be read."""
    try:
        data = np.fromfile(path, np.uint8)  # cv2.imread cannot open names outside ASCII on Windows
    except FileNotFoundError:
        raise MediaError(f"{path} is not there: check the name, or put the picture there.") from None
    except OSError as e:
        raise MediaError(f"{path} cannot be read ({e.strerror}): name a picture file.") from None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # a picture of more than 2**30 pixels
        image = None
    if image is None:
        raise MediaError(f"{path} is not a picture that can be read: use a JPEG or PNG file.")
    return np.ascontiguousarray(image[:, :, ::-1])


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as stored, from its header. MediaError if it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError) as e:  # UnidentifiedImageError is an OSError
        raise MediaError(f"{path} is not a picture that can be read ({e}): use a JPEG or PNG file.") from None


def write_image(path: Path, image: np.ndarray, quality: int = 95, comment: str = "") -> None:
    """Write RGB (or gray) pixels as JPEG or PNG, according to the file's suffix, with a comment in the standard place
    (JPEG: COM, PNG: iTXt). The file is complete or unchanged."""
    ending = path.suffix.lower()
    if ending in (".jpg", ".jpeg"):
        write_bytes(path, jpeg(image, quality, comment), MediaError)
        return
    if image.ndim == 3:
        image = image[:, :, ::-1]
    ok, data = cv2.imencode(ending, np.ascontiguousarray(image))
    if not ok:
        raise ValueError(f"cannot encode a picture as {ending}")
    write_bytes(path, commented(data.tobytes(), comment) if comment else data.tobytes(), MediaError)


def jpeg(image: np.ndarray, quality: int = 95, comment: str = "") -> bytes:
    """RGB (or gray) pixels as the bytes of a JPEG file, with a comment. MediaError if the comment does not fit."""
    from PIL import Image

    content, text = io.BytesIO(), comment.encode()
    if len(text) > LONGEST_COMMENT:
        raise MediaError(f"A comment of {len(text):,} bytes does not fit into a JPEG, which holds {LONGEST_COMMENT:,}.")
    Image.fromarray(image).save(content, "JPEG", quality=quality, subsampling="4:2:0", comment=text)
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
