"""What a project still needs: frames to process and bytes on disk; used by doctor and estimate."""

import math
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from faceit.config.project import Person, Project, Video
from faceit.demo.portraits import portraits
from faceit.errors import MediaError
from faceit.faces.faceset import DONE, SHEET, finished, write_face
from faceit.files import read_json
from faceit.images import read_image, resize
from faceit.media.fetch_record import find_video
from faceit.media.probe import VideoInfo, frame_count, probe, used_seconds
from faceit.network.model_file import STATE, WEIGHTS
from faceit.picture_files import pictures_in

DOWNLOAD_BYTES_S = 600_000  # per second of 1080p video: 4 to 6 Mbit/s are usual for H.264 on YouTube
ROW_BYTES = 2_000  # of a face's row in the table
SAMPLED = 50  # pictures whose size is checked


@dataclass(frozen=True)
class RemainingSource:
    """What preprocess still has to do for one video of a person, or for their photos.

    ``seconds`` is how much of it is used, None if unknown; ``frames`` are still to be processed and about
    ``load_bytes`` to be downloaded; ``trouble`` says why it cannot be counted.
    """

    person: str
    name: str
    seconds: float | None = None
    frames: int = 0
    load_bytes: int = 0
    file: Path | None = None
    info: VideoInfo | None = None
    done: bool = False
    trouble: str = ""


def sources(project: Project, people: Iterable[Person]) -> list[RemainingSource]:
    """All videos and photos of some people, with the remaining work for each."""
    found = []
    for person in people:
        found += [_video(project, person, video) for video in person.videos]
        if person.photos:
            found.append(_photos(project, person))
    return found


def _video(project: Project, person: Person, video: Video) -> RemainingSource:
    done = read_json(project.faces_dir(person, video.name) / DONE) is not None
    file = video.file or find_video(project.video_stem(video))
    source = RemainingSource(person.name, video.name, done=done)
    fps = video.fps or project.preprocess.fps
    if file is not None:
        try:
            info = probe(file)
        except MediaError as e:
            return replace(source, file=file, trouble="" if done else str(e))
        seconds = used_seconds(info, *video.range_in_file)
        frames = 0 if done else frame_count(info, fps, *video.range_in_file)
        return replace(source, seconds=seconds, frames=frames, file=file, info=info)
    if done:
        return source
    if video.end is None:
        return replace(source, trouble="not downloaded yet, so its length is unknown")
    seconds = video.end - (video.start or 0.0)
    load_bytes = round(seconds * DOWNLOAD_BYTES_S * (project.preprocess.height / 1080) ** 2)
    return replace(source, seconds=seconds, frames=math.ceil(seconds * fps), load_bytes=load_bytes)


def _photos(project: Project, person: Person) -> RemainingSource:
    done = read_json(project.faces_dir(person, "photos") / DONE) is not None
    count = sum(len(pictures_in(place)) if place.is_dir() else 1 for place in person.photos)
    return RemainingSource(person.name, "photos", 0.0, 0 if done else count, done=done)


def picture_bytes(project: Project) -> float:
    """Bytes that one more face takes on disk: the mean of existing ones, or of a portrait at the same size."""
    folders = [folder for person in project.people.values() for folder in finished(project.face_dirs(person))]
    sizes = [size for folder in folders for size in _some_sizes(folder)]
    if sizes:
        return sum(sizes) / len(sizes) + ROW_BYTES
    side = project.preprocess.size
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        path = Path(folder) / "face.jpg"
        write_face(path, resize(_a_portrait(project), side, side))
        return path.stat().st_size + ROW_BYTES


def _some_sizes(folder: Path) -> list[int]:
    entries = [entry for entry in os.scandir(folder) if entry.name.endswith(".jpg") and entry.name != SHEET]
    return [entry.stat().st_size for entry in entries[:: max(1, len(entries) // SAMPLED)]]


def _a_portrait(project: Project):
    for path in (path for person in project.people.values() for path in person.portraits):
        try:
            return read_image(path)
        except MediaError:
            continue
    return portraits()["hopper"]


def preprocess_bytes(project: Project, found: list[RemainingSource]) -> int:
    """Bytes that downloads and faces will take at most, if every frame shows the person."""
    loaded = {source.name: source.load_bytes for source in found}  # a video of two people is downloaded once
    frames = sum(source.frames for source in found)
    return round(sum(loaded.values()) + (frames * picture_bytes(project) if frames else 0))


def model_bytes(project: Project, swap: str, size: int) -> int:
    """Bytes that training needs beyond what its folder holds; ``size`` is the most that such a model takes."""
    folder = project.model_dir(swap)
    if (folder / WEIGHTS).exists() and not (folder / STATE).exists():
        return 0  # it was imported, and cannot be trained further
    existing = sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder.is_dir() else 0
    return max(0, size - existing)
