"""Songs are chosen near the heart of a list, but not one song many times."""

import numpy as np

from audiomuse.playlists.choose import choose_songs
from audiomuse.playlists.volumes import Quota


def no_quota(n: int) -> list[Quota]:
    return [Quota(np.arange(n), 1)]


def test_near_songs_come_before_far_ones():
    X = np.array([[0.0], [10.0], [0.5], [11.0], [-0.5]], dtype=np.float32)
    chosen = choose_songs(X, np.zeros(1, np.float32), n=3, quotas=no_quota(5))
    assert set(chosen) == {0, 2, 4}


def test_the_second_copy_of_a_song_waits_behind_something_new():
    X = np.array([[1.0, 0], [1.0, 0], [0, 1.2], [-1.2, 0]], dtype=np.float32)
    chosen = choose_songs(X, np.zeros(2, np.float32), n=3, quotas=no_quota(4))
    assert len({0, 1} & set(chosen)) == 1


def test_with_relevance_alone_only_nearness_counts():
    X = np.array([[1.0, 0], [1.0, 0], [0, 1.2], [-1.2, 0]], dtype=np.float32)
    chosen = choose_songs(X, np.zeros(2, np.float32), n=2, quotas=no_quota(4), relevance=1.0)
    assert set(chosen) == {0, 1}


def test_the_artist_cap_holds_while_choosing():
    X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    artists = np.array([0] * 6 + [1, 2, 3, 4])
    chosen = choose_songs(X, np.zeros(1, np.float32), n=6, quotas=[Quota(artists, 2)])
    assert (artists[chosen] == 0).sum() == 2
    assert len(chosen) == 6


def test_the_list_stays_short_where_the_cap_leaves_nothing():
    X = np.zeros((5, 1), dtype=np.float32)
    chosen = choose_songs(X, np.zeros(1, np.float32), n=4, quotas=[Quota(np.zeros(5, int), 2)])
    assert len(chosen) == 2


def test_kept_songs_are_in_however_far_they_are():
    X = np.array([[0.0], [0.1], [99.0]], dtype=np.float32)
    chosen = choose_songs(X, np.zeros(1, np.float32), n=2, quotas=no_quota(3), kept=np.array([2]))
    assert list(chosen) == [2, 0]


def test_of_two_equal_songs_the_known_one_is_taken():
    X = np.array([[1.0, 0], [-1.0, 0]], dtype=np.float32)
    known = np.array([False, True])
    chosen = choose_songs(X, np.zeros(2, np.float32), n=1, quotas=no_quota(2), incumbents=known)
    assert list(chosen) == [1]
