"""Gaussian mixtures by two matrix products per step.

The logarithm of a Gaussian density is linear in the products of the coordinates:
``log p_k(x) = phi(x) . theta_k`` with ``phi = [x_i x_j, x_i, 1]``. So the E-step is one product of phi with
all theta, and the sufficient statistics of the M-step are one product of the responsibilities with phi.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiomuse.clustering._lloyd import Labels, Points, lloyd, row_blocks, spread_centres

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")

_REGULARISATION = 1e-6
_WARM_START_ROUNDS = 8

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A fitted mixture of Gaussians."""

    weights: Float64
    """Shape (k,), sum 1."""
    means: Float64
    """Shape (k, d)."""
    covariances: Float64
    """Shape (k, d, d) whatever the type: the constraint is in the values."""
    covariance_type: str
    n_iter: int
    converged: bool

    def log_densities(self, points: Points) -> Points:
        """Return log(weight_k N_k(x)) for each point and component, shape (n, k)."""
        theta = _theta(self, points.dtype)
        return np.asarray(_phi(points, self.covariance_type) @ theta)

    def predict(self, points: Points) -> Labels:
        """Return the most probable component of each point, shape (n,)."""
        labels = np.empty(len(points), dtype=np.int32)
        for rows in row_blocks(len(points)):
            labels[rows] = self.log_densities(points[rows]).argmax(axis=1)
        return labels


def fit_mixture(
    points: Points,
    n_components: int,
    *,
    covariance_type: str,
    rng: np.random.Generator,
    max_iter: int,
    tol: float = 1e-3,
) -> Mixture:
    """Fit a mixture by expectation-maximisation from a k-means start.

    Covariances of single components are shrunk towards the pooled one, the more the fewer points they
    rest on, so that more dimensions than points do no harm.

    Parameters
    ----------
    points : ndarray, shape (n, d)
        Best centred and of variance about one: squares are taken in the points' own precision.
    n_components : int, 1..n
    covariance_type : {"full", "tied", "diag", "spherical"}
    rng : numpy.random.Generator
    max_iter : int > 0
    tol : float
        Stop when the mean log-likelihood grows by less.

    Returns
    -------
    Mixture
    """
    seeds = points[spread_centres(points, n_components, rng)]
    start = lloyd(points, seeds, max_iter=_WARM_START_ROUNDS)
    responsibilities = np.zeros((len(points), n_components), dtype=points.dtype)
    responsibilities[np.arange(len(points)), start.labels] = 1.0
    phi = _phi(points, covariance_type)
    mixture = _maximise(responsibilities.T @ phi, points.shape[1], covariance_type)
    return _climb(mixture, [phi], max_iter=max_iter, tol=tol)


def refine_mixture(mixture: Mixture, points: Points, *, max_iter: int, tol: float = 1e-3) -> Mixture:
    """Go on with a fitted mixture on (more) points, a block of rows at a time; returns the better one."""
    return _climb(
        mixture, [points[rows] for rows in row_blocks(len(points))], max_iter=max_iter, tol=tol, raw=True
    )


def _climb(
    mixture: Mixture, blocks: list[Points], *, max_iter: int, tol: float, raw: bool = False
) -> Mixture:
    d, kind = mixture.means.shape[1], mixture.covariance_type
    n = sum(len(block) for block in blocks)
    before, converged, n_iter = -np.inf, False, 0
    while n_iter < max_iter and not converged:
        n_iter += 1
        statistics, likelihood = np.zeros(()), 0.0
        theta = _theta(mixture, blocks[0].dtype)
        for block in blocks:
            phi = _phi(block, kind) if raw else block
            responsibilities, block_likelihood = _expect(phi @ theta)
            statistics = statistics + responsibilities.T @ phi
            likelihood += block_likelihood
        mixture = _maximise(statistics, d, kind)
        converged = likelihood / n - before < tol
        before = likelihood / n
    return Mixture(mixture.weights, mixture.means, mixture.covariances, kind, n_iter, converged)


def _expect(log_densities: Points) -> tuple[Points, float]:
    """E-step: responsibilities (n, k) and the log-likelihood of the points; overwrites its argument."""
    highest = log_densities.max(axis=1, keepdims=True)
    log_densities -= highest
    np.exp(log_densities, out=log_densities)
    total = log_densities.sum(axis=1, keepdims=True)
    log_densities /= total
    return log_densities, float((np.log(total) + highest).sum(dtype=np.float64))


def _maximise(statistics: NDArray[np.floating[Any]], d: int, kind: str) -> Mixture:
    """M-step from the sums of phi weighted by the responsibilities, shape (k, n_phi)."""
    statistics = np.asarray(statistics, dtype=np.float64)
    sizes = np.maximum(statistics[:, -1], 1e-9)
    means = statistics[:, -1 - d : -1] / sizes[:, None]
    moments = _second_moments(statistics[:, : -1 - d] / sizes[:, None], means, d, kind)
    covariances = moments - np.einsum("ki,kj->kij", means, means)
    if kind in ("diag", "spherical"):
        covariances *= np.eye(d)
    weights = sizes / sizes.sum()
    pooled = np.einsum("k,kij->ij", weights, covariances)
    if kind == "tied":
        covariances = np.broadcast_to(pooled, covariances.shape).copy()
    else:
        n_parameters = {"full": d, "diag": 1, "spherical": 1}[kind] + 2
        shrink = (n_parameters / (sizes + n_parameters))[:, None, None]
        covariances = (1 - shrink) * covariances + shrink * pooled
    if kind == "spherical":
        variance = np.trace(covariances, axis1=1, axis2=2) / d
        covariances = variance[:, None, None] * np.eye(d)
    covariances += _REGULARISATION * np.eye(d)
    return Mixture(weights, means, covariances, kind, 0, False)


def _phi(points: Points, kind: str) -> Points:
    """The products of the coordinates that this kind of covariance needs, then the coordinates, then 1."""
    if kind in ("full", "tied"):
        first, second = np.triu_indices(points.shape[1])
        squares = points[:, first] * points[:, second]
    elif kind == "diag":
        squares = points * points
    else:
        squares = np.einsum("ij,ij->i", points, points)[:, None]
    return np.concatenate([squares, points, np.ones((len(points), 1), dtype=points.dtype)], axis=1)


def _second_moments(squares: Float64, means: Float64, d: int, kind: str) -> Float64:
    """Bring the means of the products of `_phi` into the shape (k, d, d)."""
    moments = np.zeros((len(squares), d, d))
    if kind in ("full", "tied"):
        first, second = np.triu_indices(d)
        moments[:, first, second] = squares
        moments[:, second, first] = squares
    elif kind == "diag":
        moments[:, np.arange(d), np.arange(d)] = squares
    else:
        # Only the sum over the axes is known; spread it so that every axis has the same variance.
        variance = (squares[:, 0] - (means**2).sum(axis=1)) / d
        moments[:, np.arange(d), np.arange(d)] = variance[:, None] + means**2
    return moments


def _theta(mixture: Mixture, dtype: Any) -> Points:
    """Coefficients of `_phi` for all components, shape (n_phi, k)."""
    d = mixture.means.shape[1]
    precisions = np.linalg.inv(mixture.covariances)
    pulled = np.einsum("kij,kj->ki", precisions, mixture.means)
    constant = np.log(np.maximum(mixture.weights, 1e-300)) - 0.5 * (
        d * np.log(2 * np.pi)
        + np.linalg.slogdet(mixture.covariances)[1]
        + np.einsum("ki,ki->k", mixture.means, pulled)
    )
    if mixture.covariance_type in ("full", "tied"):
        first, second = np.triu_indices(d)
        quadratic = -precisions[:, first, second] * np.where(first == second, 0.5, 1.0)
    else:
        quadratic = -0.5 * np.diagonal(precisions, axis1=1, axis2=2)
        if mixture.covariance_type == "spherical":
            quadratic = quadratic[:, :1]
    return np.concatenate([quadratic, pulled, constant[:, None]], axis=1).T.astype(dtype)
