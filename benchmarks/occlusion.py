"""How much of what lies before a face stays with `occlusion: learned`, and how often nothing is taken for something.
Run by hand; prints a table.

    python -m benchmarks.occlusion --clips DIR [--work DIR] [--only NAME,...] [--pictures DIR]

DIR holds the clips of docs/quality.md. ``occluders.json`` beside this file has frames of them, in which polygons drawn
by hand say what lies before the face, and stretches in which nothing does. Everyone is trained on the very footage that
is looked at, without a step: what users do. Columns: of the face's pixels that lie behind something, the share that
stays; of those that do not, the share that does; frames of the clear stretches, and the share of them in which more
than 1 % of the face stays, which is a fault (but for their own hair at the temples, which stays too, and is there).
Prints last the share of hands, and of what they hold, that stays, over
the share of faults.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from benchmarks.pairs import write_project
from faceit.casting.cast import Cast
from faceit.casting.first_pass import see_faces
from faceit.cli import main as faceit
from faceit.compose.masks import face_mask
from faceit.config.project_file import load_project
from faceit.config.settings import ConvertSettings
from faceit.convert.painter import Painter, Swapper
from faceit.faces.detect import FaceFinder
from faceit.geometry import align
from faceit.images import write_image
from faceit.network.swapmodel import load_model
from faceit.swap_face import SwapFace

LABELS = json.loads(Path(__file__).with_name("occluders.json").read_text(encoding="utf-8"))
FAULT = 0.01  # of a face
SEEN_AT = 192  # pixels of the crop in which the masks are compared
MAN_1 = ("bbaf2n", "bgig8p", "bwim4n", "lgas2n", "lwbz6p", "pbai4n", "pric2n", "pwbx8n")
WOLF, SINGER = "robust/pyfeat_WolfgangLanger_Pexels.mp4", "robust/hamilton.mp4"
# who is in which clips, and the frame of the first that is their portrait
PEOPLE: dict[str, tuple[tuple[str, ...], int]] = {
    "hand before her face": ((WOLF,), 310), "fringe": (("pair_hd/hill.mp4",), 25),
    "singer": ((SINGER,), 205), "glasses": (("pair_turned/man6.mp4",), 25),
    "finger on his chin": (("pair_long/b.mp4",), 25), "woman 1": (("pair_hd/aoc.mp4",), 25),
    "man 5": (("pair_turned/man5.mp4",), 25), "woman 8": (("pair_faces/woman8.mp4",), 10),
    "variable rate": (("robust/vfr_turned_man.mp4",), 20), "dark": (("robust/dark_outdoors.mp4",), 25),
    "comes and goes": (("robust/pyfeat_face_noface.mov", "robust/pyfeat_noface_face.mov"), 25),
    "man 1": (tuple(f"pair_long/a/{name}.mpg" for name in MAN_1) + ("pair_long/a_heldout/a_heldout_18s.mp4",), 25),
} | {
    f"speaker {i}": ((f"robust/others/grid_{name}.mpg",), 25)
    for i, name in enumerate(("lbax4n", "lbbc2a", "pwij3p", "sbia1a", "swiz3n"), 1)
}  # fmt: skip
SECONDS = 20  # of a clip, at most


class Clip:
    """The frames of a clip, upright, as (h, w, 3) RGB, in the size in which it was labelled."""

    def __init__(self, path: Path, size: tuple[int, int] | None = None):
        self.path, self.size = path, size

    def frames(self, first: int, last: int) -> list[np.ndarray]:
        """Those from the first to the last, as they are decoded."""
        video, out = cv2.VideoCapture(str(self.path)), []
        for number in range(last + 1):
            read, frame = video.read()
            if not read:
                break
            if number >= first:
                frame = frame if self.size is None else cv2.resize(frame, self.size, interpolation=cv2.INTER_AREA)
                out.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        return out


def faces_of(frames: list[np.ndarray], near: np.ndarray | None = None) -> list[list[SwapFace]]:
    """The face to look at in each of consecutive frames: the largest, or that which lies ``near`` a point."""
    seen = see_faces(((i / 25, frame) for i, frame in enumerate(frames)), FaceFinder(), False)
    out = []
    for faces in Cast(lambda part: seen, 1, 25.0, None).faces(0):
        away = [-np.ptp(face.landmarks[:, 0]) if near is None else np.linalg.norm(face.landmarks.mean(0) - near)
                for face in faces]  # fmt: skip
        out.append([faces[int(np.argmin(away))]] if faces else [])
    return out


def fronts_of(painter: Painter, frames: list[np.ndarray], near: np.ndarray | None = None):
    """(frame, face, what lies before it) of consecutive frames, where there is a face."""
    faces = faces_of(frames, near)
    for i, (frame, found, front) in enumerate(painter.fronts(zip(frames, faces, strict=True))):
        if found:
            yield i, frame, found[0], front[0]


def in_crop(polygons: list, place) -> np.ndarray:
    """Polygons of the frame, filled in an aligned square: bool."""
    mask = np.zeros((SEEN_AT, SEEN_AT), np.uint8)
    for polygon in polygons:
        points = place.points(np.array(polygon, np.float64) - 0.5)
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
    return mask > 0


def face_area(face: SwapFace, place) -> np.ndarray:
    """Where a swap would be seen, more than half of it."""
    return face_mask(place.points(face.landmarks.astype(np.float64)), SEEN_AT) > 0.5


def front_in(front: np.ndarray | None) -> np.ndarray:
    if front is None:
        return np.zeros((SEEN_AT, SEEN_AT), bool)
    return cv2.resize(front, (SEEN_AT, SEEN_AT), interpolation=cv2.INTER_LINEAR) > 0.5


def labelled(painter: Painter, clips: Path, names: tuple[str, ...], pictures: Path | None, who: str) -> dict:
    """By kind, [(share of what lies before the face that stays, share of the rest that does)] of labelled frames."""
    out = defaultdict(list)
    for label in LABELS["frames"]:
        if label["clip"] not in names:
            continue
        first = max(0, label["frame"] - 1)
        frames = Clip(clips / label["clip"], (label["width"], label["height"])).frames(first, label["frame"] + 1)
        outline = np.array(label["face"])
        for i, frame, face, front in fronts_of(painter, frames, outline.mean(0)):
            if first + i != label["frame"]:
                continue
            place = align(face.landmarks, SEEN_AT)
            area = face_area(face, place) & in_crop([label["face"]], place)
            before, kept = in_crop([each["polygon"] for each in label["front"]], place), front_in(front)
            kinds = {each["kind"] for each in label["front"]}
            kind = "glasses" if "glasses" in kinds else "hair" if "hair" in kinds else "hand"
            out[kind].append((kept[area & before].mean(), kept[area & ~before].mean()))
            if pictures:
                shown = np.hstack([place.warp(frame), marked(place.warp(frame), before & area, kept & area)])
                write_image(pictures / f"{who.replace(' ', '-')}-{label['frame']:04d}.png", shown)
    return out


def marked(picture: np.ndarray, before: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """What is both in green, what is missed in red, what is no more than kept in blue."""
    out = picture.astype(np.float32)
    for where, colour in ((before & kept, (0, 200, 0)), (before & ~kept, (230, 0, 0)), (~before & kept, (0, 60, 255))):
        out[where] = 0.5 * out[where] + 0.5 * np.array(colour)
    return out.astype(np.uint8)


def clear(painter: Painter, clips: Path, names: tuple[str, ...], pictures: Path | None, who: str) -> list[float]:
    """The share of the face that is kept from the swap, of every frame of the clear stretches."""
    out = []
    for stretch in LABELS["clear"]:
        if stretch["clip"] not in names:
            continue
        frames = Clip(clips / stretch["clip"]).frames(stretch["first"], stretch["last"])
        for i, frame, face, front in fronts_of(painter, frames):
            place = align(face.landmarks, SEEN_AT)
            area, kept = face_area(face, place), front_in(front)
            out.append(float(kept[area].mean()))
            if pictures and out[-1] > FAULT:
                shown = marked(place.warp(frame), np.zeros_like(kept), kept & area)
                name = f"fault-{who.replace(' ', '-')}-{stretch['first'] + i:04d}.png"
                write_image(pictures / name, np.hstack([place.warp(frame), shown]))
    return out


def portrait(clips: Path, clip: str, number: int, to: Path) -> Path:
    """A frame as a portrait; of a singer among others, what is about his face."""
    [frame] = Clip(clips / clip).frames(number, number)
    for label in LABELS["frames"]:
        if (label["clip"], label["frame"]) == (clip, number):
            points = np.array(label["face"])
            low, high = points.min(0), points.max(0)
            left, top = np.maximum(low - (high - low), 0).astype(int)
            right, bottom = (high + (high - low)).astype(int)
            frame = np.ascontiguousarray(frame[top:bottom, left:right])
    write_image(to, frame)
    return to


def model_of(clips: Path, work: Path, who: str, other: str) -> Path:
    """A model that swaps a person's face, trained on their clips, of what is known before the first step alone."""
    folder = work / who.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    people = {name.replace(" ", "-"): {
        "videos": [{"url": str(clips / clip), "end": SECONDS} if clip == "pair_long/b.mp4" else str(clips / clip)
                   for clip in PEOPLE[name][0]],
        "portrait": str(portrait(clips, PEOPLE[name][0][0], PEOPLE[name][1], folder / f"{name.replace(' ', '-')}.png")),
    } for name in (who, other)}  # fmt: skip
    a, b = people
    file = write_project(folder, {"people": people, "from": a, "to": b, "fps": 30})
    if not (folder / "models" / "pair" / "model.json").exists():
        assert faceit(["preprocess", "pair", "--config", str(file)]) == 0
        assert faceit(["train", "pair", "--preset", "cpu", "--iterations", "0", "--config", str(file)]) == 0
    return load_project(file).model_dir("pair")


def painter_of(model: Path, hair: bool) -> Painter:
    """What swaps with a model; without ``hair``, the hair of whoever is filmed is no thing before the face."""
    loaded = load_model(model)
    side = loaded._look("a")
    if not hair:
        loaded.looks["a"] = side._replace(hair=np.zeros_like(side.hair))
    return Painter(Swapper(loaded, ConvertSettings(occlusion="learned")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="keep the projects here (default: a temporary folder)")
    parser.add_argument("--only", help="people, with commas between")
    parser.add_argument("--pictures", type=Path, help="write what is compared into this folder")
    args = parser.parse_args()
    clips = args.clips.resolve()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-occlusion-"))).resolve()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    kinds, faults = defaultdict(list), []
    print("| who | labelled frames | stays | kept of the rest | clear frames | with a fault | most |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for who in args.only.split(",") if args.only else PEOPLE:
        model, names = model_of(clips, work, who, "woman 1" if who != "woman 1" else "man 5"), PEOPLE[who][0]
        found, kept = (each(painter_of(model, each is labelled), clips, names, args.pictures, who)
                       for each in (labelled, clear))  # fmt: skip
        rows = [row for some in found.values() for row in some]
        shares = " | ".join(f"{value:.3f}" for value in np.mean(rows, 0)) if rows else " | "
        wrong = [share > FAULT for share in kept]
        some = f"{len(kept)} | {np.mean(wrong):.4f} | {max(kept):.3f}" if kept else "0 | | "
        print(f"| {who} | {len(rows)} | {shares} | {some} |", flush=True)
        for kind, pairs in found.items():
            kinds[kind] += pairs
        faults += wrong
    for kind, pairs in kinds.items():
        print(f"{kind}: {len(pairs)} frames, {np.mean(pairs, 0)[0]:.3f} stays, {np.mean(pairs, 0)[1]:.4f} of the rest")
    stays, fault = np.mean([pair[0] for pair in kinds["hand"]]), np.mean(faults)
    print(f"{sum(faults)} of {len(faults)} clear frames have a fault")
    print(f"share that stays of hands and what they hold, over the share of faults: {stays / max(fault, 1e-4):.1f}")


if __name__ == "__main__":
    main()
