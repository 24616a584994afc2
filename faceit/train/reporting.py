"""What is shown of a training: the preview, the plot of its losses, a timelapse, TensorBoard's graphs, its end."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faceit.config.project import Swap
from faceit.config.settings import TrainSettings
from faceit.errors import MediaError
from faceit.files import no_link
from faceit.network.history import HELD
from faceit.network.swapmodel import SwapModel
from faceit.progress import duration, say
from faceit.train.checkpoints import RunState
from faceit.train.face_pair import FacePair
from faceit.train.labelled import write_labelled
from faceit.train.loss_plot import loss_plot, preview_columns, preview_grid
from faceit.train.tensorboard_log import TensorBoardLog
from faceit.train.timelapse import FACES, Timelapse, film

PREVIEWS = "previews"
PREVIEW_ROWS = 6


class Reporter:
    """The pictures and graphs of a run in the folder of its model. ``written`` calls what writes files."""

    def __init__(self, folder: Path, swap: Swap, settings: TrainSettings, written: Callable[[Callable], None]):
        self.folder, self.swap, self.settings, self._written = folder, swap, settings, written
        self.names = {"a": swap.a.name, "b": swap.b.name}
        self._tensorboard: TensorBoardLog | None = None
        self._timelapse: Timelapse | None = None

    def open(self, at: RunState, done: float) -> None:
        """Begin, or go on where the run is; what is of later steps was of a run that was killed or rolled back."""
        no_link(self.folder / PREVIEWS).mkdir(parents=True, exist_ok=True)
        if self.settings.timelapse:
            self._timelapse = Timelapse(self.folder, at.step, done)
        if self.settings.tensorboard:
            self._tensorboard = TensorBoardLog(self.folder, at.step)

    def chart(self, step: int, numbers: dict[str, float]) -> None:
        """Numbers for TensorBoard, where it is asked for."""
        if (log := self._tensorboard) is not None:
            self._written(lambda: log.add(step, numbers))

    def preview(self, columns: list[np.ndarray], at: RunState, keep: bool) -> None:
        """The preview of six columns, kept for good where asked, and the plot of the losses."""
        picture = preview_grid(columns, self.names)
        self._written(lambda: self._write(picture, at, keep))

    def _write(self, picture: np.ndarray, at: RunState, keep: bool) -> None:
        words = f"step {at.step:,}, {duration(at.seconds)}"
        write_labelled(self.folder / "preview.jpg", picture, self._facts, words, 90)
        if keep:
            write_labelled(self.folder / PREVIEWS / f"{at.step:08d}.jpg", picture, self._facts, words, 85)
        loss_plot(self.folder / "loss.png", at.history, self.names, at.events)

    def wants_moment(self, done: float) -> bool:
        """Whether the timelapse is due for a picture."""
        return self._timelapse is not None and self._timelapse.due(done)

    def moment(self, model: SwapModel, pair: FacePair, at: RunState, done: float) -> None:
        """A picture for the timelapse, where one is made."""
        if (timelapse := self._timelapse) is None:
            return
        picture = preview_grid(preview_columns(model, pair, FACES), self.names)
        self._written(lambda: timelapse.keep(picture, at.step, at.seconds, done, self._facts))

    @property
    def _facts(self) -> dict:
        """What the note of a picture that is made now tells."""
        people = (self.swap.a, self.swap.b)
        return {"swap": self.swap.name, "from": people[0].name, "to": people[1].name,
                "consent": {person.name: person.consent for person in people},
                "made": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip

    def film(self, model: dict) -> None:
        """The video of the timelapse; ``model`` is what its note says of the network."""
        if self._timelapse is None:
            return
        try:
            video = film(self.folder, self._facts | {"model": model})
        except MediaError as e:
            say(f"The timelapse is left out, its pictures are kept: {str(e).rstrip('.')}.")
            return
        if video is not None:
            say(f"How it learned: {video}")

    def tell_end(self, at: RunState, done: float, rate: float) -> None:
        """How the run ended, and how fast it was, in faces a second."""
        row = at.history[-1] if at.history else dict.fromkeys(("loss_a", "loss_b", *HELD), math.nan)
        losses = ", ".join(f"{row[f'loss_{side}']:.3f} {self.names[side]}" + (
            f" ({row[key]:.3f} held out)" if row[key] is not None else "")
            for side, key in zip("ab", HELD, strict=True))  # fmt: skip
        say(f"{'Trained' if done >= 1 else 'Stopped'} at step {at.step:,} after {duration(at.seconds)} "
            f"({rate:,.0f} faces/s in this run); loss {losses}.")  # fmt: skip
        if at.best is not None and at.best["step"] < at.step:
            say(f"On held-out faces step {at.best['step']:,} was the best; --restore best goes back to it.")
        say(f"Look at {self.folder / 'preview.jpg'} and {self.folder / 'loss.png'}.")
