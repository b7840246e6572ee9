"""TempoCNN: a small network that has learnt how fast people tap along."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import onnxruntime

from audiomuse.audio.tempo_input import N_BANDS, PATCH_FRAMES
from audiomuse.errors import ModelError, SignalError
from audiomuse.model import Float32

_WEIGHTS = "tempocnn_deepsquare_k4.onnx"
_BATCH = 32
"""Patches at a time: more is not faster and only costs memory."""


class TempoCNN:
    """The network ``deepsquare_k4`` of TempoCNN [1]_ on one thread, loaded once and then called.

    Raises
    ------
    ModelError
        If the weights are missing or damaged.

    References
    ----------
    .. [1] H. Schreiber and M. Müller, "Musical tempo and key estimation using convolutional neural networks
       with directional filters", SMC 2019.
    """

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            weights = (files("audiomuse.inference") / "weights" / _WEIGHTS).read_bytes()
            self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        except Exception as e:  # ONNX Runtime raises classes of its own that share no base
            raise ModelError(f"the tempo network {_WEIGHTS} cannot be loaded: {e}") from e

    def __call__(self, patches: Float32) -> Float32:
        """Say how probable each tempo is.

        Parameters
        ----------
        patches : ndarray, shape=(n_patches, 40, 256)
            From `audiomuse.audio.tempo_input.tempo_patches`.

        Returns
        -------
        ndarray, shape=(n_patches, 256)
            Probabilities of 30, 31 .. 285 BPM; each row sums to 1.

        Raises
        ------
        SignalError
            If `patches` has another shape.
        """
        if patches.ndim != 3 or patches.shape[1:] != (N_BANDS, PATCH_FRAMES):
            raise SignalError(f"expected patches (n, {N_BANDS}, {PATCH_FRAMES}), got shape {patches.shape}")
        heard = [
            self._session.run(["probabilities"], {"melspectrogram": patches[start : start + _BATCH]})[0]
            for start in range(0, len(patches), _BATCH)
        ]
        return np.concatenate(heard) if heard else np.empty((0, 256), np.float32)
