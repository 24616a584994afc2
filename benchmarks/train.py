"""How fast training is: real training against the same network on random tensors, and against this machine's matrices.

    python -m benchmarks.train [--preset cpu,original,gpu] [--batch-size N] [--seconds S] [--rounds R]

Runs on whatever device and backend Keras has (KERAS_BACKEND=jax or torch for others than TensorFlow). A round trains
for S seconds on faces, or textures, that are read from a memory-mapped file, augmented and spoilt as a real run does
it, and then for S seconds on tensors that lie ready in the network's own form. Floating-point operations are counted
from the layers (a multiplication and an addition each, three times the forward pass); the matrix peak is the fastest
square product measured in the same run. Prints last, for each preset, the ratio of real training to random tensors, and
the share of the peak.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from faceit.faces.load import FaceSet, Textures
from faceit.geometry import work_size
from faceit.network.backend import start_backend
from faceit.network.presets import Preset, choose
from faceit.shape import CODE
from faceit.texture import SEEN

FACES = 2000  # a side
MATRIX = {False: 2048, True: 16384}  # the side of the squares multiplied, without and with a GPU


def faces_on_disk(folder: Path, preset: Preset, seed: int) -> FaceSet:
    paints = preset.network == "appearance"
    side = preset.size if paints else work_size(preset.size)
    rng = np.random.default_rng(seed)
    held = np.lib.format.open_memmap(folder / f"{seed}.npy", "w+", np.uint8, (FACES, side, side, 3))
    for i in range(0, FACES, 100):
        held[i : i + 100] = rng.integers(0, 256, held[i : i + 100].shape, np.uint8)
    held.flush()
    faces, points = np.load(folder / f"{seed}.npy", mmap_mode="r"), rng.random((FACES, 68, 2), np.float32)
    codes, shown = rng.normal(0, 1, (FACES, CODE)).astype(np.float32), np.ones((FACES, 3), np.float32)
    textures = Textures(faces, codes, shown, None, None) if paints else None
    return FaceSet(faces, points, yaw=rng.uniform(-30, 30, FACES).astype(np.float32), textures=textures)


def still(training_class):
    """The training without its faces: the network, loss and optimizer on tensors that lie ready."""

    class Still(training_class):
        def ready(self, batch: int) -> None:
            rng, size = np.random.default_rng(0), self.preset.size
            self._find_places()
            shapes = {"seen": (size, size, 3), "target": (size, size, 3)}
            if self.paints:
                shapes |= {"seen": (SEEN, SEEN, 3), "points": (CODE,), "noise": (CODE,), "shown": (3,)}
            self.inputs = {f"{name}_{s}": rng.random((batch, *shape), np.float32) for name, shape in shapes.items()
                           for s in "ab"} | {"free": np.ones(batch, np.float32)}  # fmt: skip

        def call(self, x, training=None):
            from keras import ops

            x = {k: ops.convert_to_tensor(v) for k, v in x.items()}
            made = self.network.reconstruct_both(
                x["seen_a"], x["seen_b"], *(x.get(f"{name}_{s}") for name in ("points", "noise") for s in "ab"),
                x["free"][:1] if self.preset.freeze_at < 1 else None,
            )  # fmt: skip
            known = {key: x[key] for key in x if key.startswith(("target", "shown"))}
            return known | {"a": made[0], "b": made[1]}

        def step(self, sets, step, done):
            self.train_on_batch(self.inputs, self.inputs["free"], return_dict=True)

    return Still


def operations(network) -> float:
    """Floating-point operations to train on one face of each side."""
    from keras import layers

    def forward(model) -> float:
        total = 0.0
        for layer in model.layers:
            if isinstance(layer, layers.Conv2D):
                total += 2.0 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3])
            elif isinstance(layer, layers.Dense):
                total += 2.0 * np.prod(layer.kernel.shape)
            elif hasattr(layer, "layers"):
                total += forward(layer)
        return total

    return 3 * (2 * forward(network.encoder) + forward(network.decoder_a) + forward(network.decoder_b))


def matrix_peak(side: int, dtype: str) -> float:
    """Floating-point operations a second of the fastest of some products of two squares."""
    import keras
    from keras import ops

    one = ops.cast(ops.convert_to_tensor(np.random.default_rng(0).random((side, side), np.float32)), dtype)
    best, times = 0.0, 8

    def many(x):
        for _ in range(times):
            x = ops.matmul(one, x) / side
        return ops.sum(ops.cast(x, "float32"))

    if keras.backend.backend() == "jax":
        import jax

        many = jax.jit(many)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        many = tf.function(many)
    for _ in range(6):
        began = time.monotonic()
        float(ops.convert_to_numpy(many(one)))
        best = max(best, times * 2.0 * side**3 / (time.monotonic() - began))
    return best


def pace(training, sets, seconds: float, step: int) -> tuple[float, int]:
    """(steps a second over about so long, the step after them)."""
    first, began = step, time.monotonic()
    while time.monotonic() - began < seconds or step == first:
        training.step(sets, step, 0.0)
        step += 1
    return (step - first) / (time.monotonic() - began), step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="cpu,original,gpu", help="with commas between")
    parser.add_argument("--batch-size", type=int, help="faces per side and step (default: the preset's)")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    has_gpu = start_backend()
    import keras

    from faceit.network.cluster import cluster
    from faceit.network.devices import training_precision
    from faceit.network.training import Training
    from faceit.network.trial import throwaway

    with training_precision():
        policy = keras.config.dtype_policy()
    peak = matrix_peak(MATRIX[has_gpu], policy.compute_dtype)
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, {'GPU' if has_gpu else 'CPU'}, "
          f"{policy.name}: matrices at {peak / 1e12:,.3f} TFLOP/s", flush=True)  # fmt: skip
    summary = []
    for name in args.preset.split(","):
        preset = choose(name, has_gpu)
        preset = replace(preset, batch_size=args.batch_size or preset.batch_size)
        with tempfile.TemporaryDirectory() as folder:
            sets = {s: faces_on_disk(Path(folder), preset, i) for i, s in enumerate("ab")}
            real = throwaway(preset)
            bare = still(Training)(real.network, 1)
            bare.ready(preset.batch_size * cluster().count)
            count, steps, rates = operations(real.network), [0, 0], [[], []]
            for _ in range(args.rounds + 1):
                for i, training in enumerate((real, bare)):
                    rate, steps[i] = pace(training, sets, args.seconds, steps[i])
                    rates[i].append(rate)
        real_rate, bare_rate = (float(np.median(r[1:])) for r in rates)  # the first round compiles
        ratio = float(np.median([a / b for a, b in zip(rates[0][1:], rates[1][1:], strict=True)]))
        share = real_rate * preset.batch_size * count / peak  # of each device its own part and peak
        print(f"{name}: {preset.size} px, {preset.batch_size} faces a side, {count / 2e9:.2f} GFLOP a face: "
              f"{2 * preset.batch_size * real_rate:,.1f} faces/s in training, {2 * preset.batch_size * bare_rate:,.1f} "
              f"on random tensors", flush=True)  # fmt: skip
        summary.append(f"{name}: {ratio:.3f} of random tensors, {share:.3f} of the matrix peak")
    print("\n".join(summary))


if __name__ == "__main__":
    main()
