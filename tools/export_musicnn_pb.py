"""Write MusiCNN as the two frozen TensorFlow graphs that the essentia backend takes, for comparisons.

    python tools/export_musicnn_pb.py FOLDER [--wheel FILE]

FOLDER gets ``musicnn.pb`` (``model/Placeholder`` -> ``model/dense/BiasAdd`` and ``model/Sigmoid``) and
``musicnn_head.pb`` (``model/Placeholder`` -> ``model/Sigmoid``), with the very weights of the ONNX file that
AudioMuse brings (see `convert_musicnn`) and every dead filter included. TensorFlow is not needed: a frozen
graph is a protocol buffer of few fields, and they are written here.
"""

from __future__ import annotations

import argparse
import struct
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert_musicnn import download_wheel, unpack_checkpoint
from musicnn_graph import N_BANDS, N_FRAMES, Dense, FrontConv, MidConv, MusicnnWeights
from tf_checkpoint import read_checkpoint

Array = NDArray[np.float64]

_DT_FLOAT, _DT_INT32 = 1, 3
_PRODUCER = 175
"""Version of the graph format: one that TensorFlow 1.15 and later read."""


# --- protocol buffers ------------------------------------------------------------------------------


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
    def real(value: float) -> bytes:
        return varint(4 << 3 | 5) + struct.pack("<f", value)

    @staticmethod
    def integers(values: list[int]) -> bytes:
        return content(1, content(3, b"".join(varint(v) for v in values)))

    @staticmethod
    def shape(values: tuple[int, ...]) -> bytes:
        return content(7, shape_proto(values))

    @staticmethod
    def tensor(values: NDArray[np.generic]) -> bytes:
        return content(8, tensor_proto(values))


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
        return self.add(name, "Placeholder", dtype=Attr.type(_DT_FLOAT), shape=Attr.shape(shape))

    def binary(self, name: str, operation: str, x: str, values: NDArray[np.floating]) -> str:
        return self.add(name, operation, x, self.constant(values), T=Attr.type(_DT_FLOAT))

    def unary(self, name: str, operation: str, x: str) -> str:
        return self.add(name, operation, x, T=Attr.type(_DT_FLOAT))

    def reduce(self, name: str, operation: str, x: str, axis: int, *, keep: bool = False) -> str:
        axes = self.constant(np.array([axis], np.int32))
        types = {"T": Attr.type(_DT_FLOAT), "Tidx": Attr.type(_DT_INT32)}
        return self.add(name, operation, x, axes, keep_dims=Attr.flag(keep), **types)

    def reshape(self, name: str, x: str, shape: tuple[int, ...]) -> str:
        types = {"T": Attr.type(_DT_FLOAT), "Tshape": Attr.type(_DT_INT32)}
        return self.add(name, "Reshape", x, self.constant(np.array(shape, np.int32)), **types)

    def pad_frames(self, name: str, x: str, frames: int) -> str:
        paddings = self.constant(np.array([[0, 0], [frames, frames], [0, 0], [0, 0]], np.int32))
        return self.add(name, "Pad", x, paddings, T=Attr.type(_DT_FLOAT), Tpaddings=Attr.type(_DT_INT32))

    def concatenate(self, name: str, parts: list[str], axis: int) -> str:
        axis_name = self.constant(np.array(axis, np.int32))
        types = {"T": Attr.type(_DT_FLOAT), "Tidx": Attr.type(_DT_INT32)}
        return self.add(name, "ConcatV2", *parts, axis_name, N=Attr.integer(len(parts)), **types)

    def convolution(self, name: str, x: str, kernel: Array, *, padding: str) -> str:
        return self.add(
            name,
            "Conv2D",
            x,
            self.constant(kernel),
            T=Attr.type(_DT_FLOAT),
            strides=Attr.integers([1, 1, 1, 1]),
            padding=Attr.text(padding),
            data_format=Attr.text("NHWC"),
        )

    def dense(self, name: str, x: str, layer: Dense) -> str:
        product = self.add(
            f"{name}/MatMul",
            "MatMul",
            x,
            self.constant(layer.kernel),
            T=Attr.type(_DT_FLOAT),
            transpose_a=Attr.flag(False),
            transpose_b=Attr.flag(False),
        )
        return self.binary(f"{name}/BiasAdd", "BiasAdd", product, layer.bias)

    def encode(self) -> bytes:
        return b"".join(self._nodes) + content(4, number(1, _PRODUCER))


# --- MusiCNN -----------------------------------------------------------------------------------------


def musicnn_graph(weights: MusicnnWeights) -> bytes:
    """Encode the whole network, every filter included, with the node names that Essentia expects."""
    g = GraphDef()
    patches = g.placeholder("model/Placeholder", (-1, N_FRAMES, N_BANDS))
    x = g.reshape("model/picture", patches, (-1, N_FRAMES, N_BANDS, 1))
    x = g.binary("model/scaled", "Mul", x, np.array([weights.input_scale]))
    x = g.binary("model/normalised", "Add", x, np.array([weights.input_shift]))
    branches = [_front(g, f"model/front{i}", x, conv) for i, conv in enumerate(weights.front)]
    front = g.concatenate("model/front", branches, 3)
    first = _middle(g, "model/mid0", front, weights.mid[0])
    second = _residual(g, "model/mid1", first, weights.mid[1])
    third = _residual(g, "model/mid2", second, weights.mid[2])
    channels = g.concatenate("model/channels", [front, first, second, third], 3)
    pooled = [g.reduce(f"model/{op.lower()}", op, channels, 1, keep=True) for op in ("Max", "Mean")]
    interleaved = g.concatenate("model/pooled", [_column(g, f"{name}/column", name) for name in pooled], 2)
    flat = g.reshape("model/flat", interleaved, (-1, weights.embedding.kernel.shape[0]))
    embedding = g.dense("model/dense", flat, weights.embedding)
    g.unary("model/Sigmoid", "Sigmoid", _tags(g, embedding, weights.tags))
    return g.encode()


def head_graph(weights: MusicnnWeights) -> bytes:
    """Encode the part from the embedding to the tags."""
    g = GraphDef()
    embedding = g.placeholder("model/Placeholder", (-1, weights.tags.kernel.shape[0]))
    g.unary("model/Sigmoid", "Sigmoid", _tags(g, embedding, weights.tags))
    return g.encode()


def _front(g: GraphDef, name: str, x: str, conv: FrontConv) -> str:
    """Convolution, ReLU, batch normalisation and the maximum over the bands."""
    frames, bands, _ = conv.kernel.shape
    if bands > 1:  # timbral: zeros around time, none around frequency
        padded = g.pad_frames(f"{name}/padded", x, frames // 2)
        y = g.convolution(f"{name}/conv", padded, conv.kernel[:, :, None, :], padding="VALID")
    else:
        y = g.convolution(f"{name}/conv", x, conv.kernel[:, :, None, :], padding="SAME")
    return g.reduce(f"{name}/max", "Max", _activated(g, name, y, conv), 2, keep=True)


def _middle(g: GraphDef, name: str, x: str, conv: MidConv) -> str:
    padded = g.pad_frames(f"{name}/padded", x, conv.kernel.shape[0] // 2)
    y = g.convolution(f"{name}/conv", padded, conv.kernel[:, None, :, :], padding="VALID")
    return _activated(g, name, y, conv)


def _residual(g: GraphDef, name: str, x: str, conv: MidConv) -> str:
    return g.add(f"{name}/sum", "Add", x, _middle(g, name, x, conv), T=Attr.type(_DT_FLOAT))


def _activated(g: GraphDef, name: str, x: str, conv: FrontConv | MidConv) -> str:
    biased = g.binary(f"{name}/bias", "BiasAdd", x, conv.bias)
    rectified = g.unary(f"{name}/relu", "Relu", biased)
    scaled = g.binary(f"{name}/scale", "Mul", rectified, conv.scale)
    return g.binary(f"{name}/shift", "Add", scaled, conv.shift)


def _column(g: GraphDef, name: str, x: str) -> str:
    """(n, 1, 1, channels) -> (n, channels, 1): side by side, maximum and mean of a channel interleave."""
    return g.reshape(name, x, (-1, 753, 1))


def _tags(g: GraphDef, embedding: str, tags: Dense) -> str:
    return g.dense("model/dense_1", g.unary("model/Relu", "Relu", embedding), tags)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wheel", type=Path, help="a downloaded wheel of musicnn; default: fetch it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        wheel = arguments.wheel or download_wheel(Path(scratch))
        checkpoint = read_checkpoint(f"{unpack_checkpoint(wheel, Path(scratch))}/")
    weights = MusicnnWeights.from_checkpoint(checkpoint)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, graph in (("musicnn.pb", musicnn_graph(weights)), ("musicnn_head.pb", head_graph(weights))):
        (arguments.folder / name).write_bytes(graph)
        print(f"{arguments.folder / name}: {len(graph)} bytes")


if __name__ == "__main__":
    main()
