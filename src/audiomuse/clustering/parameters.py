"""What a person may choose about a clustering run, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from audiomuse.clustering._mixture import COVARIANCE_TYPES
from audiomuse.clustering.judge import JudgeWeights
from audiomuse.errors import ParameterError
from audiomuse.features.spaces import DEFAULT_SPACE, SPACE_NAMES

ALGORITHMS = ("kmeans", "dbscan", "gmm")

USUAL_CLUSTERS = (20, 60)
"""The ranges of the number of clusters that nobody chose: a small library may narrow them."""


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """The ranges in which the search may look, under their well-known names in lower case.

    Raises
    ------
    ParameterError
        If a range is upside down or a value is impossible; the message names the parameters.
    """

    algorithm: str = "kmeans"
    """One of `ALGORITHMS`."""
    num_clusters_min: int = USUAL_CLUSTERS[0]
    num_clusters_max: int = USUAL_CLUSTERS[1]
    dbscan_eps_min: float | None = None
    """Distances in the clustered space. None (both): found from the distances in the library."""
    dbscan_eps_max: float | None = None
    dbscan_min_samples_min: int = 5
    dbscan_min_samples_max: int = 20
    gmm_n_components_min: int = USUAL_CLUSTERS[0]
    gmm_n_components_max: int = USUAL_CLUSTERS[1]
    gmm_covariance_type: str = "full"
    """``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"``."""
    pca_components_min: int = 0
    """0 stands for no PCA: every column counts."""
    pca_components_max: int = 10
    feature_space: str = DEFAULT_SPACE
    """The space that is clustered (never the one that judges), a name of `audiomuse.features`."""
    top_n_moods: int = 5
    """Tags of a track that count in the space ``"original"``."""
    feature_weight_min: float = 0.4
    """Factors by which the search may weigh moods, tempo, energy against the space's first block."""
    feature_weight_max: float = 2.5
    judge_weights: JudgeWeights = field(default_factory=JudgeWeights)

    def __post_init__(self) -> None:
        _check_choice("CLUSTER_ALGORITHM", self.algorithm, ALGORITHMS)
        _check_choice("GMM_COVARIANCE_TYPE", self.gmm_covariance_type, COVARIANCE_TYPES)
        _check_choice("FEATURE_SPACE", self.feature_space, SPACE_NAMES)
        _check_range("NUM_CLUSTERS", self.num_clusters_min, self.num_clusters_max, least=1)
        _check_range("GMM_N_COMPONENTS", self.gmm_n_components_min, self.gmm_n_components_max, least=1)
        _check_range("DBSCAN_MIN_SAMPLES", self.dbscan_min_samples_min, self.dbscan_min_samples_max, least=1)
        _check_range("PCA_COMPONENTS", self.pca_components_min, self.pca_components_max, least=0)
        _check_range("FEATURE_WEIGHT", self.feature_weight_min, self.feature_weight_max, least=0.001)
        if (self.dbscan_eps_min is None) != (self.dbscan_eps_max is None):
            raise ParameterError("Set both DBSCAN_EPS_MIN and DBSCAN_EPS_MAX, or neither.")
        if self.dbscan_eps_min is not None and self.dbscan_eps_max is not None:
            _check_range("DBSCAN_EPS", self.dbscan_eps_min, self.dbscan_eps_max, least=1e-6)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `from_dict` is the way back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchParameters:
        """Rebuild parameters from `to_dict`."""
        return cls(**{**values, "judge_weights": JudgeWeights(**values["judge_weights"])})


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ParameterError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")


def _check_range(name: str, low: float, high: float, *, least: float) -> None:
    if not low >= least:
        raise ParameterError(f"{name}_MIN is {low}; it must be at least {least}.")
    if not low <= high < float("inf"):
        raise ParameterError(f"{name}_MIN is {low}, but {name}_MAX is {high}: the range is empty.")
