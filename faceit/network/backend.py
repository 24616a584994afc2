"""Keras and the backend that it runs on: started without chatter, and functions of tensors that run as one."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache

from faceit.errors import FaceitError

BACKENDS = ("tensorflow", "jax", "torch")
CHOOSE_BACKEND = f"set KERAS_BACKEND to {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}, or unset it"

@cache
def start_backend() -> bool:
    """Import Keras and its backend without their start-up chatter; whether there is a GPU. FaceitError as in
    ``import_keras``."""
    with silent_stderr():
        keras = import_keras()
        try:
            if keras.backend.backend() == "torch":
                import torch

                return torch.cuda.is_available()
            return bool(keras.distribution.list_devices("gpu"))
        except Exception:  # some backends fail rather than answer none
            return False


def import_keras():
    """The module. FaceitError for a backend that Keras does not know, or that faceit does not run on."""
    try:
        import keras
    except ValueError as error:
        if "backend" not in str(error):
            raise
        raise FaceitError(f"{str(error).replace(' :', ':')}: {CHOOSE_BACKEND}.") from error
    if keras.backend.backend() not in BACKENDS:
        raise FaceitError(f"faceit does not run on Keras' backend {keras.backend.backend()}: {CHOOSE_BACKEND}.")
    return keras


@contextlib.contextmanager
def silent_stderr():
    """Hold back what C++ code writes to the terminal; it is shown when a bug goes through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's, where it is imported within this
    sys.stderr.flush()
    own = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except FaceitError:  # it says all that there is to know
            raise
        except BaseException:
            held.seek(0)
            os.write(own, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(own, 2)
            os.close(own)


def compiled(function: Callable) -> Callable:
    """A function of tensors as a chain of many small steps, by XLA where TensorFlow would take them one by one, which
    is slower. For the networks themselves XLA is the slower one on a CPU."""
    import keras

    if keras.backend.backend() != "tensorflow" or sys.platform != "linux":  # not every build for others has XLA
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def as_graph(function: Callable, *examples) -> Callable:
    """A function of tensors like the ``examples``, (n, ...) with any n, as one graph, where TensorFlow would take its
    steps one by one: small networks take a third less."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    # Remapping joins a convolution, a sum and a leaky ReLU into one step on CPUs, whose slope then is 0.2, whatever it
    # should be (TensorFlow 2.18 to 2.21).
    tf.config.optimizer.set_experimental_options({"remapping": False})
    shapes = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in examples]
    return tf.function(function, input_signature=shapes, autograph=False)
