"""Training: the augmentation, the two sides' losses, the optimizer and its averaged weights, as one Keras model."""

import contextlib
import math

import keras
import numpy as np
from keras import ops

from faceit.geometry import ALIGNED_MARGIN, FACE, Crop
from faceit.network import losses
from faceit.network.architectures import SwapNetwork
from faceit.network.augment import plan, sample, smooth_grid
from faceit.network.presets import Preset
from faceit.network.swapmodel import start_backend
from faceit.network.weights import put, take

SIDES = ("a", "b")
WARM_UP_STEPS = 30


class AveragingAdam(keras.optimizers.Adam):
    """Adam whose moving average of the weights has a momentum of min(0.99, n / (n + 20)) at step n = 0, 1, 2 ...

    With a constant momentum the average of a short run would still hold its random start.
    """

    def _update_model_variables_moving_average(self, trainable_variables):
        if not self.use_ema:
            return
        n = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(0.99, n / (n + 20.0))
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            average.assign(momentum * average + (1 - momentum) * variable)

    def averages(self) -> list:
        """The averaged weights, in the order of the trainable ones."""
        return self._model_variables_moving_average


def learning_rate(preset: Preset, step: int, done: float) -> float:
    """The rate at a step, ``done`` 0..1 of the run: warm-up, flat to half, cosine to 2 %; or constant."""
    if not preset.schedule:
        return preset.learning_rate
    rate = preset.learning_rate * min(1.0, (step + 1) / WARM_UP_STEPS)
    if done > 0.5:
        rate *= 0.02 + 0.98 * (1 + math.cos(math.pi * (min(done, 1.0) - 0.5) / 0.5)) / 2
    return rate


def warp_strength(preset: Preset, done: float) -> float:
    """How much of the random warp is on, ``done`` 0..1 of the run: full, then fading to nothing."""
    fade = (preset.warp_gone_at - done) / (preset.warp_gone_at - preset.warp_full_until)
    return float(np.clip(fade, 0.0, 1.0))


class Training(keras.Model):
    """A network in training, on faces that show ``crop``. ``step`` takes faces of both sides through one update of the
    weights."""

    def __init__(self, network: SwapNetwork, seed: int, crop: Crop = FACE):
        super().__init__(name="training")
        self.network, self.preset, self.seed = network, network.preset, seed
        self._spread = smooth_grid(self.preset.size)
        self._weights_map = losses.detail_weights(self.preset.size, crop)
        self._losses = []  # of every step since they were asked for: Keras' own means begin anew at every batch
        self.loss_a, self.loss_b = keras.metrics.Mean(name="loss_a"), keras.metrics.Mean(name="loss_b")
        self.compile(
            optimizer=AveragingAdam(
                self.preset.learning_rate, beta_1=self.preset.beta_1, beta_2=self.preset.beta_2,
                global_clipnorm=self.preset.clip_norm, use_ema=self.preset.average,
            ),
            # TensorFlow's XLA is slower on a CPU; without it JAX would run line by line
            jit_compile="auto" if start_backend() or keras.backend.backend() == "jax" else False,
        )  # fmt: skip
        self.optimizer.build(self.network.trainable_variables)
        self.built = True

    def call(self, inputs, training=None):
        inputs = {k: ops.convert_to_tensor(v) for k, v in inputs.items()}
        targets, warped = {}, {}
        for side in SIDES:
            pictures = ops.cast(inputs[f"faces_{side}"], "float32") / 255.0
            offsets = ops.matmul(ops.transpose(inputs[f"warp_{side}"], (0, 2, 1)), self._spread) * 2.0
            for out, moved in ((targets, None), (warped, offsets)):
                out[side] = sample(pictures, inputs[f"affine_{side}"], moved, self.preset.size, ALIGNED_MARGIN)
        made = self.network.reconstruct_both(
            warped["a"], warped["b"], inputs["points_a"], inputs["points_b"], inputs["noise_a"], inputs["noise_b"]
        )
        return {"target_a": targets["a"], "target_b": targets["b"], "a": made[0], "b": made[1]}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        total = 0.0
        for side, tracker in (("a", self.loss_a), ("b", self.loss_b)):
            loss = self._picture_loss(y_pred[f"target_{side}"], y_pred[side])
            tracker.update_state(loss)
            total = total + loss
        return total

    def _picture_loss(self, target, picture):
        if self.preset.loss == "mae":
            return losses.mae(target, picture)
        return losses.detail(target, picture, self._weights_map)

    def still_loss(self, crops: np.ndarray, made: np.ndarray) -> float:
        """The loss of finished pictures (n, size, size, 3) against what they should be, without augmentation."""
        return float(ops.convert_to_numpy(self._picture_loss(*map(ops.convert_to_tensor, (crops, made)))))

    def step(self, sets: dict, step: int, done: float) -> None:
        """One update: ``sets`` is {"a": FaceSet, "b": FaceSet}; ``done`` 0..1 of the run steers rate and warp."""
        rng = np.random.default_rng([self.seed, step])
        strength = warp_strength(self.preset, done)
        inputs = {}
        for side in SIDES:
            drawn = plan(self.preset, len(sets[side]), rng, strength)
            inputs[f"faces_{side}"] = sets[side].faces[drawn.index]
            inputs[f"points_{side}"] = sets[side].points[drawn.index]
            for name in ("affine", "warp", "noise"):
                inputs[f"{name}_{side}"] = getattr(drawn, name)
        self.optimizer.learning_rate = learning_rate(self.preset, step, done)
        said = self.train_on_batch(inputs, np.zeros(self.preset.batch_size, np.float32), return_dict=True)
        self._losses.append((float(said["loss_a"]), float(said["loss_b"])))

    def mean_losses(self) -> tuple[float, float]:
        """Mean losses of (a, b) since the last call."""
        loss_a, loss_b = np.mean(self._losses, 0) if self._losses else (math.nan, math.nan)
        self._losses = []
        return float(loss_a), float(loss_b)

    @contextlib.contextmanager
    def averaged(self):
        """Within this, the network has its averaged weights (where the preset keeps them)."""
        if not self.preset.average:
            yield
            return
        own = [np.array(ops.convert_to_numpy(v)) for v in self.network.trainable_variables]
        try:
            for variable, average in zip(self.network.trainable_variables, self.optimizer.averages(), strict=True):
                variable.assign(average.value)
            yield
        finally:
            for variable, value in zip(self.network.trainable_variables, own, strict=True):
                variable.assign(value)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that resuming needs: weights, optimizer and its averages, by name."""
        state = {f"network/{k}": v for k, v in take(self.network.variables).items()}
        return state | {f"optimizer/{i:04d}": np.array(ops.convert_to_numpy(v))
                        for i, v in enumerate(self.optimizer.variables)}  # fmt: skip

    def disk_size(self) -> int:
        """Bytes of a model's folder at its largest: while it is saved, the new state stands beside the old one."""
        weights, optimizer = (
            sum(math.prod(v.shape) * np.dtype(v.dtype).itemsize for v in variables)
            for variables in (self.network.variables, self.optimizer.variables)
        )
        return 2 * (weights + optimizer) + weights

    def restore(self, state: dict[str, np.ndarray], source: str) -> None:
        """Put a ``state`` back. WeightsError when it is another network's."""
        put(self.network.variables, {k[8:]: v for k, v in state.items() if k.startswith("network/")}, source)
        names = [f"optimizer/{i:04d}" for i in range(len(self.optimizer.variables))]
        stand_ins = [_Named(name, v) for name, v in zip(names, self.optimizer.variables, strict=True)]
        put(stand_ins, state, source)


class _Named:
    """An optimizer variable under a name that does not change from run to run."""

    def __init__(self, path: str, variable):
        self.path, self.variable = path, variable
        self.shape = variable.shape

    def assign(self, value):
        self.variable.assign(value)
