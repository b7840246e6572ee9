"""The conversion of MusiCNN, on checkpoints that are made here: the real one is 29 MB and comes from PyPI."""

import struct
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

TOOLS = Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

pytest.importorskip("onnx", reason="needed by the tool only: python -m pip install onnx")
from convert_musicnn import largest_differences, random_patches, unpack_checkpoint  # noqa: E402
from musicnn_graph import MusicnnWeights, full_graph, pruned_graph  # noqa: E402
from tf_checkpoint import read_checkpoint  # noqa: E402

FRONT = [(7, 38, 204), (7, 67, 204), (128, 1, 51), (64, 1, 51), (32, 1, 51)]
MID = [(7, 561, 64), (7, 64, 64), (7, 64, 64)]


def made_tensors(live, seed=0):
    """A random network of MusiCNN's shape; only `live` filters of each front-end layer have a kernel."""
    rng = np.random.default_rng(seed)
    tensors = {}

    def norm(number, size):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        tensors[f"{name}/gamma"] = rng.normal(0.5, 0.6, size)
        tensors[f"{name}/beta"] = rng.normal(0, 0.3, size)
        tensors[f"{name}/moving_mean"] = rng.normal(0.3, 0.2, size)
        tensors[f"{name}/moving_variance"] = rng.uniform(0.2, 1.0, size)

    def layer(name, shape, scale):
        tensors[f"{name}/kernel"] = rng.normal(0, scale, shape)
        tensors[f"{name}/bias"] = rng.normal(0.2, 0.3, shape[-1])

    norm(0, 1)
    for number, (height, width, size) in enumerate(FRONT + MID):
        name = f"conv2d_{number}" if number else "conv2d"
        shape = (height, width, 1, size)
        layer(name, shape, 1 / np.sqrt(height * width))
        norm(number + 1, size)
        if number < len(FRONT):
            dead = rng.permutation(size)[live:]
            tensors[f"{name}/kernel"][..., dead] = 0.0
    norm(9, 1506)
    layer("dense", (1506, 200), 0.02)
    norm(10, 200)
    layer("dense_1", (200, 50), 0.05)
    return {name: values.astype(np.float32) for name, values in tensors.items()}


@pytest.mark.parametrize("live", [3, 11])
def test_leaving_out_dead_filters_changes_nothing(live):
    weights = MusicnnWeights.from_checkpoint(made_tensors(live))
    full, pruned = full_graph(weights), pruned_graph(weights)
    embedding_error, tag_error = largest_differences(full, pruned, random_patches(6))
    assert embedding_error < 1e-3, "values span hundreds here"
    assert tag_error < 1e-4
    assert pruned.ByteSize() < 0.6 * full.ByteSize()


def test_the_graph_computes_the_published_formulas():
    tensors = made_tensors(live=2, seed=4)
    patches = random_patches(2)
    model = full_graph(MusicnnWeights.from_checkpoint(tensors))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    embedding, tags = session.run(["embedding", "tags"], {"patches": patches})
    for i, patch in enumerate(patches):
        expected_embedding, expected_tags = by_hand(tensors, patch)
        np.testing.assert_allclose(embedding[i], expected_embedding, atol=2e-3)
        np.testing.assert_allclose(tags[i], expected_tags, atol=1e-4)


def by_hand(tensors, patch):
    """The network in plain NumPy, one window at a time."""
    t = {name: values.astype(np.float64) for name, values in tensors.items()}

    def norm(x, number):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        spread = np.sqrt(t[f"{name}/moving_variance"] + 1e-3)
        return t[f"{name}/gamma"] * (x - t[f"{name}/moving_mean"]) / spread + t[f"{name}/beta"]

    def convolve(x, number):
        name = f"conv2d_{number}" if number else "conv2d"
        kernel = t[f"{name}/kernel"][:, :, 0, :]
        taps, width, _ = kernel.shape
        padded = np.pad(x, (((taps - 1) // 2, taps // 2), (0, 0)))
        found = np.lib.stride_tricks.sliding_window_view(padded, (taps, width))
        found = np.einsum("tfab,abc->tfc", found, kernel, optimize=True) + t[f"{name}/bias"]
        return norm(np.maximum(found, 0), number + 1)

    x = norm(patch.astype(np.float64), 0)
    front = np.concatenate([convolve(x, number).max(axis=1) for number in range(5)], axis=1)
    first = convolve(front, 5)[:, 0]
    second = convolve(first, 6)[:, 0] + first
    third = convolve(second, 7)[:, 0] + second
    channels = np.concatenate([front, first, second, third], axis=1)
    pooled = np.stack([channels.max(axis=0), channels.mean(axis=0)], axis=1).reshape(-1)
    embedding = norm(pooled, 9) @ t["dense/kernel"] + t["dense/bias"]
    logits = norm(np.maximum(embedding, 0), 10) @ t["dense_1/kernel"] + t["dense_1/bias"]
    return embedding, 1 / (1 + np.exp(-logits))


def write_checkpoint(folder, tensors):
    """A tensor bundle of one shard, with keys compressed by their common prefixes."""

    def varint(value):
        return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)

    def field(number, payload):
        return varint(number << 3 | 2) + varint(len(payload)) + payload

    data, entries, previous = b"", [(b"", b"\x08\x01")], b""
    for name in sorted(tensors):
        values = tensors[name]
        shape = b"".join(field(2, b"\x08" + varint(size)) for size in values.shape)
        entry = b"\x08\x01" + field(2, shape) + b"\x20" + varint(len(data)) + b"\x28" + varint(values.nbytes)
        entries.append((name.encode(), entry))
        data += values.tobytes()
    block = b""
    for key, value in entries:
        shared = len(key) - len(key.removeprefix(previous)) if previous and key.startswith(previous) else 0
        block += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        previous = key
    block += struct.pack("<II", 0, 1)
    handle = varint(0) + varint(len(block))
    index = varint(0) + varint(1) + varint(len(handle)) + b"z" + handle + struct.pack("<II", 0, 1)
    index_at = len(block) + 5
    footer = (varint(0) + varint(0) + varint(index_at) + varint(len(index))).ljust(40, b"\0")
    table = block + b"\0" * 5 + index + b"\0" * 5 + footer + struct.pack("<Q", 0xDB4775248B80FB57)
    (folder / "model.index").write_bytes(table)
    (folder / "model.data-00000-of-00001").write_bytes(data)
    return folder / "model"


def test_a_checkpoint_is_read_without_tensorflow(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {
        "conv/kernel": rng.random((7, 3, 2)).astype(np.float32),
        "conv/kernel_2": rng.random((300,)).astype(np.float32),
        "dense/bias": np.float32([1.5]),
    }
    found = read_checkpoint(write_checkpoint(tmp_path, tensors))
    assert set(found) == set(tensors)
    for name, values in tensors.items():
        np.testing.assert_array_equal(found[name], values)


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "model.index").write_bytes(b"x" * 100)
    (tmp_path / "model.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(ValueError, match="sorted string table"):
        read_checkpoint(tmp_path / "model")


def test_another_wheel_is_refused(tmp_path):
    wheel = tmp_path / "musicnn-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"PK")
    with pytest.raises(ValueError, match="expected f38a4890"):
        unpack_checkpoint(wheel, tmp_path)
