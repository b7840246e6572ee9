"""Songs that sound alike are found, exactly, and within the rules that were asked for."""

import numpy as np
import pytest
from made_sounds import circle, ids

from audiomuse.errors import LibraryEmpty, NotFound
from audiomuse.features.planted import planted_library
from audiomuse.similarity import Neighbour, SearchRules, SimilarityIndex, explain_neighbours


def test_the_nearest_songs_come_first_and_the_song_itself_never():
    index = SimilarityIndex(circle([0, 10, 30, 60]))
    found = index.similar_tracks("at-0", 3)
    assert ids(found) == ["at-10", "at-30", "at-60"]
    assert found[0].distance == pytest.approx(1 - np.cos(np.radians(10)), abs=1e-4)


def test_distances_run_from_nothing_to_two():
    index = SimilarityIndex(circle([0, 90]))
    assert index.farthest("at-0") == Neighbour("anti-0", pytest.approx(2.0, abs=1e-5))


def test_an_artist_fills_no_more_than_its_share():
    matrix = circle([0, 5, 6, 7, 20], artists=["Me", "The Band", "band", "BAND", "Other"])
    index = SimilarityIndex(matrix)
    assert ids(index.similar_tracks("at-0", 3)) == ["at-5", "at-6", "at-7"]
    capped = index.similar_tracks("at-0", 3, rules=SearchRules(max_per_artist=2))
    assert ids(capped) == ["at-5", "at-6", "at-20"]


def test_copies_of_the_song_asked_about_are_left_out():
    matrix = circle([0, 0.5, 20], duration_s=[180, 181, 200])
    index = SimilarityIndex(matrix)
    assert ids(index.similar_tracks("at-0", 1)) == ["at-20"]
    assert ids(index.similar_tracks("at-0", 1, rules=SearchRules(distinct=False))) == ["at-0.5"]


def test_equal_sounds_of_different_length_are_different_recordings():
    matrix = circle([0, 0.5, 20], duration_s=[180, 190, 200])
    assert ids(SimilarityIndex(matrix).similar_tracks("at-0", 1)) == ["at-0.5"]


def test_only_one_version_of_a_song_is_in_an_answer():
    matrix = circle([0, 10, 20, 30], artists=["X", "Y", "Y", "Z"], titles=["A", "Song", "Song (Live)", "B"])
    assert ids(SimilarityIndex(matrix).similar_tracks("at-0", 2)) == ["at-10", "at-30"]


def test_the_mood_filter_wants_the_same_tags_and_energy():
    matrix = circle([0, 5, 10, 15], tags=["jazz", "metal", "jazz", "jazz"], energy=[0.2, 0.2, 0.9, 0.3])
    found = SimilarityIndex(matrix).similar_tracks("at-0", 2, rules=SearchRules(same_mood=True))
    assert ids(found)[:1] == ["at-15"]
    assert not {"at-5", "at-10"} & set(ids(found))


def test_a_radius_walk_visits_the_same_songs_as_one_line():
    index = SimilarityIndex(circle([0, 10, -12, 20, -24]))
    assert ids(index.similar_tracks("at-0", 4)) == ["at-10", "at--12", "at-20", "at--24"]
    assert ids(index.similar_tracks("at-0", 4, radius_walk=True)) == ["at-10", "at-20", "at--12", "at--24"]


def test_a_small_library_gives_what_it_has():
    assert len(SimilarityIndex(circle([0, 90])).similar_tracks("at-0", 50)) == 3


def test_the_search_widens_until_the_rules_are_met():
    matrix = circle([0, *np.linspace(1, 80, 300)], artists=["Me", *["Crowd"] * 299, "Far"])
    found = SimilarityIndex(matrix).similar_tracks("at-0", 2, rules=SearchRules(max_per_artist=1))
    assert ids(found) == ["at-1", "at-80"]


def test_an_unknown_song_is_named():
    with pytest.raises(NotFound, match="'nothing'"):
        SimilarityIndex(circle([0])).similar_tracks("nothing")


def test_an_empty_library_is_said():
    with pytest.raises(LibraryEmpty, match="analysed"):
        SimilarityIndex(circle([]))


def test_two_stage_search_finds_what_the_full_scan_finds():
    matrix = planted_library(5000, seed=3).matrix
    full, reduced = SimilarityIndex(matrix), SimilarityIndex(matrix, scan_limit=100)
    for track in matrix.ids[:50]:
        expected, _ = full.nearest(full.vector(full.row(track)), 20)
        found, distance = reduced.nearest(full.vector(full.row(track)), 20)
        assert list(found) == list(expected)
        assert (np.diff(distance) >= 0).all()


def test_planted_styles_are_neighbours():
    library = planted_library(2000, seed=5)
    index = SimilarityIndex(library.matrix)
    rng = np.random.default_rng(0)
    asked = [row for row in rng.permutation(2000) if library.style[row] >= 0][:100]
    hits = []
    for row in asked:
        found = index.rows(ids(index.similar_tracks(library.matrix.ids[row], 5)))
        hits.append(np.mean(library.style[found] == library.style[row]))
    shares = np.bincount(library.style[library.style >= 0]) / 2000
    assert np.mean(hits) > 5 * float((shares**2).sum())


def test_a_neighbour_is_explained_by_what_both_have():
    matrix = circle(
        [0, 10, 20], tags=["jazz", "jazz", "rock"], tempo_bpm=[80, 160, np.nan], key_index=[5, 5, -1],
        energy=[0.5, 0.55, np.nan],
    )  # fmt: skip
    index = SimilarityIndex(matrix)
    first, second = explain_neighbours(index, "at-0", index.similar_tracks("at-0", 2))
    assert (first.shared_tags, first.same_tempo, first.same_energy, first.same_key) == (
        ("jazz",),
        True,
        True,
        True,
    )
    assert (second.shared_tags, second.same_tempo, second.same_energy, second.same_key) == (
        (),
        False,
        False,
        False,
    )
