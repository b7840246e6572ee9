"""Which songs sound like this one.

Songs are compared by the cosine of their embeddings after the library's mean is taken away: without that,
everything is alike. Every search is exact: a plain scan up to some hundred thousand songs, and beyond a
scan of the first principal axes whose best candidates are measured again in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import LibraryEmpty, NotFound
from audiomuse.features import artist_codes
from audiomuse.features.duplicates import MAX_COSINE_DISTANCE, MAX_DURATION_DIFFERENCE_S
from audiomuse.features.recordings import normalise_title
from audiomuse.model import FeatureMatrix, Float32

Rows = NDArray[np.intp]

SCAN_LIMIT = 300_000
"""Up to this many songs the full vectors are scanned; beyond, their first axes are."""
_SCAN_AXES = 32
_RERANK = 1000
_PCA_SAMPLE = 100_000

_SAME_MOOD = 0.8
_SAME_ENERGY = 0.25


_TINY = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A song and how far it is."""

    track_id: str
    distance: float
    """Cosine distance, 0 (the same) .. 2 (opposite)."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """Which songs an answer may hold."""

    max_per_artist: int = 0
    """Songs of one artist; 0 for no limit."""
    distinct: bool = True
    """Leave out copies and other versions (live, remaster) of a song that is in the answer already, or that
    was asked about."""
    same_mood: bool = False
    """Only songs with much the same tags and energy as the one asked about."""


class SimilarityIndex:
    """The library, ready to be asked what sounds alike.

    Building takes a copy of the embeddings (800 bytes a song, 930 above `SCAN_LIMIT`); asking changes
    nothing, so threads may share one index.

    Parameters
    ----------
    matrix : FeatureMatrix
    scan_limit : int
        Library size from which searches scan 32 principal axes first.

    Raises
    ------
    LibraryEmpty
        If there is no song.
    """

    def __init__(self, matrix: FeatureMatrix, *, scan_limit: int = SCAN_LIMIT) -> None:
        if len(matrix) == 0:
            raise LibraryEmpty("No song has been analysed yet, so nothing can be compared.")
        self.matrix = matrix
        self.mean = matrix.embedding.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.vectors = matrix.embedding - self.mean
        # In place: at 100,000 songs another copy would be 80 MB.
        self.vectors /= np.maximum(np.linalg.norm(self.vectors, axis=1, keepdims=True), _TINY)
        self.artists = artist_codes(matrix.artists).astype(np.intp)
        self._row_of = {track: row for row, track in enumerate(matrix.ids)}
        self._axes: Float32 | None = None
        self._reduced: Float32 | None = None
        if len(matrix) > scan_limit:
            self._axes = _principal_axes(self.vectors, _SCAN_AXES)
            self._reduced = self.vectors @ self._axes

    def row(self, track_id: str) -> int:
        """Return the row of a track.

        Raises
        ------
        NotFound
            If no analysed track has that id.
        """
        try:
            return self._row_of[track_id]
        except KeyError:
            raise NotFound(
                f"No analysed song has the id {track_id!r}; analyse the library or check the id."
            ) from None

    def rows(self, track_ids: Iterable[str]) -> Rows:
        """Return the rows of tracks; raises like `row`."""
        return np.asarray([self.row(track) for track in track_ids], dtype=np.intp)

    def distances(self, query: Float32) -> Float32:
        """Return the cosine distance of every song to a unit vector, shape (n,)."""
        return np.asarray(np.clip(1.0 - self.vectors @ query, 0.0, 2.0), dtype=np.float32)

    def nearest(self, query: Float32, n: int) -> tuple[Rows, Float32]:
        """Return the `n` songs nearest to a unit vector and their distances, nearest first.

        Above the scan limit the 1000 (or more) best songs on the first axes are measured in full; a song
        outside them cannot be found.
        """
        n = min(n, len(self.matrix))
        if self._reduced is None or self._axes is None:
            return _smallest(self.distances(query), n)
        wanted = min(len(self.matrix), max(_RERANK, 4 * n))
        candidates = _smallest(-(self._reduced @ (query @ self._axes)), wanted)[0]
        exact = np.clip(1.0 - self.vectors[candidates] @ query, 0.0, 2.0).astype(np.float32)
        order, distance = _smallest(exact, n)
        return candidates[order], distance

    def similar_tracks(
        self,
        track_id: str,
        n: int = 10,
        *,
        rules: SearchRules | None = None,
        radius_walk: bool = False,
    ) -> list[Neighbour]:
        """Return songs that sound like one.

        Parameters
        ----------
        track_id : str
            The song asked about; never in the answer.
        n : int
            Songs wanted.
        rules : SearchRules, optional
        radius_walk : bool
            Order the neighbourhood as a walk: from the song asked about always to the nearest song not
            yet visited, so that the answer plays as one line instead of jumping about its centre.

        Returns
        -------
        list of Neighbour
            Nearest first (in walking order for `radius_walk`); distances are to the song asked about.
            Fewer than `n` if the library or the rules have no more.

        Raises
        ------
        NotFound
            If no analysed track has that id.
        """
        row = self.row(track_id)
        found = self.select(self.vectors[row], n, rules=rules or SearchRules(), asked=[row])
        rows = np.asarray([r for r, _ in found], dtype=np.intp)
        if radius_walk:
            rows = self._walk(row, rows)
        distance = self.distances_between(row, rows)
        return [Neighbour(self.matrix.ids[r], float(d)) for r, d in zip(rows, distance, strict=True)]

    def select(
        self, query: Float32, n: int, *, rules: SearchRules, asked: Sequence[int] = ()
    ) -> list[tuple[int, float]]:
        """Return up to `n` (row, distance) nearest to a unit vector that keep the rules, without `asked`.

        The search widens until enough songs keep the rules or the whole library was seen.
        """
        width = 4 * n + len(asked) + 50
        while True:
            rows, distance = self.nearest(query, width)
            found = self._sift(rows, distance, n, rules, asked)
            if len(found) >= n or width >= len(self.matrix):
                return found
            width *= 4

    def distances_between(self, row: int, rows: Rows) -> Float32:
        """Return the distances from one song to others, shape (len(rows),)."""
        return np.asarray(np.clip(1.0 - self.vectors[rows] @ self.vectors[row], 0.0, 2.0), dtype=np.float32)

    def farthest(self, track_id: str) -> Neighbour:
        """Return the song that sounds least like one, i.e. the scale of this song's distances.

        A library of one song answers with that song at distance 0.
        """
        distance = self.distances(self.vectors[self.row(track_id)])
        row = int(distance.argmax())
        return Neighbour(self.matrix.ids[row], float(distance[row]))

    def same_song(self, row: int, rows: Rows) -> NDArray[np.bool_]:
        """Tell which of `rows` hold the same song as `row`.

        Either a copy of the recording (same sound and same length) or another version of it (same artist
        and, but for words such as "live" or "remaster", the same title).
        """
        same = np.zeros(len(rows), dtype=bool)
        difference = np.abs(self.matrix.duration_s[rows] - self.matrix.duration_s[row])
        as_long = np.flatnonzero(difference <= MAX_DURATION_DIFFERENCE_S)
        if len(as_long):
            raw = unit_rows(self.matrix.embedding[np.r_[row, rows[as_long]]])
            same[as_long] = 1.0 - raw[1:] @ raw[0] <= MAX_COSINE_DISTANCE
        title = normalise_title(self.matrix.titles[row])
        if title:
            for i in np.flatnonzero(self.artists[rows] == self.artists[row]):
                same[i] |= normalise_title(self.matrix.titles[rows[i]]) == title
        return same

    def _sift(
        self, rows: Rows, distance: Float32, n: int, rules: SearchRules, asked: Sequence[int]
    ) -> list[tuple[int, float]]:
        """Take the nearest rows that keep the rules."""
        fits = ~np.isin(rows, np.asarray(asked, dtype=np.intp))
        if rules.same_mood and len(asked):
            fits &= self._shares_mood(asked[0], rows)
        taken: list[tuple[int, float]] = []
        per_artist: dict[int, int] = {}
        present = list(asked)
        for row, d in zip(rows[fits], distance[fits], strict=True):
            artist = int(self.artists[row])
            if rules.max_per_artist and per_artist.get(artist, 0) >= rules.max_per_artist:
                continue
            if rules.distinct and self.same_song(int(row), np.asarray(present, dtype=np.intp)).any():
                continue
            taken.append((int(row), float(d)))
            per_artist[artist] = per_artist.get(artist, 0) + 1
            present.append(int(row))
            if len(taken) == n:
                break
        return taken

    def _shares_mood(self, row: int, rows: Rows) -> NDArray[np.bool_]:
        """Tell which songs have nearly the tags (cosine .8) and the energy (.25) of one."""
        tags = self.matrix.tags
        norms = np.linalg.norm(tags[rows], axis=1) * np.linalg.norm(tags[row])
        alike = tags[rows] @ tags[row] >= _SAME_MOOD * norms
        step = np.abs(self.matrix.energy[rows] - self.matrix.energy[row])
        return np.asarray(alike & ~(step > _SAME_ENERGY))

    def _walk(self, start: int, rows: Rows) -> Rows:
        """Visit `rows` from `start`, always going on to the nearest one left."""
        left = list(rows)
        walked: list[int] = []
        here = start
        while left:
            step = self.vectors[np.asarray(left)] @ self.vectors[here]
            here = int(left.pop(int(step.argmax())))
            walked.append(here)
        return np.asarray(walked, dtype=np.intp)


def unit_rows(X: Float32) -> Float32:
    """Scale every row to length one; a zero row stays zero."""
    norms = np.linalg.norm(X, axis=-1, keepdims=True)
    return np.asarray(X / np.maximum(norms, _TINY), dtype=np.float32)


def _principal_axes(X: Float32, n_axes: int) -> Float32:
    """Return the first principal directions of a sample of `X` (every k-th row), shape (d, n_axes)."""
    sample = X[:: max(1, len(X) // _PCA_SAMPLE)].astype(np.float64)
    eigenvectors = np.linalg.eigh(sample.T @ sample)[1]
    return np.asarray(eigenvectors[:, ::-1][:, :n_axes], dtype=np.float32)


def _smallest(values: Float32, n: int) -> tuple[Rows, Float32]:
    """Return the positions of the `n` smallest values and the values, ascending; ties by position."""
    if n < len(values):
        candidates = np.argpartition(values, n - 1)[:n] if n > 0 else np.zeros(0, dtype=np.intp)
        candidates = np.sort(candidates)
    else:
        candidates = np.arange(len(values))
    order = candidates[np.argsort(values[candidates], kind="stable")]
    return order, values[order]
