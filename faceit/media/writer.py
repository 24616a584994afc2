"""Writing videos: pictures are encoded first and then, when their length is known, muxed with sound and the rest."""

import contextlib
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import IO, cast

import numpy as np

from faceit.errors import MediaError
from faceit.files import new_file
from faceit.media import process
from faceit.media.formats import CONTAINERS, Encoding
from faceit.media.mux import check_sound, mux, picture_path
from faceit.media.probe import rate_of
from faceit.media.video import AS_BT709
from faceit.planes import Planes


class VideoWriter:
    """Write frames, with another video's sound and subtitles, to a file that is complete or absent. Use it with
    ``with``.

    The picture is tagged and converted as bt709; ``how`` are the arguments of ``formats.Encoding``, by default H.264 in
    yuv420p. All sounds and subtitles of ``sound_from`` are included, copied if the container supports their codec, with
    its chapters and metadata; a source without sound gives a file without sound. ``start`` and ``duration`` (seconds on
    the source's clock) say which part of it belongs to the frames.

    The picture determines the length: longer sound is cut at the end of the last frame (copied sound ends with the
    packet at that time, at most about 0.1 s later), shorter sound is followed by silence.

    Everything is written beside ``path`` under hidden ``.part`` names and renamed at the end; on any exception these
    are removed and ffmpeg is ended. With ``planes`` the frames are ``Planes``, passed to the encoder unconverted.

    Raises MediaError if ffmpeg fails (a full disk, for instance) or the sound cannot be included, ValueError for frames
    of a wrong shape or type.
    """

    def __init__(
        self,
        path: Path | str,
        width: int,
        height: int,
        fps: Fraction | float,
        *,
        sound_from: Path | str | None = None,
        start: float | None = None,
        duration: float | None = None,
        comment: str | None = None,
        title: str | None = None,
        planes: bool = False,
        **how,
    ):
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise ValueError(f"a video needs an even width and height, not {width}x{height}")
        self.path = Path(path)
        if self.path.suffix.lower() not in CONTAINERS:
            raise MediaError(f"{self.path}: videos are written as {', '.join(CONTAINERS)}; give a name that ends so.")
        self.width, self.height, self.fps = width, height, rate_of(fps)
        self.sound_from = None if sound_from is None else Path(sound_from)
        self.start, self.duration = start, duration
        self.comment, self.title, self.planes, self.encoding = comment, title, planes, Encoding(**how)
        self.frames_written = 0
        self._picture = picture_path(self.path, self.encoding.part)
        self._encoder: subprocess.Popen | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> "VideoWriter":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.sound_from is not None:
                check_sound(self.sound_from, self.start, self.path.suffix.lower())
            new_file(self._picture)
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _abandon
            self._encoder = process.start(self._command(), stdin=subprocess.PIPE, stderr=self._log)
        except OSError as error:
            self._abandon()
            raise process.unwritten(self.path, error.strerror or error) from error
        except BaseException:
            self._abandon()
            raise
        return self

    def write(self, frame: np.ndarray | Planes) -> None:
        """Append one frame: (height, width, 3) uint8 RGB, or planes of that size."""
        frame = frame.data if isinstance(frame, Planes) else frame
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"a frame must be {self._shape} uint8, not {frame.shape} {frame.dtype}")
        if self._encoder is None:
            raise ValueError("write() outside of the 'with' block")
        try:
            cast(IO[bytes], self._encoder.stdin).write(np.ascontiguousarray(frame).data.cast("B"))
        except OSError as error:  # a broken pipe; Windows calls it an invalid argument
            raise self._failure() from error
        self.frames_written += 1

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._abandon()

    @property
    def _shape(self) -> tuple[int, ...]:
        if not self.planes:
            return self.height, self.width, 3
        return (5 if self.encoding.alpha else 3) * self.height // 2, self.width

    @property
    def _running(self) -> subprocess.Popen:
        """ffmpeg, within the ``with`` block."""
        assert self._encoder is not None
        return self._encoder

    def _finish(self) -> None:
        try:
            cast(IO[bytes], self._running.stdin).close()
        except OSError as error:
            raise self._failure() from error
        if self._running.wait() != 0:
            raise self._failure()
        if self.frames_written == 0:
            raise MediaError(f"{self.path}: there was no frame to write.")
        mux(
            self._picture,
            self.sound_from,
            self.path,
            length=float(self.frames_written / self.fps),
            start=self.start,
            duration=self.duration,
            comment=self.comment,
            title=self.title,
        )

    def _failure(self) -> MediaError:
        self._running.wait()
        return process.unwritten(self.path, process.why(self._running, self._log))

    def _abandon(self) -> None:
        """End ffmpeg and remove unfinished files; after a success there is nothing to do."""
        if self._encoder is not None:
            process.end(self._encoder)
            self._encoder = None
        if self._log is not None:
            self._log.close()
            self._log = None
        with contextlib.suppress(OSError):  # the folder may not exist
            self._picture.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        import ffmpeg

        pixels = ("yuva420p" if self.encoding.alpha else "yuv420p") if self.planes else "rgb24"
        pictures = ffmpeg.input(
            "pipe:", format="rawvideo", pix_fmt=pixels, s=f"{self.width}x{self.height}", framerate=str(self.fps)
        ).video
        # without these two, ffmpeg converts by bt601 without a tag, and players assume bt709 for large pictures
        if not self.planes:
            pictures = pictures.filter("scale", **AS_BT709)
        pictures = pictures.filter(
            "setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709"
        )
        encoded = self.encoding.filtered(pictures).output(
            process.file_name(self._picture), format=CONTAINERS[self.encoding.part].muxer, **self.encoding.options()
        )
        return process.command(encoded, self.encoding.before())
