"""Marking a video as modified: a visible label and a machine-readable note.

"AI MODIFIED" at the top right is what the EU's Code of Practice for Art. 50 of the AI Act suggests for a video of real
people modified by AI. The note is the file's comment, so that any player and file browser can show it.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.config.consent import NOTE_MARK
from faceit.errors import MediaError
from faceit.images import LONGEST_COMMENT
from faceit.media.container import open_to_read, tags
from faceit.picture_files import PICTURE_ENDINGS, comment_of
from faceit.planes import TO_YUV, Layer, Planes

LABEL_TEXT = "AI MODIFIED"
LABEL_HEIGHT = 0.045  # the text's em, as a share of the frame's height
SMALLEST_EM = 20  # px; capital letters are 0.73 em tall, so 14 px and more, legible in a 360 px picture
USUAL_PLACE = "top right"
PLACES = (USUAL_PLACE, "top left", "bottom right", "bottom left")
LARGEST_PART, TINIEST_EM = 0.068, 10  # in smaller ones, a part of the width, so that the label spares the face; px
PILL_OPACITY, TEXT_OPACITY = 0.55, 0.95
MOST_MARKS = 100  # in a comment that are tried: one is ours, others may stand in words that it holds


class Label:
    """A small semi-transparent pill with a text, drawn once for a frame size and stamped on each frame."""

    def __init__(self, width: int, height: int, text: str = LABEL_TEXT, place: str = USUAL_PLACE):
        """For frames of (height, width, 3). In a very small frame the label is cut down to fit."""
        smallest = max(TINIEST_EM, min(SMALLEST_EM, round(LARGEST_PART * width)))
        em = max(smallest, round(LABEL_HEIGHT * height))
        colour, opacity = _pill(text, em)
        gap = max(2, round(em * 0.6))
        self._frame = (height, width, 3)
        rows, columns = min(colour.shape[0], height), min(colour.shape[1], max(0, width - gap))
        vertical, side = place.split()
        left = max(0, width - gap - columns if side == "right" else min(gap, width - columns))
        room = min(gap, height - rows)
        top, right = room if vertical == "top" else height - room - rows, left + columns
        self.box = (left, top, left + columns, top + rows)  # left, top, right, bottom in pixels
        kept = np.s_[:rows, colour.shape[1] - columns :]
        opacity, colour = opacity[kept], colour[kept]
        self._rgb = opacity[..., None], colour[..., None]
        self._y = opacity, TO_YUV[0] @ (1, 1, 1, 0) * colour + TO_YUV[0, 3]
        # a colour's pixel is covered as much as the mean of its four pixels; the label is gray
        around = np.zeros((height, width), np.float32)
        around[top : top + rows, left:right] = opacity
        around = around.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) if not (height % 2 or width % 2) else around
        self._at = np.s_[top : top + rows, left:right]
        self._colours_at = np.s_[top // 2 : (top + rows + 1) // 2, left // 2 : (right + 1) // 2]
        self._colours = around[self._colours_at], TO_YUV[1, 3]

    def stamp(self, frame: np.ndarray | Planes | Layer) -> None:
        """Draw the label into ``frame``, (height, width, 3) uint8 RGB, planes or a layer, in place; nothing outside
        ``box`` changes, except the colours of adjacent pixels."""
        if isinstance(frame, Layer):
            opacity, colour = self._y
            frame.planes.y[self._at] = np.rint(colour)
            for plane in (frame.planes.u, frame.planes.v):
                plane[self._colours_at] = self._colours[1]
            alpha = frame.alpha[self._at]
            np.maximum(alpha, np.rint(255 * opacity).astype(np.uint8), out=alpha)
            return
        if isinstance(frame, Planes):
            _cover(frame.y[self._at], *self._y)
            for plane in (frame.u, frame.v):
                _cover(plane[self._colours_at], *self._colours)
            return
        if frame.shape != self._frame or frame.dtype != np.uint8:
            raise ValueError(f"the label is for {self._frame} uint8 frames, not {frame.shape} {frame.dtype}")
        _cover(frame[self._at], *self._rgb)


def free_place(width: int, height: int, faces: Iterable[tuple[float, float, float, float]]) -> str:
    """The corner in which the label covers the fewest faces, each (left, top, right, bottom) in pixels of such frames:
    the usual one unless another is better. One place for all of a video, so that the label does not move."""
    boxes = {place: Label(width, height, place=place).box for place in PLACES}
    covered = Counter(place for face in faces for place, box in boxes.items()
                      if face[0] < box[2] and box[0] < face[2] and face[1] < box[3] and box[1] < face[3])  # fmt: skip
    return min(PLACES, key=lambda place: covered[place])


def _cover(part: np.ndarray, opacity: np.ndarray, colour) -> None:
    part[:] = np.rint(part * (1 - opacity) + opacity * colour).astype(np.uint8)


def note(swap_facts: dict) -> str:
    """The one-line metadata comment for a swapped video: a sentence for people, then JSON for programs.

    ``swap_facts`` is plain JSON data. ``from``, ``to`` (names of people) and ``consent`` (how their faces may be used:
    a text, or a dict of person to text) are part of the sentence; the rest is only in the JSON. MediaError if it is
    longer than the comment of any picture can be.
    """
    facts = {"faceit": __version__, **swap_facts}
    sentence = (
        f"AI-modified video: the face of {facts.get('from', 'a person')} was replaced by the face of "
        f"{facts.get('to', 'another person')} with faceit {facts['faceit']}. Consent: {_consent(facts.get('consent'))}."
    )
    packed = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    told = " ".join(sentence.replace(NOTE_MARK, "").split())
    text = f"{told} {NOTE_MARK} {packed}".encode("utf-8", "replace").decode()  # half a character can be in no file
    if (size := len(text.encode())) > LONGEST_COMMENT:
        earlier = " and the notes of earlier swaps in the source" if facts.get("before") else ""
        raise MediaError(f"The consents{earlier} do not fit into a result's note ({size:,} bytes of "
                         f"{LONGEST_COMMENT:,}): shorten the consents in the YAML, or take fewer swaps.")  # fmt: skip
    return text


def read_note(path: Path | str) -> dict | None:
    """The facts that ``note`` stored in a video or a picture; None if there are none. Raises MediaError if it is not a
    media file."""
    import av

    if Path(path).suffix.lower() in PICTURE_ENDINGS:
        comment = comment_of(Path(path))
    else:
        try:
            with open_to_read(path) as container:
                comment = tags(container).get("comment", "")
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path} cannot be read: {error.strerror or error}.") from error
    rest = comment
    for _ in range(MOST_MARKS):
        _, mark, rest = rest.partition(NOTE_MARK)
        if not mark:
            break
        with contextlib.suppress(ValueError, RecursionError):  # another program has cut or changed the comment
            facts = json.loads(rest)
            if isinstance(facts, dict):
                return facts
    return None


def earlier_notes(path: Path | str) -> dict:
    """What the note of whatever is made from a video or a picture tells of swaps that were made in that before:
    {"before": their facts, the oldest first}, or nothing."""
    try:
        last = read_note(path)
    except MediaError:
        last = None
    if last is None:
        return {}
    before = last.pop("before", [])
    return {"before": [*(before if isinstance(before, list) else []), last]}


def _consent(consent) -> str:
    if isinstance(consent, dict):
        consent = "; ".join(f"{person}: {words}" for person, words in consent.items())
    return str(consent or "").strip().rstrip(".") or "not stated"


def _pill(text: str, em: int) -> tuple[np.ndarray, np.ndarray]:
    """A dark pill with white ``text``: its grey levels (h, w) in 0-255 and its opacity (h, w) in 0-1, float32."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(em)
    left, top, right, bottom = font.getbbox(text, stroke_width=0)
    margin = round(em * 0.45)
    width, height = round(right - left) + 2 * margin, round(bottom - top) + round(1.3 * margin)
    scale = 4  # Pillow's rounded rectangles have hard edges: draw large, then shrink
    shape = Image.new("L", (width * scale, height * scale), 0)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, *(n - 1 for n in shape.size)), radius=shape.size[1] // 2, fill=255)
    pill = np.asarray(shape.resize((width, height), Image.Resampling.LANCZOS), np.float32) / 255
    letters = Image.new("L", (width, height), 0)
    place = (margin - left, (height - (bottom - top)) / 2 - top)
    ImageDraw.Draw(letters).text(place, text, fill=255, font=font)
    ink = np.asarray(letters, np.float32) / 255
    opacity = pill * (PILL_OPACITY + (TEXT_OPACITY - PILL_OPACITY) * ink)
    return 255 * ink, opacity
