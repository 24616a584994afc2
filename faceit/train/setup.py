"""What a training begins with: its preset, and its network, fresh or with what another one learned."""

from dataclasses import replace

from faceit.config.project import Project, Swap
from faceit.config.settings import TrainSettings
from faceit.errors import FaceitError
from faceit.network.backend import start_backend
from faceit.network.model_file import SIDES, STATE, WEIGHTS, about_crop, read_about
from faceit.network.presets import SIZES, Preset, choose, from_json
from faceit.network.warm_start import TakenOver, begin_with, take_over
from faceit.train.checkpoints import read_state
from faceit.train.face_pair import FacePair, face_pixels

NEARLY = 0.9  # of the faces' size is as good as all of it
ADJUSTABLE = ("batch_size", "loss", "perceptual", "identity", "adversarial", "flip")  # settings that presets have too


def pick_preset(project: Project, swap: Swap, name: str, settings: TrainSettings) -> Preset:
    """The preset to train. A model that exists keeps its own. FaceitError when it is of other people or another
    preset."""
    folder = project.model_dir(swap.name)
    if not (folder / STATE).exists():
        if (folder / WEIGHTS).exists():
            read_about(folder)  # one of an older faceit is no beginning
            raise FaceitError(
                f"models/{swap.name} holds a finished or imported model without its training state: begin from it "
                f"under another name with --warm-start {swap.name}."
            )
        preset = choose(name, name == "auto" and start_backend(), swap.model.size)
        if swap.model.size is None and preset.network == "appearance":
            preset = replace(preset, size=_size_for_faces(project, swap, preset))
        return _as_wished(preset, settings)
    about = read_state(folder)[0]
    preset = from_json(about["preset"])
    if name not in ("auto", preset.name):
        raise FaceitError(
            f"models/{swap.name} was trained with the preset {preset.name}: use --preset {preset.name}, or move that "
            f"folder away to start afresh with {name}."
        )
    if swap.model.size not in (None, preset.size):
        raise FaceitError(
            f"models/{swap.name} was trained with size: {preset.size}, and the YAML has {swap.model.size} now: put "
            f"{preset.size} back, or give the swap another name; --warm-start {swap.name} takes over what fits."
        )
    for side, person in zip(SIDES, (swap.a, swap.b), strict=True):
        was = about["people"][side]["name"]
        if was != person.name:
            raise FaceitError(
                f"models/{swap.name} was trained on {was}, not {person.name}: give the swap another name, or move "
                "that folder away."
            )
    before = about["train"] if isinstance(about.get("train"), dict) else {}
    return _as_wished(preset, settings, before)


def _size_for_faces(project: Project, swap: Swap, preset: Preset) -> int:
    """The smallest size of a preset that shows both people's faces as large as they are in their videos and pictures. A
    smaller one would learn faster, but within a minute the larger one is as far (docs/quality.md), and sharper from the
    start."""
    sizes = sorted(SIZES[preset.name])
    wanted = max(face_pixels(project, person) for person in (swap.a, swap.b))
    return next((size for size in sizes if size >= NEARLY * wanted), sizes[-1])


def _as_wished(preset: Preset, settings: TrainSettings, before: dict | None = None) -> Preset:
    """The preset with what the settings say otherwise. What they said ``before``, too, is no new wish: a batch size may
    have been made smaller since, for want of memory."""
    wished = {key: getattr(settings, key) for key in ADJUSTABLE}
    changed = {key: value for key, value in wished.items() if value not in (None, (before or {}).get(key))}
    return replace(preset, **changed)


def begun(preset: Preset, seed: int, pair: FacePair, fit: bool):
    """A fresh network that knows what can be known of both people before training; with ``fit``, its preset's batch
    size is one that the memory has room for."""
    start_backend()  # before anything else imports Keras: it does so without a word
    from faceit.network.devices import fitting_batch

    network = built(preset, seed)
    for side, found in pair.sets.items():
        if found.textures is not None:
            network.meet(side, found.appearance(preset.components))
    if fit:
        network.preset = replace(preset, batch_size=fitting_batch(network, preset.batch_size))
    return network


def built(preset: Preset, seed: int):
    """A network with random weights."""
    start_backend()
    import keras

    from faceit.network.cluster import build_to_train

    keras.utils.set_random_seed(seed)
    return build_to_train(preset)


def warmed(network, project: Project, other: str, names: dict[str, str], pair: FacePair) -> TakenOver:
    """Begin with another swap's weights where they fit; what is one person's comes only from that person."""
    from faceit.network.weights import load_tensors

    folder = project.model_dir(other)
    about = read_about(folder)
    if about_crop(about) != pair.crop:
        raise FaceitError(
            f"models/{other} was trained with align: {about_crop(about).name} and these faces are made with "
            f"{pair.crop.name}: start without --warm-start, or make the faces alike with preprocess."
        )
    people = {side: about["people"][side]["name"] for side in SIDES}
    shapes = {variable.path: tuple(variable.shape) for variable in network.variables}
    taken = take_over(shapes, load_tensors(folder / WEIGHTS)[0], names, people, str(folder / WEIGHTS))
    if not taken.arrays:
        raise FaceitError(
            f"models/{other} has the preset {about['preset']['name']}, which shares no weights with "
            f"{network.preset.name}: take --preset {about['preset']['name']}, or another swap."
        )
    begin_with(network.variables, taken.arrays)
    return taken
