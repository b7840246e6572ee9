"""Adding and subtracting music."""

import numpy as np
import pytest
from made_sounds import circle, ids

from audiomuse.errors import NotFound, ParameterError
from audiomuse.features.planted import planted_library
from audiomuse.similarity import SimilarityIndex, mix


@pytest.fixture(scope="module")
def index() -> SimilarityIndex:
    return SimilarityIndex(circle([0, 40, 20, 70, -30]))


def test_what_lies_between_the_added_songs_comes_first(index):
    assert ids(mix(index, [["at-0"], ["at-40"]], n=1).tracks) == ["at-20"]


def test_subtracting_turns_away_from_a_song(index):
    plain = ids(mix(index, [["at-20"]], n=1).tracks)
    turned = ids(mix(index, [["at-20"]], [["at-70"]], n=1).tracks)
    assert plain in (["at-0"], ["at-40"])
    assert turned in (["at-0"], ["at--30"])


def test_ingredients_are_never_in_the_answer(index):
    found = set(ids(mix(index, [["at-0"]], [["at-40"]], n=20).tracks))
    assert not found & {"at-0", "at-40"}


def test_an_artist_counts_as_much_as_a_song():
    index = SimilarityIndex(circle([0, 1, 2, 90, 45, 5]))
    assert ids(mix(index, [["at-0", "at-1", "at-2"], ["at-90"]], n=1).tracks) == ["at-45"]


def test_without_temperature_nothing_is_left_to_chance(index):
    assert mix(index, [["at-0"]], n=3, seed=1) == mix(index, [["at-0"]], n=3, seed=2)


def test_temperature_draws_and_the_seed_decides():
    matrix = planted_library(1000, seed=1).matrix
    index = SimilarityIndex(matrix)
    add = [[matrix.ids[0]]]
    draws = [ids(mix(index, add, n=10, temperature=1, seed=s).tracks) for s in range(5)]
    assert draws[0] == ids(mix(index, add, n=10, temperature=1, seed=0).tracks)
    assert len({tuple(draw) for draw in draws}) == 5
    cold = np.mean([n.distance for n in mix(index, add, n=10).tracks])
    hot = np.mean([n.distance for n in mix(index, add, n=10, temperature=5, seed=0).tracks])
    assert hot > cold


def test_the_preview_shows_ingredients_and_answer_inside_a_square(index):
    found = mix(index, [["at-0"]], [["at-70"]], n=3)
    kinds = [point.kind for point in found.preview]
    assert kinds == ["add", "subtract", "result", "result", "result"]
    assert max(max(abs(p.x), abs(p.y)) for p in found.preview) == 1.0


def test_a_preview_of_one_song_lies_in_the_middle():
    index = SimilarityIndex(circle([0]))
    point = mix(index, [["at-0", "anti-0"]], n=1).preview[0]
    assert -1 <= point.x <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"add": []}, "Nothing was added"),
        ({"add": [[]]}, "no songs"),
        ({"add": [["at-0"]], "n": 0}, "n must be 1"),
        ({"add": [["at-0"]], "temperature": -1}, "temperature"),
    ],
)
def test_mixtures_that_mean_nothing_are_refused(index, arguments, message):
    with pytest.raises(ParameterError, match=message):
        mix(index, **arguments)


def test_an_unknown_ingredient_is_named(index):
    with pytest.raises(NotFound, match="'gold'"):
        mix(index, [["gold"]])
