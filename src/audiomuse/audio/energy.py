"""Energy: how intense a piece is, from three things that people agree on: loud, busy and bright."""

from __future__ import annotations

import numpy as np

from audiomuse.audio.segments import Segments, as_segments
from audiomuse.errors import SignalError
from audiomuse.model import Float32

_N_BANDS = 96

_LOUDNESS_LUFS = (-30.0, -6.0)
_ONSETS = (0.02, 0.20)
_BRIGHTNESS = (0.12, 0.36)
"""The ranges that are spread over 0..1: about the 2nd to the 98th percentile of recorded music, from solo
piano to metal."""
_SHARES = (0.5, 0.3, 0.2)


def estimate_energy(loudness_lufs: float | None, mel: Segments) -> float | None:
    """Estimate how intense a piece is.

    The energy is 0.5 x loudness + 0.3 x onsets + 0.2 x brightness, each spread over 0..1: onsets is the mean
    rise of a log-mel band from one frame to the next, brightness the centre of gravity of the mean amplitude
    spectrum on the mel scale. Playing the same piece louder never lowers any of the three.

    Parameters
    ----------
    loudness_lufs : float or None
        Integrated loudness of the piece.
    mel : ndarray, shape=(n_frames, 96), or list of such
        ``log10(1 + 10000 x)`` of the mel power spectrum at 16 kHz with hop 256, as MusiCNN hears it.

    Returns
    -------
    float or None
        0 (still) .. 1 (intense). ``None`` for silence and for fewer than two frames.

    Raises
    ------
    SignalError
        If an array of `mel` has another shape or holds NaN or infinity.
    """
    frames = as_segments(mel, ndim=2, what="mel frames")
    if any(segment.shape[1] != _N_BANDS for segment in frames):
        raise SignalError(f"mel frames must have {_N_BANDS} bands")
    if loudness_lufs is None or sum(len(segment) - 1 for segment in frames) < 1:
        return None
    parts = (
        _spread(loudness_lufs, _LOUDNESS_LUFS),
        _spread(_onsets(frames), _ONSETS),
        _spread(_brightness(frames), _BRIGHTNESS),
    )
    return float(np.dot(_SHARES, parts))


def _spread(value: float, between: tuple[float, float]) -> float:
    low, high = between
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _onsets(frames: list[Float32]) -> float:
    """Return the mean rise of a band per frame."""
    rises = sum(float(np.maximum(np.diff(segment, axis=0), 0).sum(dtype=np.float64)) for segment in frames)
    return rises / (_N_BANDS * sum(len(segment) - 1 for segment in frames))


def _brightness(frames: list[Float32]) -> float:
    """Return the centre of gravity of the mean amplitude spectrum, 0 (lowest band) .. 1 (highest)."""
    power = sum((10.0**segment - 1.0).sum(axis=0, dtype=np.float64) for segment in frames)
    amplitude = np.sqrt(np.maximum(power, 0))
    total = float(amplitude.sum())
    return float(amplitude @ np.linspace(0, 1, _N_BANDS)) / total if total > 0 else 0.0
