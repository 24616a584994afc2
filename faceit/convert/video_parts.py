"""One video on its way through convert: looked through once, painted once, in parts that a kill leaves whole.

The parts lie in a hidden folder beside the result: what was seen (``seen-0003.npz``), then the encoded pictures
(``part-0003.mp4``). Each is read by its own seek and encoded by its own encoder, so the result is the same whether or
not it was made in one go.
"""

import contextlib
import json
import math
import re
import shutil
import time as clock
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from faceit.casting.cast import Cast, Casts, SwapRule
from faceit.casting.first_pass import FirstPass, SeenFaces, first_frames, load_seen, nothing_seen
from faceit.config.settings import ConvertSettings
from faceit.convert.painter import Painter
from faceit.errors import MediaError
from faceit.files import no_link, read_json, write_text
from faceit.geometry import outline_box
from faceit.lock import only_one
from faceit.media.animation import write_moving, write_sequence
from faceit.media.formats import Encoding, Target
from faceit.media.join import join
from faceit.media.mux import check_sound, mux
from faceit.media.probe import VideoInfo, frame_count, frame_size, probe
from faceit.media.provenance import Label, free_place
from faceit.media.video import read_frames, read_planes
from faceit.media.writer import VideoWriter
from faceit.parallel.queues import BackgroundCalls, ahead
from faceit.parallel.workers import WorkerPool, outcome
from faceit.planes import Layer, Planes
from faceit.progress import Progress, say
from faceit.swap_face import SwapFace

PART_S = 20.0  # of video, at most: what a kill can lose of either pass
LEAST_PART_S = 4.0  # a part costs its beginning: a look for faces, a key frame
READ_AHEAD, WRITE_BEHIND = 8, 16  # frames in memory, beside a batch of faces
PLAIN_CRF, PLAIN_PRESET = 12, "veryfast"  # of the untouched frames, for the side by side
STATE, LOCK = "state.json", ".lock"
OURS = re.compile(r"\.?(seen|part|plain|layer|state)(-\d+)?\..+")  # names of parts, also of those in the making
POLL_S = 0.02  # between two looks at whether a worker is done


def _parts_of(output: Path) -> Path:
    return output.with_name(f".{output.name}.parts")


def joined_key(output: Path) -> str | None:
    """The key of the conversion that has put ``output`` in its place and was stopped before all was done that belongs
    beside it; None where there is none."""
    state = read_json(_parts_of(output) / STATE) or {}
    return state.get("key") if state.get("joined") else None


@dataclass
class VideoConversion:
    """``start`` and ``end`` are seconds of the source; ``key`` says all that the result depends on: parts made for
    another are made anew; ``looked`` all that the first pass depends on: with it the same, nobody looks twice.
    ``beside``: the untouched frames are encoded too; ``layer``: so are the faces alone. ``only_look``: what was
    painted, for whatever key, stays."""

    source: Path
    info: VideoInfo
    start: float | None
    end: float | None
    settings: ConvertSettings
    output: Path
    target: Target
    encoding: Encoding
    key: str
    beside: bool = False
    layer: Path | None = None
    looked: str = ""
    only_look: bool = False
    seconds: float = 0.0  # that this and earlier runs took
    label_at: str = ""  # the label's corner, once that is known; empty without a label
    is_joined: bool = False  # the output is in its place, and what belongs beside it may not be
    frames: list[int] = field(default_factory=list)  # of each part, as far as there is something to read

    @property
    def folder(self) -> Path:
        """Where the parts are."""
        return _parts_of(self.output)

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Within this the folder is ours. FaceitError when another process has it."""
        no_link(self.folder).mkdir(parents=True, exist_ok=True)
        empty = False
        try:
            with only_one(self.folder / LOCK, f"{self.output} is being made"):
                try:
                    self._resume()
                    yield
                except BaseException:
                    empty = not self._kept()
                    raise
        finally:
            if empty:  # there is nothing that would be worth going on with
                self.drop()

    def _resume(self) -> None:
        state = read_json(self.folder / STATE) or {}
        if self.only_look and any(self.folder.glob("part-*")):
            self.key = state.get("key", self.key)
        same_key, same_look = state.get("key") == self.key, state.get("looked") == self.looked
        for path in self.folder.iterdir():
            stays = same_look if path.name.startswith("seen-") else same_key
            if OURS.fullmatch(path.name) and not stays:
                path.unlink()
        if not same_key:
            state = {}
        self.seconds, self.is_joined = float(state.get("seconds", 0.0)), bool(state.get("joined"))
        self._note()
        if kept := self._kept():
            say(f"{self.output.name} was begun before: {kept} of {2 * self._count()} pieces of work are done.")

    def _kept(self) -> int:
        """How much is there of what was begun."""
        return sum(path.name.startswith(("seen-", "part-")) for path in self.folder.glob("*"))

    def drop(self) -> None:
        """Remove the parts: the result is whole, or there will be none."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the first pass: who is where ---

    @contextlib.contextmanager
    def first_pass(self, detector: str, identify: bool, workers: int | None, hands: bool = False) -> Iterator[None]:
        """Find and follow all faces, and ``hands`` too, with ``workers`` processes, which begin at once; what is done
        within is done meanwhile. MediaError where nothing can be read."""
        if self.target.is_video:
            check_sound(self.source, self.start, self.target.ending)
        jobs = [self._first_pass(n, detector, identify, hands) for n in range(self._count())]
        known = [load_seen(job.out) for job in jobs]
        self.frames = [seen.frames if seen else 0 for seen in known]
        total, done = frame_count(self.info, None, self.start, self.end), sum(self.frames)
        began, before = clock.monotonic(), self.seconds
        waiting = deque(job for job in jobs if not self.frames[job.number])
        at_work: dict[int, Future] = {}

        def hand_out():
            while waiting and pool.free:
                job = waiting.popleft()
                at_work[job.number] = pool.submit(job, total - done)

        with (
            Progress(f"look through {self.source.name}", total) as progress,
            WorkerPool(workers, lambda: progress.update(done + pool.frames)) as pool,
        ):
            progress.resume_at(done)
            hand_out()
            loading = clock.monotonic()
            yield
            began += clock.monotonic() - loading  # a model's loading is no frame's time
            while at_work:
                for number in [number for number, future in at_work.items() if future.done()]:
                    self.frames[number] = outcome(at_work.pop(number))
                    self.seconds = before + clock.monotonic() - began
                    self._note()
                hand_out()
                progress.update(done + pool.frames)
                if at_work:
                    clock.sleep(POLL_S)
        while self.frames and not self.frames[-1]:  # the file's head promised more than there is
            self.frames.pop()
        if not self.frames:
            for _ in read_frames(self.source, start=self.start, end=self.end):  # it says what is wrong
                break
            raise MediaError(f"{self.source} has no picture in the part asked for.")

    def casts(self, rules: Sequence[SwapRule]) -> Casts:
        """Who is who in all that was seen, and which swap takes whom."""
        return Casts(*(Cast(self._seen, len(self.frames), float(self.info.fps), *rule) for rule in rules))

    def _count(self) -> int:
        if not self.info.duration or self.info.counted:  # nobody knows how long it is, or each part would read it all
            return 1
        return max(1, math.ceil(frame_count(self.info, None, self.start, self.end) / self._length))

    @property
    def _length(self) -> int:
        """Frames of a part: of a short video a quarter, so that all processes have something to look through."""
        total = frame_count(self.info, None, self.start, self.end)
        return max(1, min(round(PART_S * self.info.fps), max(round(LEAST_PART_S * self.info.fps), -(-total // 4))))

    @property
    def reach(self) -> int:
        """How many frames there are up to the last that can be read."""
        return (len(self.frames) - 1) * self._length + self.frames[-1]

    @property
    def missing(self) -> int:
        """How many of them cannot be read."""
        return self.reach - sum(self.frames)

    def _span(self, number: int) -> tuple[float, float | None, int | None]:
        """Where a part begins and ends, seconds of the source, and how many frames it has; the last one goes on to the
        end of what was asked for."""
        begin = (self.start or 0.0) + float(number * self._length / self.info.fps)
        if number + 1 >= self._count():
            return begin, self.end, None
        return begin, begin + float((self._length + 2) / self.info.fps), self._length

    def _first_pass(self, number: int, detector: str, identify: bool, hands: bool) -> FirstPass:
        begin, end, count = self._span(number)
        return FirstPass(self.source, number, begin, end, count, self.settings.height, detector, identify,
                         self._seen_file(number), hands)  # fmt: skip

    def _seen(self, number: int) -> SeenFaces:
        """What was seen in a part: nothing in the frames that cannot be read, of which the result shows the last one
        that could."""
        seen = load_seen(self._seen_file(number)) or nothing_seen()
        last = number + 1 == len(self.frames)
        return seen if last else replace(seen, frames=max(seen.frames, self._length))

    def _seen_file(self, number: int) -> Path:
        return self.folder / f"seen-{number:04d}.npz"

    # --- the second pass: pixels ---

    def paint(self, painter: Painter, casts: Casts) -> None:
        """Encode all parts that are not there yet. MediaError where the disk refuses; what was done stays."""
        began, before = clock.monotonic(), self.seconds
        size = frame_size(self.info, self.settings.height)
        label = None
        if self.settings.label:
            faces = (face for part in range(casts.parts) for frame in casts.faces(part) for face in frame)
            self.label_at = free_place(*size, (outline_box(face.landmarks) for face in faces))
            label = Label(*size, place=self.label_at)
        with Progress(f"convert {self.source.name}", sum(self.frames)) as progress:
            for number, frames in enumerate(self.frames):
                done = sum(self.frames[:number])
                if all(path.exists() for path in self._files(number)):
                    progress.resume_at(done + frames)
                    continue
                with self._encoders(number, size) as encoders, self._read(number) as read:
                    known = _with_faces(read, casts.faces(number))
                    for frame, swapped, layer in painter.painted(known, layers=self.layer is not None):
                        encoders.put(frame, *_stamped(frame, swapped, layer, label))
                        done += 1
                        progress.update(done)
                self.seconds = before + clock.monotonic() - began
                self._note()

    def _lines(self) -> dict[str, Encoding]:
        """How the files of each kind are encoded: the result's, and those of what is wanted beside it."""
        lines = {"part": self.encoding}
        if self.beside:
            lines["plain"] = Encoding(crf=PLAIN_CRF, preset=PLAIN_PRESET)
        if self.layer:
            lines["layer"] = Encoding("prores", alpha=True)
        return lines

    def _files(self, number: int) -> list[Path]:
        return [self.folder / f"{name}-{number:04d}{how.part}" for name, how in self._lines().items()]

    @contextlib.contextmanager
    def _encoders(self, number: int, size: tuple[int, int]) -> Iterator["_Encoders"]:
        """What encodes the files of a part. What could not be read of it is filled up: the sound goes on, so the last
        picture stays."""
        with contextlib.ExitStack() as stack:
            lines = {}
            for path, (name, how) in zip(self._files(number), self._lines().items(), strict=True):
                writer = stack.enter_context(VideoWriter(path, *size, self.info.fps, planes=True, **asdict(how)))
                lines[name] = stack.enter_context(BackgroundCalls(writer.write, WRITE_BEHIND))
            encoders = _Encoders(lines, size)
            yield encoders
            _, _, count = self._span(number)
            if count is not None and number + 1 < len(self.frames):
                encoders.fill_up(count)

    @contextlib.contextmanager
    def _read(self, number: int) -> Iterator[Iterable[Planes]]:
        """The frames of a part, as far as they can be read."""
        begin, end, count = self._span(number)
        frames: Iterable[tuple[float, Planes]] = ()
        if self.frames[number]:
            every = read_planes(self.source, start=begin, end=end, height=self.settings.height)
            frames = first_frames(every, count)
        with contextlib.closing(ahead(frames, READ_AHEAD)) as read:
            yield (frame for _, frame in read)

    # --- one file ---

    def finish(self, comment: str) -> dict[str, Path]:
        """Join the parts and put in what belongs to them: the output, whole. Gives the videos without sound that lie
        among the parts: "part", the swapped one, from which it was made, "plain" and "layer"."""
        fps, whole, count = self.info.fps, {}, 0
        every = [self._files(number) for number in range(len(self.frames))]
        for files, (name, how) in zip(zip(*every, strict=True), self._lines().items(), strict=True):
            whole[name] = self.folder / f"{name}{how.part}"
            count = join(list(files), whole[name], fps)
        length = float(count / fps)
        if self.target.is_video:
            span = None if self.end is None else self.end - (self.start or 0.0)
            for warning in mux(whole["part"], self.source, self.output, length=length, start=self.start, duration=span,
                            comment=comment):  # fmt: skip
                say(f"  ! {self.source.name}: {warning}.")
        elif self.target.pictures:
            with Progress(f"write {self.output.name}", count) as progress:
                write_sequence(whole["part"], self.output, self.target.pictures, comment, progress.update)
        else:
            write_moving(whole["part"], self.output, comment)
        self.is_joined = True
        self._note()
        return whole

    def finish_layer(self, faces: Path, out: Path, comment: str) -> None:
        """Write the layer of which ``faces`` holds the pictures; whole or as it was."""
        mux(faces, None, out, length=probe(faces).duration, comment=comment)

    def _note(self) -> None:
        state = {"key": self.key, "looked": self.looked, "seconds": round(self.seconds, 1), "joined": self.is_joined}
        write_text(self.folder / STATE, json.dumps(state))


class _Encoders:
    """The encoders of a part's files, by the names of ``VideoConversion._lines``, each in a thread of its own."""

    def __init__(self, lines: dict[str, BackgroundCalls], size: tuple[int, int]):
        self._lines, self._count = lines, 0
        black = Planes.black(*size)
        self._last: tuple = black, black, Layer.empty(*size)

    def put(self, plain: Planes, swapped: Planes, layer: Layer | None) -> None:
        """Encode one frame: as it was, swapped, and its faces alone."""
        self._last = plain, swapped, layer
        pictures = {"plain": plain, "part": swapped, "layer": layer and layer.data}
        for name, line in self._lines.items():
            line.put(pictures[name])
        self._count += 1

    def fill_up(self, count: int) -> None:
        """Repeat the last frame until there are ``count``."""
        while self._count < count:
            self.put(*self._last)


def _with_faces(frames: Iterable[Planes],
                faces: list[list[SwapFace]]) -> Iterator[tuple[Planes, list[SwapFace]]]:  # fmt: skip
    for i, frame in enumerate(frames):
        yield frame, faces[i] if i < len(faces) else []


def _stamped(frame: Planes, swapped: Planes, layer: Layer | None,
             label: Label | None) -> tuple[Planes, Layer | None]:  # fmt: skip
    """The swapped frame with the label, which the untouched one must not get; and the faces alone with it, for whoever
    lays them over the untouched video."""
    if label:
        swapped = frame.copy() if swapped is frame else swapped
        label.stamp(swapped)
        if layer:
            label.stamp(layer)
    return swapped, layer
