"""One artist, one spelling: what "at most three songs by an artist" counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_LATIN_ACCENTS = re.compile("[\u0300-\u036f]")
_GUEST = re.compile(r"\s*[(\[]?\b(?:feat|ft|featuring)\b\.?\s.*$")
_TRAILING_ARTICLE = re.compile(r"^(.*),\s*the$")
_LEADING_ARTICLE = re.compile(r"^the\s+(?=\S)")
_NOBODY = frozenset({"unknown", "unknown artist", "various", "various artists", "va", "untitled artist"})


def normalise_artist(name: str) -> str:
    """Reduce an artist's name to what its spellings have in common.

    Upper and lower case, accents, a leading or trailing "the", guests ("feat. ...") and punctuation are
    dropped, so that "Beatles, The" and "THE BEATLES feat. Billy Preston" are one artist.

    Parameters
    ----------
    name : str
        The artist as a person reads it.

    Returns
    -------
    str
        The common form; ``""`` if the name says nothing (empty, "Various Artists", "Unknown Artist").

    Examples
    --------
    >>> normalise_artist("Beatles, The"), normalise_artist("Beyoncé ft. Jay-Z"), normalise_artist("AC/DC")
    ('beatles', 'beyonce', 'acdc')
    >>> normalise_artist("Various Artists")
    ''
    """
    plain = _LATIN_ACCENTS.sub("", unicodedata.normalize("NFKD", name)).casefold().strip()
    plain = unicodedata.normalize("NFC", plain)
    if plain in _NOBODY:
        return ""
    shorter = _GUEST.sub("", plain)
    shorter = _TRAILING_ARTICLE.sub(r"\1", shorter)
    shorter = _LEADING_ARTICLE.sub("", shorter).replace("&", " and ")
    letters = "".join(ch for ch in shorter if ch.isalnum() or ch.isspace())
    # A band may be called "!!!": then its punctuation is its name.
    return " ".join(letters.split()) or plain


def artist_codes(artists: Iterable[str]) -> NDArray[np.int32]:
    """Number the artists of a library, the same artist in every spelling the same number.

    Parameters
    ----------
    artists : iterable of str
        One name per track.

    Returns
    -------
    ndarray of int32, shape (n,)
        Codes 0..m-1. Tracks without a known artist get a code each: nobody can say that they
        belong together, so no cap may count them together.
    """
    codes: dict[str, int] = {}
    spelled: dict[str, str] = {}
    numbered: list[int] = []
    for position, name in enumerate(artists):
        if name not in spelled:
            spelled[name] = normalise_artist(name)
        artist = spelled[name] or f"\0{position}"
        numbered.append(codes.setdefault(artist, len(codes)))
    return np.array(numbered, dtype=np.int32)
