"""What this machine offers a training: numbers of half the width, and memory for so many faces at a time."""

import contextlib
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from faceit.errors import FaceitError
from faceit.network.backend import start_backend

BFLOAT16_FROM = (8, 0)  # compute capability of NVIDIA's GPUs (Ampere) that multiply bfloat16 in hardware
FEWEST_AT_ONCE = 2  # faces a side and step; of a single one the gradient is noise
# Fitted to the peak memory of training steps on a CPU (TensorFlow 2.21), beside the network's own weights. In MB, of
# cpu with 4 and 32 faces a side: at 128 pixels 340 and 560 (measured 330 and 590), at 192 370 and 770 (370 and 780), at
# 256 410 and 1,070 (450 and 1,080); of gpu at 256 with 2 and 8: 1,490 and 1,950 (1,460 and 1,750). For one more face a
# side of original it says 18; measured were 16.
PICTURES = 17  # numbers that augmentation and loss hold for each number of the pictures, of both sides together
TEXTURES = 13  # the same of textures, which are not cut out
STEP = 200e6  # bytes, of the compiled step itself
GRADIENTS = 3  # times the weights, where the optimizer is at work: gradients, clipped ones, new averages (0.7 to 3)
USED_AT_MOST = 0.8  # of the free memory: other programs grow, and allocators leave holes
# of a GPU's memory that TensorFlow takes to itself when it starts; how much that was it does not tell
TENSORFLOW_TAKES = 0.9
NVIDIA_WAIT_S = 10.0


# --- precision ---


@contextlib.contextmanager
def training_precision() -> Iterator[None]:
    """Networks that are built within this train in the precision that suits the device; weights stay float32."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if has_bfloat16() else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def has_bfloat16() -> bool:
    """Whether every GPU that training uses multiplies bfloat16 in hardware; False where there is none."""
    if not start_backend():
        return False
    try:
        known = _capabilities()
    except Exception:  # a driver that does not tell
        return False
    return bool(known) and min(known) >= BFLOAT16_FROM


def _capabilities() -> list[tuple[int, ...]]:
    """The compute capability of each GPU of NVIDIA; (0, 0) for one that has none."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return [torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())]
    if keras.backend.backend() == "jax":
        import jax

        capabilities = [str(getattr(device, "compute_capability", "0.0")) for device in jax.local_devices()]
        return [tuple(map(int, text.split("."))) for text in capabilities]
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tuple(tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))) for gpu in gpus]


# --- memory ---


def fitting_batch(network, wished: int) -> int:
    """Faces a side and step that the memory has room for: ``wished``, or its half, its quarter ... Where the memory
    cannot be asked for, what is wished. FaceitError when it does not suffice for ``FEWEST_AT_ONCE``.

    ``network`` (a ``SwapNetwork``) has its weights already; the optimizer's are still to come.
    """
    free, batch = free_memory(), wished
    while free is not None and needed(network, batch) > USED_AT_MOST * free:
        batch //= 2
        if batch < FEWEST_AT_ONCE:
            least = min(wished, FEWEST_AT_ONCE)
            raise FaceitError(
                f"Training {network.preset.name} takes {needed(network, least) / 1e9:.1f} GB, of which at most "
                f"{USED_AT_MOST:.0%} of the free {free / 1e9:.1f} GB should be used: end other programs, or take a "
                "smaller preset."
            )
    return batch


def needed(network, batch: int) -> int:
    """Bytes that training takes beside the network's own weights, with ``batch`` faces a side at a time. A person's
    paint does not train: it has no gradients."""
    weights = 4 * sum(math.prod(v.shape) for v in network.trainable_variables)
    optimizer = 3 if network.preset.average else 2  # Adam's two moments, the average
    return int(STEP) + (optimizer + GRADIENTS) * weights + batch * face_bytes(network)


def face_bytes(network) -> int:
    """Bytes that one more face a side takes in a training step: what every layer makes is kept for its gradient."""
    made = sum(_made(part) * (1 if part.name.endswith(("_a", "_b")) else 2) for part in network.layers)
    held = TEXTURES if network.preset.network == "appearance" else PICTURES
    return 4 * (made + held * 2 * 3 * network.preset.size**2)


def _made(part) -> int:
    """Numbers that the layers of a part of the network make of one face."""
    return sum(math.prod(layer.output.shape[1:]) for layer in getattr(part, "layers", []))


def free_memory() -> int | None:
    """Free bytes of the device that trains, of several GPUs the fullest one's; None where nothing tells."""
    if not start_backend():
        total, free = memory()
        return free if free is not None or total is None else total // 2
    with contextlib.suppress(Exception):  # a driver that does not tell
        return min(_free_on_gpus(), default=None)
    return None


def _free_on_gpus() -> list[int]:
    """Free bytes of each GPU, what the backend holds in reserve among them."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        reserve = [torch.cuda.memory_reserved(i) - torch.cuda.memory_allocated(i)
                   for i in range(torch.cuda.device_count())]  # fmt: skip
        return [torch.cuda.mem_get_info(i)[0] + held for i, held in enumerate(reserve)]
    if keras.backend.backend() == "jax":
        import jax

        memories = [device.memory_stats() for device in jax.local_devices()]
        return [memory["bytes_limit"] - memory["bytes_in_use"] for memory in memories]
    import tensorflow as tf

    totals = [int(text) * 2**20 for text in ask_nvidia("memory.total", "nounits")]
    used = [tf.config.experimental.get_memory_info(gpu.name.removeprefix("/device:"))["current"]
            for gpu in tf.config.list_logical_devices("GPU")]  # fmt: skip
    return [int(min(totals) * TENSORFLOW_TAKES) - held for held in used]


def ask_nvidia(what: str, *how: str) -> list[str]:
    """What NVIDIA's driver tells of each GPU, whether Keras can use it or not: ``what`` is nvidia-smi's name of it,
    ``how`` its words for the form. [] where there is none to ask."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = [program, f"--query-gpu={what}", f"--format={','.join(('csv', 'noheader', *how))}"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=NVIDIA_WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []


def memory() -> tuple[int | None, int | None]:
    """(all, free) bytes of the computer's memory, a container's limit respected; None for what it does not tell."""
    import psutil

    try:
        now = psutil.virtual_memory()
    except (OSError, psutil.Error):
        return None, None
    total, free, group = now.total, now.available, Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):  # no Linux, or no limit
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        # files that were read are held as long as nobody needs the room
        files = re.search(r"^inactive_file (\d+)$", (group / "memory.stat").read_text(), re.MULTILINE)
        if files is not None:
            return min(total, limit), min(free, max(0, limit - used + int(files[1])))
    return total, free
