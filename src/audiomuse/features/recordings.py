"""Which tracks are one song: its live, remastered or single versions, and copies of a recording.

Versions share title and artist once the words that name a version are taken away; copies sound the same and
last the same (`duplicates.py`). Of copies one is kept, and which does not depend on the order of rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiomuse.features import artist_codes
from audiomuse.features.graph import connected_components
from audiomuse.model import FeatureMatrix

_VERSION = (
    r"remaster(?:ed)?|re-?master(?:ed)?|live|acoustic|unplugged|demo|mono|stereo|version|edit|mix|remix|"
    r"re-?recorded|session|sessions|take|alternate|instrumental|karaoke|bonus|explicit|clean|single|"
    r"radio|extended|original|deluxe|anniversary|orchestral|outtake"
)
_BRACKETS = re.compile(rf"[(\[{{][^)\]}}]*\b(?:{_VERSION}|feat|ft|featuring|with)\b[^)\]}}]*[)\]}}]")
_DASH = re.compile(rf"\s[-–—]\s[^-–—]*\b(?:{_VERSION})\b.*$")
_GUEST = re.compile(r"\b(?:feat|ft|featuring)\b\.?\s.*$")
_NO_LETTERS = re.compile(r"[\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_NAMELESS = re.compile(r"^(?:track|titel|piste|untitled|intro|outro|interlude|skit|unknown)?\s*\d*$")
_COMPILATION = re.compile(
    r"\b(?:best of|greatest|hits|collection|anthology|compilation|essential|gold|live|unplugged)\b"
)


@lru_cache(maxsize=4096)
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
    words = " ".join(_NO_LETTERS.sub(" ", song).split())
    return "" if _NAMELESS.match(words) else words


def song_families(matrix: FeatureMatrix, copies: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the songs of a library, every version and every copy of a song the same number.

    Parameters
    ----------
    matrix : FeatureMatrix
    copies : ndarray, shape=(n,)
        Recordings, from `duplicates.duplicate_families`.

    Returns
    -------
    ndarray, shape=(n,)
        Codes 0..m-1. A track whose title or artist says nothing is one song with its copies only.
    """
    artists = artist_codes(matrix.artists)
    songs: dict[tuple[int, str], int] = {}
    titles = np.empty(len(matrix), dtype=np.intp)
    for row, title in enumerate(matrix.titles):
        song = normalise_title(title) or f"\0{row}"
        titles[row] = songs.setdefault((int(artists[row]), song), len(songs))
    # Titles and recordings are the two sides of a graph, tracks its edges; a song is what hangs together.
    n_titles = len(songs)
    n_nodes = n_titles + int(copies.max(initial=-1)) + 1
    return connected_components(n_nodes, titles, n_titles + copies)[titles].astype(np.intp)


def spare_copies(
    matrix: FeatureMatrix, copies: NDArray[np.intp], preferred: Collection[str] = ()
) -> NDArray[np.bool_]:
    """Tell which tracks a list can do without, because another copy of the recording stands for them.

    Parameters
    ----------
    matrix : FeatureMatrix
    copies : ndarray, shape=(n,)
        Recordings, from `duplicates.duplicate_families`.
    preferred : collection of str
        Ids of tracks that stand for their recording if they can, e.g. those in lists already.

    Returns
    -------
    ndarray of bool, shape=(n,)
        False for one track per recording: a preferred one, else one from an album that is no compilation,
        else the first by id.
    """
    spare = np.zeros(len(matrix), dtype=bool)
    counts = np.bincount(copies, minlength=1)
    wanted = frozenset(preferred)
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(counts[copies] > 1):
        groups.setdefault(int(copies[row]), []).append(int(row))
    for rows in groups.values():
        stays = min(
            rows, key=lambda r: (matrix.ids[r] not in wanted, is_compilation(matrix.albums[r]), matrix.ids[r])
        )
        spare[[row for row in rows if row != stays]] = True
    return spare


def is_compilation(album: str) -> bool:
    """Tell whether an album's title looks like a compilation or a concert rather than a studio album."""
    return bool(_COMPILATION.search(album.casefold()))
