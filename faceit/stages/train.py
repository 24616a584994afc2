"""train: from two face sets to a swap model, resumable at any moment.

``state.safetensors`` holds everything that resuming needs, settings, step and seconds included, in one file that is
replaced at once and before the others; ``model.json`` and ``weights.safetensors`` are made from it. A kill loses what
came after the last save.
"""

import contextlib
import csv
import io
import json
import math
import signal
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.errors import FaceitError, WeightsError
from faceit.faces.faceset import FaceSet, finished, load_faceset, write_text
from faceit.faces.split import read_split
from faceit.geometry import ALIGNED_MARGIN, Crop
from faceit.network.presets import Preset, choose, from_json, to_json
from faceit.network.swapmodel import (
    FORMAT,
    MODEL,
    STATE,
    WEIGHTS,
    SwapModel,
    about_crop,
    check_about,
    load_model,
    read_about,
    start_backend,
)
from faceit.progress import Progress, duration, say
from faceit.project import Project, Swap
from faceit.settings import TrainSettings
from faceit.stages.lock import only_one
from faceit.stages.plots import loss_plot, preview_grid

FEWEST_FACES = 16  # fewer cannot teach a face
HISTORY_EVERY_S = 2.0
FORECAST_AFTER_S = 10.0  # of training it says what the budget comes to
SAVE_SHARE = 10  # on a slow disk saves are so many times their own length apart,
SAVE_AT_LEAST_S = 60.0  # but a kill never loses more than this
HISTORY = ("step", "seconds", "loss_a", "loss_b")
HELD = ("held_a", "held_b")  # the loss on held-out faces, in the rows where it was measured
HELD_FACES = 32  # a side; they are looked at as often as the previews are made
PREVIEW_ROWS = 6
SIDES = ("a", "b")


def train(project: Project, swap: Swap, preset_name: str | None = None, settings: TrainSettings | None = None,
          warm_start: str | None = None) -> SwapModel:  # fmt: skip
    """Train a swap to the end of its budget, or further from where an earlier run was stopped."""
    settings = settings or swap.train
    folder = project.model_dir(swap.name)
    with only_one(folder.with_name(f".{swap.name}.lock"), f"{swap.name} is being trained"):
        preset = _pick_preset(folder, swap, preset_name or swap.model.preset, settings)
        settings = _with_budget(settings, preset)
        loaded = {side: _load(project, person, preset) for side, person in (("a", swap.a), ("b", swap.b))}
        run = _Run(project, swap, preset, settings, loaded, folder)
        _check_crop(project, swap, folder, loaded)
        run.open(warm_start)
        run.go()
        return load_model(folder)


def _pick_preset(folder: Path, swap: Swap, name: str, settings: TrainSettings) -> Preset:
    """The preset asked for; a model that exists keeps its own and refuses another."""
    if (folder / STATE).exists():
        about = _read_state(folder)[0]
        preset = from_json(about["preset"])
        if name not in ("auto", preset.name):
            raise FaceitError(
                f"models/{swap.name} was trained with the preset {preset.name}: use --preset {preset.name}, or move "
                f"that folder away to start afresh with {name}."
            )
        for side, person in (("a", swap.a), ("b", swap.b)):
            if about["people"][side]["name"] != person.name:
                raise FaceitError(
                    f"models/{swap.name} was trained on {about['people'][side]['name']}, not {person.name}: give the "
                    "swap another name, or move that folder away."
                )
        if settings.batch_size not in (None, preset.batch_size):
            preset = replace(preset, batch_size=settings.batch_size)
        return preset
    preset = choose(name, name == "auto" and start_backend())
    return replace(preset, batch_size=settings.batch_size or preset.batch_size)


def _read_state(folder: Path) -> tuple[dict, dict[str, str]]:
    """What the saved state says of itself: (as in model.json, its other strings)."""
    from faceit.network.weights import load_strings

    path = folder / STATE
    said = load_strings(path)
    try:
        return check_about(json.loads(said["about"]), str(path)), {k: v for k, v in said.items() if k != "about"}
    except (KeyError, ValueError, RecursionError):
        raise WeightsError(f"{path} is damaged: move the folder away and train again.") from None


def _with_budget(settings: TrainSettings, preset: Preset) -> TrainSettings:
    if settings.minutes is None and settings.iterations is None:
        return replace(settings, minutes=preset.minutes)
    return settings


def _load(project: Project, person, preset: Preset) -> tuple[FaceSet, FaceSet]:
    """The faces that train, and those that are held out."""
    folders = finished(project.face_dirs(person))
    found = load_faceset(folders, preset.size)
    held = load_faceset(folders, preset.size, most=HELD_FACES, held_out=True)
    if len(found) < FEWEST_FACES:
        has = f"only {len(found)} faces" if len(found) else "no faces yet"
        kept = " besides those held out (held_out: 0 under preprocess: in the YAML trains on all)" if len(held) else ""
        raise FaceitError(
            f"{person.name} has {has}{kept}, and {FEWEST_FACES} are the least: run preprocess, or add videos of them."
        )
    return found, held


def _check_crop(project: Project, swap: Swap, folder: Path, loaded: dict[str, tuple[FaceSet, FaceSet]]) -> None:
    """FaceitError unless both people's faces show as much of the head as each other, and as the model that goes on."""
    crop, other = (loaded[side][0].crop for side in SIDES)
    if crop != other:
        raise FaceitError(
            f"The faces of {swap.a.name} were made with align: {crop.name} and those of {swap.b.name} with "
            f"{other.name}: run `python faceit.py preprocess {swap.name}`, which makes them alike."
        )
    if (folder / STATE).exists() and (was := about_crop(_read_state(folder)[0])) != crop:
        raise FaceitError(
            f"models/{swap.name} was trained with align: {was.name} and the faces are made with {crop.name} now: give "
            f"the swap another name to start afresh, or put align: {was.name} under preprocess: in the YAML and run "
            "preprocess again."
        )
    if project.preprocess.align != crop.name:
        say(f"  ! The YAML has align: {project.preprocess.align}, but the faces were made with {crop.name}, and so is "
            "the model: run preprocess again to change that.")  # fmt: skip


class _Run:
    """One training: the clock, the files, and the network between them."""

    def __init__(self, project, swap, preset, settings, loaded, folder):
        self.project, self.swap, self.preset, self.settings = project, swap, preset, settings
        self.sets, self.held = ({side: loaded[side][i] for side in SIDES} for i in (0, 1))
        self.crop: Crop = self.sets["a"].crop
        self.folder = folder
        self.names = {"a": swap.a.name, "b": swap.b.name}
        self.step, self.seconds, self.history = 0, 0.0, []
        self.warm_start, self.held_before = None, None  # held_before: what an earlier run held out
        self._stop = False

    def open(self, warm_start: str | None) -> None:
        """Build the network; put back what an earlier run saved, or begin."""
        start_backend()
        import keras

        from faceit.network.architectures import build
        from faceit.network.training import Training

        keras.utils.set_random_seed(self.settings.seed)
        network = build(self.preset)
        state_file = self.folder / STATE
        if state_file.exists():
            self.training = Training(network, self.settings.seed, self.crop)
            self._resume(state_file)
            if warm_start not in (None, self.warm_start):
                say(f"--warm-start {warm_start} is for a first run: {self.swap.name} goes on from its own weights.")
            return
        if (self.folder / WEIGHTS).exists():
            raise FaceitError(
                f"models/{self.swap.name} holds a finished or imported model without its training state: begin from "
                f"it under another name with --warm-start {self.swap.name}."
            )
        for side in SIDES:
            network.meet(side, self._crops(self.sets[side].faces), self.sets[side].points)
        if warm_start:
            self._warm(network, warm_start)
        self.training = Training(network, self.settings.seed, self.crop)

    def _resume(self, state_file: Path) -> None:
        from faceit.network.weights import load_tensors

        about, said = _read_state(self.folder)
        state, _ = load_tensors(state_file)
        self.training.restore(state, str(state_file))
        try:
            self.step, self.seconds = int(said["step"]), float(said["seconds"])
        except (KeyError, ValueError):
            raise WeightsError(f"{state_file} is damaged: move the folder away and train again.") from None
        self.warm_start = about.get("warm_start")
        self.held_before = about.get("held_out_from", {})
        self.history = [row for row in read_history(self.folder / "history.csv") if row["step"] <= self.step]
        say(f"Going on at step {self.step:,}, after {duration(self.seconds)} of training.")

    def _warm(self, network, other: str) -> None:
        """Take over another swap's weights where they fit; what is one person's comes only from that person."""
        from faceit.network.weights import check_numbers, load_tensors

        folder = self.project.model_dir(other)
        about = read_about(folder)
        if from_json(about["preset"]).name != self.preset.name:
            raise FaceitError(
                f"models/{other} has the preset {about['preset']['name']}: start it warm with "
                f"--preset {about['preset']['name']}."
            )
        if about_crop(about) != self.crop:
            raise FaceitError(
                f"models/{other} was trained with align: {about_crop(about).name} and these faces are made with "
                f"{self.crop.name}: start without --warm-start, or make the faces alike with preprocess."
            )
        theirs, _ = load_tensors(folder / WEIGHTS)
        sides = _match_people({s: about["people"][s]["name"] for s in SIDES}, self.names)
        taken = 0
        for variable in network.variables:
            source = _renamed(variable.path, sides)
            personal = any(f"{part}_{s}" in variable.path for part in ("input", "code", "start") for s in SIDES)
            if personal and not _same_person(variable.path, sides, about, self.names):
                continue
            if source in theirs and theirs[source].shape == tuple(variable.shape):
                check_numbers(source, theirs[source], str(folder / WEIGHTS))
                variable.assign(theirs[source])
                taken += 1
        if not taken:
            raise FaceitError(f"models/{other} shares no weights with this network.")
        self.warm_start = other
        say(f"Starting warm from {other}: {taken} of {len(network.variables)} weight arrays taken over.")

    def _crops(self, faces: np.ndarray) -> np.ndarray:
        from faceit.network.augment import middle

        return middle(faces, self.preset.size, ALIGNED_MARGIN)

    # --- the loop ---

    def done(self) -> float:
        """How much of the run is over, 0..1."""
        if self.settings.iterations is not None:
            return self.step / self.settings.iterations
        return self.seconds / (self.settings.minutes * 60)

    def go(self) -> None:
        """Train to the end of the budget. KeyboardInterrupt when stopped before it, after a save."""
        if self.done() >= 1:
            if not self._published():  # killed between the state and what is made from it
                self._publish()
            more = "--iterations" if self.settings.iterations is not None else "--minutes"
            say(f"{self.swap.name} is trained: {self.step:,} steps in {duration(self.seconds)}. "
                f"A larger {more} trains it on.")  # fmt: skip
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "previews").mkdir(exist_ok=True)
        faces = " and ".join(f"{len(self.sets[s]):,} faces of {self.names[s]}" for s in SIDES)
        say(f"Training {self.swap.name}: {self.preset.name}, {self.preset.size} px, {faces}.")
        first_step, began = self.step, time.monotonic()
        with self._stoppable(), Progress(f"train {self.swap.name}", self._total(), self._unit()) as progress:
            progress.resume_at(self._count())
            self._loop(progress)
        stopped = self._stop and self.done() < 1
        if self.step == first_step:
            raise KeyboardInterrupt  # before the first step was through: there is nothing to save
        took = max(time.monotonic() - began, 1e-9)
        images = (self.step - first_step) * 2 * self.preset.batch_size
        last = self.history[-1] if self.history else {"loss_a": math.nan, "loss_b": math.nan}
        word = "Stopped" if stopped else "Trained"
        losses = ", ".join(f"{last[f'loss_{s}']:.3f} {self.names[s]}{self._held_out_words(s)}" for s in SIDES)
        say(f"{word} at step {self.step:,} after {duration(self.seconds)} ({images / took:,.0f} faces/s in this run); "
            f"loss {losses}.")  # fmt: skip
        say(f"Look at {self.folder / 'preview.jpg'} and {self.folder / 'loss.png'}.")
        if stopped:
            raise KeyboardInterrupt

    def _total(self) -> float:
        return self.settings.iterations or self.settings.minutes * 60

    def _unit(self) -> str:
        return "step" if self.settings.iterations is not None else "second"

    def _count(self) -> float:
        return self.step if self.settings.iterations is not None else round(self.seconds)

    def _loop(self, progress: Progress) -> None:
        clock = noted = looked = saved = time.monotonic()
        tenth, rate_step, first_step, save_every = int(self.done() * 10), self.step, self.step, 0.0
        while self.done() < 1 and not self._stop:
            self.training.step(self.sets, self.step, self.done())
            self.step += 1
            now = time.monotonic()
            self.seconds += now - clock
            if self.step == first_step + 1:  # it compiles: what comes after it tells how fast it goes
                measured_from = self.seconds
            elif measured_from is not None and self.seconds - measured_from >= FORECAST_AFTER_S:
                say(self._forecast((self.step - first_step - 1) / (self.seconds - measured_from)))
                measured_from = None
            saving = now - saved >= max(self.settings.save_seconds, save_every)
            looking = now - looked >= self.settings.preview_seconds or self.step == first_step + 1
            if now - noted >= HISTORY_EVERY_S or saving or looking:
                loss_a, loss_b = self._note()
                rate = (self.step - rate_step) / max(now - noted, 1e-9)
                note = f"step {self.step:,}, {rate:.1f} steps/s, loss {loss_a:.3f} {loss_b:.3f}"
                progress.update(self._count(), note)
                noted, rate_step = now, self.step
            if looking:
                self._preview(keep=self.step == first_step + 1 or int(self.done() * 10) > tenth)
                looked, tenth = now, int(self.done() * 10)
            if saving:
                self.save()
                saved = time.monotonic()
                save_every = min(SAVE_SHARE * (saved - now), SAVE_AT_LEAST_S)
            # previews and saves are not training: they do not use up its minutes
            clock = time.monotonic()
        if self.step > first_step:
            if not self.history or self.history[-1]["step"] < self.step:
                self._note()
            progress.update(self._count())
            self._preview(keep=True)
            self.save()

    def _forecast(self, rate: float) -> str:
        """What the budget comes to at ``rate`` steps a second, and how much disk the model takes meanwhile."""
        if self.settings.iterations is not None:
            left = (self.settings.iterations - self.step) / rate
            budget = f"these {self.settings.iterations:,} steps take about {duration(self.seconds + left)}"
        else:
            left = self.settings.minutes * 60 - self.seconds
            budget = f"these {self.settings.minutes:g} min give about {self.step + left * rate:,.0f} steps"
        now = datetime.now()
        until = now + timedelta(seconds=max(0.0, left))
        clock = f"{until:%H:%M}" if until.date() == now.date() else f"{until:%Y-%m-%d %H:%M}"
        return (f"At {rate:.1f} steps/s {budget}, until about {clock}; models/{self.swap.name} takes up to "
                f"{self.training.disk_size() / 1e6:,.0f} MB while training.")  # fmt: skip

    def _note(self) -> tuple[float, float]:
        loss_a, loss_b = self.training.mean_losses()
        if not (math.isfinite(loss_a) and math.isfinite(loss_b)):
            raise self._not_a_number()
        self.history.append({"step": self.step, "seconds": round(self.seconds, 2), "loss_a": round(loss_a, 5),
                             "loss_b": round(loss_b, 5), **dict.fromkeys(HELD)})  # fmt: skip
        return loss_a, loss_b

    def _note_held_out(self, model: SwapModel) -> None:
        """Put the loss on held-out faces into the history's last row, where there are such faces."""
        for side, key in zip(SIDES, HELD, strict=True):
            held = self.held[side]
            if len(held) and self.history:
                made = model.swap(held.faces, held.points, side, side)
                self.history[-1][key] = round(self.training.still_loss(self._crops(held.faces), made), 5)

    def _held_out_loss(self) -> dict[str, float | None]:
        """The last that was measured, by side."""
        return {side: next((row[key] for row in reversed(self.history) if row[key] is not None), None)
                for side, key in zip(SIDES, HELD, strict=True)}  # fmt: skip

    def _held_out_from(self) -> dict:
        """By side and folder, from which second on nothing was ever trained on; None where everything was."""
        now = {}
        for side, person in (("a", self.swap.a), ("b", self.swap.b)):
            splits = {f.name: read_split(f) for f in finished(self.project.face_dirs(person))}
            now[side] = {name: split.begin if split else None for name, split in splits.items()}
            before = (self.held_before or {}).get(side, {} if self.held_before is None else None)
            for name in now[side]:
                was = before.get(name, now[side][name]) if isinstance(before, dict) else None
                now[side][name] = None if was is None or now[side][name] is None else max(was, now[side][name])
        return now

    def _held_out_words(self, side: str) -> str:
        loss = self._held_out_loss()[side]
        return "" if loss is None else f" ({loss:.3f} held out)"

    def _not_a_number(self) -> FaceitError:
        return FaceitError(
            f"The loss of {self.swap.name} is no longer a number at step {self.step:,}; the last save is intact. "
            "Run it again; if it comes back, look through the faces for broken pictures."
        )

    @contextlib.contextmanager
    def _stoppable(self):
        """Ctrl-C and a polite kill end the run after the step at hand, with a save; a second Ctrl-C ends it now."""

        def stop(number, frame):
            if self._stop:
                raise KeyboardInterrupt
            self._stop = True

        try:
            old = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not in the main thread
            old = {}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    # --- the files ---

    def save(self) -> None:
        """Write the history, then the state, then what is made from the state: a kill in between loses nothing."""
        from faceit.network.weights import save_tensors

        state = self.training.state()
        if not all(np.isfinite(array).all() for array in state.values()):
            raise self._not_a_number()
        write_text(self.folder / "history.csv", history_text(self.history))
        about = {"step": str(self.step), "seconds": f"{self.seconds:.3f}", "about": self._about_text()}
        save_tensors(self.folder / STATE, state, about)
        self._publish()

    def _publish(self) -> None:
        """Write what others read: the (averaged) weights and model.json."""
        from faceit.network.weights import save_tensors, take

        with self.training.averaged():
            save_tensors(self.folder / WEIGHTS, take(self.training.network.variables), {"step": str(self.step)})
        write_text(self.folder / MODEL, self._about_text())

    def _published(self) -> bool:
        """Whether the weights and model.json are those of the state."""
        from faceit.network.weights import load_strings

        try:
            steps = load_strings(self.folder / WEIGHTS).get("step"), read_about(self.folder).get("step")
        except WeightsError:
            return False
        return steps == (str(self.step), self.step)

    def _about_text(self) -> str:
        import keras

        about = {
            "format": FORMAT, "faceit": __version__, "keras": keras.__version__, "backend": keras.backend.backend(),
            "swap": self.swap.name,
            "people": {s: {"name": p.name, "consent": p.consent} for s, p in (("a", self.swap.a), ("b", self.swap.b))},
            "preset": to_json(self.preset), "align": self.crop.name, "train": asdict(self.settings),
            "faces": {s: len(self.sets[s]) for s in SIDES}, "step": self.step, "seconds": round(self.seconds, 1),
            "held_out_loss": self._held_out_loss(), "held_out_from": self._held_out_from(),
            "loss": self.history[-1] if self.history else None, "warm_start": self.warm_start,
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        return json.dumps(about, indent=1)

    def _preview(self, keep: bool) -> None:
        from faceit.images import write_image

        with self.training.averaged():
            model = self._model()
            self._note_held_out(model)
            columns = []
            for side, other in (("a", "b"), ("b", "a")):
                rows = np.linspace(0, len(self.sets[side]) - 1, PREVIEW_ROWS).astype(int)
                faces, points = self.sets[side].faces[rows], self.sets[side].points[rows]
                columns += [self._crops(faces)] + [model.swap(faces, points, side, to) for to in (side, other)]
        picture = preview_grid(columns, self.names)
        write_image(self.folder / "preview.jpg", picture, quality=90)
        if keep:
            write_image(self.folder / "previews" / f"{self.step:08d}.jpg", picture, quality=85)
        if self.history:
            loss_plot(self.folder / "loss.png", self.history, self.names)

    def _model(self) -> SwapModel:
        return SwapModel(
            self.training.network, {"preset": to_json(self.preset), "align": self.crop.name}, self.folder
        )


def _match_people(theirs: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    """Which of their sides each of our sides takes weights from: the same person's where there is one."""
    flipped = theirs["b"] == ours["a"] or theirs["a"] == ours["b"]
    straight = theirs["a"] == ours["a"] or theirs["b"] == ours["b"]
    return {"a": "b", "b": "a"} if flipped and not straight else {"a": "a", "b": "b"}


def _renamed(path: str, sides: dict[str, str]) -> str:
    for ours, theirs in sides.items():
        for part in ("decoder", "input", "code", "start"):
            if f"{part}_{ours}/" in path:
                return path.replace(f"{part}_{ours}/", f"{part}_{theirs}/")
    return path


def _same_person(path: str, sides: dict[str, str], about: dict, names: dict[str, str]) -> bool:
    side = next(s for s in SIDES if any(f"{part}_{s}/" in path for part in ("input", "code", "start")))
    return about["people"][sides[side]]["name"] == names[side]


def read_history(path: Path) -> list[dict]:
    """history.csv as rows of numbers, steps rising; what cannot be read is left out."""
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, csv.Error):
        return []
    rows = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            row = {key: int(line[key]) if key == "step" else float(line[key]) for key in HISTORY}
            row |= {key: float(line[key]) if line.get(key) else None for key in HELD}
            if not rows or row["step"] > rows[-1]["step"]:
                rows.append(row)
    return rows


def history_text(history: list[dict]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, HISTORY + HELD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return out.getvalue()

