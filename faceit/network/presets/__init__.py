"""The presets: which network, which loss, which schedule. One TOML file of plain values each, saved with each model."""

import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from faceit.errors import FaceitError, WeightsError


@dataclass(frozen=True)
class Preset:
    """A network and how it is trained. Lengths are fractions of the face crop's width, moments fractions of the run."""

    name: str
    # --- the network
    network: str  # appearance | original: how it is built
    size: int  # pixels of the face crop, in and out
    encoder: int  # channels after the first convolution; `original` has its widths fixed
    inter: int  # numbers in the bottleneck's code
    decoder: int  # channels of the decoder's first stage
    grid: int  # where the decoder's patches lie, along an axis: more are finer and slower; `original` has none
    components: int  # of a person's paint; `original` has none
    # --- the loss
    loss: str  # classic: mean absolute error | modern: weighted L1 and DSSIM
    l1: float
    edges: float  # weight of the error between neighbouring pixels' differences
    dssim: float
    scales: int  # of DSSIM: the picture, its half, its quarter ...
    eyes_mouth: float  # what an error there counts for more; elsewhere in the face it counts 1
    perceptual: float  # weight of the distance in VGG's features; 0: none
    perceptual_from: float  # of the run
    identity: float  # weight of the distance between a recogniser's embeddings; 0: none
    identity_from: float  # of the run
    adversarial: float  # weight of the patch discriminator; 0: none
    adversarial_from: float  # of the run
    # --- the schedule
    batch_size: int  # faces per side and step, at most
    minutes: float  # training time where nobody says otherwise
    learning_rate: float
    beta_1: float
    beta_2: float
    schedule: bool  # warm-up, flat to half the run, cosine to 2 %; otherwise constant
    clip_norm: float | None  # of all gradients together
    average: bool  # keep an exponential moving average of the weights, and use that
    freeze_at: float  # from when on the shared part stands still; 1: never
    # --- what the network sees
    rotation: float  # degrees, uniform; this and the next three are for crops: textures lie where they always do
    zoom: float
    shift: float
    flip: str  # never | always | auto: only where the light does not come from one side
    warp: float  # standard deviation of the 5x5 grid of the random warp
    warp_full_until: float
    warp_gone_at: float  # above 1: never
    code_noise: float  # standard deviations, on what the landmarks say
    light: float  # standard deviation of the input's gain; half as much for each colour
    poor: float  # share of inputs that are blurred, noisy, badly compressed or dark
    uniform_yaw: bool  # whether turned heads are shown as often as frontal ones


def _read(name: str) -> tuple[Preset, tuple[int, ...]]:
    values = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    sizes = tuple(values.pop("sizes"))
    settings = WITHOUT | {key: value for part in values.values() for key, value in part.items()}
    return Preset(name=name, size=sizes[0], **settings), sizes


WITHOUT = {"clip_norm": None, "grid": 0, "components": 0, "edges": 0.0}  # TOML has no word for nothing
NAMES = ("cpu", "gpu", "original")
_FILES = {name: _read(name) for name in NAMES}
PRESETS = {name: preset for name, (preset, _) in _FILES.items()}
SIZES = {name: sizes for name, (_, sizes) in _FILES.items()}
CPU, GPU, ORIGINAL = PRESETS.values()


def choose(name: str, has_gpu: bool, size: int | None = None) -> Preset:
    """The preset of a name; "auto" is `gpu` where there is a GPU and `cpu` where there is none."""
    if name == "auto":
        name = "gpu" if has_gpu else "cpu"
    if name not in PRESETS:
        raise FaceitError(f"No preset '{name}'; there are {', '.join(PRESETS)}.")
    if size is not None and size not in SIZES[name]:
        sizes = " or ".join(map(str, sorted(SIZES[name])))
        raise FaceitError(f"The preset {name} has no size {size}: take {sizes}.")
    return replace(PRESETS[name], size=size or PRESETS[name].size)


def to_json(preset: Preset) -> dict:
    return asdict(preset)


# Settings that formats 1 and 2 had and networks have no more: `original` did without them.
GONE = {"shape", "mask_decoder", "mask", "landmark_code", "mean_start", "normalise", "grown_from", "grow_at", "follow"}


def _original_of_today(values: dict) -> dict:
    """Settings of an `original` of any format as those of today. Format 1 had other words for its loss and its flip,
    which could not be chosen then."""
    if "network" not in values:
        values = {key: value for key, value in values.items() if key not in ("loss", "flip")}
    return asdict(ORIGINAL) | {key: value for key, value in values.items() if key not in GONE}


def from_json(values: dict) -> Preset:
    """A preset as saved with a model. WeightsError when it is not one that this version can build."""
    known = PRESETS.get(name) if isinstance(name := values.get("name"), str) else None
    if known is None:
        raise WeightsError(f"the model's preset {values.get('name')!r:.60} is not known here: update faceit.")
    try:
        preset = Preset(**(_original_of_today(values) if known is ORIGINAL else values))
    except TypeError:
        raise WeightsError("the model's settings are not of this version of faceit: update faceit.") from None
    for key, value in asdict(known).items():
        if not _alike(key, getattr(preset, key), value, preset.name):
            raise WeightsError(f"the model's setting {key} is {getattr(preset, key)!r:.60}: the file is damaged.")
    return preset


ONE_OF = {"loss": ("classic", "modern"), "flip": ("never", "always", "auto")}


def _alike(key: str, given, known, name: str) -> bool:
    """Whether a setting from a file can stand where this version has ``known``. What makes the network large is as
    here: a file from elsewhere must not fill the memory."""
    if key in ("name", "network", "encoder", "inter", "decoder", "grid", "components"):
        return type(given) is type(known) and given == known
    if key == "size":
        return type(given) is int and given in SIZES[name]
    if key in ONE_OF:
        return isinstance(given, str) and given in ONE_OF[key]
    if isinstance(known, bool):
        return isinstance(given, bool)
    if key == "clip_norm" and given is None:
        return True
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    if isinstance(known, int):
        return isinstance(given, int) and 1 <= given <= (8 if key == "scales" else 1_000_000)
    return abs(given) < 1e9  # not infinite, not NaN
