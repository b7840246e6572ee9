"""A packed library says what the unpacked one says, to within a step of its rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_sounds import circle

from audiomuse.features.planted import planted_library
from audiomuse.similarity import EightBitRows, SimilarityIndex, Songs


def packed(X, *, pieces=1) -> EightBitRows:
    rows = EightBitRows(X.shape[1])
    for piece in np.array_split(X, pieces):
        rows.append(piece)
    return rows


@given(arrays(np.float32, (7, 5), elements=st.floats(-1000, 1000, width=32)))
def test_no_number_moves_by_more_than_half_a_step_of_its_row(X):
    half_step = np.ptp(X, axis=1, keepdims=True) / 255 / 2
    assert (np.abs(packed(X)[range(7)] - X) <= half_step * 1.001 + 1e-3).all()


def test_what_is_kept_exactly():
    X = np.array([[3, 3, 3], [0, 255, 7], [-1, 1, -1]], dtype=np.float32)
    assert (packed(X)[[0, 1, 2]] == X).all()


@pytest.mark.parametrize("pieces", [1, 3, 7, 9])
def test_pieces_make_no_difference(pieces):
    X = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    rows, whole = packed(X, pieces=pieces), packed(X)
    assert len(rows) == 7
    assert (rows[[6, 0, 3, 3]] == whole[[6, 0, 3, 3]]).all()
    assert (rows.column(2) == whole.column(2)).all()
    assert (rows.mean() == whole.mean()).all()
    weights = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert rows @ weights == pytest.approx(whole[range(7)] @ weights, abs=1e-4)
    assert np.concatenate([block for _, block in rows.blocks()]) == pytest.approx(whole[range(7)])


def test_blocks_name_their_rows():
    X = np.arange(5000, dtype=np.float32)[:, None] * np.ones((1, 2), dtype=np.float32)
    for rows, block in packed(X, pieces=2).blocks():
        assert (block == X[rows]).all()


def test_an_empty_library_packs_to_nothing():
    songs = Songs.pack([])
    assert len(songs) == 0
    assert songs.tags.mean().tolist() == [0.0] * 50
    assert len(songs.take([])) == 0


def test_songs_come_out_as_they_went_in():
    matrix = circle([0, 10, 20], tempo_bpm=[90, np.nan, 100], key_index=[3, -1, 13])
    songs = Songs.pack([matrix])
    back = songs.take([1, 0])
    assert back.ids == (matrix.ids[1], matrix.ids[0])
    assert (back.titles, back.albums) == (tuple(matrix.titles[i] for i in (1, 0)), ("Album", "Album"))
    assert back.tempo_bpm.tolist() == pytest.approx([np.nan, 90], nan_ok=True)
    assert back.key_index.tolist() == [-1, 3]
    assert back.tags == pytest.approx(matrix.tags[[1, 0]], abs=0.002)


def test_packing_hardly_changes_who_is_near_whom():
    matrix = planted_library(3000, seed=5).matrix
    X = matrix.embedding - matrix.embedding.mean(axis=0)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    index = SimilarityIndex(matrix)
    found = 0
    for row in range(100):
        exact = set(np.argsort(-(X @ X[row]), kind="stable")[:11])
        found += len(exact & set(index.nearest(index.vector(row), 11)[0]))
    assert found / 1100 > 0.98


def test_ids_are_found_in_whatever_order_they_come():
    matrix = circle([30, 0, 10])
    index = SimilarityIndex(matrix)
    assert [index.row(track) for track in matrix.ids] == list(range(6))
    assert index.known_rows(["at-10", "elsewhere", "at-30"]).tolist() == [2, 0]


def test_an_extended_library_holds_both_and_leaves_the_old_one_as_it_was():
    old, new = circle([0, 10], titles=["A", "B"]), circle([20, 30], titles=["C", "D"])
    songs = Songs.pack([old])
    more = songs.extended([new])
    assert more is not None
    assert more.ids == (*old.ids, *new.ids)
    assert more.take([4, 0]).titles == ("C", "A")
    assert more.embedding[range(8)] == pytest.approx(np.concatenate([old.embedding, new.embedding]), abs=0.01)
    assert len(songs) == len(songs.tags) == 4
    assert songs.tags.mean() == pytest.approx(old.tags.mean(axis=0), abs=0.002)


def test_only_the_newest_library_is_extended_and_only_while_there_is_room():
    songs = Songs.pack([circle([0, 10])])
    assert songs.extended([circle([20])]) is not None
    assert songs.extended([circle([30])]) is None
    small = Songs.pack([circle([0, 10])])
    assert small.extended([circle(list(range(300)))] * 2) is None
