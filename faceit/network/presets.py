"""The presets: which network, which loss, which schedule. Plain values, saved with every model."""

from dataclasses import asdict, dataclass

from faceit.errors import FaceitError, WeightsError


@dataclass(frozen=True)
class Preset:
    """A network and how it is trained. Fractions are of the face crop's width, or of the run where it says so."""

    name: str
    size: int  # pixels of the face crop, in and out
    batch_size: int  # faces per side and step
    minutes: float  # training time where nobody says otherwise
    learning_rate: float
    beta_1: float
    beta_2: float
    schedule: bool  # warm-up, flat to half the run, cosine to 2 %; otherwise constant
    clip_norm: float | None  # of all gradients together
    average: bool  # keep an exponential moving average of the weights, and use that
    loss: str  # "mae", or "detail": weighted L1 and DSSIM
    rotation: float  # degrees, uniform
    zoom: float
    shift: float
    flip: bool
    warp: float  # standard deviation of the 5x5 grid of the random warp
    warp_full_until: float  # of the run
    warp_gone_at: float  # of the run; above 1: never
    code_noise: float  # standard deviations, on the landmark code


LITE = Preset(
    name="lite", size=64, batch_size=16, minutes=10, learning_rate=1e-3, beta_1=0.9, beta_2=0.99, schedule=True,
    clip_norm=1.0, average=True, loss="detail", rotation=3, zoom=0.03, shift=0.02, flip=False, warp=0.02,
    warp_full_until=0.6, warp_gone_at=0.8, code_noise=0.1,
)  # fmt: skip

# The network and the training of the first deepfakes code (2017): rotation, zoom, shift and flip as there.
ORIGINAL = Preset(
    name="original", size=64, batch_size=64, minutes=60, learning_rate=5e-5, beta_1=0.5, beta_2=0.999,
    schedule=False, clip_norm=None, average=False, loss="mae", rotation=10, zoom=0.05, shift=0.05, flip=True,
    warp=0.03, warp_full_until=2.0, warp_gone_at=3.0, code_noise=0.0,
)  # fmt: skip

PRESETS = {preset.name: preset for preset in (LITE, ORIGINAL)}


def choose(name: str, has_gpu: bool) -> Preset:
    """The preset of a name; "auto" is `original` where there is a GPU and `lite` where there is none."""
    if name == "auto":
        name = "original" if has_gpu else "lite"
    if name not in PRESETS:
        raise FaceitError(f"No preset '{name}'; there are {', '.join(PRESETS)}.")
    return PRESETS[name]


def to_json(preset: Preset) -> dict:
    return asdict(preset)


def from_json(values: dict) -> Preset:
    """A preset as saved with a model. WeightsError when it is not one that this version can build."""
    try:
        preset = Preset(**values)
    except TypeError:
        raise WeightsError("the model's settings are not of this version of faceit: update faceit.") from None
    known = PRESETS.get(preset.name) if isinstance(preset.name, str) else None
    if known is None:
        raise WeightsError(f"the model's preset {preset.name!r} is not known here: update faceit.")
    for key, value in asdict(known).items():
        if not _alike(key, values[key], value):
            raise WeightsError(f"the model's setting {key} is {values[key]!r:.60}: the file is damaged.")
    return preset


def _alike(key: str, given, known) -> bool:
    """Whether a setting from a file can stand where this version has ``known``."""
    if key in ("name", "size", "loss"):
        return type(given) is type(known) and given == known
    if isinstance(known, bool):
        return isinstance(given, bool)
    if key == "clip_norm" and given is None:
        return True
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    if isinstance(known, int):
        return isinstance(given, int) and given >= 1
    return abs(given) < 1e9  # not infinite, not NaN
