"""Weights on disk: safetensors, which are data and nothing else, written whole or not at all."""

import contextlib
import os
from pathlib import Path

import numpy as np

from faceit.errors import WeightsError
from faceit.files import replacing

FLOATS = (np.float16, np.float32)  # what is written; larger ones may be infinite in the network


def save_tensors(path: Path, tensors: dict[str, np.ndarray], about: dict[str, str]) -> None:
    """Write named arrays and a few strings; the file before survives until the new one is on the disk."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        with replacing(path) as part:
            save_file({k: np.asarray(v, order="C") for k, v in tensors.items()}, part, metadata=about)
            with open(part, "rb+") as f:
                os.fsync(f.fileno())
            part.chmod(0o666 & ~_umask())  # safetensors writes files that only their owner may read
    except (OSError, SafetensorError) as e:  # safetensors wraps the system's error in one of its own
        reason = getattr(e, "strerror", None) or str(e)
        raise WeightsError(f"{path} cannot be written ({reason}): free some space; the last save is intact.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read (arrays, strings). WeightsError when the file is missing, damaged or not safetensors."""
    with _opened(path) as f:
        return {key: f.get_tensor(key) for key in f.keys()}, dict(f.metadata() or {})  # noqa: SIM118


def load_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the arrays' shapes alone. WeightsError as in ``load_tensors``."""
    with _opened(path) as f:
        return {key: tuple(f.get_slice(key).get_shape()) for key in f.keys()}  # noqa: SIM118


def load_strings(path: Path) -> dict[str, str]:
    """Read the strings alone. WeightsError as in ``load_tensors``."""
    with _opened(path) as f:
        return dict(f.metadata() or {})


@contextlib.contextmanager
def _opened(path: Path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as f:
            yield f
    except FileNotFoundError:
        raise WeightsError(f"{path} is not there: train the swap first.") from None
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as e:
        raise WeightsError(f"{path} is damaged ({e}): restore it, or train again.") from None


def put(variables, tensors: dict[str, np.ndarray], source: str) -> None:
    """Give every Keras variable its array by its path; WeightsError unless names and shapes are the same."""
    names = _by_path(variables)
    check_shapes(variables, {name: array.shape for name, array in tensors.items()}, source)
    for name, variable in names.items():
        check_numbers(name, tensors[name], source, variable.dtype)
    for name, variable in names.items():
        variable.assign(tensors[name])


def check_shapes(variables, shapes: dict[str, tuple[int, ...]], source: str, alone: bool = False) -> None:
    """WeightsError unless a file's arrays, by name, have the ``shapes`` of Keras variables, by path; with ``alone`` no
    others may be there."""
    names = _by_path(variables)
    if missing := sorted(names.keys() - shapes.keys()):
        raise WeightsError(f"{source} does not fit this network: {missing[0]} is missing. Was it trained with "
                           "other settings?")  # fmt: skip
    for name, variable in names.items():
        if tuple(variable.shape) != shapes[name]:
            raise WeightsError(
                f"{source} does not fit this network: {name} is {shapes[name]}, not {tuple(variable.shape)}. "
                "Was it trained with other settings?"
            )
    if alone and (surplus := sorted(shapes.keys() - names.keys())):
        raise WeightsError(f"{source} carries {surplus[0]!r:.80}, which its network does not have.")


def check_numbers(name: str, array: np.ndarray, source: str, dtype: str = "float32") -> None:
    """WeightsError when an array from a file, for a variable of ``dtype``, holds anything but numbers that are finite
    there."""
    whole = np.dtype(dtype).kind in "iu"
    if array.dtype.kind not in "iu" if whole else array.dtype not in FLOATS:
        raise WeightsError(f"{source} has values of a wrong kind, {array.dtype}, in {name}: it is damaged; "
                           "train again.")  # fmt: skip
    if not np.all(np.isfinite(array.astype(dtype, copy=False))):
        raise WeightsError(f"{source} has values that are not numbers in {name}: it is damaged; train again.")


def take(variables) -> dict[str, np.ndarray]:
    """Every variable's array by its path."""
    from keras import ops

    return {path: np.array(ops.convert_to_numpy(variable)) for path, variable in _by_path(variables).items()}


def _by_path(variables) -> dict:
    names = {variable.path: variable for variable in variables}
    if len(names) != len(variables):
        raise ValueError("two weights of the network have the same path: one would be lost")
    return names
