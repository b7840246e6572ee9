from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.features.duplicates import duplicate_families, duplicate_groups, is_same_recording
from audiomuse.model import FeatureMatrix, TrackFeatures


def library(embeddings, durations):
    n = len(durations)
    columns = np.full(n, np.nan, np.float32)
    return FeatureMatrix(
        ids=tuple(map(str, range(n))),
        artists=("",) * n,
        titles=("",) * n,
        albums=("",) * n,
        duration_s=np.asarray(durations, np.float32),
        tempo_bpm=columns,
        key_index=np.full(n, -1, np.int8),
        loudness_lufs=columns,
        energy=columns,
        tags=np.zeros((n, 50), np.float32),
        embedding=np.asarray(embeddings, np.float32),
    )


def at_distance(distance):
    """A vector whose cosine distance to the first axis is `distance`."""
    vector = np.zeros(200)
    vector[0], vector[1] = 1 - distance, np.sqrt(1 - (1 - distance) ** 2)
    return vector


def groups(matrix, **limits):
    return [group.tolist() for group in duplicate_groups(matrix, **limits)]


ORIGINAL = at_distance(0)


def test_a_transcode_is_a_copy_and_another_performance_is_not():
    matrix = library(
        [ORIGINAL, at_distance(0.5), at_distance(0.003), at_distance(0.03)], [200, 200, 200.4, 200]
    )
    assert groups(matrix) == [[0, 2]]


def test_the_volume_of_a_copy_does_not_matter():
    assert groups(library([ORIGINAL, 3 * ORIGINAL], [200, 200])) == [[0, 1]]


def test_what_lasts_longer_is_another_recording():
    assert groups(library([ORIGINAL, ORIGINAL, ORIGINAL], [200, 202, 202.5])) == [[0, 1, 2]]
    assert groups(library([ORIGINAL, ORIGINAL], [200, 202.1])) == []


def test_the_limits_are_the_callers():
    matrix = library([ORIGINAL, at_distance(0.01)], [200, 210])
    assert groups(matrix, max_cosine_distance=0.02, max_duration_difference_s=10) == [[0, 1]]


def test_families_are_numbered_in_the_order_of_the_library():
    matrix = library([at_distance(0.5), ORIGINAL, at_distance(0.9), ORIGINAL], [300, 200, 100, 200])
    assert duplicate_families(matrix).tolist() == [0, 1, 2, 1]


def test_an_empty_library_has_no_copies():
    matrix = library(np.empty((0, 200)), [])
    assert groups(matrix) == []
    assert duplicate_families(matrix).shape == (0,)


def test_a_row_of_zeros_is_a_copy_of_nothing():
    assert groups(library([np.zeros(200), np.zeros(200)], [200, 200])) == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 1500))
@settings(max_examples=15, deadline=None)
def test_the_band_finds_what_comparing_everything_finds(seed, n):
    rng = np.random.default_rng(seed)
    songs = rng.normal(size=(max(n // 3, 1), 200))
    song = rng.integers(len(songs), size=n)
    embeddings = songs[song] + rng.normal(0, 0.06, (n, 200))
    durations = np.round(200 + 5 * (song % 7) + rng.normal(0, 0.7, n), 3)
    matrix = library(embeddings, durations)

    units = matrix.embedding / np.linalg.norm(matrix.embedding, axis=1, keepdims=True)
    last = matrix.duration_s.astype(np.float64)
    near = (units @ units.T >= 1 - 0.004) & (np.abs(last[:, None] - last) <= 2)
    families = duplicate_families(matrix)
    i, j = np.nonzero(near)
    assert (families[i] == families[j]).all()
    for group in duplicate_groups(matrix):
        assert near[np.ix_(group, group)].sum(axis=1).min() >= 2  # itself and at least one other


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(1)
    embeddings = np.repeat(rng.normal(size=(50, 200)), 2, axis=0)
    durations = np.repeat(rng.uniform(100, 300, 50), 2)
    shuffled = rng.permutation(100)
    found = groups(library(embeddings[shuffled], durations[shuffled]))
    originals = sorted(sorted(shuffled[group].tolist()) for group in found)
    assert originals == [[2 * k, 2 * k + 1] for k in range(50)]


SONG = TrackFeatures("muse-1", 200.0, embedding=ORIGINAL.astype(np.float32))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (SONG, True),
        (replace(SONG, duration_s=201.9), True),
        (replace(SONG, duration_s=203.0), False),
        (replace(SONG, embedding=at_distance(0.003).astype(np.float32)), True),
        (replace(SONG, embedding=at_distance(0.006).astype(np.float32)), False),
        (replace(SONG, embedding=None), False),
        (replace(SONG, features_version="essentia-1"), False),
    ],
)
def test_two_tracks_are_one_recording_if_sound_and_length_agree(other, same):
    assert is_same_recording(SONG, other) is same
