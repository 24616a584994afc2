"""The machines of a training that are not the first: they do every step that they are told."""

from collections.abc import Callable
from dataclasses import replace

from faceit.errors import FaceitError
from faceit.geometry import CROPS
from faceit.network.attempt import Attempt
from faceit.network.cluster import build_to_train, cluster
from faceit.network.presets import from_json
from faceit.network.training import Training


def follow(load: Callable) -> None:
    """What a machine does that is not the chief: every step that it is told, until the chief is through.

    ``load`` gives the face sets {"a": ..., "b": ...} for a preset. FaceitError when they are not the chief's, or when
    the chief is gone."""
    here, network = cluster(), None
    training: Training | None = None
    sets: dict = {}
    while "end" not in (order := here.agree()):
        if "network" in order:
            network = build_to_train(from_json(order["network"]))
            sets = load(network.preset)
        elif "training" in order:
            training = Training(network, order["training"]["seed"], CROPS[order["training"]["crop"]])
        elif "state" in order:
            assert training is not None  # it was announced by "training"
            training.preset = replace(training.preset, batch_size=order["state"]["batch"])
            _check_faces(order["state"]["faces"], [len(sets[side]) for side in "ab"])
            training.restore(here.spread(training.state()), "the first machine")
        else:
            assert training is not None
            training.step(sets, order["step"], order["done"], Attempt(**order["attempt"]))


def _check_faces(theirs: list[int], ours: list[int]) -> None:
    if theirs != ours:
        raise FaceitError(
            f"This machine has {ours[0]:,} and {ours[1]:,} faces of the two people, and the first one has "
            f"{theirs[0]:,} and {theirs[1]:,}: copy data/processed from there."
        )
