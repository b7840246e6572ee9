"""One artist, one spelling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.features import artist_codes, normalise_artist


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Beatles", "Beatles, The"),
        ("Beyoncé", "BEYONCE"),
        ("Massive Attack feat. Tracey Thorn", "massive attack"),
        ("Jay-Z (ft. Alicia Keys)", "JAY Z".replace(" ", "-")),
        ("Simon & Garfunkel", "Simon and Garfunkel"),
        ("AC/DC", "ACDC"),
        ("  Björk ", "Bjork"),
        ("The The", "the the"),
    ],
)
def test_spellings_of_one_artist_are_one(one, other):
    assert normalise_artist(one) == normalise_artist(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("The Band", "The Who"), ("!!!", "???"), ("がらん", "からん"), ("Feather", "Fea")]
)
def test_different_artists_stay_different(one, other):
    assert normalise_artist(one) != normalise_artist(other)


@pytest.mark.parametrize("name", ["", "  ", "Various Artists", "Unknown Artist", "VA"])
def test_a_name_that_says_nothing_is_nobody(name):
    assert normalise_artist(name) == ""


def test_codes_count_spellings_together_and_keep_strangers_apart():
    codes = artist_codes(["The Beatles", "", "beatles", "Unknown Artist", "Queen"])
    assert codes.dtype == np.int32
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 4


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="abcxyz .,&'()-!", max_size=30))
def test_case_and_surrounding_blanks_never_matter(name):
    assert normalise_artist(f"  {name.upper()} ") == normalise_artist(name)
