"""Write frozen TensorFlow graphs (.pb) without TensorFlow.

A frozen graph is a protocol buffer ``GraphDef``: nodes with a name, an operation, inputs and attributes. Only
what our graphs need is here.

References
----------
.. [1] TensorFlow, ``tensorflow/core/framework/{graph,node_def,attr_value,tensor}.proto``
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DT_FLOAT, _DT_INT32 = 1, 3
_PRODUCER = 175
"""Version of the graph format: one that TensorFlow 1.15 and later read."""


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value & 0xFFFFFFFFFFFFFFFF)


def content(field: int, value: bytes | str) -> bytes:
    encoded = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(encoded)) + encoded


def shape_proto(shape: tuple[int, ...]) -> bytes:
    return b"".join(content(2, number(1, size)) for size in shape)


def tensor_proto(values: NDArray[np.generic]) -> bytes:
    """Encode a TensorProto of float32 or int32."""
    dtype = _DT_INT32 if values.dtype == np.int32 else _DT_FLOAT
    return number(1, dtype) + content(2, shape_proto(values.shape)) + content(4, values.tobytes())


class Attr:
    """Encoders of AttrValue, by kind."""

    @staticmethod
    def type(value: int) -> bytes:
        return number(6, value)

    @staticmethod
    def flag(value: bool) -> bytes:
        return number(5, int(value))

    @staticmethod
    def text(value: str) -> bytes:
        return content(2, value)

    @staticmethod
    def integer(value: int) -> bytes:
        return number(3, value)

    @staticmethod
    def integers(values: list[int]) -> bytes:
        return content(1, content(3, b"".join(varint(v) for v in values)))

    @staticmethod
    def shape(values: tuple[int, ...]) -> bytes:
        return content(7, shape_proto(values))

    @staticmethod
    def tensor(values: NDArray[np.generic]) -> bytes:
        return content(8, tensor_proto(values))


FLOAT = Attr.type(_DT_FLOAT)


class GraphDef:
    """Collects nodes; every method that adds one returns its name."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._n_constants = 0

    def add(self, name: str, operation: str, *inputs: str, **attributes: bytes) -> str:
        node = content(1, name) + content(2, operation) + b"".join(content(3, i) for i in inputs)
        node += b"".join(content(5, content(1, key) + content(2, value)) for key, value in attributes.items())
        self._nodes.append(content(1, node))
        return name

    def constant(self, values: NDArray[np.generic]) -> str:
        self._n_constants += 1
        is_int = np.issubdtype(values.dtype, np.integer)
        stored = np.asarray(values, np.int32 if is_int else np.float32)
        return self.add(
            f"constant_{self._n_constants}",
            "Const",
            dtype=Attr.type(_DT_INT32 if is_int else _DT_FLOAT),
            value=Attr.tensor(stored),
        )

    def placeholder(self, name: str, shape: tuple[int, ...]) -> str:
        return self.add(name, "Placeholder", dtype=FLOAT, shape=Attr.shape(shape))

    def binary(self, name: str, operation: str, x: str, values: NDArray[np.floating]) -> str:
        return self.add(name, operation, x, self.constant(values), T=FLOAT)

    def unary(self, name: str, operation: str, x: str) -> str:
        return self.add(name, operation, x, T=FLOAT)

    def reduce(self, name: str, operation: str, x: str, axis: int, *, keep: bool = False) -> str:
        axes = self.constant(np.array([axis], np.int32))
        types = {"T": FLOAT, "Tidx": Attr.type(_DT_INT32)}
        return self.add(name, operation, x, axes, keep_dims=Attr.flag(keep), **types)

    def reshape(self, name: str, x: str, shape: tuple[int, ...]) -> str:
        types = {"T": FLOAT, "Tshape": Attr.type(_DT_INT32)}
        return self.add(name, "Reshape", x, self.constant(np.array(shape, np.int32)), **types)

    def pad_frames(self, name: str, x: str, frames: int) -> str:
        paddings = self.constant(np.array([[0, 0], [frames, frames], [0, 0], [0, 0]], np.int32))
        return self.add(name, "Pad", x, paddings, T=FLOAT, Tpaddings=Attr.type(_DT_INT32))

    def concatenate(self, name: str, parts: list[str], axis: int) -> str:
        axis_name = self.constant(np.array(axis, np.int32))
        types = {"T": FLOAT, "Tidx": Attr.type(_DT_INT32)}
        return self.add(name, "ConcatV2", *parts, axis_name, N=Attr.integer(len(parts)), **types)

    def convolution(self, name: str, x: str, kernel: NDArray[np.floating], *, padding: str) -> str:
        return self.add(
            name,
            "Conv2D",
            x,
            self.constant(kernel),
            T=FLOAT,
            strides=Attr.integers([1, 1, 1, 1]),
            padding=Attr.text(padding),
            data_format=Attr.text("NHWC"),
        )

    def matmul(self, name: str, x: str, kernel: NDArray[np.floating]) -> str:
        flags = {"transpose_a": Attr.flag(False), "transpose_b": Attr.flag(False)}
        return self.add(name, "MatMul", x, self.constant(kernel), T=FLOAT, **flags)

    def encode(self) -> bytes:
        return b"".join(self._nodes) + content(4, number(1, _PRODUCER))
