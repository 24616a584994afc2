"""kill -9 at any moment of a long command, and the same command again: does it end as if nothing had been? Run by hand.

    python -m benchmarks.kills [--kills N] [--only KIND,...] [--seed S] [--work DIR]

Clips of the demo's two people are made first; nothing else is needed. Then, ``--kills`` times in all (100), a command
of faceit runs in a process group of its own on a fresh copy of a small project and gets SIGKILL: most of the times the
whole group, as when a terminal or the machine goes down, every third time the main process alone, which orphans its
workers. The moments are drawn from ``--seed``; they spread evenly over the length of an uninterrupted run, most of them
after the first sign of work: before it a command only loads its libraries. The same command then runs to its end.

(a) right after the kill every file with a final name must be whole;
(b) the second run must end well, without a refusal or a traceback; where the first one was through already, "is there
    already" is a good end, too;
(c) the result must be that of the uninterrupted run: the bytes of downloads, faces and models, every decoded frame and
    all sound of videos, the note in them, what is in an archive; a training goes on at its last save, which is no older
    than the gap between saves allows, and ends with the same weights;
(d) no other file may be left than an uninterrupted run leaves, and no process.

Prints a table, and last how many kills ended with the same result.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.kill_results import archives, faces, files_of, half_written, models, results, saved_step, videos
from faceit.cli import main as faceit
from faceit.demo.clip import make_clip
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.images import write_image
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.server import serve_folder
from faceit.network.model_file import STATE

ROOT = Path(__file__).parents[1]
LONGEST_S = 600.0  # of a run: one that takes longer hangs
EARLY = 0.15  # of the kills come before the first sign of work
LOOK_S = 0.02
DOWNLOAD_S = 5.0  # that a clip takes from the server
SAVE_S, SLACK_S = 1.0, 3.0  # between saves; what a step, a look and a save may take more
BY_TIME = re.compile(r"models/[^/]+/(previews|timelapse)(/.*|\.mp4)")  # which of these there are depends on the clock


@dataclass
class Kind:
    """A command to be killed. ``share``: of a hundred kills; ``variants``: its words after the command's name;
    ``compare`` (project, that of the uninterrupted run): what is different."""

    name: str
    share: int
    variants: list[list[str]]
    compare: Callable[[Path, Path], list[str]]
    removed: tuple[str, ...] = ()  # of the finished project, so that there is something to do


KINDS = [
    Kind("download", 16, [["preprocess", "c2h"]], videos, ("data", "models")),
    Kind("preprocess", 16, [["preprocess", "c2h"]], faces, ("data/processed", "models")),
    Kind("train", 16, [["train", "c2h"]], models, ("models",)),
    Kind("convert", 20, [["convert", "c2h", "clips/talk.mp4", "--side-by-side"],
                         ["convert", "c2h", "clips/talk.mp4", "--format", "png", "--end", "3"]], results),
    Kind("photos", 8, [["convert", "c2h", "photos"]], results),
    Kind("export", 12, [["export", "c2h", "c2h.faceit"]], archives, ("c2h.faceit",)),
    Kind("import", 12, [["import", "c2h.faceit"]], models, ("models",)),
]  # fmt: skip


@dataclass
class Run:
    """One run of a command: when it first gave a sign of work, and when it ended, in seconds since its start."""

    process: subprocess.Popen
    log: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(timeout=LONGEST_S)

    def kill(self, alone: bool) -> None:
        if alone:
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def survivors(self) -> bool:
        """Whether a process of its group lives on."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            if int(words[2]) == self.process.pid and words[0] != "Z":
                return True
        return False


def start(words: list[str], project: Path, number: int = 0) -> Run:
    """Run a command of faceit in a process group of its own; what it says goes into a file beside the project."""
    log, temp = project.with_name(f"{project.name}-{number}.log"), project.with_name(f"{project.name}-temp")
    temp.mkdir(exist_ok=True)
    more = {"TMPDIR": str(temp), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "NO_PROXY": "*"}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, str(ROOT / "faceit.py"), *words], cwd=project, stdout=out,
                                   stderr=subprocess.STDOUT, env=os.environ | more, start_new_session=True)  # fmt: skip
    return Run(process, log)


def wait_for_sign(run: Run, project: Path, before: set[str], limit: float = LONGEST_S) -> float:
    """Seconds until the first word or the first new file; at most ``limit``."""
    while run.seconds < limit and not run.over and not run.log.stat().st_size and files_of(project) <= before:
        time.sleep(LOOK_S)
    return run.seconds


# --- the projects ---


def make_stock(stock: Path) -> None:
    """A finished project: clips, photos, faces, a model, its archive."""
    for place in ("clips", "photos", "portraits"):
        (stock / place).mkdir(parents=True)
    for seed, (name, picture) in enumerate(portraits().items()):
        write_image(stock / "portraits" / f"{name}.png", picture)
        landmarks, small = FaceFinder().find(picture)[0].landmarks, {"fps": 15, "size": (320, 320)}
        make_clip(picture, landmarks, stock / "clips" / f"{name}.mp4", seconds=4.0, seed=seed, **small)
        if name == "collins":
            make_clip(picture, landmarks, stock / "clips" / "talk.mp4", seconds=8.0, seed=5, **small)
            for i in range(6):
                write_image(stock / "photos" / f"{i}.{('jpg', 'png')[i % 2]}", picture[: 480 - 8 * i, 4 * i :])
    # of two segments
    subprocess.run([ffmpeg_exe(), "-loglevel", "error", "-stream_loop", "8", "-i", stock / "clips" / "collins.mp4",
                    "-c", "copy", stock / "clips" / "long.mp4"], check=True)  # fmt: skip
    file = write_yaml(stock, "clips/")
    for words in (["preprocess", "c2h"], ["train", "c2h"]):
        assert faceit([*words, "--config", str(file)]) == 0
    assert faceit(["export", "c2h", str(stock / "c2h.faceit"), "--config", str(file)]) == 0


def write_yaml(project: Path, base: str) -> Path:
    """faceit.yaml; ``base`` is before the names of the clips."""
    train = {"iterations": 30, "batch_size": 4, "save_seconds": SAVE_S, "preview_seconds": 5}
    people = {}
    # what is downloaded is short: most of such a run is the download
    longer = () if base.startswith("http") else ("long",)
    for name, clips in {"collins": ("collins", *longer), "hopper": ("hopper",)}.items():
        videos = [{"url": f"{base}{clip}.mp4", "name": clip} for clip in clips]
        people[name] = {"portrait": f"portraits/{name}.png", "consent": f"{name}: public domain", "videos": videos}
    people["collins"]["photos"] = ["photos"]
    swap = {"from": "collins", "to": "hopper", "model": {"preset": "cpu", "size": 128}, "train": train}
    project_yaml = {"people": people, "swaps": {"c2h": swap}, "preprocess": {"fps": 5, "tolerance": 0.5},
                    "curate": {"enabled": False}}  # fmt: skip
    file = project / "faceit.yaml"
    file.write_text(yaml.safe_dump(project_yaml, sort_keys=False), encoding="utf-8")
    return file


@contextmanager
def fresh(kind: Kind, stock: Path, project: Path) -> Iterator[set[str]]:
    """A copy of the stock for one story; yields the names of its files. Downloads come from a slow server."""
    shutil.copytree(stock, project)
    for place in kind.removed:
        path = project / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if kind.name != "download":
        yield files_of(project)
        return
    served = project.with_name("served")
    shutil.copytree(stock / "clips", served, dirs_exist_ok=True)
    shutil.rmtree(project / "clips")
    rate = max(path.stat().st_size for path in served.iterdir()) / DOWNLOAD_S
    port = 0 if not (served / ".port").exists() else int((served / ".port").read_text())
    with serve_folder(served, bytes_per_second=rate, port=port) as base:  # the addresses stay those of the first copy
        (served / ".port").write_text(base.rpartition(":")[2])
        write_yaml(project, f"{base}/")
        yield files_of(project)


# --- a story ---


@dataclass
class Reference:
    """An uninterrupted run: its project, and when it gave the first sign and ended."""

    project: Path
    sign: float
    end: float


def uninterrupted(kind: Kind, words: list[str], stock: Path, project: Path) -> Reference:
    with fresh(kind, stock, project) as before:
        run = start(words, project)
        sign = wait_for_sign(run, project, before)
        if run.ended():
            raise SystemExit(f"{' '.join(words)} does not even work undisturbed:\n{run.said}")
    return Reference(project, sign, run.seconds)


@dataclass
class Story:
    """A kill, and what came of it: ``faults`` by what is wrong."""

    faults: Counter = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    at: float = 0.0  # seconds after the start
    early: bool = False
    done_before: bool = False

    def add(self, what: str, details: list[str]) -> None:
        if details:
            self.faults[what] += 1
            self.details += [f"{what}: {detail}" for detail in details]


def told(kind: Kind, words: list[str], stock: Path, reference: Reference, moment: float, alone: bool,
         project: Path) -> Story | None:  # fmt: skip
    """Kill a run at ``moment``, run it again, and compare; None where it had ended before the kill. ``moment`` is a
    share of what an uninterrupted run takes after its first sign; below zero, of what it takes until then."""
    story = Story()
    with fresh(kind, stock, project) as before:
        first = start(words, project, 1)
        limit = LONGEST_S if moment >= 0 else -moment * reference.sign
        sign = wait_for_sign(first, project, before, limit)
        until = sign + max(0.0, moment) * (reference.end - reference.sign)
        while first.seconds < until and not first.over:
            time.sleep(LOOK_S)
        if first.over:
            return None
        first.kill(alone)
        story.at, story.early, killed = first.seconds, moment < 0, time.time()
        story.add("half-written", half_written(project, reference.project))
        step = age = None
        if kind.name == "train" and (state := project / "models" / "c2h" / STATE).exists():
            step, age = saved_step(state), killed - state.stat().st_mtime
        _second(words, project, story)
        said = project.with_name(f"{project.name}-2.log").read_text(encoding="utf-8", errors="replace")
        if step is not None and age is not None:
            _goes_on(story, step, age, said)
        story.add("survivors", ["a process of the killed run lives on"] if first.survivors else [])
    story.add("another result", kind.compare(project, reference.project))
    here, there = files_of(project), files_of(reference.project)
    story.add("leftovers", [name for name in sorted(here ^ there) if not BY_TIME.fullmatch(name)])
    return story


def _second(words: list[str], project: Path, story: Story) -> None:
    """The same command again."""
    second = start(words, project, 2)
    code = second.ended()
    story.done_before = code == 1 and " is there already" in second.said
    if (code and not story.done_before) or "Traceback" in second.said:
        story.add("refused", [f"exit code {code}: {second.said[-600:]}"])


def _goes_on(story: Story, step: int, age: float, said: str) -> None:
    """A training goes on at its last save, which was not long ago."""
    if step and f"Going on at step {step:,}" not in said and "at its end" not in said and "is over" not in said:
        story.add("another result", [f"it does not say that it goes on at step {step}: {said[:300]}"])
    if age > SAVE_S + SLACK_S:
        story.add("lost more", [f"the last save was {age:.1f} s old"])


def moments(count: int, rng: random.Random) -> list[float]:
    """Spread evenly, in random order: the early ones below zero."""
    early = round(EARLY * count)
    late = count - early
    spread = [-(i + rng.random()) / early for i in range(early)] + [(i + rng.random()) / late for i in range(late)]
    rng.shuffle(spread)
    return spread


def killed(kind: Kind, count: int, stock: Path, work: Path, seed: int) -> Iterator[Story]:
    """So many kills of a kind, each told on a line."""
    rng = random.Random(f"{seed} {kind.name}")
    variants = kind.variants[:count]
    references = [uninterrupted(kind, words, stock, work / f"{kind.name}-whole-{i}") for i, words in
                  enumerate(variants)]  # fmt: skip
    for each in references:
        print(f"{kind.name}: undisturbed {each.end:.1f} s, the first sign after {each.sign:.1f} s", flush=True)
    for number, moment in enumerate(moments(count, rng)):
        which, alone, story = number % len(variants), rng.random() < 1 / 3, None
        project = work / f"{kind.name}-{number}"
        while story is None:  # it was faster than the uninterrupted run
            clear(project)
            story = told(kind, variants[which], stock, references[which], moment, alone, project)
            moment *= 0.9
        what = ", ".join(story.faults) or ("the same, done before" if story.done_before else "the same")
        print(f"{kind.name} {number + 1}: {'main process' if alone else 'group'} killed after {story.at:.2f} s"
              f"{' (early)' if story.early else ''}: {what}", flush=True)  # fmt: skip
        for detail in story.details:
            print(f"    {detail}", flush=True)
        if not story.faults:
            clear(project)
        yield story
    for i in range(len(variants)):
        clear(work / f"{kind.name}-whole-{i}")


def clear(project: Path) -> None:
    """Remove a project and what lies beside it."""
    for place in (project, project.with_name(f"{project.name}-temp")):
        shutil.rmtree(place, ignore_errors=True)
    for log in project.parent.glob(f"{project.name}-*.log"):
        log.unlink()


def counts(kinds: list[Kind], total: int) -> dict[str, int]:
    """How many kills of each kind: in proportion, at least one."""
    shares = sum(kind.share for kind in kinds)
    given = {kind.name: max(1, total * kind.share // shares) for kind in kinds}
    for kind in kinds[: max(0, total - sum(given.values()))]:
        given[kind.name] += 1
    return given


def table(stories: dict[str, list[Story]]) -> None:
    columns = ["half-written", "refused", "another result", "lost more", "leftovers", "survivors"]
    print("| kind | kills | before any work | through already | " + " | ".join(columns) + " | the same |")
    print("|" + " --- |" * (len(columns) + 5))
    for name, some in stories.items():
        faults = sum((story.faults for story in some), Counter())
        numbers = [len(some), sum(s.early for s in some), sum(s.done_before for s in some)]
        numbers += [faults[column] for column in columns] + [sum(not s.faults for s in some)]
        print(f"| {name} | " + " | ".join(map(str, numbers)) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--only", default="", metavar="KIND,...", help=", ".join(kind.name for kind in KINDS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="keep the projects here (default: a temporary folder)")
    args = parser.parse_args()
    only = set(filter(None, args.only.split(",")))
    kinds = [kind for kind in KINDS if not only or kind.name in only]
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-kills-"))).resolve()
    stock, began = work / "stock", time.monotonic()
    if not (stock / "c2h.faceit").exists():
        shutil.rmtree(stock, ignore_errors=True)
        make_stock(stock)
    given = counts(kinds, args.kills)
    stories = {kind.name: list(killed(kind, given[kind.name], stock, work, args.seed)) for kind in kinds}
    if args.work is None and not any(story.faults for some in stories.values() for story in some):
        shutil.rmtree(work)
    table(stories)
    every = [story for some in stories.values() for story in some]
    print(f"{(time.monotonic() - began) / 60:.0f} minutes")
    print(f"kills: {sum(not story.faults for story in every)} of {len(every)} ended with the same result")


if __name__ == "__main__":
    main()
