"""What a person plays becomes a list, recent plays first."""

from datetime import UTC, datetime, timedelta

import pytest
from made_sounds import circle, ids

from audiomuse.errors import LibraryEmpty
from audiomuse.similarity import Plays, SimilarityIndex, sonic_fingerprint
from audiomuse.similarity.listening import play_weight

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_a_play_counts_half_after_a_month():
    fresh = play_weight(Plays("a", 10, NOW), now=NOW)
    assert play_weight(Plays("a", 10, ago(30)), now=NOW) == pytest.approx(fresh / 2)
    assert play_weight(Plays("a", 10), now=NOW) == pytest.approx(fresh / 16)
    assert play_weight(Plays("a", 10, NOW, is_favorite=True), now=NOW) == pytest.approx(2 * fresh)
    assert play_weight(Plays("a", 10, ago(-5)), now=NOW) == pytest.approx(fresh)


def test_the_list_is_near_what_was_played_lately():
    index = SimilarityIndex(circle([0, 5, 10, 90, 95, 100]))
    taste = sonic_fingerprint(
        index, [Plays("at-0", 5, ago(1)), Plays("at-90", 5, ago(300))], now=NOW, n=2, include_played=False
    )
    assert ids(taste.tracks) == ["at-5", "at-10"]
    assert taste.based_on == ("at-0", "at-90")


def test_two_kinds_of_music_share_the_list_by_their_weight():
    degrees = [0, 3, 6, 9, 12, 90, 93, 96, 99, 102]
    index = SimilarityIndex(circle(degrees))
    taste = sonic_fingerprint(
        index, [Plays("at-0", 5, NOW), Plays("at-90", 5, NOW)], now=NOW, n=6, include_played=False
    )
    near_first = [track for track in ids(taste.tracks) if float(track[3:]) < 45]
    assert len(near_first) == 3


def test_no_artist_fills_the_list():
    index = SimilarityIndex(circle(list(range(0, 40, 2)), artists=["One"] * 15 + ["Two"] * 5))
    taste = sonic_fingerprint(index, [Plays("at-0", 1, NOW)], now=NOW, n=10, max_per_artist=2)
    artists = [index.songs.artists[index.row(track)] for track in ids(taste.tracks)]
    assert artists.count("One") == 2


def test_songs_that_were_not_analysed_are_passed_over():
    index = SimilarityIndex(circle([0, 5]))
    taste = sonic_fingerprint(index, [Plays("gone", 99, NOW), Plays("at-0", 1, NOW)], now=NOW, n=1)
    assert taste.based_on == ("at-0",)


@pytest.mark.parametrize("plays", [[], [Plays("gone", 3)], [Plays("at-0", 0)]])
def test_without_any_play_there_is_no_taste(plays):
    with pytest.raises(LibraryEmpty, match="taste"):
        sonic_fingerprint(SimilarityIndex(circle([0, 5])), plays, now=NOW)
