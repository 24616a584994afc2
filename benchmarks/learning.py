"""What training adds to a first swap, and what of the network it is: held-out loss against steps. Run by hand.

    python -m benchmarks.learning --clips DIR [--pair 1|2|3|4] [--iterations 300] [--only NAME,...] [--work DIR]

DIR as in ``benchmarks.pairs``. Every variant trains from the same faces with the same seed; the loss of held-out faces
as themselves is that of textures, divided by what it was before the first step. Beside it the least that a first swap's
basis can come to, were all of its coefficients known: what is beyond that is the residual's to learn. Prints a table,
and last how much of the way to that limit training went.
"""

import time
from contextlib import ExitStack
from dataclasses import replace
from unittest import mock

import numpy as np

from benchmarks.pairs import arguments, preprocessed
from faceit.network.model_file import SIDES
from faceit.network.presets import choose
from faceit.train import setup
from faceit.train.face_pair import load_pair

LOOKS = 6  # over a run
VARIANTS = {
    "as it is": {},
    "another seed": {"seed": 2},
    "128 px": {"size": 128},
    "192 px": {"size": 192},
    "no residual": {"residual": 0.0},
    "residual alone": {"coefficients": 0.0},
    "the encoder sees nothing": {"seen": 0.0},
    "basis trained too": {"basis": True},
    "no noise on the code": {"preset": {"code_noise": 0.0}},
    "noise on the code three times": {"preset": {"code_noise": 0.3}},
    "poor inputs and light": {"preset": {"poor": 0.3, "light": 0.1}},
    "warp doubled": {"preset": {"warp": 0.04}},
    "a bottleneck of 32": {"preset": {"inter": 32}},
    "a third of the rate": {"preset": {"learning_rate": 3e-4}},
}


def changed(network, stack: ExitStack, residual: float, coefficients: float, seen: float) -> None:
    """Have a network do without some of its parts while ``stack`` is open."""
    encode, of = network.encode, network._of

    def decoder_of(side):
        whole, shares = getattr(network, f"decoder_{side}"), (coefficients, residual)
        return lambda inputs: [part * share for part, share in zip(whole(inputs), shares, strict=True)]

    parts = {side: decoder_of(side) for side in SIDES}
    stack.enter_context(mock.patch.object(
        network, "_of", lambda part, side: parts[side] if part == "decoder" else of(part, side)))  # fmt: skip
    stack.enter_context(mock.patch.object(network, "encode", lambda x: encode(x * seen)))


def best_possible(training, side: str, held) -> float:
    """The loss of held-out textures with the coefficients that fit them best."""
    from keras import ops

    weights = np.sqrt(np.asarray(training._texture_weights[side][0]))
    paint = getattr(training.network, f"paint_{side}")
    mean, basis = (np.array(ops.convert_to_numpy(each)) for each in (paint.mean, paint.basis))
    basis = basis[np.abs(basis).sum(1) > 0]
    textures = np.asarray(held.pictures, np.float32) / 255
    everywhere = np.broadcast_to(weights, mean.shape).reshape(-1)
    off = (textures - mean).reshape(len(textures), -1) * everywhere
    weighted = basis * everywhere
    found = np.linalg.lstsq(weighted @ weighted.T, weighted @ off.T, rcond=1e-6)[0].T
    made = mean + (found @ basis).reshape(-1, *mean.shape)
    given = (ops.convert_to_tensor(each.astype(np.float32)) for each in (textures, made, held.shown))
    return float(ops.convert_to_numpy(training._texture_loss(side, *given)))


def learned(project, swap, pairs, iterations: int, seed=1, size=256, residual=1.0, coefficients=1.0, seen=1.0,
            basis=False, preset=None):  # fmt: skip
    """(rows of (steps, seconds, held-out losses over those before the first step), the best possible ones likewise)."""
    preset = replace(choose("cpu", False, size), **(preset or {}))
    if size not in pairs:
        pairs[size] = load_pair(project, swap, preset)
    pair = pairs[size]
    from faceit.network.appearance import PaintLayer
    from faceit.network.training import Training

    def weight(layer, *given, name, trainable, **more):
        return add_weight(layer, *given, name=name, trainable=trainable or (basis and name == "basis"), **more)

    add_weight = PaintLayer.add_weight
    with mock.patch.object(PaintLayer, "add_weight", weight):
        network = setup.begun(preset, seed, pair, False)
    with ExitStack() as stack:
        changed(network, stack, residual, coefficients, seen)
        training = Training(network, seed, pair.crop)

        def losses():
            with training.averaged():
                return np.array([training.texture_loss(side, pair.held[side].textures) for side in SIDES])

        first, rows, seconds = losses(), [], 0.0
        limits = np.array([best_possible(training, side, pair.held[side].textures) for side in SIDES]) / first
        for step in range(iterations):
            began = time.monotonic()
            training.step(pair.sets, step, step / iterations)
            seconds += (time.monotonic() - began) * (step > 0)  # the first one compiles
            if (step + 1) % max(1, iterations // LOOKS) == 0:
                rows.append((step + 1, seconds, losses() / first))
    return rows, limits


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--only", help="variants, with commas between")
    args = parser.parse_args()
    project = preprocessed(args)
    swap, pairs = project.swap("pair"), {}
    names = ["as it is"] + [name for name in (args.only.split(",") if args.only else VARIANTS) if name != "as it is"]
    for name in names:
        rows, limits = learned(project, swap, pairs, args.iterations, **VARIANTS[name])
        if name == "as it is":
            share = (1 - rows[-1][2]) / (1 - limits)
            heads = " | ".join(f"{step}" for step, _, _ in rows)
            print(f"| held-out loss of {swap.a.name} / {swap.b.name} after steps | seconds | {heads} |")
            print("| --- | --- |" + " --- |" * len(rows))
            print(f"| all coefficients known | | {'| ' * (len(rows) - 1)}{limits[0]:.2f} / {limits[1]:.2f} |")
        seen = " | ".join(f"{a:.2f} / {b:.2f}" for _, _, (a, b) in rows)
        print(f"| {name} | {rows[-1][1]:.0f} | {seen} |", flush=True)
    print(f"of the way to all coefficients known: {share.min():.2f} and {share.max():.2f}")


if __name__ == "__main__":
    main()
