"""Recognise yesterday's lists among today's.

Lists are paired by how many songs they share (Jaccard index), and by their centres where that does not
decide, so that the total is greatest. A pair that shares too little is no pair: the old list ends and the
new one is new.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32, Playlist

SAME_LIST_JACCARD = 0.3
"""Lists that share this much are one list, as a person sees it."""

_CENTROID_WEIGHT = 0.05
"""Centres break ties between equal overlaps; they never make a pair alone."""


@dataclass(frozen=True, slots=True)
class Match:
    """An old list and the new one that continues it."""

    previous: int
    """Index into the old lists."""
    current: int
    """Index into the new lists."""
    jaccard: float
    """Songs in both over songs in either, 0..1."""


def match_playlists(
    previous: Sequence[Playlist],
    current: Sequence[Set[str]],
    *,
    centroids: Sequence[Float32] | None = None,
    min_jaccard: float = SAME_LIST_JACCARD,
) -> list[Match]:
    """Pair old lists with new ones.

    Parameters
    ----------
    previous : sequence of Playlist
    current : sequence of set of str
        Track ids of the new lists.
    centroids : sequence of ndarray, optional
        Centres of the new lists in the judge space; used where the old list has one of equal length.
    min_jaccard : float
        Pairs that share less are dropped. 0 keeps every pair that shares a song.

    Returns
    -------
    list of Match
        By old list. Each old and each new list is in at most one pair.
    """
    # Late: a page that shows playlists does not match them, and SciPy's optimisers are 20 MB.
    from scipy.optimize import linear_sum_assignment

    if not previous or not current:
        return []
    old_sets = [frozenset(playlist.track_ids) for playlist in previous]
    jaccard = _jaccard(old_sets, current)
    value = jaccard + _CENTROID_WEIGHT * _closeness(previous, centroids) if centroids else jaccard
    # Hungarian method, O(n**3): 500 x 500 takes about 10 ms.
    rows, columns = linear_sum_assignment(np.where(jaccard > 0, value, 0.0), maximize=True)
    return [
        Match(int(row), int(column), float(jaccard[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if jaccard[row, column] > 0 and jaccard[row, column] >= min_jaccard
    ]


def _jaccard(old: Sequence[Set[str]], new: Sequence[Set[str]]) -> NDArray[np.float64]:
    """Return the (n_old, n_new) Jaccard indices."""
    holders: dict[str, list[int]] = {}
    for row, group in enumerate(old):
        for track in group:
            holders.setdefault(track, []).append(row)
    shared = np.zeros((len(old), len(new)))
    for column, group in enumerate(new):
        for track in group:
            shared[holders.get(track, []), column] += 1
    sizes_old = np.array([len(group) for group in old])
    sizes_new = np.array([len(group) for group in new])
    union = sizes_old[:, None] + sizes_new - shared
    return np.asarray(np.where(union > 0, shared / np.maximum(union, 1), 0.0), dtype=np.float64)


def _closeness(previous: Sequence[Playlist], centroids: Sequence[Float32]) -> NDArray[np.float64]:
    """Return 1 / (1 + distance / median distance) of centres, 0 where an old list has no comparable one."""
    distance = np.full((len(previous), len(centroids)), np.inf)
    for row, playlist in enumerate(previous):
        if playlist.centroid is None:
            continue
        for column, centroid in enumerate(centroids):
            if centroid.shape == playlist.centroid.shape:
                distance[row, column] = float(np.linalg.norm(centroid - playlist.centroid))
    finite = distance[np.isfinite(distance)]
    scale = float(np.median(finite)) if len(finite) else 1.0
    return 1.0 / (1.0 + distance / (scale or 1.0))
