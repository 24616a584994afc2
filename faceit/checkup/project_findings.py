"""doctor's findings about the project: its YAML, its people, their portraits and their videos."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from faceit.checkup.finding import FAIL, OK, WORSE, Finding, words
from faceit.checkup.installed import reinstall_step
from faceit.errors import ConfigError

DONE = "done.json"  # as in faces.faceset, which cannot be imported without OpenCV
YOUTUBE = re.compile(r"https?://([\w-]+\.)*(youtube(-nocookie)?\.com|youtu\.be)(:\d+)?/", re.IGNORECASE)


def check_project(file: Path | None):
    """(the project or None, the findings about its YAML)."""
    if file is None:
        return None, [Finding(OK, "project", "no faceit.yaml in this folder; `python faceit.py init` writes one")]
    try:
        from faceit.config.project_file import load_project

        project = load_project(file)
    except ConfigError as e:
        text = str(e)
        return None, [Finding(FAIL, "project", text if text.endswith(".") else f"{text}.")]
    except Exception as e:
        return None, [Finding(FAIL, "project", f"{file} cannot be read ({words(e)}): {reinstall_step()}.")]
    counts = f"{len(project.people)} people, {len(project.swaps)} swap{'s' * (len(project.swaps) != 1)}"
    if not project.swaps:
        return project, [Finding(FAIL, "project", f"{file.name} has no swap: name `from` and `to` under `swaps:`.")]
    return project, [Finding(OK, "project", f"{project.file}: {counts}")]


def check_people(project) -> Iterator[Finding]:
    """Consent, portraits and videos of each person."""
    for person in project.people.values():
        yield Finding(OK, "consent", f"{person.name}: {person.consent}")
        yield _portraits(person)
        yield _videos(project, person)


def _portraits(person) -> Finding:
    where = f"people.{person.name}.portrait"
    if not person.portraits:
        return Finding(FAIL, "portrait", f"{person.name} has no portrait: name one under {where}.")
    missing = [str(path) for path in person.portraits if not path.is_file()]
    if missing:
        return Finding(FAIL, "portrait", f"{person.name}: {', '.join(missing)} is missing: put a picture of the face "
                       f"there, or name another under {where}.")  # fmt: skip
    return Finding(OK, "portrait", f"{person.name}: {', '.join(path.name for path in person.portraits)}")


def _videos(project, person) -> Finding:
    """A missing file is FAIL only if nothing else shows the person."""
    where = f"people.{person.name}"
    lost = [str(path) for path in person.photos if not path.exists()]
    if lost:
        return Finding(FAIL, "videos", f"{person.name}: {lost[0]} is not there: correct {where}.photos.")
    if not person.videos and not person.photos:
        return Finding(FAIL, "videos", f"{person.name} has neither videos nor photos: list some under {where}.videos.")
    states = [_video_state(project, person, video) for video in person.videos]
    counts = Counter(states)
    text = ", ".join(f"{counts[state]} {state}" for state in ("done", "there", "to download") if counts[state])
    text = f"{person.name}: {text or 'no video'}{', and photos' if person.photos else ''}"
    missing = [video for video, state in zip(person.videos, states, strict=True) if state == "missing"]
    if not missing:
        return Finding(OK, "videos", text)
    alone = len(missing) == len(person.videos) and not person.photos
    more = f", nor {len(missing) - 1} more" if len(missing) > 1 else ""
    text = f"{text}; {missing[0].file} is not there{more}: correct {where}.videos."
    return Finding(FAIL if alone else WORSE, "videos", text)


def _video_state(project, person, video) -> str:
    """"done" (its faces are there), "there", "to download", or "missing": a file that is not there."""
    from faceit.media.fetch_record import find_video

    if (project.faces_dir(person, video.name) / DONE).exists():
        return "done"
    if video.file is not None:
        return "there" if video.file.is_file() else "missing"
    return "to download" if find_video(project.video_stem(video)) is None else "there"


def youtube_to_download(project) -> list[str]:
    """The project's YouTube videos that are not downloaded yet."""
    if project is None:
        return []
    from faceit.media.fetch_record import find_video

    videos = [video for person in project.people.values() for video in person.videos]
    waiting = [video for video in videos if YOUTUBE.match(video.url) and find_video(project.video_stem(video)) is None]
    return [project.shown_video(video) for video in waiting]


def preset_of(project, swap) -> str:
    """The preset of a swap's model, which cannot change; without a model, the YAML's."""
    from faceit.network.presets import PRESETS

    try:
        name = json.loads((project.model_dir(swap.name) / "model.json").read_text(encoding="utf-8"))["preset"]["name"]
    except (OSError, ValueError, LookupError, TypeError):
        return swap.model.preset
    return name if name in PRESETS else swap.model.preset
