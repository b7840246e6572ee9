"""The estimators keep scikit-learn's contract and find what is plainly there."""

import numpy as np
import pytest
from sklearn import cluster
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from audiomuse.clustering.estimators import DBSCAN, GMM, KMeans

ALL_KINDS = [
    KMeans(n_clusters=3),
    KMeans(n_clusters=2, pca_components=1),
    GMM(n_components=3),
    GMM(n_components=2, covariance_type="diag", pca_components=2),
    GMM(n_components=2, covariance_type="tied"),
    GMM(n_components=2, covariance_type="spherical"),
    DBSCAN(),
    DBSCAN(eps=0.5, pca_components=1),
]


@parametrize_with_checks(ALL_KINDS)
def test_keeps_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(
        [120, 200, 80, 150], n_features=6, centers=None, cluster_std=0.6, random_state=3, center_box=(-6, 6)
    )


@pytest.mark.parametrize(
    "estimator",
    [
        KMeans(4, n_init=3, random_state=0),
        KMeans(4, n_init=3, pca_components=3, random_state=0),
        GMM(4, random_state=0),
        GMM(4, covariance_type="diag", random_state=0),
        GMM(4, covariance_type="tied", random_state=0),
        GMM(4, covariance_type="spherical", random_state=0),
        DBSCAN(random_state=0),
    ],
    ids=str,
)
def test_finds_plain_groups(estimator, blobs):
    X, group = blobs
    labels = estimator.fit_predict(X)
    kept = labels >= 0
    assert kept.mean() > 0.85
    assert adjusted_rand_score(group[kept], labels[kept]) > 0.99


@pytest.mark.parametrize("eps", [0.7, 1.0, 1.4, 2.5])
@pytest.mark.parametrize("min_samples", [1, 4, 9])
def test_dbscan_has_the_textbooks_core_samples_noise_and_clusters(blobs, eps, min_samples):
    X, _ = blobs
    ours = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    textbook = cluster.DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    assert np.array_equal(ours.core_sample_indices_, textbook.core_sample_indices_)
    assert np.array_equal(ours.labels_ < 0, textbook.labels_ < 0)
    core = ours.core_sample_indices_
    assert adjusted_rand_score(textbook.labels_[core], ours.labels_[core]) == pytest.approx(1.0)


def test_dbscan_splits_a_giant_into_parts():
    X = np.random.default_rng(0).normal(size=(400, 3))
    whole = DBSCAN(eps=1.5, random_state=0).fit_predict(X)
    parts = DBSCAN(eps=1.5, giant_share=0.25, n_parts=8, random_state=0).fit_predict(X)
    assert np.bincount(whole[whole >= 0]).max() > 380
    assert np.bincount(parts[parts >= 0]).max() < 100
    assert np.array_equal(whole < 0, parts < 0)


def test_dbscan_on_more_samples_than_it_looks_at_labels_them_all(blobs):
    X, group = blobs
    few = DBSCAN(eps=1.6, max_samples=200, random_state=0).fit(X)
    kept = few.labels_ >= 0
    assert kept.mean() > 0.9
    assert adjusted_rand_score(group[kept], few.labels_[kept]) > 0.99


def test_k_means_reaches_the_error_of_scikit_learn(blobs):
    X, _ = blobs
    ours = KMeans(12, n_init=5, random_state=0).fit(X)
    theirs = cluster.KMeans(12, n_init=5, random_state=0).fit(X)
    assert ours.inertia_ <= 1.05 * theirs.inertia_
    assert np.array_equal(ours.predict(X), ours.labels_)


def test_a_mixture_sees_the_shape_that_k_means_cannot():
    rng = np.random.default_rng(0)
    wide_and_dense = [rng.normal(size=(300, 2)) * 4.0, rng.normal(size=(300, 2)) * 0.2 + 3.0]
    X, group = np.concatenate(wide_and_dense), np.repeat([0, 1], 300)
    assert adjusted_rand_score(group, GMM(2, random_state=0).fit_predict(X)) > 0.9
    assert adjusted_rand_score(group, KMeans(2, random_state=0).fit_predict(X)) < 0.7


def test_probabilities_of_a_mixture_sum_to_one_and_agree_with_its_labels(blobs):
    X, _ = blobs
    mixture = GMM(4, random_state=0).fit(X)
    probability = mixture.predict_proba(X)
    assert probability.sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(probability.argmax(axis=1), mixture.labels_)
    assert mixture.weights_.sum() == pytest.approx(1.0)


def test_centres_are_given_in_the_space_of_the_input(blobs):
    X, _ = blobs
    fitted = KMeans(4, n_init=3, pca_components=3, random_state=0).fit(X)
    means = np.stack([X[fitted.labels_ == number].mean(axis=0) for number in range(4)])
    assert fitted.cluster_centers_ == pytest.approx(means, abs=0.5)


@pytest.mark.parametrize(
    ("estimator", "complaint"),
    [
        (KMeans(0), "n_clusters"),
        (KMeans(100), "n_samples=5 should be >= n_clusters=100"),
        (KMeans(2, pca_components=-1), "pca_components"),
        (GMM(2, covariance_type="round"), "covariance_type"),
        (DBSCAN(eps=-1.0), "eps"),
        (DBSCAN(eps_quantile=2), "eps_quantile"),
        (DBSCAN(min_samples=0), "min_samples"),
    ],
)
def test_impossible_parameters_are_refused_by_name(estimator, complaint):
    with pytest.raises(ValueError, match=complaint):
        estimator.fit(np.arange(10.0).reshape(5, 2))
