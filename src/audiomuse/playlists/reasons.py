"""Why a song is in a list, in one short sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import MSD_TAGS, FeatureMatrix, Float32
from audiomuse.playlists.names import show_tag

_STRONG = 0.8
"""A song carries a tag when it is in the top fifth of the library for it."""
_NEAR = 0.25
"""The nearest quarter of a list is its heart."""
_SAME_TEMPO = 0.06


def tag_thresholds(matrix: FeatureMatrix) -> Float32:
    """Return, per tag, the probability from which a song of this library truly carries it, shape (50,)."""
    return np.asarray(np.quantile(matrix.tags, _STRONG, axis=0), dtype=np.float32)


def reasons(
    matrix: FeatureMatrix,
    Z: Float32,
    rows: NDArray[np.intp],
    *,
    tags: Sequence[str],
    thresholds: Float32,
    kept: frozenset[str] = frozenset(),
    pinned: frozenset[str] = frozenset(),
) -> list[str]:
    """Say for each song of a list why it is in.

    Parameters
    ----------
    matrix : FeatureMatrix
    Z : ndarray, shape=(n_library, d)
    rows : ndarray, shape=(n,)
        The songs in their order.
    tags : sequence of str
        The typical tags of the list, best first.
    thresholds : ndarray, shape=(50,)
        From `tag_thresholds`.
    kept, pinned : frozenset of str
        Track ids that were here before, and those that a person pinned.

    Returns
    -------
    list of str
        One sentence per song, only of facts about it: the list's tags that it carries strongly, its
        nearness to the heart of the list, its tempo against the list's, its artist.
    """
    distance = np.sqrt(((Z[rows] - Z[rows].mean(axis=0)) ** 2).sum(axis=1))
    near = distance <= np.quantile(distance, _NEAR) if len(rows) > 3 else np.zeros(len(rows), dtype=bool)
    bpm = matrix.tempo_bpm[rows]
    median = float(np.nanmedian(bpm)) if not np.isnan(bpm).all() else float("nan")
    artists = [matrix.artists[row] for row in rows]
    columns = [(tag, MSD_TAGS.index(tag)) for tag in tags]
    sentences = []
    for position, row in enumerate(rows):
        facts: list[str] = []
        carried = [show_tag(tag) for tag, t in columns if matrix.tags[row, t] >= thresholds[t]][:2]
        if matrix.ids[row] in pinned:
            facts.append("you pinned it")
        if len(carried) == 2:
            facts.append(f"strong in {carried[0]} and {carried[1]}")
        elif carried:
            facts.append(f"strong in {carried[0]}")
        if near[position]:
            facts.append("close to the heart of the list")
        if abs(bpm[position] / median - 1.0) <= _SAME_TEMPO:
            facts.append(f"at the tempo of the list, {bpm[position]:.0f} BPM")
        if artists[position] and artists.count(artists[position]) == 1:
            facts.append(f"the only song here by {artists[position]}")
        if matrix.ids[row] in kept:
            facts.append("it was here before")
        facts = facts[:2] or ["its sound is near that of the other songs"]
        sentence = ", ".join(facts)
        sentences.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return sentences
