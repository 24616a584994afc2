"""Videos as pictures: a GIF or an animated WebP, or a folder with one picture per frame."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from faceit.errors import MediaError
from faceit.files import new_folder, replacing
from faceit.images import write_image
from faceit.media import process
from faceit.media.probe import probe
from faceit.media.video import read_frames
from faceit.picture_files import comment_of, commented

FASTEST_GIF = 34  # frames/s; GIF's clock counts hundredths, and browsers slow down frames shorter than two of them
WEBP_QUALITY = 80
NUMBERED = re.compile(r"[0-9]{6,}\.(png|jpg)")


def write_moving(video: Path, out: Path, comment: str) -> None:
    """Write the pictures of a short video as ``out``, a .gif or .webp that loops, with a metadata comment. The file is
    complete or unchanged. MediaError if ffmpeg fails."""
    with replacing(out, error=MediaError) as part:
        if out.suffix.lower() == ".gif":
            problem = _gif(video, part)
        else:
            problem = _run(video, part, lambda picture: picture, "webp", vcodec="libwebp_anim", quality=WEBP_QUALITY,
                           loop=0)  # fmt: skip
        if problem is not None:
            raise process.unwritten(out, problem)
        part.write_bytes(commented(part.read_bytes(), comment))
        if comment_of(part) != comment:
            raise MediaError(f"{out} cannot be written: its note cannot be stored in it.")


def _gif(video: Path, out: Path) -> str | None:
    """Write a GIF in two runs: to compute the palette in the same run, ffmpeg would keep all pictures in memory. The
    reason if ffmpeg fails."""
    import ffmpeg

    fps = probe(video).fps
    rate = str(fps if fps <= FASTEST_GIF else fps / -(-fps // FASTEST_GIF))
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        palette = Path(folder) / "palette.png"
        problem = _run(video, palette,
                       lambda picture: picture.filter("fps", rate).filter("palettegen", stats_mode="diff"),
                       "image2", update=1)  # fmt: skip
        colours = ffmpeg.input(process.file_name(palette))
        return problem or _run(video, out, lambda picture: ffmpeg.filter([picture.filter("fps", rate), colours],
                                                                         "paletteuse", diff_mode="rectangle"),
                               "gif", loop=0)  # fmt: skip


def _run(video: Path, out: Path, changed: Callable, muxer: str, **options) -> str | None:
    import ffmpeg

    pictures = changed(ffmpeg.input(process.file_name(video)).video)
    return process.problem(process.command(pictures.output(process.file_name(out), format=muxer, **options)))


def is_sequence(folder: Path) -> bool:
    """Whether a folder is empty or contains only pictures of a video."""
    return folder.is_dir() and all(NUMBERED.fullmatch(path.name) for path in folder.iterdir())


def check_sequence(folder: Path) -> None:
    """MediaError if a folder contains anything but pictures of a video, since the whole folder is replaced."""
    if folder.exists() and not is_sequence(folder):
        raise MediaError(f"{folder} holds other files than pictures of a video: name another folder with --output.")


def write_sequence(video: Path, folder: Path, kind: str, comment: str, on_frame: Callable[[int], None]) -> int:
    """Write each picture of a video to ``folder`` as 000001.png (or .jpg, by ``kind``) and so on, each with the
    comment; returns how many. The folder is complete or unchanged. ``on_frame(count)`` is called after each. MediaError
    if the folder contains anything else."""
    check_sequence(folder)
    count = 0
    with new_folder(folder, MediaError) as part:
        with contextlib.closing(read_frames(video)) as frames:
            for count, (_, frame) in enumerate(frames, 1):
                write_image(part / f"{count:06d}.{kind}", frame, comment=comment)
                on_frame(count)
        if folder.is_dir():
            shutil.rmtree(folder)
    return count
