"""Try out what this room stands on, for the doctor: ffmpeg with its encoders, yt-dlp with its JavaScript.

ffmpeg is run as the rest of the room runs it, with a time limit: a program that answers may still not encode.
"""

import importlib.metadata
import os
import re
import subprocess
import tempfile
from pathlib import Path

from faceit.errors import MediaError
from faceit.media.fetch import JS_RUNTIMES
from faceit.media.ffmpeg import last_line

NEEDED = ("libx264", "aac")  # what videos are written with
HARDWARE = ("nvenc", "videotoolbox", "qsv", "vaapi", "amf")
SIDE, FRAMES, RATE = 64, 5, 25  # of the pictures that are encoded for a try
SOUND_RATE = 44100
TIME_LIMIT_S = 20.0


def ffmpeg_version(exe: str) -> str:
    """What it calls its version, "7.1" for instance. MediaError when it does not answer like ffmpeg."""
    said = _run(exe, ["-version"]).decode("utf-8", errors="replace")
    found = re.match(r"ffmpeg version (\S+)", said)
    if found is None:
        first = next((line.strip() for line in said.splitlines() if line.strip()), "")
        raise MediaError(f"{exe} does not answer like ffmpeg (it says {first[:60]!r})")
    return found[1]


def ffmpeg_encoders(exe: str) -> set[str]:
    """The names of its encoders: "libx264", "h264_nvenc" ..."""
    said = _run(exe, ["-encoders"]).decode("utf-8", errors="replace")
    return set(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", said, re.MULTILINE))


def hardware_encoders(encoders: set[str]) -> list[str]:
    """Those that encode H.264 on a graphics card; whether there is one, only a run tells."""
    return sorted(name for name in encoders if name.startswith("h264_") and name.endswith(HARDWARE))


def try_ffmpeg(exe: str) -> None:
    """Encode five small pictures with sound to an mp4, and read them back. MediaError when that fails."""
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


def _run(exe: str, words: list[str], fed: bytes | None = None) -> bytes:
    """What it prints. MediaError, without an end, when it cannot be started, fails or does not come to its end."""
    command = [exe, "-hide_banner", "-loglevel", "error", *words]
    given = {"stdin": subprocess.DEVNULL} if fed is None else {"input": fed}
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIME_LIMIT_S, check=False, **given)
    except OSError as e:
        raise MediaError(f"{exe} cannot be started ({e.strerror or e})") from e
    except subprocess.TimeoutExpired:
        raise MediaError(f"{exe} did not end within {TIME_LIMIT_S:g} s") from None
    if done.returncode != 0:
        said = last_line(done.stderr).rstrip(".") or "no message"
        how = f"was killed by signal {-done.returncode}" if done.returncode < 0 else f"failed, code {done.returncode}"
        raise MediaError(f"{exe} {how} ({said[:160]})")
    return done.stdout


def downloads() -> dict:
    """What yt-dlp would solve YouTube's challenges with, found as it finds it itself.

    "runtimes" and "too_old" are lists of "deno 2.9.8" and the like, best first; "scripts" is the version of yt-dlp-ejs
    (None without), "wanted" the one that this yt-dlp asks for.
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
