"""A made-up evaluation that looks like a real one, with everything that lies beside it: for the report, and to look at.

Ann is in the video and gets Bob's face. Of 240 frames some have no face, some only someone else, one stretch is bad.
"""

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import yaml

from faceit.geometry import outline
from faceit.media.provenance import Label
from faceit.media.writer import VideoWriter
from tests.drawn import draw

FPS, FRAMES, START = 25, 240, 0.4  # START: of the swapped video, on the source's clock
EXPRESSIONS = ("mouth_opening", "mouth_width", "left_eye", "right_eye", "left_brow", "right_brow")
ANGLES = ("yaw", "pitch", "roll")
BAD = slice(150, 175)
YAW = np.arange(-67.5, 67.6, 15).tolist()
PITCH = np.arange(-37.5, 37.6, 15).tolist()
BINS = {"yaw": YAW, "pitch": PITCH, "mouth": np.arange(0, 0.61, 0.05).tolist(), "light": list(range(0, 101, 10)),
        "side_light": list(range(-50, 51, 10))}  # fmt: skip


def evaluation(driver: str = "ann", giver: str = "bob", files: tuple[str, str] = ("talk.mp4", "source.mp4"),
               start: float = START, seconds: float = FRAMES / FPS) -> dict:  # fmt: skip
    """An evaluation of one video, ``files`` being (converted, source)."""
    return {
        "format": 1, "faceit": "0.1.0", "kind": "video", "swap": "a2b", "reverse": False,
        "from": {"name": driver, "consent": f"{driver}: a drawing, public domain"},
        "to": {"name": giver, "consent": f"{giver}: a drawing, public domain"},
        "model": {"preset": "cpu", "size": 192, "step": 3316, "seconds": 600.2},
        "videos": [{"file": files[0], "source": files[1], "start": start, "end": start + seconds, "fps": FPS,
                    "width": 200, "height": 200, "frames": round(seconds * FPS)}],
        "settings": {"color": "light", "mask": "extended", "feather": 0.08, "label": True, "crf": 18,
                     "preset": "medium", "tolerance": None, "height": None},
        "summary": [
            f"A recogniser takes the swapped face for {giver} in 40 of 41 frames; the mouth follows {driver}\u2019s "
            "closely (r 0.93).",
            f"It is nearer to {giver} (0.42) than the mean face of real people to each other, but twice as far as real "
            f"footage of {giver} (0.21).",
            "It is softer than real footage: 0.58 of its sharpness. The mask\u2019s edge adds 1.9 LAB, hardly visible.",
            f"{giver} has no faces turned left beyond 37.5°; the swap is worst there, around 0:06.",
        ],
        "coverage": {"frames": 240, "swapped": 210, "no_face": 18, "someone_else": 10, "lost": 2},
        "speed": {"frames_per_second": 11.4},
        "identity": {
            "frames": 41, "nearer_to": 0.976,
            "dlib": {"to": 0.421, "from": 0.684, "worst": 0.583, "threshold": 0.6,
                     "floors": {"real_to": 0.212, "real_from": 0.742, "unswapped": 0.733, "mean_face": 0.236}},
            "second": {"name": "SFace", "to": 0.512, "from": 0.171, "worst": 0.304, "threshold": 0.363,
                       "floors": {"real_to": 0.782, "real_from": 0.093, "unswapped": 0.101, "mean_face": 0.745}},
        },
        "expression": _expression(),
        "pose": {"yaw": 2.31, "pitch": 3.87, "roll": 0.82, "angle": 2.33, "shift": 0.021,
                 **_offsets(-1.1, 3.2, 0.4), "floors": {
            "unswapped": {"yaw": 0.21, "pitch": 0.33, "roll": 0.12, "angle": 0.22, "shift": 0.002,
                          **_offsets(0.0, 0.0, 0.0)},
            "mean_face": {"yaw": 7.42, "pitch": 5.13, "roll": 1.22, "angle": 4.59, "shift": 0.043,
                          **_offsets(4.6, -2.8, 0.7)}}},
        "reconstruction": {
            "a": {"name": driver, "faces": 48, "psnr": 26.63, "ssim": 0.861, "mean_face_psnr": 18.4,
                  "mean_face_ssim": 0.612, "gain": 8.23},
            "b": {"name": giver, "faces": 52, "psnr": 22.81, "ssim": 0.792, "mean_face_psnr": 17.1,
                  "mean_face_ssim": 0.583, "gain": 5.71}},
        "sharpness": {"swapped": 8.2, "ratio": 0.58, "size": 128,
                      "floors": {"real_to": 14.1, "unswapped": 15.2, "mean_face": 3.4}},
        "time": {"jitter": 1.18, "flicker": 1.42, "warp": 3.8, "warp_driving": 3.1},
        "seam": {"swapped": 6.3, "driving": 5.1, "added": 1.9},
        "background": {"psnr": 41.2, "difference": 0.71, "floors": {"codec": 42.0}},
        "faces": {"a": _faces(driver, 1210, 0.0, 1), "b": _faces(giver, 980, 8.0, 2)},
        "bins": BINS,
        "lacking": [
            {"yaw": [-52.5, -37.5], "pitch": [-7.5, 7.5], "share": 0.041},
            {"yaw": [-67.5, -52.5], "pitch": [-7.5, 7.5], "share": 0.017},
            {"yaw": [-37.5, -22.5], "pitch": [22.5, 37.5], "share": 0.0083}],
        "heads": {"yaw": {"from": -0.3, "to": 8.7}, "pitch": {"from": 2.1, "to": 1.8}, "differ": False},
        "worst": [{"video": 0, "frame": n, "time": n / FPS, "trouble": trouble, "why": why} for n, trouble, why in (
            (161, 3.42, "identity"), (154, 2.98, "pose"), (170, 2.71, "expression"), (64, 2.3, "seam"),
            (209, 2.22, "lost"))],
        "best": [{"video": 0, "frame": n, "time": n / FPS, "trouble": trouble, "why": "expression"}
                 for n, trouble in ((30, 0.31), (101, 0.34), (222, 0.4))],
    }  # fmt: skip


def _expression() -> dict:
    r = (0.934, 0.862, 0.781, 0.743, 0.512, None)
    error = (0.31, 0.42, 0.47, 0.51, 0.72, None)
    return {name: {"r": a, "error": b, "floors": {"unswapped": {"r": None if a is None else 0.996, "error": 0.05},
                                                  "mean_face": {"r": 0.21 - 0.3 * (i % 2), "error": 0.83 + 0.03 * i}}}
            for i, (name, a, b) in enumerate(zip(EXPRESSIONS, r, error, strict=True))}  # fmt: skip


def _offsets(*beyond: float) -> dict:
    """What ``pose`` says of heads whose angles differ by so many degrees."""
    driving = (-2.4, 1.3, 0.2)
    swapped = tuple(round(angle + more, 2) for angle, more in zip(driving, beyond, strict=True))
    told = {"offset": beyond, "driving": driving, "swapped": swapped, "r": (0.96, None)}
    return {key: dict(zip(ANGLES, values, strict=False)) for key, values in told.items()}


def _faces(name: str, count: int, leaning: float, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    yaw, pitch = rng.normal(leaning, 18, count), rng.normal(2, 11, count)
    if leaning:
        keep = yaw > -33
        yaw, pitch = yaw[keep], pitch[keep]
    poses = np.histogram2d(pitch, yaw, (PITCH, YAW))[0][::-1]  # the first row is the most raised
    mouth = np.histogram(rng.gamma(1.6, 0.06, count), BINS["mouth"])[0]
    light = np.histogram(rng.normal(48 + leaning, 9, count), BINS["light"])[0]
    side = np.histogram(rng.normal(-6 + leaning, 8, count), BINS["side_light"])[0]
    return {"name": name, "count": count, "held_out": count // 10, "left_out": {"blurred": 8, "twin": 62},
            "yaw_pitch": poses.astype(int).tolist(), "mouth": mouth.tolist(),
            "light": light.tolist(), "side_light": side.tolist()}  # fmt: skip


def wave(rng, frames: int, every: float, mean: float, spread: float) -> np.ndarray:
    """A quantity that wanders, changing its mind every so many frames."""
    kernel = np.hanning(max(3, round(every) * 2 + 1))
    noise = np.convolve(rng.standard_normal(frames + 2 * len(kernel)), kernel, "same")[len(kernel) : -len(kernel)]
    return mean + spread * noise / max(noise.std(), 1e-9)


def frame_rows(frames: int = FRAMES) -> list[dict]:
    """Rows of frames.csv: a wave for everything, a bad stretch, gaps where nothing was swapped."""
    rng = np.random.default_rng(3)
    states = np.full(frames, "swapped", object)
    states[96:114], states[196:206], states[208:210] = "no_face", "someone_else", "lost"
    bad = np.zeros(frames)
    bad[BAD] = np.hanning(len(bad[BAD]))
    columns = {"distance_to": wave(rng, frames, 12, 0.41, 0.025) + 0.15 * bad,
               "distance_from": wave(rng, frames, 12, 0.69, 0.03) - 0.1 * bad,
               "second_to": wave(rng, frames, 12, 0.52, 0.04) - 0.2 * bad,
               "second_from": wave(rng, frames, 12, 0.17, 0.04)}  # fmt: skip
    for i, name in enumerate(EXPRESSIONS + ANGLES):
        every, spread = (3, 0.06) if name.startswith("mouth") else (14, 8 if name in ANGLES else 0.02)
        columns[f"{name}_driving"] = wave(rng, frames, every, 0.12, spread)
        lag = columns[f"{name}_driving"] * (0.9 - 0.5 * bad) + wave(rng, frames, 2, 0.02, spread * 0.2)
        columns[f"{name}_swapped"] = lag + (3 if i == 7 else 0)
    columns |= {
        "shift": abs(wave(rng, frames, 6, 0.02, 0.006)), "sharpness": wave(rng, frames, 9, 8.2, 0.7) - 2.5 * bad,
        "seam": wave(rng, frames, 9, 6.3, 0.6), "seam_driving": wave(rng, frames, 9, 5.1, 0.4),
        "seam_added": wave(rng, frames, 9, 1.9, 0.3), "jitter": abs(wave(rng, frames, 1, 0.009, 0.002)) + 0.01 * bad,
        "jitter_driving": abs(wave(rng, frames, 1, 0.008, 0.0015)), "warp": wave(rng, frames, 2, 3.8, 0.5) + 2 * bad,
        "warp_driving": wave(rng, frames, 2, 3.1, 0.4), "color_change": abs(wave(rng, frames, 1, 0.6, 0.2)),
        "color_change_driving": abs(wave(rng, frames, 1, 0.4, 0.1)), "background": abs(wave(rng, frames, 5, 0.7, 0.05)),
        "trouble": abs(wave(rng, frames, 9, 0.9, 0.3)) + 2.4 * bad,
    }  # fmt: skip
    return [_row(n, str(states[n]), columns) for n in range(frames)]


def _row(n: int, state: str, columns: dict[str, np.ndarray]) -> dict:
    row = {"video": 0, "frame": n, "time": f"{n / FPS:.4f}", "state": state}
    for name, values in columns.items():
        encoded = n % 5 == 0 or not name.startswith(("distance", "second"))
        there = state == "swapped" or (state == "lost" and name.endswith("_driving"))
        row[name] = f"{values[n]:.5g}" if encoded and there else ""
    return row


def table(rows: list[dict]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def history(minutes: float = 10) -> list[dict]:
    """Rows of history.csv: falling losses, and now and then the loss on held-out faces."""
    rng = np.random.default_rng(4)
    rows = []
    for n in range(round(minutes * 30)):
        fall = 0.16 + 1.2 * np.exp(-n / 30) + 0.25 * np.exp(-n / 150)
        held = n % 15 == 14
        rows.append({"step": n * 11 + 1, "seconds": round(2.0 * n + 2.8, 2),
                     "loss_a": round(fall * 0.9 + rng.normal(0, 0.012), 5),
                     "loss_b": round(fall * 1.3 + rng.normal(0, 0.015), 5),
                     "held_a": round(fall * 0.95 + 0.04 + 4e-5 * n, 5) if held else "",
                     "held_b": round(fall * 1.35 + 0.07 + 9e-5 * n, 5) if held else ""})  # fmt: skip
    return rows


def about(driver: str = "ann", giver: str = "bob") -> dict:
    """model.json."""
    from faceit.network.presets import CPU, to_json

    return {"format": 1, "faceit": "0.1.0", "keras": "3.15.1", "backend": "tensorflow", "swap": "a2b",
            "people": {"a": {"name": driver, "consent": "a drawing"}, "b": {"name": giver, "consent": "a drawing"}},
            "preset": to_json(CPU), "train": {"minutes": 10, "iterations": None, "batch_size": None, "seed": 1,
                                               "save_seconds": 45.0, "preview_seconds": 30.0},
            "faces": {"a": 1089, "b": 882}, "step": 3316, "seconds": 600.2, "warm_start": None,
            "saved": "2026-11-21T06:44:51+00:00"}  # fmt: skip


def write_clips(folder: Path, frames: int = FRAMES, files: tuple[str, str] = ("talk.mp4", "source.mp4")) -> None:
    """The source (which begins ``START`` earlier) and the same with Bob's face in Ann's outline and the label."""
    before = round(START * FPS)
    label = Label(200, 200)
    with (VideoWriter(folder / files[1], 200, 200, FPS, preset="veryfast") as source,
          VideoWriter(folder / files[0], 200, 200, FPS, preset="veryfast") as swapped):  # fmt: skip
        for n in range(-before, frames):
            opening, turn = 0.5 + 0.5 * np.sin(n / 3), np.sin(n / 40)
            frame, face = draw("ann", opening, turn)
            source.write(frame)
            if n >= 0:
                other, _ = draw("bob", opening, turn)
                mask = np.zeros((200, 200), np.uint8)
                cv2.fillConvexPoly(mask, np.round(outline(face.landmarks)).astype(np.int32), 1)
                frame = np.where(mask[:, :, None] > 0, other, frame)
                label.stamp(frame)
                swapped.write(frame)


def write_sample(root: Path, clips: bool = True) -> tuple[Path, Path]:
    """A project with a trained swap and an evaluated video: (faceit.yaml, talk.evaluation.json)."""
    out, model, videos = root / "data" / "output" / "a2b", root / "models" / "a2b", root / "data" / "videos"
    for folder in (out, model / "previews", videos):
        folder.mkdir(parents=True, exist_ok=True)
    people = {
        "ann": {"consent": "ann: a drawing, public domain", "videos": [
            {"url": "https://www.example.org/watch?v=abc123", "name": "ann_talk"}, "data/videos/ann.mp4"]},
        "bob": {"consent": "bob: a drawing, public domain", "videos": [
            {"url": "https://www.example.org/watch?v=def456", "name": "bob_talk", "start": 5, "end": 65}]},
    }  # fmt: skip
    swaps = {"a2b": {"from": "ann", "to": "bob"}}
    (root / "faceit.yaml").write_text(yaml.safe_dump({"people": people, "swaps": swaps}), encoding="utf-8")
    facts = {"file": "bob_talk.mp4", "title": "Bob on drawing", "uploader": "Drawn Talks", "licence": "CC BY 4.0"}
    (videos / "bob_talk.json").write_text(json.dumps(facts), encoding="utf-8")
    (model / "model.json").write_text(json.dumps(about()), encoding="utf-8")
    (model / "history.csv").write_text(table(history()), encoding="utf-8")
    _write_preview(model / "preview.jpg")
    if clips:
        write_clips(out)
    (out / "talk.frames.csv").write_text(table(frame_rows()), encoding="utf-8")
    file = out / "talk.evaluation.json"
    file.write_text(json.dumps(evaluation()), encoding="utf-8")
    return root / "faceit.yaml", file


def _write_preview(path: Path) -> None:
    from faceit.images import write_image
    from faceit.train.loss_plot import preview_grid

    names = ("ann", "ann", "bob", "bob", "bob", "ann")
    columns = [np.stack([draw(name, i / 5, i / 3 - 1)[0] / 255.0 for i in range(6)]) for name in names]
    write_image(path, preview_grid(columns, {"a": "ann", "b": "bob"}))
