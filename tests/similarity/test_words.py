"""A sentence is answered by what its words mean, and what is not understood is said."""

import numpy as np
import pytest
from made_sounds import circle

from audiomuse.model import MSD_TAGS
from audiomuse.similarity import Songs, search_words

LIBRARY = Songs.pack(
    [
        circle(
            [0, 10, 20, 30, 40, 50],
            tags=["jazz", "jazz", "punk", "instrumental", "female vocalists", "80s"],
            energy=[0.1, 0.9, 0.95, 0.15, 0.5, 0.5],
            tempo_bpm=[70, 180, 190, 75, 120, np.nan],
            key_index=[12, 0, 0, 13, 0, -1],
        )
    ]
)


def first(query: str) -> str:
    return search_words(LIBRARY, query, 1).tracks[0].track_id


@pytest.mark.parametrize(
    ("query", "song"),
    [
        ("calm jazz", "at-0"),
        ("energetic jazz", "at-10"),
        ("fast punk", "at-20"),
        ("calm piano at night", "at-30"),
        ("a woman singing", "at-40"),
        ("something from the 1980s", "at-50"),
        ("slow jazz in minor", "at-0"),
        ("JAZZ, but not calm!", "at-10"),
        ("jazz without energy", "at-0"),
    ],
)
def test_sentences_find_their_song(query, song):
    assert first(query) == song


def test_words_that_stand_for_a_tag_are_explained():
    answer = search_words(LIBRARY, "calm piano at night")
    assert answer.understood == ("calm", "piano", "night")
    assert "piano (as" in answer.sentence


def test_words_that_mean_nothing_are_named_not_guessed_at():
    answer = search_words(LIBRARY, "jazz for my hovercraft")
    assert answer.ignored == ("hovercraft",)
    assert "Not understood: hovercraft" in answer.sentence
    assert answer.tracks


@pytest.mark.parametrize("query", ["", "   ", "hovercraft eels", "the of and"])
def test_without_one_understood_word_the_answer_is_empty_and_says_what_would_work(query):
    answer = search_words(LIBRARY, query)
    assert answer.tracks == ()
    assert "for example" in answer.sentence


def test_longer_phrases_win_over_their_words():
    assert search_words(LIBRARY, "hip hop").understood == ("hip hop",)
    assert search_words(LIBRARY, "hard rock").understood == ("hard rock",)


def test_a_negated_word_is_reported_with_its_negation():
    assert search_words(LIBRARY, "jazz without female vocals").understood == ("jazz", "without female vocals")


@pytest.mark.parametrize("tag", MSD_TAGS)
def test_every_tag_is_understood_by_its_own_name(tag):
    answer = search_words(LIBRARY, tag)
    assert answer.ignored == ()
    assert answer.understood


def test_scores_are_between_nothing_and_one_best_first():
    scores = [match.score for match in search_words(LIBRARY, "calm jazz", 50).tracks]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] <= scores[0] <= 1
