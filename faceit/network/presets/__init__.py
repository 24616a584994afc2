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
    network: str  # lite | original | sharp: how it is built
    size: int  # pixels of the face crop, in and out
    shape: str  # df: a decoder for each person | liae: a bottleneck of one person and one of both, one decoder
    encoder: int  # channels after the first convolution; `lite` and `original` have theirs fixed
    inter: int  # numbers in the bottleneck's code
    decoder: int  # channels of the last stage but the output
    grid: int  # where the decoder's patches lie, along an axis: more are finer and slower; `original` has none
    components: int  # of a person's paint; `original` has none
    mask_decoder: int  # the same of the mask's; 0: no mask is learned
    landmark_code: bool  # whether the decoder is told the driving face's landmarks
    mean_start: bool  # whether the output starts at the person's mean face
    normalise: bool  # whether the person's mean is taken off the input
    # --- the loss
    loss: str  # classic: mean absolute error | modern: weighted L1 and DSSIM
    l1: float
    edges: float  # weight of the error between neighbouring pixels' differences
    dssim: float
    scales: int  # of DSSIM: the picture, its half, its quarter ...
    eyes_mouth: float  # what an error there counts for more; elsewhere in the face it counts 1
    mask: float  # weight of the learned mask's error
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
    grown_from: str | None  # the smaller preset that the run begins as
    grow_at: float  # until when
    # --- what the network sees
    rotation: float  # degrees, uniform
    zoom: float
    shift: float
    flip: str  # never | always | auto: only where the light does not come from one side
    warp: float  # standard deviation of the 5x5 grid of the random warp
    warp_full_until: float
    warp_gone_at: float  # above 1: never
    code_noise: float  # standard deviations, on the landmark code
    follow: bool  # whether the landmark code turns and grows with the picture
    light: float  # standard deviation of the input's gain; half as much for each colour
    poor: float  # share of inputs that are blurred, noisy, badly compressed or dark
    uniform_yaw: bool  # whether turned heads are shown as often as frontal ones


def _read(name: str) -> tuple[Preset, tuple[int, ...]]:
    values = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    sizes = tuple(values.pop("sizes"))
    settings = {key: value for part in values.values() for key, value in part.items()}
    settings = {"clip_norm": None, "grown_from": None, "grid": 0, "components": 0, "edges": 0.0} | settings  # TOML has no word for nothing
    return Preset(name=name, size=sizes[0], **settings), sizes


NAMES = ("lite", "original", "sharp128", "sharp256", "cpu", "gpu")
_FILES = {name: _read(name) for name in NAMES}
PRESETS = {name: preset for name, (preset, _) in _FILES.items()}
SIZES = {name: sizes for name, (_, sizes) in _FILES.items()}
LITE, ORIGINAL, SHARP128, SHARP256, CPU, GPU = PRESETS.values()
SHAPES = ("df", "liae")


def choose(name: str, has_gpu: bool, size: int | None = None, shape: str | None = None) -> Preset:
    """The preset of a name; "auto" is `sharp128` where there is a GPU and `lite` where there is none."""
    if name == "auto":
        name = "sharp128" if has_gpu else "lite"
    if name not in PRESETS:
        raise FaceitError(f"No preset '{name}'; there are {', '.join(PRESETS)}.")
    preset = PRESETS[name]
    if size is not None and size not in SIZES[name]:
        sizes = " or ".join(map(str, SIZES[name]))
        raise FaceitError(f"The preset {name} has no size {size}: take {sizes}.")
    if shape is not None and shape != preset.shape and preset.network != "sharp":
        raise FaceitError(f"The preset {name} has no shape {shape}: take it out, or take sharp128 or sharp256.")
    return replace(preset, size=size or preset.size, shape=shape or preset.shape)


def to_json(preset: Preset) -> dict:
    return asdict(preset)


# What models of format 1 did, where their settings do not say it.
BEFORE = {
    "shape": "df", "encoder": 0, "inter": 0, "decoder": 0, "mask_decoder": 0, "l1": 10.0, "dssim": 5.0, "scales": 1,
    "eyes_mouth": 2.0, "mask": 0.0, "perceptual": 0.0, "perceptual_from": 0.4, "identity": 0.0, "identity_from": 0.4,
    "adversarial": 0.0, "adversarial_from": 0.85, "freeze_at": 1.0, "grown_from": None, "grow_at": 0.0,
    "follow": False, "light": 0.0, "poor": 0.0, "uniform_yaw": False,
}  # fmt: skip
LOSS_BEFORE = {"mae": "classic", "detail": "modern"}


def _of_today(values: dict) -> dict:
    """Settings of format 1 as those of today; others as they are."""
    if "network" in values:
        return values
    told = values.get("name") == "lite"
    today = {"network": values.get("name"), "landmark_code": told, "mean_start": told, "normalise": told}
    today |= BEFORE | values
    loss, flip = values.get("loss"), values.get("flip")
    today["loss"] = LOSS_BEFORE.get(loss, loss) if isinstance(loss, str) else loss
    today["flip"] = ("never", "always")[flip] if isinstance(flip, bool) else None
    return today


def from_json(values: dict) -> Preset:
    """A preset as saved with a model. WeightsError when it is not one that this version can build."""
    try:
        preset = Preset(**_of_today(values))
    except TypeError:
        raise WeightsError("the model's settings are not of this version of faceit: update faceit.") from None
    known = PRESETS.get(preset.name) if isinstance(preset.name, str) else None
    if known is None:
        raise WeightsError(f"the model's preset {preset.name!r} is not known here: update faceit.")
    for key, value in asdict(known).items():
        if not _alike(key, getattr(preset, key), value, preset.name):
            raise WeightsError(f"the model's setting {key} is {getattr(preset, key)!r:.60}: the file is damaged.")
    return preset


ONE_OF = {"shape": SHAPES, "loss": ("classic", "modern"), "flip": ("never", "always", "auto")}


def _alike(key: str, given, known, name: str) -> bool:
    """Whether a setting from a file can stand where this version has ``known``. What makes the network large is as
    here: a file from elsewhere must not fill the memory."""
    if key in ("name", "network", "encoder", "inter", "decoder", "grid", "components", "mask_decoder"):
        return type(given) is type(known) and given == known
    if key == "size":
        return type(given) is int and given in SIZES[name]
    if key in ONE_OF:
        return isinstance(given, str) and given in ONE_OF[key]
    if key == "grown_from":
        return given is None or (isinstance(given, str) and given in PRESETS)
    if isinstance(known, bool):
        return isinstance(given, bool)
    if key == "clip_norm" and given is None:
        return True
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    if isinstance(known, int):
        return isinstance(given, int) and 1 <= given <= (8 if key == "scales" else 1_000_000)
    return abs(given) < 1e9  # not infinite, not NaN
