"""Split one big cluster into several lists that are coherent by themselves.

A constrained k-means: every part has room for a full list and for a few songs of one artist and one take
of a recording. Songs go where they lose least, those with most to lose first, and part centres follow
their songs. Songs that a list keeps from yesterday sit in their part from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32

Rows = NDArray[np.intp]

_ROUNDS = 6
_FULLNESS = 0.9
"""Parts are planned for lists nine tenths full, so that songs find room near their own centre."""
_PLACED = 0.97
"""A cluster is divided until this share of its songs has a place under the artist cap."""
_DISTANCE_WEIGHT = 0.25
"""How much plain nearness counts beside regret when songs compete for a place."""
_CHUNK = 3000
"""Bigger clusters are first cut into chunks of about half this size, which bounds time and memory."""


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` songs of one group in one list."""

    groups: NDArray[np.intp]
    """Shape (n,), group of every song, 0..n_groups-1."""
    limit: int


def plan_parts(artists: NDArray[np.intp], *, max_songs: int, per_artist: int, usual: int) -> int:
    """Choose into how many lists the songs of a cluster are divided.

    Parameters
    ----------
    artists : ndarray, shape=(n,)
        Artist (code) of each song.
    max_songs : int
        Songs in one list at most; lists are planned nine tenths full.
    per_artist : int
        Songs of one artist in one list at most.
    usual : int
        Lists are not made shorter than this on average.

    Returns
    -------
    int
        At least 1: enough for nearly all of the songs to have a place under the artist cap, as long as
        lists stay of usual length.
    """
    n_songs = len(artists)
    parts = 1 if n_songs <= max_songs else -(-n_songs // max(1, int(max_songs * _FULLNESS)))
    while places(artists, parts, per_artist) < _PLACED * n_songs:
        if places(artists, parts + 1, per_artist) < usual * (parts + 1):
            break
        parts += 1
    while parts > 1 and places(artists, parts, per_artist) < usual * parts:
        parts -= 1
    return parts


def places(artists: NDArray[np.intp], parts: int, per_artist: int) -> int:
    """Return how many songs `parts` lists hold at most under an artist cap."""
    return int(np.minimum(np.bincount(artists), per_artist * parts).sum()) if len(artists) else 0


def assign_parts(
    X: Float32,
    centers: Float32,
    quotas: Sequence[Quota],
    *,
    capacity: int,
    preset: NDArray[np.int32],
    forbidden: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Give each song a part, within the room of every part.

    Parameters
    ----------
    X : ndarray, shape=(n, d)
    centers : ndarray, shape=(m, d)
    quotas : sequence of Quota
        Limits per part besides `capacity`.
    capacity : int
        Songs in one part at most.
    preset : ndarray, shape=(n,)
        Part that a song sits in already, -1 for free songs. Preset songs count and never move.
    forbidden : ndarray of bool, shape=(n, m), optional
        Songs that may not go to a part.

    Returns
    -------
    ndarray, shape=(n,)
        Part of each song, -1 where no part had room.

    Notes
    -----
    Songs propose to their nearest open part; each part takes those with the least to lose by staying
    (distance beyond the best, plus a quarter of the distance itself) until a limit is met, and the rest
    propose again. Every round either places a song or closes a part to it, so it ends.
    """
    cost = _squared_distances(X, centers)
    urgency = (1.0 + _DISTANCE_WEIGHT) * cost - cost.min(axis=1, keepdims=True)
    if forbidden is not None:
        cost[forbidden] = np.inf

    labels = preset.astype(np.int32, copy=True)
    room = capacity - np.bincount(labels[labels >= 0], minlength=len(centers))
    taken = [_count(quota, labels, len(centers)) for quota in quotas]
    free = np.flatnonzero(labels < 0)
    while len(free):
        cost[:, room <= 0] = np.inf
        for quota, count in zip(quotas, taken, strict=True):
            full = (count >= quota.limit)[:, quota.groups[free]].T
            cost[free] = np.where(full, np.inf, cost[free])
        free = free[np.isfinite(cost[free]).any(axis=1)]
        if len(free) == 0:
            break
        choice = cost[free].argmin(axis=1)
        order = np.lexsort((free, urgency[free, choice], choice))
        songs, parts = free[order], choice[order]
        accepted = np.ones(len(songs), dtype=bool)
        for quota, count in zip(quotas, taken, strict=True):
            groups = quota.groups[songs]
            accepted &= (
                _rank_within(parts * (quota.groups.max() + 1) + groups) < quota.limit - count[parts, groups]
            )
        songs, parts = songs[accepted], parts[accepted]
        accepted = _rank_within(parts) < room[parts]
        songs, parts = songs[accepted], parts[accepted]
        labels[songs] = parts
        np.subtract.at(room, parts, 1)
        for quota, count in zip(quotas, taken, strict=True):
            np.add.at(count, (parts, quota.groups[songs]), 1)
        free = free[labels[free] < 0]
    return labels


def split_cluster(
    X: Float32,
    quotas: Sequence[Quota],
    *,
    n_parts: int,
    capacity: int,
    minimum: int,
    rng: np.random.Generator,
    preset: NDArray[np.int32] | None = None,
    n_preset: int = 0,
    forbidden: NDArray[np.bool_] | None = None,
) -> list[Rows]:
    """Split songs into coherent parts.

    Parameters
    ----------
    X : ndarray, shape=(n, d)
    quotas : sequence of Quota
        Limits per part.
    n_parts : int
        Parts wanted, at least `n_preset`.
    capacity, minimum : int
        Songs in one part at most and at least. Parts that stay shorter are dissolved into the others,
        except preset ones.
    rng : numpy.random.Generator
        Draws the first centres.
    preset : ndarray, shape=(n,), optional
        Part 0..n_preset-1 of songs that have one already, else -1.
    forbidden : ndarray of bool, shape=(n, n_preset), optional
        Songs that may not go to a preset part.

    Returns
    -------
    list of ndarray
        Rows of `X` in each part, ascending; the first `n_preset` are the preset parts in their order,
        possibly short.
    """
    if preset is None:
        preset = np.full(len(X), -1, dtype=np.int32)
    centers = _first_centers(X, preset, n_preset, n_parts, rng)
    barred = np.zeros((len(X), len(centers)), dtype=bool)
    if forbidden is not None:
        barred[:, :n_preset] = forbidden
    labels = preset
    for _ in range(_ROUNDS):
        labels = assign_parts(X, centers, quotas, capacity=capacity, preset=preset, forbidden=barred)
        centers = _recentre(X, labels, centers)
    while True:
        sizes = np.bincount(labels[labels >= 0], minlength=len(centers))
        short = np.flatnonzero(sizes < minimum)
        short = short[short >= n_preset]
        if len(short) == 0 or len(centers) == 1:
            break
        gone = short[np.argmin(sizes[short])]
        centers = np.delete(centers, gone, axis=0)
        barred = np.delete(barred, gone, axis=1)
        labels = assign_parts(X, centers, quotas, capacity=capacity, preset=preset, forbidden=barred)
        centers = _recentre(X, labels, centers)
    return [np.flatnonzero(labels == part) for part in range(len(centers))]


def chunk_labels(X: Float32, rng: np.random.Generator) -> NDArray[np.int32]:
    """Cut a very big cluster into chunks that can each be split by itself; all zeros if it is not."""
    if len(X) <= _CHUNK:
        return np.zeros(len(X), dtype=np.int32)
    centers = _spread_out(X, -(-len(X) // (_CHUNK // 2)), rng)
    labels: NDArray[np.int32]
    for _ in range(4):
        labels = _squared_distances(X, centers).argmin(axis=1).astype(np.int32)
        centers = _recentre(X, labels, centers)
    return labels


def _first_centers(
    X: Float32, preset: NDArray[np.int32], n_preset: int, n_parts: int, rng: np.random.Generator
) -> Float32:
    """Return the means of the preset parts, then free songs far from them and from each other."""
    means = [X[preset == part].mean(axis=0) for part in range(n_preset)]
    free = X[preset < 0]
    extra = min(max(n_parts, 1) - n_preset, len(free))
    if extra <= 0:
        return np.asarray(means, dtype=np.float32).reshape(n_preset, X.shape[1])
    start = np.asarray(means, dtype=np.float32) if means else None
    return _spread_out(free, extra, rng, start)


def _spread_out(X: Float32, n: int, rng: np.random.Generator, start: Float32 | None = None) -> Float32:
    """Draw `n` rows of `X` by squared distance to those before (k-means++), after the rows of `start`."""
    chosen = [] if start is None else list(start)
    if not chosen:
        chosen.append(X[rng.integers(len(X))])
        n -= 1
    nearest = _squared_distances(X, np.asarray(chosen, dtype=np.float32)).min(axis=1)
    for _ in range(n):
        total = float(nearest.sum(dtype=np.float64))
        if total <= 0.0:
            row = int(rng.integers(len(X)))
        else:
            row = int(np.searchsorted(np.cumsum(nearest, dtype=np.float64), rng.random() * total))
        chosen.append(X[min(row, len(X) - 1)])
        nearest = np.minimum(nearest, _squared_distances(X, chosen[-1][None, :])[:, 0])
    return np.asarray(chosen, dtype=np.float32)


def _recentre(X: Float32, labels: NDArray[np.int32], centers: Float32) -> Float32:
    """Return the mean of each part; a part without songs keeps its centre."""
    placed = labels >= 0
    sizes = np.bincount(labels[placed], minlength=len(centers))
    sums = np.zeros_like(centers)
    np.add.at(sums, labels[placed], X[placed])
    return np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centers).astype(np.float32)


def _squared_distances(X: Float32, centers: Float32) -> Float32:
    """Return the (n, m) squared Euclidean distances."""
    distances = X @ (-2.0 * centers.T)
    distances += np.einsum("nd,nd->n", X, X)[:, None]
    distances += np.einsum("md,md->m", centers, centers)
    np.maximum(distances, 0.0, out=distances)
    return np.asarray(distances, dtype=np.float32)


def _count(quota: Quota, labels: NDArray[np.int32], n_parts: int) -> NDArray[np.intp]:
    """Return how many songs of each group sit in each part, shape (n_parts, n_groups)."""
    count = np.zeros((n_parts, int(quota.groups.max(initial=-1)) + 1), dtype=np.intp)
    placed = np.flatnonzero(labels >= 0)
    np.add.at(count, (labels[placed], quota.groups[placed]), 1)
    return count


def _rank_within(keys: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return each element's position among the equal keys before it: [a, b, a, a] -> [0, 0, 1, 2]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = (
        np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(keys) else np.zeros(0, dtype=np.intp)
    )
    ranks = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    result = np.empty(len(keys), dtype=np.intp)
    result[order] = ranks
    return result
