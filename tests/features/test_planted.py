"""Planted libraries look like music libraries, and their truth is true."""

import numpy as np
import pytest

from audiomuse.errors import ParameterError
from audiomuse.features import fit_space
from audiomuse.features.planted import planted_library


@pytest.fixture(scope="module")
def planted():
    return planted_library(4000, seed=0)


def test_the_same_seed_makes_the_same_library(planted):
    again = planted_library(4000, seed=0)
    assert np.array_equal(again.matrix.embedding, planted.matrix.embedding)
    assert again.matrix.artists == planted.matrix.artists
    other = planted_library(4000, seed=1)
    assert not np.array_equal(other.matrix.embedding, planted.matrix.embedding)


def test_the_numbers_resemble_a_real_library(planted):
    tags = -np.sort(-planted.matrix.tags, axis=1)
    assert 0.2 < tags[:, 0].mean() < 0.4
    assert 1.1 < tags.sum(axis=1).mean() < 1.8
    assert 30 < np.linalg.norm(planted.matrix.embedding, axis=1).mean() < 40
    spectrum = np.linalg.eigvalsh(np.cov(planted.matrix.embedding.T))[::-1]
    assert 0.7 < spectrum[:10].sum() / spectrum.sum() < 0.93
    assert 70 < np.nanmedian(planted.matrix.tempo_bpm) < 160
    assert ((planted.matrix.energy >= 0) & (planted.matrix.energy <= 1)).all()


def test_the_planted_shares_are_kept(planted):
    assert (planted.style < 0).mean() == pytest.approx(0.08, abs=0.02)
    assert (planted.copy_of >= 0).sum() == 120
    assert (planted.version_of >= 0).sum() == 40
    sizes = np.bincount(planted.style[planted.style >= 0])
    assert len(sizes) == 40
    assert sizes.max() > 10 * sizes.min()
    counts = np.unique(planted.matrix.artists, return_counts=True)[1]
    assert counts.max() > 8 * np.median(counts)


def test_copies_are_nearly_equal_and_versions_are_not(planted):
    embedding = planted.matrix.embedding.astype(np.float64)
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    copies, versions = np.flatnonzero(planted.copy_of >= 0), np.flatnonzero(planted.version_of >= 0)
    distance = 1 - (unit[copies] * unit[planted.copy_of[copies]]).sum(axis=1)
    assert distance.max() < 0.004
    other = 1 - (unit[versions] * unit[planted.version_of[versions]]).sum(axis=1)
    assert other.min() > 0.01
    duration = planted.matrix.duration_s
    assert np.abs(duration[copies] - duration[planted.copy_of[copies]]).max() <= 1.01


def test_tracks_of_a_style_are_nearer_to_each_other_than_to_the_rest(planted):
    places = fit_space(planted.matrix).transform(planted.matrix)
    spread = ((places - places.mean(axis=0)) ** 2).sum(axis=1).mean()
    within = [
        ((places[planted.style == style] - places[planted.style == style].mean(axis=0)) ** 2)
        .sum(axis=1)
        .mean()
        for style in range(40)
    ]
    assert np.mean(within) < 0.6 * spread


@pytest.mark.parametrize("n_tracks", [1, 2, 7, 60])
def test_tiny_libraries_can_be_planted(n_tracks):
    planted = planted_library(n_tracks, seed=2)
    assert len(planted.matrix) == len(planted.style) == n_tracks


def test_an_empty_library_cannot_be_planted():
    with pytest.raises(ParameterError):
        planted_library(0)
