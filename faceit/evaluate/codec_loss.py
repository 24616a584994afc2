"""What the encoder alone does to frames, without any swap: the floor of the background's figures."""

import contextlib
import tempfile
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import numpy as np

from faceit.config.settings import ConvertSettings
from faceit.errors import MediaError
from faceit.evaluate.video_meter import ConvertedVideo
from faceit.measure import pixels
from faceit.media.formats import Encoding, encoding_of
from faceit.media.probe import VideoInfo, probe
from faceit.media.video import read_frames, read_planes
from faceit.media.writer import VideoWriter

RUNS, FRAMES = 4, 12  # short runs of frames in all, and frames in each


def codec_psnr(videos: list[ConvertedVideo]) -> float | None:
    """PSNR in dB of untouched driving frames after the same encoder, in short runs spread over the videos."""
    squared = []
    runs = max(1, RUNS // max(1, len(videos)))
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        for video in videos[:: max(1, len(videos) // RUNS)]:
            info, encoding = probe(video.file), _encoding(video.settings)
            path, length = Path(folder) / f"codec{encoding.part}", info.duration
            if video.end is not None:
                length = min(length, video.end - (video.start or 0.0))
            for i in range(runs):
                begin = (video.start or 0.0) + length * i / runs
                squared += _squared_differences(video, begin, info, encoding, path)
    return pixels.psnr(float(np.mean(squared))) if squared else None


def _squared_differences(
    video: ConvertedVideo, begin: float, info: VideoInfo, encoding: Encoding, path: Path
) -> list[float]:
    """Mean squared difference of each frame of a run that begins at ``begin`` (seconds of the source) and is encoded to
    ``path``. ``info`` describes the converted video."""
    span: dict = {"start": begin, "end": video.end, "height": video.settings.height}
    with contextlib.closing(read_frames(video.source, **span)) as frames:
        originals = [frame for _, frame in islice(frames, FRAMES)]
    if not originals:
        return []
    with (VideoWriter(path, info.width, info.height, info.fps, planes=True, **asdict(encoding)) as writer,
          contextlib.closing(read_planes(video.source, **span)) as planes):  # fmt: skip
        for _, frame in islice(planes, FRAMES):
            writer.write(frame)
    nothing = np.zeros((info.height, info.width), bool)
    return [pixels.background_difference(original, encoded, nothing)[1]
            for original, (_, encoded) in zip(originals, read_frames(path), strict=False)]  # fmt: skip


def _encoding(settings: ConvertSettings) -> Encoding:
    codec = "h264" if settings.codec == "auto" else settings.codec
    try:
        return encoding_of(codec, settings)
    except MediaError:  # the video was made on another machine
        return encoding_of(codec, replace(settings, encoder="software"))
