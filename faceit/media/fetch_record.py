"""A download: the request, and its files on disk: parts while it runs, the video and its facts afterwards."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faceit.config.project import shown_url
from faceit.errors import MediaError
from faceit.files import read_json, replacing
from faceit.media.fetch_errors import short_address

PARTS = ".part"  # beside the videos: the folder of unfinished downloads
WHOLE, DONE = "whole", "done.json"  # in the folder of the parts: the checked video and its facts


@dataclass(frozen=True)
class Download:
    """One video to fetch: its address, its destination (``stem``: the path without ``.mp4``), and which part of it.

    ``height`` limits the smaller side in pixels; ``start`` and ``end`` are seconds, None for the video's own.
    """

    url: str
    stem: Path
    height: int = 1080
    start: float | None = None
    end: float | None = None

    @property
    def ranged(self) -> bool:
        """Whether only a part of the video is requested."""
        return self.start is not None or self.end is not None


def find_video(stem: Path) -> Path | None:
    """The complete video that ``fetch`` wrote at ``stem``, with any extension; None if there is none."""
    facts = _facts_of(stem)
    name = facts.get("file")
    if not isinstance(name, str) or Path(name).name != name:
        return None
    path = Path(stem).with_name(name)
    return path if path.is_file() and path.stat().st_size == facts.get("size") else None


def find_download(job: Download) -> Path | None:
    """The existing video with exactly this address, height and range; None if there is none."""
    facts = _facts_of(job.stem)
    same = all(facts.get(key) == getattr(job, key) for key in ("height", "start", "end"))
    is_its_url = facts["asked"] == _digest(job.url) if "asked" in facts else facts.get("url") == job.url
    return find_video(job.stem) if same and is_its_url else None


def parts_folder(job: Download) -> Path:
    """The folder of an unfinished download: the same for the same job, so that it can be resumed."""
    fields = (job.stem.name, job.url, job.height, *(None if t is None else float(t) for t in (job.start, job.end)))
    key = hashlib.sha256(repr(fields).encode()).hexdigest()[:16]
    return job.stem.parent.resolve() / PARTS / key


def refuse_foreign_file(job: Download) -> None:
    """MediaError if there is a video of that name without our JSON, or a JSON of somebody else's: a user's file is
    never overwritten."""
    video, sheet = _beside(job.stem, ".mp4"), _beside(job.stem, ".json")
    for file in (sheet, video):
        if file.exists() and not _facts_of(job.stem).keys() >= {"file", "url", "size"}:
            raise MediaError(
                f"{short_address(job.url)}: {file} is there already and was not downloaded by faceit: "
                "move it away, or give this video another name."
            )


def keep(job: Download, parts: Path, path: Path, suffix: str, info: dict) -> Path:
    """Move the checked file ``path`` of the folder ``parts`` to its destination; returns that. ``info`` is yt-dlp's."""
    facts = _facts(job, info, path, job.stem.name + suffix)
    os.replace(path, parts / WHOLE)
    with replacing(parts / DONE) as part:
        part.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", errors="replace")
    put_in_place(job, parts)
    return job.stem.with_name(facts["file"])


def put_in_place(job: Download, parts: Path) -> bool:
    """Move a checked download out of ``parts``, its JSON last; this also completes a run that was killed between those
    two moves. False if there is none."""
    facts = read_json(parts / DONE)
    if not facts or not {"file", "size"} <= facts.keys() or Path(str(facts["file"])).name != facts["file"]:
        return False
    video, whole, facts_file = job.stem.with_name(facts["file"]), parts / WHOLE, _beside(job.stem, ".json")
    if whole.is_file():
        old = find_video(job.stem)
        facts_file.unlink(missing_ok=True)
        os.replace(whole, video)
        if old is not None and old != video:
            old.unlink()
    elif not (video.is_file() and video.stat().st_size == facts["size"]):
        return False
    os.replace(parts / DONE, facts_file)
    shutil.rmtree(parts, ignore_errors=True)
    with suppress(OSError):
        parts.parent.rmdir()
    return True


def _facts(job: Download, info: dict, path: Path, name: str) -> dict[str, Any]:
    from yt_dlp.version import __version__ as version

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "file": name,
        "url": shown_url(job.url),
        "asked": _digest(job.url),  # the whole address, with what is in it of passwords and tokens
        "id": info.get("id"),
        "title": info.get("title"),
        "uploader": info.get("uploader") or info.get("channel"),
        "licence": info.get("license"),
        "extractor": info.get("extractor"),
        "duration": info.get("duration"),
        "start": job.start,
        "end": job.end,
        "height": job.height,
        "sha256": digest,
        "size": path.stat().st_size,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "yt_dlp": version,
    }


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def _facts_of(stem: Path) -> dict:
    return read_json(_beside(Path(stem), ".json")) or {}


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)  # with_suffix would drop everything after the name's last dot
