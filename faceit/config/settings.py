"""The settings that the YAML and the command line share, with their defaults, each in one place.

A setting is a dataclass field; its type says what YAML may give. ``check`` turns plain YAML values into one.
"""

import dataclasses
import difflib
import types
import typing
from dataclasses import dataclass

from faceit.errors import ConfigError


@dataclass(frozen=True)
class PreprocessSettings:
    """How faces are fetched and picked."""

    height: int = 1080  # pixels; the tallest picture that is downloaded
    fps: float = 20.0  # frames looked at per second of video
    detector: str = "yunet"  # yunet | hog | cnn | mtcnn
    tolerance: float = 0.6  # dlib's published threshold; lower is stricter
    size: int = 384  # pixels of the aligned pictures on disk
    align: str = "face"  # face | wholeface: how much of the head the network sees
    min_face: int = 48  # pixels; smaller boxes are not worth training on
    cookies: str | None = None  # a Netscape cookies file for yt-dlp
    cookies_from_browser: str | None = None  # firefox, chrome ...
    downloads: int = 3  # at a time
    workers: int | None = None  # processes that look for faces; None: one a core, at most 8
    held_out: float = 0.1  # of each video's length: its end never trains, so that a swap can be measured on it


@dataclass(frozen=True)
class CurateSettings:
    """Which of the faces found are worth training on."""

    enabled: bool = True  # false: every face of the person trains
    most: int = 4000  # faces a person; 0: all that pass
    pixels: int = 48  # side of the face crop in the video; less says next to nothing of how somebody looks
    sharpness: float = 0.65  # of the person's median: what is less sharp is blurred; 0: nothing is
    spread: float = 0.028  # of the landmarks, in eye distances: more is misaligned; 0: nothing is, nor covered
    twins: bool = True  # whether faces that are nearly the same as another are left out


@dataclass(frozen=True)
class ModelSettings:
    """Which network."""

    preset: str = "auto"  # auto (gpu where there is a GPU, else cpu) | cpu | gpu | original
    size: int | None = None  # pixels of the face crop; None: the preset's


@dataclass(frozen=True)
class TrainSettings:
    """How long and how."""

    minutes: float | None = None  # training time in all, over every resumed run; None: the preset's
    iterations: int | None = None  # steps in all, instead of minutes; 0: the first swap, which needs none
    until: str = "end"  # end | plateau: where the loss on held-out faces stands still; minutes, iterations limit it
    batch_size: int | None = None  # faces per side and step; None: the preset's
    seed: int = 1
    save_seconds: float = 45.0  # between checkpoints: the most that a kill can lose
    preview_seconds: float = 30.0  # between refreshed preview pictures
    snapshots: int = 0  # whole states that are kept on the way, evenly over the run
    warm_start: str | None = None  # a swap whose weights the first run begins with
    timelapse: bool = True  # a small video of the faces as they were learned
    tensorboard: bool = False  # event files for TensorBoard
    loss: str | None = None  # classic | modern; these and the following: None is the preset's
    perceptual: float | None = None  # weight of the distance in VGG's features
    identity: float | None = None  # weight of the distance between SFace's embeddings
    adversarial: float | None = None  # weight of the patch discriminator
    flip: str | None = None  # whether `original` sees faces mirrored: never | always | auto


@dataclass(frozen=True)
class ConvertSettings:
    """How the face goes back into the picture."""

    color: str = "lab"  # lab | mkl | hist | none
    mask: str = "shared"  # shared (by both faces) | extended (with forehead) | hull
    feather: float = 0.08  # of the face crop's width
    erode: float = 0.0  # likewise; how much further inside the mask's edge lies, below 0: outside
    keep: str = "none"  # none | mouth | eyes | both: what stays the frame's
    occlusion: str = "none"  # none | residual | hands: what stands before the face stays there
    blend: str = "bands"  # bands | alpha | seamless
    sharpen: float = 1.0  # up to the frame's own detail, by so much of the swapped face's at the most; 0: not
    scale: float = 1.0  # of the swapped face
    fade: float = 0.15  # seconds in which a face that comes or goes within a shot does so
    max_yaw: float | None = None  # degrees; what is turned further fades out. None: as far as the person was seen
    label: bool = True  # the visible AI MODIFIED mark; see the README on who may switch it off
    format: str = "auto"  # auto (by the codec or the name) | mp4 | mov | mkv | webm | gif | webp | png | jpg
    codec: str = "auto"  # auto (as the format has it) | h264 | h265 | vp9 | prores | ffv1
    encoder: str = "software"  # software | auto (hardware where it works) | nvenc | qsv | amf | videotoolbox | vaapi
    crf: int = 18  # the encoder's quality number, 0 to 51; lower is better. prores and ffv1 have none
    preset: str = "medium"  # x264's words for the speed, and other encoders' like: ultrafast ... veryslow
    tolerance: float | None = None  # None: as in preprocess
    height: int | None = None  # pixels; None: the source's


CHOICES = {
    "detector": ("yunet", "hog", "cnn", "mtcnn"),
    "align": ("face", "wholeface"),
    "PreprocessSettings.size": (128, 192, 256, 384, 512),
    "until": ("end", "plateau"),
    "ModelSettings.preset": ("auto", "cpu", "gpu", "original"),
    "ModelSettings.size": (64, 128, 192, 256, 384, 512),
    "loss": ("classic", "modern"),
    "flip": ("never", "always", "auto"),
    "color": ("lab", "mkl", "hist", "none"),
    "mask": ("shared", "extended", "hull"),
    "keep": ("none", "mouth", "eyes", "both"),
    "blend": ("bands", "alpha", "seamless"),
    "occlusion": ("none", "residual", "hands"),
    "format": ("auto", "mp4", "mov", "mkv", "webm", "gif", "webp", "png", "jpg"),
    "codec": ("auto", "h264", "h265", "vp9", "prores", "ffv1"),
    "encoder": ("software", "auto", "nvenc", "qsv", "amf", "videotoolbox", "vaapi"),
    "ConvertSettings.preset": (
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
    ),
}  # fmt: skip
RANGES = {
    "ConvertSettings.height": (64, 8640), "height": (144, 8640), "fps": (0.1, 120), "tolerance": (0.1, 0.9),
    "min_face": (16, 2000), "downloads": (1, 8), "minutes": (0.01, 100_000), "iterations": (0, 100_000_000),
    "batch_size": (1, 4096), "save_seconds": (1, 3600), "preview_seconds": (1, 36000), "feather": (0.0, 0.3),
    "erode": (-0.1, 0.3), "sharpen": (0.0, 5.0), "scale": (0.8, 1.25), "fade": (0.0, 5.0), "max_yaw": (10, 90),
    "crf": (0, 51), "seed": (0, 2**31), "held_out": (0.0, 0.2), "workers": (1, 61), "most": (0, 1_000_000),
    "pixels": (0, 2000), "sharpness": (0.0, 1.0), "spread": (0.0, 1.0), "snapshots": (0, 1000),
    "perceptual": (0.0, 100.0), "identity": (0.0, 100.0), "adversarial": (0.0, 100.0),
}  # fmt: skip

Where = typing.Callable[[str], str]  # a key -> "faceit.yaml line 12: swaps.x.train.key"


def nearest(word: str, words) -> str:
    """'; did you mean X?' for the word nearest to a wrong one, or what there is."""
    words = [str(w) for w in words]
    close = difflib.get_close_matches(str(word), words, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(words)}" if words else ""


def shown(value) -> str:
    """A wrong value as a message shows it: its beginning."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check(kind: type, values: dict, where: Where):
    """A settings dataclass from YAML values; ConfigError names the place and the nearest right key."""
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    given = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(f"{where(key)}: unknown key{nearest(key, fields)}")
        given[key] = check_value(kind.__name__, key, value, hints[key], where)
    return kind(**given)


def check_value(owner: str, key: str, value, hint, where: Where):
    """One value against its type, choices and range."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in kinds:
        return None
    wanted = next(k for k in kinds if k is not type(None))
    value = _as(wanted, value, where(key))
    choices = CHOICES.get(f"{owner}.{key}", CHOICES.get(key) if f"{owner}.{key}" not in RANGES else None)
    if choices and value not in choices:
        raise ConfigError(f"{where(key)}: {shown(value)} is not one of {', '.join(map(str, choices))}")
    low, high = RANGES.get(f"{owner}.{key}", RANGES.get(key, (None, None)))
    if low is not None and not low <= value <= high:
        raise ConfigError(f"{where(key)}: {shown(value)} is out of range; take {low} to {high}")
    return value


def _as(wanted: type, value, place: str):
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # a whole number of 400 digits
            raise ConfigError(f"{place}: this number is too large") from None
    if isinstance(value, bool) != (wanted is bool) or not isinstance(value, wanted):
        raise ConfigError(f"{place}: expected {names[wanted]}, not {shown(value)}")
    return value


def overridden(settings, **values):
    """The settings with every value that is not None put over it (the command line over the YAML), checked."""
    values = {k: v for k, v in values.items() if v is not None}
    hints = typing.get_type_hints(type(settings))
    for key, value in values.items():
        check_value(type(settings).__name__, key, value, hints[key], lambda k: f"--{k.replace('_', '-')}")
    return dataclasses.replace(settings, **values)
