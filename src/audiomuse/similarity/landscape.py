"""The library as a map: two coordinates per song, near where songs sound alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32


def map_coordinates(Z: Float32, *, labels: NDArray[np.int32] | None = None) -> Float32:
    """Place every song in a square.

    Parameters
    ----------
    Z : ndarray, shape=(n, d)
        Songs in any space in which Euclidean distance means likeness, e.g. the judge space.
    labels : ndarray, shape=(n,), optional
        Clusters; the picture is then turned so that they come apart as far as two axes allow (the axes of
        their centres instead of those of all songs).

    Returns
    -------
    ndarray of float32, shape=(n, 2)
        In -1..1. Ranks are mixed with the coordinates so that a dense middle does not swallow the map. The
        same input gives the same picture, up to nothing: signs are fixed.
    """
    if len(Z) == 0:
        return np.zeros((0, 2), dtype=np.float32)
    X = Z.astype(np.float64) - Z.mean(axis=0, dtype=np.float64)
    axes = _axes(X, labels)
    places = np.zeros((len(X), 2))
    places[:, : axes.shape[1]] = X @ axes
    return np.column_stack([_spread(places[:, 0]), _spread(places[:, 1])]).astype(np.float32)


def _axes(X: NDArray[np.float64], labels: NDArray[np.int32] | None) -> NDArray[np.float64]:
    """Return two orthogonal directions, shape (d, <= 2), of largest spread of songs or of centres."""
    points = X
    if labels is not None and labels.max(initial=-1) >= 2:
        placed = labels >= 0
        sizes = np.bincount(labels[placed])
        sums = np.zeros((len(sizes), X.shape[1]))
        np.add.at(sums, labels[placed], X[placed])
        points = (sums / np.sqrt(np.maximum(sizes, 1))[:, None])[sizes > 0]
    eigenvectors = np.linalg.eigh(points.T @ points)[1][:, ::-1][:, :2]
    largest = np.abs(eigenvectors).argmax(axis=0)
    return np.asarray(eigenvectors * np.sign(eigenvectors[largest, np.arange(eigenvectors.shape[1])]))


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half coordinate, half rank, both scaled to -1..1."""
    scale = max(float(np.quantile(np.abs(values), 0.99)), 1e-12)
    linear = np.clip(values / scale, -1.0, 1.0)
    if len(values) == 1:
        return linear
    rank = np.argsort(np.argsort(values, kind="stable")) / (len(values) - 1) * 2.0 - 1.0
    return np.asarray(0.5 * linear + 0.5 * rank)
