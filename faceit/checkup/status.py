"""init and status: a first YAML file, and what has been done so far."""

from pathlib import Path

from faceit.config.project import Person, Project, Video
from faceit.config.project_file import load_project
from faceit.errors import FaceitError, WeightsError
from faceit.faces.faceset import DONE, present_names
from faceit.files import read_json, write_text
from faceit.media.fetch_record import find_video
from faceit.network.model_file import MODEL, read_about
from faceit.progress import duration

TEMPLATE = """\
# A faceit project. Paths are relative to this file. Every field except `people`, their `consent` and `from`/`to` has a
# default; docs/configuration.md lists them all.

people:
  anna:
    portrait: data/persons/anna.jpg         # which face is hers: one picture, or a list of them
    consent: "my own face"                  # how you may use this face; written into every output
    videos:                                 # a few minutes in all, with many poses and expressions
      - https://www.youtube.com/watch?v=XXXXXXXXXXX
      # - {url: "https://example.org/talk.mp4", name: talk, start: "0:40", end: "2:10", fps: 10}
      # - data/videos/holiday.mp4           # a file on this disk
    # photos: data/photos/anna              # pictures to train on, with or instead of videos

  ben:
    portrait: data/persons/ben.jpg
    consent: "Ben, by e-mail of 3 May"
    videos:
      - https://www.youtube.com/watch?v=YYYYYYYYYYY

swaps:
  anna_to_ben:                              # Anna is in the video; she gets Ben's face
    from: anna
    to: ben
    # model: {preset: auto}                 # cpu (minutes), gpu (larger, an hour on a GPU), original (of 2017)
    # train: {minutes: 30}                  # or iterations: 100000
    # convert: {mask: shared, sharpen: 1}

# preprocess: {fps: 20, height: 1080, detector: yunet, tolerance: 0.6}
"""


def init(file: Path) -> str:
    """Write a commented project that validates; returns what to do next."""
    if file.exists() or file.is_symlink():
        raise FaceitError(f"{file} already exists: edit it, or name another with --config.")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, TEMPLATE)
    project = load_project(file)
    (project.data / "persons").mkdir(parents=True, exist_ok=True)
    return (
        f"Wrote {file}. Fill in your people, their videos and why you may use their faces; put a portrait of each in "
        f"{project.data / 'persons'}; then run `python faceit.py preprocess NAME`, where NAME is a swap of yours "
        f"({', '.join(project.swaps)} in the example)."
    )


def status(project: Project) -> str:
    """People, videos, faces and swaps, and the progress of each, as text."""
    lines = [f"{project.file}", ""]
    for person in project.people.values():
        lines += _person(project, person)
    for swap in project.swaps.values():
        lines += [f"{swap.name}: {swap.a.name} gets the face of {swap.b.name}; {_model(project, swap.name)}"]
        videos = sorted(project.output_dir(swap.name).glob("*.mp4"))
        lines += [f"    {path.relative_to(project.root)}" for path in videos]
    others = [name for name in project.model_names() if name not in project.swaps]
    lines += [f"{name}: not in the YAML; {_model(project, name)}" for name in others]
    return "\n".join(lines)


def _person(project: Project, person: Person) -> list[str]:
    missing = [str(p) for p in person.portraits if not p.is_file()]
    portrait = f"portrait missing: {', '.join(missing)}" if missing else "portrait found"
    lines = [f"{person.name}: {portrait}; consent: {person.consent}"]
    total = 0
    for video in person.videos:
        count = _faces(project.faces_dir(person, video.name))
        total += count or 0
        lines.append(f"    {video.name}: {_without_faces(project, video) if count is None else f'{count:,} faces'}")
    if person.photos:
        count = _faces(project.faces_dir(person, "photos"))
        total += count or 0
        lines.append(f"    photos: {'no faces yet' if count is None else f'{count:,} faces'}")
    return [*lines, f"    {total:,} faces in all", ""]


def _faces(folder: Path) -> int | None:
    """How many faces a finished folder holds; None while it is not finished."""
    return len(present_names(folder)) if read_json(folder / DONE) else None


def _without_faces(project: Project, video: Video) -> str:
    """The state of a video whose faces were not extracted yet."""
    if video.file is not None:
        return "file found, no faces yet" if video.file.is_file() else "file missing"
    return "downloaded, no faces yet" if find_video(project.video_stem(video)) else "not downloaded"


def _model(project: Project, swap: str) -> str:
    folder = project.model_dir(swap)
    if not (folder / MODEL).exists():
        return "not trained yet"
    try:
        about = read_about(folder)
    except WeightsError as e:
        return str(e)
    return (f"{about['preset']['name']}, {about.get('step', 0):,} steps in {duration(about.get('seconds') or 0)}, "
            f"saved {about.get('saved', '?')}")  # fmt: skip
