"""MusiCNN as ONNX graphs: once as published, once without its dead filters.

The published network [1]_ hears a patch of 187 mel frames by 96 bands. Five front-end convolutions look for
timbre (kernels tall in frequency) and for rhythm (kernels long in time); each output is taken at its maximum
over frequency. Three "mid-end" convolutions over time follow, joined by residual sums. Everything found so
far is pooled over time by maximum and mean, and two dense layers make 200 units and 50 tags of it.

Of the 561 front-end kernels in the MSD checkpoint 497 are zero. A channel with a zero kernel is a constant,
and the constant can be folded into the biases of the layers that read it (near the ends of a patch, where
zero padding replaces the constant, the bias depends on time). `pruned_graph` does that in double precision
and computes the filters that are left with fewer, wider convolutions; `full_graph` is the plain transcript
that it is compared with.

References
----------
.. [1] J. Pons and X. Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging",
   Late-breaking/demo session of ISMIR, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float64]

N_FRAMES, N_BANDS = 187, 96
OPSET, IR_VERSION = 17, 8
_BATCH_NORM_EPSILON = 1e-3
_DEAD_KERNEL_NORM = 1e-4
"""Kernels are either far smaller than this (below 2e-6) or far larger (above 5e-3)."""
_MID_PAD = 3  # frames of zero padding on both sides of the seven-frame kernels


@dataclass(frozen=True)
class FrontConv:
    """One front-end convolution: kernel, ReLU, batch normalisation, maximum over frequency."""

    kernel: Array
    """Shape (frames, bands, filters)."""
    bias: Array
    """Shape (filters,), as the two that follow."""
    scale: Array
    shift: Array

    @property
    def live(self) -> NDArray[np.bool_]:
        """Which filters have a kernel at all."""
        norms: Array = np.sqrt((self.kernel**2).sum(axis=(0, 1)))
        return norms > _DEAD_KERNEL_NORM

    @property
    def dead_value(self) -> Array:
        """What each filter says when its kernel is zero."""
        value: Array = self.scale * np.maximum(self.bias, 0.0) + self.shift
        return value

    def only_live(self) -> FrontConv:
        keep = self.live
        return FrontConv(self.kernel[:, :, keep], self.bias[keep], self.scale[keep], self.shift[keep])


@dataclass(frozen=True)
class MidConv:
    """One mid-end convolution over time: kernel, ReLU, batch normalisation."""

    kernel: Array
    """Shape (7 frames, input channels, filters)."""
    bias: Array
    scale: Array
    shift: Array


@dataclass(frozen=True)
class Dense:
    """A dense layer, its input normalisation folded in."""

    kernel: Array
    """Shape (inputs, units)."""
    bias: Array


@dataclass(frozen=True)
class MusicnnWeights:
    """The parameters of the network in double precision, batch normalisation as scale and shift."""

    input_scale: float
    input_shift: float
    front: tuple[FrontConv, ...]
    mid: tuple[MidConv, ...]
    embedding: Dense
    """Reads (maximum, mean) of each channel, interleaved."""
    tags: Dense
    """Reads the embedding after its ReLU."""

    @classmethod
    def from_checkpoint(cls, tensors: Mapping[str, NDArray[np.float32]]) -> MusicnnWeights:
        """Collect the parameters from the tensors of the checkpoint, by their TensorFlow names."""

        def tensor(name: str) -> Array:
            return tensors[name].astype(np.float64)

        def numbered(name: str, number: int) -> str:
            return f"{name}_{number}" if number else name

        def conv(number: int) -> tuple[Array, Array]:
            name = numbered("conv2d", number)
            return tensor(f"{name}/kernel"), tensor(f"{name}/bias")

        def norm(number: int) -> tuple[Array, Array]:
            name = numbered("batch_normalization", number)
            scale = tensor(f"{name}/gamma") / np.sqrt(tensor(f"{name}/moving_variance") + _BATCH_NORM_EPSILON)
            return scale, tensor(f"{name}/beta") - scale * tensor(f"{name}/moving_mean")

        def normalised_dense(kernel: Array, bias: Array, scale: Array, shift: Array) -> Dense:
            return Dense(kernel * scale[:, None], bias + shift @ kernel)

        input_scale, input_shift = norm(0)
        front = tuple(
            FrontConv(kernel[:, :, 0, :], bias, *norm(i + 1)) for i in range(5) for kernel, bias in [conv(i)]
        )
        mid = tuple(
            MidConv(kernel[:, :, 0, :], bias, *norm(i + 1)) for i in range(5, 8) for kernel, bias in [conv(i)]
        )
        return cls(
            input_scale=float(input_scale[0]),
            input_shift=float(input_shift[0]),
            front=front,
            mid=mid,
            embedding=normalised_dense(tensor("dense/kernel"), tensor("dense/bias"), *norm(9)),
            tags=normalised_dense(tensor("dense_1/kernel"), tensor("dense_1/bias"), *norm(10)),
        )


# --- the two graphs ------------------------------------------------------------------------------


def full_graph(weights: MusicnnWeights) -> onnx.ModelProto:
    """Transcribe the published network, every filter included.

    Inputs and outputs are those of `pruned_graph`.
    """
    g = _Graph()
    g.normalise_input(weights)
    branches = [g.front_branch(f"front{i}", conv) for i, conv in enumerate(weights.front)]
    front = g.node("Concat", *branches, axis=1)
    layers = g.mid_end(front, weights.mid)
    pooled = g.pool_interleaved(g.node("Concat", front, *layers, axis=1))
    g.heads(pooled, weights.embedding, weights.tags)
    return g.model("musicnn-msd-full")


def pruned_graph(weights: MusicnnWeights) -> onnx.ModelProto:
    """Build the network without its dead front-end filters; the outputs are the same.

    Returns
    -------
    onnx.ModelProto
        Input ``patches`` (N, 187, 96), log-mel frames. Outputs ``embedding`` (N, 200), the first dense layer
        before its ReLU, and ``tags`` (N, 50), probabilities.
    """
    live = np.concatenate([conv.live for conv in weights.front])
    dead_values = np.concatenate([conv.dead_value for conv in weights.front])[~live]
    first_mid = replace(weights.mid[0], kernel=weights.mid[0].kernel[:, live, :])
    dead_bias = _bias_of_constants(weights.mid[0].kernel[:, ~live, :], dead_values)

    g = _Graph()
    g.normalise_input(weights)
    branches = [
        g.blocked_timbral_branch("timbral0", weights.front[0].only_live(), block=2),
        g.blocked_timbral_branch("timbral1", weights.front[1].only_live(), block=3),
        *(
            g.blocked_temporal_branch(f"temporal{i}", conv.only_live(), block=block)
            for i, (conv, block) in enumerate(zip(weights.front[2:], (16, 9, 5), strict=True))
        ),
    ]
    front = g.node("Concat", *branches, axis=1)
    layers = g.mid_end(front, (first_mid, *weights.mid[1:]), first_bias=dead_bias)
    pooled = g.pool_separately(g.node("Concat", front, *layers, axis=1))
    g.heads(pooled, _without_dead_inputs(weights.embedding, live, dead_values), weights.tags)
    return g.model("musicnn-msd-pruned")


def _bias_of_constants(kernel: Array, values: Array) -> Array:
    """Sum what constant input channels add to a zero-padded convolution over time.

    Parameters
    ----------
    kernel : ndarray, shape=(7, n_constants, n_filters)
    values : ndarray, shape=(n_constants,)

    Returns
    -------
    ndarray, shape=(n_filters, N_FRAMES)
        Differs from its middle in the three frames at either end, where part of the kernel reads padding.
    """
    present = np.zeros(N_FRAMES + 2 * _MID_PAD)
    present[_MID_PAD:-_MID_PAD] = 1.0
    per_tap = np.einsum("kcf,c->kf", kernel, values)
    windows = np.lib.stride_tricks.sliding_window_view(present, kernel.shape[0])
    bias: Array = (windows @ per_tap).T
    return bias


def _without_dead_inputs(dense: Dense, live_front: NDArray[np.bool_], dead_values: Array) -> Dense:
    """Drop the inputs that are constant and sort the others as (all maxima, all means).

    A constant is its own maximum and its own mean.
    """
    n_channels = dense.kernel.shape[0] // 2
    live = np.ones(n_channels, dtype=bool)
    live[: live_front.size] = live_front
    by_channel = dense.kernel.reshape(n_channels, 2, -1)
    bias = dense.bias + dead_values @ by_channel[~live].sum(axis=1)
    kernel = by_channel[live].transpose(1, 0, 2).reshape(-1, dense.kernel.shape[1])
    return Dense(kernel, bias)


# --- building blocks -----------------------------------------------------------------------------


class _Graph:
    """Collects nodes and constants; methods return the name of the tensor they make.

    Channels first: (N, channels, frames) after the front end. `_time_major` (N, 1, frames, bands) and
    `_band_major` (N, 1, bands, frames) are the normalised input: a convolution runs best along the axis
    that is last.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []
        self._time_major = ""
        self._band_major = ""

    def constant(self, values: NDArray[np.floating] | NDArray[np.integer]) -> str:
        is_float = np.issubdtype(values.dtype, np.floating)
        name = f"c{len(self._constants)}"
        stored = np.ascontiguousarray(values, dtype=np.float32 if is_float else np.int64)
        self._constants.append(numpy_helper.from_array(stored, name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: object) -> str:
        result = output or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [result], **attributes))
        return result

    def normalise_input(self, weights: MusicnnWeights) -> None:
        scaled = self.node("Mul", "patches", self.constant(np.array(weights.input_scale)))
        normalised = self.node("Add", scaled, self.constant(np.array(weights.input_shift)))
        self._time_major = self.node("Unsqueeze", normalised, self.ints(1))
        self._band_major = self.node("Transpose", self._time_major, perm=[0, 1, 3, 2])

    # --- front end ---

    def front_branch(self, name: str, conv: FrontConv) -> str:
        """One front-end convolution as published; (N, filters, frames)."""
        n_taps, n_bands, _ = conv.kernel.shape
        before, after = _same_padding(n_taps)
        kernel = conv.kernel.transpose(2, 0, 1)[:, None]
        padding = [before, 0, after, 0]
        found = self.node(
            "Conv", self._time_major, self.constant(kernel), self.constant(conv.bias), pads=padding
        )
        found = self._affine(self.node("Relu", found), conv.scale, conv.shift, trailing=2)
        pooled = self.node("MaxPool", found, kernel_shape=[1, N_BANDS - n_bands + 1])
        return self.node("Squeeze", pooled, self.ints(3), output=name)

    def blocked_timbral_branch(self, name: str, conv: FrontConv, *, block: int) -> str:
        """A convolution over frequency, `block` neighbouring positions by one wider kernel.

        The few filters left fill the processor's vectors badly. Copies of each kernel, shifted by 0, 1 ...
        bands, are filters of their own that step by `block` bands: more filters, fewer positions. Which copy
        found the maximum does not matter. Positions that are left over are looked at one by one.
        """
        kernel, sign = _kernel_for_maximum(conv)
        n_positions = N_BANDS - kernel.shape[1] + 1
        n_steps, n_left = divmod(n_positions, block)
        padded = self._padded_in_time(self._band_major, kernel.shape[0], axis=3)
        shifted = _shifted_copies(kernel.transpose(1, 0, 2), block)  # (bands, frames, copies x filters)
        found = self.node("Conv", padded, self.constant(_conv2d_kernel(shifted)), strides=[block, 1])
        found = self.node("MaxPool", found, kernel_shape=[n_steps, 1], strides=[n_steps, 1])
        found = self.node("Reshape", found, self.ints(0, block, -1, N_FRAMES))
        best = self.node("ReduceMax", found, axes=[1], keepdims=0)
        if n_left:
            tail = self._slice(padded, start=n_positions - n_left, stop=N_BANDS, axis=2)
            plain = _conv2d_kernel(kernel.transpose(1, 0, 2))
            rest = self.node("Conv", tail, self.constant(plain))
            best = self.node("Max", best, self.node("ReduceMax", rest, axes=[2], keepdims=0))
        return self._activated(best, conv, sign, name)

    def blocked_temporal_branch(self, name: str, conv: FrontConv, *, block: int) -> str:
        """A convolution over time, `block` neighbouring frames by one longer kernel.

        As `blocked_timbral_branch`, along time: copy b of a filter answers for the frames b, b + block, ...
        """
        kernel, sign = _kernel_for_maximum(conv)
        n_taps, _, n_filters = kernel.shape
        n_steps = -(-N_FRAMES // block)
        overhang = n_steps * block - N_FRAMES
        padded = self._padded_in_time(self._time_major, n_taps, axis=2, overhang=overhang)
        shifted = _shifted_copies(kernel, block)
        found = self.node("Conv", padded, self.constant(_conv2d_kernel(shifted)), strides=[block, 1])
        found = self.node("MaxPool", found, kernel_shape=[1, N_BANDS], strides=[1, N_BANDS])
        found = self.node("Reshape", found, self.ints(0, block, n_filters, n_steps))
        found = self.node("Transpose", found, perm=[0, 2, 3, 1])
        found = self.node("Reshape", found, self.ints(0, n_filters, n_steps * block))
        if overhang:
            found = self._slice(found, start=0, stop=N_FRAMES, axis=2)
        return self._activated(found, conv, sign, name)

    def _activated(self, found: str, conv: FrontConv, sign: Array, name: str) -> str:
        """ReLU and batch normalisation after the maximum over frequency (see `_kernel_for_maximum`)."""
        rectified = self.node("Relu", self._affine(found, sign, conv.bias))
        return self._affine(rectified, conv.scale, conv.shift, output=name)

    def _padded_in_time(self, source: str, n_taps: int, *, axis: int, overhang: int = 0) -> str:
        before, after = _same_padding(n_taps)
        pads = [0] * 8
        pads[axis], pads[4 + axis] = before, after + overhang
        return self.node("Pad", source, self.ints(*pads))

    # --- the rest ---

    def mid_end(self, front: str, convs: Sequence[MidConv], *, first_bias: Array | None = None) -> list[str]:
        """Three convolutions over time with residual sums; each (N, 64, frames).

        `first_bias`, shape (filters, frames), is added to what the first one finds.
        """
        layers: list[str] = []
        source = self.node("Unsqueeze", front, self.ints(2))
        for i, conv in enumerate(convs):
            kernel = self.constant(conv.kernel.transpose(2, 1, 0)[:, :, None, :])
            found = self.node(
                "Conv", source, kernel, self.constant(conv.bias), pads=[0, _MID_PAD, 0, _MID_PAD]
            )
            if i == 0 and first_bias is not None:
                found = self.node("Add", found, self.constant(first_bias[None, :, None, :]))
            found = self._affine(self.node("Relu", found), conv.scale, conv.shift, trailing=2)
            source = self.node("Add", found, source) if i > 0 else found
            layers.append(self.node("Squeeze", source, self.ints(2)))
        return layers

    def pool_interleaved(self, channels: str) -> str:
        """(max, mean, max, mean ...) of each channel over time, as the checkpoint's dense layer reads it."""
        maxima = self.node("ReduceMax", channels, axes=[2], keepdims=1)
        means = self.node("ReduceMean", channels, axes=[2], keepdims=1)
        return self.node("Flatten", self.node("Concat", maxima, means, axis=2), axis=1)

    def pool_separately(self, channels: str) -> str:
        """All maxima over time, then all means."""
        maxima = self.node("ReduceMax", channels, axes=[2], keepdims=0)
        means = self.node("ReduceMean", channels, axes=[2], keepdims=0)
        return self.node("Concat", maxima, means, axis=1)

    def heads(self, pooled: str, embedding: Dense, tags: Dense) -> None:
        units = self._dense(pooled, embedding, output="embedding")
        logits = self._dense(self.node("Relu", units), tags)
        self.node("Sigmoid", logits, output="tags")

    def model(self, name: str) -> onnx.ModelProto:
        """Wrap up as a checked model with a dynamic batch."""

        def value(label: str, *shape: int) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(label, TensorProto.FLOAT, ["N", *shape])

        n_units, n_tags = 200, 50
        graph = helper.make_graph(
            self._nodes,
            name,
            [value("patches", N_FRAMES, N_BANDS)],
            [value("embedding", n_units), value("tags", n_tags)],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="audiomuse tools/convert_musicnn.py",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _dense(self, source: str, dense: Dense, output: str | None = None) -> str:
        kernel, bias = self.constant(dense.kernel), self.constant(dense.bias)
        return self.node("Gemm", source, kernel, bias, output=output)

    def _affine(
        self, source: str, scale: Array, shift: Array, *, trailing: int = 1, output: str | None = None
    ) -> str:
        """Scale and shift each channel, the axis before the `trailing` last ones."""
        shape = (-1, *(1,) * trailing)
        scaled = self.node("Mul", source, self.constant(scale.reshape(shape)))
        return self.node("Add", scaled, self.constant(shift.reshape(shape)), output=output)

    def _slice(self, source: str, *, start: int, stop: int, axis: int) -> str:
        return self.node("Slice", source, self.ints(start), self.ints(stop), self.ints(axis))


def _same_padding(n_taps: int) -> tuple[int, int]:
    """Zeros before and after that keep the number of frames; the odd one goes behind, as in TensorFlow."""
    return (n_taps - 1) // 2, n_taps // 2


def _kernel_for_maximum(conv: FrontConv) -> tuple[Array, Array]:
    """Turn kernels so that their largest answer decides; return them and their signs.

    Batch normalisation follows the ReLU and the maximum over frequency comes last. Both are monotone, so the
    maximum may be taken first; where the scale is negative it is the smallest answer that counts, which is
    the largest one of the negated kernel.
    """
    sign = np.where(conv.scale < 0, -1.0, 1.0)
    return conv.kernel * sign, sign


def _shifted_copies(kernel: Array, block: int) -> Array:
    """Stack copies moved by 0 .. block-1 along the first axis; (taps+block-1, x, block*filters)."""
    n_taps, n_other, n_filters = kernel.shape
    copies = np.zeros((n_taps + block - 1, n_other, block, n_filters))
    for shift in range(block):
        copies[shift : shift + n_taps, :, shift, :] = kernel
    return copies.reshape(n_taps + block - 1, n_other, block * n_filters)


def _conv2d_kernel(kernel: Array) -> Array:
    """(height, width, filters) as ONNX wants it: (filters, 1, height, width)."""
    return kernel.transpose(2, 0, 1)[:, None]
