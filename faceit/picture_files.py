"""Picture files: which ones they are, and the comments in them. Without OpenCV, so that what only lists them begins at
once."""

import io
import zlib
from pathlib import Path

from faceit.errors import MediaError

PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
DESCRIPTION = 0x010E  # EXIF's number of it


def is_picture(path: Path) -> bool:
    """Whether it is a file with a picture's ending, in any case, that is not hidden."""
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".") and path.is_file()


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself, by name."""
    return sorted(path for path in folder.iterdir() if is_picture(path))


def comment_of(path: Path) -> str:
    """The comment in a picture (a JPEG's COM, a PNG's text "Comment", a GIF's comment, a WebP's description in EXIF);
    empty where there is none. MediaError for what is no picture."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # however large it is, its pixels are not read
    try:
        with Image.open(path) as image:
            comment = image.info.get("Comment") or image.info.get("comment") or ""
            if image.format == "WEBP":  # EXIF's texts are meant to be ASCII: Pillow takes their bytes for Latin-1
                comment = str(image.getexif().get(DESCRIPTION, "")).encode("latin-1", "replace")
    except (OSError, ValueError, SyntaxError) as e:
        raise MediaError(f"{path} cannot be read ({getattr(e, 'strerror', None) or e}): name a picture file.") from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    return comment.decode(errors="replace") if isinstance(comment, bytes) else comment


def commented(data: bytes, comment: str) -> bytes:
    """An encoded PNG, GIF or animated WebP with a comment, its pictures as they are; others unchanged.

    Pillow would encode them again, which costs an animation quality, and a PNG three times what OpenCV takes.
    """
    text = comment.encode()
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        at = 8 + 25  # behind the first chunk
        chunk = b"iTXtComment\0\0\0\0\0" + text  # not compressed, no language, no translation
        return (data[:at] + (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
                + data[at:])  # fmt: skip
    if data.startswith(b"GIF89a"):
        at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)  # behind the palette
        blocks = b"".join(bytes([len(block)]) + block for i in range(0, len(text), 255) if (block := text[i : i + 255]))
        return data[:at] + b"\x21\xfe" + blocks + b"\0" + data[at:]
    return _commented_webp(data, text) if data[8:12] == b"WEBP" else data


def _commented_webp(data: bytes, text: bytes) -> bytes:
    from PIL import Image

    if data[12:16] != b"VP8X":  # a single picture comes without the chunk that tells of others
        with Image.open(io.BytesIO(data)) as image:
            size = b"".join((side - 1).to_bytes(3, "little") for side in image.size)
        data = data[:12] + b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + size + data[12:]
    exif = Image.Exif()
    exif[DESCRIPTION] = text
    chunk = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = b"EXIF" + len(chunk).to_bytes(4, "little") + chunk + b"\0" * (len(chunk) % 2)
    flags = bytes([data[20] | 0x08])  # it has EXIF data
    body = data[8:20] + flags + data[21:] + chunk
    return b"RIFF" + len(body).to_bytes(4, "little") + body
