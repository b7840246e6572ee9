"""Which songs of a cluster truly belong to it.

A song is doubtful when it is far from its own centre *or* nearly as close to another one, so the measure
is ``x = d**2 / b``: squared distance to the own centre over distance to the next. Dividing by a quantile
of the cluster, never by a maximum, leaves the gate where it is when one freak song joins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32

_SMALL_CLUSTER = 20
"""Below this size a tenth is hardly one song, and a song must also be twice as far as the median to go."""

_BLOCK = 65_536


def two_nearest(Z: Float32, labels: NDArray[np.int32], centers: Float32) -> tuple[Float32, Float32]:
    """Measure how far every song is from its own centre and from the nearest other one.

    Parameters
    ----------
    Z : ndarray, shape=(n, d)
        Songs in the judge space.
    labels : ndarray, shape=(n,)
        Cluster of each song, -1 for none.
    centers : ndarray, shape=(k, d)

    Returns
    -------
    own, other : ndarray, shape=(n,)
        Euclidean distances; NaN for songs in no cluster, and `other` is infinite if there is one centre.
    """
    own = np.full(len(Z), np.nan, dtype=np.float32)
    other = np.full(len(Z), np.nan, dtype=np.float32)
    if len(centers) == 0:
        return own, other
    squares = np.einsum("kd,kd->k", centers, centers)
    rows = np.flatnonzero(labels >= 0)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        songs = Z[block]
        distances = songs @ (-2.0 * centers.T) + squares
        distances += np.einsum("nd,nd->n", songs, songs)[:, None]
        np.sqrt(np.maximum(distances, 0.0, out=distances), out=distances)
        mine = (np.arange(len(block)), labels[block])
        own[block] = distances[mine]
        distances[mine] = np.inf
        other[block] = distances.min(axis=1)
    return own, other


def gate_distance(Z: Float32, labels: NDArray[np.int32], centers: Float32) -> Float32:
    """Return the normalised doubt about every song: .5 is the ninetieth percentile of its cluster.

    Returns
    -------
    ndarray, shape=(n,)
        ``delta >= 0``; infinite for songs in no cluster. A song passes where ``delta <= max_distance``.
    """
    own, other = two_nearest(Z, labels, centers)
    doubt = np.where(np.isfinite(other), own**2 / np.maximum(other, 1e-9), own**2)
    delta = np.full(len(Z), np.inf, dtype=np.float32)
    for rows in rows_by_label(labels, len(centers)):
        if len(rows) == 0:
            continue
        x = doubt[rows]
        scale = np.quantile(x, 0.9)
        if len(rows) < _SMALL_CLUSTER:
            # Distances enter squared: twice as far is four times the doubt.
            scale = max(scale, 4.0 * float(np.median(x)))
        delta[rows] = 0.5 * x / scale if scale > 0 else 0.0
    return delta


def rows_by_label(labels: NDArray[np.int32], n_labels: int) -> list[NDArray[np.intp]]:
    """List the rows of each label 0..n_labels-1, ascending; label -1 is left out."""
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(n_labels + 1))
    return [order[bounds[c] : bounds[c + 1]] for c in range(n_labels)]
