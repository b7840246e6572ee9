"""The whole search: finds what was planted, repeats itself, stops when told, continues from yesterday."""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from audiomuse.clustering import (
    ALGORITHMS,
    Evaluation,
    Evaluator,
    SearchParameters,
    SearchPlan,
    WarmStart,
    search,
)
from audiomuse.clustering.evaluator import stratified_sample
from audiomuse.clustering.grouping import dissolve_tiny_clusters
from audiomuse.errors import LibraryEmpty, ParameterError
from audiomuse.features.planted import planted_library
from audiomuse.model import FeatureMatrix


@pytest.fixture(scope="module")
def planted():
    return planted_library(2500, seed=0)


@pytest.fixture(scope="module")
def small():
    return planted_library(800, seed=5)


def first(matrix: FeatureMatrix, n: int) -> FeatureMatrix:
    """The first n tracks of a library."""
    names = ("ids", "artists", "titles", "albums", "duration_s", "tempo_bpm", "key_index", "loudness_lufs")
    names += ("energy", "tags", "embedding")
    return replace(matrix, **{name: getattr(matrix, name)[:n] for name in names})


def yesterday(result):
    """What a run leaves for the next one."""
    return WarmStart(result.space, result.clustering.centers, result.clustering.parameters)


def agreement(planted, labels):
    """Adjusted mutual information with the planted styles."""
    known = planted.style >= 0
    return adjusted_mutual_info_score(planted.style[known], labels[known])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_finds_the_planted_styles(planted, algorithm):
    result = search(planted.matrix, SearchParameters(algorithm=algorithm), runs=60, seed=0)
    assert agreement(planted, result.clustering.labels) > 0.62
    assert result.clustering.algorithm == algorithm
    assert result.clustering.score == max(finalist.score for finalist in result.finalists)
    assert result.clustering.centers.shape == (result.clustering.labels.max() + 1, result.space.n_dims)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_every_kind_of_mixture_can_be_searched(planted, covariance_type):
    parameters = SearchParameters(algorithm="gmm", gmm_covariance_type=covariance_type)
    result = search(planted.matrix, parameters, runs=8)
    assert result.clustering.parameters["covariance_type"] == covariance_type
    assert result.clustering.score > 0.3


@pytest.mark.parametrize("space", ["original", "original-scaled", "embedding"])
def test_whatever_space_is_clustered_the_same_space_judges(planted, space):
    result = search(planted.matrix, SearchParameters(feature_space=space), runs=12)
    assert result.space.name == "blend"
    assert result.clustering.centers.shape[1] == result.space.n_dims


def test_the_same_seed_gives_the_same_labels_and_another_seed_others(planted):
    one, same, other = (search(planted.matrix, runs=30, seed=seed).clustering for seed in (3, 3, 4))
    assert np.array_equal(one.labels, same.labels)
    assert one.parameters == same.parameters
    assert not np.array_equal(one.labels, other.labels)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:  # those who test have threads
        yield pool


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_pool_of_processes_gives_the_same_result(small, algorithm, processes):
    parameters = SearchParameters(algorithm=algorithm)
    alone = search(small.matrix, parameters, runs=40, seed=1)
    together = search(small.matrix, parameters, runs=40, seed=1, executor=processes)
    assert np.array_equal(alone.clustering.labels, together.clustering.labels)
    assert alone.clustering.score == together.clustering.score
    assert alone.history == together.history


def test_a_fleet_that_knows_only_the_stored_plan_reaches_the_same_result(small):
    """Workers evaluate in any order, in batches, each with an evaluator of its own; JSON lies between."""
    alone = search(small.matrix, runs=90, seed=2)

    stored = json.dumps(SearchPlan(SearchParameters(), 800, runs=90, seed=2).to_dict())
    workers = [Evaluator(small.matrix, SearchPlan.from_dict(json.loads(stored))) for _ in range(2)]
    plan, history = SearchPlan.from_dict(json.loads(stored)), []
    rng = np.random.default_rng(0)
    for generation in range(plan.n_generations):
        asked = plan.ask_generation(generation, history)
        for position in rng.permutation(len(asked)):
            candidate = json.loads(json.dumps(asked[position]))
            evaluation = json.dumps(workers[position % 2].evaluate(candidate).to_dict())
            history.append((candidate, Evaluation.from_dict(json.loads(evaluation)).score))
    polished = [workers[number % 2].polish(c) for number, c in enumerate(plan.finalists(history))]
    best = max(polished, key=lambda clustering: clustering.score)
    assert np.array_equal(best.labels, alone.clustering.labels)
    assert best.score == alone.clustering.score


@pytest.mark.slow
def test_evolution_beats_random_search_on_a_library_over_twenty_seeds(small):
    evaluator = Evaluator(small.matrix, SearchPlan(SearchParameters(), 800))
    evolved, drawn = [], []
    for seed in range(20):
        plan = SearchPlan(SearchParameters(), 800, runs=96, seed=seed)
        history = []
        for generation in range(plan.n_generations):
            asked = plan.evolution.ask_generation(generation, history)
            history += [(candidate, evaluator.evaluate(candidate).score) for candidate in asked]
        evolved.append(max(score for _, score in history))
        # The first generation is drawn at random: two of them are a random search of the same budget.
        draws = [SearchPlan(SearchParameters(), 800, runs=96, seed=1000 + 2 * seed + i) for i in range(2)]
        random_candidates = [candidate for draw in draws for candidate in draw.ask_generation(0, [])]
        assert len(random_candidates) == len(history) == 96
        drawn.append(max(evaluator.evaluate(candidate).score for candidate in random_candidates))
    assert np.mean(evolved) > np.mean(drawn)


@pytest.mark.slow
def test_a_thousand_runs_beat_a_hundred(small):
    scores = {
        runs: np.mean([search(small.matrix, runs=runs, seed=seed).clustering.score for seed in range(3)])
        for runs in (100, 1000)
    }
    assert scores[1000] > scores[100]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("n_tracks", [1, 2, 5, 20, 120])
def test_a_small_library_is_grouped_too(algorithm, n_tracks):
    matrix = planted_library(n_tracks, seed=3).matrix
    result = search(matrix, SearchParameters(algorithm=algorithm), runs=24)
    sizes = np.bincount(result.clustering.labels[result.clustering.labels >= 0])
    assert len(sizes) == len(result.clustering.centers) >= 1
    assert (sizes > 0).all()
    assert sizes.sum() >= 0.6 * n_tracks
    assert n_tracks == 120 or result.adapted
    assert np.isfinite(result.clustering.score)


def test_songs_of_tiny_clusters_go_to_the_nearest_other_one():
    places = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [4.0], [9.0]], dtype=np.float32)
    labels = np.array([0, 0, 0, 3, 3, 3, 7, -1], dtype=np.int32)
    assert dissolve_tiny_clusters(places, labels, 2).tolist() == [0, 0, 0, 1, 1, 1, 1, -1]
    assert dissolve_tiny_clusters(places, labels, 9).tolist() == [0, 0, 0, 1, 1, 1, 2, -1]


def test_twenty_songs_make_a_few_lists_of_several_songs():
    result = search(planted_library(20, seed=3).matrix, runs=60)
    sizes = np.bincount(result.clustering.labels)
    assert 2 <= len(sizes) <= 4
    assert sizes.min() >= 2
    assert "20 songs are too few for 20 to 60 clusters" in result.adapted[0]


def test_progress_reports_the_best_so_far(planted):
    heard = []
    result = search(planted.matrix, runs=100, seed=0, on_progress=heard.append)
    assert [progress.done for progress in heard] == [48, 72, 96, 100]
    assert all(progress.total == 100 for progress in heard)
    scores = [progress.score for progress in heard]
    assert scores == sorted(scores)
    assert set(heard[-1].parts) >= {"coverage", "coherence"}
    assert result.history[-1].score == scores[-1]
    assert result.stop_reason == "All 100 runs are done."


def test_a_stop_is_obeyed_within_one_candidate(planted):
    asked = iter(range(1000))
    result = search(planted.matrix, runs=1000, should_stop=lambda: next(asked) >= 5)
    assert result.runs == 6
    assert "on request after 6 of 1,000" in result.stop_reason
    assert result.clustering.score > 0.2


def test_a_search_that_gains_nothing_stops_and_says_so():
    fixed = SearchParameters(
        num_clusters_min=5,
        num_clusters_max=5,
        pca_components_max=0,
        feature_weight_min=1,
        feature_weight_max=1,
    )
    result = search(planted_library(300, seed=0).matrix, fixed, runs=2000)
    assert result.runs < 1500
    assert "brought no better score" in result.stop_reason


# --- continuing from yesterday --------------------------------------------------------------------


def test_a_warm_start_keeps_the_groups_of_the_same_library(planted):
    before = search(planted.matrix, runs=60, seed=0)
    again = search(planted.matrix, runs=0, seed=1, warm_start=yesterday(before))
    assert again.is_warm
    assert (again.clustering.labels == before.clustering.labels).mean() > 0.98
    assert again.warm_score == again.clustering.score == pytest.approx(before.clustering.score, rel=0.02)


def test_a_grown_library_stays_on_its_axes_and_a_fresh_search_must_be_clearly_better(planted):
    before = search(first(planted.matrix, 2300), runs=60, seed=0)
    after = search(planted.matrix, runs=60, seed=1, warm_start=yesterday(before))
    assert after.space is before.space
    assert after.warm_score is not None
    assert after.fresh_score is not None
    assert after.is_warm == (after.fresh_score <= 1.02 * after.warm_score)
    if after.is_warm:
        same = after.clustering.labels[:2300] == before.clustering.labels
        assert same.mean() > 0.75


def test_a_fresh_search_replaces_a_grouping_that_has_become_bad(planted):
    before = search(planted.matrix, runs=10, seed=0)
    one_centre = WarmStart(before.space, before.clustering.centers[:1])
    result = search(planted.matrix, runs=24, warm_start=one_centre)
    assert not result.is_warm
    assert result.warm_score < 0.05
    assert result.clustering.score == result.fresh_score


def test_new_axes_are_due_when_the_library_has_more_than_doubled(planted):
    before = search(first(planted.matrix, 1000), runs=24, seed=0)
    result = search(planted.matrix, runs=24, warm_start=yesterday(before))
    assert result.space is not before.space
    assert result.space.fitted_on == 2500
    assert any("more than doubled" in sentence for sentence in result.adapted)


def test_yesterday_by_an_older_analysis_is_not_continued(planted):
    before = search(planted.matrix, runs=10)
    newer = replace(planted.matrix, features_version="another")
    result = search(newer, runs=10, warm_start=yesterday(before))
    assert result.warm_score is None
    assert any("older analysis" in sentence for sentence in result.adapted)


# --- what is refused ------------------------------------------------------------------------------


def test_an_eps_range_that_can_find_nothing_is_refused_before_the_run(planted):
    hopeless = SearchParameters(algorithm="dbscan", dbscan_eps_min=0.001, dbscan_eps_max=0.01)
    with pytest.raises(ParameterError, match=r"DBSCAN_EPS_MIN 0.001.*nothing can be found.*try"):
        search(planted.matrix, hopeless, runs=10)


def test_an_eps_range_that_finds_one_heap_is_warned_of(planted):
    heap = SearchParameters(algorithm="dbscan", dbscan_eps_min=5, dbscan_eps_max=9)
    evaluator = Evaluator(planted.matrix, SearchPlan(heap, 2500, runs=10))
    assert "one cluster" in evaluator.warnings[0]


def test_an_eps_range_is_searched_inside_its_bounds(planted):
    asked = SearchParameters(algorithm="dbscan", dbscan_eps_min=0.4, dbscan_eps_max=0.6)
    result = search(planted.matrix, asked, runs=24)
    assert 0.4 <= result.clustering.parameters["eps"] <= 0.6


def test_an_empty_library_is_refused(planted):
    with pytest.raises(LibraryEmpty):
        search(first(planted.matrix, 0))


def test_a_plan_for_another_library_is_refused(planted):
    with pytest.raises(ParameterError, match="plan is for 7 songs"):
        Evaluator(planted.matrix, SearchPlan(SearchParameters(), 7))


# --- the sample -----------------------------------------------------------------------------------


def test_the_sample_has_every_mood_in_its_share():
    rng = np.random.default_rng(0)
    mood = rng.choice(5, 20_000, p=[0.5, 0.3, 0.15, 0.04, 0.01])
    tags = np.eye(5, dtype=np.float32)[mood]
    rows = stratified_sample(tags, 2000, seed=1)
    assert len(np.unique(rows)) == 2000
    assert np.abs(np.bincount(mood[rows], minlength=5) - np.bincount(mood) / 10).max() <= 1
    assert np.array_equal(rows, stratified_sample(tags, 2000, seed=1))


def test_a_small_library_is_its_own_sample():
    assert stratified_sample(np.ones((30, 5), dtype=np.float32), 30, seed=0).tolist() == list(range(30))
