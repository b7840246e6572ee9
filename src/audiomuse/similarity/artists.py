"""Which artists sound alike.

An artist is a handful of typical songs, not an average: a band with a loud and a quiet side has two.
Artists are first sorted by the angle between their means, then the nearest are measured song by song
(Chamfer distance: each typical song of one to the nearest of the other, both ways).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import NotFound
from audiomuse.features import normalise_artist
from audiomuse.model import Float32
from audiomuse.similarity.index import SimilarityIndex, unit_rows
from audiomuse.similarity.songs import EightBitRows

_TYPICAL_SONGS = 8
_BLOCK = 256
_MEASURED_PER_ANSWER = 5
"""Song by song are measured five times as many artists as were asked for, and at least 50."""


@dataclass(frozen=True, slots=True)
class SongPair:
    """Two songs that show why two artists are alike."""

    track_id: str
    """By the artist asked about."""
    other_track_id: str
    """By the artist found."""
    distance: float


@dataclass(frozen=True, slots=True)
class ArtistNeighbour:
    """An artist that sounds like the one asked about."""

    artist: str
    """As most often written in the library."""
    key: str
    """The normalised name, the same for every spelling."""
    divergence: float
    """Chamfer distance, 0 (the same songs) .. 2."""
    n_tracks: int
    pairs: tuple[SongPair, ...]
    """The nearest pairs of typical songs, nearest first."""


class ArtistIndex:
    """The artists of a library, each as a few typical songs.

    Songs by nobody known are left out. Artists without a normalised name cannot be asked for.
    """

    def __init__(self, index: SimilarityIndex) -> None:
        self._index = index
        # The songs of an artist lie side by side: an array for every artist would take more than the songs.
        self._order = np.argsort(index.artists, kind="stable").astype(np.int32)
        ends = np.cumsum(np.bincount(index.artists))
        keys = [normalise_artist(index.songs.artists[self._order[end - 1]]) for end in ends]
        known = [i for i, key in enumerate(keys) if key]
        self.keys = tuple(keys[i] for i in known)
        self._position = {key: i for i, key in enumerate(self.keys)}
        self._bounds = np.stack([np.r_[0, ends[:-1]], ends], axis=1)[known]
        self._typical = np.full((len(known), _TYPICAL_SONGS), -1, dtype=np.int32)
        self._means = EightBitRows(index.songs.embedding.width)
        for start in range(0, len(known), _BLOCK):
            block = range(start, min(start + _BLOCK, len(known)))
            self._means.append(np.stack([self._sum_up(position) for position in block]))
        self._means.close()

    def rows(self, artist: str) -> NDArray[np.intp]:
        """Return the rows of an artist's songs, in whatever spelling.

        Raises
        ------
        NotFound
            If no analysed song is by that artist.
        """
        return self._rows(self._find(artist))

    def shown(self, artist: str) -> str:
        """Return an artist as most often written in the library; raises like `rows`."""
        return self._shown(self._find(artist))

    def representative(self, artist: str, n: int = 3) -> tuple[str, ...]:
        """Return the ids of up to `n` typical songs of an artist; raises like `rows`."""
        return tuple(self._index.songs.ids[row] for row in self._typical_of(self._find(artist))[:n])

    def similar(self, artist: str, n: int = 10, *, n_pairs: int = 3) -> list[ArtistNeighbour]:
        """Return the artists that sound most like one.

        Parameters
        ----------
        artist : str
            Name in any spelling.
        n : int
            Artists wanted.
        n_pairs : int
            Pairs of songs that show the likeness, at most.

        Returns
        -------
        list of ArtistNeighbour
            Nearest first; the artist itself is left out.

        Raises
        ------
        NotFound
            If no analysed song is by that artist.
        """
        position = self._find(artist)
        angle = 1.0 - self._means @ self._means[[position]][0]
        angle[position] = np.inf
        width = min(len(self.keys) - 1, max(50, _MEASURED_PER_ANSWER * n))
        near = np.argsort(angle, kind="stable")[:width]
        measured = [(self._chamfer(position, int(other)), int(other)) for other in near]
        measured.sort()
        return [self._neighbour(position, other, d, n_pairs) for d, other in measured[:n]]

    def _find(self, artist: str) -> int:
        key = normalise_artist(artist)
        if key not in self._position:
            raise NotFound(f"No analysed song is by {artist!r}; check the name or analyse the library.")
        return self._position[key]

    def _between(self, a: int, b: int) -> Float32:
        """Return the distances between the typical songs of two artists."""
        vectors = self._index.vectors
        likeness = np.matmul(vectors(self._typical_of(a)), vectors(self._typical_of(b)).T)
        return np.asarray(np.clip(1.0 - likeness, 0.0, 2.0))

    def _sum_up(self, position: int) -> Float32:
        """Choose an artist's typical songs and return the direction of all of them."""
        rows = self._rows(position)
        vectors = self._index.vectors(rows)
        mean = unit_rows(vectors.mean(axis=0))
        typical = rows[typical_rows(vectors, mean)]
        self._typical[position, : len(typical)] = typical
        return mean

    def _rows(self, position: int) -> NDArray[np.intp]:
        first, end = self._bounds[position]
        return self._order[first:end].astype(np.intp)

    def _typical_of(self, position: int) -> NDArray[np.intp]:
        rows = self._typical[position]
        return np.asarray(rows[rows >= 0], dtype=np.intp)

    def _chamfer(self, a: int, b: int) -> float:
        distance = self._between(a, b)
        return float(0.5 * (distance.min(axis=1).mean() + distance.min(axis=0).mean()))

    def _neighbour(self, a: int, b: int, divergence: float, n_pairs: int) -> ArtistNeighbour:
        distance = self._between(a, b)
        ids = self._index.songs.ids
        mine, theirs = self._typical_of(a), self._typical_of(b)
        pairs: list[SongPair] = []
        for _ in range(min(n_pairs, *distance.shape)):
            i, j = divmod(int(distance.argmin()), distance.shape[1])
            pairs.append(SongPair(ids[mine[i]], ids[theirs[j]], float(distance[i, j])))
            distance[i, :] = distance[:, j] = np.inf
        return ArtistNeighbour(self._shown(b), self.keys[b], divergence, len(self._rows(b)), tuple(pairs))

    def _shown(self, position: int) -> str:
        names = [self._index.songs.artists[row] for row in self._rows(position)]
        return most_common(names)


def typical_rows(X: Float32, mean: Float32) -> NDArray[np.intp]:
    """Choose up to eight rows that stand for an artist: the most central, then the least represented."""
    if len(X) <= _TYPICAL_SONGS:
        return np.argsort(-(X @ mean), kind="stable")
    chosen = [int((X @ mean).argmax())]
    likeness = X @ X[chosen[0]]
    while len(chosen) < _TYPICAL_SONGS:
        # The song whose addition lifts most the likeness of all songs to their nearest typical one.
        gains = np.maximum(X @ X.T - likeness, 0.0).sum(axis=1) if len(X) <= 400 else 1.0 - likeness
        chosen.append(int(gains.argmax()))
        likeness = np.maximum(likeness, X @ X[chosen[-1]])
    return np.asarray(chosen, dtype=np.intp)


def most_common(names: Sequence[str]) -> str:
    """Return the most frequent name, the first of them on ties."""
    return max(dict.fromkeys(names), key=names.count)
