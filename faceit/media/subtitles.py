"""Subtitles of a part of a video.

ffmpeg moves a subtitle that begins before the start to the start, and all other streams with it. So the subtitles of a
part are cut here, from those of the whole video as SubRip text.
"""

import re
from pathlib import Path

from faceit.media import process
from faceit.media.container import source_input

TIME = re.compile(r"(\d+):(\d\d):(\d\d),(\d{3}) --> (\d+):(\d\d):(\d\d),(\d{3})")


def cut_subtitles(path: Path, index: int, start: float, length: float, out: Path) -> str | None:
    """Write what of a video's subtitle stream is to be seen within these seconds to the .srt file ``out``; the reason
    where ffmpeg cannot."""
    whole = source_input(path)[str(index)].output(process.file_name(out), format="srt")
    problem = process.problem(process.command(whole))
    if problem is None:
        out.write_text(cut_text(out.read_text("utf-8", errors="replace"), start, length), "utf-8")
    return problem


def cut_text(text: str, start: float, length: float) -> str:
    """SubRip text of a part: its times count from ``start``, seconds, and end with ``length``."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        found = TIME.search(block)
        if found is None:
            continue
        begin, end = (_seconds(found.groups()[i : i + 4]) - start for i in (0, 4))
        if end > 0 and begin < length:
            times = f"{_stamp(max(0.0, begin))} --> {_stamp(min(end, length))}"
            blocks.append(f"{len(blocks) + 1}\n{times}{block[found.end() :].rstrip()}\n")
    return "\n".join(blocks)


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds, thousandths = map(int, parts)
    return 3600 * hours + 60 * minutes + seconds + thousandths / 1000


def _stamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d},{whole % 1000:03d}"
