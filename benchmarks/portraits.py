"""How far apart encodings of one person and of others are, and what one, two, three and five portraits make of it.

    python -m benchmarks.portraits --clips DIR [--rounds N]

DIR holds ``pair_long/a/*.mpg`` and ``pair_long/a_heldout/*.mp4`` (man 1), ``pair_long/b.mp4`` (man 2),
``pair_hd/*.mp4`` (two women), ``robust/others/*.mpg`` (nine other speakers of man 1's corpus), and in ``robust`` a
woman whose hand is over her face, a man, and ``hamilton.mp4`` (a stage with several people). Of each person portraits
are drawn from different moments, ``--rounds`` times; ``faces.identity.Identity`` then judges tracks of five faces, none
of them a portrait. The constants of that module were chosen by these tables. Takes four minutes on two cores.
"""

import argparse
from pathlib import Path

import numpy as np

from faceit.faces.detect import FaceFinder
from faceit.faces.follow import followed
from faceit.faces.identity import ALIKE, NEAR, Identity, encode
from faceit.media.video import read_frames

PORTRAITS = (1, 2, 3, 5)
TRACK = 5  # faces that are judged together
FEWEST = PORTRAITS[-1] + TRACK  # faces a person
FACTORS = (1.0, 1.25, 1.5, 1.75, 2.0)


def sources(clips: Path) -> dict[str, tuple[list[Path], int]]:
    """Person -> videos, and of how many frames one is taken."""
    robust, long = clips / "robust", clips / "pair_long"
    found = {f"speaker {i}": ([path], 6) for i, path in enumerate(sorted((robust / "others").glob("*.mpg")), 1)}
    found |= {f"woman {i}": ([path], 6) for i, path in enumerate(sorted((clips / "pair_hd").glob("*.mp4")), 1)}
    found["hand over face"] = [robust / "pyfeat_WolfgangLanger_Pexels.mp4"], 10
    found["man 3"] = [robust / "pyfeat_face_noface.mov"], 4
    found["man 1"] = [*sorted((long / "a").glob("*.mpg")), *sorted((long / "a_heldout").glob("*.mp4"))], 18
    found["man 2"] = [long / "b.mp4"], 20
    return found


def encodings_of(finder: FaceFinder, videos: list[Path], every: int) -> list[np.ndarray]:
    """Of each video the encodings of the largest face in every so many frames, (n, 128)."""
    found = []
    for video in videos:
        frames = (frame for i, (_, frame) in enumerate(read_frames(video)) if i % every == 0)
        faces = [encode(frame, seen[0].landmarks) for frame in frames if (seen := finder.find(frame))]
        found.append(np.array(faces))
    return found


def drawn(count: int, all_: int, rng: np.random.Generator) -> list[int]:
    """``count`` moments of ``all_``, one from each equal part."""
    return [int(rng.choice(part)) for part in np.array_split(np.arange(all_), count)]


def tracks_without(videos: list[np.ndarray], taken: list[int]) -> list[np.ndarray]:
    """The faces that are no portraits, in groups of ``TRACK`` or a few more neighbours of one video."""
    found, start = [], 0
    for faces in videos:
        left = np.array([face for i, face in enumerate(faces, start) if i not in taken])
        start += len(faces)
        if len(left):
            found += np.array_split(left, max(1, len(left) // TRACK))
    return found


def spread(encodings: np.ndarray) -> float:
    """The largest distance to the nearest other portrait."""
    distances = np.linalg.norm(encodings[:, None] - encodings[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(distances.min(1).max())


def judge_all(people: dict[str, list[np.ndarray]], count: int, rounds: int, rng) -> dict:
    """Judge everybody's tracks as each person's, known from ``count`` portraits."""
    own, others, beyond, tolerances = [], [], [], []
    for name, videos in people.items():
        faces = np.concatenate(videos)
        strangers = [track for other in people if other != name for track in tracks_without(people[other], [])]
        for _ in range(rounds):
            taken = drawn(count, len(faces), rng)
            identity = Identity(name, faces[taken])
            mine = [identity.judge(track) for track in tracks_without(videos, taken)]
            own += mine
            others += [identity.judge(track) for track in strangers]
            tolerances.append(identity.tolerance)
            if count > 1:
                beyond.append([[said.distance > f * spread(faces[taken]) for said in mine] for f in FACTORS])
    shares = np.concatenate([np.array(each, float) for each in beyond], 1).mean(1) if beyond else None
    return {"own": own, "others": others, "tolerance": float(np.mean(tolerances)), "beyond": shares}


def share(said: list, test) -> float:
    return 100 * sum(map(test, said)) / len(said)


def print_distances(people: dict[str, list[np.ndarray]]) -> None:
    heads = f"{'median':>7} {'95 %':>6} {'most':>6} {'nearest other':>14}"
    print(f"\n{'distances of single faces':26} {'faces':>6} {heads}")
    for name, videos in people.items():
        faces = np.concatenate(videos)
        within = np.linalg.norm(faces[:, None] - faces[None], axis=2)[np.triu_indices(len(faces), 1)]
        rest = np.concatenate([part for other in people if other != name for part in people[other]])
        nearest = min(np.linalg.norm(rest - face, axis=1).min() for face in faces)
        median, high = np.percentile(within, [50, 95])
        print(f"{name:26} {len(faces):6} {median:7.3f} {high:6.3f} {within.max():6.3f} {nearest:14.3f}")


def print_judged(people: dict[str, list[np.ndarray]], rounds: int) -> tuple[int, int]:
    """The table of verdicts; returns the tracks judged rightly without a look, and all."""
    heads = ("tolerance", "theirs", "perhaps", "lost", "edge", "farthest", "taken", "perhaps", "nearest")
    print(f"\n{'':9} {'':9} | {'own tracks, %':^44} | {'tracks of others, %':^26}")
    print(f"{'portraits':9} " + " ".join(f"{head:>9}" for head in heads))
    right = judged = 0
    factors = {}
    for count in PORTRAITS:
        result = judge_all(people, count, rounds, np.random.default_rng(count))
        own, others = result["own"], result["others"]
        figures = [
            result["tolerance"],
            *(share(own, lambda said, v=v: said.verdict == v) for v in ("theirs", "perhaps", "other")),
            share(own, lambda said: said.doubtful), max(said.distance for said in own),
            *(share(others, lambda said, v=v: said.verdict == v) for v in ("theirs", "perhaps")),
            min(said.distance for said in others),
        ]  # fmt: skip
        print(f"{count:9} " + " ".join(f"{figure:9.3f}" for figure in figures))
        factors[count] = result["beyond"]
        right += sum(said.verdict == "theirs" for said in own) + sum(said.verdict == "other" for said in others)
        judged += len(own) + len(others)
    print("\nown tracks beyond FACTOR times the portraits' spread, without a least tolerance, %")
    print(f"{'portraits':9} " + " ".join(f"{factor:6}" for factor in FACTORS))
    for count in PORTRAITS[1:]:
        print(f"{count:9} " + " ".join(f"{100 * each:6.2f}" for each in factors[count]))
    return right, judged


def print_mutual(people: dict[str, list[np.ndarray]], rounds: int) -> None:
    """What would be if any two people refused each other."""
    rng, total, lost, taken, caught, margin = np.random.default_rng(0), 0, 0, 0, 0, 9.0
    for name, videos in people.items():
        for other, theirs in people.items():
            for count in (1, 5) * (rounds if name != other else 0):
                faces, rest = np.concatenate(videos), np.concatenate(theirs)
                mine, not_mine = drawn(1, len(faces), rng), drawn(count, len(rest), rng)
                identity = Identity(name, faces[mine], rest[not_mine])
                plain = Identity(name, faces[mine])
                for track in tracks_without(videos, mine):
                    said = identity.judge(track)
                    total, lost = total + 1, lost + (said.verdict == "refused")
                    if said.distance <= identity.tolerance:
                        margin = min(margin, said.refused - said.distance)
                for track in tracks_without(theirs, not_mine):
                    if plain.judge(track).verdict in ("theirs", "perhaps"):
                        taken, caught = taken + 1, caught + (identity.judge(track).verdict == "refused")
    print(f"\nany two refusing each other: {lost} of {total} own tracks lost; least margin {margin:.3f}, ALIKE {ALIKE}")
    print(f"{caught} of the {taken} tracks of the other that would be theirs or perhaps are refused")


def tracks_of(finder: FaceFinder, video: Path) -> list[tuple[set[float], np.ndarray]]:
    """The longer tracks of a video: when each was looked at, and its encodings, (n, 128)."""
    seen: dict[int, list[tuple[float, np.ndarray]]] = {}
    for i, (time, frame, found) in enumerate(followed(read_frames(video), finder)):
        for face in found if i % 5 == 0 else []:
            seen.setdefault(face.track, []).append((time, encode(frame, face.landmarks)))
    long = [list(zip(*track, strict=True)) for track in seen.values() if len(track) >= TRACK]
    return [(set(times), np.array(faces)) for times, faces in long]


def print_hall(tracks: list[tuple[set[float], np.ndarray]]) -> None:
    """Tracks that are there at one time are different people: here dark and small faces of an audience."""
    print("\nhamilton.mp4: people seen at one time, each judged as each other")
    for count in (1, 3):
        for refusing in (False, True):
            verdicts: list[str] = []
            for times, faces in tracks:
                portraits = faces[np.linspace(0, len(faces) - 1, count).round().astype(int)]
                for others, rest in tracks:
                    if others is not times and others & times:
                        said = Identity("", portraits, rest[:1] if refusing else None).judge(rest[1:])
                        verdicts.append(said.verdict + (", doubtful" if said.doubtful else ""))
            found = "; ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
            print(f"  {count} portrait(s){', each refusing the other' if refusing else ''}: {found}")


def print_man1(people: dict[str, list[np.ndarray]], hall: list[np.ndarray]) -> None:
    """Man 1 and everybody else as him, one line each."""
    faces = np.concatenate(people["man 1"])
    one, five = (Identity("man 1", faces[drawn(n, len(faces), np.random.default_rng(1))]) for n in (1, 5))
    groups = {name: tracks_without(videos, []) for name, videos in people.items()} | {"hamilton.mp4": hall}
    print(f"\nas man 1, known from one portrait (tolerance {one.tolerance:.2f}) and from five ({five.tolerance:.2f})")
    print(f"{'':26} {'tracks':>6} {'one: distances':>16} {'theirs':>7} {'five: distances':>16} {'theirs':>7}")
    for name, tracks in groups.items():
        line = f"{name:26} {len(tracks):6}"
        for identity in (one, five):
            said = [identity.judge(track) for track in tracks]
            low, high = (f(each.distance for each in said) for f in (min, max))
            line += f" {low:8.3f} - {high:.3f} {sum(each.verdict == 'theirs' for each in said):7}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=20, help="draws of portraits for each person (default 20)")
    args = parser.parse_args()
    finder = FaceFinder()
    people = {name: encodings_of(finder, *where) for name, where in sources(args.clips).items()}
    people = {name: videos for name, videos in people.items() if sum(map(len, videos)) >= FEWEST}
    print_distances(people)
    right, judged = print_judged(people, args.rounds)
    print_mutual(people, max(1, args.rounds // 10))
    hall = tracks_of(finder, args.clips / "robust" / "hamilton.mp4")
    print_hall(hall)
    print_man1(people, [faces for _, faces in hall])
    print(f"\nNEAR {NEAR}; of {judged} tracks judged, theirs or other as it is: {right / judged:.5f}")


if __name__ == "__main__":
    main()
