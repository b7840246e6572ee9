"""Feature spaces: what the axes mean, and that they stay what they were."""

from dataclasses import replace

import numpy as np
import pytest

from audiomuse.errors import LibraryEmpty, ParameterError
from audiomuse.features import SPACE_NAMES, FeatureSpace, fit_space
from audiomuse.features.planted import planted_library
from audiomuse.features.spaces import principal_axes
from audiomuse.model import FeatureMatrix


@pytest.fixture(scope="module")
def library():
    return planted_library(600, seed=4).matrix


def part(matrix: FeatureMatrix, rows: slice | list[int]) -> FeatureMatrix:
    """Some tracks of a library."""
    chosen = list(range(len(matrix)))[rows] if isinstance(rows, slice) else rows
    columns = {
        name: getattr(matrix, name)[chosen]
        for name in ("duration_s", "tempo_bpm", "key_index", "loudness_lufs", "energy", "tags", "embedding")
    }
    words = {
        name: tuple(getattr(matrix, name)[row] for row in chosen)
        for name in ("ids", "artists", "titles", "albums")
    }
    return replace(matrix, **words, **columns)


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_every_space_is_finite_float32_and_named_by_block(library, name):
    space = fit_space(library, name)
    places = space.transform(library)
    assert places.dtype == np.float32
    assert places.shape == (600, space.n_dims)
    assert np.isfinite(places).all()
    assert [columns.stop - columns.start for columns in space.block_columns.values()] == [
        block.width for block in space.blocks
    ]


def test_the_blend_shares_its_variance_out_as_promised(library):
    space = fit_space(library)
    places = space.transform(library)
    variance = {
        name: float(places[:, columns].var(axis=0).sum()) for name, columns in space.block_columns.items()
    }
    promised = {"embedding": 0.75, "moods": 0.12, "tempo": 0.07, "energy": 0.06}
    assert variance == pytest.approx(promised, rel=0.02)
    assert places.mean(axis=0) == pytest.approx(0.0, abs=1e-4)


def test_the_embedding_is_centred_of_unit_length_and_not_whitened(library):
    space = fit_space(library, "embedding")
    places = space.transform(library)
    strength = places.std(axis=0)
    assert (np.diff(strength) <= 1e-6).all()
    assert strength[0] > 2 * strength[-1]
    louder = replace(
        library, embedding=space.blocks[0].centre + 3 * (library.embedding - space.blocks[0].centre)
    )
    assert space.transform(louder) == pytest.approx(places, abs=1e-4)


def test_the_original_space_is_clipped_tempo_and_the_strongest_moods_unscaled(library):
    places = fit_space(library, "original", top_n_moods=3).transform(library)
    heard = np.isfinite(library.tempo_bpm)
    assert places[heard, 0] == pytest.approx(np.clip((library.tempo_bpm[heard] - 40) / 160, 0, 1), abs=1e-6)
    moods = places[:, 1:]
    assert ((moods > 1e-6).sum(axis=1) == 3).all()
    assert moods.max(axis=1) == pytest.approx(library.tags.max(axis=1), abs=1e-6)


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_a_missing_tempo_or_energy_counts_as_the_librarys_mean(library, name):
    space = fit_space(library, name)
    silent = replace(
        library,
        tempo_bpm=np.full(600, np.nan, dtype=np.float32),
        energy=np.full(600, np.nan, dtype=np.float32),
    )
    places, reference = space.transform(silent), space.transform(library)
    for block in ("tempo", "energy"):
        if block in space.block_columns:
            columns = space.block_columns[block]
            assert places[:, columns] == pytest.approx(np.mean(reference[:, columns]), abs=1e-3)


def test_a_library_without_any_tempo_has_a_silent_tempo_axis(library):
    mute = replace(library, tempo_bpm=np.full(600, np.nan, dtype=np.float32))
    space = fit_space(mute)
    assert not space.transform(mute)[:, space.block_columns["tempo"]].any()


def test_samples_and_grown_libraries_share_the_axes(library):
    space = fit_space(part(library, slice(0, 400)))
    whole = space.transform(library)
    assert space.transform(part(library, [7, 450, 599])) == pytest.approx(whole[[7, 450, 599]], abs=1e-5)


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_a_space_survives_storage_as_json_and_as_bytes(library, name):
    space = fit_space(library, name)
    places = space.transform(library)
    for again in (FeatureSpace.from_dict(space.to_dict()), FeatureSpace.from_bytes(space.to_bytes())):
        assert np.array_equal(again.transform(library), places)
        assert (again.name, again.version, again.fitted_on) == (name, space.version, 600)


@pytest.mark.parametrize("name", SPACE_NAMES)
@pytest.mark.parametrize("n_tracks", [1, 2, 3, 20])
def test_a_handful_of_tracks_has_a_space_too(name, n_tracks):
    matrix = planted_library(n_tracks, seed=1).matrix
    places = fit_space(matrix, name).transform(matrix)
    assert places.shape[0] == n_tracks
    assert np.isfinite(places).all()


def test_numbers_of_two_feature_versions_never_mix(library):
    space = fit_space(library)
    with pytest.raises(ParameterError, match="fit it anew"):
        space.transform(replace(library, features_version="another"))


def test_a_stored_space_of_another_version_is_refused(library):
    stored = fit_space(library).to_dict() | {"version": 0}
    with pytest.raises(ParameterError, match="version 0"):
        FeatureSpace.from_dict(stored)


def test_what_cannot_be_fitted_is_refused_with_its_reason(library):
    with pytest.raises(LibraryEmpty):
        fit_space(part(library, slice(0, 0)))
    with pytest.raises(ParameterError, match="blnd"):
        fit_space(library, "blnd")
    with pytest.raises(ParameterError, match="TOP_N_MOODS is 0"):
        fit_space(library, "original", top_n_moods=0)


def test_principal_axes_are_orthonormal_strongest_first_and_of_fixed_sign():
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(500, 4)) * [1.0, 5.0, 0.1, 2.0] + 100
    axes = principal_axes(cloud, 3)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-9)
    assert np.abs(axes).argmax(axis=0).tolist() == [1, 3, 0]
    assert (axes[[1, 3, 0], [0, 1, 2]] > 0).all()
