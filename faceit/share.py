"""export and import: a trained swap as one file that strangers can safely exchange.

The file is an uncompressed zip of at most four files: ``manifest.json`` with the checksums, ``model.json``,
``weights.safetensors`` and ``preview.jpg``. It is data: nothing in it is ever executed, and an archive that contains
anything else is refused.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from faceit import __version__
from faceit.config.consent import consent_fault
from faceit.config.project import NAME, Project
from faceit.errors import FaceitError, MediaError, WeightsError
from faceit.files import new_folder, next_step, replacing
from faceit.images import read_image
from faceit.lock import only_one
from faceit.network.model_file import MODEL, SIDES, WEIGHTS, check_about, read_about
from faceit.network.swapmodel import load_model
from faceit.picture_files import opened
from faceit.progress import say

MANIFEST, PREVIEW = "manifest.json", "preview.jpg"
FORMAT = 1
LARGEST = {MANIFEST: 1 << 20, MODEL: 1 << 20, WEIGHTS: 1 << 31, PREVIEW: 1 << 25}  # bytes of each file inside
LARGEST_PREVIEW = 1 << 25  # pixels
CHUNK = 1 << 20
# what zipfile raises on damaged files
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, KeyError,
              OverflowError)  # fmt: skip


def export_model(project: Project, swap: str, file: Path, overwrite: bool = False) -> Path:
    """Write models/SWAP as one file; returns its path. FaceitError if it exists or cannot be written."""
    folder = project.model_dir(swap)
    about = read_about(folder)
    if file.is_dir():
        file = file / f"{swap}.faceit"
    if file.exists() and not overwrite:
        raise FaceitError(f"{file} is there already: add --overwrite, or give another name.")
    if fault := _consent_fault(about):
        raise WeightsError(f"{folder / MODEL}: {fault}. Correct it in {project.file.name} and train a little more.")
    names = [MODEL, WEIGHTS] + ([PREVIEW] if (folder / PREVIEW).exists() else [])
    contents = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
    if WEIGHTS not in contents:
        raise WeightsError(f"{folder} has no weights yet: train the swap first.")
    manifest = {
        "format": FORMAT, "faceit": __version__, "people": about["people"],
        "files": {n: {"sha256": hashlib.sha256(b).hexdigest(), "size": len(b)} for n, b in contents.items()},
    }  # fmt: skip
    try:
        with (only_one(file.with_name(f".{file.name}.lock"), f"{file} is being written", passing=True),
              replacing(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive):  # fmt: skip
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
            for name, content in contents.items():
                archive.writestr(name, content)
    except OSError as e:
        raise FaceitError(
            f"{file} cannot be written ({e.strerror or e}): {next_step(e)}, or name another place."
        ) from None
    people = " and ".join(about["people"][s]["name"] for s in ("a", "b"))
    say(f"Wrote {file} ({file.stat().st_size / 1e6:.1f} MB): {people}, step {about.get('step', 0):,}.")
    return file


def import_model(project: Project, file: Path, name: str | None = None) -> Path:
    """Install an exported file as models/NAME. WeightsError if it is damaged, newer, or contains more than data."""
    with _opened(file) as archive:
        manifest = _checked_manifest(archive, file)
        description = io.BytesIO()
        _unpack(archive, MODEL, manifest, description, file)
        about = check_about(_json(description.getvalue(), file), str(file))
        if fault := _consent_fault(about):
            raise WeightsError(f"{file}: {fault}. It is not imported: ask for it with a consent.")
        if len({about["people"][side]["name"] for side in SIDES}) == 1:  # a note could not tell their consents apart
            raise WeightsError(f"{file} says that both people are {about['people']['a']['name']}: it is not imported.")
        folder = _new_place(project, file, about, name)
        _put_in_place(archive, manifest, folder, file)
    people = about["people"]
    say(f"models/{folder.name}: {people['a']['name']} to {people['b']['name']}, step {about.get('step', 0)}.")
    for side in ("a", "b"):
        say(f"  {people[side]['name']}: {people[side]['consent']}")
        own = project.people.get(people[side]["name"])
        if own is not None and own.consent != people[side]["consent"].strip():
            say(f"  ! {own.name} is in {project.file.name} too, with another consent ({own.consent}): if that is "
                f"somebody else, give them another name there. Results tell both consents.")  # fmt: skip
    say(f"To convert, put {people['a']['name']}'s portrait at data/persons/{people['a']['name']}.jpg "
        f"and run `python faceit.py convert {folder.name} VIDEO`.")  # fmt: skip
    return folder


def _new_place(project: Project, file: Path, about: dict, name: str | None) -> Path:
    """The model's folder, which is not there yet; ``name`` is what the user calls it."""
    name = name or about.get("swap")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise FaceitError(f"{file} does not contain a usable name for the swap: give one with --as NAME.")
    folder = project.model_dir(name)
    if folder.exists():
        raise FaceitError(f"models/{name} is there already: give another name with --as NAME.")
    return folder


def _put_in_place(archive: zipfile.ZipFile, manifest: dict, folder: Path, file: Path) -> None:
    """Unpack the model into ``folder``, where it swaps as it should."""
    _sweep(folder.parent)
    try:
        with _alone(folder), new_folder(folder) as part:
            for inside in manifest:
                with (part / inside).open("wb") as out:
                    _unpack(archive, inside, manifest, out, file)
            if PREVIEW in manifest:
                _check_preview(part / PREVIEW)
            load_model(part, shared=True)  # the weights must fit the network that model.json names, and draw
    except MediaError:
        raise WeightsError(f"{file} is damaged: its preview is not a picture.") from None
    except WeightsError as e:
        raise WeightsError(str(e).replace(f"{part}{os.sep}", f"{file}: ")) from None


def _consent_fault(about: dict) -> str | None:
    """What is wrong with the consent of either person of a model."""
    for side in SIDES:
        if fault := consent_fault(about["people"][side]["consent"]):
            return f"{about['people'][side]['name']}: {fault}"
    return None


def _alone(folder: Path):
    """A context in which no other process makes this model, by import or by training."""
    return only_one(folder.with_name(f".{folder.name}.lock"), f"models/{folder.name} is being made", passing=True)


def _sweep(models: Path) -> None:
    """Remove what killed imports have left, which is as large as a model."""
    for part in models.glob(".*.part"):
        name = part.name[1 : -len(".part")]
        if part.is_symlink() or not part.is_dir() or not {path.name for path in part.iterdir()} <= LARGEST.keys():
            continue
        with contextlib.suppress(FaceitError, OSError), _alone(models / name):
            shutil.rmtree(part, ignore_errors=True)


def _check_preview(path: Path) -> None:
    """MediaError unless it is a JPEG of a size that a preview can have, and whole."""
    with opened(path) as picture:
        if picture.format != "JPEG" or picture.width * picture.height > LARGEST_PREVIEW:
            raise MediaError(f"{path} is no JPEG, or too large.")
    read_image(path)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """An exported file, to read from; what is wrong with it becomes a sentence."""
    if file.is_dir():
        raise FaceitError(f"{file} is a folder: name a file that `faceit.py export` wrote.")
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except FileNotFoundError:
        raise FaceitError(f"{file} is not there: name a file that `faceit.py export` wrote.") from None
    except UNREADABLE as e:
        raise WeightsError(f"{file} is damaged or cut off ({e}): get it again from where it came.") from None


def _checked_manifest(archive: zipfile.ZipFile, file: Path) -> dict:
    """What the manifest says of each file inside, after every check that needs no network."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    for entry in entries:
        if entry.filename not in LARGEST:
            raise WeightsError(f"{file} contains {entry.filename!r:.80}, which no model has: it is not imported.")
        if names.count(entry.filename) > 1:
            raise WeightsError(f"{file} contains {entry.filename} twice: it is not imported.")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise WeightsError(f"{file} is compressed or encrypted, which faceit never does: it is not imported.")
        if entry.file_size > LARGEST[entry.filename]:
            raise WeightsError(f"{file}: {entry.filename} is too large: it is not imported.")
    if MANIFEST not in names:
        raise WeightsError(f"{file} is not an exported model: it has no {MANIFEST}.")
    manifest = _json(archive.read(MANIFEST), file)
    if type(manifest.get("format")) is not int:
        raise WeightsError(f"{file} is not an exported model of faceit.")
    if manifest["format"] > FORMAT:
        raise WeightsError(f"{file} was written by a newer faceit ({manifest.get('faceit')!r:.40}): update faceit.")
    files = manifest.get("files")
    if not isinstance(files, dict) or set(files) != set(names) - {MANIFEST} or not {MODEL, WEIGHTS} <= set(files):
        raise WeightsError(f"{file} does not match its manifest: get it again from where it came.")
    return files


def _unpack(archive: zipfile.ZipFile, name: str, manifest: dict, out: IO[bytes], file: Path) -> None:
    """Write one file inside to ``out``; its checksum must be the manifest's."""
    said, digest = manifest[name], hashlib.sha256()
    with archive.open(name) as inside:
        while chunk := inside.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
    if not isinstance(said, dict) or digest.hexdigest() != said.get("sha256"):
        raise WeightsError(f"{file}: {name} is not what was exported (checksum): get it again from where it came.")


def _json(content: bytes, file: Path) -> dict:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise WeightsError(f"{file} is damaged: its description cannot be read.")
    return value
