"""Names say what a list has more of than the library, and no two are equal."""

import numpy as np
import pytest
from made_lists import made_matrix, planted_run

from audiomuse.model import MSD_TAGS
from audiomuse.playlists.names import (
    ListProfile,
    name_lists,
    profile_of,
    show_tag,
    tempo_word,
    typical_tags,
)


def profile(bpm: float | None = 120.0, energy: float | None = 0.5, **tags: float) -> ListProfile:
    heard = np.full(50, 0.05, dtype=np.float32)
    for tag, value in tags.items():
        heard[MSD_TAGS.index(tag.replace("_", " "))] = value
    return ListProfile(heard, bpm, energy, 0.5)


def library_of(*tags: str):
    return made_matrix(
        40, tags=tags, tempo_bpm=np.linspace(80, 160, 40).tolist(), energy=np.linspace(0.2, 0.8, 40).tolist()
    )


@pytest.mark.parametrize(
    ("bpm", "word"), [(79.9, "Slow"), (80, "Medium"), (129.9, "Medium"), (130, "Fast"), (None, "Medium")]
)
def test_tempo_bands_of_the_classic_names(bpm, word):
    assert tempo_word(bpm) == word


def test_classic_names_are_the_three_strongest_moods_and_the_tempo():
    named = name_lists(
        [profile(bpm=100, jazz=0.5, oldies=0.4, female_vocalists=0.3)], library_of("rock"), style="classic"
    )
    assert named == ["Jazz_Oldies_Female Vocalists_Medium"]


def test_equal_classic_names_are_numbered_not_merged():
    same = profile(bpm=140, jazz=0.5, oldies=0.4, blues=0.3)
    named = name_lists([same, same], library_of("rock"), style="classic")
    assert named == ["Jazz_Oldies_Blues_Fast", "Jazz_Oldies_Blues_Fast_2"]


def test_classic_names_of_nothing_heard_are_mixed():
    silent = ListProfile(np.zeros(50, dtype=np.float32), None, None, None)
    assert name_lists([silent], library_of("rock"), style="classic") == ["Mixed_Medium"]


def test_a_name_is_what_the_list_has_more_of_than_the_library():
    # The whole library is rock; the list is rock too, but with jazz in it.
    named = name_lists([profile(rock=0.6, jazz=0.4)], library_of("rock"))
    assert "Jazz" in named[0]
    assert "Rock" not in named[0]


def test_lists_with_one_anchor_are_told_apart_by_their_second_tag():
    lists = [profile(jazz=0.6, blues=0.5), profile(jazz=0.6, soul=0.5)]
    named = name_lists(lists, library_of("rock", "pop"))
    assert "Blues" in named[0]
    assert "Soul" in named[1]


def test_a_tag_inside_another_is_said_once():
    named = name_lists([profile(rock=0.5, indie_rock=0.5)], library_of("jazz"))
    assert named[0].count("Rock") == 1


@pytest.mark.parametrize(
    ("energy", "bpm", "word"),
    [(0.1, 120, "Calm"), (0.9, 120, "Energetic"), (0.5, 85, "Slow"), (0.5, 155, "Fast")],
)
def test_mood_words_are_said_beyond_the_quartiles_of_the_library(energy, bpm, word):
    named = name_lists([profile(bpm=bpm, energy=energy, jazz=0.6)], library_of("rock"))
    assert named[0].startswith(word)


def test_an_ordinary_list_gets_no_mood_word():
    named = name_lists([profile(jazz=0.6)], library_of("rock"))
    assert named[0].split()[0] not in {"Calm", "Energetic", "Slow", "Fast"}


def test_thirty_equal_lists_get_thirty_names():
    named = name_lists([profile(jazz=0.6, soul=0.4)] * 30, library_of("rock"))
    assert len({name.casefold() for name in named}) == 30


def test_the_same_words_in_another_order_are_no_other_name():
    plain = name_lists([profile(jazz=0.6, soul=0.4)], library_of("rock"))[0]
    turned = " · ".join(reversed(plain.split(" · ")))
    assert turned != plain
    again = name_lists([profile(jazz=0.6, soul=0.4)], library_of("rock"), taken=[turned])[0]
    assert again not in (plain, turned)


def test_kept_and_taken_names_are_respected():
    plain = name_lists([profile(jazz=0.6, soul=0.4)], library_of("rock"))[0]
    named = name_lists(
        [profile(jazz=0.6, soul=0.4)] * 2,
        library_of("rock"),
        fixed=[None, "My evenings"],
        taken=[plain.upper()],
    )
    assert named[1] == "My evenings"
    assert named[0].casefold() != plain.casefold()


def test_every_cluster_of_a_planted_library_gets_a_name_of_its_own():
    run = planted_run(2000, 40)
    profiles = [profile_of(run.matrix, np.flatnonzero(run.clustering.labels == c)) for c in range(40)]
    assert len(set(name_lists(profiles, run.matrix))) == 40


def test_typical_tags_come_with_their_lift_and_leave_out_the_untypical():
    matrix = library_of("rock", "jazz")
    tags = typical_tags(profile(jazz=0.65), profile_of(matrix, np.arange(40)), 50)
    assert tags[0] == ("jazz", pytest.approx(2.0, abs=0.01))
    assert "rock" not in dict(tags)


@pytest.mark.parametrize(
    ("tag", "shown"), [("rnb", "R&B"), ("indie rock", "Indie Rock"), ("00s", "2000s"), ("Hip-Hop", "Hip-Hop")]
)
def test_tags_are_shown_as_people_write_them(tag, shown):
    assert show_tag(tag) == shown
