"""Pictures: reading, writing, resizing, contact sheets and grids. The one place that knows OpenCV's BGR."""

import io
import zlib
from pathlib import Path

import cv2
import numpy as np

from faceit.errors import MediaError
from faceit.files import write_bytes

PNG, PNG_HEAD = b"\x89PNG\r\n\x1a\n", 25  # its first bytes, and how long its first chunk is
PNG_COMMENT = b"Comment\0\0\0\0\0"  # keyword; not compressed, no language, no translation
JPEG_COMMENT, LONGEST_COMMENT = b"\xff\xfe", 65533
DESCRIPTION = 0x010E  # EXIF's number of it


def read_image(path: Path) -> np.ndarray:
    """A picture from disk, upright by its EXIF: (h, w, 3) uint8 RGB. MediaError when it is none."""
    try:
        data = np.fromfile(path, np.uint8)  # cv2.imread cannot open names outside ASCII on Windows
    except FileNotFoundError:
        raise MediaError(f"{path} is not there: check the name, or put the picture in place.") from None
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
    """Width and height of a picture as it is stored, from its first bytes. MediaError when it is none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError) as e:  # UnidentifiedImageError is an OSError
        raise MediaError(f"{path} is not a picture that can be read ({e}): use a JPEG or PNG file.") from None


def write_image(path: Path, image: np.ndarray, quality: int = 95, comment: str = "") -> None:
    """Write RGB (or gray) pixels as JPEG or PNG by the name's ending, with a comment that programs find (in a JPEG
    COM, in a PNG iTXt); the file is whole or absent."""
    ending = path.suffix.lower()
    if image.ndim == 3:
        image = image[:, :, ::-1]
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if ending in (".jpg", ".jpeg") else []
    ok, data = cv2.imencode(ending, np.ascontiguousarray(image), options)
    if not ok:
        raise ValueError(f"cannot encode a picture as {ending}")
    write_bytes(path, commented(data.tobytes(), comment) if comment else data.tobytes(), MediaError)


def comment_of(path: Path) -> str:
    """The comment that ``write_image`` put into a picture; empty where there is none. MediaError for what cannot be
    read."""
    try:
        data = Path(path).read_bytes()
    except OSError as e:
        raise MediaError(f"{path} cannot be read ({e.strerror}): name a picture file.") from None
    if data.startswith(PNG):
        at = len(PNG) + PNG_HEAD
        length = int.from_bytes(data[at : at + 4], "big")
        text = data[at + 8 : at + 8 + length]
        return text[len(PNG_COMMENT) :].decode(errors="replace") if text.startswith(PNG_COMMENT) else ""
    if data[2:4] == JPEG_COMMENT:
        return data[6 : 4 + int.from_bytes(data[4:6], "big")].decode(errors="replace")
    if data.startswith(b"GIF8") or data[8:12] == b"WEBP":
        return _told(path)
    return ""


def _told(path: Path) -> str:
    """The comment in a GIF, the description in a WebP."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            said = image.info.get("comment", b"") if image.format == "GIF" else image.getexif().get(DESCRIPTION, "")
    except (OSError, UnidentifiedImageError, ValueError) as e:
        raise MediaError(f"{path} cannot be read ({e}): name a picture file.") from None
    # EXIF's texts are meant to be ASCII, so Pillow takes their bytes for Latin-1
    return (said if isinstance(said, bytes) else said.encode("latin-1", "replace")).decode(errors="replace")


def commented(data: bytes, comment: str) -> bytes:
    """An encoded PNG, JPEG, GIF or animated WebP with a comment; others as they are."""
    text = comment.encode()
    if data.startswith(PNG):
        at, chunk = len(PNG) + PNG_HEAD, b"iTXt" + PNG_COMMENT + text
        return (data[:at] + (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
                + data[at:])  # fmt: skip
    if data.startswith(b"\xff\xd8"):
        text = text[:LONGEST_COMMENT]
        return data[:2] + JPEG_COMMENT + (len(text) + 2).to_bytes(2, "big") + text + data[2:]
    if data.startswith(b"GIF89a"):
        at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)  # behind the palette
        blocks = b"".join(bytes([len(block)]) + block for i in range(0, len(text), 255) if (block := text[i : i + 255]))
        return data[:at] + b"\x21\xfe" + blocks + b"\0" + data[at:]
    if data[8:16] in (b"WEBPVP8 ", b"WEBPVP8L"):  # a single picture comes without the chunk that tells of others
        from PIL import Image

        with Image.open(io.BytesIO(data)) as image:
            size = b"".join((side - 1).to_bytes(3, "little") for side in image.size)
        data = data[:12] + b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + size + data[12:]
    if data[8:16] == b"WEBPVP8X":
        flags = bytes([data[20] | 0x08])  # it has EXIF data
        chunk = _exif(comment)
        chunk = b"EXIF" + len(chunk).to_bytes(4, "little") + chunk + b"\0" * (len(chunk) % 2)
        body = data[8:20] + flags + data[21:] + chunk
        return b"RIFF" + len(body).to_bytes(4, "little") + body
    return data


def _exif(description: str) -> bytes:
    """EXIF data with an ImageDescription, as a TIFF in memory."""
    text = description.encode() + b"\0"
    entry = b"\x0e\x01\x02\0" + len(text).to_bytes(4, "little") + (26).to_bytes(4, "little")  # the text's place
    return b"II*\0\x08\0\0\0" + b"\x01\0" + entry + b"\0\0\0\0" + text


def jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """RGB pixels as a JPEG file's content."""
    return cv2.imencode(".jpg", swapped_channels(image), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def swapped_channels(image: np.ndarray) -> np.ndarray:
    """RGB (h, w, 3) as OpenCV's own networks want it, or back; a contiguous copy."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize by area when shrinking and by cubic interpolation when growing."""
    shrinking = width * height < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def fit_within(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture with its longer side at most ``side``, and the factor it was multiplied by (1.0 or less)."""
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
