"""One song leads to the next: tempo, key, energy and sound change in small steps."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_lists import blobs, made_matrix, planted_run

from audiomuse.playlists.order import (
    camelot_number,
    camelot_steps,
    flow_costs,
    flow_summary,
    key_cost,
    order_for_flow,
    shortest_path,
    tempo_distance,
)

C, G, F_SHARP, A_MINOR, E_MINOR, NO_KEY = 0, 7, 6, 21, 16, -1


@pytest.mark.parametrize(
    ("key", "number"),
    [(C, 8), (G, 9), (5, 7), (F_SHARP, 2), (11, 1), (A_MINOR, 8), (E_MINOR, 9), (NO_KEY, 0)],
)
def test_keys_have_their_number_on_the_camelot_wheel(key, number):
    assert camelot_number(np.array([key], dtype=np.int8))[0] == number


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        (C, C, 0),
        (C, G, 1),
        (C, A_MINOR, 1),
        (C, E_MINOR, 2),
        (C, F_SHARP, 6),
        (11, F_SHARP, 1),
        (C, NO_KEY, -1),
    ],
)
def test_steps_on_the_camelot_wheel(one, other, steps):
    found = camelot_steps(np.array([one, other], dtype=np.int8))
    assert found[0, 1] == found[1, 0] == steps


def test_a_related_key_costs_little_and_an_unknown_one_half():
    cost = key_cost(np.array([C, C, G, E_MINOR, F_SHARP, NO_KEY], dtype=np.int8))[0]
    assert cost == pytest.approx([0.0, 0.0, 0.15, 1 / 3, 1.0, 0.5])


def test_half_and_double_time_are_the_same_beat():
    distance = tempo_distance(np.array([70, 140, 100, np.nan], dtype=np.float32))
    assert distance[0, 1] == pytest.approx(0, abs=1e-6)
    assert distance[0, 2] == pytest.approx(abs(1 - np.log2(100 / 70)), abs=1e-6)
    assert distance[0, 3] == distance[3, 2] == pytest.approx(np.log2(1.12), abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_seven_songs_get_nearly_the_best_of_all_orders(seed):
    points = np.random.default_rng(seed).normal(size=(7, 2))
    costs = np.linalg.norm(points[:, None] - points, axis=2).astype(np.float32)

    def length(path):
        return float(costs[list(path[:-1]), list(path[1:])].sum())

    best = min(length(path) for path in permutations(range(7)))
    assert length(shortest_path(costs)) <= 1.05 * best


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 25), seed=st.integers(0, 100))
def test_the_order_is_a_permutation_and_never_longer_than_walking_to_the_nearest(n, seed):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    costs = np.linalg.norm(points[:, None] - points, axis=2).astype(np.float32).reshape(n, n)
    path = shortest_path(costs)
    assert sorted(path) == list(range(n))


def test_points_on_a_line_are_walked_along_it():
    place = np.array([3.0, 0.0, 4.0, 1.0, 2.0])
    path = shortest_path(np.abs(place[:, None] - place).astype(np.float32))
    assert list(np.diff(place[path])) in ([1.0] * 4, [-1.0] * 4)


def test_the_order_of_the_input_does_not_matter():
    run = planted_run(500, 10)
    rows = np.arange(30)
    shuffled = np.random.default_rng(1).permutation(rows)
    assert list(order_for_flow(run.matrix, run.Z, rows)) == list(order_for_flow(run.matrix, run.Z, shuffled))


def test_planted_lists_flow_better_than_shuffled_ones_by_a_quarter():
    run = planted_run(500, 10)
    rng = np.random.default_rng(0)
    ordered, shuffled = [], []
    for cluster in range(10):
        rows = np.flatnonzero(run.clustering.labels == cluster)[:30]
        ordered.append(flow_summary(run.matrix, run.Z, order_for_flow(run.matrix, run.Z, rows)).cost_per_step)
        shuffled.append(flow_summary(run.matrix, run.Z, rng.permutation(rows)).cost_per_step)
    assert np.mean(ordered) < 0.75 * np.mean(shuffled)


def test_a_list_rises_from_calm_and_comes_back_to_it():
    energy = np.linspace(0.1, 0.9, 12)
    matrix = made_matrix(12, energy=energy)
    order = order_for_flow(matrix, np.zeros((12, 2), dtype=np.float32), np.arange(12))
    along = energy[order]
    peak = int(np.argmax(along))
    assert peak >= 5
    assert along[0] < 0.3
    assert np.abs(np.diff(along)).max() < 0.35


def test_songs_of_one_artist_are_kept_apart():
    matrix = made_matrix(6, artists=["A", "a", "B", "b", "C", "The C"])
    order = order_for_flow(matrix, np.zeros((6, 2), dtype=np.float32), np.arange(6))
    letters = [matrix.artists[row].casefold()[-1] for row in order]
    assert all(one != other for one, other in pairwise(letters))


def test_silence_and_missing_keys_do_not_stop_the_ordering():
    matrix = made_matrix(5, tempo_bpm=[np.nan] * 5, key_index=[-1] * 5, energy=[np.nan] * 5)
    Z = blobs([5])
    assert sorted(order_for_flow(matrix, Z, np.arange(5))) == [0, 1, 2, 3, 4]
    summary = flow_summary(matrix, Z, np.arange(5))
    assert (summary.tempo_kept, summary.keys_compatible, summary.energy_step) == (None, None, None)


def test_the_summary_counts_kept_tempos_and_compatible_keys():
    matrix = made_matrix(4, tempo_bpm=[100, 105, 140, 70], key_index=[C, G, F_SHARP, F_SHARP])
    summary = flow_summary(matrix, np.zeros((4, 2), dtype=np.float32), np.arange(4))
    assert summary.tempo_kept == pytest.approx(2 / 3)
    assert summary.keys_compatible == pytest.approx(2 / 3)
    assert summary.energy_step == 0


def test_costs_are_symmetric_and_nothing_for_staying():
    run = planted_run(500, 10)
    costs = flow_costs(run.matrix, run.Z, np.arange(40))
    assert np.allclose(costs, costs.T)
    assert (np.diag(costs) == 0).all()
    assert flow_costs(run.matrix, run.Z, np.zeros(0, dtype=int)).shape == (0, 0)
