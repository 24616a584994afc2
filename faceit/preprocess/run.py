"""preprocess: from URLs and files to aligned faces of the right people.

A video is worked on in segments of about ``SEGMENT_S`` seconds, each read by its own seek and followed afresh, by as
many worker processes as there are cores. So what a segment gives does not depend on where an earlier run was killed,
and a killed run goes on at the next segment. Videos are worked on while others are downloaded.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from faceit.config.project import Person, Project, Video, shown_url
from faceit.config.track_choices import TrackChoices, read_choices, unmatched
from faceit.errors import FaceitError, MediaError
from faceit.faces.faceset import DONE, finished, iterate_table, present_names
from faceit.faces.identity import Identity, learn_identity
from faceit.faces.split import read_split, split_video, write_split
from faceit.faces.tracks import Track, read_tracks
from faceit.files import read_json
from faceit.lock import only_one
from faceit.media.downloads import DownloadProgress, cookie_options, fetch_job
from faceit.media.fetch import fetch_all
from faceit.media.probe import frame_count, probe, used_range
from faceit.parallel.workers import FEW_FRAMES, WorkerPool, outcome
from faceit.preprocess.partial_folder import FaceCounts, PartialFolder, deleted_names, recover
from faceit.preprocess.photos import take_photos
from faceit.preprocess.segment import Segment, SegmentResult
from faceit.preprocess.selection import pick
from faceit.progress import Progress, say

SEGMENT_S = 30.0
FORMAT = 3  # of a folder of faces; raised when old folders must be made again
LOCK = ".lock"
AHEAD = 32  # segments that may be done before an earlier one of the same video: they wait in memory
WAIT_S = 0.1  # seconds between two looks at what the workers have done


@dataclass
class PersonReport:
    """What preprocess did for one person."""

    person: str
    faces: int = 0
    sources: int = 0
    failed: list[str] = field(default_factory=list)
    nearest: float = 9.0


def preprocess(project: Project, people: list[Person]) -> list[PersonReport]:
    """Download, find, align, save and curate the faces of ``people``. FaceitError when one of them has no face at all.

    What is wrong with one video is said, counted in ``failed``, and does not stop the others.
    """
    people = list(dict.fromkeys(people))
    identities = {}
    for person in people:
        if not person.videos and not person.photos:
            raise FaceitError(
                f"{person.name} has neither videos nor photos: list some under people.{person.name}.videos in "
                f"{project.file.name}."
            )
        identities[person.name] = learn_person(project, person)
    choices = read_choices(project.choices_file())
    reports = {person.name: PersonReport(person.name) for person in people}
    with ExitStack() as alone:
        for person in people:
            alone.enter_context(only_one(project.faces_dir(person) / LOCK, f"{person.name}'s faces are being made"))
        for person in people:
            _photos(project, person, identities[person.name], reports[person.name])
        _videos(project, people, identities, choices, reports)
        pick(project, people)
        problems = [_conclude(project, person, reports[person.name], choices, identities[person.name].tolerance)
                    for person in people]  # fmt: skip
    if any(problems):
        raise FaceitError("\n".join(filter(None, problems)))
    return list(reports.values())


def learn_person(project: Project, person: Person) -> Identity:
    """The person as known from their portraits, and from those that they must not be taken for."""
    settings = project.preprocess
    return learn_identity(person.name, person.portraits, settings.detector, tolerance=settings.tolerance,
                          refused=person.refused)  # fmt: skip


def _photos(project: Project, person: Person, identity: Identity, report: PersonReport) -> None:
    if not person.photos:
        return
    folder = project.faces_dir(person, "photos")
    seen, nearest, failed = take_photos(folder, person, identity, project.preprocess, _fingerprint(project, person))
    report.sources += bool(seen)
    report.nearest = min(report.nearest, nearest)
    report.failed += failed


# --- videos ----------------------------------------------------------------------------------------------------------


def _videos(project, people, identities, choices, reports) -> None:
    """Extract every video of ``people``, as they are there; others are downloaded meanwhile."""
    with Progress("faces", 0) as progress, WorkerPool(project.preprocess.workers, lambda: line.show()) as pool:
        line = _Line(pool, progress, reports)
        for person, video, got in _fetched(project, people, line.work):
            if isinstance(got, MediaError):
                line.failed(person.name, got)
                continue
            try:
                line.add(Extraction(project, person, video, got, identities[person.name], choices))
            except MediaError as e:
                line.failed(person.name, e)
            if video.file is None or line.frames >= FEW_FRAMES:
                line.work(0.0)
        while line.waiting:
            line.work(WAIT_S)


def _fetched(project: Project, people: list[Person], meanwhile) -> Iterator[tuple]:
    """(person, video, path or MediaError) for every video, files at once and downloads as they come."""
    wanted: dict[str, list[tuple[Person, Video]]] = {}
    for person in people:
        for video in person.videos:
            if video.file is None:
                wanted.setdefault(video.name, []).append((person, video))
            else:
                yield person, video, video.file
    if not wanted:
        return
    settings = project.preprocess
    videos = {name: pairs[0][1] for name, pairs in wanted.items()}
    jobs = [fetch_job(project, video) for video in videos.values()]
    project.videos_dir().mkdir(parents=True, exist_ok=True)
    news = DownloadProgress(len(jobs))
    loading = fetch_all(jobs, settings.downloads, **cookie_options(project), on_progress=news.progress,
                        meanwhile=lambda: meanwhile(WAIT_S))  # fmt: skip
    for job, got in loading:
        name = job.stem.name
        news.ended(job)
        if not isinstance(got, Exception) and job in news.loaded:
            say(f"{name}: {got.stat().st_size / 1e6:.1f} MB from {shown_url(job.url)}")
        for person, video in wanted[name]:
            yield person, video, got

class _Line:
    """The videos at work, in the order in which they came, and their segments in the hands of the workers."""

    def __init__(self, pool: WorkerPool, progress: Progress, reports: dict[str, PersonReport]):
        self.pool, self.progress, self.reports = pool, progress, reports
        self.waiting: list[Extraction] = []
        self._futures: dict[Future, Extraction] = {}
        self._earlier = 0  # frames that an earlier run had done
        self._faces = 0  # of the videos that are done

    def add(self, extraction: "Extraction") -> None:
        """One more video."""
        self.progress.expect(extraction.total)
        self.waiting.append(extraction)
        if extraction.work is not None:
            self._earlier += extraction.work.counts.frames
            self.progress.skip(extraction.work.counts.frames)

    @property
    def frames(self) -> float:
        """How many frames the videos in line have; infinite where one's length is not known."""
        return sum(math.inf if each.total is None else each.total for each in self.waiting)

    def failed(self, person: str, error: MediaError) -> None:
        self.reports[person].failed.append(str(error))
        say(f"  ! {error}")

    def work(self, seconds: float) -> None:
        """Hand out segments, and take in what is done, waiting for it at most so long."""
        self._hand_out()
        if self._futures:
            done, _ = wait(self._futures, timeout=seconds, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: self._futures[future].order):
                self._take(self._futures.pop(future), future)
        for extraction in [each for each in self.waiting if each.complete]:
            self._finish(extraction)
        self.show()

    def show(self) -> None:
        """Show how far it is."""
        if self.pool.frames:
            faces = self._faces + sum(each.work.counts.kept for each in self.waiting if each.work is not None)
            self.progress.update(self._earlier + self.pool.frames, f"{faces:,} faces")

    def _hand_out(self) -> None:
        for extraction in self.waiting:
            while self.pool.free and (segment := extraction.next()) is not None:
                future = self.pool.submit(segment, self.frames)
                self._futures[future] = extraction
                if future.done():  # it was done here: what it gave is taken in before the next one begins
                    return

    def _take(self, extraction: "Extraction", future: Future) -> None:
        try:
            found = outcome(future)
        except MediaError as e:
            if extraction in self.waiting:
                self.waiting.remove(extraction)
                self.failed(extraction.person.name, e)
            return
        if found is not None and extraction in self.waiting:
            extraction.put(found)

    def _finish(self, extraction: "Extraction") -> None:
        self.waiting.remove(extraction)
        report = self.reports[extraction.person.name]
        try:
            counts = extraction.finish()
        except MediaError as e:
            self.failed(extraction.person.name, e)
            return
        if extraction.work is not None:
            self._faces += counts.kept
        report.sources += 1
        report.nearest = min(report.nearest, counts.nearest)


class Extraction:
    """One video on its way to a folder of faces; at once complete where that has been done with the same settings."""

    def __init__(self, project: Project, person: Person, video: Video, path: Path, identity: Identity,
                 choices: TrackChoices):  # fmt: skip
        self.project, self.person, self.video, self.path, self.identity = project, person, video, path, identity
        self.folder = project.faces_dir(person, video.name)
        self.fps = video.fps or project.preprocess.fps
        info = probe(path)
        self.start, self.stop = used_range(info, *video.range_in_file)
        if info.duration and self.start >= info.duration:
            raise MediaError(f"{path} is {info.duration:.1f} s long: correct its start ({self.start:g} s) in the YAML.")
        key = _fingerprint(project, person, fps=self.fps, start=video.start, end=video.end, file=_stamp(path))
        # a whole number of frames: their times are those of one long reading
        self.step = max(1, round(SEGMENT_S * self.fps)) / self.fps
        self.range = [self.start, self.stop]
        before = read_json(self.folder / DONE) or {}
        self.split = read_split(self.folder) if before.get("range") == self.range else None
        self.ticked = _ticked(choices, person, video, self.folder)
        names = frozenset(track.name for track in self.ticked)
        self.done = recover(self.folder, key, names)
        self.work = None if self.done else PartialFolder(self.folder, key, names)
        frames = None if self.stop is None else frame_count(info, self.fps, self.start, self.stop)
        self.total = 0 if self.done else frames
        self.segments: int | None = None
        if self.stop is not None:
            self.segments = max(1, math.ceil((self.stop - self.start - 0.5 / self.fps) / self.step))
        self._handed = 0 if self.work is None else self.work.segments
        self._early: dict[int, SegmentResult] = {}  # what was done before its turn
        self._holes: list[tuple[float, str]] = []
        self._ended = False  # of a video of unknown length
        self.order = (self.person.name, self.video.name)

    @property
    def complete(self) -> bool:
        """Whether all segments are done."""
        if self.work is None or self._ended:
            return True
        return self.segments is not None and self.work.segments >= self.segments

    def next(self) -> Segment | None:
        """The next segment to be done; None when there is none now."""
        if self.work is None or self.complete or (self.segments is not None and self._handed >= self.segments):
            return None
        if self.segments is None and self._handed > self.work.segments:
            return None  # one at a time: the first empty one is the end
        if self._handed - self.work.segments > AHEAD:
            return None
        begin = self.start + self._handed * self.step
        end = begin + self.step if self.stop is None else min(begin + self.step, self.stop)
        number, self._handed = self._handed, self._handed + 1
        return Segment(self.path, number, begin, end, self.fps, self.work.part, self.project.preprocess,
                       self.identity, self.ticked)  # fmt: skip

    def put(self, found: SegmentResult) -> None:
        """Take in what a segment gave; it is written down when all before it are."""
        assert self.work is not None  # ``next`` has handed out a segment of it
        self._early[found.number] = found
        while (first := self._early.pop(self.work.segments, None)) is not None:
            if first.problem:
                self._holes.append((self.start + first.number * self.step, first.problem))
            self._ended = self.segments is None and not first.frames
            self.work.take(first)

    def finish(self) -> FaceCounts:
        """Put the folder in its place and hold out the end; MediaError when there was no picture in the video."""
        if self.work is None:
            assert self.done is not None  # by an earlier run
            self._hold_out()
            return FaceCounts(**self.done["counts"])
        if not self.work.counts.frames:
            self.work.drop()
            problem = self._holes[0][1] if self._holes else f"{self.path} has no picture that can be read."
            raise MediaError(problem)
        name, who = self.video.name, self.person.name
        if self._holes and self.stop is not None:
            say(f"  ! {name}: {len(self._holes)} of {self.work.segments} parts of {self.step:.0f} s have no picture "
                f"that can be read, the first at {self._holes[0][0]:.0f} s.")  # fmt: skip
        about = {"video": self.project.shown_video(self.video), "person": who, "range": self.range,
                 "settings": asdict(self.project.preprocess)}  # fmt: skip
        counts = self.work.finish(about, self.fps, self.identity)
        self._hold_out()
        say(f"{who}: {name}: {counts.sentence(who)}")
        return counts

    def _hold_out(self) -> None:
        """Choose what of the video never trains; a choice that was made stays, unless the share is another."""
        share, known, stop = self.project.preprocess.held_out, read_split(self.folder), self.stop
        if known is not None and known.share == share:
            return
        if self.split is not None and self.split.share == share:  # made anew, it holds out what it held out
            write_split(self.folder, self.split)
            return
        if stop is None:
            stop = max((row.time or 0.0 for row in iterate_table(self.folder)), default=self.start)
        videos = self.person.videos
        write_split(self.folder, split_video(share, self.start, stop, videos.index(self.video), len(videos)))


def _ticked(choices: TrackChoices, person: Person, video: Video, folder: Path) -> tuple[Track, ...]:
    """The tracks that somebody ticked and whose faces are not on disk unless they were asked for."""
    return tuple(track for track in read_tracks(folder) if track.verdict in ("refused", "other")
                 and choices.keep(person.name, video.name, track.name))  # fmt: skip


def _fingerprint(project: Project, person: Person, **more) -> str:
    """What the faces of a folder depend on, as a short hash."""
    settings = project.preprocess
    mine = {k: v for k, v in asdict(settings).items() if k in ("detector", "tolerance", "size", "min_face", "align")}
    # the files and not their encodings: these differ in the last digits from one processor to another
    pictures = [_hash(path, path.stat().st_size, path.stat().st_mtime_ns) for path in person.identity_pictures]
    text = json.dumps([FORMAT, mine, len(person.portraits), pictures, more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _hash(path: Path, size: int, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _stamp(path: Path) -> list:
    stat = path.stat()
    return [path.name, stat.st_size]


def _conclude(
    project: Project, person: Person, report: PersonReport, choices: TrackChoices, tolerance: float
) -> str | None:
    """Say what there is of a person now; a sentence about what is wrong when there is nothing."""
    folders = finished(project.face_dirs(person))
    report.faces = sum(len(present_names(folder)) for folder in folders)
    if report.faces:
        failed = f"; {len(report.failed)} could not be had" if report.failed else ""
        say(f"{person.name}: {report.faces:,} faces from {len(folders)} of "
            f"{len(person.videos) + bool(person.photos)} sources{failed}; look through "
            f"{project.faces_dir(person)} and delete what is wrong.")  # fmt: skip
        _say_what_to_look_at(person, folders, choices)
        return None
    if report.failed and not report.sources:
        what = "video" if person.videos else "photo"
        return f"No {what} of {person.name} could be had. The first problem: {report.failed[0]}"
    left_out = [row for folder in folders for row in iterate_table(folder) if row.left_out]
    if left_out:
        reasons = Counter(row.left_out for row in left_out)
        what = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        return (
            f"All {len(left_out):,} faces that may be {person.name}'s are left out ({what}): "
            f"`python faceit.py faces {person.name}` shows them, to be ticked where they are theirs."
        )
    if any(deleted_names(folder) for folder in folders):
        return (
            f"Every picture of {person.name} has been deleted: delete the folder {project.faces_dir(person)} to have "
            "them made again."
        )
    near = f" The nearest face is {report.nearest:.2f} away." if report.nearest < 9 else " No face was found at all."
    return (
        f"No face of {person.name} in {report.sources} source{'s' * (report.sources != 1)}: is "
        f"{person.portraits[0]} a good picture of them?{near} (tolerance {tolerance:g}; raise it with "
        "care, to 0.65 at most). A video that lies on its side or upside down must be turned upright first."
    )


def _say_what_to_look_at(person: Person, folders: list[Path], choices: TrackChoices) -> None:
    doubtful = astray = 0
    for folder in folders:
        tracks = read_tracks(folder)
        doubtful += sum(track.doubtful and choices.keep(person.name, folder.name, track.name) is None
                        for track in tracks)  # fmt: skip
        astray += len(unmatched(choices, person.name, folder.name, tracks))
    if doubtful:
        lie = f"{doubtful:,} tracks lie" if doubtful > 1 else "1 track lies"
        say(f"{person.name}: {lie} near the tolerance: `python faceit.py faces {person.name}` shows whose they are.")
    if astray:
        say(f"{person.name}: {astray:,} of the choices in faces.yaml fit no track that is there now, and wait for it.")
