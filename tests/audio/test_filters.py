import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfilt

from audiomuse.audio.filters import RecursiveFilter, moving_mean

LOW_PASS = butter(4, 0.1, output="sos")
HIGH_PASS = butter(2, 0.002, "high", output="sos")


@pytest.mark.parametrize("sos", [LOW_PASS, HIGH_PASS], ids=["low-pass", "high-pass"])
@pytest.mark.parametrize(("dtype", "accuracy"), [(np.float32, 1e-5), (np.float64, 1e-10)])
def test_it_filters_like_scipy(sos, dtype, accuracy):
    x = np.random.default_rng(0).normal(0, 0.3, (2, 20_001))
    np.testing.assert_allclose(RecursiveFilter(sos, 2, dtype)(x), sosfilt(sos, x), atol=accuracy)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_it_does_not_matter_how_the_samples_come(lengths):
    lengths.append(1)  # SciPy does not filter nothing
    x = np.random.default_rng(1).normal(0, 0.3, (3, sum(lengths)))
    pieces = np.split(x, np.cumsum(lengths)[:-1], axis=1)
    filter_ = RecursiveFilter(HIGH_PASS, 3, np.float64)
    in_pieces = np.concatenate([filter_(piece) for piece in pieces], axis=1)
    np.testing.assert_allclose(in_pieces, sosfilt(HIGH_PASS, x), atol=1e-9)


def test_channels_do_not_hear_each_other():
    x = np.zeros((2, 1000))
    x[1, 10] = 1.0
    y = RecursiveFilter(LOW_PASS, 2)(x)
    assert not y[0].any()
    assert y[1].any()


def test_it_knows_that_nan_went_in():
    filter_ = RecursiveFilter(LOW_PASS, 1)
    filter_(np.zeros((1, 100)))
    assert filter_.is_finite
    filter_(np.full((1, 1), np.nan))
    assert not filter_.is_finite


@given(st.integers(1, 300), st.sampled_from([3, 31, 101]))
@settings(max_examples=30, deadline=None)
def test_the_moving_mean_is_that_of_scipy(n, width):
    x = np.random.default_rng(n).random((2, n))
    np.testing.assert_allclose(moving_mean(x, width), uniform_filter1d(x, width, axis=1), atol=1e-12)


def test_the_mean_of_a_constant_is_the_constant():
    np.testing.assert_allclose(moving_mean(np.full(10, 3.0), 101), 3.0)
