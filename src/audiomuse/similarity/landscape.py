"""The library as a map: two coordinates per song, near where songs sound alike.

Without groups the map is the plane of the two main axes. With groups it is a landscape of islands: the
centres are laid out so that their distances on the map are as nearly as possible those in the full space
(stress majorisation [1]_, near pairs weighing more), and each song lies around its centre, drawn toward the
other centres it is near to.

References
----------
.. [1] E. R. Gansner, Y. Koren, S. North, "Graph drawing by stress majorization", GD 2004.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32

Float64 = NDArray[np.float64]

_LAYOUT_ROUNDS = 200
_ISLAND = 0.42
"""Root mean square radius of an island, as a share of the way to the nearest other centre."""
_BLOCK = 65_536


def map_coordinates(Z: Float32, *, labels: NDArray[np.int32] | None = None) -> Float32:
    """Place every song in a square.

    Parameters
    ----------
    Z : ndarray, shape=(n, d)
        Songs in any space in which Euclidean distance means likeness, e.g. the judge space.
    labels : ndarray, shape=(n,), optional
        Group of each song, -1 for none. With fewer than three groups they are not used.

    Returns
    -------
    ndarray of float32, shape=(n, 2)
        In -1..1; the same input gives the same picture. Cost: one pass over songs times groups.
    """
    if len(Z) == 0:
        return np.zeros((0, 2), dtype=np.float32)
    plane = _main_plane(Z)
    groups = np.unique(labels[labels >= 0]) if labels is not None else np.zeros(0, dtype=np.int32)
    if labels is None or len(groups) < 3:
        return _fill_square(plane)
    centers = np.asarray([Z[labels == group].mean(axis=0) for group in groups], dtype=np.float64)
    layout = _lay_out(centers)
    islands = np.searchsorted(groups, labels)
    places = _drawn_between(Z, centers, layout) + _around_centre(plane, labels, groups, islands, layout)
    return _fill_square(places)


def _main_plane(Z: Float32) -> Float64:
    """Return the coordinates on the two axes of largest spread, shape (n, 2); their signs are fixed."""
    X = Z.astype(np.float64) - Z.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(X.T @ X)[1][:, ::-1][:, :2]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    plane = np.zeros((len(X), 2))
    plane[:, : axes.shape[1]] = X @ axes
    return plane


def _lay_out(centers: Float64) -> Float64:
    """Place centres on a plane by stress majorisation, starting from their main plane."""
    difference = centers[:, None, :] - centers
    distance = np.sqrt((difference**2).sum(axis=2))
    weight = 1.0 / np.maximum(distance, 1e-9) ** 2
    np.fill_diagonal(weight, 0.0)
    laplacian = np.diag(weight.sum(axis=1)) - weight
    inverse = np.linalg.pinv(laplacian)
    layout = _main_plane(centers.astype(np.float32))
    for _ in range(_LAYOUT_ROUNDS):
        gap = layout[:, None, :] - layout
        length = np.maximum(np.sqrt((gap**2).sum(axis=2)), 1e-9)
        pull = weight * distance / length
        moved = inverse @ (layout * pull.sum(axis=1)[:, None] - pull @ layout)
        if float(np.abs(moved - layout).max()) < 1e-6 * float(np.abs(moved).max()):
            break
        layout = moved
    return np.asarray(layout - layout.mean(axis=0))


def _drawn_between(Z: Float32, centers: Float64, layout: Float64) -> Float64:
    """Return the mean of the centres' places, each weighing by its nearness to the song."""
    places = np.empty((len(Z), 2))
    squares = (centers**2).sum(axis=1)
    for start in range(0, len(Z), _BLOCK):
        X = Z[start : start + _BLOCK].astype(np.float64)
        distance = np.maximum(squares - 2.0 * X @ centers.T + (X**2).sum(axis=1)[:, None], 0.0)
        nearest = distance.min(axis=1, keepdims=True)
        weight = np.exp(-4.0 * (distance - nearest) / np.maximum(nearest, 1e-9))
        places[start : start + _BLOCK] = weight @ layout / weight.sum(axis=1, keepdims=True)
    return places


def _around_centre(
    plane: Float64,
    labels: NDArray[np.int32],
    groups: NDArray[np.int32],
    islands: NDArray[np.intp],
    layout: Float64,
) -> Float64:
    """Return each song's way from the middle of its island; nothing for songs in no group."""
    offset = np.zeros_like(plane)
    for number in range(len(groups)):
        inside = (islands == number) & (labels >= 0)
        way = plane[inside] - plane[inside].mean(axis=0)
        radius = float(np.sqrt((way**2).sum(axis=1).mean()))
        others = np.delete(layout, number, axis=0) - layout[number]
        room = float(np.sqrt((others**2).sum(axis=1).min()))
        offset[inside] = way * (_ISLAND * room / max(radius, 1e-9))
    return offset


def _fill_square(places: Float64) -> Float32:
    """Scale each axis so that all but the outermost songs lie in -.95...95, and those at the edge."""
    low, high = np.quantile(places, [0.005, 0.995], axis=0)
    scaled = (places - (low + high) / 2) / np.maximum((high - low) / 2, 1e-12) * 0.95
    return np.asarray(np.clip(scaled, -1.0, 1.0), dtype=np.float32)
