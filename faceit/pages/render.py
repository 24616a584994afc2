"""Templates rendered to pages, and pixels to pictures embedded in them."""

import base64
import hashlib
import io
import os
from functools import cache
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
from markupsafe import Markup

from faceit.images import fit_within

TEMPLATES = Path(__file__).parent / "templates"
QUALITIES = (84, 76, 68, 60, 50)  # of JPEG, tried in turn until a picture is small enough


def render(template: str, **values) -> str:
    """A template of this folder with its values, as HTML. Values are escaped; a missing value is an error."""
    page = _environment().get_template(template).render(**values)
    # names on disk and in JSON may contain lone surrogates or zero bytes, which HTML cannot
    return page.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def script(name: str) -> tuple[Markup, str]:
    """A script of this folder to embed in a page, and the hash by which the page's policy allows only this script."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    return Markup(text), f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def link(folder: Path, path: Path | None, time: float) -> str | None:
    """The address of a video at ``time`` for a page in ``folder``; None if there is no file."""
    if path is None or not path.is_file():
        return None
    try:
        address = quote(Path(os.path.relpath(path, folder)).as_posix().encode("utf-8", "replace"), safe="/")
    except ValueError:  # another drive
        address = path.absolute().as_uri()
    return f"{address}#t={time:.1f}"


def picture(rgb: np.ndarray, most_kb: float = 40.0) -> str:
    """Pixels (h, w, 3) uint8 RGB as a data: URI of a JPEG of at most ``most_kb``; scaled down if necessary."""
    from PIL import Image

    while True:
        for quality in QUALITIES:
            out = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(rgb)).save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= most_kb * 1000 or (quality == QUALITIES[-1] and max(rgb.shape[:2]) <= 64):
                return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
        rgb, _ = fit_within(rgb, max(64, round(max(rgb.shape[:2]) * 0.8)))
