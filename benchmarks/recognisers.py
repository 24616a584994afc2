"""How well both recognisers tell people apart on real footage. Run by hand; prints a table.

    python -m benchmarks.recognisers --clips DIR [--frames N]

DIR holds ``pair_hd/{aoc,hill}.mp4``, ``pair_long/a/*.mpg`` (man 1), ``pair_long/b.mp4`` (man 2) and
``robust/others/*.mpg`` (nine people). ``frames`` of each are encoded by dlib (Euclidean distance, lower is nearer)
and by SFace (cosine, higher is nearer), and all pairs of frames compared. The last line says how far apart the least
alike frames of one person and the most alike frames of two are, over the distance between the medians; above 0 every
pair is told apart.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np

from faceit.faces import recogniser
from faceit.faces.detect import FaceFinder
from faceit.faces.follow import followed
from faceit.faces.identity import encode
from faceit.media.probe import probe
from faceit.media.video import read_frames


def people(clips: Path) -> dict[str, list[Path]]:
    found = {name: [clips / "pair_hd" / f"{name}.mp4"] for name in ("aoc", "hill")}
    found["man1"] = sorted((clips / "pair_long" / "a").glob("*.mpg"))[::6]
    found["man2"] = [clips / "pair_long" / "b.mp4"]
    return found | {path.stem: [path] for path in sorted((clips / "robust" / "others").glob("*.mpg"))}


def seen(videos: list[Path], frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Encodings (n, 128) and looks (n, d) of faces spread over a person's videos."""
    finder, found = FaceFinder(), []
    for path in videos:
        rate = frames / len(videos) / probe(path).duration
        for _, frame, faces in followed(read_frames(path, fps=rate), finder):
            if faces:
                found.append((encode(frame, faces[0].landmarks), recogniser.look(frame, faces[0].landmarks)))
    return tuple(np.stack(each) for each in zip(*found, strict=True))


def pairs(known: list[np.ndarray], likeness) -> tuple[np.ndarray, np.ndarray]:
    """Likeness of all pairs of frames of one person, and of two."""
    same = [likeness(one, one)[np.triu_indices(len(one), 1)] for one in known]
    other = [likeness(one, two).ravel() for one, two in combinations(known, 2)]
    return np.concatenate(same), np.concatenate(other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=20)
    args = parser.parse_args()
    known = {name: seen(videos, args.frames) for name, videos in people(args.clips).items()}
    print(f"{len(known)} people, {sum(len(each[0]) for each in known.values())} frames")
    margins = []
    for i, (name, likeness) in enumerate((
        ("dlib", lambda a, b: -np.linalg.norm(a[:, None] - b[None], axis=2)), (recogniser.NAME, lambda a, b: a @ b.T),
    )):  # fmt: skip
        same, other = pairs([each[i] for each in known.values()], likeness)
        margins.append((same.min() - other.max()) / (np.median(same) - np.median(other)))
        sign = -1 if i == 0 else 1
        print(f"{name}: one person's frames at worst {sign * same.min():.3f}, median {sign * np.median(same):.3f} "
              f"({len(same):,} pairs); two people's at nearest {sign * other.max():.3f}, median "
              f"{sign * np.median(other):.3f} ({len(other):,} pairs)")  # fmt: skip
    print(f"margin over the distance of the medians: dlib {margins[0]:.2f}, {recogniser.NAME} {margins[1]:.2f}")


if __name__ == "__main__":
    main()
