"""Clips where a white flash and a beep come together once a second, and the measuring of how far apart they are."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np

from faceit.media.ffmpeg import ffmpeg_exe

SECONDS = 5
LATE_VIDEO, LATE_SOUND = 0.87, 1.18

_FLASH = "lt(mod(t+0.001,1),0.12)*gt(t,0.5)"  # at 1, 2, 3 and 4 s; the millisecond is for 29.97
_BEEP = "0.8*sin(2*PI*1000*t)*lt(mod(t,1),0.1)*gt(t,0.5)"

# kind: (suffix, rate, picture filter, sound filter, codecs)
_AAC = ("-c:v", "libx264", "-c:a", "aac")
_MPEG = ("-c:v", "mpeg2video", "-c:a", "mp2")
KINDS = {
    "constant": (".mp4", "25", None, None, _AAC),
    "ntsc": (".mp4", "30000/1001", None, None, _AAC),
    # 30 a second, then 10 a second between the flashes
    "variable": (".mp4", "30", f"select='lt(t,2)+{_FLASH}+not(mod(n,3))'", None, _AAC),
    "late_video": (".mp4", "25", f"select='gte(t,{LATE_VIDEO})'", None, _AAC),
    "late_sound": (".mp4", "25", None, f"atrim=start={LATE_SOUND}", _AAC),
    "ts_late_video": (".ts", "25", f"select='gte(t,{LATE_VIDEO})'", None, _AAC),
    "ts_late_sound": (".ts", "25", None, f"atrim=start={LATE_SOUND}", _AAC),
    "mpg": (".mpg", "25", None, None, _MPEG),
    "mkv_opus": (".mkv", "25", None, None, ("-c:v", "libx264", "-c:a", "libopus")),
    "mov_pcm": (".mov", "25", None, None, ("-c:v", "libx264", "-c:a", "pcm_s16le")),
    "pcm_late_sound": (".mkv", "25", None, f"atrim=start={LATE_SOUND}", ("-c:v", "libx264", "-c:a", "pcm_s16le")),
}


def run_ffmpeg(*arguments) -> None:
    """Run ffmpeg quietly; its words are the exception's."""
    command = [ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def make_flash_beep(folder: Path, kind: str = "constant", portrait: Path | None = None) -> Path:
    """Make the clip ``kind`` (see KINDS) in ``folder``, 160x120 and 5 s long, and return its path.

    With a ``portrait`` the clip is 320x240 and shows it between the flashes.
    """
    suffix, rate, picture_filter, sound_filter, codecs = KINDS[kind]
    flash = f"drawbox=c=white:t=fill:enable='{_FLASH}'"
    picture = f"color=c=black:s=160x120:r={rate}:d={SECONDS},{flash}"
    if portrait is not None:
        picture = f"[0:v]scale=240:240,pad=320:240:0:0:black,fps={rate},trim=duration={SECONDS},{flash}"
    sound = f"aevalsrc='{_BEEP}':s=44100:d={SECONDS}"
    if kind == "mkv_opus":
        sound = sound.replace("44100", "48000")
    filters = [
        f"{picture}{',' + picture_filter if picture_filter else ''}[v]",
        f"{sound}{',' + sound_filter if sound_filter else ''}[a]",
    ]
    path = folder / f"{kind}{suffix}"
    still = [] if portrait is None else ["-loop", "1", "-framerate", rate, "-i", portrait]
    run_ffmpeg(
        *still, "-filter_complex", ";".join(filters), "-map", "[v]", "-map", "[a]",
        "-pix_fmt", "yuv420p", *codecs, path,
    )  # fmt: skip
    return path


def flashes_and_beeps(path: Path, side: int | None = None) -> tuple[list[float], list[float]]:
    """When flashes and beeps begin, in seconds on the file's own clock (edit lists and late starts included). With
    ``side`` the flashes are in the square of so many pixels at the top left."""
    import av

    bright, loud = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            shown = frame.to_ndarray(format="gray")[:side, :side]
            bright.append((float(frame.pts * frame.time_base), shown.mean() > 128))
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return _onsets(bright, 0.0), []
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()
            level = np.abs(samples.astype(np.float64)).reshape(-1, frame.samples * _interleaved(frame)).max(axis=0)
            level = level[:: _interleaved(frame)] / (32768 if samples.dtype == np.int16 else 1)
            if frame.pts is None:  # the last of a file, in some formats
                continue
            begin = frame.pts * frame.time_base
            loud += [(float(begin + Fraction(int(n), frame.rate)), True) for n in np.flatnonzero(level > 0.2)]
    return _onsets(bright, 0.0), _onsets(loud, 0.3)


def offsets(path: Path) -> list[float]:
    """For each flash with a beep within half a second: by how many seconds the picture is later than the sound."""
    flashes, beeps = flashes_and_beeps(path)
    pairs = [(flash, min(beeps, key=lambda beep, flash=flash: abs(beep - flash))) for flash in flashes if beeps]
    return [flash - beep for flash, beep in pairs if abs(flash - beep) < 0.5]


def _interleaved(frame) -> int:
    return 1 if frame.format.is_planar else frame.layout.nb_channels


def _onsets(states: list[tuple[float, bool]], silence: float) -> list[float]:
    """When it begins: the first True after a False, or after ``silence`` seconds without any."""
    found, last = [], None
    for time, on in states:
        if on and (last is None or (silence and time - last > silence)):
            found.append(time)
        if on:
            last = time
        elif not silence:
            last = None
    return found
