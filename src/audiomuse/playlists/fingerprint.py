"""What a small chart of a list shows: tempo, energy along the list, moods, keys. Numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiomuse.model import MSD_TAGS, FeatureMatrix
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


def list_fingerprint(matrix: FeatureMatrix, track_ids: Sequence[str], *, n_moods: int = 5) -> ListFingerprint:
    """Collect what a chart of a list shows.

    Parameters
    ----------
    matrix : FeatureMatrix
    track_ids : sequence of str
        The list in its order; ids that are not in the library are passed over.
    n_moods : int
        Bars of moods at most.

    Returns
    -------
    ListFingerprint
        With empty lines and zero counts if no id is in the library.
    """
    row_of = {track: row for row, track in enumerate(matrix.ids)}
    rows = np.asarray([row_of[track] for track in track_ids if track in row_of], dtype=np.intp)
    bpm = matrix.tempo_bpm[rows]
    bpm = np.clip(bpm[~np.isnan(bpm)], TEMPO_EDGES[0], TEMPO_EDGES[-1])
    energy = matrix.energy[rows]
    keys = matrix.key_index[rows]
    number = camelot_number(keys)
    return ListFingerprint(
        tempo_counts=tuple(int(n) for n in np.histogram(bpm, TEMPO_EDGES)[0]),
        energy_line=tuple(None if np.isnan(e) else round(float(e), 3) for e in energy),
        moods=_moods(matrix, rows, n_moods) if len(rows) else (),
        camelot_counts=tuple(
            (int(((number == n) & (keys >= 12)).sum()), int(((number == n) & (keys < 12)).sum()))
            for n in range(1, 13)
        ),
        duration_s=float(matrix.duration_s[rows].sum()),
    )


def _moods(
    matrix: FeatureMatrix, rows: np.ndarray[tuple[int], np.dtype[np.intp]], n: int
) -> tuple[MoodBar, ...]:
    """The tags that weigh most in p log(p / q), list against library."""
    inside = np.maximum(matrix.tags[rows].mean(axis=0), 1e-6)
    library = np.maximum(matrix.tags.mean(axis=0), 1e-6)
    order = np.argsort(-inside * np.log(inside / library), kind="stable")[:n]
    return tuple(MoodBar(MSD_TAGS[t], round(float(inside[t]), 4), round(float(library[t]), 4)) for t in order)
