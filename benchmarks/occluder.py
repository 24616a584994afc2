"""Train the network of ``occlusion: learned`` anew: ``faceit/occluder.safetensors``.

    python faceit.py demo
    python -m benchmarks.occluder --config demo/faceit.yaml [--swap NAME] [--steps N] [--output FILE]

It learns from the faces of one project, those of the demo, whose two portraits are in the public domain: with other
people's faces ask them first. What is pasted over them, and how two people become many, is in ``benchmarks.pasted``.
Prints last how much of what is pasted over faces that it has not seen is found, over how much of the rest is taken for
something before the face.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import ops

from benchmarks.pasted import Paster, Person
from faceit.config.project_file import load_project
from faceit.faces.load import FaceSet
from faceit.geometry import INNER_LIPS, filled_outline
from faceit.network.backend import as_graph
from faceit.network.model_file import SIDES
from faceit.network.occluder import FILE, build
from faceit.network.presets import choose
from faceit.network.weights import save_tensors, take
from faceit.texture import SEEN
from faceit.train.face_pair import load_pair

BATCH = 16
RATE, WARM = 1.5e-3, 20  # the learning rate, and steps until it is reached
OVERLAP = 0.3  # weight of how well the areas overlap (Dice), beside the pixels' cross-entropy
TEST = 400  # samples
ORIGIN = "python -m benchmarks.occluder, on the faces of faceit's demo (portraits in the public domain)"


def person_of(found: FaceSet, components: int) -> Person:
    """What is pasted over: a person's textures and those that are expected."""
    paint, known = found.appearance(components).paint, found.textures
    assert known is not None
    size = paint.mean.shape[0]
    basis = np.stack([small(part) for part in paint.basis.reshape(-1, size, size, 3)])
    moved = np.einsum("nf,fk,kyxc->nyxc", known.codes - paint.middle, paint.regression, basis, optimize=True)
    textures = np.stack([small(picture) for picture in known.pictures]) / 255
    points = known.layout.points
    return Person(textures, np.clip(small(paint.mean) + moved, 0, 1).astype(np.float32),
                  filled_outline(points * SEEN - 0.5, SEEN) > 127, points[INNER_LIPS])  # fmt: skip


def small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture.astype(np.float32), (SEEN, SEEN), interpolation=cv2.INTER_AREA)


def loss(true, answer):
    """Cross-entropy and overlap, where it counts."""
    pasted, counts, answer = true[..., 0], true[..., 1], answer[..., 0]
    entropy = ops.relu(answer) - answer * pasted + ops.log1p(ops.exp(-ops.abs(answer)))
    found, wanted = ops.sigmoid(answer) * counts, pasted * counts
    both = ops.sum(found * wanted, axis=(1, 2))
    overlap = (2 * both + 4) / (ops.sum(found + wanted, axis=(1, 2)) + 4)
    return ops.sum(entropy * counts) / ops.sum(counts) + OVERLAP * ops.mean(1 - overlap)


def batch(paster: Paster, seed: tuple[int, int], count: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    seen, pasted, counts = (np.stack(each) for each in zip(*(paster.sample(r) for _ in range(count)), strict=True))
    return seen, np.stack([pasted, counts], axis=-1).astype(np.float32)


def trained(paster: Paster, steps: int, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    network = build()
    as_graph(network, np.zeros((1, SEEN, SEEN, 6), np.float32))  # TensorFlow's options are faceit's from here on
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=RATE, warmup_steps=WARM)
    network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=1.0), loss)
    losses, began = [], time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        coming = [pool.submit(batch, paster, (seed, k)) for k in range(3)]
        for k in range(steps):
            losses.append(float(network.train_on_batch(*coming.pop(0).result())))
            coming.append(pool.submit(batch, paster, (seed, k + 3)))
            if (k + 1) % 200 == 0:
                spent = time.monotonic() - began
                print(f"step {k + 1:,}: loss {np.mean(losses[-200:]):.3f}, {spent:.0f} s", flush=True)
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--swap")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=FILE)
    args = parser.parse_args()
    project = load_project(args.config)
    swap, how = project.swap(args.swap or next(iter(project.swaps))), choose("cpu", False, 128)
    pair = load_pair(project, swap, how)
    paster = Paster([person_of(pair.sets[side], how.components) for side in SIDES])
    network = trained(paster, args.steps, args.seed)
    weights = {name: array.astype(np.float16) for name, array in take(network.variables).items()}
    save_tensors(args.output, weights, {"about": ORIGIN})
    seen, true = batch(paster, (args.seed + 1, 0), TEST)
    found, pasted = network.predict(seen, verbose=0)[..., 0] > 0, true[..., 0] > 0.5
    inside = true[..., 1] > 0
    hit, false = found[inside & pasted].mean(), found[inside & (true[..., 0] == 0)].mean()
    print(f"{args.output}: {sum(each.size for each in weights.values()):,} weights")
    print(f"found {hit:.3f} of what is pasted, and {false:.4f} of the rest: {hit / max(false, 1e-9):.0f} times as much")


if __name__ == "__main__":
    main()
