import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiomuse.audio.melscale import hz_to_mel, mel_filterbank, mel_to_hz


@pytest.mark.parametrize(("hz", "mel"), [(0, 0), (200, 3), (1000, 15), (6400, 42)])
def test_the_scale_is_linear_to_1_khz_and_then_27_steps_for_a_factor_of_6_4(hz, mel):
    assert hz_to_mel(np.array([float(hz)]))[0] == pytest.approx(mel)


@given(st.floats(0, 90))
def test_there_and_back(mel):
    assert hz_to_mel(mel_to_hz(np.array([mel])))[0] == pytest.approx(mel, abs=1e-9)


@pytest.mark.parametrize(("n_fft", "n_bands", "low", "high"), [(4096, 40, 20, 5000), (4096, 96, 0, 8000)])
def test_every_band_has_area_one_over_hertz(n_fft, n_bands, low, high):
    filters = mel_filterbank(16_000, n_fft, n_bands, low, high)
    assert filters.shape == (n_bands, n_fft // 2 + 1)
    np.testing.assert_allclose(filters.sum(axis=1) * 16_000 / n_fft, 1, atol=0.03)


def test_bands_stay_between_their_edges():
    filters = mel_filterbank(16_000, 1500, 40, 20, 5000)
    hz = np.arange(751) * 16_000 / 1500
    assert not filters[:, (hz < 20) | (hz > 5000)].any()


def test_centres_rise():
    filters = mel_filterbank(16_000, 4096, 40, 20, 5000)
    assert (np.diff(filters.argmax(axis=1)) > 0).all()
