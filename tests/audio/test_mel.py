import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.audio.mel import HOP, N_BANDS, log_mel
from audiomuse.audio.segments import cut
from audiomuse.errors import SignalError


def test_silence_is_zero_everywhere():
    assert not log_mel(np.zeros(16_000, np.float32)).any()


@given(st.integers(0, 5000))
@settings(max_examples=40, deadline=None)
def test_there_is_a_frame_for_every_hop_begun(n_samples):
    frames = log_mel(np.ones(n_samples, np.float32))
    assert frames.shape == (-(-n_samples // HOP), N_BANDS)


def test_the_first_frame_is_centred_on_the_first_sample():
    click = np.zeros(2048, np.float32)
    click[0] = 1.0
    loudness = log_mel(click).sum(axis=1)
    assert loudness[0] > loudness[1]
    assert not loudness[2:].any()


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_lights_the_band_of_its_pitch(hertz):
    t = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * hertz * t).astype(np.float32)
    knee, step = 15.0, np.log(6.4) / 27
    mel = hertz / (200 / 3) if hertz < 1000 else knee + np.log(hertz / 1000) / step
    top = knee + np.log(8) / step
    assert log_mel(tone)[30].argmax() == pytest.approx(mel / top * (N_BANDS + 1) - 1, abs=1.0)


def test_a_long_signal_is_the_sum_of_its_chunks():
    rng = np.random.default_rng(0)
    y = rng.normal(0, 0.1, 16_000 * 20).astype(np.float32)
    whole = log_mel(y)
    middle = log_mel(y[600 * HOP : 800 * HOP])
    np.testing.assert_allclose(whole[602:798], middle[2:198], atol=1e-6)


def test_a_frame_is_what_the_definition_says():
    rng = np.random.default_rng(1)
    y = rng.normal(0, 0.1, 4096).astype(np.float32)
    frame = y[10 * HOP - 256 : 10 * HOP + 256].astype(np.float64)
    power = np.abs(np.fft.rfft(frame * np.hanning(512))) ** 2
    hz = np.arange(257) * 16_000 / 512
    knee, step = 15.0, np.log(6.4) / 27
    mel = np.linspace(0, knee + np.log(8) / step, N_BANDS + 2)
    edges = np.where(mel < knee, mel * 200 / 3, 1000 * np.exp((mel - knee) * step))
    bands = [
        np.interp(hz, edges[b : b + 3], [0, 1, 0], left=0, right=0) * 2 / (edges[b + 2] - edges[b])
        for b in range(N_BANDS)
    ]
    expected = np.log10(1 + 10_000 * (np.array(bands) @ power))
    np.testing.assert_allclose(log_mel(y)[10], expected, atol=1e-5)


@pytest.mark.parametrize("bad", [np.zeros((2, 100), np.float32), np.array([0.0, np.nan], np.float32)])
def test_stereo_and_nan_are_refused(bad):
    with pytest.raises(SignalError):
        log_mel(bad)


def test_a_cut_beyond_the_ends_is_silent_there():
    y = np.arange(1, 6, dtype=np.float32)
    np.testing.assert_array_equal(cut(y, -2, 3), [0, 0, 1, 2, 3])
    np.testing.assert_array_equal(cut(y, 3, 8), [4, 5, 0, 0, 0])
    np.testing.assert_array_equal(cut(y, 7, 9), [0, 0])
