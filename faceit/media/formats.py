"""Output formats: codecs, their encoders, and the containers that hold them."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from faceit.config.setting import settings_of
from faceit.config.settings import ConvertSettings
from faceit.errors import FaceitError, MediaError
from faceit.media import process

SPEEDS = settings_of(ConvertSettings)["preset"].choices  # x264's names, the fastest first
NVENC_SPEEDS = ("p1", "p1", "p2", "p3", "p3", "p4", "p5", "p6", "p7")
HARDWARE = ("nvenc", "qsv", "amf", "videotoolbox", "vaapi")  # ffmpeg's names of hardware encoders, tried in this order
VAAPI_DEVICE = "/dev/dri/renderD128"
TRIAL_SIZE = 256  # pixels; some chips accept nothing smaller


@dataclass(frozen=True)
class Codec:
    """``software`` is ffmpeg's software encoder, ``family`` the prefix of its hardware encoders. Encoders take the
    pixel format ``pixels``; parts of a video are stored as ``part`` files."""

    software: str
    family: str | None
    pixels: str
    part: str


CODECS = {
    "h264": Codec("libx264", "h264", "yuv420p", ".mp4"),
    "h265": Codec("libx265", "hevc", "yuv420p", ".mp4"),
    "vp9": Codec("libvpx-vp9", "vp9", "yuv420p", ".mp4"),
    "prores": Codec("prores_ks", None, "yuv422p10le", ".mov"),
    "ffv1": Codec("ffv1", None, "yuv420p", ".mkv"),
}


@dataclass(frozen=True)
class Encoding:
    """How pictures are encoded: a key of ``CODECS``; "software" or one of ``HARDWARE``; the encoder's own quality
    number; x264's name of the speed, translated for other encoders. ``alpha``: with opacity, for ProRes."""

    codec: str = "h264"
    encoder: str = "software"
    crf: int = 18
    preset: str = "medium"
    alpha: bool = False

    @property
    def part(self) -> str:
        return CODECS[self.codec].part

    @property
    def pixels(self) -> str:
        return "yuva444p10le" if self.alpha else CODECS[self.codec].pixels

    @property
    def program(self) -> str:
        """ffmpeg's name of the encoder."""
        codec = CODECS[self.codec]
        return codec.software if self.encoder == "software" else f"{codec.family}_{self.encoder}"

    def options(self) -> dict:
        """ffmpeg's options for the output."""
        options = {"vcodec": self.program, **self._quality()}
        if self.codec == "h265":
            options["tag:v"] = "hvc1"  # Apple's players require it
        if self.encoder != "vaapi":
            options["pix_fmt"] = self.pixels
        return options

    def _quality(self) -> dict:
        speed = SPEEDS.index(self.preset)
        match self.program:
            case "libx264":
                return {"crf": self.crf, "preset": self.preset}
            case "libx265":
                return {"crf": self.crf, "preset": self.preset, "x265-params": "log-level=error"}
            case "libvpx-vp9":
                quick = {"deadline": "realtime"} if speed < 3 else {"deadline": "good"}
                return {"crf": self.crf, "b:v": 0, "cpu-used": len(SPEEDS) - 1 - speed, "row-mt": 1, **quick}
            case "prores_ks":
                return {"profile:v": "4444" if self.alpha else "hq", "vendor": "apl0"}
            case "ffv1":
                return {"level": 3, "g": 1, "slices": 4, "slicecrc": 1}
        match self.encoder:
            case "nvenc":
                return {"rc": "vbr", "cq": self.crf, "b:v": 0, "preset": NVENC_SPEEDS[speed]}
            case "qsv":
                return {"global_quality": self.crf, "preset": SPEEDS[max(speed, SPEEDS.index("veryfast"))]}
            case "amf":
                quality = "speed" if speed < 4 else "balanced" if speed < 6 else "quality"
                return {"rc": "cqp", "qp_i": self.crf, "qp_p": self.crf, "quality": quality}
            case "videotoolbox":
                return {"q:v": max(1, 100 - 2 * self.crf)}  # 1 to 100, higher is better
            case _:
                return {"rc_mode": "CQP", "qp": self.crf}

    def before(self) -> list[str]:
        """ffmpeg's options that come before all others."""
        return ["-vaapi_device", VAAPI_DEVICE] if self.encoder == "vaapi" else []

    def filtered(self, pictures):
        """The pictures as the encoder needs them, as ffmpeg-python's stream."""
        return pictures.filter("format", "nv12").filter("hwupload") if self.encoder == "vaapi" else pictures


@dataclass(frozen=True)
class Container:
    """A kind of file: ffmpeg's ``muxer``; the ``codecs`` that it may hold, the default first; which sound and subtitle
    codecs are copied into it, and the encoder for others."""

    muxer: str
    codecs: tuple[str, ...]
    sounds: frozenset[str]
    sound: str  # encoder; ``layouts`` are the channel layouts that it supports, "" for all
    texts: frozenset[str]
    text: str
    options: dict = field(default_factory=dict)
    layouts: str = ""


_AT_THE_FRONT = {"movflags": "+faststart"}  # the index at the front, for the web
_WEB_SOUNDS = frozenset({"opus", "vorbis"})
_APPLE_SOUNDS = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_PLAIN_SOUNDS = frozenset({"pcm_s16le", "pcm_s24le"})
CONTAINERS = {  # what they may hold and common players can play
    ".mp4": Container("mp4", ("h264", "h265", "vp9"), _APPLE_SOUNDS | {"opus"}, "aac", frozenset({"mov_text"}),
                      "mov_text", _AT_THE_FRONT),
    ".mov": Container("mov", ("h264", "h265", "prores"), _APPLE_SOUNDS | _PLAIN_SOUNDS, "aac", frozenset({"mov_text"}),
                      "mov_text", _AT_THE_FRONT),
    ".mkv": Container("matroska", ("h264", "h265", "vp9", "prores", "ffv1"),
                      _APPLE_SOUNDS | _WEB_SOUNDS | _PLAIN_SOUNDS | {"flac", "dts", "truehd"}, "aac",
                      frozenset({"subrip", "ass", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle"}), "subrip"),
    ".webm": Container("webm", ("vp9",), _WEB_SOUNDS, "libopus", frozenset({"webvtt"}), "webvtt",
                       layouts="7.1|6.1|5.1|5.0|quad|3.0|stereo|mono"),
}  # fmt: skip
ENDINGS = {"h264": ".mp4", "h265": ".mp4", "vp9": ".webm", "prores": ".mov", "ffv1": ".mkv"}  # the usual ones
MOVING = (".gif", ".webp")  # animated pictures: short and without sound
SEQUENCES = ("png", "jpg")  # folders of pictures
LONGEST_MOVING = 60.0  # seconds


@dataclass(frozen=True)
class Target:
    """The kind of a result: its name's ``ending``, "" for a folder of ``pictures``, and the codec of its parts."""

    ending: str
    codec: str
    pictures: str | None = None

    @property
    def is_video(self) -> bool:
        return self.ending in CONTAINERS


def target(form: str, codec: str, output: Path | None = None) -> Target:
    """What to write, from the settings ``format`` and ``codec``, each of which may be "auto", and the requested name.
    FaceitError if these contradict one another."""
    ending = "" if form == "auto" else f".{form}"
    suffix = output.suffix.lower() if output is not None else ""
    if form in SEQUENCES:
        if suffix:
            raise FaceitError(f"{output}: pictures of a video go into a folder; give a name without an ending.")
        return _lossless(codec, form, Target("", "ffv1", form))
    if suffix and ending and suffix != ending:
        raise FaceitError(f"{output} should be {form} (format) but ends in {suffix}: name it {ending}, or use --format "
                          "auto.")  # fmt: skip
    ending = suffix or ending or ENDINGS.get(codec, ".mp4")
    if ending in MOVING:
        return _lossless(codec, ending[1:], Target(ending, "ffv1"))
    if ending[1:] in SEQUENCES:
        raise FaceitError(f"{output}: for a folder of pictures add --format {ending[1:]} and leave the ending out.")
    if ending not in CONTAINERS:
        known = ", ".join([*CONTAINERS, *MOVING])
        raise FaceitError(f"{output}: videos are written as {known}; give a name that ends so.")
    codecs = CONTAINERS[ending].codecs
    if codec != "auto" and codec not in codecs:
        raise FaceitError(f"{ending} files cannot hold {codec}: use {', '.join(codecs)}, or {ENDINGS[codec]}.")
    return Target(ending, codecs[0] if codec == "auto" else codec)


def _lossless(codec: str, what: str, target: Target) -> Target:
    if codec != "auto":
        raise FaceitError(f"{what} has no choice of codec: use --codec auto.")
    return target


def encoding_of(codec: str, settings: ConvertSettings) -> Encoding:
    """The encoding from the settings ``encoder``, ``crf`` and ``preset``: with the named encoder, or for "auto" the
    first hardware encoder that works here, otherwise software. MediaError if a named one does not work."""
    encoding = Encoding(codec, settings.encoder, settings.crf, settings.preset)
    return replace(encoding, encoder=_working(encoding))


def _working(encoding: Encoding) -> str:
    if encoding.encoder == "software":
        return "software"
    family = CODECS[encoding.codec].family
    names = HARDWARE if encoding.encoder == "auto" else (encoding.encoder,)
    problem: str | None = f"{encoding.codec} is encoded in software only"
    for name in names if family else ():
        problem = _trial(replace(encoding, encoder=name))
        if problem is None:
            return name
    if encoding.encoder == "auto":
        return "software"
    raise MediaError(f"The encoder {encoding.encoder} does not work here: {problem}. Use --encoder auto.")


def _trial(encoding: Encoding) -> str | None:
    """Encode a few black frames; returns why that fails, None if it works."""
    import ffmpeg

    black = ffmpeg.input(f"color=black:s={TRIAL_SIZE}x{TRIAL_SIZE}:d=0.2", format="lavfi").filter("format", "yuv420p")
    output = encoding.filtered(black).output("pipe:", format="null", **encoding.options())
    return process.problem(process.command(output, encoding.before()))
