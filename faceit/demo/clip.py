"""A clip with sound of a talking portrait, for the demo and the tests, instead of a real video."""

import tempfile
from pathlib import Path

import numpy as np

from faceit.demo.performance import performance
from faceit.demo.talking_head import TalkingHead
from faceit.demo.voice import speech, write_wav


def make_clip(
    portrait: np.ndarray,
    landmarks: np.ndarray,
    out: Path,
    *,
    seconds: float,
    fps: float = 25,
    size: tuple[int, int] = (480, 480),
    seed: int = 0,
    pitch: float = 200.0,
) -> Path:
    """Write an mp4 (h264, bt709, with sound) of the portrait talking; the same seed gives the same pixels and sound.

    ``portrait`` (h, w, 3) uint8 RGB, ``landmarks`` (68, 2) in its pixels, ``size`` (width, height) even, ``pitch`` of
    the voice in Hz. The file is complete or absent. Returns ``out``; raises MediaError if ffmpeg fails.
    """
    from faceit.media.writer import VideoWriter

    poses = performance(seconds, fps, seed)
    speaker = TalkingHead(portrait, landmarks, size)
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        voice = Path(folder) / "voice.wav"
        write_wav(voice, speech(poses, fps, pitch, seed))
        with VideoWriter(out, *size, fps, sound_from=voice, preset="veryfast") as video:
            for pose in poses:
                video.write(speaker.frame(pose))
    return Path(out)
