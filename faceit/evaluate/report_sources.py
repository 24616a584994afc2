"""The report's section on sources: whose videos were used, and where they come from."""

from pathlib import Path
from urllib.parse import urlsplit

from faceit.config.project import Project, Video
from faceit.files import read_json
from faceit.pages.values import clock, items, part, text


def sources(project: Project, results: dict) -> list[dict]:
    """The consent and the videos of each of the two people; ``results`` is evaluation.json."""
    found = []
    for side in ("from", "to"):
        name = text(results, side, "name")
        if name:
            person = project.people.get(name)
            videos = [_source(project, video) for video in person.videos] if person else []
            found.append({"name": name, "tone": side, "consent": text(results, side, "consent"),
                          "known": name in project.people, "videos": videos})  # fmt: skip
    return found


def earlier(results: dict) -> list[str]:
    """A sentence for each swap that had been made in a source before, with its consent."""
    found = []
    for swap in (one for video in items(results, "videos") for one in items(video, "before")):
        driver, giver, consent = text(swap, "from") or "a person", text(swap, "to") or "another", part(swap, "consent")
        words = "; ".join(f"{who}: {said}" for who, said in consent.items()) or text(swap, "consent") or "not stated"
        found.append(f"Before, the face of {driver} had been replaced by the face of {giver}. Consent: {words}")
    return list(dict.fromkeys(found))


def _source(project: Project, video: Video) -> dict:
    """What is known about one video of a person: from the YAML, and from the page it was downloaded from."""
    is_file = video.file is not None
    fetched = None if is_file else read_json(project.video_stem(video).with_suffix(".json"))
    url = project.shown_video(video)
    title, uploader, licence = (text(fetched or {}, key) for key in ("title", "uploader", "licence"))
    return {"title": title or (Path(video.url).name if is_file else video.name), "uploader": uploader or "",
            "licence": licence or "", "span": _span(video), "fetched": fetched is not None, "is_file": is_file,
            "url": url, "link": url if _is_web(url) else None}  # fmt: skip


def _span(video: Video) -> str:
    """The part of a video that is used, in words; empty if all of it is."""
    if video.start is None and video.end is None:
        return ""
    return f"{clock(video.start or 0)} to {'the end' if video.end is None else clock(video.end)}"


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme.lower() in ("http", "https")
    except ValueError:
        return False
