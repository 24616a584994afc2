"""Pictures of a training: the preview grid and the loss plot."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceit.images import grid, resize, with_caption, write_image

COLUMNS = ("{a}", "{a} as {a}", "{a} as {b}", "{b}", "{b} as {b}", "{b} as {a}")


def preview_columns(model, pair, rows: int) -> list[np.ndarray]:
    """What a preview shows: so many faces of either side, evenly spread, as they are, as themselves and as the other;
    six of (rows, s, s, 3) in 0..1. ``model`` is a SwapModel, ``pair`` has the face sets."""
    columns = []
    for side, other in (("a", "b"), ("b", "a")):
        some = pair.some(side, rows)
        columns.append(model.crops(some.faces))
        columns += [model.swap(some.faces, some.points, side, to) for to in (side, other)]
    return columns


def preview_grid(columns: list[np.ndarray], names: dict[str, str], side: int = 128) -> np.ndarray:
    """Six columns of faces (n, s, s, 3) in 0..1 as one captioned picture, a row for each face."""
    tops = []
    for faces, text in zip(columns, COLUMNS, strict=True):
        faces = np.clip(np.nan_to_num(faces) * 255 + 0.5, 0, 255).astype(np.uint8)
        pictures = [resize(face, side, side) for face in faces]
        tops.append(with_caption(grid(pictures, columns=1), text.format(**names)))
    return np.hstack(tops)


def loss_plot(path: Path, history: list[dict], names: dict[str, str], events: Sequence[dict] = ()) -> None:
    """Both losses over the minutes of training, and those on held-out faces, as a PNG; a dotted line for each of the
    ``events``, {"seconds": when}."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # no pyplot: no window system, no global state
    from matplotlib.figure import Figure

    minutes = [row["seconds"] / 60 for row in history]
    figure = Figure(figsize=(8, 4.5), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for side, color in (("a", "tab:blue"), ("b", "tab:orange")):
        axes.plot(minutes, [row[f"loss_{side}"] for row in history], color=color, label=names[side], linewidth=1.4)
        held = [(at, row[f"held_{side}"]) for at, row in zip(minutes, history, strict=True) if row.get(f"held_{side}")]
        if held:
            axes.plot(*zip(*held, strict=True), color=color, label=f"{names[side]}, held out", linestyle="--",
                      marker=".", linewidth=1.2)  # fmt: skip
    for event in events:
        axes.axvline(event["seconds"] / 60, color="tab:gray", linestyle=":", linewidth=1.0)
    axes.set(xlabel="minutes of training", ylabel="loss")
    axes.set_title(f"{names['a']} and {names['b']}: {history[-1]['step']:,} steps")
    if len(history) > 1 and min(min(row["loss_a"], row["loss_b"]) for row in history) > 0:
        axes.set_yscale("log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    write_image(path, np.asarray(canvas.buffer_rgba())[:, :, :3])
