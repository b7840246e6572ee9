"""Choose songs for one list: near its heart, but not forty times the same song.

Maximal marginal relevance [1]_ in the judge space: each step takes the song with the best sum of nearness
to the centre and distance to what was chosen before, within the artist cap.

References
----------
.. [1] J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32
from audiomuse.playlists.volumes import Quota

_FAR_ENOUGH = 3.0
"""Beyond three median distances more difference is no more variety."""
_INCUMBENT_BONUS = 0.3
"""A song that people already know from this list is preferred to an equal stranger."""


def choose_songs(
    X: Float32,
    center: Float32,
    *,
    n: int,
    quotas: Sequence[Quota],
    relevance: float = 0.7,
    kept: NDArray[np.intp] | None = None,
    incumbents: NDArray[np.bool_] | None = None,
) -> NDArray[np.intp]:
    """Choose up to `n` songs by relevance and diversity.

    Parameters
    ----------
    X : ndarray, shape=(m, d)
        Candidates.
    center : ndarray, shape=(d,)
        Heart of the list.
    n : int
        Songs wanted, those of `kept` included.
    quotas : sequence of Quota
        Limits inside the list, over the candidates.
    relevance : float
        Weight of nearness; the rest is the weight of variety.
    kept : ndarray of int, optional
        Candidates that are in whatever the limits say.
    incumbents : ndarray of bool, shape=(m,), optional
        Candidates that were in the list yesterday.

    Returns
    -------
    ndarray of int
        Rows of `X`, `kept` first, then in the order of choice. Shorter than `n` where the limits bind.
    """
    chosen = [] if kept is None else [int(row) for row in kept]
    distance = np.sqrt(((X - center) ** 2).sum(axis=1))
    scale = float(np.median(distance)) or 1.0
    value = -relevance * distance / scale
    if incumbents is not None:
        value = value + _INCUMBENT_BONUS * incumbents
    counts = [np.bincount(q.groups[chosen], minlength=int(q.groups.max(initial=0)) + 1) for q in quotas]
    allowed = np.ones(len(X), dtype=bool)
    allowed[chosen] = False
    nearest = np.full(len(X), _FAR_ENOUGH * scale)
    for row in chosen:
        nearest = np.minimum(nearest, np.sqrt(((X - X[row]) ** 2).sum(axis=1)))
    while len(chosen) < n:
        for quota, count in zip(quotas, counts, strict=True):
            allowed &= count[quota.groups] < quota.limit
        if not allowed.any():
            break
        gain = value + (1.0 - relevance) * nearest / scale
        row = int(np.argmax(np.where(allowed, gain, -np.inf)))
        chosen.append(row)
        allowed[row] = False
        for quota, count in zip(quotas, counts, strict=True):
            count[quota.groups[row]] += 1
        nearest = np.minimum(nearest, np.sqrt(((X - X[row]) ** 2).sum(axis=1)))
    return np.asarray(chosen, dtype=np.intp)
