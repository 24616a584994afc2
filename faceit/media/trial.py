"""For doctor: trials of what media needs: reading and writing a video, ffmpeg with its encoders, yt-dlp with its
JavaScript.

ffmpeg really encodes, with a time limit, since a program that prints its version may still fail to encode.
"""

import importlib.metadata
import os
import re
import subprocess
import tempfile
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceit.errors import MediaError
from faceit.media.fetch import fetch
from faceit.media.fetch_ytdlp import JS_RUNTIMES
from faceit.media.ffmpeg import last_line
from faceit.trying import trying

NEEDED = ("libx264", "aac")  # what videos are written with
HARDWARE = ("nvenc", "videotoolbox", "qsv", "vaapi", "amf")
SIDE, FRAMES, RATE, GREY = 64, 5, 25, 120  # of the pictures encoded in a trial
SOUND_RATE = 44100
TIME_LIMIT_S = 20.0
NEAR_LEVELS = 24.0  # largest mean difference that encoding a smooth picture can cause


def ffmpeg_version(exe: str) -> str:
    """ffmpeg's version, for instance "7.1". MediaError if the program is not ffmpeg."""
    output = _run(exe, ["-version"]).decode("utf-8", errors="replace")
    found = re.match(r"ffmpeg version (\S+)", output)
    if found is None:
        first = next((line.strip() for line in output.splitlines() if line.strip()), "")
        raise MediaError(f"{exe} does not answer like ffmpeg (it prints {first[:60]!r})")
    return found[1]


def ffmpeg_encoders(exe: str) -> set[str]:
    """The names of ffmpeg's encoders: "libx264", "h264_nvenc" ..."""
    output = _run(exe, ["-encoders"]).decode("utf-8", errors="replace")
    return set(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", output, re.MULTILINE))


def hardware_encoders(encoders: set[str]) -> list[str]:
    """Those that encode H.264 on a graphics card; whether there is one is only known by running them."""
    return sorted(name for name in encoders if name.startswith("h264_") and name.endswith(HARDWARE))


def try_ffmpeg(exe: str) -> None:
    """Encode five small pictures with sound to an mp4, and read them back. MediaError if that fails."""
    picture = SIDE * SIDE * 3
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        sound, out = Path(folder) / "sound.raw", Path(folder) / "out.mp4"
        sound.write_bytes(bytes(2 * SOUND_RATE * FRAMES // RATE))
        pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIDE}x{SIDE}", "-framerate", str(RATE)]
        _run(exe, [
            *pictures, "-i", "pipe:", "-f", "s16le", "-ar", str(SOUND_RATE), "-i", str(sound), "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-c:a", "aac", "-f", "mp4", str(out),
        ], os.urandom(FRAMES * picture))  # fmt: skip
        if not out.is_file():
            raise MediaError(f"{exe} wrote nothing")
        back = _run(exe, ["-i", str(out), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:"])
    if len(back) != FRAMES * picture:
        raise MediaError(f"{exe} encoded {FRAMES} pictures, and {len(back) / picture:g} came back")


def _run(exe: str, words: list[str], data: bytes | None = None) -> bytes:
    """What ffmpeg prints. MediaError, without a full stop, if it cannot be started, fails or does not finish."""
    command = [exe, "-hide_banner", "-loglevel", "error", *words]
    stdin: dict[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIME_LIMIT_S, check=False, **stdin)
    except OSError as e:
        raise MediaError(f"{exe} cannot be started ({e.strerror or e})") from e
    except subprocess.TimeoutExpired:
        raise MediaError(f"{exe} did not end within {TIME_LIMIT_S:g} s") from None
    if done.returncode != 0:
        reason = last_line(done.stderr).rstrip(".") or "no message"
        how = f"was killed by signal {-done.returncode}" if done.returncode < 0 else f"failed, code {done.returncode}"
        raise MediaError(f"{exe} {how} ({reason[:160]})")
    return done.stdout


def try_videos() -> dict:
    """Process five small pictures with sound like every video: write, open, read, join, put side by side,
    serve on a local server and download. Returns {}; raises whatever a failing library raises.
    """
    import numpy as np  # imported here, since doctor's own process tries ffmpeg, and a broken NumPy must not stop it

    from faceit.media.join import join
    from faceit.media.provenance import Label
    from faceit.media.side_by_side import side_by_side

    picture = np.full((2 * SIDE, 2 * SIDE, 3), GREY, np.uint8)
    trying("PIL", "write on a picture")
    Label(2 * SIDE, 2 * SIDE).stamp(picture)
    with tempfile.TemporaryDirectory(prefix="faceit-") as name:
        folder = Path(name)
        silent, with_sound = _try_writing(folder, picture)
        _try_reading(with_sound, picture)
        trying("av", "join two videos")
        _expect(join([silent, silent], folder / "joined.mp4", Fraction(RATE)) == 2 * FRAMES, "pictures are missing")
        trying("moviepy", "put two videos side by side")
        side_by_side(silent, with_sound, folder / "both.mp4", sound_from=with_sound, preset="ultrafast")
        _try_downloading(with_sound)
    return {}


def _try_writing(folder: Path, picture) -> tuple[Path, Path]:
    """Two videos of the picture, without sound and with it."""
    from faceit.media.container import open_to_read
    from faceit.media.probe import probe
    from faceit.media.writer import VideoWriter

    height, width = picture.shape[:2]
    silence = folder / "silence.wav"
    with wave.open(str(silence), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SOUND_RATE)
        sound.writeframes(bytes(2 * SOUND_RATE * FRAMES // RATE))
    trying("av", "open a file")
    with open_to_read(silence) as container:
        _expect(len(container.streams.audio) == 1, "it finds no sound in a sound file")
    trying("ffmpeg", "write a video")
    silent = _written(VideoWriter(folder / "silent.mp4", width, height, RATE), picture)
    trying("av", "look into a video")
    _expect(probe(silent).width == width, "it reads another width than the video has")
    trying("ffmpeg", "write a video with its sound")
    with_sound = _written(VideoWriter(folder / "heard.mp4", width, height, RATE, sound_from=silence), picture)
    trying("av", "find the sound of a video")
    _expect(probe(with_sound).has_sound, "it finds none")
    return silent, with_sound


def _try_reading(video: Path, picture) -> None:
    import numpy as np

    from faceit.media.video import read_frames

    trying("ffmpeg", "read a video")
    frames = [frame for _, frame in read_frames(video)]
    _expect(len(frames) == FRAMES, f"{FRAMES} pictures were written, and {len(frames)} came back")
    differs = np.abs(frames[0].astype(float) - picture).mean()
    _expect(differs < NEAR_LEVELS, "other pictures came back than were written")


def _try_downloading(video: Path) -> None:
    from faceit.media.server import serve_folder

    trying("yt_dlp", "download a video from a server on this machine")
    os.environ["NO_PROXY"] = "*"
    with serve_folder(video.parent) as address:
        downloaded = fetch(f"{address}/{video.name}", video.with_name("loaded"))
    _expect(downloaded.read_bytes() == video.read_bytes(), "another file arrived than was served")


def _written(writer, picture) -> Path:
    with writer:
        for _ in range(FRAMES):
            writer.write(picture)
    return writer.path


def _expect(condition: bool, problem: str) -> None:
    if not condition:
        raise MediaError(problem)


def downloads() -> dict:
    """What yt-dlp would use to solve YouTube's challenges, found in the same way.

    "runtimes" and "too_old" are lists like ["deno 2.9.8"], best first; "scripts" is the version of yt-dlp-ejs
    (None if missing), "wanted" the one that this yt-dlp requires.
    """
    import yt_dlp
    from yt_dlp.dependencies import yt_dlp_ejs
    from yt_dlp.globals import supported_js_runtimes

    found = [supported_js_runtimes.value[name]().info for name in JS_RUNTIMES]
    found = [info for info in found if info is not None]
    return {
        "version": yt_dlp.version.__version__,
        "runtimes": [f"{info.name} {info.version}" for info in found if info.supported],
        "too_old": [f"{info.name} {info.version}" for info in found if not info.supported],
        "scripts": getattr(yt_dlp_ejs, "version", None),
        "wanted": next(
            (m[1] for r in importlib.metadata.requires("yt-dlp") or () if (m := re.match(r"yt-dlp-ejs==([\d.]+)", r))),
            None,
        ),
    }
