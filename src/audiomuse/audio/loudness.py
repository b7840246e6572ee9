"""Integrated loudness by EBU R128, from the blocks of one decode at the file's own rate and channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiomuse.audio.filters import RecursiveFilter
from audiomuse.errors import SignalError

_STEP_S = 0.1
_STEPS_PER_BLOCK = 4
"""Gating blocks last 400 ms and begin every 100 ms: powers are kept per 100 ms and joined by fours."""
_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0

_CHANNEL_WEIGHTS: dict[int, tuple[float, ...]] = {
    1: (1.0,),
    2: (1.0, 1.0),
    3: (1.0, 1.0, 1.0),
    4: (1.0, 1.0, 1.41, 1.41),
    5: (1.0, 1.0, 1.0, 1.41, 1.41),
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),
    7: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41, 1.41),
    8: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41, 1.41, 1.41),
}
"""Left, right, centre, low-frequency effects (not counted), then the surrounds."""

_SINGLE_PRECISION_UP_TO_HZ = 50_000
"""Above this rate the high-pass has its poles too near to 1 for float32."""


class LoudnessMeter:
    """Measures the integrated loudness of one programme, block by block [1]_ [2]_.

    Every channel is K-weighted (a shelf for the head, a high-pass for the ear), squared, weighted and summed;
    400 ms blocks below -70 LUFS, and then those more than 10 LU below the mean of the rest, do not count.

    Parameters
    ----------
    sr : int
        Sampling rate in Hz, 8000 to 192000 (others work, the standard is silent about them).
    n_channels : int
        Channels of every block, in the order left, right, centre, LFE, surrounds.
    channel_weights : sequence of float, optional
        One weight per channel where the order is another. More than eight channels default to weight 1.

    References
    ----------
    .. [1] Recommendation ITU-R BS.1770-4, "Algorithms to measure audio programme loudness", 2015.
    .. [2] EBU R 128, "Loudness normalisation and permitted maximum level of audio signals", 2020.

    Examples
    --------
    >>> t = np.arange(48_000 * 5) / 48_000
    >>> meter = LoudnessMeter(48_000, 2)
    >>> tone = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * t)
    >>> meter.update(np.stack([tone, tone]))
    >>> round(meter.integrated(), 1)
    -23.0
    """

    def __init__(self, sr: int, n_channels: int, *, channel_weights: Sequence[float] | None = None) -> None:
        if sr <= 0 or n_channels <= 0:
            raise SignalError(f"a rate of {sr} Hz with {n_channels} channels cannot be measured")
        weights = channel_weights or _CHANNEL_WEIGHTS.get(n_channels, (1.0,) * n_channels)
        if len(weights) != n_channels:
            raise SignalError(f"{len(weights)} channel weights for {n_channels} channels")
        dtype = np.float32 if sr <= _SINGLE_PRECISION_UP_TO_HZ else np.float64
        self._n_channels = n_channels
        self._weights = np.asarray(weights, dtype)
        self._filter = RecursiveFilter(k_weighting(sr), n_channels, dtype)
        self._step = max(round(sr * _STEP_S), 1)
        self._pending = np.empty(0, dtype)
        """Weighted power of the samples of an unfinished step."""
        self._step_powers: list[NDArray[np.floating]] = []

    def update(self, block: NDArray[np.floating]) -> None:
        """Hear the next samples.

        Parameters
        ----------
        block : ndarray, shape=(n_channels, n_samples)
            Samples with full scale 1.0, of any length.

        Raises
        ------
        SignalError
            If the shape is another or a sample is NaN or infinite.
        """
        if block.ndim != 2 or block.shape[0] != self._n_channels:
            raise SignalError(f"expected ({self._n_channels}, n) samples, got shape {block.shape}")
        if not block.shape[1]:
            return
        heard = self._filter(block)
        if not self._filter.is_finite:
            raise SignalError("the signal holds NaN or infinity")
        power = np.concatenate([self._pending, self._weights @ np.square(heard, out=heard)])
        whole = len(power) // self._step * self._step
        self._step_powers.append(power[:whole].reshape(-1, self._step).mean(axis=1))
        self._pending = power[whole:]

    def integrated(self) -> float | None:
        """Return the loudness of everything heard so far.

        Returns
        -------
        float or None
            In LUFS. ``None`` if no block is above -70 LUFS. A programme shorter than one gating block
            (400 ms) is measured as a single block.
        """
        blocks = self._block_powers()
        above_gate = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
        if not len(above_gate):
            return None
        relative_gate = _power(_loudness(above_gate.mean()) + _RELATIVE_GATE_LU)
        return _loudness(above_gate[above_gate > relative_gate].mean())

    def _block_powers(self) -> NDArray[np.float64]:
        steps = np.concatenate([np.empty(0), *self._step_powers]).astype(np.float64)
        if len(steps) >= _STEPS_PER_BLOCK:
            return np.convolve(steps, np.full(_STEPS_PER_BLOCK, 1 / _STEPS_PER_BLOCK), mode="valid")
        heard = len(steps) * self._step + len(self._pending)
        total = steps.sum() * self._step + float(self._pending.sum())
        return np.array([total / heard]) if heard else np.empty(0)


def k_weighting(sr: int) -> NDArray[np.float64]:
    """Design the K-weighting filter for any rate.

    The analogue prototype behind the 48 kHz coefficients of BS.1770 is taken through the bilinear transform,
    so that at 48 kHz exactly those coefficients come out.

    Parameters
    ----------
    sr : int > 0
        Sampling rate in Hz.

    Returns
    -------
    ndarray, shape=(2, 6)
        Second-order sections as `RecursiveFilter` takes them: the shelf, then the high-pass.
    """
    return np.array([_shelf(sr), _high_pass(sr)])


def _shelf(sr: int) -> list[float]:
    frequency, gain_db, q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = np.tan(np.pi * min(frequency, 0.49 * sr) / sr)
    high = 10 ** (gain_db / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    b = (high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k)
    a = (a0, 2 * (k * k - 1), 1 - k / q + k * k)
    return [float(value / a0) for value in (*b, *a)]


def _high_pass(sr: int) -> list[float]:
    frequency, q = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * frequency / sr)
    a0 = 1 + k / q + k * k
    return [1.0, -2.0, 1.0, 1.0, float(2 * (k * k - 1) / a0), float((1 - k / q + k * k) / a0)]


def _loudness(power: float) -> float:
    return float(_OFFSET_LU + 10 * np.log10(power))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LU) / 10))
