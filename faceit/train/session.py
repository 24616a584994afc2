"""The network in training and the faces that it learns from: begun, or taken up again."""

import gc
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from faceit.config.project import Project, Swap
from faceit.config.settings import TrainSettings
from faceit.errors import FaceitError
from faceit.faces.load import FaceSet
from faceit.network.model_file import SIDES, STATE, about_crop
from faceit.network.presets import Preset, to_json
from faceit.network.swapmodel import SwapModel, model_of
from faceit.progress import duration, say
from faceit.train import checkpoints, setup
from faceit.train.budget import PLATEAU
from faceit.train.checkpoints import RunState
from faceit.train.face_pair import FacePair, check_crop, load_pair

if TYPE_CHECKING:  # it imports Keras
    from faceit.network.training import Training

FIRST_FACES = 16  # a side, for the loss before the first step


class TrainingSession:
    """What learns: ``training`` with its network, of ``preset``, on the faces of ``pair``."""

    def __init__(self, project: Project, swap: Swap, preset_name: str, settings: TrainSettings):
        self.project, self.swap, self.settings = project, swap, settings
        self.folder = project.model_dir(swap.name)
        self.names = {"a": swap.a.name, "b": swap.b.name}
        self.most: int | None = None  # faces a side and step, where memory was short
        self._pair: FacePair | None = None
        self._training: Training | None = None
        self._preset_name = preset_name
        self._preset: Preset  # from ``open`` on

    @property
    def pair(self) -> FacePair:
        assert self._pair is not None, "``open`` comes first"
        return self._pair

    @property
    def training(self) -> "Training":
        assert self._training is not None, "``open`` comes first"
        return self._training

    @property
    def preset(self) -> Preset:
        return self._preset

    @preset.setter
    def preset(self, preset: Preset) -> None:
        """A preset, with as many faces at a time as there is room for."""
        self._preset = preset
        if self.most is not None:
            self._preset = replace(preset, batch_size=min(self.most, preset.batch_size))

    def open(self, attempt: int) -> RunState:
        """Put back what was saved last, or begin: a fresh network is another one at each ``attempt`` (0, 1 ...)."""
        self.let_go()
        self.preset = setup.pick_preset(self.project, self.swap, self._preset_name, self.settings)
        about = checkpoints.read_state(self.folder)[0] if (self.folder / STATE).exists() else None
        self._meet(None if about is None else about_crop(about))
        return self._begin(attempt) if about is None else self._resume()

    def _meet(self, was=None) -> None:
        """Load both people's faces at the size of the network; ``was`` is the crop of a model that goes on."""
        if self._pair is not None:
            return
        self._pair = load_pair(self.project, self.swap, self.preset)
        check_crop(self.project, self.swap, self.pair.crop, was)
        if self.settings.until == PLATEAU and not any(map(len, self.pair.held.values())):
            raise FaceitError(
                "--until plateau watches the loss on held-out faces, and there are none: put held_out: 0.1 under "
                "preprocess: in the YAML and run preprocess, or say how long with --minutes."
            )

    def _begin(self, attempt: int) -> RunState:
        fit = self.settings.batch_size is None and self.most is None
        network = setup.begun(self.preset, self.settings.seed + attempt, self.pair, fit)
        other = self.settings.warm_start
        if other is not None:
            taken = setup.warmed(network, self.project, other, self.names, self.pair)
            say(f"Starting warm from {other}: {taken.words(len(network.variables))}.")
        at = RunState(warm_start=other)
        self._train(network)
        return at

    def _resume(self) -> RunState:
        from faceit.network.weights import load_tensors

        at, path = checkpoints.read_standing(self.folder), self.folder / STATE
        self._train(setup.built(self.preset, self.settings.seed))
        self.training.restore(load_tensors(path)[0], str(path))
        say(f"Going on at step {at.step:,}, after {duration(at.seconds)} of training.")
        if self.settings.warm_start not in (None, at.warm_start):
            say(f"--warm-start {self.settings.warm_start} is for a first run: {self.swap.name} goes on from its own "
                "weights.")  # fmt: skip
        return at

    def _train(self, network) -> None:
        from faceit.network.training import Training

        self._preset, self._training = network.preset, Training(network, self.settings.seed, self.pair.crop)

    def let_go(self) -> None:
        """Free the device's memory, before another network needs it."""
        self._training = None
        gc.collect()

    def averages(self) -> dict[str, np.ndarray]:
        """The averaged weights, by path."""
        from faceit.network.weights import take

        with self.training.averaged():
            return take(self.training.network.variables)

    def model(self) -> SwapModel:
        """What swaps with the weights as they are."""
        about = {"preset": to_json(self.preset), "align": self.pair.crop.name}
        return model_of(self.training.network, about, self.folder)

    def crops(self, some: FaceSet) -> np.ndarray:
        """What the network sees of faces, (n, s, s, 3) in 0..1."""
        return self.model().crops(some.faces)

    def first_losses(self) -> dict[str, float]:
        """By side, the loss before the first step, of a few faces that train."""
        losses = {}
        for side in SIDES:
            it = self.pair.sets[side].textures
            assert it is not None  # there is such a loss where the network paints them
            rows = np.linspace(0, len(it.codes) - 1, FIRST_FACES).astype(int)
            some = replace(it, pictures=it.pictures[rows], codes=it.codes[rows], shown=it.shown[rows])
            losses[f"loss_{side}"] = round(self.training.texture_loss(side, some), 5)
        return losses

    def held_out_losses(self, model: SwapModel) -> dict[str, float]:
        """By side, the loss of held-out faces as themselves; of sides that have such faces."""
        losses = {}
        for side in SIDES:
            held = self.pair.held[side]
            if len(held) and held.textures is not None:
                losses[side] = round(self.training.texture_loss(side, held.textures), 5)
            elif len(held):
                made = model.swap(held.faces, held.points, side, side)
                losses[side] = round(self.training.still_loss(self.crops(held), made), 5)
        return losses
