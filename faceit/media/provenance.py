"""Saying that a video was changed: a label that people see and a note that programs read.

"AI MODIFIED" at the top right is what the EU's Code of Practice for Art. 50 of the AI Act suggests for a video of real
people that was changed by AI. The note is the file's comment, so that any player and file browser can show it.
"""

import json
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.errors import MediaError
from faceit.media.container import open_to_read, tags
from faceit.picture_files import PICTURE_ENDINGS, comment_of
from faceit.planes import TO_YUV, Layer, Planes

LABEL_TEXT = "AI MODIFIED"
LABEL_HEIGHT = 0.045  # of the text's em, as a part of the frame's height
SMALLEST_EM = 20  # px; capital letters are 0.73 em tall, so 14 px and more, legible in a 360 px picture
PILL_OPACITY, TEXT_OPACITY = 0.55, 0.95
NOTE_MARK = "faceit-note:"  # between the sentence and the JSON


class Label:
    """A small half-transparent pill with a text, drawn once for a size of frame and stamped on each."""

    def __init__(self, width: int, height: int, text: str = LABEL_TEXT):
        """For frames of (height, width, 3). In a very small frame the label is cut down to fit."""
        em = max(SMALLEST_EM, round(LABEL_HEIGHT * height))
        colour, opacity = _pill(text, em)
        gap = max(2, round(em * 0.6))
        self._frame = (height, width, 3)
        right = max(0, width - gap)
        left, top = max(0, right - colour.shape[1]), min(gap, max(0, height - colour.shape[0]))
        rows, columns = min(colour.shape[0], height - top), right - left
        self.box = (left, top, left + columns, top + rows)  # left, top, right, bottom in pixels
        opacity, colour = opacity[:rows, -columns:], colour[:rows, -columns:]
        self._rgb = opacity[..., None], colour[..., None]
        self._y = opacity, TO_YUV[0] @ (1, 1, 1, 0) * colour + TO_YUV[0, 3]
        # of a colour's pixel, as much is covered as of the four pixels that it is for; the label is gray
        around = np.zeros((height, width), np.float32)
        around[top : top + rows, left:right] = opacity
        around = around.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) if not (height % 2 or width % 2) else around
        self._at = np.s_[top : top + rows, left:right]
        self._colours_at = np.s_[top // 2 : (top + rows + 1) // 2, left // 2 : (right + 1) // 2]
        self._colours = around[self._colours_at], TO_YUV[1, 3]

    def stamp(self, frame: np.ndarray | Planes | Layer) -> None:
        """Draw the label into ``frame``, (height, width, 3) uint8 RGB, planes or a layer, in place; nothing outside
        ``box`` changes, but for colours of the pixels next to it."""
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


def _cover(part: np.ndarray, opacity: np.ndarray, colour) -> None:
    part[:] = np.rint(part * (1 - opacity) + opacity * colour).astype(np.uint8)


def note(swap_facts: dict) -> str:
    """The one-line metadata comment for a swapped video: a sentence for people, then JSON for programs.

    ``swap_facts`` is plain JSON data. ``from``, ``to`` (names of people) and ``consent`` (how their faces may be used:
    a text, or a dict of person to text) are told in the sentence; the rest rides along in the JSON.
    """
    facts = {"faceit": __version__, **swap_facts}
    sentence = (
        f"AI-modified video: the face of {facts.get('from', 'a person')} was replaced by the face of "
        f"{facts.get('to', 'another person')} with faceit {facts['faceit']}. Consent: {_consent(facts.get('consent'))}."
    )
    packed = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    return f"{' '.join(sentence.split())} {NOTE_MARK} {packed}"


def read_note(path: Path | str) -> dict | None:
    """The facts that ``note`` put into a video or a picture; None when there are none. Raises MediaError for no media
    file."""
    import av

    if Path(path).suffix.lower() in PICTURE_ENDINGS | {".gif"}:
        comment = comment_of(Path(path))
    else:
        try:
            with open_to_read(path) as container:
                comment = tags(container).get("comment", "")
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path} cannot be read: {error.strerror or error}.") from error
    _, mark, packed = comment.partition(NOTE_MARK)
    try:
        facts = json.loads(packed) if mark else None
    except (ValueError, RecursionError):  # another program has cut or changed the comment
        return None
    return facts if isinstance(facts, dict) else None


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
