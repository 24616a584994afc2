"""One training on several devices: all have the same weights, each learns from its share of a step's faces.

A step's plan is drawn for all devices together and cut into equal parts, and the mean of their gradients is taken
before anything else is done with them, so n devices with a batch of B do what one would with n * B. On TensorFlow a
strategy of ``tf.distribute`` carries it: the GPUs of one machine, or those of several machines, which find each other
by the environment variable TF_CONFIG. On JAX, Keras cuts the arrays among the GPUs of one machine.

Of several machines the first is the chief: it alone has the clock, the rules and the files. The others follow
(``follower.py``): each of their steps is one that the chief has told them, with its weights to begin with. So nothing
can be decided twice.
"""

import contextlib
import functools
import json
import os
import weakref
from collections.abc import Callable, Iterator

import numpy as np

from faceit.errors import FaceitError
from faceit.network.backend import import_keras, silent_stderr, start_backend
from faceit.network.devices import training_precision
from faceit.network.presets import Preset, to_json
from faceit.progress import say

ORDER = 4096  # bytes that an order may have, as JSON
BLOCK = 2**20  # numbers of the weights that are sent at a time
NO_ROOM = "ResourceExhaustedError"  # what TensorFlow raises then; with others waiting, no smaller step can be tried
# What it raises when another machine is gone.
TORN = (NO_ROOM, "UnavailableError", "AbortedError", "CancelledError", "InternalError", "DeadlineExceededError",
        "FailedPreconditionError", "UnknownError")  # fmt: skip


class Cluster:
    """``count`` devices that share each step, on ``machines``; this process is number ``rank`` of those. ``strategy``
    is TensorFlow's, None for a single device and on other backends."""

    def __init__(self, count: int = 1, machines: int = 1, rank: int = 0, strategy=None):
        self.count, self.machines, self.rank, self.strategy = count, machines, rank, strategy
        self._known: weakref.ref | None = None  # to the training whose weights all machines have
        self._torn = False  # the others are gone, or wait for a step that they have been told

    @property
    def chief(self) -> bool:
        """Whether this process decides and writes. Where there is one machine it does."""
        return self.rank == 0

    def scope(self):
        """Within this, what is made is made on all devices."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    # --- inside a step, as it runs on each device ---

    def share(self, data):
        """This device's part of a step's inputs, cut by their first axis."""
        if self.strategy is None:
            return data
        import tensorflow as tf
        from keras import ops, tree

        place = tf.distribute.get_replica_context().replica_id_in_sync_group

        def part(x):
            if x is None:
                return None
            each = x.shape[0] // self.count
            return ops.slice(x, [place * each] + [0] * (len(x.shape) - 1), [each, *x.shape[1:]])

        return tree.map_structure(part, data, none_is_leaf=True)

    def reduce(self, gradients: list) -> list:
        """The mean of every gradient over all devices; one that there is not (None) stays away."""
        if self.strategy is None:
            return gradients
        import tensorflow as tf

        given = [gradient for gradient in gradients if gradient is not None]
        means = iter(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, given))
        return [None if gradient is None else next(means) for gradient in gradients]

    def as_logs(self, losses):
        """The losses of a step as Keras expects them, which takes the mean over machines along the first axis."""
        if self.machines == 1:
            return losses
        from keras import ops

        return {name: ops.reshape(value, (1,)) for name, value in losses.items()}

    # --- between machines ---

    def agree(self, value=None):
        """What the chief says, on every machine: JSON of at most ``ORDER`` bytes. All must ask at the same moment."""
        if self.machines == 1:
            return value
        numbers = np.zeros(ORDER, np.float32)
        if self.chief:
            text = json.dumps(value).encode()
            if len(text) > ORDER:
                raise ValueError(f"an order of {len(text)} bytes")
            numbers[: len(text)] = list(text)
        received = self._from_chief(numbers).astype(np.uint8)
        return json.loads(received[received > 0].tobytes())

    def spread(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The chief's arrays in place of one's own, which have the same names and shapes."""
        if self.machines == 1:
            return state
        flat = np.concatenate([np.ravel(array).astype(np.float32) for array in state.values()])
        blocks = np.zeros((-(-len(flat) // BLOCK), BLOCK), np.float32)
        blocks.reshape(-1)[: len(flat)] = flat
        flat = np.concatenate([self._from_chief(block) for block in blocks])
        ends = np.cumsum([array.size for array in state.values()])
        parts = np.split(flat[: ends[-1]], ends[:-1])
        return {name: part.reshape(array.shape).astype(array.dtype)
                for part, (name, array) in zip(parts, state.items(), strict=True)}  # fmt: skip

    def _from_chief(self, numbers: np.ndarray) -> np.ndarray:
        """The chief's (n,) float32: a sum in which the others count nothing."""
        with self.together():
            sums = _sum_over_all(self.strategy)(numbers)
            return self.strategy.experimental_local_results(sums)[0].numpy()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Around what all machines do at once. FaceitError when one of the others is gone."""
        try:
            yield
            self._torn = False
        except Exception as e:
            if self.machines == 1 or type(e).__name__ not in TORN:
                raise
            self._torn = True
            if type(e).__name__ == NO_ROOM:
                raise FaceitError("The memory of this machine does not suffice: take a smaller --batch-size.") from None
            raise FaceitError(
                f"The machines of this training lost each other ({type(e).__name__}). Start it again on all of them: "
                "it goes on from the last save."
            ) from None

    # --- the chief ---

    def order(self, **words) -> None:
        """Have the other machines do something; see ``follower.follow``."""
        if self.machines > 1 and self.chief:
            self.agree(words)

    def lead(self, training, sets: dict, step: int, done: float, attempt) -> None:
        """Have the other machines make the step that the chief is about to make."""
        if self.machines == 1 or not self.chief:
            return
        if self._known is None or self._known() is not training:
            self.order(state={"batch": training.preset.batch_size, "faces": [len(sets[side]) for side in "ab"]})
            self.spread(training.state())
            self._known = weakref.ref(training)
        self.order(step=step, done=done, attempt=vars(attempt))
        self._torn = True  # until it is through, they hear of nothing else

    def forget(self) -> None:
        """The chief's weights are others than those that it told."""
        self._known = None

    @contextlib.contextmanager
    def leading(self) -> Iterator[None]:
        """Around the chief's whole run: at its end, however it ends, the others are through as well. In the middle of
        a step they notice it by themselves."""
        try:
            yield
        finally:
            if not self._torn:
                with contextlib.suppress(FaceitError):  # one that is gone already needs no word
                    self.order(end=True)


@functools.cache
def _sum_over_all(strategy):
    """A function: numbers (n,) -> their sum over all devices, to which only the very first one adds something."""
    import tensorflow as tf

    def add(numbers):
        here = tf.distribute.get_replica_context()
        own = tf.where(tf.equal(here.replica_id_in_sync_group, 0), numbers, tf.zeros_like(numbers))
        return here.all_reduce(tf.distribute.ReduceOp.SUM, own)

    return tf.function(lambda numbers: strategy.run(add, args=(numbers,)))


_joined: Cluster | None = None
ALONE = Cluster()


def cluster() -> Cluster:
    """The cluster that this process has joined, or itself alone."""
    return _joined or ALONE


def join(devices: list[str] | None = None) -> Cluster:
    """Join the machines of TF_CONFIG, where it is set; it must be done before anything else of TensorFlow. Without it
    the GPUs of this machine, or the ``devices`` named, are joined when a network is built. FaceitError when TF_CONFIG
    is not one of machines that train together."""
    global _joined
    machines, rank = _told_by_environment()
    if machines > 1:
        _joined = _with_machines(machines, rank)
    elif devices is not None:
        _joined = _on_one_machine(devices)
    return cluster()


def for_training(make: Callable) -> Callable:
    """A decorator: what ``make`` makes is made on all devices, in the precision that suits them."""

    @functools.wraps(make)
    def made(*given, **named):
        with cluster().scope(), training_precision():
            return make(*given, **named)

    return made


def build_to_train(preset: Preset):
    """A network with random weights, to be trained."""
    global _joined
    if _joined is None:
        _joined = _on_one_machine()
    cluster().order(network=to_json(preset))
    return _built(preset)


@for_training
def _built(preset: Preset):
    from faceit.network.architectures import build

    return build(preset)


def _told_by_environment() -> tuple[int, int]:
    """(machines, which of them this is) by TF_CONFIG; (1, 0) without it."""
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return 1, 0
    wrong = FaceitError(
        'The environment variable TF_CONFIG is not one of a cluster of equal machines: {"cluster": {"worker": '
        '["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}. Correct it, or unset it to train on this '
        "machine alone."
    )
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        whole = set(config["cluster"]) == {"worker"} and task["type"] == "worker"
        if not (whole and all(isinstance(worker, str) for worker in workers) and task["index"] in range(len(workers))):
            raise wrong
    except (ValueError, TypeError, KeyError):
        raise wrong from None
    return len(workers), int(task["index"])


def _with_machines(machines: int, rank: int) -> Cluster:
    with silent_stderr():
        keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        raise FaceitError(
            f"Several machines train together on TensorFlow, not on {keras.backend.backend()}: set "
            "KERAS_BACKEND=tensorflow, or unset TF_CONFIG to train on this machine alone."
        )
    say(f"Machine {rank + 1} of {machines} of TF_CONFIG: waiting for the others.")
    with silent_stderr():
        import tensorflow as tf

        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    return Cluster(strategy.num_replicas_in_sync, machines, rank, strategy)


def _on_one_machine(devices: list[str] | None = None) -> Cluster:
    has_gpu = start_backend()
    import keras

    if devices is None:
        devices = keras.distribution.list_devices("gpu") if has_gpu else []
    if len(devices) < 2 or keras.backend.backend() == "torch":  # on which Keras has no way to share a step
        return Cluster()
    if keras.backend.backend() == "jax":
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
        return Cluster(len(devices))
    import tensorflow as tf

    return Cluster(len(devices), strategy=tf.distribute.MirroredStrategy(devices))
