"""Read the float tensors of a TensorFlow checkpoint without TensorFlow.

A checkpoint in the "tensor bundle" format is two files: ``.index`` is a sorted string table (the format
of LevelDB, uncompressed) that maps each tensor's name to a protocol-buffer entry with its type, shape and
place, and ``.data-00000-of-00001`` is the plain concatenation of the tensors.

References
----------
.. [1] LevelDB, "Table format", https://github.com/google/leveldb/blob/main/doc/table_format.md
.. [2] TensorFlow, ``tensorflow/core/protobuf/tensor_bundle.proto``
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_NO_COMPRESSION = 0
_DT_FLOAT = 1

# Field numbers of BundleEntryProto and TensorShapeProto.
_ENTRY_DTYPE, _ENTRY_SHAPE, _ENTRY_SHARD, _ENTRY_OFFSET, _ENTRY_SIZE = 1, 2, 3, 4, 5
_SHAPE_DIM, _DIM_SIZE = 2, 1


def read_checkpoint(prefix: str | Path) -> Mapping[str, NDArray[np.float32]]:
    """Read every float32 tensor of a single-shard checkpoint.

    Parameters
    ----------
    prefix : path
        What TensorFlow calls the checkpoint's path: the files are `prefix` + ``".index"`` and
        `prefix` + ``".data-00000-of-00001"``. A folder with a trailing slash is a valid prefix.

    Returns
    -------
    mapping from tensor name to ndarray
        Tensors of other types (step counters) are left out.

    Raises
    ------
    ValueError
        If the files are not such a checkpoint.
    """
    index = Path(f"{prefix}.index").read_bytes()
    data = Path(f"{prefix}.data-00000-of-00001").read_bytes()
    tensors = {}
    for name, entry in _table_entries(index):
        if not name:  # the header of the bundle, not a tensor
            continue
        fields = dict(_protobuf_fields(entry))
        if fields.get(_ENTRY_DTYPE) != _DT_FLOAT:
            continue
        if fields.get(_ENTRY_SHARD, 0) != 0:
            raise ValueError(f"tensor {name.decode()!r} lies in another shard: only one is supported")
        offset, size = fields.get(_ENTRY_OFFSET, 0), fields[_ENTRY_SIZE]
        values = np.frombuffer(data[offset : offset + size], dtype="<f4")
        tensors[name.decode()] = values.reshape(_shape(fields.get(_ENTRY_SHAPE, b"")))
    return tensors


def _table_entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of a sorted string table in key order."""
    footer = table[-_FOOTER_BYTES:]
    if len(footer) < _FOOTER_BYTES or struct.unpack("<Q", footer[-8:])[0] != _TABLE_MAGIC:
        raise ValueError("the .index file does not end like a sorted string table")
    at = 0
    for _ in range(2):  # the meta index is passed over, the index is kept
        offset, at = _varint(footer, at)
        size, at = _varint(footer, at)
    for _, handle in _block_entries(table, offset, size):
        block_offset, at = _varint(handle, 0)
        block_size, _ = _varint(handle, at)
        yield from _block_entries(table, block_offset, block_size)


def _block_entries(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of one block; each key shares a prefix with the key before it."""
    if table[offset + size] != _NO_COMPRESSION:
        raise ValueError("compressed checkpoint index: not supported")
    block = table[offset : offset + size]
    (n_restarts,) = struct.unpack("<I", block[-4:])
    end = size - 4 * (n_restarts + 1)
    at, key = 0, b""
    while at < end:
        n_shared, at = _varint(block, at)
        n_new, at = _varint(block, at)
        n_value, at = _varint(block, at)
        key = key[:n_shared] + block[at : at + n_new]
        at += n_new
        yield key, block[at : at + n_value]
        at += n_value


def _shape(message: bytes) -> tuple[int, ...]:
    dims = (value for number, value in _protobuf_fields(message) if number == _SHAPE_DIM)
    return tuple(dict(_protobuf_fields(dim)).get(_DIM_SIZE, 0) for dim in dims)


def _protobuf_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of a protocol-buffer message, nested messages as bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        value: int | bytes
        if wire_type == 0:
            value, at = _varint(message, at)
        elif wire_type == 2:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif wire_type == 5:
            value, at = struct.unpack_from("<I", message, at)[0], at + 4
        else:
            raise ValueError(f"unexpected wire type {wire_type} in the checkpoint index")
        yield number, value


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Decode a little-endian base-128 integer; return it and where it ends."""
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
