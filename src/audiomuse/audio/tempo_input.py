"""What the tempo network hears: a coarse mel spectrogram of 40 bands, in patches of twelve seconds."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from audiomuse.audio.melscale import mel_filterbank
from audiomuse.audio.segments import cut
from audiomuse.model import Float32

SAMPLE_RATE = 16_000
N_BANDS = 40
PATCH_FRAMES = 256

_TRAINED_RATE = 11_025
_TRAINED_HOP = 512
_FRAME = 1500
"""1024 samples at the rate of the training data are 1486 at ours: 2 x 743, a slow size for an FFT."""
_PATCH_HOP = 128
_CHUNK_FRAMES = 128
"""Frames that are transformed together: few enough to stay in the cache."""


def tempo_patches(segments: Iterable[Float32]) -> Float32:
    """Cut a mono signal at 16 kHz into the patches of TempoCNN, without resampling it to 11025 Hz.

    Parameters
    ----------
    segments : iterable of ndarray, shape=(n_samples,)
        Windows of one piece. Those shorter than a patch (12 s) are padded with silence.

    Returns
    -------
    ndarray, shape=(n_patches, 40, 256)
        Magnitudes in mel bands from 20 to 5000 Hz, half overlapping, standardised over the whole piece.
    """
    spectrograms = [_magnitude_mel(segment) for segment in segments]
    patches = np.concatenate([_cut(spectrogram) for spectrogram in spectrograms])
    spread = float(patches.std())
    return np.asarray((patches - patches.mean()) / (spread if spread > 0 else 1.0), np.float32)


def _magnitude_mel(y: Float32) -> Float32:
    """Return (40, n_frames) magnitudes, the first frame centred on sample 0."""
    n_frames = 1 + int(len(y) / _hop())
    centres = np.round(np.arange(n_frames) * _hop()).astype(np.intp)
    centres = centres[centres <= len(y)]
    mel = np.empty((N_BANDS, len(centres)), np.float32)
    for first in range(0, len(centres), _CHUNK_FRAMES):
        chunk = centres[first : first + _CHUNK_FRAMES]
        piece = cut(y, int(chunk[0]) - _FRAME // 2, int(chunk[-1]) + _FRAME // 2)
        frames = np.lib.stride_tricks.sliding_window_view(piece, _FRAME)[chunk - chunk[0]]
        magnitude = np.abs(np.fft.rfft(frames * _window()))
        np.matmul(_filters(), magnitude.T, out=mel[:, first : first + len(chunk)])
    return mel


def _hop() -> float:
    return _TRAINED_HOP * SAMPLE_RATE / _TRAINED_RATE


def _cut(spectrogram: Float32) -> Float32:
    missing = PATCH_FRAMES - spectrogram.shape[1]
    if missing > 0:
        spectrogram = np.pad(spectrogram, ((0, 0), (0, missing)))
    windows = np.lib.stride_tricks.sliding_window_view(spectrogram, PATCH_FRAMES, axis=1)
    return np.asarray(windows[:, ::_PATCH_HOP].transpose(1, 0, 2))


@functools.cache
def _window() -> Float32:
    return np.asarray(np.hanning(_FRAME + 1)[:-1], np.float32)


@functools.cache
def _filters() -> Float32:
    return mel_filterbank(SAMPLE_RATE, _FRAME, N_BANDS, 20.0, 5000.0)
