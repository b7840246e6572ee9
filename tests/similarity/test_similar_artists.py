"""Artists are alike when their songs are, whatever their names look like."""

import numpy as np
import pytest
from made_sounds import circle

from audiomuse.errors import NotFound
from audiomuse.features.planted import planted_library
from audiomuse.similarity import ArtistIndex, SimilarityIndex
from audiomuse.similarity.artists import most_common, typical_rows


def artists_of(matrix) -> ArtistIndex:
    return ArtistIndex(SimilarityIndex(matrix))


def test_the_artist_with_the_nearest_songs_comes_first():
    matrix = circle([0, 5, 10, 15, 80, 85], artists=["A", "A", "Near", "Near", "Far", "Far"])
    found = artists_of(matrix).similar("a", 2)
    assert [neighbour.artist for neighbour in found] == ["Near", "Far"]
    assert found[0].divergence < found[1].divergence
    assert found[0].n_tracks == 2


def test_pairs_of_songs_show_the_likeness_nearest_first():
    matrix = circle([0, 20, 21, 90], artists=["A", "A", "B", "B"])
    pairs = artists_of(matrix).similar("A", 1)[0].pairs
    assert (pairs[0].track_id, pairs[0].other_track_id) == ("at-20", "at-21")
    assert len({pair.track_id for pair in pairs}) == len(pairs)
    assert pairs[0].distance <= pairs[1].distance


def test_an_artist_with_two_sides_is_near_to_one_with_the_same_two():
    # By their means all three are alike; by their songs only "Both" is like "Janus".
    matrix = circle([0, 60, 1, 61, 28, 32], artists=["Janus", "Janus", "Both", "Both", "Middle", "Middle"])
    assert [n.artist for n in artists_of(matrix).similar("Janus", 2)] == ["Both", "Middle"]


def test_spellings_are_one_artist_shown_as_most_often_written():
    matrix = circle([0, 5, 10, 40], artists=["Beatles", "The Beatles", "The Beatles", "X"])
    index = artists_of(matrix)
    assert index.shown("BEATLES, THE") == "The Beatles"
    assert len(index.rows("beatles")) == 3
    assert "The Beatles" not in [n.artist for n in index.similar("Beatles", 5)]


def test_songs_by_nobody_known_are_no_artist():
    matrix = circle([0, 5, 10], artists=["A", "Unknown Artist", ""])
    assert all(n.artist.startswith("Nobody") for n in artists_of(matrix).similar("A", 10))


def test_an_unknown_artist_is_named():
    with pytest.raises(NotFound, match="'Mozart'"):
        artists_of(circle([0])).similar("Mozart")


def test_one_artist_alone_has_no_neighbour():
    matrix = circle([0, 5], artists=["A", "A"])
    lonely = ArtistIndex(SimilarityIndex(matrix))
    assert all(n.artist.startswith("Nobody") for n in lonely.similar("A", 3))


def test_typical_songs_cover_both_sides_of_an_artist():
    rng = np.random.default_rng(0)
    sides = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0) + rng.normal(0, 0.05, (40, 2))
    vectors = (sides / np.linalg.norm(sides, axis=1, keepdims=True)).astype(np.float32)
    chosen = typical_rows(vectors, np.array([0.7, 0.7], dtype=np.float32))
    assert len(chosen) == len(set(chosen)) == 8
    assert {row // 20 for row in chosen} == {0, 1}


def test_representative_songs_are_by_the_artist():
    library = planted_library(1000, seed=2).matrix
    index = artists_of(library)
    artist = most_common(library.artists)
    for track in index.representative(artist, 3):
        assert library.artists[library.ids.index(track)] == artist
