"""Big clusters become several coherent lists that keep every limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_lists import blobs

from audiomuse.playlists.volumes import (
    Quota,
    assign_parts,
    chunk_labels,
    places,
    plan_parts,
    split_cluster,
)


def singles(n: int) -> Quota:
    return Quota(np.arange(n), 1)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 60),
    m=st.integers(1, 5),
    capacity=st.integers(1, 20),
    limit=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_no_part_ever_exceeds_its_room_or_a_quota(n, m, capacity, limit, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    artists = rng.integers(0, 6, n)
    labels = assign_parts(
        X,
        X[rng.integers(0, n, m)],
        [Quota(artists, limit)],
        capacity=capacity,
        preset=np.full(n, -1, np.int32),
    )
    for part in range(m):
        inside = labels == part
        assert inside.sum() <= capacity
        assert np.bincount(artists[inside], minlength=1).max() <= limit


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 40), seed=st.integers(0, 1000))
def test_a_song_is_left_out_only_where_nothing_has_room(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)).astype(np.float32)
    artists = rng.integers(0, 3, n)
    labels = assign_parts(X, X[:2], [Quota(artists, 5)], capacity=12, preset=np.full(n, -1, np.int32))
    for song in np.flatnonzero(labels < 0):
        for part in (0, 1):
            inside = labels == part
            assert inside.sum() == 12 or (artists[inside] == artists[song]).sum() == 5


def test_preset_songs_stay_where_they_are():
    X = np.array([[0.0], [0.1], [9.9], [10.0]], dtype=np.float32)
    preset = np.array([1, -1, -1, 0], dtype=np.int32)
    labels = assign_parts(X, np.array([[0.0], [10.0]], np.float32), [singles(4)], capacity=2, preset=preset)
    assert list(labels) == [1, 0, 1, 0]


def test_forbidden_songs_go_elsewhere():
    X = np.zeros((2, 1), dtype=np.float32)
    labels = assign_parts(
        X, np.array([[0.0], [5.0]], np.float32), [singles(2)], capacity=2, preset=np.full(2, -1, np.int32),
        forbidden=np.array([[True, False], [False, False]]),
    )  # fmt: skip
    assert list(labels) == [1, 0]


def test_two_groups_in_one_cluster_become_two_lists():
    X = blobs([30, 30], seed=2)
    parts = split_cluster(X, [singles(60)], n_parts=2, capacity=40, minimum=8, rng=np.random.default_rng(0))
    assert {frozenset(part // 30) for part in parts} == {frozenset({0}), frozenset({1})}


def test_parts_that_stay_too_short_are_dissolved_into_the_others():
    X = blobs([30, 3], seed=2)
    parts = split_cluster(X, [singles(33)], n_parts=2, capacity=40, minimum=8, rng=np.random.default_rng(0))
    assert [len(part) for part in parts] == [33]


def test_the_first_parts_are_those_with_preset_songs():
    X = blobs([20, 20], seed=4)
    preset = np.full(40, -1, dtype=np.int32)
    preset[25] = 0
    parts = split_cluster(
        X, [singles(40)], n_parts=2, capacity=30, minimum=5, rng=np.random.default_rng(0),
        preset=preset, n_preset=1, forbidden=np.zeros((40, 1), dtype=bool),
    )  # fmt: skip
    assert set(parts[0]) == set(range(20, 40))


@pytest.mark.parametrize(
    ("n", "max_songs", "expected"),
    [(20, 40, 1), (36, 40, 1), (40, 40, 1), (41, 40, 2), (360, 40, 10), (20, 1, 20)],
)
def test_lists_are_planned_nine_tenths_full(n, max_songs, expected):
    assert plan_parts(np.arange(n), max_songs=max_songs, per_artist=3, usual=1) == expected


def test_few_artists_mean_more_and_shorter_lists_but_not_shorter_than_usual():
    artists = np.repeat(np.arange(6), 10)  # 60 songs by six artists: one list holds 18 of them
    assert places(artists, 1, 3) == 18
    assert plan_parts(artists, max_songs=40, per_artist=3, usual=12) == 4
    assert plan_parts(artists, max_songs=40, per_artist=3, usual=20) == 1


def test_very_big_clusters_are_cut_into_chunks_first():
    X = blobs([2000, 2000], seed=1)
    chunks = chunk_labels(X, np.random.default_rng(0))
    assert np.bincount(chunks).max() <= 3000
    assert not set(chunks[:2000]) & set(chunks[2000:])
    assert (chunk_labels(X[:100], np.random.default_rng(0)) == 0).all()
