"""A mood model of the user's own: any labels, trained on MusiCNN's 200-d embedding.

The model is an ``.onnx`` file, or a frozen TensorFlow graph (``.pb``) such as the heads published for
Essentia. Its labels lie beside it under the same name: ``moods.onnx`` goes with ``moods.json`` (a list of
names, or an object with such a list under ``"classes"`` or ``"labels"``) or ``moods.txt`` (a name a line).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audiomuse.errors import ModelError
from audiomuse.inference.essentia_chain import require_essentia
from audiomuse.inference.graphdef import head_ends
from audiomuse.inference.models import MoodHead
from audiomuse.inference.session import OnnxModel
from audiomuse.model import EMBEDDING_SIZE, Float32


def load_mood_head(path: Path) -> MoodHead:
    """Load a mood model and its labels.

    Parameters
    ----------
    path : Path
        An ``.onnx`` file with one input (n, 200) whose first output is (n, n_labels); or a ``.pb`` file with
        one placeholder and a sigmoid or softmax, which needs Essentia to run.

    Returns
    -------
    MoodHead
        Works with both backends: its input is the embedding of each patch, its answer the mean over patches.

    Raises
    ------
    ModelError
        If model or labels are missing or damaged, the shapes do not fit, or a ``.pb`` file is given where
        Essentia is not installed; the message says how to convert it.
    """
    if not path.is_file():
        raise ModelError(f"the mood model {path} does not exist")
    match path.suffix.lower():
        case ".onnx":
            return OnnxMoodHead(path, read_labels(path))
        case ".pb":
            return TensorflowMoodHead(path, read_labels(path))
        case other:
            raise ModelError(f"the mood model {path} should end in .onnx or .pb, not in {other or 'nothing'}")


def read_labels(model_path: Path) -> tuple[str, ...]:
    """Read the names of the moods from the file beside the model.

    Raises
    ------
    ModelError
        If there is no such file, or it holds no list of different names.
    """
    as_json, as_text = model_path.with_suffix(".json"), model_path.with_suffix(".txt")
    if as_json.is_file():
        labels = _labels_from_json(as_json)
    elif as_text.is_file():
        labels = [line.strip() for line in as_text.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        raise ModelError(f"{model_path} needs its labels beside it, in {as_json.name} or {as_text.name}")
    if not labels or not all(isinstance(label, str) and label for label in labels):
        raise ModelError(f"the labels of {model_path} are not a list of names")
    if len(set(labels)) < len(labels):
        raise ModelError(f"the labels of {model_path} name a mood twice")
    return tuple(labels)


def _labels_from_json(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise ModelError(f"{path} is not JSON: {e}") from e
    if isinstance(content, dict):
        content = content.get("classes", content.get("labels"))
    return content if isinstance(content, list) else []


class OnnxMoodHead:
    """A mood model in ONNX. See `load_mood_head`."""

    def __init__(self, path: Path, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._input, output = _onnx_ends(path)
        self.session = OnnxModel(
            path,
            inputs={self._input: (None, EMBEDDING_SIZE)},
            outputs={output: (None, len(labels))},
        )
        self.session.load()

    def moods(self, embeddings: Float32) -> Mapping[str, float]:
        """Turn the embeddings (n, 200) of a track's patches into one value for each label."""
        (values,) = self.session.run(**{self._input: embeddings})
        return _labelled(self.labels, values)


class TensorflowMoodHead:
    """A mood model as a frozen TensorFlow graph, run by Essentia. See `load_mood_head`."""

    def __init__(self, path: Path, labels: tuple[str, ...]) -> None:
        self.labels = labels
        head_input, head_output = head_ends(path)
        try:
            essentia = require_essentia()
        except ModelError as e:
            raise ModelError(
                f"the mood model {path.name} is a TensorFlow graph, which Essentia runs. Install it: "
                "pip install 'audiomuse[essentia]', or convert the model once: pip install tf2onnx "
                f"tensorflow && python -m tf2onnx.convert --graphdef {path.name} --inputs {head_input}:0 "
                f"--outputs {head_output}:0 --output {path.with_suffix('.onnx').name}"
            ) from e
        try:
            self._head = essentia.TensorflowPredict2D(
                graphFilename=str(path), input=head_input, output=head_output
            )
        except RuntimeError as e:
            raise ModelError(f"Essentia cannot load the mood model {path}: {e}") from e
        self.moods(np.zeros((1, EMBEDDING_SIZE), np.float32))  # a wrong shape stops the start, not a song

    def moods(self, embeddings: Float32) -> Mapping[str, float]:
        """Turn the embeddings (n, 200) of a track's patches into one value for each label."""
        return _labelled(self.labels, np.asarray(self._head(embeddings), np.float32))


def _onnx_ends(path: Path) -> tuple[str, str]:
    """Return the names of the only input and of the first output."""
    import onnxruntime  # when a model is opened, as in `session`

    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    except Exception as e:  # the runtime's own exceptions share no base class
        raise ModelError(f"{path} is not a usable ONNX model: {e}") from e
    inputs = [value.name for value in session.get_inputs()]
    if len(inputs) != 1:
        raise ModelError(f"the mood model {path} should have one input, it has {inputs}")
    return inputs[0], session.get_outputs()[0].name


def _labelled(labels: tuple[str, ...], values: Float32) -> Mapping[str, float]:
    if values.ndim != 2 or values.shape[1] != len(labels):
        raise ModelError(f"the mood model gives {values.shape[-1]} values for its {len(labels)} labels")
    return dict(zip(labels, values.mean(axis=0, dtype=np.float64).tolist(), strict=True))
