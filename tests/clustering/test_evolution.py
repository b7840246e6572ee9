"""The evolutionary search: repeatable by anybody, and better than chance."""

import json

import numpy as np
import pytest

from audiomuse.clustering import Evolution
from audiomuse.clustering.evolution import N_CHILDREN, best_trial
from audiomuse.clustering.space import Choice, FloatRange
from audiomuse.errors import ParameterError

LANDSCAPE = {
    "n": Choice(tuple(range(2, 61))),
    "x": FloatRange(-2.0, 2.0),
    "y": FloatRange(0.1, 10.0, logarithmic=True),
    "z": FloatRange(0.0, 1.0),
}


def height(parameters):
    """A hill with a ripple; its top, at 1, is at n=40, x=.5, y=2, z=.25."""
    away = [
        (parameters["n"] - 40) / 58,
        (parameters["x"] - 0.5) / 4,
        np.log(parameters["y"] / 2.0) / np.log(100),
        parameters["z"] - 0.25,
    ]
    return float(1 - np.sum(np.square(away)) ** 0.5 + 0.02 * np.sin(40 * np.sum(away)))


def evolve(evolution):
    history = []
    for generation in range(evolution.n_generations):
        for candidate in evolution.ask_generation(generation, history):
            history.append((candidate, height(candidate["parameters"])))
    return history


def random_search(runs, seed):
    rng = np.random.default_rng([seed, 99])
    return max(
        height({name: dimension.decode(rng.random()) for name, dimension in LANDSCAPE.items()})
        for _ in range(runs)
    )


def test_evolution_beats_random_search_at_equal_budget_over_twenty_seeds():
    evolved = [best_trial(evolve(Evolution(LANDSCAPE, runs=200, seed=seed)))[1] for seed in range(20)]
    drawn = [random_search(200, seed) for seed in range(20)]
    assert np.mean(evolved) > np.mean(drawn)
    assert np.mean(np.array(evolved) > np.array(drawn)) >= 0.9


def test_a_longer_evolution_ends_higher():
    means = [
        np.mean([best_trial(evolve(Evolution(LANDSCAPE, runs=runs, seed=seed)))[1] for seed in range(10)])
        for runs in (30, 100, 1000)
    ]
    assert means == sorted(means)
    assert means[2] > means[0] + 0.05


def test_a_generation_depends_only_on_seed_space_and_history():
    evolution = Evolution(LANDSCAPE, runs=150, seed=5)
    history = evolve(evolution)
    rng = np.random.default_rng(0)
    for generation in range(evolution.n_generations):
        shuffled = [history[row] for row in rng.permutation(len(history))]
        stored = json.loads(json.dumps(shuffled))
        again = Evolution(LANDSCAPE, runs=150, seed=5).ask_generation(generation, stored)
        start = again[0]["number"]
        assert again == [candidate for candidate, _ in history[start : start + len(again)]]


@pytest.mark.parametrize("runs", [1, 2, 25, 48, 97, 200, 1000])
def test_exactly_the_budget_is_asked_for_each_number_once(runs):
    evolution = Evolution(LANDSCAPE, runs=runs, seed=0)
    numbers = [candidate["number"] for candidate, _ in evolve(evolution)]
    assert numbers == list(range(runs))
    assert evolution.ask_generation(evolution.n_generations, []) == []


def test_another_seed_walks_another_way():
    first, second = (Evolution(LANDSCAPE, runs=50, seed=seed).ask_generation(0, []) for seed in (0, 1))
    assert [c["parameters"] for c in first] != [c["parameters"] for c in second]
    assert {c["seed"] for c in first}.isdisjoint(c["seed"] for c in second)


def test_the_sensible_candidate_comes_first_and_fixed_parameters_are_everywhere():
    usual = {"n": 40, "x": 0.0, "y": 1.0, "z": 0.5}
    evolution = Evolution(LANDSCAPE, runs=100, seed=0, usual=usual, fixed={"kind": "full"})
    history = evolve(evolution)
    assert history[0][0]["parameters"] == {**usual, "kind": "full"}
    assert all(candidate["parameters"]["kind"] == "full" for candidate, _ in history)


def test_every_value_stays_in_its_range():
    for candidate, _ in evolve(Evolution(LANDSCAPE, runs=400, seed=3)):
        values = candidate["parameters"]
        assert 2 <= values["n"] <= 60
        assert -2 <= values["x"] <= 2
        assert 0.1 <= values["y"] <= 10


def test_a_search_that_gains_nothing_is_stale_and_one_that_gains_is_not():
    evolution = Evolution(LANDSCAPE, runs=200, seed=0)
    flat = [({"number": number, "seed": 0, "parameters": {}}, 0.5) for number in range(200)]
    assert not evolution.is_stale(flat[: evolution.patience])
    assert evolution.is_stale(flat)
    rising = [(candidate, 0.5 + 0.01 * candidate["number"]) for candidate, _ in flat]
    assert not evolution.is_stale(rising)


def test_a_generation_before_its_time_is_refused():
    with pytest.raises(ParameterError, match=f"needs {48 + N_CHILDREN} evaluated"):
        Evolution(LANDSCAPE, runs=200).ask_generation(2, [])
    with pytest.raises(ParameterError, match="CLUSTERING_RUNS is 0"):
        Evolution(LANDSCAPE, runs=0)
