"""Songs beyond the artist cap of their own cluster may still fit a neighbouring list."""

import numpy as np
from made_lists import made_matrix

from audiomuse.model import Playlist
from audiomuse.playlists.drafts import Draft, Library
from audiomuse.playlists.leftovers import place_leftovers
from audiomuse.playlists.options import AdaptedSizes

SIZES = AdaptedSizes(
    max_songs=11, max_songs_per_artist=2, min_songs=3, usual_songs=5, merge_small_clusters=False
)


def library_of(places: list[list[float]], artists: list[int], songs: list[int] | None = None) -> Library:
    n = len(places)
    matrix = made_matrix(n)
    families = np.asarray(songs or range(n))
    return Library(
        matrix, np.asarray(places, dtype=np.float32), np.asarray(artists), families, np.arange(n),
        {track: row for row, track in enumerate(matrix.ids)},
    )  # fmt: skip


RING = [[float(np.cos(a)), float(np.sin(a))] for a in np.arange(10) * np.pi / 5]


def placed(extra: list[float], *, artist: int = 99, song: int = 99, previous: Playlist | None = None) -> bool:
    library = library_of([*RING, extra], [*range(10), artist], [*range(10), song])
    grown = place_leftovers(library, [Draft(np.arange(10), 0, previous)], np.array([10]), SIZES)
    return 10 in grown[0].rows


def test_a_song_inside_a_list_is_taken_in():
    assert placed([0.5, 0.5])


def test_a_song_farther_out_than_the_list_reaches_is_not():
    assert not placed([1.2, 0.0])


def test_another_version_of_a_song_of_the_list_is_not():
    assert not placed([0.5, 0.5], song=3)


def test_a_banned_song_is_not():
    assert not placed([0.5, 0.5], previous=Playlist("a", "A", (), banned=frozenset({"song-010"})))


def test_the_artist_cap_and_the_room_hold_for_guests_too():
    library = library_of([*RING, *[[0.1, 0.1]] * 5], [*range(10), 0, 0, 0, 50, 51])
    grown = place_leftovers(library, [Draft(np.arange(10), 0)], np.arange(10, 15), SIZES)
    assert len(grown[0].rows) == 11
    wide = AdaptedSizes(40, 2, 3, 5, False)
    grown = place_leftovers(library, [Draft(np.arange(10), 0)], np.arange(10, 15), wide)
    assert np.bincount(library.artists[grown[0].rows])[0] == 2
    assert len(grown[0].rows) == 13


def test_of_two_lists_the_better_fitting_one_gets_the_song():
    far = [[x + 1.5, y] for x, y in RING]
    library = library_of([*RING, *far, [0.6, 0.0]], list(range(21)))
    drafts = [Draft(np.arange(10, 20), 0), Draft(np.arange(10), 1)]
    grown = place_leftovers(library, drafts, np.array([20]), SIZES)
    assert [len(draft.rows) for draft in grown] == [10, 11]


def test_nothing_left_over_changes_nothing():
    library = library_of(RING, list(range(10)))
    drafts = [Draft(np.arange(10), 0)]
    assert place_leftovers(library, drafts, np.zeros(0, dtype=int), SIZES) == drafts
