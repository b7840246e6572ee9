"""The two filters of this room: a recursive one for samples, and a moving mean for spectra and curves.

SciPy has both. It is not used while a song is heard, because importing its signal and FFT packages costs
every worker more than a second and 80 MB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Float64 = NDArray[np.float64]

_BLOCK = 64
"""Samples that are filtered by one matrix product."""
_GROUP = 32
"""Blocks whose states are found by one matrix product."""
_NEGLIGIBLE = 1e-20


class RecursiveFilter:
    """A cascade of second-order sections for several channels, which remembers where it stopped.

    A recursive filter is a linear map from some samples and a state to as many samples and the next state.
    Written as matrices for 64 samples at a time [1]_, it needs no loop over samples; the states at the starts
    of 32 such blocks are found together in the same way.

    Parameters
    ----------
    sos : ndarray, shape=(n_sections, 6)
        Numerator and denominator of each section, ``(b0, b1, b2, 1, a1, a2)``.
    n_channels : int
        Rows of every input.
    dtype : dtype
        Of the samples; states are always doubles.

    References
    ----------
    .. [1] C. S. Burrus, "Block realization of digital filters", IEEE Transactions on Audio and
       Electroacoustics 20(4), 1972.
    """

    def __init__(self, sos: Float64, n_channels: int, dtype: Any = np.float32) -> None:
        n_states = 2 * len(sos)
        nothing, any_state = np.zeros((_BLOCK, n_states)), np.eye(n_states)
        from_inputs, pushes = _respond(sos, np.eye(_BLOCK), nothing)
        from_state, step = _respond(sos, np.zeros((n_states, _BLOCK)), any_state)
        _, self._sample_step = _respond(sos, np.zeros((n_states, 1)), any_state)
        self._from_inputs, self._pushes = from_inputs.astype(dtype), pushes.astype(dtype)
        self._from_state = from_state.astype(dtype)
        self._groups = _Groups(step)
        self._state = np.zeros((n_channels, n_states))
        self._dtype = np.dtype(dtype)

    @property
    def is_finite(self) -> bool:
        """False once NaN or infinity went in."""
        return bool(np.isfinite(self._state).all())

    def __call__(self, x: Floats) -> Floats:
        """Filter the next samples, of any number.

        Parameters
        ----------
        x : ndarray, shape=(n_channels, n_samples)

        Returns
        -------
        ndarray, shape=(n_channels, n_samples)
        """
        x = np.asarray(x, self._dtype)
        whole = x.shape[1] // _BLOCK * _BLOCK
        y = np.empty_like(x, order="C")
        if whole:
            y[:, :whole] = self._filter_blocks(x[:, :whole])
        if whole < x.shape[1]:
            y[:, whole:] = self._filter_rest(x[:, whole:])
        return y

    def _filter_blocks(self, x: Floats) -> Floats:
        blocks = np.ascontiguousarray(x).reshape(len(x), -1, _BLOCK)
        starts, self._state = self._groups.states(blocks @ self._pushes, self._state)
        y: Floats = blocks @ self._from_inputs
        y += starts.astype(self._dtype) @ self._from_state
        return y.reshape(x.shape)

    def _filter_rest(self, x: Floats) -> Floats:
        """Filter fewer samples than a block has; they push the state as the last ones of a block do."""
        n = x.shape[1]
        y: Floats = x @ self._from_inputs[:n, :n] + self._state.astype(self._dtype) @ self._from_state[:, :n]
        step = np.linalg.matrix_power(self._sample_step, n)
        self._state = self._state @ step + x @ self._pushes[_BLOCK - n :]
        return y


class _Groups:
    """Finds the states at the starts of many blocks, given what each block pushes into the state."""

    def __init__(self, step: Float64) -> None:
        n = len(step)
        powers = [np.linalg.matrix_power(step, i) for i in range(_GROUP + 1)]
        self._step = powers[_GROUP]
        self._from_first = np.concatenate(powers[:_GROUP], axis=1)
        self._to_next = np.concatenate(powers[:_GROUP][::-1], axis=0)
        from_pushes = np.zeros((_GROUP, n, _GROUP, n))
        for pusher in range(_GROUP):
            for pushed in range(pusher + 1, _GROUP):
                from_pushes[pusher, :, pushed] = powers[pushed - pusher - 1]
        self._from_pushes = from_pushes.reshape(_GROUP * n, _GROUP * n)

    def states(self, pushes: Floats, first: Float64) -> tuple[Float64, Float64]:
        """Return the states at the starts of the blocks, of the shape of `pushes`, and the one after them."""
        n_channels, n_blocks, n_states = pushes.shape
        n_groups = n_blocks // _GROUP + 1  # the state after the last block is the start of one more
        padded = np.zeros((n_channels, n_groups * _GROUP, n_states))
        padded[:, :n_blocks] = pushes
        grouped = padded.reshape(n_channels, n_groups, -1)
        to_next = grouped @ self._to_next
        firsts = np.empty((n_channels, n_groups, n_states))
        for group in range(n_groups):
            firsts[:, group] = first
            first = first @ self._step + to_next[:, group]
        states = (grouped @ self._from_pushes + firsts @ self._from_first).reshape(padded.shape)
        # A state that rings down into denormal numbers would make everything a hundred times slower.
        states[np.abs(states) < _NEGLIGIBLE] = 0.0
        return states[:, :n_blocks], states[:, n_blocks]


def _respond(sos: Float64, inputs: Float64, states: Float64) -> tuple[Float64, Float64]:
    """Run the cascade sample by sample on each row; return outputs and final states.

    Parameters
    ----------
    sos : ndarray, shape=(n_sections, 6)
    inputs : ndarray, shape=(n_rows, n_samples)
    states : ndarray, shape=(n_rows, 2 * n_sections)
    """
    outputs, states = np.empty_like(inputs), states.copy()
    for t in range(inputs.shape[1]):
        x = inputs[:, t]
        for section, (b0, b1, b2, _, a1, a2) in enumerate(sos):
            s0, s1 = states[:, 2 * section].copy(), states[:, 2 * section + 1].copy()
            y = b0 * x + s0
            states[:, 2 * section] = b1 * x - a1 * y + s1
            states[:, 2 * section + 1] = b2 * x - a2 * y
            x = y
        outputs[:, t] = x
    return outputs, states


def moving_mean(x: Floats, width: int) -> Float64:
    """Average every value with its neighbours along the last axis, mirrored at both ends.

    Parameters
    ----------
    x : ndarray, shape=(..., n), n > 0
    width : int, odd
        How many values are averaged.

    Returns
    -------
    ndarray, shape=(..., n)
    """
    half = width // 2
    padding = [(0, 0)] * (x.ndim - 1) + [(half + 1, half)]
    total = np.cumsum(np.pad(x, padding, mode="symmetric"), axis=-1, dtype=np.float64)
    mean: Float64 = (total[..., width:] - total[..., :-width]) / width
    return mean
