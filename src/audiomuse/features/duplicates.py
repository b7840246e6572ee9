"""Which tracks are the same recording: the file kept twice, the album and the compilation, FLAC and MP3.

MusiCNN's mean embedding is an acoustic identity good enough for this. MP3 at 128 kbit/s moves it by less than
0.001 in cosine distance and Vorbis or AAC at 100 kbit/s by 0.002 to 0.005, while different recordings begin
at 0.01; only very low rates (64 kbit/s MP3: 0.006 to 0.02) go unrecognised. The duration keeps apart what
merely sounds alike. The embedding is taken as it is: centring it on the library would make the identity of
two files depend on the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiomuse.features.graph import connected_components
from audiomuse.model import FeatureMatrix, Float32, TrackFeatures

MAX_COSINE_DISTANCE = 0.004
MAX_DURATION_DIFFERENCE_S = 2.0

_BLOCK_ROWS = 1024
"""Rows compared at a time: large enough for BLAS, small enough that the band stays narrow."""


def is_same_recording(a: TrackFeatures, b: TrackFeatures) -> bool:
    """Tell whether two tracks are the same recording.

    Parameters
    ----------
    a, b : TrackFeatures
        What was heard in both, by the same backend.

    Returns
    -------
    bool
        False if either has no embedding (silence): there is nothing to recognise. False if the features
        versions differ.
    """
    if a.embedding is None or b.embedding is None or a.features_version != b.features_version:
        return False
    if abs(a.duration_s - b.duration_s) > MAX_DURATION_DIFFERENCE_S:
        return False
    x, y = _unit_rows(np.stack([a.embedding, b.embedding]))
    return bool(x @ y >= 1 - MAX_COSINE_DISTANCE)


def duplicate_groups(
    matrix: FeatureMatrix,
    *,
    max_cosine_distance: float = MAX_COSINE_DISTANCE,
    max_duration_difference_s: float = MAX_DURATION_DIFFERENCE_S,
) -> list[NDArray[np.intp]]:
    """Find the recordings that a library holds more than once.

    Tracks are sorted by duration, so that a block of rows needs to be compared only with the rows of nearly
    the same duration that follow it, by one matrix product. Pairs that are near enough join to groups; a
    chain of pairs is one group.

    Parameters
    ----------
    matrix : FeatureMatrix
        The library.
    max_cosine_distance : float
        Largest distance of the raw embeddings, 0..2.
    max_duration_difference_s : float
        Largest difference of the durations, in seconds.

    Returns
    -------
    list of ndarray
        Ascending row numbers of each group of at least two tracks; groups in the order of their first row.
    """
    families = duplicate_families(
        matrix,
        max_cosine_distance=max_cosine_distance,
        max_duration_difference_s=max_duration_difference_s,
    )
    by_family = np.argsort(families, kind="stable")
    starts = np.flatnonzero(np.diff(families[by_family], prepend=-1))
    groups = np.split(by_family, starts[1:])
    return [group for group in groups if len(group) > 1]


def duplicate_families(
    matrix: FeatureMatrix,
    *,
    max_cosine_distance: float = MAX_COSINE_DISTANCE,
    max_duration_difference_s: float = MAX_DURATION_DIFFERENCE_S,
) -> NDArray[np.intp]:
    """Number the recordings of a library, every copy of a recording the same number.

    Parameters
    ----------
    matrix, max_cosine_distance, max_duration_difference_s
        As in `duplicate_groups`.

    Returns
    -------
    ndarray, shape=(n,)
        Codes 0..m-1 in the order of each recording's first row.
    """
    n = len(matrix)
    order = np.argsort(matrix.duration_s, kind="stable")
    first, second = _near_pairs(matrix, order, 1 - max_cosine_distance, max_duration_difference_s)
    return _in_order_of_appearance(connected_components(n, order[first], order[second]))


def _near_pairs(
    matrix: FeatureMatrix, order: NDArray[np.intp], least_cosine: float, max_difference_s: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs (i < j) of positions in `order`, by duration, that are near in sound and in duration.

    Block by block: neither a sorted copy of the embeddings nor a wide table of cosines is ever made.
    """
    durations = matrix.duration_s[order].astype(np.float64)
    ends = np.searchsorted(durations, durations + max_difference_s, side="right")
    found: list[NDArray[np.intp]] = [np.empty((2, 0), np.intp)]
    for start in range(0, len(order), _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, len(order))
        units = _unit_rows(matrix.embedding[order[start:stop]])
        for left in range(start, int(ends[stop - 1]), _BLOCK_ROWS):
            right = min(left + _BLOCK_ROWS, int(ends[stop - 1]))
            others = units if left == start else _unit_rows(matrix.embedding[order[left:right]])
            i, j = np.nonzero(units @ others[: right - left].T >= least_cosine)
            i, j = i + start, j + left
            keep = (i < j) & (j < ends[i])
            found.append(np.stack([i[keep], j[keep]]))
    first, second = np.concatenate(found, axis=1)
    return first, second


def _unit_rows(embedding: Float32) -> Float32:
    """Scale rows to length 1; a row of zeros stays as it is and is near to nothing."""
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.asarray(embedding / np.where(lengths > 0, lengths, 1), np.float32)


def _in_order_of_appearance(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
