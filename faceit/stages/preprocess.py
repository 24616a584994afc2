"""preprocess: from URLs and files to aligned faces of the right people.

A video is worked on in segments of about ``SEGMENT_S`` seconds, each read by its own seek and followed afresh. So what
a segment gives does not depend on where an earlier run was killed, and a killed run goes on at the next segment.
"""

import hashlib
import json
import os
import re
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from faceit.errors import FaceitError, MediaError
from faceit.faces.detect import FaceFinder
from faceit.faces.faceset import (
    DONE,
    TABLE,
    FaceRow,
    append_rows,
    cut_face,
    finished,
    iterate_table,
    present_names,
    read_json,
    write_face,
    write_sheet,
    write_table,
    write_text,
)
from faceit.faces.identity import Identity, IdentityFollower, Tally, best_match, learn_identity
from faceit.faces.split import photo_held_out, read_split, split_video, write_split
from faceit.geometry import Face
from faceit.images import PICTURE_ENDINGS, read_image
from faceit.media.fetch import fetch_all
from faceit.media.video import frame_count, probe, read_frames
from faceit.progress import Progress, say
from faceit.project import Person, Project, Video
from faceit.settings import PreprocessSettings
from faceit.stages.downloads import DownloadNews, cookie_options, fetch_job
from faceit.stages.lock import only_one

SEGMENT_S = 30.0
FORMAT = 2  # of a folder of faces; raised when old folders must be made again
STATE = "state.json"
LOCK = ".lock"
PHOTO_FACE = re.compile(r".*-[0-9a-f]{12}\.jpg")  # what _photo calls its pictures


@dataclass
class Counts(Tally):
    """What became of the frames (or photos) of one source."""

    kept: int = 0
    deleted: int = 0  # the person's face, but its picture was deleted in an earlier set

    def sentence(self, person: str, unit: str = "frames") -> str:
        deleted = f", {self.deleted:,} left out because you had deleted them" if self.deleted else ""
        return (f"{self.frames:,} {unit}, {self.kept:,} faces kept, {self.no_face:,} without a face, "
                f"{self.someone_else:,} of someone else than {person}{deleted}")  # fmt: skip


@dataclass
class PersonReport:
    """What preprocess did for one person."""

    person: str
    faces: int = 0
    sources: int = 0
    failed: list[str] = field(default_factory=list)
    nearest: float = 9.0


def preprocess(project: Project, people: list[Person]) -> list[PersonReport]:
    """Download, find, align and save the faces of ``people``. FaceitError when one of them has no face at all.

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
        identities[person.name] = learn_identity(person.name, person.portraits, project.preprocess.detector)
    reports = {person.name: PersonReport(person.name) for person in people}
    with ExitStack() as alone:
        for person in people:
            alone.enter_context(only_one(project.faces_dir(person) / LOCK, f"{person.name}'s faces are being made"))
        for person in people:
            _photos(project, person, identities[person.name], reports[person.name])
        for person, video, got in _fetched(project, people):
            report = reports[person.name]
            try:
                if isinstance(got, FaceitError):
                    raise got
                counts = extract_video(project, person, video, got, identities[person.name])
            except MediaError as e:
                report.failed.append(str(e))
                say(f"  ! {e}")
                continue
            report.sources += 1
            report.nearest = min(report.nearest, counts.nearest)
        problems = [_conclude(project, person, reports[person.name]) for person in people]
    problems = [problem for problem in problems if problem]
    if problems:
        raise FaceitError("\n".join(problems))
    return list(reports.values())


def _fetched(project: Project, people: list[Person]):
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
    news = DownloadNews(len(jobs))
    for job, got in fetch_all(jobs, settings.downloads, **cookie_options(project), on_progress=news.progress):
        name = job.stem.name
        news.ended(job)
        if not isinstance(got, Exception) and job in news.loaded:
            say(f"{name}: {got.stat().st_size / 1e6:.1f} MB from {job.url}")
        for person, video in wanted[name]:
            yield person, video, got


def extract_video(project: Project, person: Person, video: Video, path: Path, identity: Identity) -> Counts:
    """Save the person's faces in one video, and hold out its end; at once where that has been done with the same
    settings."""
    folder = project.faces_dir(person, video.name)
    settings, fps = project.preprocess, video.fps or project.preprocess.fps
    info = probe(path)
    # a download is cut already; a file on disk is read in its range
    start, end = (video.start or 0.0, video.end) if video.file else (0.0, None)
    if info.duration and start >= info.duration:
        raise MediaError(f"{path} is {info.duration:.1f} s long: correct its start ({start:g} s) in the YAML.")
    key = _fingerprint(project, person, fps=fps, start=video.start, end=video.end, file=_stamp(path))
    stop = min(end or info.duration, info.duration) if info.duration else end  # None: nobody knows
    done = _recover(folder, key)
    if done is not None:
        _hold_out(project, person, video, start, stop)
        return Counts(**done["counts"])
    work = _Work(folder, key)
    finder = FaceFinder(settings.detector, settings.min_face)
    step = max(1, round(SEGMENT_S * fps)) / fps  # a whole number of frames: their times are those of one long reading
    total = None if stop is None else frame_count(info, fps, start, stop)
    holes: list[tuple[float, str]] = []
    with Progress(f"{person.name}: {video.name}", total) as progress:
        progress.resume_at(work.counts.frames)
        while True:
            begin, before = start + work.segments * step, work.counts.frames
            if work.segments and stop is not None and begin >= stop - 0.5 / fps:
                break
            finish = begin + step if stop is None else min(begin + step, stop)
            follower = IdentityFollower(identity)
            try:
                frames = read_frames(path, fps=fps, start=begin, end=finish)
                for time, frame, faces in finder.find_all(frames):
                    work.take(frame, time, follower.measured(frame, faces), settings)
                    progress.update(work.counts.frames, f"{work.counts.kept:,} faces")
            except MediaError as e:
                if work.counts.frames > before or "killed by signal" in str(e):
                    raise  # ffmpeg did not come to its end: this segment is still to be done
                holes.append((begin, str(e)))
            work.segment_done()
            if stop is None and work.counts.frames == before:
                break
    if not work.counts.frames:
        work.drop()
        raise MediaError(holes[0][1] if holes else f"{path} has no picture that can be read.")
    if holes and stop is not None:
        say(f"  ! {video.name}: {len(holes)} of {work.segments} parts of {step:.0f} s have no picture that can be "
            f"read, the first at {holes[0][0]:.0f} s.")  # fmt: skip
    counts = work.finish({"video": video.url, "person": person.name, "settings": asdict(settings)})
    _hold_out(project, person, video, start, stop)
    say(f"{person.name}: {video.name}: {counts.sentence(person.name)}")
    return counts


def _hold_out(project: Project, person: Person, video: Video, start: float, stop: float | None) -> None:
    """Choose what of a finished video never trains; a choice that was made stays, unless the share is another."""
    folder, share = project.faces_dir(person, video.name), project.preprocess.held_out
    known = read_split(folder)
    if known is not None and known.share == share:
        return
    if stop is None:
        stop = max((row.time or 0.0 for row in iterate_table(folder)), default=start)
    write_split(folder, split_video(share, start, stop, person.videos.index(video), len(person.videos)))


def _fingerprint(project: Project, person: Person, **more) -> str:
    """What the faces of a folder depend on, as a short hash."""
    settings = project.preprocess
    mine = {k: v for k, v in asdict(settings).items() if k in ("detector", "tolerance", "size", "min_face")}
    # the files and not their encodings: these differ in the last digits from one processor to another
    portraits = [hashlib.sha256(path.read_bytes()).hexdigest() for path in person.portraits]
    text = json.dumps([FORMAT, mine, portraits, more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stamp(path: Path) -> list:
    stat = path.stat()
    return [path.name, stat.st_size]


def _recover(folder: Path, key: str) -> dict | None:
    """done.json of a finished folder with this key; a folder whose last rename was cut off is put in place."""
    part, old = _aside(folder, "part"), _aside(folder, "old")
    whole = read_json(part / DONE)
    if whole is not None and whole.get("key") == key:
        (part / STATE).unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.replace(folder, old)
        os.replace(part, folder)
    elif old.exists() and not folder.exists():
        os.replace(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    done = read_json(folder / DONE)
    return done if done is not None and done.get("key") == key else None


def _aside(folder: Path, word: str) -> Path:
    return folder.with_name(f".{folder.name}.{word}")


class _Work:
    """A folder of faces in the making: pictures and table beside the final place, complete segments only.

    Only the names of the pictures are kept in memory, and the rows of one segment.
    """

    def __init__(self, folder: Path, key: str):
        self.folder, self.part, self.key = folder, _aside(folder, "part"), key
        self.segments, self.counts = 0, Counts()
        self.names: list[str] = []
        self.rows: list[FaceRow] = []
        # a picture that somebody deleted stays deleted when the folder is made again with other settings
        self.deleted = _deleted(folder)
        if not self._resume():
            shutil.rmtree(self.part, ignore_errors=True)
            self.part.mkdir(parents=True, exist_ok=True)
            append_rows(self.part, [])

    def _resume(self) -> bool:
        """Go back to the last whole segment of a run that was cut off."""
        state, table = read_json(self.part / STATE), self.part / TABLE
        if state is None or state.get("key") != self.key or not table.exists():
            return False
        if table.stat().st_size < state["table_bytes"]:
            return False
        os.truncate(table, state["table_bytes"])
        self.segments, self.counts = state["segments"], Counts(**state["counts"])
        self.names = [row.file for row in iterate_table(self.part)]
        known = set(self.names)
        for stray in self.part.glob("*.jpg"):
            if stray.name not in known:
                stray.unlink()
        return True

    def take(self, frame, time: float, faces: list[Face], settings: PreprocessSettings) -> None:
        self.counts.frames += 1
        face = best_match(faces, settings.tolerance)
        if face is None:
            self.counts.missed(faces)
            return
        name = f"{round(time * 1000):09d}.jpg"
        if name in self.deleted:
            self.counts.deleted += 1
            return
        picture, row = cut_face(frame, face, settings.size, name, time)
        write_face(self.part / name, picture)
        self.rows.append(row)
        self.counts.kept += 1

    def segment_done(self) -> None:
        self.segments += 1
        size = append_rows(self.part, self.rows)
        self.names += [row.file for row in self.rows]
        self.rows = []
        state = {"key": self.key, "segments": self.segments, "table_bytes": size, "counts": asdict(self.counts)}
        write_text(self.part / STATE, json.dumps(state))

    def drop(self) -> None:
        shutil.rmtree(self.part, ignore_errors=True)

    def finish(self, about: dict) -> Counts:
        self.deleted |= _deleted(self.folder)  # also those deleted while this was at work
        gone = self.deleted & set(self.names)
        if gone:
            write_table(self.part, [row for row in iterate_table(self.part) if row.file not in gone])
            self.names = [name for name in self.names if name not in gone]
            for name in gone:
                (self.part / name).unlink(missing_ok=True)
            self.counts.kept, self.counts.deleted = len(self.names), self.counts.deleted + len(gone)
        write_sheet(self.part, self.names)
        done = {"key": self.key, "counts": asdict(self.counts), "deleted": sorted(self.deleted), **about}
        write_text(self.part / DONE, json.dumps(done, indent=1))
        _recover(self.folder, self.key)
        return self.counts


def _deleted(folder: Path) -> set[str]:
    """Names that the table of a finished folder has and the folder has not, and those gone before it was made."""
    done = read_json(folder / DONE)
    if done is None:
        return set()
    here = {entry.name for entry in os.scandir(folder)}
    return {row.file for row in iterate_table(folder) if row.file not in here} | set(done.get("deleted", []))


def _photos(project: Project, person: Person, identity: Identity, report: PersonReport) -> None:
    """Save the person's faces in their photos; photos that are done already are not looked at again."""
    pictures = _list_photos(person)
    if not pictures:
        return
    folder, settings = project.faces_dir(person, "photos"), project.preprocess
    folder.mkdir(parents=True, exist_ok=True)
    key = _fingerprint(project, person)
    state = read_json(folder / DONE) or {}
    same = state.get("key") == key
    gone = _deleted(folder)
    listed = {_photo_key(path): path for path in pictures}  # a photo that is there twice counts once
    known: dict = state.get("seen", {}) if same else {}
    seen = {photo: file for photo, file in known.items() if photo in listed}
    fresh = {photo: path for photo, path in listed.items() if photo not in seen}
    mine = set(seen.values())
    rows = [row for row in iterate_table(folder) if row.file in mine]
    share, keys = settings.held_out, {file: photo for photo, file in seen.items()}
    finder, counts = FaceFinder(settings.detector, settings.min_face), Counts()
    counts.nearest = state.get("nearest", 9.0) if same else 9.0
    with Progress(f"{person.name}: photos", len(fresh), "photo") as progress:
        for i, (photo, path) in enumerate(fresh.items()):
            try:
                row = _photo(folder, finder, identity, photo, path, settings, counts, gone)
            except MediaError as e:
                report.failed.append(str(e))
                say(f"  ! {e}")
                continue
            seen[photo] = row.file if row else ""
            if row:
                rows.append(row)
                keys[row.file] = photo
            progress.update(i + 1)
    if fresh or seen != known or state.get("held_out") != share:
        rows = [replace(row, held_out=photo_held_out(keys[row.file], share)) for row in rows]
        write_table(folder, rows)
        mine = {row.file for row in rows}
        for stray in folder.glob("*.jpg"):  # of photos that are listed no more
            if PHOTO_FACE.fullmatch(stray.name) and stray.name not in mine:
                stray.unlink()
        write_sheet(folder, present_names(folder))
        done = {"key": key, "seen": seen, "deleted": sorted(gone), "nearest": counts.nearest, "held_out": share}
        write_text(folder / DONE, json.dumps(done, indent=1))
        say(f"{person.name}: photos: {counts.sentence(person.name, 'new photos')}")
    report.sources += bool(seen)
    report.nearest = min(report.nearest, counts.nearest)


def _photo(folder, finder, identity, photo: str, path, settings, counts: Counts, gone: set[str]) -> FaceRow | None:
    frame = read_image(path)
    counts.frames += 1
    faces = IdentityFollower(identity).measured(frame, finder.find(frame))
    face = best_match(faces, settings.tolerance)
    if face is None:
        counts.missed(faces)
        return None
    slug = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:40]
    name = f"{slug}-{photo}.jpg"
    if any(old.endswith(f"-{photo}.jpg") for old in gone):  # also when the photo has been renamed
        counts.deleted += 1
        return None
    picture, row = cut_face(frame, face, settings.size, name, None)
    write_face(folder / name, picture)
    counts.kept += 1
    return row


def _photo_key(path: Path) -> str:
    """Which photo it is, by what is in it: copying or moving a project makes no photo new."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError:
        return hashlib.sha256(str(path).encode()).hexdigest()[:12]  # reading it will say what is wrong


def _list_photos(person: Person) -> list[Path]:
    found = []
    for place in person.photos:
        if place.is_dir():
            inside = sorted(p for p in place.iterdir() if p.suffix.lower() in PICTURE_ENDINGS and p.name[0] != ".")
            if not inside:
                raise FaceitError(f"{person.name}'s photos {place} hold no picture that can be read: use JPEG or PNG.")
            found += inside
        elif place.is_file():
            found.append(place)
        else:
            raise FaceitError(f"{person.name}'s photos {place} are not there: name a folder or a picture.")
    return found


def _conclude(project: Project, person: Person, report: PersonReport) -> str | None:
    """Say what there is of a person now; a sentence about what is wrong when there is nothing."""
    folders = finished(project.face_dirs(person))
    report.faces = sum(len(present_names(folder)) for folder in folders)
    if report.faces:
        failed = f"; {len(report.failed)} could not be had" if report.failed else ""
        say(f"{person.name}: {report.faces:,} faces from {len(folders)} of "
            f"{len(person.videos) + bool(person.photos)} sources{failed}; look through "
            f"{project.faces_dir(person)} and delete what is wrong.")  # fmt: skip
        return None
    if report.failed and not report.sources:
        what = "video" if person.videos else "photo"
        return f"No {what} of {person.name} could be had. The first problem: {report.failed[0]}"
    if any(_deleted(folder) for folder in folders):
        return (
            f"Every picture of {person.name} has been deleted: delete the folder {project.faces_dir(person)} to have "
            "them made again."
        )
    near = f" The nearest face is {report.nearest:.2f} away." if report.nearest < 9 else " No face was found at all."
    return (
        f"No face of {person.name} in {report.sources} source{'s' * (report.sources != 1)}: is "
        f"{person.portraits[0]} a good picture of them?{near} (tolerance {project.preprocess.tolerance}; raise it with "
        "care, to 0.65 at most)"
    )
