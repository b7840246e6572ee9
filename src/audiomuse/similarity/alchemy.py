"""Song alchemy: what sounds like these songs and artists, but not like those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiomuse.errors import ParameterError
from audiomuse.model import Float32
from audiomuse.similarity.index import Neighbour, SearchRules, SimilarityIndex, unit_rows

_SUBTRACTED = 0.6
"""Subtracting weighs less than adding: the answer should still sound like what was added."""
_POOL = 6
"""With a temperature songs are drawn from six times as many as are wanted."""


@dataclass(frozen=True, slots=True)
class PreviewPoint:
    """A dot of the 2-D picture of one alchemy."""

    track_id: str
    kind: str
    """``"add"``, ``"subtract"`` or ``"result"``."""
    x: float
    """-1..1."""
    y: float
    """-1..1."""


@dataclass(frozen=True, slots=True)
class Alchemy:
    """What came out."""

    tracks: tuple[Neighbour, ...]
    """Nearest to the mixture first; distances are to the mixture."""
    preview: tuple[PreviewPoint, ...]


def mix(
    index: SimilarityIndex,
    add: Sequence[Sequence[str]],
    subtract: Sequence[Sequence[str]] = (),
    *,
    n: int = 25,
    temperature: float = 0.0,
    seed: int = 0,
    max_per_artist: int = 3,
) -> Alchemy:
    """Find songs near the sum of what is added less what is subtracted.

    Parameters
    ----------
    index : SimilarityIndex
    add : sequence of sequence of str
        Ingredients, each the track ids of one thing: a song is one id, an artist all of its songs. Each
        ingredient counts the same, however many songs it has.
    subtract : sequence of sequence of str
        Likewise, what the answer should not sound like.
    n : int
        Songs wanted.
    temperature : float >= 0
        0: always the nearest songs. Higher: songs are drawn, nearer ones more often (1 is lively).
    seed : int
        Same seed, same draw.
    max_per_artist : int
        0 for no limit.

    Returns
    -------
    Alchemy
        Ingredients are never in the answer, nor copies of them.

    Raises
    ------
    NotFound
        If an ingredient is no analysed track.
    ParameterError
        If nothing is added, an ingredient is empty, `n` < 1 or `temperature` is negative.
    """
    if not add:
        raise ParameterError("Nothing was added; alchemy needs at least one song or artist to start from.")
    if any(not songs for songs in (*add, *subtract)):
        raise ParameterError("An ingredient has no songs.")
    if n < 1 or temperature < 0:
        raise ParameterError(f"n must be 1 or more (is {n}), temperature 0 or more (is {temperature:g}).")
    added = [index.rows(songs) for songs in add]
    subtracted = [index.rows(songs) for songs in subtract]
    mixture = _mean_direction(index, [list(rows) for rows in added])
    if subtracted:
        mixture = mixture - _SUBTRACTED * _mean_direction(index, [list(rows) for rows in subtracted])
    mixture = unit_rows(mixture[None, :])[0]
    ingredients = [int(row) for rows in (*added, *subtracted) for row in rows]
    rules = SearchRules(max_per_artist=max_per_artist)
    found = index.select(mixture, n if temperature == 0 else _POOL * n, rules=rules, asked=ingredients)
    if temperature > 0:
        found = _draw(found, n, temperature, np.random.default_rng(seed))
    rows = [row for row, _ in found]
    groups = [("add", rows_of) for rows_of in added] + [("subtract", rows_of) for rows_of in subtracted]
    dots = [(int(row), kind) for kind, rows_of in groups for row in rows_of] + [
        (row, "result") for row in rows
    ]
    return Alchemy(
        tuple(Neighbour(index.songs.ids[row], distance) for row, distance in found),
        preview(index, dots),
    )


def preview(index: SimilarityIndex, dots: Sequence[tuple[int, str]]) -> tuple[PreviewPoint, ...]:
    """Place songs in a square by their own two main axes.

    Parameters
    ----------
    index : SimilarityIndex
    dots : sequence of (row, kind)

    Returns
    -------
    tuple of PreviewPoint
        In the order of `dots`; the farthest coordinate is 1 or -1.
    """
    if not dots:
        return ()
    X = index.vectors([row for row, _ in dots]).astype(np.float64)
    X -= X.mean(axis=0)
    axes = np.linalg.svd(X, full_matrices=False)[2][:2]
    # An axis has no natural direction; the largest part of it points up, so that pictures repeat.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    places = np.zeros((len(X), 2))
    places[:, : len(axes)] = X @ (axes * signs[:, None]).T
    places /= max(float(np.abs(places).max()), 1e-12)
    return tuple(
        PreviewPoint(index.songs.ids[row], kind, round(float(x), 4), round(float(y), 4))
        for (row, kind), (x, y) in zip(dots, places, strict=True)
    )


def _mean_direction(index: SimilarityIndex, ingredients: Sequence[Sequence[int]]) -> Float32:
    """Return the mean of the ingredients' own mean directions."""
    means = [unit_rows(index.vectors(list(rows)).mean(axis=0)[None, :])[0] for rows in ingredients]
    return np.asarray(np.mean(means, axis=0), dtype=np.float32)


def _draw(
    found: Sequence[tuple[int, float]], n: int, temperature: float, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """Draw `n` songs without replacement, nearer ones more often (Gumbel top-n), nearest first."""
    distance = np.asarray([d for _, d in found])
    if len(distance) == 0:
        return []
    spread = max(float(distance.std()), 1e-6)
    keys = -(distance - distance.min()) / (spread * temperature) + rng.gumbel(size=len(distance))
    chosen = sorted(np.argsort(-keys, kind="stable")[:n])
    return [found[int(i)] for i in chosen]
