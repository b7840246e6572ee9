"""Which tracks are one song: copies of a recording, and its live, remastered or single versions.

Copies sound the same and last the same. Versions share title and artist once the words that name a
version are taken away. A list holds one of each family; which copy is kept does not depend on row order.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

from audiomuse.features import artist_codes
from audiomuse.model import FeatureMatrix

_VERSION = (
    r"remaster(?:ed)?|re-?master(?:ed)?|live|acoustic|unplugged|demo|mono|stereo|version|edit|mix|remix|"
    r"re-?recorded|session|sessions|take|alternate|instrumental|karaoke|bonus|explicit|clean|single|"
    r"radio|extended|original|deluxe|anniversary|orchestral|outtake"
)
_BRACKETS = re.compile(rf"[(\[{{][^)\]}}]*\b(?:{_VERSION}|feat|ft|featuring|with)\b[^)\]}}]*[)\]}}]")
_DASH = re.compile(rf"\s[-–—]\s[^-–—]*\b(?:{_VERSION})\b.*$")
_GUEST = re.compile(r"\b(?:feat|ft|featuring)\b\.?\s.*$")
_ACCENTS = re.compile("[\u0300-\u036f]")
_NAMELESS = re.compile(r"^(?:track|titel|piste|untitled|intro|outro|interlude|skit|unknown)?\s*\d*$")
_COMPILATION = re.compile(
    r"\b(?:best of|greatest|hits|collection|anthology|compilation|essential|gold|live|unplugged)\b"
)


def normalise_title(title: str) -> str:
    """Reduce a title to the song: no case, accents, punctuation, guests or words that name a version.

    Returns
    -------
    str
        ``""`` for titles that name no song (empty, "Track 03", "Intro").

    Examples
    --------
    >>> normalise_title("Heroes - 2017 Remaster"), normalise_title("Heroes (Live at Earls Court)")
    ('heroes', 'heroes')
    >>> normalise_title("Track 03")
    ''
    """
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", title)).casefold()
    song = _GUEST.sub("", _DASH.sub("", _BRACKETS.sub(" ", plain)))
    words = " ".join("".join(ch if ch.isalnum() else " " for ch in song).split())
    return "" if _NAMELESS.match(words) else words


def recording_families(matrix: FeatureMatrix) -> NDArray[np.intp]:
    """Number the songs of a library, every version of a song the same number.

    Returns
    -------
    ndarray, shape=(n,)
        Codes 0..m-1. Tracks whose title or artist says nothing are families of their own.
    """
    artists = artist_codes(matrix.artists)
    songs: dict[tuple[int, str], int] = {}
    families = np.empty(len(matrix), dtype=np.intp)
    for row, title in enumerate(matrix.titles):
        song = normalise_title(title) or f"\0{row}"
        families[row] = songs.setdefault((int(artists[row]), song), len(songs))
    return families


def is_compilation(album: str) -> bool:
    """Tell whether an album's title looks like a compilation or a concert rather than a studio album."""
    return bool(_COMPILATION.search(album.casefold()))
