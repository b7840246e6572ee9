"""Convert a TempoCNN network from the Keras file of the PyPI package ``tempocnn`` to ONNX.

The networks are H. Schreiber's and M. Müller's ("Musical tempo and key estimation using convolutional
neural networks with directional filters", SMC 2019), AGPL-3.0. TensorFlow is not needed: the Keras file
is a list of layers and a tree of arrays, and both are read with h5py.

    pip download --no-deps tempocnn==0.0.8 && unzip -d tempocnn tempocnn-*.whl
    pip install h5py onnx onnxruntime
    python tools/convert_tempocnn.py tempocnn/tempocnn/models/deepsquare_k4.h5 \
        src/audiomuse/inference/weights/tempocnn_deepsquare_k4.onnx

The converted file is compared with a plain numpy reading of the same layers before it is written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
TOLERANCE = 1e-5
"""Largest difference of a probability between the ONNX file and the numpy reading."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One Keras layer: its class, its configuration and its arrays by short name."""

    kind: str
    config: dict[str, Any]
    arrays: dict[str, Array]

    @property
    def name(self) -> str:
        return str(self.config["name"])


def read_layers(path: Path) -> list[Layer]:
    """Read the layers of a Keras file in order; the network must be a plain chain."""
    with h5py.File(path) as file:
        described = json.loads(file.attrs["model_config"])["config"]["layers"]
        weights = file["model_weights"]
        return [Layer(d["class_name"], d["config"], _arrays(weights, d["config"]["name"])) for d in described]


def _arrays(weights: h5py.Group, layer: str) -> dict[str, Array]:
    if layer not in weights or layer not in weights[layer]:
        return {}
    return {
        name.split(":")[0]: np.asarray(values, np.float32) for name, values in weights[layer][layer].items()
    }


# --- ONNX ------------------------------------------------------------------------------------------


class GraphBuilder:
    """Appends ONNX nodes to a chain; `tail` is the name of the latest tensor, in (N, C, H, W)."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.tail = "melspectrogram"

    def append(self, op: str, *constants: tuple[str, NDArray[Any]], output: str, **attributes: Any) -> None:
        for name, values in constants:
            self.constants.append(numpy_helper.from_array(values, name))
        names = [name for name, _ in constants]
        self.nodes.append(helper.make_node(op, [self.tail, *names], [output], **attributes))
        self.tail = output

    def layer(self, layer: Layer) -> None:
        """Append one Keras layer; an unknown kind or option is refused."""
        match layer.kind:
            case "InputLayer":
                self.append("Unsqueeze", ("channel_axis", np.array([1], np.int64)), output="with_channel")
            case "Conv2D":
                self._convolution(layer)
            case "BatchNormalization":
                a = layer.arrays
                parameters = [
                    (f"{layer.name}/{part}", a[part])
                    for part in ("gamma", "beta", "moving_mean", "moving_variance")
                ]
                self.append(
                    "BatchNormalization", *parameters, output=layer.name, epsilon=layer.config["epsilon"]
                )
            case "MaxPooling2D":
                pool = layer.config["pool_size"]
                assert layer.config["padding"] == "valid"
                assert layer.config["strides"] == pool
                self.append("MaxPool", output=layer.name, kernel_shape=pool, strides=pool)
            case "GlobalAveragePooling2D":
                axes = np.array([2, 3], np.int64)
                self.append("ReduceMean", output=layer.name, axes=axes.tolist(), keepdims=0)
            case "Activation":
                assert layer.config["activation"] == "softmax"
                self.append("Softmax", output="probabilities", axis=1)
            case "Dropout":
                pass  # does nothing once training is over
            case _:
                raise SystemExit(f"layer {layer.name}: {layer.kind} is not known to this converter")

    def _convolution(self, layer: Layer) -> None:
        assert layer.config["padding"] == "same"
        assert layer.config["strides"] == [1, 1]
        assert layer.config["activation"] == "relu"
        kernel = np.ascontiguousarray(layer.arrays["kernel"].transpose(3, 2, 0, 1))  # HWIO -> OIHW
        height, width = kernel.shape[2:]
        pads = [height // 2, width // 2, height // 2, width // 2]
        parameters = ((f"{layer.name}/kernel", kernel), (f"{layer.name}/bias", layer.arrays["bias"]))
        self.append("Conv", *parameters, output=f"{layer.name}/sum", kernel_shape=[height, width], pads=pads)
        self.append("Relu", output=layer.name)


def to_onnx(layers: list[Layer], source: str) -> onnx.ModelProto:
    """Build the ONNX model: ``melspectrogram`` (n, 40, frames) -> ``probabilities`` (n, 256)."""
    builder = GraphBuilder()
    for layer in layers:
        builder.layer(layer)
    graph = helper.make_graph(
        builder.nodes,
        "tempocnn",
        [helper.make_tensor_value_info("melspectrogram", TensorProto.FLOAT, ["n", 40, "frames"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 256])],
        builder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    model.producer_name = "convert_tempocnn"
    model.doc_string = f"TempoCNN by H. Schreiber and M. Müller, AGPL-3.0; converted from {source}"
    onnx.checker.check_model(model)
    return model


# --- numpy, the reading to compare with --------------------------------------------------------------


def run_numpy(layers: list[Layer], x: Array) -> Array:
    """Run the layers on `x`, shape (n, 40, frames), by the definitions of the Keras manual."""
    y = x[..., None].astype(np.float64)
    for layer in layers:
        a, c = layer.arrays, layer.config
        match layer.kind:
            case "Conv2D":
                y = np.maximum(_same_convolution(y, a["kernel"].astype(np.float64)) + a["bias"], 0)
            case "BatchNormalization":
                spread = np.sqrt(a["moving_variance"].astype(np.float64) + c["epsilon"])
                y = (y - a["moving_mean"]) / spread * a["gamma"] + a["beta"]
            case "MaxPooling2D":
                h, w = c["pool_size"]
                n, rows, columns, channels = y.shape
                y = y[:, : rows // h * h, : columns // w * w]
                y = y.reshape(n, rows // h, h, columns // w, w, channels).max(axis=(2, 4))
            case "GlobalAveragePooling2D":
                y = y.mean(axis=(1, 2))
            case "Activation":
                y = np.exp(y - y.max(axis=1, keepdims=True))
                y /= y.sum(axis=1, keepdims=True)
    return y.astype(np.float32)


def _same_convolution(y: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = kernel.shape[:2]
    padded = np.pad(y, ((0, 0), (height // 2,) * 2, (width // 2,) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    return np.einsum("nijchw,hwco->nijo", windows, kernel, optimize=True)


def largest_difference(model: onnx.ModelProto, layers: list[Layer]) -> float:
    """Largest difference of a probability between both readings, on random and on pulsed input."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 40, 256)).astype(np.float32)
    x[2:, :, ::10] += 4.0
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"melspectrogram": x})
    return float(np.abs(found - run_numpy(layers, x)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("keras_file", type=Path)
    parser.add_argument("onnx_file", type=Path)
    arguments = parser.parse_args()
    layers = read_layers(arguments.keras_file)
    model = to_onnx(layers, arguments.keras_file.name)
    difference = largest_difference(model, layers)
    if difference > TOLERANCE:
        raise SystemExit(f"the converted network differs by {difference:.2g} from the original: not written")
    data = model.SerializeToString()
    arguments.onnx_file.write_bytes(data)
    print(f"{arguments.onnx_file}: {len(data)} bytes, largest difference {difference:.1e}")
    print(f"sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
