"""Pictures of a training show swapped faces, and leave the machine with the model: they say so like any result."""

from pathlib import Path

import numpy as np

from faceit.images import with_caption, write_image

STRIP = 52  # pixels above the faces, for the words and the AI label


def write_labelled(path: Path, picture: np.ndarray, facts: dict, words: str, quality: int) -> None:
    """Write a sheet of faces (h, w, 3) uint8 as JPEG, with a strip above it, in which no face is hidden: ``words``, and
    the AI label. ``facts`` are the note's. MediaError where the disk refuses."""
    from faceit.media.provenance import Label, note

    sheet = np.ascontiguousarray(with_caption(picture, words, STRIP))
    Label(sheet.shape[1], STRIP).stamp(sheet[:STRIP])
    write_image(path, sheet, quality, note(facts))
