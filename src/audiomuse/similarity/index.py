"""Which songs sound like this one.

Songs are compared by the cosine of their embeddings after the library's mean is taken away: without that,
everything is alike. Every search looks at every song: a plain scan up to some hundred thousand songs, and
beyond a scan of the first principal axes whose best candidates are measured again in full.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import LibraryEmpty, NotFound
from audiomuse.features import artist_codes
from audiomuse.features.duplicates import MAX_COSINE_DISTANCE, MAX_DURATION_DIFFERENCE_S
from audiomuse.features.recordings import normalise_title
from audiomuse.model import FeatureMatrix, Float32
from audiomuse.similarity.songs import Rows, Songs

SCAN_LIMIT = 300_000
"""Up to this many songs the full vectors are scanned; beyond, their first axes are."""
_SCAN_AXES = 32
_RERANK = 1000
_PCA_SAMPLE = 20_000

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

    It adds little to what the packed songs take (some 20 bytes a song, 150 above `SCAN_LIMIT`); asking
    changes nothing, so threads may share one index.

    Parameters
    ----------
    library : Songs or FeatureMatrix
        A matrix is packed first.
    scan_limit : int
        Library size from which searches scan 32 principal axes first.

    Raises
    ------
    LibraryEmpty
        If there is no song.
    """

    def __init__(self, library: Songs | FeatureMatrix, *, scan_limit: int = SCAN_LIMIT) -> None:
        if len(library) == 0:
            raise LibraryEmpty("No song has been analysed yet, so nothing can be compared.")
        self.songs = library if isinstance(library, Songs) else Songs.pack([library])
        self.mean = self.songs.embedding.mean()
        self._length = np.empty(len(self.songs), dtype=np.float32)
        for rows, block in self.songs.embedding.blocks():
            self._length[rows] = np.maximum(np.linalg.norm(block - self.mean, axis=1), _TINY)
        self.artists = artist_codes(self.songs.artists)
        # Rows in the order of their ids: a dictionary would be 80 bytes a song.
        self._by_id = np.array(sorted(range(len(library)), key=self.songs.ids.__getitem__), dtype=np.int32)
        self._axes: Float32 | None = None
        self._reduced: Float32 | None = None
        if len(self.songs) > scan_limit:
            sample = np.arange(0, len(self.songs), max(1, len(self.songs) // _PCA_SAMPLE))
            self._axes = _principal_axes(self.vectors(sample), _SCAN_AXES)
            self._reduced = self._along(self._axes)

    def vectors(self, rows: Rows | Sequence[int]) -> Float32:
        """Return the unit vectors of some songs, shape (len(rows), 200)."""
        rows = np.asarray(rows, dtype=np.intp)
        return np.asarray((self.songs.embedding[rows] - self.mean) / self._length[rows, None])

    def vector(self, row: int) -> Float32:
        """Return the unit vector of one song, shape (200,)."""
        return np.asarray(self.vectors([row])[0])

    def row(self, track_id: str) -> int:
        """Return the row of a track.

        Raises
        ------
        NotFound
            If no analysed track has that id.
        """
        row = self._find(track_id)
        if row is None:
            raise NotFound(f"No analysed song has the id {track_id!r}; analyse the library or check the id.")
        return row

    def rows(self, track_ids: Iterable[str]) -> Rows:
        """Return the rows of tracks; raises like `row`."""
        return np.asarray([self.row(track) for track in track_ids], dtype=np.intp)

    def texts_by_id(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield (id, artist, title, album) of every song, ordered by code point of the id."""
        songs = self.songs
        for row in self._by_id:
            yield songs.ids[row], songs.artists[row], songs.titles[row], songs.albums[row]

    def known_rows(self, track_ids: Iterable[str]) -> Rows:
        """Return the rows of tracks in their order, without those that are not analysed."""
        found = (self._find(track) for track in track_ids)
        return np.asarray([row for row in found if row is not None], dtype=np.intp)

    def distances(self, query: Float32) -> Float32:
        """Return the cosine distance of every song to a unit vector, shape (n,)."""
        return np.asarray(np.clip(1.0 - self._along(query), 0.0, 2.0), dtype=np.float32)

    def nearest(self, query: Float32, n: int) -> tuple[Rows, Float32]:
        """Return the `n` songs nearest to a unit vector and their distances, nearest first.

        Above the scan limit the 1000 (or more) best songs on the first axes are measured in full; a song
        outside them cannot be found.
        """
        n = min(n, len(self.songs))
        if self._reduced is None or self._axes is None:
            return _smallest(self.distances(query), n)
        wanted = min(len(self.songs), max(_RERANK, 4 * n))
        candidates = _smallest(-(self._reduced @ (query @ self._axes)), wanted)[0]
        exact = np.clip(1.0 - self.vectors(candidates) @ query, 0.0, 2.0).astype(np.float32)
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
        found = self.select(self.vector(row), n, rules=rules or SearchRules(), asked=[row])
        rows = np.asarray([r for r, _ in found], dtype=np.intp)
        if radius_walk:
            rows = self._walk(row, rows)
        distance = self.distances_between(row, rows)
        return [Neighbour(self.songs.ids[r], float(d)) for r, d in zip(rows, distance, strict=True)]

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
            if len(found) >= n or width >= len(self.songs):
                return found
            width *= 4

    def distances_between(self, row: int, rows: Rows) -> Float32:
        """Return the distances from one song to others, shape (len(rows),)."""
        return np.asarray(np.clip(1.0 - self.vectors(rows) @ self.vector(row), 0.0, 2.0), dtype=np.float32)

    def farthest(self, track_id: str) -> Neighbour:
        """Return the song that sounds least like one, i.e. the scale of this song's distances.

        A library of one song answers with that song at distance 0.
        """
        distance = self.distances(self.vector(self.row(track_id)))
        row = int(distance.argmax())
        return Neighbour(self.songs.ids[row], float(distance[row]))

    def same_song(self, row: int, rows: Rows) -> NDArray[np.bool_]:
        """Tell which of `rows` hold the same song as `row`.

        Either a copy of the recording (same sound and same length) or another version of it (same artist
        and, but for words such as "live" or "remaster", the same title).
        """
        same = np.zeros(len(rows), dtype=bool)
        difference = np.abs(self.songs.duration_s[rows] - self.songs.duration_s[row])
        as_long = np.flatnonzero(difference <= MAX_DURATION_DIFFERENCE_S)
        if len(as_long):
            raw = unit_rows(self.songs.embedding[np.r_[row, rows[as_long]]])
            same[as_long] = 1.0 - raw[1:] @ raw[0] <= MAX_COSINE_DISTANCE
        title = normalise_title(self.songs.titles[row])
        if title:
            for i in np.flatnonzero(self.artists[rows] == self.artists[row]):
                same[i] |= normalise_title(self.songs.titles[rows[i]]) == title
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
        tags, wanted = self.songs.tags[rows], self.songs.tags[[row]][0]
        norms = np.linalg.norm(tags, axis=1) * np.linalg.norm(wanted)
        alike = tags @ wanted >= _SAME_MOOD * norms
        step = np.abs(self.songs.energy[rows] - self.songs.energy[row])
        return np.asarray(alike & ~(step > _SAME_ENERGY))

    def _walk(self, start: int, rows: Rows) -> Rows:
        """Visit `rows` from `start`, always going on to the nearest one left."""
        vectors = self.vectors(rows)
        left = np.ones(len(rows), dtype=bool)
        here = self.vector(start)
        walked: list[int] = []
        for _ in range(len(rows)):
            step = int(np.where(left, vectors @ here, -np.inf).argmax())
            left[step] = False
            here = vectors[step]
            walked.append(int(rows[step]))
        return np.asarray(walked, dtype=np.intp)

    def _find(self, track_id: str) -> int | None:
        ids = self.songs.ids
        place = bisect_left(self._by_id, track_id, key=lambda row: ids[row])
        found = place < len(ids) and ids[self._by_id[place]] == track_id
        return int(self._by_id[place]) if found else None

    def _along(self, directions: Float32) -> Float32:
        """Return the product of every unit vector with a vector (200,) or a matrix (200, k)."""
        product = self.songs.embedding @ directions
        product -= self.mean @ directions
        product /= self._length if product.ndim == 1 else self._length[:, None]
        return product


def unit_rows(X: Float32) -> Float32:
    """Scale every row to length one; a zero row stays zero."""
    norms = np.linalg.norm(X, axis=-1, keepdims=True)
    return np.asarray(X / np.maximum(norms, _TINY), dtype=np.float32)


def _principal_axes(X: Float32, n_axes: int) -> Float32:
    """Return the first principal directions of `X`, shape (d, n_axes)."""
    eigenvectors = np.linalg.eigh(X.T.astype(np.float64) @ X)[1]
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
