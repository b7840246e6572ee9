"""How strongly a piece pulses at each tempo: onset strength, its autocorrelation and its spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiomuse.audio.filters import moving_mean
from audiomuse.model import Float32

FRAMES_PER_SECOND = 16_000 / 256
TEMPI = 30.0 * 2 ** (np.arange(0, 3.2, 1 / 72))
"""The tempo axis in BPM, 30 to 275, 72 steps an octave (about 1 %)."""

_WINDOW_S = 16.0
_LOCAL_MEAN_S = 0.5
_LEAST_RISE = 0.5
"""Sum of the rises of 96 bands that any steady tone may have from frame to frame."""
_REFINE_WITHIN = 0.03
_REFINE_STEPS = 61
_STRETCH_FRAMES = int(60 * FRAMES_PER_SECOND)
_SPECTRUM_ROW = 64

Float64 = NDArray[np.float64]


def onset_strength(mel: Float32) -> Float64:
    """Sum the rises of all mel bands from frame to frame, above their local mean.

    Parameters
    ----------
    mel : ndarray, shape=(n_frames, 96)
        Log-mel frames, 62.5 a second.

    Returns
    -------
    ndarray, shape=(n_frames,)
        Zero where nothing starts.
    """
    rises = np.maximum(np.diff(mel, axis=0, prepend=mel[:1]), 0).sum(axis=1, dtype=np.float64)
    above = rises - moving_mean(rises, int(_LOCAL_MEAN_S * FRAMES_PER_SECOND)) - _LEAST_RISE
    return np.asarray(np.maximum(above, 0))


def windows(onsets: Sequence[Float64]) -> Float64:
    """Cut onset curves to half overlapping windows of 16 s; a shorter curve is padded with zeros.

    Returns
    -------
    ndarray, shape=(n_windows, n_frames)
    """
    length = int(_WINDOW_S * FRAMES_PER_SECOND)
    cut = []
    for curve in onsets:
        padded = np.pad(curve, (0, max(0, length - len(curve))))
        starts = range(0, len(padded) - length + 1, length // 2)
        cut += [padded[start : start + length] for start in starts]
    return np.array(cut)


def periodicity(pulses: Float64) -> tuple[Float64, Float64]:
    """Measure how strongly each window repeats itself at each tempo, in two ways.

    The autocorrelation answers to a tempo and its fractions, the spectrum to a tempo and its multiples: only
    their product has its peaks at the tempo itself [1]_.

    Parameters
    ----------
    pulses : ndarray, shape=(n_windows, n_frames)
        Onset strength.

    Returns
    -------
    repetition : ndarray, shape=(n_windows, n_tempi)
        Autocorrelation at the lag of one beat, 1 for a perfect repetition, at least 0.
    oscillation : ndarray, shape=(n_windows, n_tempi)
        Magnitude of the spectrum relative to the sum of the onsets, 0..1.

    References
    ----------
    .. [1] G. Peeters, "Template-based estimation of time-varying tempo", EURASIP JASP, 2007.
    """
    n_frames = pulses.shape[1]
    centred = pulses - pulses.mean(axis=1, keepdims=True)
    size = 2 * n_frames
    power = np.abs(np.fft.rfft(centred, size, axis=1)) ** 2
    correlation = np.fft.irfft(power, size, axis=1)[:, :n_frames]
    correlation /= np.maximum(correlation[:, :1], 1e-12)
    correlation /= 1 - np.arange(n_frames) / n_frames + 1e-3
    repetition = _at(correlation, FRAMES_PER_SECOND * 60 / TEMPI)

    fine = 8 * n_frames
    tapered = pulses * np.hanning(n_frames)
    spectrum = np.abs(np.fft.rfft(tapered - tapered.mean(axis=1, keepdims=True), fine, axis=1))
    spectrum /= np.maximum(tapered.sum(axis=1, keepdims=True), 1e-12)
    oscillation = _at(spectrum, TEMPI / 60 / FRAMES_PER_SECOND * fine)
    return np.maximum(repetition, 0), oscillation


def _at(rows: Float64, positions: Float64) -> Float64:
    """Read every row between its samples."""
    below = np.clip(positions.astype(np.intp), 0, rows.shape[1] - 2)
    share = np.clip(positions - below, 0, 1)
    return np.asarray(rows[:, below] * (1 - share) + rows[:, below + 1] * share)


def refine(onsets: Sequence[Float64], bpm: float) -> float:
    """Move a tempo to where the onsets of the piece agree best, at most 3 % away.

    The spectra at one, two and four pulses a beat are summed over stretches of a minute, short enough to
    forgive a drummer who drifts.

    Parameters
    ----------
    onsets : sequence of ndarray, shape=(n_frames,)
        Onset strength of each segment.
    bpm : float
        The rough tempo, in BPM.

    Returns
    -------
    float
        The tempo in BPM.
    """
    tempi = bpm * np.linspace(1 - _REFINE_WITHIN, 1 + _REFINE_WITHIN, _REFINE_STEPS)
    agreement = np.zeros(_REFINE_STEPS)
    for curve in onsets:
        for start in range(0, len(curve), _STRETCH_FRAMES):
            stretch = curve[start : start + _STRETCH_FRAMES]
            stretch = (stretch - stretch.mean()) * np.hanning(len(stretch))
            for pulses in (1, 2, 4):
                agreement += np.abs(_spectrum_at(stretch, tempi * pulses / 60 / FRAMES_PER_SECOND))
    best = int(np.argmax(agreement))
    if not 0 < best < _REFINE_STEPS - 1:
        return float(tempi[best])
    left, middle, right = agreement[best - 1 : best + 2]
    curvature = left - 2 * middle + right
    shift = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(tempi[best] + shift * (tempi[1] - tempi[0]))


def _spectrum_at(x: Float64, cycles: Float64) -> NDArray[np.complex128]:
    """Compute the Fourier transform of `x` at a few frequencies, in cycles per sample.

    A sample's place is split into a row and a column, so that few exponentials are needed.
    """
    rows = np.pad(x, (0, -len(x) % _SPECTRUM_ROW)).reshape(-1, _SPECTRUM_ROW)
    within = np.exp(-2j * np.pi * np.outer(np.arange(_SPECTRUM_ROW), cycles))
    to_row = np.exp(-2j * np.pi * np.outer(np.arange(len(rows)) * _SPECTRUM_ROW, cycles))
    spectrum: NDArray[np.complex128] = np.sum((rows @ within) * to_row, axis=0, dtype=np.complex128)
    return spectrum
