"""Look into a frozen TensorFlow graph (.pb) without TensorFlow: which nodes does it have?

A graph is a protocol buffer: field 1 of ``GraphDef`` repeats ``NodeDef``, whose fields 1 and 2 are the name
and the operation. That is all that is read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audiomuse.errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NODE = 1
_NODE_NAME, _NODE_OPERATION = 1, 2

_HEAD_OUTPUTS = ("PartitionedCall", "model/Sigmoid", "model/Softmax")
"""What the heads published for Essentia call their output."""


def read_nodes(path: Path) -> dict[str, str]:
    """Read the nodes of a frozen graph.

    Parameters
    ----------
    path : Path
        A ``.pb`` file.

    Returns
    -------
    dict
        Operation by node name, in the order of the file.

    Raises
    ------
    ModelError
        If the file cannot be read or is no frozen graph.
    """
    try:
        graph = path.read_bytes()
    except OSError as e:
        raise ModelError(f"the model {path} cannot be read: {e.strerror}") from e
    try:
        nodes = dict(_name_and_operation(node) for field, node in _fields(graph) if field == _NODE)
    except (IndexError, KeyError, ValueError) as e:
        raise ModelError(f"{path} is not a frozen TensorFlow graph") from e
    if not nodes:
        raise ModelError(f"{path} is not a frozen TensorFlow graph: it has no nodes")
    return nodes


def head_ends(path: Path) -> tuple[str, str]:
    """Find where values go into and come out of a head over the embedding.

    Returns
    -------
    input, output : str
        Names of nodes: the only placeholder, and the node that the published heads call their output or
        else the only sigmoid or softmax.

    Raises
    ------
    ModelError
        If the file is no frozen graph, or it is not clear which nodes these are.
    """
    nodes = read_nodes(path)
    inputs = [name for name, operation in nodes.items() if operation == "Placeholder"]
    named = [name for name in _HEAD_OUTPUTS if name in nodes]
    outputs = named or [name for name, operation in nodes.items() if operation in ("Sigmoid", "Softmax")]
    if len(inputs) != 1 or not outputs or (len(outputs) > 1 and not named):
        raise ModelError(
            f"{path} should have one placeholder and one sigmoid or softmax output, "
            f"it has inputs {inputs} and outputs {outputs}"
        )
    return inputs[0], outputs[0]


def _name_and_operation(node: bytes) -> tuple[str, str]:
    parts = {field: value for field, value in _fields(node) if field in (_NODE_NAME, _NODE_OPERATION)}
    return parts[_NODE_NAME].decode(), parts[_NODE_OPERATION].decode()


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number, content) of the fields of a message; numbers have no content here.

    Raises
    ------
    ValueError, IndexError
        If the bytes are no message.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
            yield number, b""
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no such wire type: {kind}")
        if at + size > len(message):
            raise ValueError("a field is longer than its message")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")
