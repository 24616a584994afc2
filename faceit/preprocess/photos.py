"""A person's photos: the faces in stills, beside those of their videos."""

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path

from faceit.config.project import Person
from faceit.config.settings import PreprocessSettings
from faceit.errors import FaceitError, MediaError
from faceit.faces.detect import FaceFinder
from faceit.faces.faceset import DONE, LEFT_OUT, FaceRow, cut_face, iterate_table, write_face, write_table
from faceit.faces.identity import Identity, encode
from faceit.faces.split import photo_held_out
from faceit.files import read_json, write_text
from faceit.geometry import CROPS
from faceit.images import PICTURE_ENDINGS, read_image
from faceit.preprocess.partial_folder import FaceCounts, deleted_names
from faceit.progress import Progress, say

SAVE_EVERY = 100  # photos: what a kill can lose
PHOTO_FACE = re.compile(r".*-[0-9a-f]{12}\.jpg")  # what _photo calls its pictures


def take_photos(folder: Path, person: Person, identity: Identity, settings: PreprocessSettings, key: str) -> tuple:
    """Save the person's faces in their photos into ``folder``; photos that are done already with this ``key`` are not
    looked at again. Returns (photos seen, distance of the nearest face that is not theirs, what went wrong)."""
    failed: list[str] = []
    pictures = list_photos(person)
    if not pictures:
        return 0, 9.0, failed
    (folder / LEFT_OUT).mkdir(parents=True, exist_ok=True)
    state = read_json(folder / DONE) or {}
    same = state.get("key") == key
    gone = deleted_names(folder)
    listed = {_photo_key(path): path for path in pictures}  # a photo that is there twice counts once
    known: dict = state.get("seen", {}) if same else {}
    seen = {photo: file for photo, file in known.items() if photo in listed}
    fresh = {photo: path for photo, path in listed.items() if photo not in seen}
    mine = set(seen.values())
    rows = [row for row in iterate_table(folder) if row.file in mine] if mine else []
    share, keys = settings.held_out, {file: photo for photo, file in seen.items()}
    finder, counts = FaceFinder(settings.detector, settings.min_face), FaceCounts()
    counts.nearest = state.get("nearest", 9.0) if same else 9.0

    def save() -> None:
        held = [replace(row, held_out=photo_held_out(keys[row.file], share)) for row in rows]
        write_table(folder, held)
        done = {"key": key, "seen": seen, "deleted": sorted(gone), "nearest": counts.nearest, "held_out": share,
                "settings": asdict(settings)}  # fmt: skip
        write_text(folder / DONE, json.dumps(done, indent=1))

    with Progress(f"{person.name}: photos", len(fresh), "photo") as progress:
        for i, (photo, path) in enumerate(fresh.items()):
            try:
                row = _photo(folder, finder, identity, photo, path, settings, counts, gone)
            except MediaError as e:
                failed.append(str(e))
                say(f"  ! {e}")
                continue
            seen[photo] = row.file if row else ""
            if row:
                rows.append(row)
                keys[row.file] = photo
            progress.update(i + 1)
            if (i + 1) % SAVE_EVERY == 0:
                save()
    if fresh or seen != known or state.get("held_out") != share:
        save()
        mine = {row.file for row in rows}
        for stray in (*folder.glob("*.jpg"), *(folder / LEFT_OUT).glob("*.jpg")):  # of photos that are listed no more
            if PHOTO_FACE.fullmatch(stray.name) and stray.name not in mine:
                stray.unlink()
        say(f"{person.name}: photos: {counts.sentence(person.name, 'new photos')}")
    return len(seen), counts.nearest, failed


def _photo(folder, finder, identity, photo: str, path, settings, counts: FaceCounts,
           gone: Collection[str]) -> FaceRow | None:  # fmt: skip
    frame = read_image(path)
    counts.frames += 1
    faces = finder.find(frame)
    judged = [(identity.judge(encode(frame, face.landmarks)[None]), face) for face in faces]
    theirs = [(said.distance, face) for said, face in judged if said.verdict == "theirs"]
    if not theirs:
        counts.missed([replace(face, distance=said.distance) for said, face in judged])
        return None
    distance, face = min(theirs, key=lambda each: each[0])
    slug = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:40]
    name = f"{slug}-{photo}.jpg"
    if any(old.endswith(f"-{photo}.jpg") for old in gone):  # also when the photo has been renamed
        counts.deleted += 1
        return None
    face = replace(face, distance=distance)
    picture, row = cut_face(frame, face, settings.size, name, None, crop=CROPS[settings.align])
    write_face(folder / name, picture)
    (folder / LEFT_OUT / name).unlink(missing_ok=True)  # of other settings
    counts.kept += 1
    return row


def _photo_key(path: Path) -> str:
    """Which photo it is, by what is in it: copying or moving a project makes no photo new."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError:
        return hashlib.sha256(str(path).encode()).hexdigest()[:12]  # reading it will say what is wrong


def list_photos(person: Person) -> list[Path]:
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
