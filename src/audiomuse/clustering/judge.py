"""The judge: one bounded number for a clustering, and the parts that made it.

Whatever space a candidate was clustered in, it is judged in one fixed space, in which it cannot make
itself look good by looking at fewer axes. The fitness is

    ``F = coverage * (coherence^c * distinctness^d * mood_information^m * artist_variety^a)^(1/(c+d+m+a))``

A product: no part can be given up for another. Every part is a mean over the clusters that could become
a playlist, weighted by their songs, so that neither more nor longer playlists raise it by themselves.

================  ========================================================================================
part              0 means, 1 means
================  ========================================================================================
coverage          no song is in a playable cluster .. at least nine tenths are (odd ones may stay out)
coherence         songs of a cluster are as far from each other as any two .. they sound the same.
                  Only pairs of different artists count: an album or an artist is not a style
distinctness      songs are as near to another cluster as to their own .. they are clearly its own
mood_information  knowing the cluster says nothing about a song's tags .. it says everything
artist_variety    one artist fills each cluster .. no artist exceeds his share
================  ========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiomuse.clustering._lloyd import row_blocks
from audiomuse.errors import ParameterError, SignalError
from audiomuse.model import Float32

Labels = NDArray[np.int32]

PART_NAMES = ("coverage", "coherence", "distinctness", "mood_information", "artist_variety")

_LEAST_PART = 0.001
"""A part of 0 counts as this, so that two answers that both lack something can still be told apart."""
_FREE_TO_LEAVE_OUT = 0.1
"""Share of the library that may stay without a playlist at no cost."""
_FAIR_ARTIST_SHARE = 0.075
"""In a big cluster an artist may have this share: 3 of 40."""
_ROWS_AT_A_TIME = 65_536


@dataclass(frozen=True, slots=True)
class JudgeWeights:
    """How much each part of the fitness matters: its exponent. 0 leaves a part out."""

    coverage: float = 1.0
    coherence: float = 1.0
    distinctness: float = 1.0
    mood_information: float = 2.0
    artist_variety: float = 1.0

    def __post_init__(self) -> None:
        values = [getattr(self, name) for name in PART_NAMES]
        if min(values) < 0 or not np.isfinite(values).all() or sum(values[1:]) == 0:
            raise ParameterError(f"Weights of the score must be 0 or more and not all 0: {self}.")

    def combine(self, parts: Mapping[str, float]) -> float:
        """Return the fitness F of the parts, 0..1."""
        exponents = {name: getattr(self, name) for name in PART_NAMES[1:]}
        product = np.prod([max(parts[name], _LEAST_PART) ** weight for name, weight in exponents.items()])
        return float(parts["coverage"] ** self.coverage * product ** (1.0 / sum(exponents.values())))


@dataclass(frozen=True, slots=True)
class JudgeLimits:
    """What a playable cluster is. A track counts only up to the artist cap."""

    artist_cap: float = 3.0
    """So many tracks of an artist count."""
    playable_from: float = 8.0
    """A cluster with so many counting tracks, or less, is worth nothing ..."""
    playable_at: float = 20.0
    """... and one with so many is a full playlist."""

    @classmethod
    def for_library(cls, n_tracks: int, n_artists: int) -> JudgeLimits:
        """Choose limits that a library can meet.

        From 160 songs on a full playlist has 20; a smaller library is asked for an eighth of its songs,
        at least 5. Where there are too few artists to fill a list under the usual cap of 3 the cap rises.
        """
        playable_at = float(np.clip(n_tracks / 8, 5, 20))
        artist_cap = max(3.0, float(np.ceil(2 * playable_at / max(n_artists, 1))))
        return cls(artist_cap=artist_cap, playable_from=0.4 * playable_at, playable_at=playable_at)

    def for_sample(self, fraction: float) -> JudgeLimits:
        """Scale the limits to a sample of the library: a tenth of it sees a tenth of each cluster."""
        return JudgeLimits(
            artist_cap=max(self.artist_cap * fraction, 1.0),
            playable_from=max(self.playable_from * fraction, 1.0),
            playable_at=max(self.playable_at * fraction, 3.0),
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A verdict."""

    score: float
    """The fitness F, 0..1."""
    parts: Mapping[str, float]
    """Each part of it by name, 0..1."""
    n_clusters: int
    """Clusters with at least one track."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `from_dict` is the way back."""
        return {"score": self.score, "parts": dict(self.parts), "n_clusters": self.n_clusters}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """Rebuild an evaluation from `to_dict`."""
        return cls(float(values["score"]), dict(values["parts"]), int(values["n_clusters"]))


class Judge:
    """Judges clusterings of one set of tracks.

    Parameters
    ----------
    space : ndarray of float32, shape (n, d)
        The tracks in the judge's space (`FeatureSpace` ``"blend"``).
    tags : ndarray of float32, shape (n, n_tags)
        Tag probabilities.
    artists : ndarray of int, shape (n,)
        Artist codes, see `audiomuse.features.artist_codes`.
    limits : JudgeLimits or None
        What is playable; None: chosen for a library of this size.
    weights : JudgeWeights
        How much each part matters.

    Raises
    ------
    SignalError
        If the arrays do not belong together.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat(np.arange(4), 50).astype(np.int32)
    >>> space = (3 * np.eye(4)[group] + rng.normal(0, 0.3, (200, 4))).astype(np.float32)
    >>> judge = Judge(space, np.eye(4)[group] * 0.6 + 0.1, np.arange(200))
    >>> judge.evaluate(group).score > 0.8, judge.evaluate(rng.permutation(group)).score < 0.1
    (True, True)
    """

    def __init__(
        self,
        space: Float32,
        tags: Float32,
        artists: NDArray[np.integer[Any]],
        *,
        limits: JudgeLimits | None = None,
        weights: JudgeWeights | None = None,
    ) -> None:
        if not len(space) == len(tags) == len(artists) > 0:
            raise SignalError(
                f"The judge needs as many rows of space ({len(space)}) as of tags ({len(tags)}) "
                f"and artists ({len(artists)}), and at least one."
            )
        self.weights = weights or JudgeWeights()
        # Rows in the order of their artists: sorted by label, every (cluster, artist) is then in one piece.
        self._order = np.argsort(artists, kind="stable").astype(np.int32)
        self._artists = np.unique(artists, return_inverse=True)[1].astype(np.int32)[self._order]
        self.limits = limits or JudgeLimits.for_library(len(space), int(self._artists[-1]) + 1)
        self._n_axes = space.shape[1]
        moods = _distributions(tags)
        self._columns = np.column_stack([space, (space**2).sum(axis=1), moods]).astype(np.float32)[
            self._order
        ]
        self._mean = self._columns.mean(axis=0, dtype=np.float64)
        self._library_pair_distance = self._pairs_of_different_artists()
        self._mood = _MoodOfLibrary.of(moods, self._mean[self._n_axes + 1 :])

    def __len__(self) -> int:
        return len(self._order)

    def evaluate(self, labels: NDArray[np.integer[Any]]) -> Evaluation:
        """Judge a partition of these tracks.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            Cluster of each track, -1 for none. Numbers may have gaps.

        Returns
        -------
        Evaluation
            All parts are 0 if no cluster is playable.

        Raises
        ------
        SignalError
            If there is not one label for each track.
        """
        if len(labels) != len(self):
            raise SignalError(f"{len(labels)} labels for {len(self)} tracks.")
        sums = _Sums.of(np.asarray(labels)[self._order], self._artists, self._columns, self._n_axes)
        if sums is None:
            return Evaluation(0.0, dict.fromkeys(PART_NAMES, 0.0), 0)
        playable = self._playable(sums)
        weight = sums.sizes * playable
        if not weight.any():
            return Evaluation(0.0, dict.fromkeys(PART_NAMES, 0.0), len(sums.sizes))
        parts = {
            "coverage": min(1.0, float(weight.sum()) / len(self) / (1.0 - _FREE_TO_LEAVE_OUT)),
            "coherence": self._coherence(sums, weight),
            "distinctness": self._distinctness(sums, playable),
            "mood_information": self._mood_information(sums, weight),
            "artist_variety": self._artist_variety(sums, weight),
        }
        return Evaluation(self.weights.combine(parts), parts, len(sums.sizes))

    def _playable(self, sums: _Sums) -> NDArray[np.float64]:
        """How far each cluster is a full playlist once the artist cap is kept, 0..1."""
        counting = sums.per_cluster(np.minimum(sums.group_sizes, self.limits.artist_cap))
        low, high = self.limits.playable_from, self.limits.playable_at
        return np.clip((counting - low) / (high - low), 0.0, 1.0)

    def _coherence(self, sums: _Sums, weight: NDArray[np.float64]) -> float:
        distance, pairs = _pair_distances(sums, self._n_axes)
        # A cluster of a single artist has no pair to show: it is not coherent, it is an artist.
        mean_distance = np.where(pairs > 0, distance / np.maximum(pairs, 1), self._library_pair_distance)
        closeness = np.clip(1.0 - mean_distance / max(self._library_pair_distance, 1e-12), 0.0, 1.0)
        return float(weight @ closeness / weight.sum())

    def _distinctness(self, sums: _Sums, playable: NDArray[np.float64]) -> float:
        """Simplified silhouette: distances to centroids instead of to every track."""
        rivals = np.flatnonzero(playable > 0)
        if len(rivals) < 2:
            return 0.0
        centres = (sums.cluster_columns[rivals, : self._n_axes] / sums.sizes[rivals, None]).astype(np.float32)
        rival_of = np.full(len(sums.sizes), -1)
        rival_of[rivals] = np.arange(len(rivals))
        own = rival_of[sums.cluster_of_row]
        judged = np.flatnonzero(own >= 0)
        own, rows = own[judged], sums.rows[judged]
        correction = (sums.sizes / np.maximum(sums.sizes - 1.0, 1.0))[rivals][own]  # without the track itself
        total = 0.0
        for start in range(0, len(rows), _ROWS_AT_A_TIME):
            part = slice(start, start + _ROWS_AT_A_TIME)
            total += self._silhouettes(rows[part], own[part], correction[part], centres, playable[rivals])
        return max(0.0, total / float(playable[rivals][own].sum()))

    def _silhouettes(
        self,
        rows: NDArray[np.integer[Any]],
        own: NDArray[np.integer[Any]],
        correction: NDArray[np.float64],
        centres: Float32,
        playable: NDArray[np.float64],
    ) -> float:
        """Sum of (b - a) / max(a, b) over some rows, weighted by how playable their clusters are."""
        points = self._columns[rows, : self._n_axes]
        squared = points @ (-2.0 * centres.T)
        squared += self._columns[rows, self._n_axes, None]
        squared += (centres**2).sum(axis=1)
        np.maximum(squared, 0.0, out=squared)
        here = np.arange(len(rows))
        a = np.sqrt(squared[here, own]) * correction
        squared[here, own] = np.inf
        b = np.sqrt(squared.min(axis=1))
        larger = np.maximum(np.maximum(a, b), 1e-12)
        return float(((b - a) / larger) @ playable[own])

    def _mood_information(self, sums: _Sums, weight: NDArray[np.float64]) -> float:
        moods = sums.cluster_columns[:, self._n_axes + 1 :] / sums.sizes[:, None]
        gain = (moods * np.log(np.maximum(moods, 1e-12) / self._mood.mean)).sum(axis=1)
        possible = self._mood.information
        if possible <= 0:
            return 0.0
        # Few songs, or few artists, look special by chance alone: what chance explains is no information.
        # Its chi-square gives the expected gain of a big cluster; a cluster of one song gains everything.
        repeats = sums.per_cluster(sums.group_sizes**2) / sums.sizes**2
        others = (len(self) - sums.sizes) / max(len(self) - 1, 1)
        by_chance = possible * (1.0 - np.exp(-0.5 * self._mood.variation * repeats * others / possible))
        chance = float(weight @ by_chance / weight.sum())
        return float(np.clip((weight @ gain / weight.sum() - chance) / (possible - chance), 0.0, 1.0))

    def _artist_variety(self, sums: _Sums, weight: NDArray[np.float64]) -> float:
        share = np.maximum(self.limits.artist_cap, _FAIR_ARTIST_SHARE * sums.sizes)
        usable = sums.per_cluster(np.minimum(sums.group_sizes, share[sums.cluster_of_group])) / sums.sizes
        return float(weight @ usable / weight.sum())

    def _pairs_of_different_artists(self) -> float:
        """Mean squared distance of two tracks of the library by different artists."""
        everything = np.zeros(len(self), dtype=np.int32)
        sums = _Sums.of(everything, self._artists, self._columns, self._n_axes)
        assert sums is not None
        distance, pairs = _pair_distances(sums, self._n_axes)
        return float(distance[0] / pairs[0]) if pairs[0] > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums over the (cluster, artist) groups and over the clusters of one partition."""

    rows: NDArray[np.integer[Any]]
    """Rows in a cluster, sorted by cluster, then artist."""
    cluster_of_row: NDArray[np.integer[Any]]
    cluster_of_group: NDArray[np.integer[Any]]
    group_sizes: NDArray[np.float64]
    group_within: NDArray[np.float64]
    """Sum of squared distances over the ordered pairs of points of each group."""
    cluster_starts: NDArray[np.integer[Any]]
    """First group of each cluster."""
    sizes: NDArray[np.float64]
    cluster_columns: NDArray[np.float64]

    @classmethod
    def of(
        cls, labels: NDArray[np.integer[Any]], artists: Labels, columns: Float32, n_axes: int
    ) -> _Sums | None:
        """Sum up; rows must be sorted by artist. None if no row is in a cluster."""
        # Late: SciPy is 25 MB that a page which only shows the library never needs.
        from scipy.sparse import csr_array

        # Sixteen-bit numbers are sorted by their digits, in linear time.
        rows = np.argsort(labels.astype(np.int16) if labels.max() < 2**15 else labels, kind="stable")
        rows = rows[int((labels < 0).sum()) :]
        if not len(rows):
            return None
        label, artist = labels[rows], artists[rows]
        new_cluster = np.concatenate([[True], label[1:] != label[:-1]])
        new_group = new_cluster.copy()
        new_group[1:] |= artist[1:] != artist[:-1]
        starts = np.flatnonzero(new_group)
        ends = np.append(starts[1:], len(rows))
        members = csr_array(
            (np.ones(len(rows), dtype=np.float32), rows, np.append(starts, len(rows))),
            shape=(len(starts), len(labels)),
        )
        group_columns = np.asarray(members @ columns)
        group_sizes = (ends - starts).astype(np.float64)
        cluster_of_row = np.cumsum(new_cluster) - 1
        cluster_starts = np.flatnonzero(new_cluster[starts])
        return cls(
            rows=rows,
            cluster_of_row=cluster_of_row,
            cluster_of_group=cluster_of_row[starts],
            group_sizes=group_sizes,
            group_within=_within(group_columns, group_sizes, n_axes),
            cluster_starts=cluster_starts,
            sizes=np.add.reduceat(group_sizes, cluster_starts),
            cluster_columns=np.add.reduceat(group_columns, cluster_starts, axis=0, dtype=np.float64),
        )

    def per_cluster(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up a value of each group within its cluster."""
        return np.add.reduceat(values, self.cluster_starts)


@dataclass(frozen=True, slots=True, eq=False)
class _MoodOfLibrary:
    """What the tags of the whole library look like."""

    mean: NDArray[np.float64]
    """The mean distribution."""
    variation: float
    """Sum over the tags of variance / mean: the chi-square that chance puts into one song."""
    information: float
    """Entropy of the mean minus mean entropy: what a perfect partition could tell, in nats."""

    @classmethod
    def of(cls, moods: NDArray[np.floating[Any]], mean: NDArray[np.float64]) -> _MoodOfLibrary:
        mean = np.maximum(mean, 1e-12)
        entropy = -(moods * np.log(np.maximum(moods, 1e-12))).sum(axis=1).mean()
        return cls(
            mean=mean,
            variation=float((moods.var(axis=0, dtype=np.float64) / mean).sum()),
            information=float(-(mean * np.log(mean)).sum() - entropy),
        )


def _pair_distances(sums: _Sums, n_axes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of squared distances over pairs of different artists, and their number, per cluster."""
    everywhere = _within(sums.cluster_columns, sums.sizes, n_axes)
    pairs = sums.sizes**2 - sums.per_cluster(sums.group_sizes**2)
    return np.maximum(everywhere - sums.per_cluster(sums.group_within), 0.0), pairs


def _within(
    columns: NDArray[np.floating[Any]], sizes: NDArray[np.float64], n_axes: int
) -> NDArray[np.float64]:
    """Return the sum of squared distances over all pairs of points in each of some sets of points.

    Parameters
    ----------
    columns : ndarray, shape (m, n)
        Per set: the sum of its points (`n_axes` numbers), then the sum of their squared lengths.
    sizes : ndarray, shape (m,)
    """
    within = np.empty(len(columns))
    for rows in row_blocks(len(columns)):  # as doubles all at once, the groups would outweigh the library
        some = columns[rows, : n_axes + 1].astype(np.float64)
        within[rows] = 2 * (sizes[rows] * some[:, n_axes] - (some[:, :n_axes] ** 2).sum(axis=1))
    return within


def _distributions(tags: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Scale each row of tags to sum 1; a row of zeros says "anything"."""
    positive = np.maximum(tags, 0.0) + 1e-9
    return np.asarray(positive / positive.sum(axis=1, keepdims=True), dtype=np.float32)


def original_score(labels: NDArray[np.integer[Any]], original_space: Float32) -> float:
    """Score a partition as the original recipe did, for comparison only.

    Distances to the cluster centres are divided by the greatest of all; a cluster with a song nearer than
    .5 becomes a playlist; its predominant mood is the greatest tag of its centre. The score is the sum,
    over the distinct predominant moods, of the best centre value of that mood.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        -1 for a track in no cluster.
    original_space : ndarray of float32, shape (n, 51)
        The library in the space ``"original"``: the tempo, then the tags.

    Returns
    -------
    float
        0 or more, not bounded: many tiny extreme clusters raise it.
    """
    from scipy.sparse import csr_array  # late, as above

    kept = np.flatnonzero(labels >= 0)
    if not len(kept):
        return 0.0
    cluster = np.unique(labels[kept], return_inverse=True)[1]
    points = original_space[kept]
    sizes = np.bincount(cluster)
    members = csr_array((np.ones(len(kept), dtype=np.float32), (cluster, np.arange(len(kept)))))
    centres = np.asarray(members @ points) / sizes[:, None]
    distance = np.sqrt(((points - centres[cluster]) ** 2).sum(axis=1))
    nearest = np.full(len(sizes), np.inf)
    np.minimum.at(nearest, cluster, distance / max(float(distance.max()), 1e-12))
    moods = centres[nearest <= 0.5, 1:]
    best = np.zeros(moods.shape[1])
    np.maximum.at(best, moods.argmax(axis=1), moods.max(axis=1))
    return float(best.sum())
