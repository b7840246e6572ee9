"""Yesterday's lists are recognised by the songs they share with today's."""

import numpy as np
import pytest

from audiomuse.model import Playlist, PlaylistEntry
from audiomuse.playlists import match_playlists


def old_list(identity: str, tracks: str, centroid: list[float] | None = None) -> Playlist:
    return Playlist(
        identity,
        identity.title(),
        tuple(PlaylistEntry(track) for track in tracks),
        centroid=None if centroid is None else np.array(centroid, dtype=np.float32),
    )


def test_lists_that_share_most_songs_are_one():
    matches = match_playlists([old_list("a", "abcd"), old_list("b", "wxyz")], [set("wxyv"), set("abce")])
    assert [(m.previous, m.current) for m in matches] == [(0, 1), (1, 0)]
    assert [m.jaccard for m in matches] == pytest.approx([3 / 5, 3 / 5])


def test_the_total_is_what_counts_not_the_first_comer():
    # Greedy would give the first list its best match and leave the second with nothing.
    old = [old_list("a", "abcdef"), old_list("b", "abcd")]
    matches = match_playlists(old, [set("abcd"), set("abef")], min_jaccard=0.1)
    assert {(m.previous, m.current) for m in matches} == {(0, 1), (1, 0)}


def test_too_little_in_common_is_no_match():
    assert match_playlists([old_list("a", "abcdefgh")], [set("ahijklmn")]) == []


def test_of_equal_overlaps_the_nearer_centre_wins():
    old = [old_list("a", "ab", [0.0, 0.0])]
    matches = match_playlists(
        old, [set("axyz") | set("b"), set("abpqr")], centroids=[np.full(2, 9.0), np.zeros(2)]
    )
    assert [m.current for m in matches] == [1]


def test_centres_of_another_space_are_passed_over():
    matches = match_playlists([old_list("a", "ab", [0.0, 0.0, 0.0])], [set("ab")], centroids=[np.zeros(2)])
    assert len(matches) == 1


def test_nothing_to_match_is_no_match():
    assert match_playlists([], [set("ab")]) == []
    assert match_playlists([old_list("a", "ab")], []) == []
    assert match_playlists([old_list("a", "")], [set()]) == []
