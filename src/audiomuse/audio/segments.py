"""A signal heard whole or in several windows: every estimator takes both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import SignalError
from audiomuse.model import Float32

Segments = NDArray[np.floating] | Sequence[NDArray[np.floating]]
"""One array, or a list of arrays that were cut from the same piece in this order."""


def as_segments(y: Segments, *, ndim: int, what: str) -> list[Float32]:
    """Return `y` as a list of float32 arrays, each of `ndim` dimensions and finite; empty ones are left out.

    Raises
    ------
    SignalError
        If an array has another number of dimensions or holds NaN or infinity. `what` names it.
    """
    arrays = [y] if isinstance(y, np.ndarray) else list(y)
    segments = []
    for array in arrays:
        if array.ndim != ndim:
            raise SignalError(f"{what} must have {ndim} dimension(s), this one has shape {array.shape}")
        if not np.isfinite(array).all():
            raise SignalError(f"{what} holds NaN or infinity")
        if array.size:
            segments.append(np.asarray(array, np.float32))
    return segments


def cut(y: Float32, start: int, stop: int) -> Float32:
    """Return the samples `start` .. `stop`-1 of `y`, zeros where they lie outside of it."""
    inside = y[max(start, 0) : max(stop, 0)]
    before, after = max(-start, 0), max(stop - max(len(y), start), 0)
    return np.pad(inside, (before, after)) if before or after else inside
