"""One life cycle for all ONNX models: check, load once, run, let go."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audiomuse.errors import ModelError
from audiomuse.model import Float32


class OnnxModel:
    """An ONNX file that is loaded when it is first needed and may be let go in between.

    One instance may be used from several threads; they take turns.

    Parameters
    ----------
    path : Path
        The model file.
    inputs : mapping from str to sequence of (int or None)
        Promised name and shape of each input; None where any size will do.
    outputs : mapping from str to sequence of (int or None)
        The same for each output.
    sha256 : str or None
        Checksum that the file must have; None for a file of the user's own.

    Raises
    ------
    ModelError
        On first use: if the file is missing, damaged, no model, or not of the promised shape.
    """

    def __init__(
        self,
        path: Path,
        *,
        inputs: Mapping[str, Sequence[int | None]],
        outputs: Mapping[str, Sequence[int | None]],
        sha256: str | None = None,
    ) -> None:
        self._path = path
        self._inputs = inputs
        self._outputs = outputs
        self._sha256 = sha256
        self._session: Any = None
        self._lock = threading.RLock()

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory now."""
        return self._session is not None

    def load(self) -> None:
        """Load the model now instead of at its first use. Loading twice does nothing."""
        with self._lock:
            if self._session is None:
                session = _open_session(self._path, self._read())
                _check_shapes(self._path, "input", session.get_inputs(), self._inputs)
                _check_shapes(self._path, "output", session.get_outputs(), self._outputs)
                self._session = session

    def unload(self) -> None:
        """Give the memory back. The next run loads again."""
        with self._lock:
            self._session = None

    def run(self, **inputs: Float32) -> tuple[Float32, ...]:
        """Run the model; return its outputs in the promised order.

        Raises
        ------
        ModelError
            If the model cannot be loaded, or fails on these inputs.
        """
        with self._lock:
            self.load()
            try:
                results = self._session.run(list(self._outputs), inputs)
            except Exception as e:  # the runtime's own exceptions share no base class
                raise ModelError(f"{self._path.name} failed: {e}") from e
        return tuple(np.asarray(result, np.float32) for result in results)

    def _read(self) -> bytes:
        try:
            content = self._path.read_bytes()
        except OSError as e:
            raise ModelError(f"the model {self._path} cannot be read: {e.strerror}") from e
        digest = hashlib.sha256(content).hexdigest()
        if self._sha256 is not None and digest != self._sha256:
            raise ModelError(f"{self._path} is damaged: SHA-256 {digest}, expected {self._sha256}")
        return content


def _open_session(path: Path, content: bytes) -> Any:
    # Imported when a model is opened: the page, which opens none, is 40 MB smaller for it.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one worker is one thread: more workers use more cores better
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as e:  # the runtime's own exceptions share no base class
        raise ModelError(f"{path} is not a usable ONNX model: {e}") from e


def _check_shapes(
    path: Path, what: str, found: Sequence[Any], promised: Mapping[str, Sequence[int | None]]
) -> None:
    shapes = {value.name: value.shape for value in found}
    for name, shape in promised.items():
        if name not in shapes:
            raise ModelError(f"{path} has no {what} {name!r}, only {', '.join(shapes)}")
        actual = shapes[name]
        fits = len(actual) == len(shape) and all(
            want is None or not isinstance(size, int) or size == want
            for size, want in zip(actual, shape, strict=True)
        )
        if not fits:
            raise ModelError(f"{what} {name!r} of {path} has shape {actual}, expected {list(shape)}")
