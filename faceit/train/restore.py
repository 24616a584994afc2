"""Going back: a snapshot, or the best weights, become the model again, and what they replace becomes a snapshot."""

from pathlib import Path

from faceit.config.project import Project
from faceit.errors import FaceitError
from faceit.network.backend import start_backend
from faceit.network.model_file import STATE, about_crop
from faceit.network.presets import from_json
from faceit.progress import duration, say
from faceit.train.checkpoints import (
    BEST,
    about_text,
    alone,
    publish,
    put_back,
    read_best,
    read_standing,
    read_state,
    snapshot,
    snapshots,
    sweep,
    write_state,
)
from faceit.train.setup import built

BEST_NAME = "best"
CARRIED = ("people", "preset", "align", "train", "faces", "pictures", "turns", "held_out_from")  # of model.json


def restore(project: Project, name: str, which: str) -> None:
    """Put a snapshot of the swap ``name`` back, named by its step, or what did best on held-out faces ("best").
    FaceitError, with those that there are, where there is no such."""
    folder = project.model_dir(name)
    if not folder.is_dir():
        raise FaceitError(f"{name} is not trained yet: there is nothing to restore.")
    with alone(project, name):
        sweep(folder)
        best = read_best(folder)
        known = snapshots(folder) + ([BEST_NAME] if best else [])
        if which not in known:
            there = f"there are {', '.join(known)}" if known else "it has none; train it with --snapshots N to keep N"
            raise FaceitError(f"models/{name} has no snapshot {which}: {there}.")
        replaced = _begin_with_best(folder, best) if best and which == BEST_NAME else put_back(folder, which)
        standing = read_standing(folder)
    kept = f"; what it replaced is snapshot {replaced}" if replaced else ""
    say(f"{name} is at step {standing.step:,} again, after {duration(standing.seconds)} of training{kept}. "
        f"`python faceit.py train {name}` goes on from here, convert uses it as it is.")  # fmt: skip


def _begin_with_best(folder: Path, best: dict) -> str:
    """Make the ``best`` weights, of which ``read_best`` told this, the model, in a state whose optimizer begins anew;
    returns the name of the snapshot of what they replace."""
    start_backend()
    from faceit.network.training import Training
    from faceit.network.weights import load_tensors, put

    about, _ = read_state(folder)
    standing = read_standing(folder)
    weights, _ = load_tensors(folder / BEST)
    network = built(from_json(about["preset"]), seed=0)
    put(network.variables, weights, str(folder / BEST))
    training = Training(network, 0, about_crop(about))
    before, _ = load_tensors(folder / STATE)
    begun = training.state()  # the discriminator, where there is one, stays as it is
    state = {key: begun[key] if key.startswith(("network/", "optimizer/")) else before.get(key, begun[key])
             for key in begun}  # fmt: skip

    replaced = snapshot(folder, best=True)
    standing.history = [row for row in standing.history if row["step"] <= best["step"]]
    standing.events = [event for event in standing.events if event.get("step", 0) <= best["step"]]
    if standing.history:
        standing.seconds = standing.history[-1]["seconds"]
    standing.step = standing.part_step = best["step"]  # the learning rate warms up, as at the beginning of a part
    text = about_text(about.get("swap", folder.name), standing, {key: about.get(key) for key in CARRIED})
    write_state(folder, state, standing, text, None)
    publish(folder, weights, standing.step, text)
    return replaced
