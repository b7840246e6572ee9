"""The spectrogram that MusiCNN was trained on: log-compressed mel bands of 16 kHz audio.

Frames are cut, windowed and warped exactly as Essentia's ``TensorflowInputMusiCNN`` does, because the network
has learned that and no other picture: a periodic instead of a symmetric window, or frames that begin half a
frame later, change what it says.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiomuse.audio.melscale import mel_filterbank
from audiomuse.audio.segments import as_segments, cut
from audiomuse.model import Float32

SAMPLE_RATE = 16_000
FRAME = 512
HOP = 256
N_BANDS = 96
FRAMES_PER_SECOND = SAMPLE_RATE / HOP

_HIGHEST_HZ = 8000.0
_COMPRESSION = 10_000.0
_CHUNK_FRAMES = 512
"""Frames that are transformed together: few enough to stay in the cache."""


def log_mel(y: Float32) -> Float32:
    """Compute the log-mel spectrogram of a mono signal.

    Frames of 512 samples every 256, the first one centred on the first sample, a symmetric Hann window, the
    power spectrum, 96 triangular bands of equal area up to 8 kHz, and ``log10(1 + 10000 x)`` [1]_.

    Parameters
    ----------
    y : ndarray, shape=(n_samples,)
        Mono audio at 16 kHz, finite.

    Returns
    -------
    ndarray, shape=(n_frames, 96), float32
        ``n_frames`` is ``ceil(n_samples / 256)``; no frames for no samples.

    Raises
    ------
    SignalError
        If `y` is not one-dimensional or holds NaN or infinity.

    References
    ----------
    .. [1] J. Pons and X. Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging",
       Late-breaking/demo session of ISMIR, 2019.
    """
    pieces = as_segments(y, ndim=1, what="audio")
    if not pieces:
        return np.empty((0, N_BANDS), np.float32)
    (samples,) = pieces
    n_frames = -(-len(samples) // HOP)
    window, filters = _window(), _filters()
    spectrogram = np.empty((n_frames, N_BANDS), np.float32)
    for first in range(0, n_frames, _CHUNK_FRAMES):
        last = min(first + _CHUNK_FRAMES, n_frames)
        spectrum = np.fft.rfft(_frames(samples, first, last) * window)
        power = spectrum.real**2 + spectrum.imag**2
        np.matmul(power, filters, out=spectrogram[first:last])
    spectrogram *= np.float32(_COMPRESSION)
    spectrogram += np.float32(1.0)
    return np.log10(spectrogram, out=spectrogram)


def _frames(samples: Float32, first: int, last: int) -> Float32:
    """Cut the frames `first` .. `last`-1, with zeros where a frame reaches over an end of the signal."""
    piece = cut(samples, first * HOP - FRAME // 2, (last - 1) * HOP + FRAME // 2)
    return np.lib.stride_tricks.sliding_window_view(piece, FRAME)[::HOP]


@lru_cache(maxsize=1)
def _window() -> Float32:
    return np.hanning(FRAME).astype(np.float32)


@lru_cache(maxsize=1)
def _filters() -> Float32:
    """Weight of each bin in each band, (257, 96)."""
    return np.ascontiguousarray(mel_filterbank(SAMPLE_RATE, FRAME, N_BANDS, 0.0, _HIGHEST_HZ).T)
