"""k-means by dense passes: one matrix product per assignment, one sparse product per update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]
Labels = NDArray[np.int32]

_ROWS_AT_A_TIME = 8_192
"""The distances of so many points to some dozens of centres stay in the processor's cache."""
_SEEDING_ROWS_PER_CENTRE = 12
"""k-means++ needs no more points than this to spread its centres: rounds on all of them follow."""


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A finished k-means."""

    labels: Labels
    centres: Points
    n_iter: int


def spread_centres(points: Points, n_clusters: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose points as starting centres by k-means++ (Arthur and Vassilvitskii, 2007).

    Parameters
    ----------
    points : ndarray, shape (n, d)
    n_clusters : int, 1..n
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int64, shape (n_clusters,)
        Rows of the points, in the order of their choice: the first k are a choice of k centres.
    """
    n_rows = min(len(points), _SEEDING_ROWS_PER_CENTRE * n_clusters)
    some = rng.choice(len(points), n_rows, replace=False)
    points = points[some]
    squares = np.einsum("ij,ij->i", points, points)
    chosen = [int(rng.integers(len(points)))]
    nearest = np.full(len(points), np.inf, dtype=points.dtype)
    for draw in rng.random(n_clusters - 1):
        latest = points[chosen[-1]]
        distance = squares - 2.0 * (points @ latest) + squares[chosen[-1]]
        np.minimum(nearest, np.maximum(distance, 0.0), out=nearest)
        nearest[chosen[-1]] = 0.0
        cumulated = np.cumsum(nearest, dtype=np.float64)
        if cumulated[-1] <= 0:  # fewer distinct points than centres: any other point will do
            chosen.append(_first_unused(chosen, len(points)))
            continue
        position = int(np.searchsorted(cumulated, draw * cumulated[-1], side="right"))
        chosen.append(min(position, len(points) - 1))
    return np.asarray(some[chosen])


def lloyd(points: Points, centres: Points, *, max_iter: int, still_moving: float = 0.0) -> Partition:
    """Move centres to the means of their points until hardly a point changes its cluster.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    centres : ndarray, shape (k, d)
        Where to start; not changed.
    max_iter : int > 0
        Rounds at most.
    still_moving : float, 0..1
        Stop when no more than this share of the points changed cluster in a round.

    Returns
    -------
    Partition
        Each label is that of the nearest of the returned centres. Every cluster has a point as long as
        there are enough distinct points and rounds.
    """
    rounds = _Rounds(points, len(centres))
    rounds.assign(centres)
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        centres = rounds.means()
        if rounds.assign(centres) <= still_moving * len(points):
            break
    return Partition(rounds.labels.copy(), centres, n_iter)


class _Rounds:
    """The buffers of one k-means. Not allocating anything of the size of the data is half of its speed."""

    def __init__(self, points: Points, n_clusters: int) -> None:
        # Late: SciPy is 25 MB that a page which only shows the library never needs.
        from scipy.sparse import csc_array

        self._points = points
        self._ones = np.ones(len(points), dtype=points.dtype)
        # Column i has a single entry, in the row of the cluster of point i: its row indices are the labels.
        self._members = csc_array(
            (self._ones, np.zeros(len(points), dtype=np.int32), np.arange(len(points) + 1, dtype=np.int32)),
            shape=(n_clusters, len(points)),
        )
        self._distances = np.empty((min(len(points), _ROWS_AT_A_TIME), n_clusters), dtype=points.dtype)

    @property
    def labels(self) -> Labels:
        """The cluster of each point; the next `assign` overwrites it."""
        labels: Labels = self._members.indices
        return labels

    def assign(self, centres: Points) -> int:
        """Give each point to its nearest centre; return how many points changed cluster."""
        changed = 0
        for rows in row_blocks(len(self._points)):
            nearest = _relative_distances(self._points[rows], centres, self._distances).argmin(axis=1)
            changed += int(np.count_nonzero(nearest != self.labels[rows]))
            self.labels[rows] = nearest
        return changed

    def means(self) -> Points:
        """Return the mean of the points of each cluster, shape (k, d)."""
        sizes = np.bincount(self.labels, minlength=self._members.shape[0])
        means = (self._members @ self._points) / np.maximum(sizes, 1)[:, None].astype(self._points.dtype)
        empty = np.flatnonzero(sizes == 0)
        if len(empty):
            # An empty cluster starts again at the points that fit worst where they are.
            error = ((self._points - means[self.labels]) ** 2).sum(axis=1)
            worst = np.argsort(-error, kind="stable")[: len(empty)]
            means[empty[: len(worst)]] = self._points[worst]
        return np.asarray(means)


def nearest_centre(points: Points, centres: Points) -> Labels:
    """Return the index of the nearest centre of each point, shape (n,)."""
    labels = np.empty(len(points), dtype=np.int32)
    buffer = np.empty((min(len(points), _ROWS_AT_A_TIME), len(centres)), dtype=points.dtype)
    for rows in row_blocks(len(points)):
        labels[rows] = _relative_distances(points[rows], centres, buffer).argmin(axis=1)
    return labels


def squared_error(points: Points, partition_labels: Labels, centres: Points) -> float:
    """Return the sum of squared distances of the points to the centres of their clusters."""
    total = 0.0
    for rows in row_blocks(len(points)):
        total += float(((points[rows] - centres[partition_labels[rows]]) ** 2).sum(dtype=np.float64))
    return total


def row_blocks(n_rows: int) -> Iterator[slice]:
    """Yield slices that cover all rows, few at a time."""
    for start in range(0, n_rows, _ROWS_AT_A_TIME):
        yield slice(start, min(start + _ROWS_AT_A_TIME, n_rows))


def cluster_sums(points: Points, labels: Labels, n_clusters: int) -> tuple[Points, NDArray[np.int64]]:
    """Return the sum of the points of each cluster, shape (k, d), and their number, shape (k,).

    Labels must be 0..k-1.
    """
    from scipy.sparse import csc_array  # late, as above

    member_of = csc_array(
        (np.ones(len(points), dtype=points.dtype), labels, np.arange(len(points) + 1, dtype=np.int32)),
        shape=(n_clusters, len(points)),
    )
    return np.asarray(member_of @ points), np.bincount(labels, minlength=n_clusters)


def _relative_distances(points: Points, centres: Points, buffer: Points) -> Points:
    """Squared distances less the squared length of the point: the order of the centres is the same."""
    distances = np.matmul(points, -2.0 * centres.T, out=buffer[: len(points)])
    distances += np.einsum("ij,ij->i", centres, centres)
    return distances


def _first_unused(chosen: list[int], n: int) -> int:
    used = set(chosen)
    return next((index for index in range(n) if index not in used), 0)
