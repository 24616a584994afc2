"""The weights of an .onnx file: so much of protobuf and of ONNX (github.com/onnx/onnx, onnx.proto) as that needs."""

import numpy as np

GRAPH, TENSORS = 7, 5  # fields: of the file, and of its graph
SHAPE, TYPE, FLOATS, NAME, RAW = 1, 2, 4, 8, 9  # fields of a tensor
TYPES = {1: "<f4", 3: "<i1", 7: "<i8"}
VARINT, FIXED_8, BYTES, FIXED_4 = 0, 1, 2, 5  # how a field is written


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """The tensors that an .onnx file holds, by name, those of floats, int8 and int64. The content must be trusted to
    be such a file, by its checksum: what is damaged gives any error."""
    tensors = {}
    for graph in _fields(memoryview(data), GRAPH):
        for tensor in _fields(graph, TENSORS):
            kind = next(_fields(tensor, TYPE))
            if kind in TYPES:
                raw = b"".join(_fields(tensor, FLOATS)) or b"".join(_fields(tensor, RAW))
                name = bytes(next(_fields(tensor, NAME))).decode()
                tensors[name] = np.frombuffer(raw, TYPES[kind]).reshape(list(_fields(tensor, SHAPE)))
    return tensors


def dequantised(tensors: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The float32 of a tensor that was quantised in blocks along its last axis, in its own shape."""
    small, scales, zeros = (tensors[f"{name}_{what}"] for what in ("quantized", "scales", "zero_point"))
    block = small.shape[-1] // scales.shape[-1]
    scales, zeros = (np.repeat(each.astype(np.float32), block, axis=-1) for each in (scales, zeros))
    return ((small - zeros) * scales).reshape(tensors[f"{name}_shape"])


def _fields(message, wanted: int):
    """The values of a field in a protobuf message: whole numbers, or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        how = key & 7
        if how == VARINT:
            value, at = _varint(message, at)
        else:
            length, at = _varint(message, at) if how == BYTES else ({FIXED_8: 8, FIXED_4: 4}[how], at)
            value, at = message[at : at + length], at + length
        if key >> 3 == wanted:
            yield value


def _varint(message, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and where the next field begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
        if byte < 128:
            return value, at
