"""Picture files: which ones they are, how they are opened, and the comments in them. Without OpenCV, so that what only
lists them begins at once."""

import contextlib
import importlib.util
import io
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from faceit.errors import MediaError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

HEIF_ENDINGS = {".heic", ".heif", ".hif"}  # read where pillow-heif is installed, else a sentence says so
PICTURE_ENDINGS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif",
                   ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"} | HEIF_ENDINGS  # fmt: skip
# no others of Pillow's are opened: some start other programs
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM", "HEIF")
MOST_PIXELS = 210_000_000  # a phone's largest photo has 200 million; decoded, this many are a gigabyte
MOST_SCANS = 64  # of a progressive JPEG: usual are 10; each is a pass over all pixels
NAMED = 5  # files of a folder, in a sentence
DESCRIPTION = 0x010E  # EXIF's number of it
# what Pillow raises on damaged files
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, AttributeError, OverflowError,
              MemoryError, struct.error, zlib.error)  # fmt: skip
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8")  # how files begin; WebP and AVIF say it later
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")  # of a JPEG, but for those that have no length


def is_picture(path: Path) -> bool:
    """Whether it is a file with a picture's ending, in any case, that is not hidden."""
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".") and path.is_file()


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself, by name."""
    return sorted(path for path in folder.iterdir() if is_picture(path))


def passed_over(folder: Path) -> str:
    """What else lies in a folder of pictures and is not hidden, as a sentence; empty where nothing does."""
    others = [path for path in folder.iterdir() if not path.name.startswith(".") and not is_picture(path)]
    names = sorted(f"{path.name}/" if path.is_dir() else path.name for path in others)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{folder}: passed over, as no pictures: {', '.join(names[:NAMED])}{more}." if names else ""


@contextlib.contextmanager
def opened(path: Path) -> Iterator["Picture"]:
    """A picture file opened by Pillow, its header read and its pixels not: ask ``check_effort`` before those.
    MediaError where it is none, here and for what Pillow raises in the block."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # ``check_effort`` asks instead: a phone's photo may be larger
    try:
        with path.open("rb") as file, Image.open(file, formats=_formats()) as image:
            yield image
    except FileNotFoundError:
        raise MediaError(f"{path} is not there: check the name, or put the picture in place.") from None
    except UNREADABLE as e:
        raise MediaError(f"{path} {_why_unreadable(path, e)}") from None


def _formats() -> list[str]:
    """The formats that can be read here."""
    from PIL import Image

    if importlib.util.find_spec("pillow_heif") is not None:
        importlib.import_module("pillow_heif").register_heif_opener()
    Image.init()
    return [each for each in FORMATS if each in Image.OPEN]  # an older Pillow has no AVIF


def _why_unreadable(path: Path, error: BaseException) -> str:
    """What is wrong with a picture, and the next step, to follow its name."""
    from PIL import UnidentifiedImageError

    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({error.strerror}): name a picture file."
    if isinstance(error, MemoryError):
        return "needs more memory than there is: make it smaller."
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS and "HEIF" not in _formats():
        return "is a HEIC file: to read these, run `pip install pillow-heif`, or save it as JPEG."
    if not isinstance(error, UnidentifiedImageError) or head.startswith(_MAGIC) or head[8:] in (b"WEBP", b"avif"):
        return "is cut off or damaged: get it again from where it came."
    return "is not a picture that can be read: use a JPEG or PNG file."


def check_effort(image: "Picture", path: Path) -> None:
    """MediaError for an opened picture of ``path`` whose pixels would take gigabytes or hours to decode."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise MediaError(f"{path} is {width:,} x {height:,} pixels, more than the {MOST_PIXELS // 10**6} million that "
                         "are read: make it smaller.")  # fmt: skip
    if image.format in ("JPEG", "MPO") and _scans(path.read_bytes()) > MOST_SCANS:
        raise MediaError(f"{path} is a JPEG in more than {MOST_SCANS} passes, which would take very long to read: "
                         "save it again as an ordinary one.")  # fmt: skip


def _scans(jpeg: bytes) -> int:
    """How many passes over the pixels a JPEG holds."""
    count, marker = 0, _MARKER.search(jpeg, 2)
    while marker and marker[0] != b"\xff\xd9":
        count += marker[0] == b"\xff\xda"
        # a segment is skipped by its length: what is in it, a thumbnail for instance, has markers of its own
        marker = _MARKER.search(jpeg, marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2], "big"))
    return count


def comment_of(path: Path) -> str:
    """The comment in a picture (a JPEG's COM, a PNG's text "Comment", a GIF's comment, a WebP's description in EXIF);
    empty where there is none. MediaError for what is no picture."""
    with opened(path) as image:  # however large it is, its pixels are not read
        comment = image.info.get("Comment") or image.info.get("comment") or ""
        if image.format == "WEBP":  # EXIF's texts are meant to be ASCII: Pillow takes their bytes for Latin-1
            comment = str(image.getexif().get(DESCRIPTION, "")).encode("latin-1", "replace")
    return comment.decode(errors="replace") if isinstance(comment, bytes) else comment


def commented(data: bytes, comment: str) -> bytes:
    """An encoded PNG, GIF or animated WebP with a comment, its pictures as they are; others unchanged.

    Pillow would encode them again, which costs an animation quality, and a PNG three times what OpenCV takes.
    """
    text = comment.encode()
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _with_chunk(data, b"iTXtComment\0\0\0\0\0" + text)  # not compressed, no language, no translation
    if data.startswith(b"GIF89a"):
        at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)  # behind the palette
        blocks = b"".join(bytes([len(block)]) + block for i in range(0, len(text), 255) if (block := text[i : i + 255]))
        return data[:at] + b"\x21\xfe" + blocks + b"\0" + data[at:]
    return _commented_webp(data, text) if data[8:12] == b"WEBP" else data


def profiled(png: bytes, profile: bytes) -> bytes:
    """An encoded PNG with a colour profile (ICC)."""
    return _with_chunk(png, b"iCCPICC profile\0\0" + zlib.compress(profile))


def _with_chunk(png: bytes, chunk: bytes) -> bytes:
    at = 8 + 25  # behind the first chunk
    return png[:at] + (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + png[at:]


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
