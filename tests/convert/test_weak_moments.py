"""The moments to look at first: in the result's story and as a picture."""

import json

import numpy as np

from faceit.casting import weak
from faceit.convert.weak_moments import SIDE
from faceit.images import read_image
from faceit.media.provenance import read_note

from .conftest import convert


def test_weak_moments_are_in_the_story_and_in_a_picture(project, people, capsys, monkeypatch):
    folder = project.parent / "data" / "output" / "c2h"
    for name, value in (("SMALL", 0.0), ("UNSURE_SPREAD", 9.0), ("SHIFT", 9.0), ("NEAR", 0.001)):
        monkeypatch.setattr(weak, name, value)  # any distance is near the tolerance
    assert convert(project, people / "talk.mp4", "--duration", "1") == 0
    sheet = folder / "talk-0-1-worst.jpg"
    assert f"Where the swap is likely weakest: {sheet}" in capsys.readouterr().out
    [moment] = json.loads((folder / "talk-0-1.json").read_text())["worst"]
    assert moment["reason"] == "near the tolerance" and 0 <= moment["time"] < 1
    picture = read_image(sheet)
    assert picture.shape[0] > SIDE and picture.shape[1] < SIDE + 10 and read_note(sheet)["to"] == "hopper"
    labelled = picture[24:60, 150:300].astype(int)
    assert (labelled > 230).any() and np.std(labelled) > 20
    monkeypatch.setattr(weak, "NEAR", 9.0)  # nothing is
    assert convert(project, people / "talk.mp4", "--duration", "1", "--overwrite") == 0
    assert json.loads((folder / "talk-0-1.json").read_text())["worst"] == []
    assert not sheet.exists() and "weakest" not in capsys.readouterr().out
