"""What a person may choose about playlists, and how it bends to a small library.

The defaults suit thousands of songs by hundreds of artists. A library of 20 or 120 songs gets smaller
lists and a looser artist cap instead of nothing, and every such change is told in one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audiomuse.errors import ParameterError

NameStyle = Literal["contrast", "classic"]

MERGE_BELOW = 500
"""Libraries of fewer songs merge clusters that are too small for a list instead of dropping them."""

_SONGS_PER_SMALLEST_LIST = 12
"""A list may be as short as one twelfth of a small library ..."""
_SHORTEST_LIST = 3
"""... but fewer songs than this are no list."""
_TYPICAL_LIST = 24


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
    merge_small_clusters: bool
    sentences: tuple[str, ...] = ()
    """What was adapted and why, for people; empty if nothing was."""


def adapt_sizes(options: PlaylistOptions, *, n_songs: int, n_artists: int, n_clusters: int) -> AdaptedSizes:
    """Bend the sizes a person asked for to the library at hand.

    Parameters
    ----------
    options : PlaylistOptions
    n_songs : int >= 1
        Songs in the library.
    n_artists : int >= 1
        Artists in the library; songs by nobody known count as one artist each.
    n_clusters : int >= 0
        Clusters found.

    Returns
    -------
    AdaptedSizes
        The minimum shrinks to a twelfth of the library (never below three songs), the artist cap grows
        where there are too few artists to fill a list: a cluster holds about three times the even share
        of an artist, so the cap is three times the length of a list over the number of artists.
    """
    sentences: list[str] = []
    max_songs = options.max_songs_per_cluster or n_songs
    min_songs = min(
        options.min_songs, max_songs, max(_SHORTEST_LIST, n_songs // _SONGS_PER_SMALLEST_LIST), n_songs
    )
    if min_songs < min(options.min_songs, max_songs):
        sentences.append(
            f"The library has {n_songs} songs, so lists may be as short as {min_songs} "
            f"(you asked for at least {options.min_songs})."
        )
    cap = options.max_songs_per_artist or n_songs
    length = min(max_songs, _TYPICAL_LIST, max(min_songs, n_songs // max(n_clusters, 1)))
    needed = min(n_songs, -(-3 * length // n_artists))
    if needed > cap:
        sentences.append(
            f"The library has only {n_artists} {'artist' if n_artists == 1 else 'artists'}, so a list may "
            f"hold {needed} songs of one artist (you asked for at most {cap})."
        )
        cap = needed
    return AdaptedSizes(max_songs, cap, min_songs, n_songs < MERGE_BELOW, tuple(sentences))
