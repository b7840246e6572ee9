"""Why two songs are alike, for the page of a song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiomuse.model import MSD_TAGS
from audiomuse.similarity.index import Neighbour, SimilarityIndex

_SAME_TEMPO = 0.06
_SAME_ENERGY = 0.1
_STRONG = 1.5
"""A tag is shared when both songs have one and a half times the library's mean of it."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A neighbour and what it has in common with the song asked about."""

    track_id: str
    distance: float
    shared_tags: tuple[str, ...]
    """Tags that both carry, the strongest first; at most three."""
    same_tempo: bool
    """Within 6 %, half and double time folded; False where one has no tempo."""
    same_energy: bool
    """Within a tenth; False where one has none."""
    same_key: bool
    """The very same key; False where one has none."""


def explain_neighbours(
    index: SimilarityIndex, track_id: str, neighbours: Sequence[Neighbour]
) -> list[Likeness]:
    """Tell what each neighbour has in common with a song.

    Raises
    ------
    NotFound
        If an id is no analysed track.
    """
    row = index.row(track_id)
    mean = np.maximum(index.songs.tags.mean(), 1e-4)
    return [_likeness(index, row, neighbour, mean) for neighbour in neighbours]


def _likeness(
    index: SimilarityIndex, row: int, neighbour: Neighbour, mean: np.ndarray[tuple[int], np.dtype[np.float32]]
) -> Likeness:
    songs = index.songs
    other = index.row(neighbour.track_id)
    lift = songs.tags[[row, other]].min(axis=0) / mean
    strongest = [int(t) for t in np.argsort(-lift * np.sqrt(mean), kind="stable") if lift[t] >= _STRONG][:3]
    octaves = abs(float(np.log2(songs.tempo_bpm[row] / songs.tempo_bpm[other])))
    folded = min(octaves, abs(1.0 - octaves))  # NaN stays NaN and compares false
    key = int(songs.key_index[row])
    return Likeness(
        neighbour.track_id,
        neighbour.distance,
        tuple(MSD_TAGS[t] for t in strongest),
        folded <= np.log2(1.0 + _SAME_TEMPO),
        bool(abs(songs.energy[row] - songs.energy[other]) <= _SAME_ENERGY),
        key >= 0 and key == int(songs.key_index[other]),
    )
