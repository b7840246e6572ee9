"""The library as a map: some songs of it, placed by how they sound and coloured by what they are most."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import MSD_TAGS, Float32
from audiomuse.services.library import LibraryView
from audiomuse.similarity import Songs, map_coordinates

MOST_POINTS = 3000
"""More would not be told apart, and a phone has to draw them."""
COLOURED = 5
"""As many colours as the charts have."""
_SMALLEST_ISLAND = 0.01
_IN_THE_MIDDLE = 6


@dataclass(frozen=True, slots=True)
class Island:
    """Songs that are most of all the same."""

    tag: str
    share: float
    """Of the songs on the map, 0..1."""
    middle: tuple[int, ...]
    """Points that are nearest to its middle, nearest first."""


@dataclass(frozen=True, slots=True, eq=False)
class SonicMap:
    """Points of a map; those of the whole library if it is small enough, else evenly chosen ones."""

    total: int
    """Songs in the library."""
    rows: NDArray[np.intp]
    """Shape (n,), the song of each point as a row of the library."""
    places: Float32
    """Shape (n, 2), in -1..1; near is alike."""
    islands: tuple[Island, ...]
    """The largest first, at most `COLOURED`."""
    island_of: NDArray[np.int32]
    """Shape (n,), a number of `islands`, or -1."""


_DRAWN: WeakKeyDictionary[LibraryView, SonicMap] = WeakKeyDictionary()


def current_map(library: LibraryView) -> SonicMap:
    """Return the map of a library, drawn once; raises like `draw_map`."""
    drawn = _DRAWN.get(library)
    if drawn is None:
        drawn = _DRAWN[library] = draw_map(library)
    return drawn


def draw_map(library: LibraryView, *, most: int = MOST_POINTS) -> SonicMap:
    """Place songs of a library; the same library gives the same map.

    Parameters
    ----------
    library : LibraryView
    most : int > 0
        Points at most.

    Raises
    ------
    LibraryEmpty
        If no song was analysed.
    """
    index = library.index
    total = len(library.songs)
    rows = np.linspace(0, total - 1, min(total, most)).round().astype(np.intp)
    main = _main_tags(library.songs, rows, library.mean_tags)
    tags, counts = np.unique(main, return_counts=True)
    large = tags[counts >= max(2.0, _SMALLEST_ISLAND * len(rows))]
    labels = np.where(np.isin(main, large), main, -1).astype(np.int32)
    places = map_coordinates(index.vectors(rows), labels=labels)
    chosen = [tag for tag in tags[np.argsort(-counts, kind="stable")] if tag in large][:COLOURED]
    island_of = np.full(len(rows), -1, dtype=np.int32)
    islands = []
    for number, tag in enumerate(chosen):
        inside = np.flatnonzero(main == tag)
        island_of[inside] = number
        islands.append(Island(MSD_TAGS[tag], len(inside) / len(rows), _middle(places, inside)))
    return SonicMap(total, rows, places, tuple(islands), island_of)


def _main_tags(songs: Songs, rows: NDArray[np.intp], mean: Float32) -> NDArray[np.intp]:
    """Return the tag that each song has most of, measured by what is usual, shape (n,)."""
    usual = np.sqrt(np.maximum(mean, 1e-4))  # between "often" (1) and "more than others" (the mean itself)
    return np.asarray((songs.tags[rows] / usual).argmax(axis=1))


def _middle(places: Float32, inside: NDArray[np.intp]) -> tuple[int, ...]:
    """Return the points of an island that are nearest to its median place."""
    away = np.linalg.norm(places[inside] - np.median(places[inside], axis=0), axis=1)
    return tuple(int(point) for point in inside[np.argsort(away, kind="stable")[:_IN_THE_MIDDLE]])
