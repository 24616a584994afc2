"""preprocess: from URLs and files to aligned faces of the right people.

A video is worked on in segments of ``SEGMENT_S`` seconds, each read by its own seek and followed afresh. So what a
segment gives does not depend on where an earlier run was killed, and a killed run goes on at the next segment.
"""

import hashlib
import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import FaceitError, MediaError
from ..faces.detect import FaceFinder
from ..faces.faceset import (
    DONE,
    FaceRow,
    cut_face,
    finished,
    present,
    read_json,
    read_table,
    write_sheet,
    write_table,
    write_text,
)
from ..faces.identity import Identity, IdentityFollower, best_match, learn_identity
from ..geometry import Face
from ..images import PICTURE_ENDINGS, read_image, write_image
from ..media.fetch import fetch_all
from ..media.video import frame_count, probe, read_frames
from ..progress import Progress, say
from ..project import Person, Project, Video
from ..settings import PreprocessSettings
from .downloads import cookie_options, fetch_job

SEGMENT_S = 30.0
FORMAT = 1  # of a folder of faces; raised when old folders must be made again
STATE = "state.json"


@dataclass
class Counts:
    """What became of the frames (or photos) of one source."""

    frames: int = 0
    kept: int = 0
    no_face: int = 0
    someone_else: int = 0
    nearest: float = 9.0  # smallest distance among the faces that were someone else's

    def sentence(self, person: str, unit: str = "frames") -> str:
        return (f"{self.frames:,} {unit}, {self.kept:,} faces kept, {self.no_face:,} without a face, "
                f"{self.someone_else:,} of someone else than {person}")  # fmt: skip


@dataclass
class PersonReport:
    """What preprocess did for one person."""

    person: str
    faces: int = 0
    sources: int = 0
    failed: list[str] = field(default_factory=list)
    nearest: float = 9.0


def preprocess(project: Project, people: list[Person]) -> list[PersonReport]:
    """Download, find, align and save the faces of ``people``. FaceitError when one of them has no face at all."""
    identities = {}
    for person in people:
        if not person.videos and not person.photos:
            raise FaceitError(
                f"{person.name} has neither videos nor photos: list some under people.{person.name}.videos in "
                f"{project.file.name}."
            )
        identities[person.name] = learn_identity(person.name, person.portraits, project.preprocess.detector)
    reports = {person.name: PersonReport(person.name) for person in people}
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
    for person in people:
        _conclude(project, person, reports[person.name])
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
    for job, got in fetch_all(jobs, settings.downloads, **cookie_options(project)):
        name = job.stem.name
        if not isinstance(got, Exception):
            say(f"{name}: {got.stat().st_size / 1e6:.1f} MB from {job.url}")
        for person, video in wanted[name]:
            yield person, video, got


def extract_video(project: Project, person: Person, video: Video, path: Path, identity: Identity) -> Counts:
    """Save the person's faces in one video; at once where that has been done with the same settings."""
    folder = project.faces_dir(person, video.name)
    settings, fps = project.preprocess, video.fps or project.preprocess.fps
    # a download is cut already; a file on disk is read in its range
    start, end = (video.start or 0.0, video.end) if video.file else (0.0, None)
    info = probe(path)
    key = _fingerprint(settings, identity, fps=fps, start=start, end=end, file=_stamp(path))
    done = _recover(folder, key)
    if done is not None:
        return Counts(**done["counts"])
    work = _Work(folder, key)
    finder = FaceFinder(settings.detector, settings.min_face)
    stop = min(end, info.duration) if end is not None and info.duration else end or info.duration
    total = frame_count(info, fps, start, stop)
    with Progress(f"{person.name}: {video.name}", total) as progress:
        progress.resume_at(work.counts.frames)
        while True:
            begin = start + work.segments * SEGMENT_S
            if work.segments and stop is not None and begin >= stop - 0.5 / fps:
                break
            finish = begin + SEGMENT_S if stop is None else min(begin + SEGMENT_S, stop)
            before = work.counts.frames
            follower = IdentityFollower(identity)
            try:
                frames = read_frames(path, fps=fps, start=begin, end=finish)
                for time, frame, faces in finder.find_all(frames):
                    work.take(frame, time, follower.measured(frame, faces), settings)
                    progress.update(work.counts.frames, f"{work.counts.kept:,} faces")
            except MediaError as e:
                if not work.segments:
                    raise
                say(f"  ! {video.name}: nothing can be read after {begin:.0f} s: {e}")
                break
            work.segment_done()
            if work.counts.frames == before:
                break
    counts = work.finish({"video": video.url, "person": person.name, "settings": asdict(settings)})
    say(f"{person.name}: {video.name}: {counts.sentence(person.name)}")
    return counts


def _fingerprint(settings: PreprocessSettings, identity: Identity, **more) -> str:
    """What the faces of a folder depend on, as a short hash."""
    mine = {k: v for k, v in asdict(settings).items() if k in ("detector", "tolerance", "size", "min_face")}
    portraits = hashlib.sha256(identity.encodings.round(5).tobytes()).hexdigest()
    text = json.dumps([FORMAT, mine, portraits, more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stamp(path: Path) -> list:
    stat = path.stat()
    return [path.name, stat.st_size]


def _recover(folder: Path, key: str) -> dict | None:
    """done.json of a finished folder with this key; a folder whose last rename was cut off is put in place."""
    part, old = _aside(folder, "part"), _aside(folder, "old")
    finished = read_json(part / DONE)
    if finished is not None and finished.get("key") == key:
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
    """A folder of faces in the making: pictures and table beside the final place, complete segments only."""

    def __init__(self, folder: Path, key: str):
        self.folder, self.part = folder, _aside(folder, "part")
        self.segments, self.counts, self.deleted = 0, Counts(), set()
        self.rows: list[FaceRow] = []
        state = read_json(self.part / STATE)
        if state is not None and state.get("key") == key:
            self.segments, self.counts = state["segments"], Counts(**state["counts"])
            self.deleted = set(state["deleted"])
            self.rows = read_table(self.part)[: state["rows"]]
        else:
            shutil.rmtree(self.part, ignore_errors=True)
            # a picture that somebody deleted stays deleted when the folder is made again with other settings
            self.deleted = _deleted(folder)
        self.part.mkdir(parents=True, exist_ok=True)
        self.key, self._done_rows = key, {row.file for row in self.rows}
        for stray in self.part.glob("*.jpg"):  # of a segment that was cut off
            if stray.name not in self._done_rows:
                stray.unlink()

    def take(self, frame, time: float, faces: list[Face], settings: PreprocessSettings) -> None:
        self.counts.frames += 1
        face = best_match(faces, settings.tolerance)
        if face is None:
            self.counts.no_face += not faces
            self.counts.someone_else += bool(faces)
            self.counts.nearest = min([self.counts.nearest, *(f.distance for f in faces)])
            return
        name = f"{round(time * 1000):09d}.jpg"
        if name in self.deleted:
            return
        picture, row = cut_face(frame, face, settings.size, name, time)
        write_image(self.part / name, picture)
        self.rows.append(row)
        self.counts.kept += 1

    def segment_done(self) -> None:
        self.segments += 1
        write_table(self.part, self.rows)
        state = {"key": self.key, "segments": self.segments, "rows": len(self.rows),
                 "counts": asdict(self.counts), "deleted": sorted(self.deleted)}  # fmt: skip
        write_text(self.part / STATE, json.dumps(state))

    def finish(self, about: dict) -> Counts:
        write_sheet(self.part, self.rows)
        done = {"key": self.key, "counts": asdict(self.counts), "deleted": sorted(self.deleted), **about}
        write_text(self.part / DONE, json.dumps(done, indent=1))
        (self.part / STATE).unlink(missing_ok=True)
        _recover(self.folder, self.key)
        return self.counts


def _deleted(folder: Path) -> set[str]:
    """Names that the table of a finished folder has and the folder has not, and those gone before it was made."""
    done = read_json(folder / DONE)
    if done is None:
        return set()
    here = {row.file for row in present(folder)}
    return {row.file for row in read_table(folder) if row.file not in here} | set(done.get("deleted", []))


def _photos(project: Project, person: Person, identity: Identity, report: PersonReport) -> None:
    """Save the person's faces in their photos; photos that are done already are not looked at again."""
    pictures = _list_photos(person)
    if not pictures:
        return
    folder, settings = project.faces_dir(person, "photos"), project.preprocess
    folder.mkdir(parents=True, exist_ok=True)
    key = _fingerprint(settings, identity)
    state = read_json(folder / DONE) or {}
    seen: dict = state.get("seen", {}) if state.get("key") == key else {}
    gone = _deleted(folder)
    rows = [row for row in read_table(folder) if row.file in set(seen.values())]
    finder, counts = FaceFinder(settings.detector, settings.min_face), Counts()
    fresh = [p for p in pictures if _photo_key(p) not in seen]
    with Progress(f"{person.name}: photos", len(fresh), "photo") as progress:
        for i, path in enumerate(fresh):
            try:
                row = _photo(folder, finder, identity, path, settings, counts, gone)
            except MediaError as e:
                report.failed.append(str(e))
                say(f"  ! {e}")
                continue
            seen[_photo_key(path)] = row.file if row else ""
            rows += [row] if row else []
            progress.update(i + 1)
    if fresh or not (folder / DONE).exists():
        write_table(folder, rows)
        write_sheet(folder, [row for row in rows if (folder / row.file).exists()])
        write_text(folder / DONE, json.dumps({"key": key, "seen": seen, "deleted": sorted(gone)}, indent=1))
        say(f"{person.name}: photos: {counts.sentence(person.name, 'new photos')}")
    report.sources += 1
    report.nearest = min(report.nearest, counts.nearest)


def _photo(folder, finder, identity, path, settings, counts: Counts, gone: set[str]) -> FaceRow | None:
    frame = read_image(path)
    counts.frames += 1
    faces = IdentityFollower(identity).measured(frame, finder.find(frame))
    face = best_match(faces, settings.tolerance)
    if face is None:
        counts.no_face += not faces
        counts.someone_else += bool(faces)
        counts.nearest = min([counts.nearest, *(f.distance for f in faces)])
        return None
    slug = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:40]
    name = f"{slug}-{hashlib.sha1(_photo_key(path).encode()).hexdigest()[:6]}.jpg"
    if name in gone:
        return None
    picture, row = cut_face(frame, face, settings.size, name, None)
    write_image(folder / name, picture)
    counts.kept += 1
    return row


def _photo_key(path: Path) -> str:
    stat = path.stat()
    return f"{path.name}|{stat.st_size}|{stat.st_mtime_ns}"


def _list_photos(person: Person) -> list[Path]:
    found = []
    for place in person.photos:
        if place.is_dir():
            found += sorted(p for p in place.iterdir() if p.suffix.lower() in PICTURE_ENDINGS)
        elif place.is_file():
            found.append(place)
        else:
            raise FaceitError(f"{person.name}'s photos {place} are not there: name a folder or a picture.")
    return found


def _conclude(project: Project, person: Person, report: PersonReport) -> None:
    folders = finished(project.face_dirs(person))
    report.faces = sum(len(present(folder)) for folder in folders)
    if report.faces:
        failed = f"; {len(report.failed)} could not be had" if report.failed else ""
        say(f"{person.name}: {report.faces:,} faces from {len(folders)} of "
            f"{len(person.videos) + bool(person.photos)} sources{failed}; look through "
            f"{project.faces_dir(person)} and delete what is wrong.")  # fmt: skip
        return
    tolerance = project.preprocess.tolerance
    if report.failed and not report.sources:
        raise FaceitError(f"No video of {person.name} could be had. The first problem: {report.failed[0]}")
    near = f" The nearest face is {report.nearest:.2f} away." if report.nearest < 9 else " No face was found at all."
    raise FaceitError(
        f"No face of {person.name} in {report.sources} source{'s' * (report.sources != 1)}: is "
        f"{person.portraits[0]} a good picture of them?{near} (tolerance {tolerance}; raise it with care, to 0.65 at "
        "most)"
    )
