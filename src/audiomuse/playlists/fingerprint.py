"""What a small chart of a list shows: tempo, energy along the list, moods, keys. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiomuse.model import MSD_TAGS, FeatureMatrix, Float32
from audiomuse.playlists.order import camelot_number

TEMPO_EDGES = tuple(range(40, 221, 10))
"""Edges of the tempo bars, in BPM; what lies beyond falls into the outer bars."""


@dataclass(frozen=True, slots=True)
class MoodBar:
    """One tag in the list and in the library."""

    tag: str
    share: float
    """Mean probability in the list, 0..1."""
    library_share: float


@dataclass(frozen=True, slots=True)
class ListFingerprint:
    """A list in numbers that can be drawn."""

    tempo_counts: tuple[int, ...]
    """Songs per bar of `TEMPO_EDGES`; songs without a tempo are in none."""
    energy_line: tuple[float | None, ...]
    """Energy of each song in list order, None where there is none."""
    moods: tuple[MoodBar, ...]
    """The most typical tags, best first."""
    camelot_counts: tuple[tuple[int, int], ...]
    """Twelve pairs (minor "A", major "B") for the numbers 1..12 of the Camelot wheel."""
    duration_s: float
    """Length of the whole list."""


def list_fingerprint(songs: FeatureMatrix, library_tags: Float32, *, n_moods: int = 5) -> ListFingerprint:
    """Collect what a chart of a list shows.

    Parameters
    ----------
    songs : FeatureMatrix
        The list's songs in their order; those that are not analysed are not in it.
    library_tags : ndarray, shape=(50,)
        The library's mean of each tag.
    n_moods : int
        Bars of moods at most.

    Returns
    -------
    ListFingerprint
        With empty lines and zero counts if there is no song.
    """
    bpm = np.clip(songs.tempo_bpm[~np.isnan(songs.tempo_bpm)], TEMPO_EDGES[0], TEMPO_EDGES[-1])
    keys = songs.key_index
    number = camelot_number(keys)
    return ListFingerprint(
        tempo_counts=tuple(int(n) for n in np.histogram(bpm, TEMPO_EDGES)[0]),
        energy_line=tuple(None if np.isnan(e) else round(float(e), 3) for e in songs.energy),
        moods=_moods(songs.tags, library_tags, n_moods) if len(songs) else (),
        camelot_counts=tuple(
            (int(((number == n) & (keys >= 12)).sum()), int(((number == n) & (keys < 12)).sum()))
            for n in range(1, 13)
        ),
        duration_s=float(songs.duration_s.sum()),
    )


def _moods(tags: Float32, library_tags: Float32, n: int) -> tuple[MoodBar, ...]:
    """The tags that weigh most in p log(p / q), list against library."""
    inside = np.maximum(tags.mean(axis=0), 1e-6)
    library = np.maximum(library_tags, 1e-6)
    order = np.argsort(-inside * np.log(inside / library), kind="stable")[:n]
    return tuple(MoodBar(MSD_TAGS[t], round(float(inside[t]), 4), round(float(library[t]), 4)) for t in order)
