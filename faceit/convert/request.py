"""What is swapped, and by which models: the swaps that one call of convert asks for, and what is told of them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.casting.cast import Cast, Casts, CastTally, Limits, SwapRule
from faceit.casting.first_pass import see_faces
from faceit.compose.blend import face_light
from faceit.config.consent import consent_fault
from faceit.config.project import Person, Project
from faceit.config.settings import ConvertSettings, overridden
from faceit.convert.painter import Painter, Swapper
from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder
from faceit.faces.hands import HandFinder, HandFollower
from faceit.faces.identity import Identity, learn_identity
from faceit.media.formats import Encoding, Target, encoding_of, target
from faceit.network.model_file import MODEL, WEIGHTS, about_crop, about_turns, read_about
from faceit.network.swapmodel import load_model
from faceit.progress import say
from faceit.swap_face import SwapFace

# of a task: what no swapped picture depends on
NO_PICTURE = ("video", "output", "overwrite", "compare", "layer", "several")
PAINTING = 3  # raised when the same settings paint other pictures, so that no result is made of both
UPRIGHT = "Does the picture lie on its side or upside down? Then turn it upright first."
TURNED_ON = 25.0  # degrees; so much further than it was seen a face can be turned before it fades


@dataclass(frozen=True)
class ConvertTask:
    """What to convert and how: the whole of the command line's part."""

    swap: str
    video: str
    reverse: bool = False
    everyone: bool = False
    start: float | None = None
    end: float | None = None
    compare: str | None = None  # a way of ``media.side_by_side``, to see before and after together
    output: Path | None = None
    overwrite: bool = False
    others: tuple[str, ...] = ()  # swaps that are made in the same video
    layer: bool = False  # the faces alone, too
    given: tuple[tuple[str, object], ...] = ()  # settings that are for every swap, whatever the YAML says
    several: bool = False  # other videos go into the same folder ``output``


@dataclass
class ConvertCounts(CastTally):
    """What became of the frames."""

    swapped: int = 0

    def words(self) -> str:
        """For a summary."""
        turned = f", {self.turned_away:,} turned too far" if self.turned_away else ""
        return (f"{self.swapped:,} swapped, {self.no_face:,} without a face, {self.someone_else:,} with only other "
                f"people{turned}")  # fmt: skip


class _Swap:
    """One of the swaps of a task: the model's folder and people, its settings, and who is looked for."""

    def __init__(self, project: Project, task: ConvertTask, name: str, settings: ConvertSettings | None = None):
        self.name = name
        self.folder = project.model_dir(name)
        self.about = read_about(self.folder)
        people = people_of(project, self.about)
        if settings is None:
            own = project.swaps[name].convert if name in project.swaps else ConvertSettings()
            settings = overridden(own, **dict(task.given))
        self.settings = settings
        self.driver, self.giver = (people["b"], people["a"]) if task.reverse else (people["a"], people["b"])
        self.turns = about_turns(self.about, "a" if task.reverse else "b")
        self.identity: Identity | None = None  # everyone's, until a person is learned

    def facts(self) -> dict:
        """What is recorded of it."""
        return {
            "swap": self.name, "from": self.driver.name, "to": self.giver.name,
            "consent": merged_consents([{p.name: p.consent} for p in (self.driver, self.giver)]),
            "model": {"preset": self.about["preset"]["name"], "step": self.about.get("step"),
                      "align": about_crop(self.about).name},
        }  # fmt: skip


class ConversionRequest:
    """The swaps of a task, the first of which decides on label, size and encoder. FaceitError where they do not go
    together, or where no model is."""

    def __init__(self, project: Project, task: ConvertTask, settings: ConvertSettings | None):
        self.project, self.task = project, task
        self.strangers = task.everyone  # whether the faces may be others' than the models know
        self.swaps = [_Swap(project, task, task.swap, settings), *(_Swap(project, task, name) for name in task.others)]
        if self.hands:
            HandFinder()  # where its weights are missing, that is said before the work begins
        if task.others and task.everyone:
            raise FaceitError("With --swap each swap finds its own person: leave --everyone out.")
        drivers = [swap.driver.name for swap in self.swaps]
        for name in drivers:
            if drivers.count(name) > 1:
                raise FaceitError(f"Two of these swaps replace {name}: one face takes one swap.")

    def target(self) -> Target:
        """What the result is. FaceitError where what is asked for does not fit together."""
        asked = self.task.output
        named = None if asked is None or asked.is_dir() else asked
        return target(self.settings.format, self.settings.codec, named)

    def encoding(self, kind: Target) -> Encoding:
        """How the result's parts are encoded. MediaError where the encoder that is named does not work here."""
        return encoding_of(kind.codec, self.settings)

    def in_force(self, encoding: Encoding) -> ConvertSettings:
        """The settings of the first swap with the codec and the encoder that were chosen."""
        return replace(self.settings, codec=encoding.codec, encoder=encoding.encoder)

    @property
    def settings(self) -> ConvertSettings:
        """Those of the first swap, which are for all where they are not a face's."""
        return self.swaps[0].settings

    @property
    def hands(self) -> bool:
        """Whether hands are looked for."""
        return any(swap.settings.occlusion == "hands" for swap in self.swaps)

    @property
    def first_pass(self) -> dict:
        """How ``VideoConversion.first_pass`` looks for faces."""
        preprocess = self.project.preprocess
        return {"detector": preprocess.detector, "identify": not self.task.everyone, "workers": preprocess.workers,
                "hands": self.hands}  # fmt: skip

    def learn(self, portraits: tuple[Path, ...]) -> None:
        """Learn who is looked for; ``portraits`` are of the first swap's person, instead of their own."""
        self.strangers = self.task.everyone or bool(portraits)
        for swap in self.swaps if not self.task.everyone else ():
            own = portraits if swap is self.swaps[0] else ()
            swap.identity = learn_driver(self.project, swap.driver, swap.settings, own)

    def painter(self) -> Painter:
        """Load the models."""
        return Painter(*(Swapper(load_model(swap.folder), swap.settings, self.task.reverse) for swap in self.swaps))

    def converter(self) -> "Converter":
        finder = FaceFinder(self.project.preprocess.detector)
        return Converter(self.painter(), self.rules, finder, not self.task.everyone, hands=self.hands)

    def rules(self, size: tuple[int, int]) -> list[SwapRule]:
        """Whose faces each swap takes, in frames of ``size``."""
        return [SwapRule(swap.identity, limits_of(swap.settings, swap.turns, size, self.strangers))
                for swap in self.swaps]  # fmt: skip

    def yaw(self) -> tuple[float, float] | None:
        """How far a head may be turned for the first swap to be seen, degrees; None: as far as it likes."""
        return limits_of(self.settings, self.swaps[0].turns, (0, 0)).yaw

    def key(self, files: list[Path], settings: ConvertSettings) -> str:
        """A hash of all that the pictures depend on: the swaps, who is looked for, these files, and the ``settings`` in
        force for the first swap."""
        who = []
        for identity in (swap.identity for swap in self.swaps if swap.identity is not None):
            refused = [] if identity.refused is None else identity.refused.tolist()
            who.append([identity.encodings.tolist(), refused, identity.tolerance])
        paths = [*files, *(swap.folder / name for swap in self.swaps for name in (WEIGHTS, MODEL))]
        task = asdict(self.task) | dict.fromkeys(NO_PICTURE)
        every = [asdict(settings), *(asdict(swap.settings) for swap in self.swaps[1:])]
        return _hash(every, task, _stamps(paths), self.project.preprocess.detector, who)

    def look_key(self, source: Path) -> str:
        """A hash of all that the first pass over a video depends on: not who is looked for, nor the models."""
        task = self.task
        return _hash(_stamps([source]), task.start, task.end, task.everyone, self.settings.height,
                     self.project.preprocess.detector, self.hands)  # fmt: skip

    def facts(self) -> dict:
        """What the result's note and story tell of it; of several swaps the first is named as the swap."""
        every = [swap.facts() for swap in self.swaps]
        facts = every[0] | {"everyone": self.task.everyone, "made": datetime.now(UTC).isoformat(timespec="seconds")}
        if not self.settings.label:
            facts["label"] = False
        if len(every) > 1:
            facts |= {key: " and ".join(one[key] for one in every) for key in ("from", "to")}
            facts |= {"consent": merged_consents([one["consent"] for one in every]), "swaps": every}
        return facts

    def say_unlabelled(self) -> None:
        """Where no label goes into the result, that is said: a YAML from elsewhere may have switched it off."""
        if not self.settings.label:
            say("  ! The result gets no AI MODIFIED label (label: false under convert:); its note says so.")

    def say_twice(self, counts: ConvertCounts, what: str) -> None:
        """That a person was there twice at a time, and once swapped; ``what`` is a picture, "frame"."""
        if counts.twice:
            what += "s" * (counts.twice > 1)
            who = " or ".join(swap.driver.name for swap in self.swaps)
            say(f"  ! {who} is more than once in {counts.twice:,} {what} (a mirror, a split screen?): only the "
                "likest face is swapped there; --everyone swaps every face.")  # fmt: skip

    def nobody(self, counts: ConvertCounts, what: str) -> FaceitError:
        """Why nothing was swapped in ``what``, for instance "the 40 frames of talk.mp4"."""
        who, giver = (" and ".join(getattr(swap, side).name for swap in self.swaps) for side in ("driver", "giver"))
        identity = self.swaps[0].identity
        if counts.turned_away:
            return FaceitError(
                f"Of {what} {counts.turned_away:,} show {who}, turned further than {giver} was seen: train on videos "
                "that show that, or set max_yaw: 90 under convert."
            )
        if identity is None or not counts.someone_else:
            return FaceitError(f"No face in any of {what}: nothing to swap. {UPRIGHT}")
        are = "is" if len(self.swaps) == 1 else "are"
        return FaceitError(
            f"{who} {are} in none of {what}: the nearest face is {counts.nearest:.2f} away (tolerance "
            f"{identity.tolerance:.2f}). Is the portrait right? --everyone swaps every face, --reverse the other "
            f"person's. {UPRIGHT}"
        )


class Converter:
    """Swaps faces in frames that are in memory; ``counts`` says what became of them. ``rules`` are those of a
    ``ConversionRequest``."""

    def __init__(self, painter: Painter, rules: Callable[[tuple[int, int]], list[SwapRule]], finder: FaceFinder,
                 identify: bool = True, fps: float = 25.0, hands: bool = False):  # fmt: skip
        self.painter, self.rules, self.finder, self.identify, self.fps = painter, rules, finder, identify, fps
        self.counts = ConvertCounts()
        self.faces: list[SwapFace] = []  # that were swapped last
        self._hands = HandFinder() if hands else None

    def convert(self, frames: list[np.ndarray]) -> list[np.ndarray]:
        """Consecutive frames (h, w, 3) uint8 RGB -> the swapped ones; those without a face to swap come as they are."""
        timed = ((i / self.fps, frame) for i, frame in enumerate(frames))
        hands = HandFollower(self._hands) if self._hands else None
        seen = see_faces(timed, self.finder, self.identify, light_of=face_light, hands=hands)
        height, width = frames[0].shape[:2]
        casts = Casts(*(Cast(lambda part: seen, 1, self.fps, *rule) for rule in self.rules((width, height))))
        self.counts.swapped += casts.count(self.counts)
        faces = casts.faces(0)
        self.faces = [face for frame in faces for face in frame]
        return [swapped for _, swapped, _ in self.painter.painted(zip(frames, faces, strict=True))]

    def marked(self, frame: np.ndarray) -> np.ndarray:
        """The frame that was swapped last, alone, with what was swapped in it marked."""
        return self.painter.marked(frame, self.faces)


def _stamps(paths: list[Path]) -> list[tuple[str, int, int]]:
    """What tells that a file is another one."""
    states = [(path.name, path.stat()) for path in paths]
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]


def _hash(*values) -> str:
    return hashlib.sha256(json.dumps([__version__, PAINTING, *values], default=str).encode()).hexdigest()


def limits_of(settings: ConvertSettings, turns: tuple[float, float] | None, size: tuple[int, int],
              strangers: bool = False) -> Limits:  # fmt: skip
    """When a swap is only partly seen. ``turns``: how far the person whose face is put in was seen turned."""
    if settings.max_yaw is not None:
        turns = -settings.max_yaw, settings.max_yaw
    elif turns is not None:
        turns = turns[0] - TURNED_ON, turns[1] + TURNED_ON
    return Limits(settings.fade, turns, size, strangers)


def learn_driver(project: Project, driver: Person, settings: ConvertSettings,
                 portraits: tuple[Path, ...] = ()) -> Identity:  # fmt: skip
    """The person whose face is to be swapped, as known from their portraits, or from others."""
    return learn_identity(driver.name, portraits or driver.portraits, project.preprocess.detector,
                          refused=driver.refused, tolerance=settings.tolerance or project.preprocess.tolerance)


def merged_consents(consents: list[dict[str, str]]) -> dict[str, str]:
    """Those of several swaps, by person: models from different places may know one name with different consents."""
    merged: dict[str, str] = {}
    for who, words in (pair for one in consents for pair in one.items()):
        merged[who] = words if merged.get(who, words) == words else f"{merged[who]}; {words}"
    return merged


def people_of(project: Project, about: dict) -> dict[str, Person]:
    """The model's people: as the YAML has them, or, for a model from elsewhere, with the portrait's usual place.
    Where the YAML's consent is another than the model's, theirs is both: the one is for the faces that trained, the
    other for the footage. FaceitError where the model has none that counts, and the YAML does not know the person."""
    people = {}
    for side in ("a", "b"):
        name, consent = (about["people"][side][key] for key in ("name", "consent"))
        usual = Person(name, (project.data / "persons" / f"{Path(name).name}.jpg",), consent)
        own = project.people.get(name)
        if own is None and (fault := consent_fault(consent)):
            raise FaceitError(f"{MODEL}: {name}: {fault}; or list {name} with a consent in {project.file.name}.")
        if own is not None and consent_fault(consent) is None and own.consent != consent.strip():
            own = replace(own, consent=f"{consent.strip()}; for the footage: {own.consent}")
        people[side] = own or usual
    return people
