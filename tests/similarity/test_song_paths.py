"""A path leads from one song to another in small steps."""

import numpy as np
import pytest
from made_sounds import circle

from audiomuse.errors import NotFound, ParameterError
from audiomuse.features.planted import planted_library
from audiomuse.similarity import SimilarityIndex, find_path
from audiomuse.similarity.paths import slerp


def test_a_path_holds_both_ends_and_goes_straight():
    index = SimilarityIndex(circle([0, 15, 30, 45, 60, 75, 90]))
    path = find_path(index, "at-0", "at-90", max_steps=4)
    assert path.track_ids == ("at-0", "at-30", "at-60", "at-90")
    assert path.total_distance == pytest.approx(3 * (1 - np.cos(np.radians(30))), abs=1e-4)


def test_small_steps_cost_less_than_one_big_one():
    matrix = planted_library(1500, seed=1).matrix
    index = SimilarityIndex(matrix)
    for start, end in zip(matrix.ids[:10], matrix.ids[50:60], strict=True):
        path = find_path(index, start, end, max_steps=12)
        leap = index.distances_between(index.row(start), np.array([index.row(end)]))[0]
        steps = path.total_distance / (len(path.track_ids) - 1)
        assert steps < max(float(leap), 0.3)
        assert len(set(path.track_ids)) == len(path.track_ids)


@pytest.mark.parametrize("size", [2, 3, 10, 25])
def test_an_exact_path_has_exactly_the_wanted_size(size):
    matrix = planted_library(500, seed=1).matrix
    path = find_path(SimilarityIndex(matrix), matrix.ids[0], matrix.ids[9], max_steps=size, exact_size=True)
    assert len(path.track_ids) == size
    assert (path.track_ids[0], path.track_ids[-1]) == (matrix.ids[0], matrix.ids[9])


def test_an_exact_path_is_as_long_as_the_library_at_most():
    path = find_path(SimilarityIndex(circle([0, 45])), "at-0", "at-45", max_steps=25, exact_size=True)
    assert len(path.track_ids) == 4


def test_every_step_of_a_path_comes_nearer_to_its_end():
    matrix = planted_library(1500, seed=4).matrix
    index = SimilarityIndex(matrix)
    path = find_path(index, matrix.ids[3], matrix.ids[700])
    to_end = index.distances_between(index.row(matrix.ids[700]), index.rows(path.track_ids))
    assert (np.diff(to_end) < 0).all()


def test_from_a_song_to_itself_there_is_nothing_to_walk():
    path = find_path(SimilarityIndex(circle([0, 45])), "at-0", "at-0")
    assert (path.track_ids, path.total_distance) == (("at-0",), 0.0)


def test_opposite_songs_still_have_a_path():
    path = find_path(SimilarityIndex(circle([0, 45, 90, 135])), "at-0", "anti-0", max_steps=6)
    assert path.track_ids[0] == "at-0"
    assert path.track_ids[-1] == "anti-0"


def test_an_artist_does_not_follow_itself_if_another_is_near():
    matrix = circle([0, 44, 46, 90], artists=["A", "A", "B", "C"])
    assert find_path(SimilarityIndex(matrix), "at-0", "at-90", max_steps=3).track_ids[1] == "at-46"


def test_unknown_ends_and_impossible_sizes_are_refused():
    index = SimilarityIndex(circle([0, 45]))
    with pytest.raises(NotFound, match="'x'"):
        find_path(index, "at-0", "x")
    with pytest.raises(ParameterError, match="max_steps is 1"):
        find_path(index, "at-0", "at-45", max_steps=1)


def test_slerp_keeps_its_length_and_its_share():
    a, b = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    third = slerp(a, b, 1 / 3)
    assert np.degrees(np.arctan2(third[1], third[0])) == pytest.approx(30, abs=1e-3)
    assert np.linalg.norm(slerp(a, -a, 0.25)) == pytest.approx(1)
