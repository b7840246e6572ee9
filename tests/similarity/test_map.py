"""On the map, songs that sound alike lie near each other."""

import numpy as np
import pytest

from audiomuse.features import fit_space
from audiomuse.features.planted import planted_library
from audiomuse.similarity import map_coordinates


def test_the_map_fills_a_square_and_repeats():
    matrix = planted_library(800, seed=1).matrix
    Z = fit_space(matrix).transform(matrix)
    places = map_coordinates(Z)
    assert places.shape == (800, 2)
    assert np.abs(places).max() <= 1.0
    assert places.std(axis=0).min() > 0.3
    assert np.array_equal(places, map_coordinates(Z))


def test_songs_of_one_style_are_neighbours_on_the_map():
    library = planted_library(1000, seed=1, n_styles=6, n_families=6, noise_share=0, blend_share=0)
    Z = fit_space(library.matrix).transform(library.matrix)
    places = map_coordinates(Z, labels=library.style)
    within = np.mean([places[library.style == s].std(axis=0).mean() for s in range(6)])
    assert within < 0.75 * places.std(axis=0).mean()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_libraries_have_a_map(n):
    Z = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
    places = map_coordinates(Z, labels=np.full(n, -1, dtype=np.int32))
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
