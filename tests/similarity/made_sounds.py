"""Libraries whose neighbours are known by hand: songs as points on a circle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiomuse.model import MSD_TAGS, FeatureMatrix


def circle(
    degrees: Sequence[float],
    *,
    artists: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    duration_s: Sequence[float] | None = None,
    tempo_bpm: Sequence[float] | None = None,
    key_index: Sequence[int] | None = None,
    energy: Sequence[float] | None = None,
) -> FeatureMatrix:
    """Songs whose embeddings lie at the given angles of a circle.

    Every song has an opposite partner "anti-..." at the end of the library, so that the mean is zero and
    centring changes no angle.
    """
    n = len(degrees)
    angles = np.radians([*degrees, *(d + 180 for d in degrees)])
    embedding = np.zeros((2 * n, 200), dtype=np.float32)
    embedding[:, 0], embedding[:, 1] = np.cos(angles), np.sin(angles)
    heard = np.full((2 * n, len(MSD_TAGS)), 0.05, dtype=np.float32)
    for i, tag in enumerate(tags or ()):
        heard[i, MSD_TAGS.index(tag)] = 0.7

    def column(values, default, dtype=np.float32):
        given = list(values) if values is not None else [default] * n
        return np.asarray(given + [default] * n, dtype=dtype)

    return FeatureMatrix(
        ids=(*(f"at-{d:g}" for d in degrees), *(f"anti-{d:g}" for d in degrees)),
        artists=(*(artists or [f"Artist {i}" for i in range(n)]), *(f"Nobody {i}" for i in range(n))),
        titles=(*(titles or [f"Song {i}" for i in range(n)]), *(f"Anti {i}" for i in range(n))),
        albums=("Album",) * (2 * n),
        duration_s=column(duration_s if duration_s is not None else np.arange(100, 100 + 10 * n, 10), 50),
        tempo_bpm=column(tempo_bpm, 120),
        key_index=column(key_index, 0, np.int8),
        loudness_lufs=column(None, -14),
        energy=column(energy, 0.5),
        tags=heard,
        embedding=embedding,
    )


def ids(neighbours) -> list[str]:
    return [neighbour.track_id for neighbour in neighbours]
