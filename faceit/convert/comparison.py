"""Before and after together: the video that --compare asks for, and the still beside it."""

from pathlib import Path

import numpy as np

from faceit.casting.cast import Casts
from faceit.casting.roster import showing
from faceit.convert.output_names import beside
from faceit.convert.request import ConversionRequest
from faceit.images import with_caption, write_image
from faceit.media.frame_at import frame_at
from faceit.media.probe import probe
from faceit.media.provenance import Label, note
from faceit.media.side_by_side import VERY_WIDE, WAYS, side_by_side, split
from faceit.progress import say

CAPTION = 1 / 18  # of a still's height


def comparison(output: Path, compare: str | None) -> Path | None:
    """Where the comparison goes that is beside the video ``output``; None where none is asked for."""
    return beside(output, f"-{WAYS[compare]}.mp4") if compare else None


def before_after(output: Path) -> Path:
    """Where the still goes that is beside a comparison."""
    return beside(output, "-before-after.png")


def captions_of(request: ConversionRequest, facts: dict) -> tuple[str, str]:
    """What is written on the original and on the result; ``facts`` as ``ConversionRequest.facts``."""
    return "original" if request.task.everyone else facts["from"], f"as {facts['to']}"


def write_comparison(request: ConversionRequest, plain: Path, swapped: Path, sound_from: Path | None, output: Path,
                     both: Path, casts: Casts, facts: dict, label_at: str) -> None:  # fmt: skip
    """Write two videos, of pictures alone, as one to ``both`` with the sound of ``sound_from``, and beside the result
    ``output`` a still of the frame that shows the swap best. ``label_at`` is the label's corner. MediaError where the
    disk refuses."""
    settings, captions, comment = request.settings, captions_of(request, facts), note(facts)
    compare = request.task.compare
    assert compare is not None  # ``both`` is None else, see ``comparison``
    side_by_side(plain, swapped, both, sound_from=sound_from, way=compare, captions=captions, label_at=label_at,
                 comment=comment, crf=settings.crf)  # fmt: skip
    at = float(typical(casts) / probe(swapped).fps)
    before, after = frame_at(plain, at), frame_at(swapped, at)
    if before is not None and after is not None:
        still = before_after(output)
        way = "stacked" if before.shape[1] > VERY_WIDE * before.shape[0] else "side"
        write_image(still, together(before, after, captions, way), comment=comment)
        say(f"Before and after as a picture: {still}")


def typical(casts: Casts) -> int:
    """The number of the frame that shows a swap best: large, frontal, with sure landmarks, and all of it."""
    frames = (faces for part in range(casts.parts) for faces in casts.faces(part))
    scores = [max((face.strength * showing(face) for face in faces), default=-1.0) for faces in frames]
    return scores.index(max(scores))


def together(before: np.ndarray, after: np.ndarray, captions: tuple[str, str], way: str,
             label_at: str = "") -> np.ndarray:  # fmt: skip
    """Two pictures (h, w, 3) uint8 as one, with their captions above; ``way`` and ``label_at`` as ``side_by_side``."""
    height = max(22, round(CAPTION * after.shape[0]))
    pictures = [before, after]
    if way == "wipe":
        middle, whole = after.shape[1] // 2, after.copy()
        split(before, whole, middle)
        if label_at:
            left, top, right, bottom = Label(after.shape[1], after.shape[0], place=label_at).box
            whole[top:bottom, left:right] = after[top:bottom, left:right]
        pictures = [whole[:, :middle], whole[:, middle:]]
    drawn = [with_caption(picture, caption, height) for picture, caption in zip(pictures, captions, strict=True)]
    return np.vstack(drawn) if way == "stacked" else np.hstack(drawn)
