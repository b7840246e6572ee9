"""TempoCNN: a small network that has learnt how fast people tap along."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiomuse.audio.tempo_input import N_BANDS, PATCH_FRAMES
from audiomuse.errors import SignalError
from audiomuse.inference.session import OnnxModel
from audiomuse.model import Float32

WEIGHTS = Path(__file__).parent / "weights" / "tempocnn_deepsquare_k4.onnx"
SHA256 = "b52975073fb1fabea69b138f40a0cf78dbda14505ca3e5d6c1445e9b52de8c8f"

_N_TEMPI = 256
_BATCH = 4
"""Patches at a time: more is not faster and only costs memory."""


class TempoCNN:
    """The network ``deepsquare_k4`` of TempoCNN [1]_, to be called with patches.

    References
    ----------
    .. [1] H. Schreiber and M. Müller, "Musical tempo and key estimation using convolutional neural networks
       with directional filters", SMC 2019.
    """

    def __init__(self) -> None:
        self.session = OnnxModel(
            WEIGHTS,
            inputs={"melspectrogram": (None, N_BANDS, None)},
            outputs={"probabilities": (None, _N_TEMPI)},
            sha256=SHA256,
        )

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
        ModelError
            If the network cannot be loaded or fails.
        """
        if patches.ndim != 3 or patches.shape[1:] != (N_BANDS, PATCH_FRAMES):
            raise SignalError(f"expected patches (n, {N_BANDS}, {PATCH_FRAMES}), got shape {patches.shape}")
        heard = [np.empty((0, _N_TEMPI), np.float32)]
        for start in range(0, len(patches), _BATCH):
            heard += self.session.run(melspectrogram=patches[start : start + _BATCH])
        return np.concatenate(heard)
