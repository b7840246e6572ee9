"""The gate keeps the best-placed nine tenths of a cluster, whatever one song does."""

import numpy as np
import pytest
from made_lists import blobs, made_clustering

from audiomuse.playlists.gate import gate_distance, rows_by_label, two_nearest


def test_half_the_distance_keeps_nine_tenths_of_every_cluster():
    Z = blobs([200, 300], seed=3)
    clustering = made_clustering(Z, np.repeat([0, 1], [200, 300]))
    passed = gate_distance(Z, clustering.labels, clustering.centers) <= 0.5
    assert passed[:200].mean() == pytest.approx(0.9, abs=0.01)
    assert passed[200:].mean() == pytest.approx(0.9, abs=0.01)


def test_one_freak_song_does_not_open_the_gate():
    Z = blobs([100, 100], seed=5)
    labels = np.repeat([0, 1], 100)
    calm = made_clustering(Z, labels)
    before = gate_distance(Z, calm.labels, calm.centers) <= 0.5
    freak = np.vstack([Z, Z[:1] + 500.0]).astype(np.float32)
    after = gate_distance(freak, np.append(calm.labels, 0).astype(np.int32), calm.centers) <= 0.5
    assert not after[-1]
    # The ninetieth percentile of 101 songs may let in one more song than that of 100.
    assert (after[:-1] != before).sum() <= 1


def test_a_song_between_two_centres_is_more_doubtful_than_one_as_far_on_the_other_side():
    centers = np.array([[0, 0], [10, 0]], dtype=np.float32)
    Z = np.array([[3, 0], [-3, 0], [0, 1], [10, 0]], dtype=np.float32)
    delta = gate_distance(Z, np.array([0, 0, 0, 1], dtype=np.int32), centers)
    assert delta[0] > delta[1] > delta[2]


def test_songs_of_no_cluster_never_pass():
    Z = blobs([5])
    delta = gate_distance(Z, np.array([0, 0, 0, 0, -1], dtype=np.int32), Z[:1])
    assert np.isinf(delta[-1])


def test_without_any_centre_nothing_passes():
    Z = blobs([5])
    labels = np.full(5, -1, dtype=np.int32)
    assert np.isinf(gate_distance(Z, labels, np.zeros((0, 4), dtype=np.float32))).all()


def test_a_small_cluster_loses_no_ordinary_song():
    angles = np.arange(6) * np.pi / 3
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) * np.array([[1, 1.05, 1.1, 1.15, 1.2, 1.3]]).T
    Z = ring.astype(np.float32)
    delta = gate_distance(Z, np.zeros(6, dtype=np.int32), np.zeros((1, 2), dtype=np.float32))
    assert (delta <= 0.5).all()


def test_identical_songs_all_pass():
    Z = np.ones((30, 3), dtype=np.float32)
    delta = gate_distance(Z, np.zeros(30, dtype=np.int32), Z[:1])
    assert (delta == 0).all()


def test_two_nearest_measures_the_own_centre_and_the_next():
    centers = np.array([[0.0], [4.0], [100.0]], dtype=np.float32)
    own, other = two_nearest(np.array([[1.0]], dtype=np.float32), np.array([0], dtype=np.int32), centers)
    assert own[0] == pytest.approx(1.0)
    assert other[0] == pytest.approx(3.0)


def test_rows_by_label_leaves_out_those_of_no_cluster():
    rows = rows_by_label(np.array([1, -1, 0, 1], dtype=np.int32), 3)
    assert [list(r) for r in rows] == [[2], [0, 3], []]
