"""Versions of a song are one song; different songs are not."""

from dataclasses import replace

import numpy as np
import pytest

from audiomuse.features.recordings import is_compilation, normalise_title, song_families, spare_copies
from audiomuse.model import FeatureMatrix


def matrix_of(artists: list[str], titles: list[str]) -> FeatureMatrix:
    n = len(titles)
    column = np.zeros(n, dtype=np.float32)
    return FeatureMatrix(
        tuple(f"song-{i}" for i in range(n)), tuple(artists), tuple(titles), ("",) * n, column, column,
        np.zeros(n, dtype=np.int8), column, column, np.zeros((n, 50), np.float32),
        np.zeros((n, 200), np.float32),
    )  # fmt: skip


@pytest.mark.parametrize(
    "title",
    [
        "Heroes", "HEROES", "Heroes - 2017 Remaster", "Heroes (Live at Earls Court)",
        "Heroes [Remastered 1999]", "Heroes (Single Version)", "Héroes", "Heroes - Live",
        "Heroes (feat. Brian Eno)", "Heroes feat. Eno",
    ],
)  # fmt: skip
def test_versions_of_a_song_have_one_title(title):
    assert normalise_title(title) == "heroes"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Another Brick in the Wall (Part 1)", "Another Brick in the Wall (Part 2)"),
        ("Live and Let Die", "Let Die"),
        ("Love - Hate", "Love"),
        ("Alive", "A"),
    ],
)
def test_different_songs_keep_different_titles(one, other):
    assert normalise_title(one) != normalise_title(other)


@pytest.mark.parametrize("title", ["", "Track 03", "Intro", "untitled", "07"])
def test_titles_that_name_no_song_are_empty(title):
    assert normalise_title(title) == ""


def test_versions_need_the_same_artist():
    matrix = matrix_of(["The Band", "Band", "Other", "", ""], ["Song", "Song (Live)", "Song", "Song", "Song"])
    songs = song_families(matrix, np.arange(5))
    assert songs[0] == songs[1]
    assert len(np.unique(songs)) == 4


def test_nameless_tracks_of_one_artist_are_different_songs():
    matrix = matrix_of(["A", "A"], ["Track 01", "Track 01"])
    assert len(np.unique(song_families(matrix, np.arange(2)))) == 2


def test_a_copy_joins_the_versions_of_both_its_titles():
    # The second track is a copy of the first and a version of the third: all three are one song.
    matrix = matrix_of(["A", "A", "A", "A"], ["Helden", "Heroes", "Heroes (Live)", "Other"])
    songs = song_families(matrix, np.array([0, 0, 1, 2]))
    assert songs[0] == songs[1] == songs[2] != songs[3]


def test_of_copies_the_one_on_a_studio_album_stands_for_the_recording():
    matrix = replace(matrix_of(["A"] * 3, ["S"] * 3), albums=("Greatest Hits", "The Album", "The Album"))
    assert list(spare_copies(matrix, np.array([0, 0, 1]))) == [True, False, False]


def test_a_copy_that_is_in_a_list_already_stays_there():
    matrix = replace(matrix_of(["A"] * 2, ["S"] * 2), albums=("Greatest Hits", "The Album"))
    assert list(spare_copies(matrix, np.zeros(2, dtype=int), ["song-0"])) == [False, True]


@pytest.mark.parametrize(
    ("album", "expected"),
    [("The Best of Queen", True), ("Greatest Hits II", True), ("A Night at the Opera", False)],
)
def test_compilations_are_recognised_by_their_title(album, expected):
    assert is_compilation(album) is expected
