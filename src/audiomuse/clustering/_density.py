"""DBSCAN for every eps at once.

Two core points belong together at some eps if they are connected in the minimum spanning tree of the
mutual reachability distances ``max(core_i, core_j, d_ij)`` by edges no longer than eps. So one tree per
`min_samples` answers all eps: cutting it costs nothing. Border points come from the neighbour lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiomuse.clustering._lloyd import Labels, Points, lloyd, row_blocks, spread_centres
from audiomuse.features.graph import connected_components

_SPLIT_ROUNDS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The nearest neighbours of every point, itself first."""

    index: NDArray[np.int32]
    """Shape (n, k)."""
    distance: Points
    """Shape (n, k), ascending."""

    @classmethod
    def of(cls, points: Points, n_neighbours: int) -> Neighbours:
        """Find them by brute force; `n_neighbours` counts the point itself and is capped at n."""
        k = min(n_neighbours, len(points))
        index = np.empty((len(points), k), dtype=np.int32)
        distance = np.empty((len(points), k), dtype=points.dtype)
        for start in range(0, len(points), 1024):
            rows = slice(start, min(start + 1024, len(points)))
            squared = squared_distances(points[rows], points)
            squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = 0.0
            some = np.argpartition(squared, k - 1, axis=1)[:, :k]
            order = np.argsort(np.take_along_axis(squared, some, axis=1), axis=1, kind="stable")
            index[rows] = np.take_along_axis(some, order, axis=1)
            distance[rows] = np.sqrt(np.take_along_axis(squared, index[rows], axis=1))
        return cls(index, distance)

    def core_distances(self, min_samples: int) -> Points:
        """Return the eps from which on each point is a core point, shape (n,)."""
        k = self.distance.shape[1]
        if min_samples > k:
            return np.full(len(self.distance), np.inf, dtype=self.distance.dtype)
        return self.distance[:, min_samples - 1]


@dataclass(frozen=True, slots=True, eq=False)
class DensityTree:
    """Everything DBSCAN can say about some points for one `min_samples`."""

    neighbours: Neighbours
    core: Points
    """Shape (n,), core distances."""
    parent: NDArray[np.int32]
    """Shape (n - 1,), one end of each edge of the tree ..."""
    child: NDArray[np.int32]
    """... the other end ..."""
    length: Points
    """... and its mutual reachability distance."""

    @classmethod
    def grow(cls, points: Points, neighbours: Neighbours, min_samples: int) -> DensityTree:
        """Grow the tree by Prim's algorithm, O(n^2) time; needs no more than a distance matrix of memory."""
        n = len(points)
        core = neighbours.core_distances(min_samples)
        distance = np.sqrt(squared_distances(points, points))
        np.maximum(distance, core, out=distance)
        best = np.full(n, np.inf, dtype=points.dtype)
        source = np.zeros(n, dtype=np.int32)
        outside = np.ones(n, dtype=bool)
        parent, child = np.empty(n - 1, dtype=np.int32), np.empty(n - 1, dtype=np.int32)
        length = np.empty(n - 1, dtype=points.dtype)
        here = 0
        for step in range(n - 1):
            outside[here] = False
            reach = np.maximum(distance[here], core[here])
            nearer = (reach < best) & outside
            best[nearer] = reach[nearer]
            source[nearer] = here
            best[here] = np.inf
            here = int(best.argmin())
            if not outside[here]:  # only unreachable points (core distance infinite) are left
                here = int(outside.argmax())
            parent[step], child[step], length[step] = source[here], here, best[here]
        return cls(neighbours, core, parent, child, length)

    def cut(self, eps: float) -> Labels:
        """Return DBSCAN's labels at `eps`: 0..k-1, -1 for noise.

        A border point goes to the nearest core point, not to the cluster that happens to be visited first.
        """
        is_core = self.core <= eps
        kept = (self.length <= eps) & is_core[self.parent] & is_core[self.child]
        n = len(self.core)
        component = connected_components(n, self.parent[kept], self.child[kept])
        labels = np.where(is_core, component, -1).astype(np.int32)
        reachable = is_core[self.neighbours.index] & (self.neighbours.distance <= eps)
        border = ~is_core & reachable.any(axis=1)
        labels[border] = component[self.neighbours.index[border, reachable[border].argmax(axis=1)]]
        return renumber(labels)


def split_giants(
    points: Points, labels: Labels, *, largest: int, typical: int, rng: np.random.Generator
) -> Labels:
    """Split clusters of more than `largest` points by k-means into parts of about `typical` points."""
    result = labels.copy()
    fresh = int(labels.max(initial=-1)) + 1
    for giant in np.flatnonzero(np.bincount(labels[labels >= 0]) > largest):
        rows = np.flatnonzero(labels == giant)
        n_parts = max(2, round(len(rows) / max(typical, 1)))
        inside = points[rows]
        seeds = inside[spread_centres(inside, min(n_parts, len(rows)), rng)]
        result[rows] = fresh + lloyd(inside, seeds, max_iter=_SPLIT_ROUNDS).labels
        fresh += n_parts
    return renumber(result)


def spread_labels(points: Points, known: Points, known_labels: Labels, reach: float) -> Labels:
    """Give each point the label of the nearest known point within `reach`; -1 where there is none."""
    labels = np.full(len(points), -1, dtype=np.int32)
    if not len(known):
        return labels
    for rows in row_blocks(len(points)):
        squared = squared_distances(points[rows], known)
        nearest = squared.argmin(axis=1)
        near = squared[np.arange(len(nearest)), nearest] <= reach**2
        labels[rows] = np.where(near, known_labels[nearest], -1)
    return labels


def squared_distances(first: Points, second: Points) -> Points:
    """Return squared Euclidean distances, shape (len(first), len(second))."""
    squared = first @ (-2.0 * second.T)
    squared += np.einsum("ij,ij->i", first, first)[:, None]
    squared += np.einsum("ij,ij->i", second, second)
    np.maximum(squared, 0.0, out=squared)
    return squared


def renumber(labels: NDArray[np.integer[Any]]) -> Labels:
    """Number the clusters 0..k-1 in the order of their old numbers; -1 stays."""
    used, renumbered = np.unique(labels, return_inverse=True)
    return np.asarray(renumbered - int(len(used) > 0 and used[0] < 0), dtype=np.int32)
