"""How one candidate groups tracks: projection, the algorithm on a sample, then on the whole library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from audiomuse.clustering._density import DensityTree, Neighbours, renumber, split_giants, spread_labels
from audiomuse.clustering._lloyd import (
    Labels,
    cluster_sums,
    lloyd,
    nearest_centre,
    row_blocks,
    spread_centres,
)
from audiomuse.clustering._mixture import Mixture, fit_mixture, refine_mixture
from audiomuse.clustering.evolution import Candidate
from audiomuse.clustering.space import EPS_QUANTILE, MOST_FULL_COVARIANCE_AXES
from audiomuse.model import Float32

_SAMPLE_ROUNDS = 12
_SAMPLE_SETTLED = 0.005
"""Share of the sample that may still change its cluster: the last rounds cost a fifth and change nothing."""
_LIBRARY_ROUNDS = 30
_SETTLED = 0.001
"""On the whole library k-means stops when fewer than one song in 1,000 still changes its cluster."""
_N_STARTS = 64
"""So many k-means++ choices of centres are shared by all candidates."""
_STARTS = 2
"""Tells the random numbers of those choices from others."""
_MIXTURE_LIBRARY_ROUNDS = 10
_SETTLING_ROUNDS = 5
"""Enough for centres to follow new songs; many more would let playlists wander away from what they were."""
_GIANT_SHARE = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What projections need to know about the clustered space; a few kilobytes."""

    columns: Mapping[str, slice]
    """The columns of each block."""
    mean: NDArray[np.float64]
    """Shape (d,)."""
    covariance: NDArray[np.float64]
    """Shape (d, d), of the whole library."""

    @classmethod
    def of(cls, values: Float32, columns: Mapping[str, slice]) -> Geometry:
        """Measure the clustered space."""
        mean = values.mean(axis=0, dtype=np.float64)
        scatter = np.zeros((values.shape[1], values.shape[1]))
        for rows in row_blocks(len(values)):
            deviation = values[rows] - mean.astype(np.float32)
            scatter += deviation.T @ deviation
        return cls(dict(columns), mean, scatter / len(values))

    def projection(self, parameters: Mapping[str, Any]) -> Projection:
        """Return the map of a candidate: weigh the blocks, then keep the main axes.

        The principal axes are those of the weighted library. They come from its covariance, so that
        no candidate has to look at the songs for them.
        """
        weights = np.ones(len(self.mean))
        for name, columns in self.columns.items():
            weights[columns] = parameters.get(f"weight_{name}", 1.0)
        n_axes = self._n_axes(parameters)
        axes = np.diag(weights)
        if n_axes < len(weights):
            _, directions = np.linalg.eigh(weights[:, None] * self.covariance * weights)
            axes = weights[:, None] * _with_fixed_signs(directions[:, ::-1][:, :n_axes])
        return Projection(axes.astype(np.float32), (self.mean @ axes).astype(np.float32))

    def _n_axes(self, parameters: Mapping[str, Any]) -> int:
        asked = parameters.get("pca_components", 0) or len(self.mean)
        if parameters.get("covariance_type") in ("full", "tied"):
            asked = min(asked, MOST_FULL_COVARIANCE_AXES)
        return min(asked, len(self.mean))


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A linear map of the clustered space into the space of one candidate."""

    axes: Float32
    offset: Float32

    def apply(self, values: Float32) -> Float32:
        """Project tracks, shape (n, d) to (n, p)."""
        return np.asarray(values @ self.axes - self.offset, dtype=np.float32)


class Grouping(Protocol):
    """A candidate fitted to the sample."""

    @property
    def sample_labels(self) -> Labels:
        """Groups of the sample, -1 for none."""

    def extend(self, points: Float32) -> Labels:
        """Group the whole library, projected: shape (n, p) to (n,), -1 for none."""

    @property
    def found(self) -> Mapping[str, Any]:
        """Parameters that were found from the data, e.g. eps."""


@dataclass(frozen=True, slots=True, eq=False)
class KMeansGrouping:
    """k-means: the centres of the sample are where the library's rounds begin."""

    sample_labels: Labels
    centres: Float32
    found: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(cls, points: Float32, seeds: NDArray[np.int64]) -> KMeansGrouping:
        """Group the sample, beginning with the rows `seeds` as centres."""
        partition = lloyd(points, points[seeds], max_iter=_SAMPLE_ROUNDS, still_moving=_SAMPLE_SETTLED)
        return cls(partition.labels, np.asarray(partition.centres, dtype=np.float32))

    def extend(self, points: Float32) -> Labels:
        return lloyd(points, self.centres, max_iter=_LIBRARY_ROUNDS, still_moving=_SETTLED).labels


@dataclass(frozen=True, slots=True, eq=False)
class MixtureGrouping:
    """Gaussian mixture: a few more steps on everything."""

    sample_labels: Labels
    mixture: Mixture
    scale: float
    found: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(cls, points: Float32, parameters: Mapping[str, Any], rng: np.random.Generator) -> MixtureGrouping:
        scale = 1.0 / max(float(np.sqrt(points.var(axis=0).mean())), 1e-9)
        scaled = points * np.float32(scale)
        mixture = fit_mixture(
            scaled,
            min(parameters["n_components"], len(points)),
            covariance_type=parameters["covariance_type"],
            rng=rng,
            max_iter=_SAMPLE_ROUNDS,
        )
        return cls(mixture.predict(scaled), mixture, scale)

    def extend(self, points: Float32) -> Labels:
        scaled = points * np.float32(self.scale)
        return refine_mixture(self.mixture, scaled, max_iter=_MIXTURE_LIBRARY_ROUNDS).predict(scaled)


@dataclass(frozen=True, slots=True, eq=False)
class DensityGrouping:
    """DBSCAN on the sample; every song of the library follows its nearest core song within eps."""

    sample_labels: Labels
    core_points: Float32
    core_labels: Labels
    eps: float

    @property
    def found(self) -> Mapping[str, Any]:
        return {"eps": self.eps}

    def extend(self, points: Float32) -> Labels:
        return spread_labels(points, self.core_points, self.core_labels, self.eps)


@dataclass(slots=True, eq=False)
class Grouper:
    """Fits candidates to a fixed sample; remembers what candidates have in common."""

    _SENT: ClassVar[tuple[str, ...]] = (
        "algorithm", "geometry", "sample", "most_neighbours", "most_clusters", "typical_clusters",
    )  # fmt: skip

    algorithm: str
    geometry: Geometry
    sample: Float32
    """Shape (n, d), the sample in the clustered space."""
    most_neighbours: int = 1
    """Greatest ``min_samples`` of the search."""
    most_clusters: int = 1
    """Greatest number of clusters that a candidate may ask for."""
    typical_clusters: int = 40
    """Into how many parts DBSCAN's giant would be split if it held everything."""
    _starts: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    _neighbours: dict[int, Neighbours] = field(default_factory=dict)
    _trees: dict[tuple[int, int], DensityTree] = field(default_factory=dict)

    def __getstate__(self) -> tuple[Any, ...]:
        """What another process is sent: without the memory, which it can rebuild."""
        return tuple(getattr(self, name) for name in self._SENT)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self._SENT, state, strict=True):
            setattr(self, name, value)
        self._starts, self._neighbours, self._trees = {}, {}, {}

    def group(self, candidate: Candidate) -> Grouping:
        """Fit one candidate to the sample; the same candidate always gives the same grouping."""
        parameters = candidate["parameters"]
        rng = np.random.default_rng(candidate["seed"])
        if self.algorithm == "dbscan":
            return self._density_grouping(parameters, rng)
        points = self.projected_sample(parameters)
        if self.algorithm == "gmm":
            return MixtureGrouping.fit(points, parameters, rng)
        return KMeansGrouping.fit(points, self._seeds(candidate["seed"], parameters["n_clusters"]))

    def projected_sample(self, parameters: Mapping[str, Any]) -> Float32:
        """Return the sample in the space of a candidate."""
        return self.geometry.projection(parameters).apply(self.sample)

    def core_distances(self, pca_components: int, min_samples: int) -> Float32:
        """Return, per song of the sample, the eps from which on it is a core point of DBSCAN."""
        points = self.projected_sample({"pca_components": pca_components})
        return np.asarray(self._neighbours_of(pca_components, points).core_distances(min_samples))

    def _density_grouping(self, parameters: Mapping[str, Any], rng: np.random.Generator) -> DensityGrouping:
        points = self.projected_sample(parameters)
        tree = self._tree_of(parameters["pca_components"], parameters["min_samples"], points)
        if EPS_QUANTILE in parameters:
            # With min_samples 1 every song is its own neighbour, at distance 0: look at the next one.
            reach = self.core_distances(parameters["pca_components"], max(parameters["min_samples"], 2))
            finite = reach[np.isfinite(reach)]  # a single song has no next one
            eps = float(np.quantile(finite, parameters[EPS_QUANTILE])) if len(finite) else 1.0
        else:
            eps = float(parameters["eps"])
        labels = split_giants(
            points,
            tree.cut(eps),
            largest=int(_GIANT_SHARE * len(points)),
            typical=max(1, len(points) // self.typical_clusters),
            rng=rng,
        )
        core = tree.core <= eps
        return DensityGrouping(labels, points[core], labels[core], eps)

    def _seeds(self, seed: int, n_clusters: int) -> NDArray[np.int64]:
        """Rows of the sample with which a k-means begins.

        Choosing them costs as much as half of the rounds that follow. So candidates share a few choices,
        made in the unweighted space; as k-means++ chooses one centre after the other, the first k of a
        choice are a choice for k.
        """
        number = seed % _N_STARTS
        start = self._starts.get(number)
        if start is None or len(start) < min(n_clusters, len(self.sample)):
            most = min(max(self.most_clusters, n_clusters), len(self.sample))
            start = spread_centres(self.sample, most, np.random.default_rng([number, _STARTS]))
            self._starts[number] = start
        return start[:n_clusters]

    def _neighbours_of(self, pca_components: int, points: Float32) -> Neighbours:
        if pca_components not in self._neighbours:
            self._neighbours[pca_components] = Neighbours.of(points, max(self.most_neighbours, 2))
        return self._neighbours[pca_components]

    def _tree_of(self, pca_components: int, min_samples: int, points: Float32) -> DensityTree:
        key = (pca_components, min_samples)
        if key not in self._trees:
            neighbours = self._neighbours_of(pca_components, points)
            self._trees[key] = DensityTree.grow(points, neighbours, min_samples)
        return self._trees[key]


def dissolve_tiny_clusters(places: Float32, labels: Labels, at_least: int) -> Labels:
    """Give the songs of clusters too small for any playlist to the nearest of the other clusters.

    Parameters
    ----------
    places : ndarray of float32, shape (n, d)
    labels : ndarray of int32, shape (n,)
        -1 for a song in no cluster; it stays there.
    at_least : int
        Songs of a cluster that may stay. If none has so many, all stay.

    Returns
    -------
    ndarray of int32, shape (n,)
        Renumbered 0..k-1.
    """
    labels = renumber(labels)
    kept = labels >= 0
    sizes = np.bincount(labels[kept])
    large = np.flatnonzero(sizes >= at_least)
    if not len(large) or len(large) == len(sizes):
        return labels
    sums, _ = cluster_sums(places[kept], labels[kept], len(sizes))
    homeless = np.flatnonzero(kept & (sizes[labels] < at_least))
    centres = np.asarray(sums[large] / sizes[large, None], dtype=np.float32)
    nearest = nearest_centre(places[homeless], centres)
    labels[homeless] = large[nearest]
    return renumber(labels)


def settle(points: Float32, centres: Float32) -> Labels:
    """Group a library around centres of an earlier run, which may move a little to where songs are now."""
    return lloyd(points, centres, max_iter=_SETTLING_ROUNDS, still_moving=_SETTLED).labels


def _with_fixed_signs(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(axes * np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0))
