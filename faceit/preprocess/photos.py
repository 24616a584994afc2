"""A person's photos: the faces in stills, beside those of their videos."""

import hashlib
import json
import re
from dataclasses import asdict, replace
from pathlib import Path

from faceit.config.project import Person
from faceit.config.settings import PreprocessSettings
from faceit.errors import FaceitError, MediaError
from faceit.faces.detect import FaceFinder
from faceit.faces.faceset import DONE, LEFT_OUT, cut_face, iterate_table, write_face, write_table
from faceit.faces.identity import Identity, encode
from faceit.faces.split import photo_held_out
from faceit.files import no_link, read_json, write_text
from faceit.geometry import CROPS
from faceit.images import read_image
from faceit.picture_files import passed_over, pictures_in
from faceit.preprocess.partial_folder import FaceCounts, deleted_names
from faceit.progress import Progress, say

SAVE_EVERY = 100  # photos: what a kill can lose
PHOTO_FACE = re.compile(r".*-[0-9a-f]{12}\.jpg")  # what _PhotoFaces calls its pictures


def take_photos(folder: Path, person: Person, identity: Identity, settings: PreprocessSettings, key: str) -> tuple:
    """Save the person's faces in their photos into ``folder``; photos that are done already with this ``key`` are not
    looked at again. Returns (photos seen, distance of the nearest face that is not theirs, what went wrong)."""
    listed = {_photo_key(path): path for path in list_photos(person)}  # a photo that is there twice counts once
    failed: list[str] = []
    if not listed:
        return 0, 9.0, failed
    faces, finder = _PhotoFaces(folder, key, settings, listed), FaceFinder(settings.detector, settings.min_face)
    with Progress(f"{person.name}: photos", len(faces.fresh), "photo") as progress:
        for i, (photo, path) in enumerate(faces.fresh.items(), 1):
            try:
                faces.take(photo, path, finder, identity)
            except MediaError as e:
                failed.append(str(e))
                say(f"  ! {e}")
                continue
            progress.update(i)
            if i % SAVE_EVERY == 0:
                faces.save()
    if faces.changed:
        faces.save()
        faces.sweep()
        say(f"{person.name}: photos: {faces.counts.sentence(person.name, 'new photos')}")
    return len(faces.seen), faces.counts.nearest, failed


class _PhotoFaces:
    """The folder of the faces in a person's photos, and which photos were looked at for it. Photos go by their
    ``_photo_key``."""

    def __init__(self, folder: Path, key: str, settings: PreprocessSettings, listed: dict[str, Path]):
        self.folder, self.key, self.settings = folder, key, settings
        no_link(no_link(folder) / LEFT_OUT).mkdir(parents=True, exist_ok=True)
        state = read_json(folder / DONE) or {}
        same = state.get("key") == key
        known: dict[str, str] = state.get("seen", {}) if same else {}
        self.seen = {photo: file for photo, file in known.items() if photo in listed}  # "" where nobody was found
        self.fresh = {photo: path for photo, path in listed.items() if photo not in self.seen}
        self.changed = bool(self.fresh) or self.seen != known or state.get("held_out") != settings.held_out
        files = set(self.seen.values())
        self.rows = [row for row in iterate_table(folder) if row.file in files] if files else []
        self.deleted = deleted_names(folder)
        self.counts = FaceCounts()
        self.counts.nearest = state.get("nearest", 9.0) if same else 9.0

    def take(self, photo: str, path: Path, finder: FaceFinder, identity: Identity) -> None:
        """Look at one photo, and save the person's face if it is there. MediaError when it cannot be read."""
        frame = read_image(path)
        self.seen[photo] = ""
        self.counts.frames += 1
        judged = [(identity.judge(encode(frame, face.landmarks)[None]), face) for face in finder.find(frame)]
        theirs = [(judgement.distance, face) for judgement, face in judged if judgement.verdict == "theirs"]
        if not theirs:
            self.counts.missed([replace(face, distance=judgement.distance) for judgement, face in judged])
            return
        if any(old.endswith(f"-{photo}.jpg") for old in self.deleted):  # also when the photo has been renamed
            self.counts.deleted += 1
            return
        distance, face = min(theirs, key=lambda each: each[0])
        slug = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:40]
        name = f"{slug}-{photo}.jpg"
        picture, row = cut_face(frame, replace(face, distance=distance), self.settings.size, name, None,
                                crop=CROPS[self.settings.align])  # fmt: skip
        write_face(self.folder / name, picture)
        (self.folder / LEFT_OUT / name).unlink(missing_ok=True)  # of other settings
        self.counts.kept += 1
        self.seen[photo] = name
        self.rows.append(row)

    def save(self) -> None:
        """Write the table, then what was looked at for it."""
        share, photo_of = self.settings.held_out, {file: photo for photo, file in self.seen.items()}
        rows = [replace(row, held_out=photo_held_out(photo_of[row.file], share)) for row in self.rows]
        write_table(self.folder, rows)
        done = {"key": self.key, "seen": self.seen, "deleted": sorted(self.deleted), "nearest": self.counts.nearest,
                "held_out": share, "settings": asdict(self.settings)}  # fmt: skip
        write_text(self.folder / DONE, json.dumps(done, indent=1))

    def sweep(self) -> None:
        """Remove the faces of photos that are listed no more."""
        files = {row.file for row in self.rows}
        for stray in (*self.folder.glob("*.jpg"), *(self.folder / LEFT_OUT).glob("*.jpg")):
            if PHOTO_FACE.fullmatch(stray.name) and stray.name not in files:
                stray.unlink()


def _photo_key(path: Path) -> str:
    """Which photo it is, by what is in it: copying or moving a project makes no photo new."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError:
        return hashlib.sha256(str(path).encode()).hexdigest()[:12]  # reading it will say what is wrong


def list_photos(person: Person) -> list[Path]:
    """A person's photos: those that they name, and those in the folders that they name. FaceitError where one of these
    is not there or empty."""
    found = []
    for place in person.photos:
        if place.is_dir():
            inside = pictures_in(place)
            if others := passed_over(place):
                say(f"{person.name}'s photos: {others}")
            if not inside:
                raise FaceitError(f"{person.name}'s photos {place} hold no picture that can be read: use JPEG or PNG.")
            found += inside
        elif place.is_file():
            found.append(place)
        else:
            raise FaceitError(f"{person.name}'s photos {place} are not there: name a folder or a picture.")
    return found
