"""Whose faces preprocess keeps: one man's own footage and nine other speakers. Run by hand; prints a table.

    python -m benchmarks.identity --clips DIR [--fps N] [--tolerance T] [--portraits N] [--work DIR]

DIR holds ``pair_long/a/*.mpg`` (man 1; his portraits are frames of them, the first one's first), others of his
sentences in ``pair_long/a_heldout/*.mp4``, and ``robust/others/*.mpg`` (nine other speakers of the same corpus, in the
same light before the same wall, which is the hardest case for a filter). All are listed as his videos; the portraits
alone must tell them apart. benchmarks/portraits.py asks the same of single tracks, without preprocess.
"""

import argparse
import json
import tempfile
from pathlib import Path

import yaml

from faceit.cli import main as faceit
from faceit.config.project_file import load_project
from faceit.faces.faceset import DONE, read_table
from faceit.images import write_image
from faceit.media.video import read_frames


def write_project(work: Path, clips: Path, fps: float, tolerance: float, portraits: int) -> Path:
    """A project whose one person lists his own held-out footage and everybody else's."""
    long = sorted((clips / "pair_long" / "a").glob("*.mpg"))
    files = [work / f"man1-{i}.png" for i in range(portraits)]
    for file, video in zip(files, long[:: len(long) // portraits], strict=False):
        write_image(file, next(read_frames(video, start=1.0, end=2.0))[1])
    own = sorted((clips / "pair_long" / "a_heldout").glob("*.mp4"))
    others = sorted((clips / "robust" / "others").glob("*.mpg"))
    videos = [{"url": str(path), "name": f"{kind}-{path.stem}"}
              for kind, paths in (("own", own), ("other", others)) for path in paths]  # fmt: skip
    man = {"portrait": [str(file) for file in files], "consent": "research footage", "videos": videos}
    settings = {"fps": fps, "tolerance": tolerance}
    file = work / "faceit.yaml"
    file.write_text(yaml.safe_dump({"people": {"man1": man}, "preprocess": settings}), encoding="utf-8")
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--tolerance", type=float, default=0.6)
    parser.add_argument("--portraits", type=int, default=1)
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-identity-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    file = write_project(work, args.clips.resolve(), args.fps, args.tolerance, args.portraits)
    assert faceit(["preprocess", "--person", "man1", "--config", str(file)]) == 0
    project = load_project(file)
    man = project.person("man1")
    totals = {"own": [0, 0], "other": [0, 0]}
    print(f"\n{'clip':28} {'frames':>6} {'kept':>6} {'no face':>8} {'refused at':>11} {'farthest kept':>14}")
    for video in man.videos:
        folder = project.faces_dir(man, video.name)
        counts = json.loads((folder / DONE).read_text(encoding="utf-8"))["counts"]
        kept = [row.distance for row in read_table(folder)]
        refused = f"{counts['nearest']:.3f}" if counts["nearest"] < 9 else "-"
        farthest = f"{max(kept):.3f}" if kept else "-"
        figures = f"{counts['frames']:6} {counts['kept']:6} {counts['no_face']:8}"
        print(f"{video.name:28} {figures} {refused:>11} {farthest:>14}")
        total = totals[video.name.split("-")[0]]
        total[0], total[1] = total[0] + counts["frames"], total[1] + counts["kept"]
    (own, own_kept), (others, others_kept) = totals["own"], totals["other"]
    print(f"own frames kept {100 * own_kept / own:.1f} %, others kept {others_kept} of {others} frames")


if __name__ == "__main__":
    main()
