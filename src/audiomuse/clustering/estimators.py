"""K-Means, DBSCAN and Gaussian mixtures as scikit-learn style estimators, each with optional PCA.

They stand on the same engines as the search: k-means by dense passes, DBSCAN cut from a density tree,
mixtures by two matrix products per step.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from audiomuse.clustering._density import DensityTree, Neighbours, split_giants, spread_labels
from audiomuse.clustering._lloyd import (
    Labels,
    Points,
    lloyd,
    nearest_centre,
    spread_centres,
    squared_error,
)
from audiomuse.clustering._mixture import COVARIANCE_TYPES, fit_mixture
from audiomuse.features.spaces import principal_axes


class _ProjectingEstimator(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """What the three have in common: validation, seeds, and the projection before anything else."""

    pca_components: int
    random_state: Any

    def _check_fit_input(self, X: ArrayLike) -> Points:
        points: Points = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        if not (isinstance(self.pca_components, int | np.integer) and self.pca_components >= 0):
            raise ValueError(f"pca_components={self.pca_components!r} must be an integer, 0 or more.")
        self.mean_ = points.mean(axis=0)
        self.components_ = None
        if self.pca_components:
            self.components_ = principal_axes(points - self.mean_, self.pca_components).T.astype(points.dtype)
        return self._project(points)

    def _check_predict_input(self, X: ArrayLike) -> Points:
        check_is_fitted(self)
        return self._project(validate_data(self, X, dtype=[np.float64, np.float32], reset=False))

    def _project(self, points: Points) -> Points:
        # Centred: squares of coordinates far from the origin would eat up the digits of the distances.
        deviation = points - self.mean_
        return np.asarray(deviation if self.components_ is None else deviation @ self.components_.T)

    def _lift(self, centres: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Bring points of the clustered space back into the space of the input."""
        return np.asarray((centres if self.components_ is None else centres @ self.components_) + self.mean_)

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))


class KMeans(_ProjectingEstimator):
    """k-means clustering.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, at most the number of samples.
    n_init : int, default=1
        Starts; the one with the smallest `inertia_` wins.
    max_iter : int, default=100
        Rounds of one start at most.
    pca_components : int, default=0
        Cluster in so many principal components (no more than the data has); 0: in the input space.
    random_state : int, RandomState instance or None, default=None
        Of the k-means++ starts.

    Attributes
    ----------
    labels_ : ndarray of int32, shape (n_samples,)
    cluster_centers_ : ndarray, shape (n_clusters, n_features)
        In the space of the input, whatever was clustered.
    inertia_ : float
        Sum of squared distances to the centres, in the clustered space.
    n_iter_ : int
        Rounds of the winning start.
    components_ : ndarray, shape (n_components, n_features), or None
        The principal axes; None without PCA.
    mean_ : ndarray, shape (n_features,)

    Examples
    --------
    >>> KMeans(2, random_state=0).fit_predict([[0.0], [0.1], [5.0], [5.1]]).tolist() in (
    ...     [0, 0, 1, 1], [1, 1, 0, 0])
    True
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_init: int = 1,
        max_iter: int = 100,
        pca_components: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.max_iter = max_iter
        self.pca_components = pca_components
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Find the clusters of X, shape (n_samples, n_features); `y` is ignored."""
        points = self._check_fit_input(X)
        _check_count("n_clusters", self.n_clusters, len(points))
        _check_count("n_init", self.n_init)
        _check_count("max_iter", self.max_iter)
        rng = self._generator()
        self.inertia_ = np.inf
        for _ in range(self.n_init):
            seeds = points[spread_centres(points, self.n_clusters, rng)]
            partition = lloyd(points, seeds, max_iter=self.max_iter)
            inertia = squared_error(points, partition.labels, partition.centres)
            if inertia < self.inertia_:
                self.inertia_, self.n_iter_ = inertia, partition.n_iter
                self.labels_, self._centres = partition.labels, partition.centres
        self.cluster_centers_ = self._lift(self._centres)
        return self

    def predict(self, X: ArrayLike) -> Labels:
        """Return the cluster of the nearest centre for each row of X."""
        return nearest_centre(self._check_predict_input(X), self._centres)


class GMM(_ProjectingEstimator):
    """Gaussian mixture: each cluster has a shape of its own.

    Covariances are shrunk towards the pooled one, the more the fewer samples a component has.

    Parameters
    ----------
    n_components : int, default=8
        Number of components, at most the number of samples.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
    max_iter : int, default=100
    tol : float, default=1e-3
        Stop when the mean log-likelihood grows by less.
    pca_components : int, default=0
        Cluster in so many principal components (no more than the data has); 0: in the input space.
    random_state : int, RandomState instance or None, default=None
        Of the k-means start.

    Attributes
    ----------
    labels_ : ndarray of int32, shape (n_samples,)
    weights_ : ndarray, shape (n_components,)
    means_ : ndarray, shape (n_components, n_features)
        In the space of the input.
    covariances_ : ndarray, shape (n_components, d, d)
        In the clustered space, whatever the type.
    n_iter_ : int
    converged_ : bool
    components_ : ndarray, shape (d, n_features), or None
        The principal axes; None without PCA.
    mean_ : ndarray, shape (n_features,)
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        covariance_type: str = "full",
        max_iter: int = 100,
        tol: float = 1e-3,
        pca_components: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.max_iter = max_iter
        self.tol = tol
        self.pca_components = pca_components
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Fit the mixture to X, shape (n_samples, n_features); `y` is ignored."""
        if self.covariance_type not in COVARIANCE_TYPES:
            raise ValueError(f"covariance_type={self.covariance_type!r} must be one of {COVARIANCE_TYPES}.")
        points = self._check_fit_input(X)
        _check_count("n_components", self.n_components, len(points))
        _check_count("max_iter", self.max_iter)
        spread = float(np.sqrt(points.var(axis=0).mean()))
        self._scale = spread if spread > 0 else 1.0
        scaled = points / points.dtype.type(self._scale)
        self._mixture = fit_mixture(
            scaled,
            self.n_components,
            covariance_type=self.covariance_type,
            rng=self._generator(),
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self.labels_ = self._mixture.predict(scaled)
        self.weights_ = self._mixture.weights
        self.means_ = self._lift(self._mixture.means * self._scale)
        self.covariances_ = self._mixture.covariances * self._scale**2
        self.n_iter_, self.converged_ = self._mixture.n_iter, self._mixture.converged
        return self

    def predict(self, X: ArrayLike) -> Labels:
        """Return the most probable component for each row of X."""
        points = self._scaled(X)
        return self._mixture.predict(points)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return the probability of each component for each row of X, rows sum to 1."""
        points = self._scaled(X)
        densities = self._mixture.log_densities(points)
        densities = np.exp(densities - densities.max(axis=1, keepdims=True))
        return np.asarray(densities / densities.sum(axis=1, keepdims=True))

    def _scaled(self, X: ArrayLike) -> Points:
        points = self._check_predict_input(X)
        return np.asarray(points / points.dtype.type(self._scale))


class DBSCAN(_ProjectingEstimator):
    """Density clustering: clusters are dense regions of any form, the rest is noise.

    Up to `max_samples` samples the core samples and clusters are those of the textbook; a border sample
    goes to its *nearest* core sample. Beyond, the clusters are found on a random subset, and every other
    sample follows its nearest core sample within eps.

    Parameters
    ----------
    eps : float or None, default=None
        Neighbourhood radius in the clustered space. None: the quantile `eps_quantile` of the distances to
        the `min_samples`-th neighbour, so that this share of the samples are core samples.
    min_samples : int, default=5
        Samples within eps, itself included, that make a core sample.
    eps_quantile : float, 0..1, default=0.9
        Used if `eps` is None.
    giant_share : float, 0..1, default=1.0
        A cluster with more than this share of the samples is split by k-means; 1 never splits.
    n_parts : int, default=8
        A cluster that held every sample would be split into so many parts, smaller ones into fewer.
    max_samples : int, default=4096
        Memory and time grow with its square.
    pca_components : int, default=0
        Cluster in so many principal components (no more than the data has); 0: in the input space.
    random_state : int, RandomState instance or None, default=None
        Of the subset and of splitting.

    Attributes
    ----------
    labels_ : ndarray of int32, shape (n_samples,)
        -1 for noise.
    core_sample_indices_ : ndarray of int, shape (n_core,)
    eps_ : float
        The radius that was used.
    components_ : ndarray, shape (d, n_features), or None
        The principal axes; None without PCA.
    mean_ : ndarray, shape (n_features,)
    """

    def __init__(
        self,
        eps: float | None = None,
        *,
        min_samples: int = 5,
        eps_quantile: float = 0.9,
        giant_share: float = 1.0,
        n_parts: int = 8,
        max_samples: int = 4096,
        pca_components: int = 0,
        random_state: Any = None,
    ) -> None:
        self.eps = eps
        self.min_samples = min_samples
        self.eps_quantile = eps_quantile
        self.giant_share = giant_share
        self.n_parts = n_parts
        self.max_samples = max_samples
        self.pca_components = pca_components
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Find the clusters of X, shape (n_samples, n_features); `y` is ignored."""
        self._check_parameters()
        points = self._check_fit_input(X)
        rng = self._generator()
        chosen = np.arange(len(points))
        if len(points) > self.max_samples:
            chosen = np.sort(rng.choice(len(points), self.max_samples, replace=False))
        subset = points[chosen]
        tree = DensityTree.grow(subset, Neighbours.of(subset, self.min_samples), self.min_samples)
        self.eps_ = self._radius(tree)
        labels = split_giants(
            subset,
            tree.cut(self.eps_),
            largest=int(self.giant_share * len(subset)),
            typical=max(1, len(subset) // self.n_parts),
            rng=rng,
        )
        core = tree.core <= self.eps_
        self.core_sample_indices_ = chosen[core]
        self.labels_ = spread_labels(points, subset[core], labels[core], self.eps_)
        self.labels_[chosen] = labels
        return self

    def _radius(self, tree: DensityTree) -> float:
        if self.eps is not None:
            return float(self.eps)
        finite = tree.core[np.isfinite(tree.core)]
        return float(np.quantile(finite, self.eps_quantile)) if len(finite) else 0.0

    def _check_parameters(self) -> None:
        _check_count("min_samples", self.min_samples)
        _check_count("max_samples", self.max_samples)
        _check_count("n_parts", self.n_parts)
        if self.eps is not None and not self.eps > 0:
            raise ValueError(f"eps={self.eps!r} must be greater than 0.")
        for name in ("eps_quantile", "giant_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be between 0 and 1.")


def _check_count(name: str, value: int, most: int | None = None) -> None:
    if not (isinstance(value, int | np.integer) and value >= 1):
        raise ValueError(f"{name}={value!r} must be an integer, 1 or more.")
    if most is not None and value > most:
        raise ValueError(f"n_samples={most} should be >= {name}={value}.")
