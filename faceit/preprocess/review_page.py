"""faces: one page for each person with every track that was found, to look at and to tick; and the choices made there.

The page holds everything it shows, asks the network for nothing, and runs one script of ours, which writes the choices
as a file that the browser saves. Nothing counts before that file is in its place.
"""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from faceit.config.project import Person, Project
from faceit.config.settings import nearest
from faceit.config.track_choices import TRACK, TrackChoices, read_choices, unmatched, write_choices
from faceit.errors import FaceitError, MediaError
from faceit.faces.curate import REASONS
from faceit.faces.faceset import LEFT_OUT, finished, iterate_table, picture_names, spread
from faceit.faces.tracks import BEST, TRACKS, Track, read_tracks
from faceit.files import read_json, write_text
from faceit.images import fit_within, read_image
from faceit.measure.coverage import BINS, lacking, pose_counts
from faceit.media.fetch_record import find_video
from faceit.pages import facesets
from faceit.pages.render import link, picture, render, script
from faceit.pages.tracks import TrackFacts, count, groups
from faceit.pages.values import shown, text
from faceit.progress import Progress, say

PAGE = "faces.html"
SIDE, KB = 96, 4.0  # pixels and kilobytes of a picture: a thousand of them are a page that a browser opens at once
SAMPLES = 12  # pictures of each reason
DELETED = "deleted"  # a picture that somebody took away, beside the reasons of curation
BY_TRACK = {"perhaps", "unticked"}  # the reasons for which a whole track is left out


def faces(project: Project, people: list[Person]) -> list[Path]:
    """Write the pages of ``people``, each into its folder of faces. FaceitError where none of them has a face yet."""
    choices = read_choices(project.choices_file())
    for name in sorted(choices.people.keys() - project.people.keys()):
        say(f"{project.choices_file().name} has choices about {name}, who is not in {project.file.name}"
            f"{nearest(name, project.people)}")  # fmt: skip
    pages = [_page(project, person, _partner(project, people, person), choices) for person in people
             if finished(project.face_dirs(person))]  # fmt: skip
    if not pages:
        names = " or ".join(person.name for person in people)
        raise FaceitError(f"There are no faces of {names} yet: run `{_commands(project, people[0])['apply']}` first.")
    return pages


def take_choices(project: Project, people: list[Person], file: Path) -> str:
    """Put what ``file`` says of ``people`` into the project's choices; what was said of others stays. Returns in words
    what it holds. FaceitError where it says nothing of them."""
    if not file.is_file():
        raise FaceitError(f"{file} is not there: name the faces.yaml that your browser saved.")
    choices, here = read_choices(file), project.choices_file()
    named = [person for person in people if person.name in choices.people]
    if not named:
        whose = f"it is of {', '.join(choices.people)}" if choices.people else "it is empty"
        near = nearest(people[0].name, choices.people) if choices.people else ""
        raise FaceitError(f"{file} holds no choices about {' or '.join(p.name for p in people)}; {whose}{near}")
    try:
        before = read_choices(here)
    except FaceitError as e:
        raise FaceitError(f"{e}: mend it or delete it first, since other people's choices are in it.") from None
    write_choices(here, before.taken(choices, [person.name for person in named]))
    lines = []
    for person in named:
        ticked, unticked = choices.counts(person.name)
        lines.append(f"{person.name}: {count(ticked, 'track')} ticked, {count(unticked, 'track')} unticked by hand"
                     f"{_fitting(project, choices, person)}.")  # fmt: skip
    run = " and ".join(f"`{_commands(project, person)['apply']}`" for person in named)
    return "\n".join([*lines, f"Taken into {here}. Now run {run}: what you chose counts from then on."])


def misfits(project: Project, choices: TrackChoices, person: Person) -> list[tuple[str, str]]:
    """(video, track) of choices that fit no track on disk: made with other settings, or of a video that is no longer
    listed."""
    found = []
    for video in choices.people.get(person.name, {}):
        found += [(video, name) for name in unmatched(choices, person.name, video,
                                                      _tracks(project.faces_dir(person, video)))]  # fmt: skip
    return found


def _fitting(project: Project, choices: TrackChoices, person: Person) -> str:
    astray = len(misfits(project, choices, person))
    return f"; {astray} of them fit no track that is there now" if astray else ""


def _partner(project: Project, people: list[Person], person: Person) -> Person | None:
    """Whose poses a person's are compared with: the other one of the swap, or of the first swap that has faces."""
    if len(people) == 2:
        return next(other for other in people if other.name != person.name)
    for swap in project.swaps.values():
        pair = {swap.a.name: swap.b, swap.b.name: swap.a}
        if person.name in pair and finished(project.face_dirs(pair[person.name])):
            return pair[person.name]
    return None


# --- what is on disk -------------------------------------------------------------------------------------------------


@dataclass
class _OnDisk:
    """A person's faces as they are: counts and names, no pictures. A reason "" is none: those are kept."""

    name: str
    poses: list[tuple[float, float]] = field(default_factory=list)  # (yaw, pitch) of those kept
    held_out: int = 0
    files: dict[str, list[tuple[Path, str]]] = field(default_factory=dict)  # reason -> (folder, name)
    tracks: dict[tuple[str, str], Counter] = field(default_factory=dict)  # (video, track) -> reason -> faces

    @property
    def kept(self) -> int:
        return len(self.files.get("", []))

    @property
    def found(self) -> int:
        return sum(map(len, self.files.values()))

    def angles(self) -> np.ndarray:
        return np.array(self.poses).reshape(-1, 2)

    def coverage(self) -> dict:
        """As evaluation.json says it of a person."""
        return {"name": self.name, "count": self.kept, "held_out": self.held_out,
                "yaw_pitch": pose_counts(self.angles())}  # fmt: skip


def _look(project: Project, person: Person) -> _OnDisk:
    """Read a person's tables, row by row."""
    found = _OnDisk(person.name)
    for folder in finished(project.face_dirs(person)):
        names = picture_names(folder)
        for row in iterate_table(folder):
            reason = (row.left_out or "") if row.file in names else DELETED
            found.tracks.setdefault((folder.name, row.track), Counter())[reason] += 1
            found.files.setdefault(reason, []).append((folder, row.file))
            if not reason:
                found.poses.append(row.pose[:2])
                found.held_out += row.held_out
    return found


def _tracks(folder: Path) -> list[Track]:
    """A folder's tracks. FaceitError where their file is damaged: their names become names of files and of choices."""
    try:
        tracks = read_tracks(folder)
        whole = all(TRACK.fullmatch(track.name) for track in tracks)
    except (ValueError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise FaceitError(f"{folder / TRACKS} is damaged: delete the folder {folder.name} and run preprocess again.")
    return tracks


# --- the page --------------------------------------------------------------------------------------------------------


def _page(project: Project, person: Person, partner: Person | None, choices: TrackChoices) -> Path:
    """Write one person's page."""
    on_disk = _look(project, person)
    seen = list(_seen(project, person, choices, on_disk.tracks))
    place = project.faces_dir(person)
    code, allowed = script("faces.js")
    with Progress(f"{person.name}: pictures", unit="picture") as progress:
        pictures = _Pictures(progress)
        drawn = groups(seen, person.name, lambda one: pictures.of(place / one.video / BEST / f"{one.name}.jpg"))
        reasons = [
            {"title": reason or "kept", "words": _words(reason), "count": shown(len(files), 0),
             "pictures": pictures.some(files)}
            for reason, files in sorted(on_disk.files.items(), key=lambda entry: (entry[0] != "", -len(entry[1])))
        ]  # fmt: skip
    astray = misfits(project, choices, person)
    if astray:
        say(f"{person.name}: {count(len(astray), 'choice')} in {project.choices_file().name} fit no track that is "
            "there now, and wait for it.")  # fmt: skip
    page = place / PAGE
    write_text(page, render(
        "faces.html.j2", person=person.name, groups=drawn, reasons=reasons, script=code, allowed=allowed,
        kept=shown(on_disk.kept, 0), left_out=shown(on_disk.found - on_disk.kept, 0),
        held_out=shown(on_disk.held_out, 0) if on_disk.held_out else "",
        tracks=count(len(seen), "track"), sources=_sources(project, person), file=project.choices_file().name,
        project=project.file.name, commands=_commands(project, person),
        astray=[f"{video} {name}" for video, name in astray],
        data={"person": person.name, "file": project.choices_file().name, "choices": choices.people},
        **_poses(on_disk, _look(project, partner) if partner is not None else None),
    ))  # fmt: skip
    return page


def _seen(project: Project, person: Person, choices: TrackChoices, counted: Mapping) -> Iterator[TrackFacts]:
    """Every track of a person's finished videos, in the YAML's order; ``counted`` as in ``_OnDisk.tracks``."""
    for video in person.videos:
        folder = project.faces_dir(person, video.name)
        if folder not in finished([folder]):
            continue
        title = text(read_json(project.video_stem(video).with_suffix(".json")), "title") if video.file is None else None
        path = video.file or find_video(project.video_stem(video))
        for track in _tracks(folder):
            reasons = counted.get((video.name, track.name), Counter())
            chosen = choices.keep(person.name, video.name, track.name)
            done = not reasons.keys() <= BY_TRACK
            yield TrackFacts(
                video.name, title or video.name, track.name, track.begin, track.end, track.frames, track.width,
                track.distance, track.tolerance, track.refused, track.verdict, track.doubtful, chosen,
                chosen is not None and chosen != done, link(project.faces_dir(person), path, track.begin),
                reasons[""], {reason: n for reason, n in reasons.items() if reason and reason not in BY_TRACK},
            )  # fmt: skip


def _words(reason: str) -> str:
    """A reason in words; "" is none, for the faces that are kept."""
    return {"": "these train, or are held out to measure by", DELETED: "you deleted these pictures", **REASONS}.get(
        reason, reason)  # fmt: skip


def _sources(project: Project, person: Person) -> str:
    """How many of a person's videos and photos the page is about, in words."""
    listed = project.face_dirs(person)
    done = finished(listed)
    if len(done) == len(listed):
        return count(len(listed), "source")
    return f"{len(done)} of {count(len(listed), 'source')}; the others are not extracted yet"


def _commands(project: Project, person: Person) -> dict[str, str]:
    """What to type in the project's folder: to take the saved file, and to make it count."""
    config = "" if project.file.name == "faceit.yaml" else f" --config {shlex.quote(project.file.name)}"
    return {"take": f"python faceit.py faces {person.name} --choices FILE{config}",
            "apply": f"python faceit.py preprocess {person.name}{config}"}  # fmt: skip


def _poses(on_disk: _OnDisk, other: _OnDisk | None) -> dict:
    """The heatmaps: the person's, and beside it that of whom they shall stand in for."""
    evaluation: dict = {"to": {"name": on_disk.name}, "faces": {"b": on_disk.coverage()},
            "bins": {axis: list(map(float, BINS[axis])) for axis in ("yaw", "pitch")}}  # fmt: skip
    if other is not None and other.kept:
        evaluation["from"], evaluation["faces"]["a"] = {"name": other.name}, other.coverage()
        evaluation["lacking"] = lacking(other.angles(), on_disk.angles())
    poses = [one for one in reversed(facesets.poses(evaluation)) if one.chart]
    return {"poses": poses, "lacking": facesets.lacking(evaluation),
            "partner": other.name if other is not None and other.kept else "",
            "reach": facesets.reach(on_disk.angles())}  # fmt: skip


class _Pictures:
    """Small pictures as data: URIs; what is no longer there or cannot be read is empty."""

    def __init__(self, progress: Progress):
        self.progress, self.count = progress, 0

    def of(self, path: Path) -> str:
        self.count += 1
        self.progress.update(self.count)
        try:
            return picture(fit_within(read_image(path), SIDE)[0], KB)
        except MediaError:
            return ""

    def some(self, files: list[tuple[Path, str]]) -> list[str]:
        """Of a few of the faces, evenly spread."""
        found = []
        for folder, name in spread(files, SAMPLES):
            path = folder / name if (folder / name).exists() else folder / LEFT_OUT / name
            found.append(self.of(path))
        return [data for data in found if data]
