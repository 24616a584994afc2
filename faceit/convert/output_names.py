"""What lies beside a result, by the result's name."""

from pathlib import Path

from faceit.media.formats import CONTAINERS, MOVING

USUAL = ".mp4"


def beside(output: Path, end: str) -> Path:
    """The file beside a result whose name goes on with ``end``: "-worst.jpg" of talk.mp4 is talk-worst.jpg. A folder of
    pictures may have a dot in its name."""
    known = output.suffix.lower() in (*CONTAINERS, *MOVING)
    return output.with_name(f"{output.stem if known else output.name}{end}")


def own(output: Path, end: str) -> Path:
    """The same for what must not be taken for another result's of that stem: ".json" of talk.mkv is talk.mkv.json, of
    talk.mp4, as of old, talk.json."""
    return output.with_name(f"{output.stem if output.suffix.lower() == USUAL else output.name}{end}")
