"""Write MusiCNN as the two frozen TensorFlow graphs that the essentia backend takes, for comparisons.

    python tools/export_musicnn_pb.py FOLDER [--wheel FILE]

FOLDER gets ``musicnn.pb`` (``model/Placeholder`` -> ``model/dense/BiasAdd`` and ``model/Sigmoid``) and
``musicnn_head.pb`` (``model/Placeholder`` -> ``model/Sigmoid``), with the very weights of the ONNX file that
AudioMuse brings (see `convert_musicnn`) and every dead filter included. TensorFlow is not needed: a frozen
graph is a protocol buffer of few fields, and they are written here.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert_musicnn import download_wheel, unpack_checkpoint
from musicnn_graph import N_BANDS, N_FRAMES, Dense, FrontConv, MidConv, MusicnnWeights
from tf_checkpoint import read_checkpoint
from tf_graph import FLOAT, GraphDef

Array = NDArray[np.float64]


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
    embedding = _dense(g, "model/dense", flat, weights.embedding)
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
    return g.add(f"{name}/sum", "Add", x, _middle(g, name, x, conv), T=FLOAT)


def _activated(g: GraphDef, name: str, x: str, conv: FrontConv | MidConv) -> str:
    biased = g.binary(f"{name}/bias", "BiasAdd", x, conv.bias)
    rectified = g.unary(f"{name}/relu", "Relu", biased)
    scaled = g.binary(f"{name}/scale", "Mul", rectified, conv.scale)
    return g.binary(f"{name}/shift", "Add", scaled, conv.shift)


def _column(g: GraphDef, name: str, x: str) -> str:
    """(n, 1, 1, channels) -> (n, channels, 1): side by side, maximum and mean of a channel interleave."""
    return g.reshape(name, x, (-1, 753, 1))


def _tags(g: GraphDef, embedding: str, tags: Dense) -> str:
    return _dense(g, "model/dense_1", g.unary("model/Relu", "Relu", embedding), tags)


def _dense(g: GraphDef, name: str, x: str, layer: Dense) -> str:
    product = g.matmul(f"{name}/MatMul", x, layer.kernel)
    return g.binary(f"{name}/BiasAdd", "BiasAdd", product, layer.bias)


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
