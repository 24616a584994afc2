"""TensorBoard's event files, by its own records and writer; TensorFlow is not needed for them."""

import errno
import io
import os
import socket
import time
from pathlib import Path

from faceit.errors import FaceitError
from faceit.files import no_link

FOLDER = "tensorboard"
VERSION = "brain.Event:2"  # of the file format; from 2 on TensorBoard knows where a run was taken up again


class TensorBoardLog:
    """One event file of a run that begins, or goes on, at ``step``: what an earlier file has of later steps no longer
    counts, so a run that was killed or rolled back goes on in the same graph."""

    def __init__(self, folder: Path, step: int):
        try:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError:
            raise FaceitError(
                "--tensorboard needs the package tensorboard: `pip install tensorboard`, or train without it."
            ) from None
        self._event, self._summary, self._writer = Event, Summary, RecordWriter
        no_link(folder / FOLDER).mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._path = folder / FOLDER / name
        self._append(Event(wall_time=time.time(), file_version=VERSION))
        start = SessionLog(status=SessionLog.START)  # from this step on
        self._append(Event(wall_time=time.time(), step=step + 1, session_log=start))

    def add(self, step: int, values: dict[str, float]) -> None:
        """Numbers of a step, by the names that their graphs have. OSError where the disk is full; the file is as it
        was then."""
        summary = self._summary(value=[self._summary.Value(tag=k, simple_value=v) for k, v in values.items()])
        self._append(self._event(wall_time=time.time(), step=step, summary=summary))

    def _append(self, event) -> None:
        record = io.BytesIO()
        self._writer(record).write(event.SerializeToString())
        size = self._path.stat().st_size if self._path.exists() else 0
        try:
            with self._path.open("ab", buffering=0) as file:
                if file.write(record.getvalue()) < len(record.getvalue()):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        except OSError:
            if self._path.exists():
                os.truncate(self._path, size)
            raise
