"""What may vary: the asked ranges, adapted to the library, never empty."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.clustering import ALGORITHMS, SearchParameters, SearchSpace
from audiomuse.clustering.space import Choice, FloatRange, small_library_clusters
from audiomuse.errors import ParameterError


def test_a_big_library_gets_exactly_what_was_asked():
    space = SearchSpace.for_library(SearchParameters(), 10_000)
    assert space.dimensions["n_clusters"].values == tuple(range(20, 61))
    assert space.dimensions["pca_components"].values == (*range(1, 11), 0)
    assert space.adapted == ()


@pytest.mark.parametrize(
    ("n_tracks", "expected"), [(20, (2, 4)), (120, (4, 6)), (500, (5, 16)), (1000, (10, 33)), (1, (1, 1))]
)
def test_a_small_library_gets_fewer_clusters_and_is_told(n_tracks, expected):
    assert small_library_clusters(n_tracks) == expected
    space = SearchSpace.for_library(SearchParameters(), n_tracks)
    counts = space.dimensions["n_clusters"].values
    assert (counts[0], counts[-1]) == expected
    assert f"looking for {expected[0]} to {expected[1]}" in space.adapted[0]


def test_an_unusual_wish_is_respected_as_far_as_there_are_songs():
    wish = SearchParameters(num_clusters_min=10, num_clusters_max=12)
    assert SearchSpace.for_library(wish, 120).dimensions["n_clusters"].values == (10, 11, 12)
    assert SearchSpace.for_library(wish, 120).adapted == ()
    tight = SearchSpace.for_library(wish, 22)
    assert tight.dimensions["n_clusters"].values == (10, 11)
    assert "22 songs are too few for 10 to 12 clusters" in tight.adapted[0]


def test_eps_is_searched_where_asked_and_otherwise_by_the_data():
    asked = SearchParameters(algorithm="dbscan", dbscan_eps_min=0.2, dbscan_eps_max=0.4)
    assert SearchSpace.for_library(asked, 5000).dimensions["eps"] == FloatRange(0.2, 0.4)
    unasked = SearchSpace.for_library(SearchParameters(algorithm="dbscan"), 5000)
    assert "eps" not in unasked.dimensions
    assert "eps_quantile" in unasked.dimensions


def test_the_original_space_is_never_weighted():
    space = SearchSpace.for_library(SearchParameters(feature_space="original"), 5000)
    assert set(space.dimensions) == {"n_clusters", "pca_components"}


def test_a_single_choice_stays_a_choice():
    fixed = SearchParameters(
        num_clusters_min=30, num_clusters_max=30, feature_weight_min=1, feature_weight_max=1
    )
    space = SearchSpace.for_library(fixed, 5000)
    for position in (0.0, 0.5, 1.0):
        assert space.dimensions["n_clusters"].decode(position) == 30
        assert space.dimensions["weight_moods"].decode(position) == 1.0


@settings(max_examples=60, deadline=None)
@given(
    n_tracks=st.integers(1, 5000),
    algorithm=st.sampled_from(ALGORITHMS),
    clusters=st.tuples(st.integers(1, 300), st.integers(1, 300)).map(sorted),
    components=st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted),
)
def test_the_space_is_never_empty_and_the_usual_candidate_is_in_it(n_tracks, algorithm, clusters, components):
    parameters = SearchParameters(
        algorithm=algorithm,
        num_clusters_min=clusters[0],
        num_clusters_max=clusters[1],
        gmm_n_components_min=clusters[0],
        gmm_n_components_max=clusters[1],
        pca_components_min=components[0],
        pca_components_max=components[1],
    )
    space = SearchSpace.for_library(parameters, n_tracks)
    assert set(space.usual) == set(space.dimensions)
    for name, dimension in space.dimensions.items():
        assert dimension.decode(dimension.encode(space.usual[name])) == pytest.approx(space.usual[name])
    assert space.most_clusters <= max(1, n_tracks)


@settings(max_examples=50, deadline=None)
@given(position=st.floats(0, 1), low=st.floats(0.01, 1), width=st.floats(0, 10), logarithmic=st.booleans())
def test_what_is_decoded_can_be_encoded(position, low, width, logarithmic):
    dimension = FloatRange(low, low + width, logarithmic)
    value = dimension.decode(position)
    assert low <= value <= low + width
    assert dimension.decode(dimension.encode(value)) == pytest.approx(value, rel=1e-3)
    choice = Choice(tuple(range(7)))
    assert choice.decode(choice.encode(choice.decode(position))) == choice.decode(position)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"num_clusters_min": 61}, ("NUM_CLUSTERS_MIN", "NUM_CLUSTERS_MAX")),
        ({"pca_components_min": 12}, ("PCA_COMPONENTS_MIN", "PCA_COMPONENTS_MAX")),
        ({"gmm_n_components_max": 3}, ("GMM_N_COMPONENTS_MIN", "GMM_N_COMPONENTS_MAX")),
        ({"dbscan_min_samples_max": 2}, ("DBSCAN_MIN_SAMPLES_MIN", "DBSCAN_MIN_SAMPLES_MAX")),
        ({"dbscan_eps_min": 0.5, "dbscan_eps_max": 0.1}, ("DBSCAN_EPS_MIN", "DBSCAN_EPS_MAX")),
        ({"dbscan_eps_min": 0.5}, ("DBSCAN_EPS_MIN", "DBSCAN_EPS_MAX")),
        ({"num_clusters_min": 0}, ("NUM_CLUSTERS_MIN",)),
        ({"feature_weight_min": 0.0}, ("FEATURE_WEIGHT_MIN",)),
        ({"algorithm": "spectral"}, ("CLUSTER_ALGORITHM", "spectral")),
        ({"gmm_covariance_type": "round"}, ("GMM_COVARIANCE_TYPE", "round")),
        ({"feature_space": "mfcc"}, ("FEATURE_SPACE", "mfcc")),
    ],
)
def test_a_range_upside_down_is_refused_by_name_before_anything_runs(wrong, names):
    with pytest.raises(ParameterError) as refusal:
        SearchParameters(**wrong)
    assert all(name in str(refusal.value) for name in names)


def test_parameters_survive_storage():
    parameters = SearchParameters(algorithm="dbscan", dbscan_eps_min=0.2, dbscan_eps_max=0.4)
    assert SearchParameters.from_dict(parameters.to_dict()) == parameters


@pytest.mark.parametrize(
    ("kind", "most", "noted"), [("full", 17, 1), ("tied", 40, 1), ("full", 16, 0), ("diag", 40, 0)]
)
def test_a_mixture_that_cannot_look_at_all_components_says_so(kind, most, noted):
    wish = SearchParameters(algorithm="gmm", gmm_covariance_type=kind, pca_components_max=most)
    adapted = SearchSpace.for_library(wish, 10_000).adapted
    assert len(adapted) == noted
    assert all(f"looks at 16 of {most} principal components" in sentence for sentence in adapted)
