"""A way from one song to another in small steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import ParameterError
from audiomuse.model import Float32
from audiomuse.similarity.index import SimilarityIndex

_CANDIDATES = 60
_DETOUR = 0.5
"""How much a step that is longer than an even one counts beside the distance from the straight way."""
_SAME_ARTIST = 0.1
"""Added to the cost of two songs by one artist in a row, and of a song heard before."""


@dataclass(frozen=True, slots=True)
class SongPath:
    """Songs from one to another, both ends included."""

    track_ids: tuple[str, ...]
    total_distance: float
    """Sum of the cosine distances of the steps."""


def find_path(
    index: SimilarityIndex, start_id: str, end_id: str, *, max_steps: int = 25, exact_size: bool = False
) -> SongPath:
    """Find songs that lead from one song to another.

    The straight way is the arc between the two on the unit sphere (slerp). Each waypoint takes the
    unused song that is near both to it and to the song before.

    Parameters
    ----------
    index : SimilarityIndex
    start_id, end_id : str
        Ends of the path.
    max_steps : int >= 2
        Songs in the path at most, ends included.
    exact_size : bool
        Exactly `max_steps` songs (as far as the library has them). Otherwise songs that bring the path no
        nearer to its end are left out.

    Returns
    -------
    SongPath
        The start alone if both ends are one song.

    Raises
    ------
    NotFound
        If an end is no analysed track.
    ParameterError
        If `max_steps` is below 2.
    """
    if max_steps < 2:
        raise ParameterError(f"max_steps is {max_steps}, but a path has two ends; give 2 or more.")
    start, end = index.row(start_id), index.row(end_id)
    if start == end:
        return SongPath((start_id,), 0.0)
    rows = [start]
    inner = min(max_steps, len(index.songs)) - 2
    angle = float(np.arccos(np.clip(float(index.vector(start) @ index.vector(end)), -1.0, 1.0)))
    even_step = 1.0 - float(np.cos(angle / (inner + 1)))
    for t in np.arange(1, inner + 1) / (inner + 1):
        waypoint = slerp(index.vector(start), index.vector(end), float(t))
        row = _next_song(index, waypoint, rows, end, even_step)
        if row is not None:
            rows.append(row)
    rows.append(end)
    if not exact_size:
        rows = _without_setbacks(index, rows)
    steps = (index.vectors(rows[:-1]) * index.vectors(rows[1:])).sum(axis=1)
    return SongPath(tuple(index.songs.ids[row] for row in rows), float(np.clip(1.0 - steps, 0.0, 2.0).sum()))


def slerp(a: Float32, b: Float32, t: float) -> Float32:
    """Return the point at share `t` of the arc from unit vector `a` to unit vector `b`.

    Opposite vectors have no single arc; the way then goes straight and is scaled to length one.
    """
    angle = float(np.arccos(np.clip(float(a @ b), -1.0, 1.0)))
    if angle < 1e-6 or np.pi - angle < 1e-3:
        point = (1.0 - t) * a + t * b
        norm = float(np.linalg.norm(point))
        return np.asarray(point / norm if norm > 1e-6 else a, dtype=np.float32)
    weights = np.sin((1.0 - t) * angle), np.sin(t * angle)
    return np.asarray((weights[0] * a + weights[1] * b) / np.sin(angle), dtype=np.float32)


def _next_song(
    index: SimilarityIndex, waypoint: Float32, rows: list[int], end: int, even_step: float
) -> int | None:
    """Choose the best unused song for a waypoint; None if every song is used."""
    used = np.asarray([*rows, end], dtype=np.intp)
    candidates, distance = index.nearest(waypoint, _CANDIDATES + len(used))
    fresh = ~np.isin(candidates, used)
    candidates, distance = candidates[fresh], distance[fresh]
    if len(candidates) == 0:
        return None
    cost = distance + _DETOUR * np.maximum(index.distances_between(rows[-1], candidates) - even_step, 0.0)
    cost = cost + _SAME_ARTIST * (index.artists[candidates] == index.artists[rows[-1]])
    cost = cost + _SAME_ARTIST * _heard_before(index, used, candidates)
    return int(candidates[int(cost.argmin())])


def _heard_before(
    index: SimilarityIndex, used: NDArray[np.intp], candidates: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell which candidates are the same song as one in the path."""
    heard = np.zeros(len(candidates), dtype=bool)
    for row in used:
        heard |= index.same_song(int(row), candidates)
    return heard


def _without_setbacks(index: SimilarityIndex, rows: list[int]) -> list[int]:
    """Leave out songs that are farther from the end than one before them."""
    to_end = index.distances_between(rows[-1], np.asarray(rows, dtype=np.intp))
    kept = [rows[0]]
    best = float(to_end[0])
    for row, distance in zip(rows[1:-1], to_end[1:-1], strict=True):
        if distance < best:
            kept.append(row)
            best = float(distance)
    return [*kept, rows[-1]]
