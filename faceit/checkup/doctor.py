"""doctor: is everything installed that faceit needs, and does it work?

Every library is tried by what faceit does with it, since one that can be imported may still fail: a new release has
dropped a function, a build is for another processor. Trials run in separate processes, so a library that crashes its
process is a line of the report like any other; this module and those it imports do not import anything at the top that
may be broken.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faceit.checkup import isolated
from faceit.checkup import trial_findings as trials
from faceit.checkup.finding import FAIL, OK, WORSE, Finding, words
from faceit.checkup.installed import check_libraries, check_python, reinstall_step
from faceit.checkup.machine_findings import check_disk, check_memory
from faceit.checkup.project_findings import check_people, check_project, preset_of
from faceit.config.settings import PreprocessSettings
from faceit.plain_text import escaped


def doctor(file: Path | None) -> int:
    """Print a line for each check; returns how many are FAIL. ``file`` is the project's YAML, None without one."""
    counts = {OK: 0, WORSE: 0, FAIL: 0}
    for line in check(file):
        counts[line.mark] += 1
        print(escaped(str(line)), flush=True)
    if not counts[FAIL]:
        better = f" {_things(counts[WORSE])} could be better; see ! above." if counts[WORSE] else ""
        print(f"All is well.{better}")
    return counts[FAIL]


def sentence(fails: int) -> str:
    """The last sentence if something is FAIL."""
    return f"{_things(fails)} must be fixed; see FAIL above."


def _things(count: int) -> str:
    return f"{count} thing{'s' * (count != 1)}"


def check(file: Path | None) -> Iterator[Finding]:
    """All checks, in order, each as soon as it is known."""
    project, project_lines = check_project(file)
    presets = sorted({preset_of(project, swap) for swap in project.swaps.values()}) if project else []
    detector = (project.preprocess if project else PreprocessSettings()).detector
    reported: set[str | None] = set()  # modules and kinds of weights already reported as broken
    with ThreadPoolExecutor(2) as pool:
        tried = isolated.start(pool, presets, detector)
        yield from _guarded("Python", check_python)
        yield from _guarded("libraries", check_libraries)
        programs = list(_guarded("ffmpeg", trials.check_ffmpeg))
        yield from programs
        if any(line.mark == FAIL for line in programs):
            reported.add("ffmpeg")
        else:
            code = "from faceit.media.trial import try_videos\nanswer = try_videos()"
            tried["video"] = isolated.submit(pool, "video", code)
        yield from _guarded("video", lambda: trials.check_trial("video", tried, reported))
        yield from _guarded("yt-dlp", lambda: trials.check_downloads(tried["yt_dlp"], project, reported))
        yield from _guarded("weights", lambda: trials.check_weights(tried["dlib"], reported))
        yield from _guarded("detector", lambda: trials.check_detector(tried, reported))
        yield from _guarded("face", lambda: trials.check_trial("face", tried, reported))
        yield from _guarded("pages", lambda: trials.check_trial("pages", tried, reported))
        yield from _guarded("Keras", lambda: trials.check_keras(tried["keras"], reported))
        yield from _guarded("memory", check_memory)
        yield from project_lines
        if project is not None:
            yield from _guarded("project", lambda: check_people(project))
        yield from _guarded("disk", lambda: check_disk(file, project, tried, reported))


def _guarded(subject: str, checks: Callable) -> Iterator[Finding]:
    """The lines of some checks; a check that raises becomes a line too."""
    try:
        yield from checks()
    except Exception as e:  # a broken library must not end the report
        yield Finding(FAIL, subject, f"{words(e)}: {reinstall_step()}.")
