"""train: from two face sets to a swap model, resumable at any moment.

The loop is ``_Run._stretch``. The network and its faces are in ``session``, when a run ends is decided in ``budget``,
what counts as gone wrong in ``divergence``, which files there are in ``checkpoints``.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from faceit.config.project import Project, Swap
from faceit.config.settings import TrainSettings
from faceit.errors import FaceitError
from faceit.network.cluster import cluster, join
from faceit.network.devices import FEWEST_AT_ONCE
from faceit.network.history import HELD, held_out
from faceit.network.model_file import SIDES, STATE
from faceit.network.presets import to_json
from faceit.network.swapmodel import SwapModel, load_model
from faceit.progress import Progress, duration, say
from faceit.train import checkpoints
from faceit.train.budget import Budget, stands_still
from faceit.train.divergence import MOST_ROLLBACKS, Diverged, DivergenceGuard, out_of_memory
from faceit.train.face_pair import held_out_from, load_pair
from faceit.train.interruption import Every, Interruption
from faceit.train.loss_plot import preview_columns
from faceit.train.reporting import PREVIEW_ROWS, Reporter
from faceit.train.session import TrainingSession

NOTE_EVERY_S = 2.0  # a row of the history
FORECAST_AFTER_S = 10.0  # of training it says what the budget comes to
SAVE_SHARE = 10  # on a slow disk saves are so many times their own length apart,
SAVE_AT_LEAST_S = 60.0  # but a kill never loses more than this
WATCHED_FACES = 6  # a side, before every save


def train(
    project: Project, swap: Swap, preset_name: str | None = None, settings: TrainSettings | None = None
) -> SwapModel | None:
    """Train a swap to the end of its budget, or further from where an earlier run was stopped. Of several machines only
    the first one decides and writes: on the others the model is None."""
    here = join()
    if not here.chief:
        from faceit.network.follower import follow  # only here: it imports Keras

        follow(lambda preset: load_pair(project, swap, preset).sets)
        return None
    with checkpoints.alone(project, swap.name), here.leading():
        run = _Run(project, swap, preset_name or swap.model.preset, settings or swap.train)
        run.open()
        run.go()
    return load_model(run.folder)


class _Run:
    """One training: the clock, the files, and the network between them."""

    def __init__(self, project: Project, swap: Swap, preset_name: str, settings: TrainSettings):
        self.project, self.swap, self.settings = project, swap, settings
        self.folder = project.model_dir(swap.name)
        self.session = TrainingSession(project, swap, preset_name, settings)
        self.interruption = Interruption()
        self.reporter = Reporter(self.folder, swap, settings, self._written)
        self.rollbacks, self.forecast_said = 0, False

    def open(self) -> None:
        """Put back what was saved last, or begin. It is also the way back when something went wrong."""
        checkpoints.sweep(self.folder)
        self.at, self.guard = self.session.open(self.rollbacks), DivergenceGuard()
        self._best: dict[str, np.ndarray] | None = None  # weights to be written with the next save
        self.budget = Budget(self.settings, self.session.preset.minutes * 60)
        try:
            self.budget.remember(self.at.end)
        except ValueError:
            raise checkpoints.damaged(self.folder / STATE) from None
        kept = str(self.at.step) in checkpoints.snapshots(self.folder)  # the state was saved before it became one
        self.at.snapped = self.done() if kept else min(self.at.snapped, self.done())  # a larger budget has more to come

    # --- the loop ---

    def done(self) -> float:
        """How much of the run is over, 0..1."""
        return self.budget.done(self.at.step, self.at.seconds)

    def go(self) -> None:
        """Train to the end of the budget. KeyboardInterrupt when stopped before it, after a save."""
        if self.done() >= 1 and (self.folder / STATE).exists():
            self._already()
            return
        self.reporter.open(self.at, self.done())
        faces = " and ".join(f"{len(self.session.pair.sets[s]):,} faces of {self.reporter.names[s]}" for s in SIDES)
        say(f"Training {self.swap.name}: {self.session.preset.name}, {self.session.preset.size} px, {faces}.")
        if not (self.folder / STATE).exists():
            if self.session.preset.network == "appearance":
                self._begin_usable()
            elif self.done() >= 1:
                raise FaceitError("--iterations 0 is for cpu and gpu: what original makes before a step is noise.")
            if self.done() >= 1:
                return
        first, began = self.at.step, time.monotonic()
        with self.interruption.heard():
            self._train()
        if self.at.step == first:
            raise KeyboardInterrupt  # before the first step was through: there is nothing to save
        shown = (self.at.step - first) * 2 * self.session.preset.batch_size * cluster().count
        self.reporter.tell_end(self.at, self.done(), shown / max(time.monotonic() - began, 1e-9))
        if self.done() < 1:
            raise KeyboardInterrupt
        preset, crop = self.session.preset, self.session.pair.crop
        self.reporter.film({"preset": preset.name, "step": self.at.step, "align": crop.name})

    def _begin_usable(self) -> None:
        """Save the model and its preview before the first step: what is known of both people already swaps."""
        self.at.history.append({"step": 0, "seconds": 0.0} | self.session.first_losses() | dict.fromkeys(HELD))
        self._look(keep=True)
        self.save()
        say(f"A first swap is ready: {self.folder / 'preview.jpg'}. convert works from here on; training betters it.")

    def _train(self) -> None:
        """Stretch after stretch, until the run is over or somebody stops it; what goes wrong is put right between."""
        while self.done() < 1 and not self.interruption.stop:
            gone_bad, memory = "", False
            try:
                self._stretch()
            except Diverged as bad:
                gone_bad = str(bad)
            except Exception as error:
                memory = out_of_memory(error)
                if not memory:
                    raise
            # not among the handlers: there the exception still holds on to the network's memory
            if memory:
                self._halve_batch()
            elif gone_bad:
                self._roll_back(gone_bad)

    def _stretch(self) -> None:
        """Train until the run is over, another end is decided, or somebody stops it; save."""
        at, first, counted = self.at, self.at.step, self.at.step
        noting, looking = Every(NOTE_EVERY_S), Every(self.settings.preview_seconds)
        saving = Every(self.settings.save_seconds)
        with Progress(f"train {self.swap.name}", self.budget.total, self.budget.unit) as progress:
            progress.resume_at(self._count())
            tenth, clock = int(self.done() * 10), time.monotonic()
            while not (self._over() or self.budget.total != progress.total):
                step = at.step - at.part_step
                self.session.training.step(self.session.pair.sets, step, self.done(), at.attempt)
                at.step += 1
                now = time.monotonic()
                at.seconds += now - clock
                if at.step == first + 1:  # it compiles: what comes after it tells how fast it goes
                    measured_from = at.seconds
                elif not self.forecast_said and at.seconds - measured_from >= FORECAST_AFTER_S:
                    self._say_forecast((at.step - first - 1) / (at.seconds - measured_from))
                look = looking.due(now) or at.step == first + 1
                save = saving.due(now) or self._snapshot_due()
                if look or save or noting.due(now):
                    self._note(progress, (at.step - counted) / max(now - noting.last, 1e-9))
                    noting.last, counted = now, at.step
                if look:
                    self._look(keep=at.step == first + 1 or int(self.done() * 10) > tenth)
                    looking.last, tenth = now, int(self.done() * 10)
                elif self.reporter.wants_moment(self.done()):
                    self._keep_moment()
                if save and self.guard.calm:
                    began = time.monotonic()
                    self.save()
                    saving.last = time.monotonic()
                    own_share = min(SAVE_SHARE * (saving.last - began), SAVE_AT_LEAST_S)
                    saving.seconds = max(self.settings.save_seconds, own_share)
                # previews and saves are not training: they do not use up its minutes
                clock = time.monotonic()
            if at.step > first:
                self._end_stretch(progress)

    def _over(self) -> bool:
        return self.interruption.stop or self.done() >= 1

    def _end_stretch(self, progress: Progress) -> None:
        if not self.at.history or self.at.history[-1]["step"] < self.at.step:
            self._note(progress)
        if not self.guard.calm:
            raise Diverged("The loss had risen steeply")
        self._look(keep=True)
        self._keep_moment()
        self.save()

    def _count(self) -> float:
        count = self.budget.count(self.at.step, self.at.seconds)
        return count if self.budget.unit == "step" else round(count)

    def _note(self, progress: Progress, speed: float | None = None) -> None:
        """A row of the history, with the mean losses since the last one; ``speed`` in steps a second."""
        loss_a, loss_b = self.session.training.mean_losses()
        self.guard.losses(self.at.seconds, loss_a, loss_b)
        row = {"step": self.at.step, "seconds": round(self.at.seconds, 2)}
        row |= {"loss_a": round(loss_a, 5), "loss_b": round(loss_b, 5)}
        self.at.history.append(row | dict.fromkeys(HELD))
        shown = "" if speed is None else f", {speed:.1f} steps/s"
        progress.update(self._count(), f"step {self.at.step:,}{shown}, loss {loss_a:.3f} {loss_b:.3f}")
        numbers = {f"loss/{self.reporter.names['a']}": loss_a, f"loss/{self.reporter.names['b']}": loss_b}
        numbers["learning rate"] = self.session.training.last_rate
        self.reporter.chart(self.at.step, numbers | ({} if speed is None else {"steps per second": speed}))

    def _look(self, keep: bool) -> None:
        """Look at held-out faces and at the preview's, with the averaged weights; a note was just made."""
        with self.session.training.averaged():
            model = self.session.model()
            self._measure_held_out(model)
            columns = preview_columns(model, self.session.pair, PREVIEW_ROWS)
        self.reporter.preview(columns, self.at, keep)
        self._end_at_plateau()

    def _measure_held_out(self, model: SwapModel) -> None:
        """Put the loss on held-out faces into the history's last row, where there are such faces; the best are kept."""
        from faceit.network.weights import take

        row, losses = self.at.history[-1], self.session.held_out_losses(model)
        row |= {f"held_{side}": loss for side, loss in losses.items()}
        loss = held_out(row)
        if loss is None:
            return
        names = self.reporter.names
        self.reporter.chart(self.at.step, {f"held out/{names[side]}": losses[side] for side in losses})
        if math.isfinite(loss) and (self.at.best is None or loss < self.at.best["loss"]):
            self.at.best = {"step": self.at.step, "loss": round(loss, 5)}
            self._best = take(model.network.variables)

    def _end_at_plateau(self) -> None:
        at = self.at
        looks = [(row["seconds"], loss) for row in at.history
                 if row["step"] > at.part_step and (loss := held_out(row)) is not None]  # fmt: skip
        if self.budget.waiting(at.step, at.seconds) and stands_still(looks, at.seconds):
            rest = self.budget.met_plateau(at.step, at.seconds)
            more = f"{rest:,.0f} more steps" if self.budget.unit == "step" else f"{duration(rest)} more"
            self._decide(f"the held-out loss stands still at {looks[-1][1]:.3f}, {more} for the fine details")

    def _keep_moment(self) -> None:
        with self.session.training.averaged():
            self.reporter.moment(self.session.model(), self.session.pair, self.at, self.done())

    def _decide(self, what: str) -> None:
        """Note down, and say, what the run decided by itself."""
        self.at.events.append({"step": self.at.step, "seconds": round(self.at.seconds, 1), "what": what})
        say(f"Step {self.at.step:,}: {what}.")

    # --- what goes wrong ---

    def _roll_back(self, why: str) -> None:
        """Go back to the last good save with half the rate and other faces."""
        where = f"{why} at step {self.at.step:,}"
        if self.interruption.stop:  # there is nothing to save
            say(f"{where}: what came after the last save is left out.")
            raise KeyboardInterrupt
        self.rollbacks += 1
        if self.rollbacks > MOST_ROLLBACKS:
            kept = "the last save is intact" if (self.folder / STATE).exists() else "nothing was saved"
            raise FaceitError(
                f"{where}, and {MOST_ROLLBACKS} attempts with smaller learning rates ended like that; {kept}. Look "
                "through the faces for broken pictures, or begin again under another name."
            )
        self.at.attempt = self.at.attempt.another()
        self._reopen()
        self._decide(
            f"{where[0].lower()}{where[1:]}, so back to here with {self.at.attempt.rate:g} times the learning rate"
        )

    def _halve_batch(self) -> None:
        """The last save, in a training of half the batch size."""
        step, size = self.at.step, self.session.preset.batch_size
        self.session.most = size // 2
        if self.session.most < FEWEST_AT_ONCE:
            raise FaceitError(
                f"The memory does not suffice for {size} faces a side at a time with {self.session.preset.name}: end "
                "other programs that use it, or take a smaller preset."
            )
        self._reopen()
        self._decide(f"the memory did not suffice for {size} faces a side at step {step:,}, "
                     f"so on from here with {self.session.most}")  # fmt: skip

    def _reopen(self) -> None:
        events, attempt = self.at.events, self.at.attempt
        self.open()
        self.at.events, self.at.attempt = events, attempt
        self.reporter.open(self.at, self.done())

    # --- the files ---

    def save(self) -> None:
        """Write the state and what is made from it, and a snapshot of both where one is due. Diverged for what is not
        worth saving."""
        state = self.session.training.state()
        self.guard.weights(state)
        for side in SIDES:  # with the weights as they are: the average would tell later
            some = self.session.pair.some(side, WATCHED_FACES)
            made = self.session.model().swap(some.faces, some.points, side, side)
            self.guard.pictures(side, self.session.crops(some), made)
        self.at.end = self.budget.saved()
        about = self._about_text()
        self._written(lambda: checkpoints.write_state(self.folder, state, self.at, about, self._best))
        self._best = None
        self._written(lambda: self._publish(about))
        if self._snapshot_due():
            self._written(lambda: checkpoints.snapshot(self.folder))
            self.at.snapped = self.done()

    def _publish(self, about: str) -> None:
        checkpoints.publish(self.folder, self.session.averages(), self.at.step, about)

    def _snapshot_due(self) -> bool:
        parts = self.settings.snapshots + 1
        return self.done() < 1 and int(self.done() * parts) > int(self.at.snapped * parts)

    def _written(self, write: Callable[[], object]) -> None:
        self.interruption.written(self.folder, write)

    def _about_text(self) -> str:
        """What model.json says."""
        from faceit.network.training import mirrors

        people, pair = zip(SIDES, (self.swap.a, self.swap.b), strict=True), self.session.pair
        mirrored = mirrors(self.session.preset, pair.sets)
        more = {"people": {side: {"name": person.name, "consent": person.consent} for side, person in people},
                "preset": to_json(self.session.preset), "align": pair.crop.name, "train": asdict(self.settings),
                "faces": {side: len(pair.sets[side]) for side in SIDES},
                "pictures": {side: pair.sets[side].picture_size for side in SIDES}, "turns": pair.turns(mirrored),
                "held_out_from": held_out_from(self.project, self.swap, self.at.held_out_from)}  # fmt: skip
        return checkpoints.about_text(self.swap.name, self.at, more)

    # --- what it says ---

    def _already(self) -> None:
        if not checkpoints.published(self.folder, self.at.step):  # killed between the state and what is made from it
            self._publish(self._about_text())
        more = "--iterations" if self.budget.unit == "step" else "--minutes"
        anew = "`until: end` with a" if self.at.end else "A"
        say(f"{self.swap.name} is trained: {self.at.step:,} steps in {duration(self.at.seconds)}. "
            f"{anew} larger {more} trains it on.")  # fmt: skip

    def _say_forecast(self, rate: float) -> None:
        """What the budget comes to at ``rate`` steps a second, and how much disk the model takes meanwhile."""
        self.forecast_said = True
        disk = self.session.training.disk_size(self.settings.snapshots)
        say(f"{self.budget.forecast(rate, self.at.step, self.at.seconds)}; models/{self.swap.name} takes up to "
            f"{disk / 1e6:,.0f} MB while training.")  # fmt: skip
