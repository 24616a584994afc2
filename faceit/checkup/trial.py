"""For doctor: trials of the libraries that make pictures and pages."""

import tempfile
from pathlib import Path

import numpy as np

from faceit.trying import trying

SIDE = 64  # pixels of a face


def try_portrait(detector: str) -> dict:
    """``faces.trial.try_face`` on a portrait included in scikit-image."""
    from faceit.demo.portraits import portraits
    from faceit.faces.trial import try_face

    trying("skimage", "load its portrait")
    return try_face(portraits()["collins"], detector)


def try_pages() -> dict:
    """Compare two pictures, plot a loss, write TensorBoard's file and a page; returns {}. Raises whatever a failing
    library raises."""
    from faceit.measure.pixels import masked_ssim
    from faceit.train.loss_plot import loss_plot
    from faceit.train.tensorboard_log import TensorBoardLog

    trying("skimage", "compare two pictures")
    face, area = np.random.default_rng(0).random((SIDE, SIDE, 3)), np.ones((SIDE, SIDE), bool)
    if masked_ssim(face, face, area) < 0.99:
        raise ValueError("it calls two equal pictures different")
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        trying("matplotlib", "plot the losses")
        row = {"seconds": 1.0, "step": 1, "loss_a": 1.0, "loss_b": 1.0}
        loss_plot(Path(folder) / "loss.png", [row, row | {"seconds": 2.0}], {"a": "a", "b": "b"})
        trying("tensorboard", "write the losses")
        TensorBoardLog(Path(folder), 0).add(1, {"loss": 1.0})
    trying("jinja2", "write a page")
    from faceit.pages.render import render

    if "<title>faceit</title>" not in render("base.html.j2"):
        raise ValueError("it leaves out the title")
    return {}
