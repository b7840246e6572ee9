"""The space of candidates: which parameters the search may vary, and how far, in this library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from audiomuse.clustering.parameters import USUAL_CLUSTERS, SearchParameters
from audiomuse.features.spaces import block_names

SMALL_LIBRARY = 2_000
"""Below so many songs the usual number of clusters would leave too few songs in each."""

MOST_FULL_COVARIANCE_AXES = 16
"""A full covariance matrix of more axes has more parameters than a cluster has songs."""

EPS_QUANTILE = "eps_quantile"
"""Stands in for ``eps`` when it is found from the library: a quantile of the distances at which songs
become core points."""

_EPS_QUANTILES = (0.05, 0.95)


class Dimension(Protocol):
    """One parameter of a candidate, seen by the search as a number from 0 to 1."""

    def decode(self, position: float) -> Any:
        """Return the value at a position, 0..1."""

    def encode(self, value: Any) -> float:
        """Return the position of a value; `decode` of it is the value."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values, neighbours next to each other."""

    values: tuple[Any, ...]

    def decode(self, position: float) -> Any:
        return self.values[min(int(position * len(self.values)), len(self.values) - 1)]

    def encode(self, value: Any) -> float:
        return (self.values.index(value) + 0.5) / len(self.values)


@dataclass(frozen=True, slots=True)
class FloatRange:
    """A real number, evenly spread on a straight or logarithmic scale."""

    low: float
    high: float
    logarithmic: bool = False

    def decode(self, position: float) -> float:
        if self.logarithmic:
            value = float(np.exp(np.log(self.low) + position * np.log(self.high / self.low)))
        else:
            value = self.low + position * (self.high - self.low)
        # Four digits are plenty, and look the same wherever they are printed or stored.
        return min(max(float(f"{value:.4g}"), self.low), self.high)

    def encode(self, value: float) -> float:
        if self.high <= self.low:
            return 0.5
        if self.logarithmic:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What the search may vary, adapted to the size of the library.

    Examples
    --------
    >>> space = SearchSpace.for_library(SearchParameters(), 120)
    >>> space.dimensions["n_clusters"].values, space.adapted
    ((4, 5, 6), ('120 songs are too few for 20 to 60 clusters: looking for 4 to 6.',))
    """

    algorithm: str
    dimensions: Mapping[str, Dimension]
    """By the name of the candidate's parameter."""
    fixed: Mapping[str, Any]
    """Parameters that every candidate has."""
    usual: Mapping[str, Any]
    """A sensible candidate with which to begin: the middle of the ranges, weights 1."""
    adapted: tuple[str, ...]
    """What was changed for this library and why, one sentence each."""

    @classmethod
    def for_library(cls, parameters: SearchParameters, n_tracks: int) -> SearchSpace:
        """Build the space from what a person chose and how many tracks there are.

        Parameters
        ----------
        parameters : SearchParameters
        n_tracks : int > 0

        Returns
        -------
        SearchSpace
            Never empty, also for a handful of tracks.
        """
        adapted: list[str] = []
        dimensions: dict[str, Dimension] = {}
        fixed: dict[str, Any] = {}
        if parameters.algorithm == "kmeans":
            low, high = parameters.num_clusters_min, parameters.num_clusters_max
            dimensions["n_clusters"] = _cluster_counts(low, high, n_tracks, adapted)
        elif parameters.algorithm == "gmm":
            low, high = parameters.gmm_n_components_min, parameters.gmm_n_components_max
            dimensions["n_components"] = _cluster_counts(low, high, n_tracks, adapted)
            fixed["covariance_type"] = parameters.gmm_covariance_type
            _note_few_axes(parameters, adapted)
        else:
            dimensions.update(_dbscan_dimensions(parameters, n_tracks, adapted))
        dimensions["pca_components"] = _pca_components(parameters, n_tracks, adapted)
        if parameters.algorithm != "dbscan" and parameters.feature_space != "original":
            # For DBSCAN the weights stay 1: one table of distances then serves every candidate.
            # The original space is compared as it was: unscaled.
            for name in block_names(parameters.feature_space)[1:]:
                dimensions[f"weight_{name}"] = FloatRange(
                    parameters.feature_weight_min, parameters.feature_weight_max, logarithmic=True
                )
        usual = {
            name: _usual_value(name, dimension) for name, dimension in dimensions.items()
        }  # keeps the order of the dimensions
        return cls(parameters.algorithm, dimensions, fixed, usual, tuple(adapted))

    @property
    def most_clusters(self) -> int:
        """The greatest number of clusters that a candidate may ask for; 0 if it does not ask (DBSCAN)."""
        for name in ("n_clusters", "n_components"):
            if name in self.dimensions:
                counts: Any = self.dimensions[name]
                return int(max(counts.values))
        return 0


def _cluster_counts(low: int, high: int, n_tracks: int, adapted: list[str]) -> Choice:
    """Range of the number of clusters for a library; notes in `adapted` if it is not the asked one."""
    new_low, new_high = low, high
    if n_tracks < SMALL_LIBRARY and (low, high) == USUAL_CLUSTERS:
        new_low, new_high = small_library_clusters(n_tracks)
    else:
        most = max(1, n_tracks // 2)
        new_low, new_high = min(low, most), min(high, most)
    if (new_low, new_high) != (low, high):
        adapted.append(
            f"{n_tracks:,} songs are too few for {low} to {high} clusters: "
            f"looking for {new_low} to {new_high}."
        )
    return Choice(tuple(range(new_low, new_high + 1)))


def small_library_clusters(n_tracks: int) -> tuple[int, int]:
    """Return the range of cluster numbers for a small library: 30 to 100 songs each, at least 5."""
    most = max(1, n_tracks // 5)
    low = min(max(4, n_tracks // 100), max(1, n_tracks // 10))
    high = min(max(6, min(USUAL_CLUSTERS[1], n_tracks // 30)), most)
    return low, max(low, high)


def _dbscan_dimensions(
    parameters: SearchParameters, n_tracks: int, adapted: list[str]
) -> dict[str, Dimension]:
    low, high = parameters.dbscan_min_samples_min, parameters.dbscan_min_samples_max
    most = max(1, n_tracks // 4)
    if high > most:
        adapted.append(
            f"{n_tracks:,} songs are too few for {low} to {high} neighbours: "
            f"DBSCAN asks for {min(low, most)} to {most}."
        )
    samples = Choice(tuple(range(min(low, most), min(high, most) + 1)))
    if parameters.dbscan_eps_min is None or parameters.dbscan_eps_max is None:
        return {EPS_QUANTILE: FloatRange(*_EPS_QUANTILES), "min_samples": samples}
    eps = FloatRange(parameters.dbscan_eps_min, parameters.dbscan_eps_max)
    return {"eps": eps, "min_samples": samples}


def _pca_components(parameters: SearchParameters, n_tracks: int, adapted: list[str]) -> Choice:
    low, high = parameters.pca_components_min, parameters.pca_components_max
    most = max(1, n_tracks - 1)
    if high > most:
        adapted.append(f"{n_tracks:,} songs have no more than {most} principal components.")
        low, high = min(low, most), most
    # No PCA (0) means all components: it belongs beside the many, not beside the single one.
    values = [*range(max(low, 1), high + 1), *([0] if low == 0 else [])]
    return Choice(tuple(values))


def _note_few_axes(parameters: SearchParameters, adapted: list[str]) -> None:
    kind, asked = parameters.gmm_covariance_type, parameters.pca_components_max
    if kind in ("full", "tied") and asked > MOST_FULL_COVARIANCE_AXES:
        adapted.append(
            f"A mixture with {kind} covariances looks at {MOST_FULL_COVARIANCE_AXES} of {asked} principal "
            "components: more would need more songs than a playlist has. "
            "With GMM_COVARIANCE_TYPE diag it looks at all of them."
        )


def _usual_value(name: str, dimension: Dimension) -> Any:
    if name == "pca_components":
        return dimension.decode(1.0)
    if name.startswith("weight_") and isinstance(dimension, FloatRange):
        return min(max(1.0, dimension.low), dimension.high)
    return dimension.decode(0.5)
