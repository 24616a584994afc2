"""Training: the augmentation, the two sides' losses, the optimizer and its averaged weights, as one Keras model."""

import contextlib
import math
import warnings
from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from faceit.errors import WeightsError
from faceit.geometry import ALIGNED_MARGIN, FACE, Crop
from faceit.network import losses
from faceit.network.attempt import FIRST, Attempt
from faceit.network.augment import Crops, PoorVideo, TextureWarp, plan
from faceit.network.backend import start_backend
from faceit.network.cluster import cluster, for_training
from faceit.network.model_file import SIDES
from faceit.network.presets import Preset
from faceit.network.swapnetwork import SwapNetwork
from faceit.network.weights import put, take
from faceit.texture import SEEN, insides, weights_map

WARM_UP_STEPS = 30
# until its time has come the discriminator is among the weights and not in the loss
warnings.filterwarnings("ignore", r"Gradients do not exist for variables \['discriminator/")


class AveragingAdam(keras.optimizers.Adam):
    """Adam whose moving average of the weights has a momentum of min(0.99, n / (n + 20)) at step n = 0, 1, 2 ...

    With a constant momentum the average of a short run would still hold its random start.
    """

    def build(self, variables):
        super().build(variables)
        if self.use_ema:  # which Keras begins at nothing: before the first step they are asked for, too
            for variable, average in zip(variables, self._model_variables_moving_average, strict=True):
                average.assign(np.array(ops.convert_to_numpy(variable)))  # JAX gives a buffer to one of them only

    def apply(self, grads, trainable_variables=None):
        # Keras would clip each device's gradients and add those up: here they are one mean before it clips
        super().apply(cluster().reduce(grads), trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars

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


def mirrors(preset: Preset, sets: dict) -> bool:
    """Whether faces of these sets are mirrored now and then. Textures never are."""
    if preset.network == "appearance":
        return False
    return preset.flip == "always" or (preset.flip == "auto" and not any(sets[side].one_sided for side in SIDES))


class Training(keras.Model):
    """A network in training, on faces that show ``crop``. ``step`` takes faces of both sides through one update of the
    weights."""

    @for_training
    def __init__(self, network: SwapNetwork, seed: int, crop: Crop = FACE):
        cluster().order(training={"seed": seed, "crop": crop.name})
        super().__init__(name="training", dtype="float32")
        self.network, self.preset, self.seed = network, network.preset, seed
        self.crop = crop
        self.last_rate = 0.0  # what the last step learned at
        self.paints = self.preset.network == "appearance"  # textures, whose landmarks lie where they always do
        if self.paints:
            self.wobble, self.spoil = TextureWarp(SEEN), PoorVideo(SEEN)
            # by side, once the network knows where the landmarks lie
            self._texture_weights: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        else:
            self.crops, self.spoil = Crops(self.preset.size, ALIGNED_MARGIN), PoorVideo(self.preset.size)
        self._weights_map = losses.detail_weights(self.preset.size, crop, self.preset.eyes_mouth)
        self._terms = self._optional_terms(crop)
        self._late: frozenset[str] = frozenset()  # those of the optional terms that have begun
        # of every step since they were asked for: Keras' own means begin anew at every batch
        self._losses: list[tuple[float, float]] = []
        self._hand = ThreadPoolExecutor(1, "faces")  # gathers the next step's faces while the device is busy
        self._next: tuple[tuple[int, int, int], Future] | None = None  # of which sets, step and retries, its faces
        self._shares: dict[str, tuple] = {}  # by side: its faces, and how often each is shown
        self.loss_a, self.loss_b = keras.metrics.Mean(name="loss_a"), keras.metrics.Mean(name="loss_b")
        self.compile(
            optimizer=AveragingAdam(
                self.preset.learning_rate, beta_1=self.preset.beta_1, beta_2=self.preset.beta_2,
                global_clipnorm=self.preset.clip_norm, use_ema=self.preset.average,
            ),
            # TensorFlow's XLA is slower on a CPU; without it JAX would run line by line
            jit_compile="auto" if start_backend() or keras.backend.backend() == "jax" else False,
        )  # fmt: skip
        self.built = True
        self.optimizer.build(self.trainable_variables)

    def _optional_terms(self, crop: Crop) -> dict:
        """The terms of the loss that a preset may have, by name."""
        terms, size = {}, self.preset.size
        if self.preset.adversarial:
            terms["adversarial"] = losses.PatchDiscriminator(name="discriminator", dtype="float32")
            terms["adversarial"].build((None, size, size, 3))
        if self.preset.perceptual:
            from faceit.network.perceptual import PerceptualLoss

            terms["perceptual"] = PerceptualLoss(size, self._weights_map)
        if self.preset.identity:
            from faceit.network.sface_loss import IdentityLoss

            terms["identity"] = IdentityLoss(size, crop)
        return terms

    def _find_places(self) -> None:
        """Work out where errors count, as soon as the network knows where the landmarks lie."""
        if self.paints and not self._texture_weights:
            self._texture_weights = {side: self._weights_of(side) for side in SIDES}
            self.make_train_function(force=True)  # an earlier one has the places of before

    def _weights_of(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Where errors in a side's textures count, (s, s, 1), and the insides of mouth and eyes, (s, s, 3)."""
        layout, size = self.network.person(side)[1], self.preset.size
        return weights_map(layout, size, self.crop, self.preset.eyes_mouth), insides(layout, size).transpose(1, 2, 0)

    def call(self, inputs, training=None):
        inputs = {k: ops.convert_to_tensor(v) for k, v in inputs.items()}
        targets, seen, shown = {}, {}, {}
        for side in SIDES:
            pictures, warp = inputs[f"faces_{side}"], inputs[f"warp_{side}"] * inputs["strength"][:1]
            if self.paints:
                targets[side], seen[side] = self.wobble(pictures, warp)
                shown[f"shown_{side}"] = inputs[f"shown_{side}"]
            else:
                targets[side], seen[side] = self.crops(pictures, inputs[f"affine_{side}"], warp)
            if self.preset.poor or self.preset.light:
                seen[side] = self.spoil(seen[side], inputs[f"light_{side}"], inputs[f"poor_{side}"])
        points_a, points_b, noise_a, noise_b = (inputs.get(f"{name}_{side}") for name in ("points", "noise")
                                                for side in SIDES)  # fmt: skip
        free = inputs["free"][:1] if self.preset.freeze_at < 1 else None
        made = self.network.reconstruct_both(seen["a"], seen["b"], points_a, points_b, noise_a, noise_b, free)
        return {"target_a": targets["a"], "target_b": targets["b"], "a": made[0], "b": made[1], **shown}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        total = 0.0
        for side, tracker in (("a", self.loss_a), ("b", self.loss_b)):
            target, made = y_pred[f"target_{side}"], y_pred[side]
            if self.paints:
                loss = self._texture_loss(side, target, made, y_pred[f"shown_{side}"])
            else:
                loss = self._picture_loss(target, made)
            tracker.update_state(loss)  # of the picture alone: it can be compared over the run and with held-out faces
            total = total + loss + self._late_loss(target, made)
        return total

    def _picture_loss(self, target, picture):
        if self.preset.loss == "classic":
            return losses.mae(target, picture)
        return losses.modern(self.preset, target, picture, self._weights_map)

    def _texture_loss(self, side: str, target, texture, shown):
        """Of textures (n, s, s, 3). What lies behind closed lids and lips, by ``shown`` (n, 3), counts nothing."""
        if self.preset.loss == "classic":
            return losses.mae(target, texture)
        weights, areas = map(ops.convert_to_tensor, self._texture_weights[side])
        hidden = ops.sum(areas * ops.reshape(1.0 - shown, (-1, 1, 1, 3)), axis=-1, keepdims=True)
        return losses.of_textures(self.preset, target, texture, weights * ops.clip(1.0 - hidden, 0.0, 1.0))

    def _late_loss(self, target, picture):
        total = 0.0
        for name in sorted(self._late):
            if name == "adversarial":
                fooled, discriminator = losses.adversarial(self._terms[name], target, picture)
                total = total + self.preset.adversarial * fooled + discriminator
            else:
                total = total + getattr(self.preset, name) * self._terms[name](target, picture)
        return total

    def _begin_terms(self, done: float) -> None:
        """Switch on the terms whose time has come; the step is compiled anew then."""
        begun = frozenset(name for name in self._terms if done >= getattr(self.preset, f"{name}_from"))
        if begun != self._late:
            self._late = begun
            self.make_train_function(force=True)

    def still_loss(self, crops: np.ndarray, made: np.ndarray) -> float:
        """The loss of finished pictures (n, size, size, 3) against what they should be, without augmentation."""
        return float(ops.convert_to_numpy(self._picture_loss(*map(ops.convert_to_tensor, (crops, made)))))

    def texture_loss(self, side: str, faces) -> float:
        """The loss of ``faces.load.Textures`` of a side as themselves, without augmentation."""
        self._find_places()
        total = []
        for i in range(0, len(faces.codes), self.preset.batch_size):
            rows = slice(i, i + self.preset.batch_size)
            target = ops.convert_to_tensor(np.asarray(faces.pictures[rows], np.float32) / 255)
            made = self.network.reconstruct(target, ops.convert_to_tensor(faces.codes[rows]), side, side)
            loss = self._texture_loss(side, target, made, ops.convert_to_tensor(faces.shown[rows]))
            total.append((len(faces.codes[rows]), float(ops.convert_to_numpy(loss))))
        return float(np.average([loss for _, loss in total], weights=[count for count, _ in total]))

    def step(self, sets: dict, step: int, done: float, attempt: Attempt = FIRST) -> tuple[float, float]:
        """One update: ``sets`` is {"a": FaceSet, "b": FaceSet}; ``done`` 0..1 of the run steers rate and warp. -> the
        losses of (a, b)."""
        cluster().lead(self, sets, step, done, attempt)
        self._find_places()
        self._begin_terms(done)
        inputs = self._gathered(sets, step, attempt.retries)
        each = np.ones(len(inputs["faces_a"]), np.float32)  # what is one number is told every device that shares them
        inputs |= {"strength": each * warp_strength(self.preset, done), "free": each * (done < self.preset.freeze_at)}
        self.optimizer.learning_rate = self.last_rate = attempt.rate * learning_rate(self.preset, step, done)
        with cluster().together():
            logs = self.train_on_batch(inputs, each, return_dict=True)
        self._losses.append((float(np.mean(logs["loss_a"])), float(np.mean(logs["loss_b"]))))
        return self._losses[-1]

    def train_step(self, *given):
        *state, data = given  # JAX hands its state over
        return cluster().as_logs(super().train_step(*state, cluster().share(data)))

    def _gathered(self, sets: dict, step: int, retries: int) -> dict[str, np.ndarray]:
        """The faces of a step; those of the next are begun meanwhile."""
        now = (id(sets), step, retries)
        inputs = self._next[1].result() if self._next and self._next[0] == now else self._drawn(sets, step, retries)
        self._next = (id(sets), step + 1, retries), self._hand.submit(self._drawn, sets, step + 1, retries)
        return inputs

    def _drawn(self, sets: dict, step: int, retries: int = 0) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.seed, step, *[retries] * bool(retries)])
        mirror = mirrors(self.preset, sets)
        inputs, all_devices = {}, self.preset.batch_size * cluster().count
        for side in SIDES:
            faces = sets[side]
            drawn = plan(self.preset, len(faces), rng, mirror, self._shares_of(side, faces), all_devices)
            for name in ("warp", "light", "poor"):
                inputs[f"{name}_{side}"] = getattr(drawn, name)
            if self.paints:
                it, rows = faces.textures, drawn.index
                inputs[f"faces_{side}"], inputs[f"shown_{side}"] = it.pictures[rows], it.shown[rows]
                inputs[f"points_{side}"] = it.codes[rows]
                # of the turns nothing is in doubt
                inputs[f"noise_{side}"] = np.pad(drawn.noise, ((0, 0), (0, it.codes.shape[1] - drawn.noise.shape[1])))
            else:
                inputs[f"faces_{side}"], inputs[f"affine_{side}"] = faces.faces[drawn.index], drawn.affine
        return inputs

    def _shares_of(self, side: str, faces) -> np.ndarray | None:
        """How often each face is shown; worked out once."""
        if not self.preset.uniform_yaw:
            return None
        known = self._shares.get(side)
        if known is None or known[0] is not faces:
            known = self._shares[side] = faces, faces.probabilities()
        return known[1]

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
        try:  # the network's come first in the optimizer, then the discriminator's
            for variable, average in zip(self.network.trainable_variables, self.optimizer.averages(), strict=False):
                variable.assign(np.array(ops.convert_to_numpy(average)))
            yield
        finally:
            for variable, value in zip(self.network.trainable_variables, own, strict=True):
                variable.assign(value)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that resuming needs: weights, optimizer and its averages, by name."""
        state = {f"network/{k}": v for k, v in take(self.network.variables).items()}
        return state | {v.path: np.array(ops.convert_to_numpy(v.variable)) for v in self._beside_the_network()}

    def disk_size(self, snapshots: int = 0) -> int:
        """Bytes of a model's folder at its largest: while it is saved, the new state stands beside the old one; the
        weights are there twice, the last and the best ones. Each of the ``snapshots`` has a state and weights."""
        weights, optimizer = (
            sum(math.prod(v.shape) * np.dtype(v.dtype).itemsize for v in variables)
            for variables in (self.network.variables, self.optimizer.variables)
        )
        state = weights + optimizer
        return 2 * (state + weights) + snapshots * (state + weights)

    def restore(self, state: dict[str, np.ndarray], source: str) -> None:
        """Put a ``state`` back. WeightsError when it is another network's. A discriminator that it does not have yet
        begins as it is."""
        if "optimizer/0000" in state:
            raise WeightsError(
                f"{source} was saved by an older faceit: begin from it under another name with --warm-start."
            )
        put(self.network.variables, {k[8:]: v for k, v in state.items() if k.startswith("network/")}, source)
        beside = self._beside_the_network()
        put([v for v in beside if v.path in state or "discriminator" not in v.path], state, source)
        self._texture_weights = {}
        cluster().forget()

    def _beside_the_network(self) -> list:
        """The optimizer's variables and the discriminator's, under names that do not change from run to run."""
        own = [_Named(f"optimizer/{v.path.split('/', 1)[-1]}", v) for v in self.optimizer.variables]
        return own + [_Named(v.path, v) for term in self._terms.values() for v in term.trainable_variables]


class _Named:
    """A variable under another name."""

    def __init__(self, path: str, variable):
        self.path, self.variable = path, variable
        self.shape, self.dtype = variable.shape, variable.dtype

    def assign(self, value):
        self.variable.assign(value)
