import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.audio.energy import estimate_energy
from audiomuse.audio.loudness import LoudnessMeter
from audiomuse.audio.mel import log_mel
from audiomuse.errors import SignalError

SR = 16_000


def energy_of(y):
    meter = LoudnessMeter(SR, 1)
    meter.update(y[None])
    return estimate_energy(meter.integrated(), log_mel(y))


def pulses(*, per_second, cutoff_s, seconds=10):
    """Noise bursts; a longer `cutoff_s` smooths them and takes the treble away."""
    rng = np.random.default_rng(8)
    n = round(cutoff_s * SR) + 1
    noise = np.convolve(rng.normal(size=seconds * SR), np.ones(n) / n, mode="same")
    t = np.arange(seconds * SR) / SR
    y = noise * np.exp(-(t % (1 / per_second)) * 20)
    return (0.1 * y / np.sqrt(np.mean(y**2))).astype(np.float32)


@given(st.floats(-60, 20), st.floats(0, 20))
@settings(max_examples=30, deadline=None)
def test_louder_is_never_less_intense(gain_db, more_db):
    y = pulses(per_second=2, cutoff_s=0.001)
    quiet, loud = (y * np.float32(10 ** (db / 20)) for db in (gain_db, gain_db + more_db))
    energies = [energy_of(quiet), energy_of(loud)]
    assert energies[0] is None or energies[0] <= energies[1] + 1e-6


def test_busy_is_more_intense_than_calm():
    assert energy_of(pulses(per_second=8, cutoff_s=0.001)) > energy_of(pulses(per_second=1, cutoff_s=0.001))


def test_bright_is_more_intense_than_dark():
    mel = log_mel(pulses(per_second=4, cutoff_s=0.0))
    dark = log_mel(pulses(per_second=4, cutoff_s=0.004))
    assert estimate_energy(-15.0, mel) > estimate_energy(-15.0, dark)


@given(st.floats(-70, 5))
@settings(max_examples=30, deadline=None)
def test_energy_stays_between_still_and_intense(loudness):
    mel = np.abs(np.random.default_rng(9).normal(2, 2, (50, 96))).astype(np.float32)
    assert 0 <= estimate_energy(loudness, mel) <= 1


def test_silence_has_no_energy():
    assert energy_of(np.zeros(5 * SR, np.float32)) is None


def test_a_single_frame_has_no_energy():
    assert estimate_energy(-20.0, np.ones((1, 96), np.float32)) is None


def test_windows_count_together():
    y = pulses(per_second=4, cutoff_s=0.001)
    whole, halves = log_mel(y), [log_mel(y[: len(y) // 2]), log_mel(y[len(y) // 2 :])]
    assert estimate_energy(-20.0, halves) == pytest.approx(estimate_energy(-20.0, whole), abs=0.02)


def test_frames_of_another_network_are_refused():
    with pytest.raises(SignalError, match="96 bands"):
        estimate_energy(-20.0, np.zeros((10, 40)))
