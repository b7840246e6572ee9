"""What a person may choose about playlists, and how it bends to a small library.

The defaults suit thousands of songs by hundreds of artists. A library of 20 or 120 songs gets smaller and
shorter lists instead of nothing, and every such change is told in one sentence. The caps (songs in a list,
songs of one artist) are promises: they are never bent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import ParameterError
from audiomuse.playlists.volumes import places, plan_parts

NameStyle = Literal["contrast", "classic"]

MERGE_BELOW = 500
"""Libraries of fewer songs merge clusters that are too small for a list instead of dropping them."""

_SONGS_PER_SMALLEST_LIST = 12
"""A list may be as short as one twelfth of a small library ..."""
_SHORTEST_LIST = 3
"""... but fewer songs than this are no list."""
_SHORT_ENOUGH, _VERY_FEW_SONGS = 5, 1500
"""In libraries of fewer songs lists become as short as this rather than leave songs out."""
_SHORT_LIST, _USUAL_LIST = 12, 20
"""Length below which a cluster is not divided further, in libraries of up to 5,000 and from 8,000 songs."""
_FEW_SONGS = 8000
_ENOUGH_ROOM = 0.92
"""In libraries of fewer songs lists become shorter until this share of the clustered ones has a place."""


@dataclass(frozen=True, slots=True)
class PlaylistOptions:
    """Choices for one run of `build_playlists`."""

    max_distance: float = 0.5
    """Gate per cluster, in (0, 1]: at .5 the best-placed 90 % stay, see `gate.py`."""
    max_songs_per_cluster: int = 40
    """Songs in one list at most; 0 for no limit (and no splitting of clusters)."""
    max_songs_per_artist: int = 3
    """Songs of one artist in one list at most; 0 for no limit."""
    min_songs: int = 8
    """Shorter lists are not made; small libraries adapt."""
    max_lists_per_cluster: int = 0
    """Lists made of one cluster at most; 0 for as many as its songs fill."""
    max_playlists: int = 0
    """Keep only this many lists, the most coherent; 0 for all. Yesterday's are never dropped for it."""
    relevance: float = 0.7
    """Weight of nearness against variety when songs are chosen, 0..1."""
    keep_share: float = 0.8
    """Share of a full list that yesterday's songs keep for themselves, 0..1."""
    name_style: NameStyle = "contrast"
    """``"contrast"``: what tells a list from the others; ``"classic"``: ``Mood_Mood_Mood_Tempo``."""
    name_moods: int = 3
    """Moods in a classic name."""
    top_n_moods: int = 5
    """Tags kept with each list as its fingerprint."""
    adapt: bool = True
    """Whether lengths bend to a small library; False takes `min_songs` at its word."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("max_distance", self.max_distance, 0.0, 1.0),
            ("relevance", self.relevance, 0.0, 1.0),
            ("keep_share", self.keep_share, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise ParameterError(f"{name} is {value}, but must lie between {low:g} and {high:g}.")
        if self.max_distance == 0:
            raise ParameterError("max_distance is 0, which no song can meet; give a value up to 1.")
        for name, count in (
            ("max_songs_per_cluster", self.max_songs_per_cluster),
            ("max_songs_per_artist", self.max_songs_per_artist),
            ("max_lists_per_cluster", self.max_lists_per_cluster),
            ("max_playlists", self.max_playlists),
        ):
            if count < 0:
                raise ParameterError(f"{name} is {count}, but must be 0 (no limit) or more.")
        for name, count in (
            ("min_songs", self.min_songs),
            ("name_moods", self.name_moods),
            ("top_n_moods", self.top_n_moods),
        ):
            if count < 1:
                raise ParameterError(f"{name} is {count}, but must be 1 or more.")
        if self.name_style not in ("contrast", "classic"):
            raise ParameterError(f"name_style is {self.name_style!r}; choose 'contrast' or 'classic'.")


@dataclass(frozen=True, slots=True)
class AdaptedSizes:
    """The sizes in force for one library, and what was changed to get there."""

    max_songs: int
    """Songs in one list at most; never 0, "no limit" is the size of the library."""
    max_songs_per_artist: int
    """Never 0, likewise."""
    min_songs: int
    usual_songs: int
    """A cluster is not divided into lists that would be shorter than this on average."""
    merge_small_clusters: bool
    sentences: tuple[str, ...] = ()
    """What was adapted and why, for people; empty if nothing was."""


def adapt_sizes(
    options: PlaylistOptions, *, n_songs: int, clusters: Sequence[NDArray[np.intp]]
) -> AdaptedSizes:
    """Bend the sizes a person asked for to the library at hand.

    Parameters
    ----------
    options : PlaylistOptions
    n_songs : int >= 1
        Songs in the library.
    clusters : sequence of ndarray of int
        For each cluster the artist (code) of every song in it.

    Returns
    -------
    AdaptedSizes
        The minimum shrinks to a twelfth of the library, not below three songs unless the artist cap leaves
        no more. Lists become shorter until 92 % of the clustered songs have a place: small libraries have
        few artists of a kind, and more lists have room for more songs of each. From 8,000 songs on nothing
        is adapted.
    """
    max_songs = options.max_songs_per_cluster or n_songs
    cap = min(options.max_songs_per_artist or n_songs, n_songs)
    usual = max(_SHORT_LIST, min(_USUAL_LIST, n_songs // 400))
    asked = min(options.min_songs, max_songs)
    if not options.adapt or n_songs >= _FEW_SONGS:
        return AdaptedSizes(max_songs, cap, asked, max(asked, min(usual, max_songs * 3 // 5)), False)
    sentences: list[str] = []
    min_songs = min(asked, max(_SHORTEST_LIST, n_songs // _SONGS_PER_SMALLEST_LIST), n_songs)
    if min_songs < asked:
        sentences.append(
            f"The library has {n_songs} songs, so lists may be as short as {min_songs} "
            f"(you asked for at least {options.min_songs})."
        )
    longest = max((places(artists, 1, cap) for artists in clusters), default=min_songs)
    if longest < min_songs:
        min_songs = max(1, longest)
        sentences.append(
            f"With at most {cap} songs of one artist no list of this library can have more than {min_songs}; "
            "raise MAX_SONGS_PER_ARTIST (0: no limit) for longer ones."
        )
    usual = max(min_songs, min(usual, max_songs * 3 // 5))
    clustered = sum(len(artists) for artists in clusters)
    floor = min(min_songs, _SHORT_ENOUGH) if n_songs < _VERY_FEW_SONGS else min_songs
    shorter = usual
    while shorter > floor and _room(clusters, max_songs, cap, shorter) < _ENOUGH_ROOM * clustered:
        shorter -= 1
    if shorter < usual:
        min_songs = min(min_songs, shorter)
        sentences.append(
            f"There are few artists of a kind in the library, so lists are shorter (from {min_songs} songs): "
            f"each holds at most {cap} of one artist."
        )
    return AdaptedSizes(max_songs, cap, min_songs, shorter, n_songs < MERGE_BELOW, tuple(sentences))


def _room(clusters: Sequence[NDArray[np.intp]], max_songs: int, per_artist: int, usual: int) -> int:
    """How many songs have a place in the lists of all clusters under an artist cap."""
    room = 0
    for artists in clusters:
        parts = plan_parts(artists, max_songs=max_songs, per_artist=per_artist, usual=usual)
        room += places(artists, parts, per_artist)
    return room
