"""Order a list so that one song leads to the next.

The cost of a step from song to song weighs sound, tempo (half and double time are the same beat), key (by
steps on the Camelot wheel), energy and the artist. The best open path over that cost starts greedy and is
then improved by reversing stretches (2-opt) and by moving short ones (Or-opt) until neither helps. Silence
before and after the list counts as a calm song, so that lists rise from calm and come back to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiomuse.features import artist_codes
from audiomuse.model import FeatureMatrix, Float32

Rows = NDArray[np.intp]

SOUND_WEIGHT = 1.0
TEMPO_WEIGHT = 0.6
KEY_WEIGHT = 0.5
ENERGY_WEIGHT = 0.4
ARTIST_WEIGHT = 0.5
ARC_WEIGHT = 0.35

_TEMPO_STEP = np.log2(1.12)
"""A change of 12 % counts as one step; two steps are as bad as it gets."""
_ENERGY_STEP = 0.25
_UNKNOWN = 0.5
"""What a step costs, as a share of its worst, when one side has no tempo, key or energy."""
_LONGEST_MOVED_STRETCH = 3
_LEAST_GAIN = 1e-9


@dataclass(frozen=True, slots=True)
class FlowSummary:
    """How smooth an order is."""

    cost_per_step: float
    """Mean of `flow_costs` between neighbours; 0 for fewer than two songs."""
    tempo_kept: float | None
    """Share of steps that stay within 6 % of tempo, half and double time folded; None if unknown."""
    keys_compatible: float | None
    """Share of steps of at most one Camelot step; None if unknown."""
    energy_step: float | None
    """Mean absolute change of energy; None if unknown."""


def flow_costs(
    matrix: FeatureMatrix, Z: Float32, rows: Rows, artists: NDArray[np.integer[Any]] | None = None
) -> Float32:
    """Return what each step between two songs of a list costs.

    Parameters
    ----------
    matrix : FeatureMatrix
    Z : ndarray, shape=(n_library, d)
        The library in the judge space.
    rows : ndarray, shape=(n,)
        The songs of the list.
    artists : ndarray of int, shape=(n_library,), optional
        Codes of the artists, where they are at hand already.

    Returns
    -------
    ndarray, shape=(n, n)
        Symmetric, zero on the diagonal. Sound counts in medians of the list's own distances.
    """
    X = Z[rows]
    squares = np.einsum("nd,nd->n", X, X)
    sound = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * X @ X.T, 0.0))
    off_diagonal = sound[~np.eye(len(rows), dtype=bool)]
    scale = float(np.median(off_diagonal)) if len(off_diagonal) else 0.0
    costs = SOUND_WEIGHT * sound / (scale or 1.0)
    costs += TEMPO_WEIGHT * np.minimum(tempo_distance(matrix.tempo_bpm[rows]) / _TEMPO_STEP, 2.0)
    costs += KEY_WEIGHT * key_cost(matrix.key_index[rows])
    energy = matrix.energy[rows]
    step = np.abs(energy[:, None] - energy) / _ENERGY_STEP
    costs += ENERGY_WEIGHT * np.where(np.isnan(step), 2.0 * _UNKNOWN, np.minimum(step, 2.0))
    codes = artist_codes(matrix.artists[row] for row in rows) if artists is None else artists[rows]
    costs += ARTIST_WEIGHT * (codes[:, None] == codes)
    np.fill_diagonal(costs, 0.0)
    return np.asarray(costs, dtype=np.float32)


def tempo_distance(bpm: Float32) -> Float32:
    """Return |log2 ratio| of all pairs of tempos, folded so that half and double time are 0.

    A pair with an unknown tempo gets one step of 12 %.
    """
    octaves = np.log2(np.where(bpm > 0, bpm, np.nan))
    ratio = np.abs(octaves[:, None] - octaves)
    folded = np.minimum(ratio, np.abs(1.0 - ratio))
    return np.asarray(np.where(np.isnan(folded), 2.0 * _UNKNOWN * _TEMPO_STEP, folded), dtype=np.float32)


def camelot_number(key_index: NDArray[np.int8]) -> NDArray[np.intp]:
    """Return the number 1..12 of each key on the Camelot wheel (C major and A minor are 8); 0 for no key.

    Minor keys share the number of their relative major; 8A and 8B differ by the letter alone.
    """
    index = key_index.astype(np.intp)
    tonic = np.where(index >= 12, index - 12 + 3, index) % 12
    return np.where(index >= 0, (7 * tonic + 7) % 12 + 1, 0)


def camelot_steps(key_index: NDArray[np.int8]) -> NDArray[np.intp]:
    """Return the steps on the Camelot wheel between all pairs of keys; -1 where one is unknown.

    One step along the wheel or one change of letter each count 1.
    """
    number, minor = camelot_number(key_index), key_index >= 12
    around = np.abs(number[:, None] - number)
    steps = np.minimum(around, 12 - around) + (minor[:, None] != minor)
    known = key_index >= 0
    return np.where(known[:, None] & known, steps, -1)


def key_cost(key_index: NDArray[np.int8]) -> Float32:
    """Return 0 for the same key, .15 for a neighbour, then (steps - 1) / 3 up to 1; .5 if unknown."""
    steps = camelot_steps(key_index)
    cost = np.where(steps == 1, 0.15, np.minimum(1.0, (steps - 1) / 3.0))
    cost = np.where(steps == 0, 0.0, cost)
    return np.asarray(np.where(steps < 0, _UNKNOWN, cost), dtype=np.float32)


def order_for_flow(
    matrix: FeatureMatrix, Z: Float32, rows: Rows, artists: NDArray[np.integer[Any]] | None = None
) -> Rows:
    """Order the songs of a list for flow.

    Parameters
    ----------
    matrix : FeatureMatrix
    Z : ndarray, shape=(n_library, d)
    rows : ndarray, shape=(n,)
        The songs, in any order; the result does not depend on it.
    artists : ndarray of int, shape=(n_library,), optional
        Codes of the artists, where they are at hand already.

    Returns
    -------
    ndarray, shape=(n,)
        The same rows. Of the two directions, the one whose energy peaks later is taken.
    """
    rows = np.sort(np.asarray(rows, dtype=np.intp))
    if len(rows) < 3:
        return rows
    costs = flow_costs(matrix, Z, rows, artists)
    path = shortest_path(costs, _calm_ends(matrix.energy[rows]))
    energy = np.nan_to_num(matrix.energy[rows][path], nan=0.0)
    position = np.arange(len(path))
    if energy.sum() > 0 and (energy * position).sum() / energy.sum() < position.mean():
        path = path[::-1]
    return rows[path]


def shortest_path(costs: Float32, end_costs: Float32 | None = None) -> Rows:
    """Find a short open path through all points.

    Parameters
    ----------
    costs : ndarray, shape=(n, n)
        Symmetric, non-negative.
    end_costs : ndarray, shape=(n,), optional
        What it costs to begin or end at a point; zeros by default.

    Returns
    -------
    ndarray, shape=(n,)
        A permutation that neither reversing a stretch nor moving up to three neighbours improves.
    """
    n = len(costs)
    if n < 3:
        return np.arange(n)
    # One more point, "silence", turns the open path into a closed tour that starts and ends there.
    closed = np.zeros((n + 1, n + 1), dtype=np.float64)
    closed[1:, 1:] = costs
    if end_costs is not None:
        closed[0, 1:] = closed[1:, 0] = end_costs
    tour = _greedy_tour(closed)
    for _ in range(50 * n):
        improved = _best_reversal(tour, closed)
        if improved is None:
            improved = _best_move(tour, closed)
        if improved is None:
            break
        tour = improved
    return tour[1:] - 1


def flow_summary(matrix: FeatureMatrix, Z: Float32, rows: Rows) -> FlowSummary:
    """Measure how smooth the order `rows` is."""
    if len(rows) < 2:
        return FlowSummary(0.0, None, None, None)
    costs = flow_costs(matrix, Z, rows)
    here, there = np.arange(len(rows) - 1), np.arange(1, len(rows))
    octaves = np.log2(np.where(matrix.tempo_bpm[rows] > 0, matrix.tempo_bpm[rows], np.nan))
    ratio = np.abs(np.diff(octaves))
    ratio = np.minimum(ratio, np.abs(1.0 - ratio))
    steps = camelot_steps(matrix.key_index[rows])[here, there]
    energy = np.abs(np.diff(matrix.energy[rows]))
    return FlowSummary(
        cost_per_step=float(costs[here, there].mean()),
        tempo_kept=_mean(ratio[~np.isnan(ratio)] <= np.log2(1.06)),
        keys_compatible=_mean(steps[steps >= 0] <= 1),
        energy_step=_mean(energy[~np.isnan(energy)]),
    )


def _calm_ends(energy: Float32) -> Float32:
    """What it costs to begin or end with a song: nothing for the calmest, most for the loudest."""
    if np.isnan(energy).all():
        return np.zeros(len(energy), dtype=np.float32)
    rank = np.argsort(np.argsort(np.nan_to_num(energy, nan=float(np.nanmedian(energy))), kind="stable"))
    return np.asarray(2.0 * ARC_WEIGHT * rank / max(len(energy) - 1, 1), dtype=np.float32)


def _greedy_tour(closed: NDArray[np.float64]) -> Rows:
    """Go from silence to the nearest unvisited song until none is left."""
    left = np.ones(len(closed), dtype=bool)
    left[0] = False
    tour = [0]
    while left.any():
        tour.append(int(np.argmin(np.where(left, closed[tour[-1]], np.inf))))
        left[tour[-1]] = False
    return np.asarray(tour, dtype=np.intp)


def _best_reversal(tour: Rows, closed: NDArray[np.float64]) -> Rows | None:
    """Reverse the stretch that saves most (2-opt); None if none saves anything."""
    n = len(tour)
    steps = closed[tour[:, None], tour]
    following = _following(n)
    edge = steps[np.arange(n), following]
    # Replace edges (i, i+1), (j, j+1) by (i, j), (i+1, j+1), for i < j.
    gain = edge[:, None] + edge - steps - steps[following[:, None], following]
    gain *= _above_diagonal(n)
    i, j = divmod(int(np.argmax(gain)), n)
    if gain[i, j] <= _LEAST_GAIN:
        return None
    improved = tour.copy()
    improved[i + 1 : j + 1] = tour[i + 1 : j + 1][::-1]
    return improved


def _best_move(tour: Rows, closed: NDArray[np.float64]) -> Rows | None:
    """Move the stretch of one to three songs that saves most (Or-opt); None if none saves anything."""
    n = len(tour)
    steps = closed[tour[:, None], tour]
    following = _following(n)
    onward = steps[:, following]
    gap = onward[np.arange(n), np.arange(n)]
    best_gain, best = _LEAST_GAIN, None
    for length in range(1, min(_LONGEST_MOVED_STRETCH, n - 2) + 1):
        # Stretches start at 1, silence stays in front; row s - 1 of each array is the stretch from s.
        first, last = np.s_[1 : n - length + 1], np.s_[length:n]
        starts = np.arange(1, n - length + 1)
        behind = following[starts + length - 1]
        freed = gap[starts - 1] + gap[starts + length - 1] - steps[starts - 1, behind]
        movable = _gaps_elsewhere(n, length)
        for left, right, flipped in ((first, last, False), (last, first, True)):
            gain = (freed[:, None] + gap - steps[left] - onward[right]) * movable
            k = int(np.argmax(gain))
            if gain.flat[k] > best_gain:
                row, at = divmod(k, n)
                best_gain, best = float(gain.flat[k]), (row + 1, length, at, flipped)
    if best is None:
        return None
    start, length, at, flipped = best
    stretch = tour[start : start + length]
    rest = np.delete(tour, np.s_[start : start + length])
    position = at + 1 if at < start else at + 1 - length
    return np.insert(rest, position, stretch[::-1] if flipped else stretch)


@lru_cache(maxsize=64)
def _following(n: int) -> Rows:
    """Return the position behind each position of a tour."""
    return np.roll(np.arange(n), -1)


@lru_cache(maxsize=64)
def _above_diagonal(n: int) -> NDArray[np.bool_]:
    """Return the (n, n) mask of i < j."""
    return np.triu(np.ones((n, n), dtype=bool), 1)


@lru_cache(maxsize=192)
def _gaps_elsewhere(n: int, length: int) -> NDArray[np.bool_]:
    """Return which gaps (columns) do not touch the stretch that starts at row + 1."""
    offset = np.arange(n) - np.arange(n - length)[:, None]
    return (offset < 0) | (offset > length)


def _mean(values: NDArray[np.bool_] | Float32) -> float | None:
    return float(np.mean(values)) if len(values) else None
