"""The sheets of a training say that their faces are swapped."""

import numpy as np

from faceit.images import read_image
from faceit.media.provenance import Label, read_note
from faceit.train.labelled import STRIP, write_labelled

FACTS = {"from": "ann", "to": "bob", "consent": {"ann": "a drawing", "bob": "a drawing"}}


def test_the_label_is_in_a_strip_above_and_hides_no_face(tmp_path):
    sheet = np.random.default_rng(0).integers(0, 60, (128, 792, 3)).astype(np.uint8)
    write_labelled(tmp_path / "preview.jpg", sheet, FACTS, "step 30", 95)
    written = read_image(tmp_path / "preview.jpg")
    assert written.shape == (128 + STRIP, 792, 3)
    assert np.abs(written[STRIP + 8 :].astype(int) - sheet[8:]).mean() < 12
    left, top, right, bottom = Label(792, STRIP).box
    assert bottom <= STRIP and written[top:bottom, left:right].max() > 230
    note = read_note(tmp_path / "preview.jpg")
    assert (note["from"], note["to"], note["consent"]["bob"]) == ("ann", "bob", "a drawing")


def test_a_narrow_sheet_has_it_too(tmp_path):
    write_labelled(tmp_path / "a.jpg", np.zeros((40, 60, 3), np.uint8), FACTS, "", 85)
    assert read_image(tmp_path / "a.jpg")[:STRIP].max() > 200 and read_note(tmp_path / "a.jpg")
