"""The mel scale of M. Slaney's Auditory Toolbox, on which both networks were trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32

_LINEAR_UP_TO_HZ = 1000.0
_HZ_PER_MEL = 200.0 / 3
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Hz to Slaney's mel: linear below 1 kHz, logarithmic above."""
    knee = _LINEAR_UP_TO_HZ / _HZ_PER_MEL
    above = knee + np.log(np.maximum(hz, 1e-9) / _LINEAR_UP_TO_HZ) / _LOG_STEP
    return np.where(hz < _LINEAR_UP_TO_HZ, hz / _HZ_PER_MEL, above)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Slaney's mel to Hz."""
    knee = _LINEAR_UP_TO_HZ / _HZ_PER_MEL
    return np.where(mel < knee, mel * _HZ_PER_MEL, _LINEAR_UP_TO_HZ * np.exp((mel - knee) * _LOG_STEP))


def mel_filterbank(sr: int, n_fft: int, n_bands: int, low_hz: float, high_hz: float) -> Float32:
    """Make triangular filters of equal area, evenly spaced in mel.

    Parameters
    ----------
    sr : int
        Sampling rate in Hz.
    n_fft : int
        Length of the FFT whose bins are summed.
    n_bands : int
        Number of filters.
    low_hz, high_hz : float
        Lower edge of the first and upper edge of the last filter, in Hz.

    Returns
    -------
    ndarray, shape=(n_bands, n_fft // 2 + 1)
        Weights of the bins in each band.
    """
    ends = hz_to_mel(np.array([low_hz, high_hz]))
    edges = mel_to_hz(np.linspace(ends[0], ends[1], n_bands + 2))
    bins = np.arange(n_fft // 2 + 1) * sr / n_fft
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(np.minimum(rising, falling), 0)
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], np.float32)
