import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.audio.key import estimate_key, key_of_profile, pitch_class_profile
from audiomuse.errors import SignalError
from audiomuse.model import PITCH_CLASSES

SR = 16_000
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def tone(midi, seconds, *, harmonics=6):
    t = np.arange(round(seconds * SR)) / SR
    hertz = 440 * 2 ** ((midi - 69) / 12)
    wave = sum(0.7**h * np.sin(2 * np.pi * hertz * (h + 1) * t) for h in range(harmonics))
    return 0.1 * wave * np.exp(-1.5 * t)


def chord(root, triad, *, cents=0.0):
    pitches = [root - 12, *(root + step for step in triad)]
    return sum(tone(pitch + cents / 100, 1.0) for pitch in pitches)


def cadence(tonic, scale, *, cents=0.0):
    """I-IV-V-I and again; the dominant of minor is major."""
    root, home = 48 + tonic, MAJOR if scale == "major" else MINOR
    chords = [(root, home), (root + 5, home), (root + 7, MAJOR), (root, home)] * 2
    return np.concatenate([chord(r, triad, cents=cents) for r, triad in chords]).astype(np.float32)


def named(key):
    return None if key is None else (key.tonic, key.scale)


@pytest.mark.parametrize("scale", ["major", "minor"])
@pytest.mark.parametrize("tonic", range(12))
def test_a_cadence_is_in_its_key(tonic, scale):
    assert named(estimate_key(cadence(tonic, scale))) == (PITCH_CLASSES[tonic], scale)


@pytest.mark.parametrize("cents", [-40, -20, 20, 40])
def test_an_orchestra_may_tune_as_it_likes(cents):
    assert named(estimate_key(cadence(2, "minor", cents=cents))) == ("D", "minor")


@pytest.mark.parametrize("gain", [1e-3, 10.0])
def test_the_volume_does_not_matter(gain):
    assert named(estimate_key(cadence(7, "major") * np.float32(gain))) == ("G", "major")


def test_drums_do_not_hide_the_key():
    y = cadence(9, "minor")
    rng = np.random.default_rng(1)
    for start in range(0, len(y) - 2000, SR // 2):
        y[start : start + 2000] += 0.5 * rng.normal(size=2000) * np.exp(-np.arange(2000) / 500)
    assert named(estimate_key(y)) == ("A", "minor")


def test_windows_of_a_long_piece_count_together():
    y = cadence(4, "major")
    assert named(estimate_key([y[: len(y) // 2], y[len(y) // 2 :]])) == ("E", "major")


def test_the_strength_is_a_correlation():
    assert 0.5 < estimate_key(cadence(0, "major")).strength <= 1


def test_a_clear_cadence_is_stronger_than_all_twelve_tones():
    chromatic = np.concatenate([tone(60 + step, 0.5) for step in range(12)] * 2).astype(np.float32)
    found = estimate_key(chromatic)
    assert found is None or found.strength < estimate_key(cadence(0, "major")).strength


def hits():
    rng = np.random.default_rng(2)
    y = np.zeros(10 * SR)
    for start in range(0, len(y) - 3000, SR // 4):
        y[start : start + 3000] += rng.normal(size=3000) * np.exp(-np.arange(3000) / 400)
    return y


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(10 * SR),
        np.random.default_rng(3).normal(0, 0.1, 10 * SR),
        np.cumsum(np.random.default_rng(4).normal(0, 1e-3, 10 * SR)),
        hits(),
        0.3 * np.sin(2 * np.pi * 440 * np.arange(10 * SR) / SR),
        np.zeros(0),
        cadence(0, "major")[:1000],
    ],
    ids=["silence", "white noise", "brown noise", "snare drum", "one tone", "nothing", "a blink"],
)
def test_what_has_no_key_gets_none(y):
    assert estimate_key(y.astype(np.float32)) is None


def test_the_profile_of_a_triad_holds_its_three_tones_above_all():
    y = np.concatenate([chord(48, MAJOR)] * 4).astype(np.float32)
    loudest = np.argsort(pitch_class_profile(y))[::-1][:3]
    assert set(loudest.tolist()) == {0, 4, 7}


def test_a_bare_fifth_is_neither_major_nor_minor():
    profile = np.zeros(12, np.float32)
    profile[[0, 7]] = 1.0
    assert key_of_profile(profile) is None


@given(st.integers(0, 3 * SR), st.integers(0, 2**32 - 1), st.floats(-6, 3))
@settings(max_examples=25, deadline=None)
def test_any_sound_of_any_length_has_a_sane_key_or_none(n_samples, seed, log_gain):
    rng = np.random.default_rng(seed)
    tones = sum(np.sin(rng.uniform(0, 1) * np.arange(n_samples)) for _ in range(rng.integers(1, 9)))
    found = estimate_key((tones * 10**log_gain).astype(np.float32))
    assert found is None or (found.tonic in PITCH_CLASSES and 0.5 <= found.strength <= 1)


def test_the_same_signal_gives_the_same_bits():
    y = cadence(5, "minor")
    assert estimate_key(y) == estimate_key(y)


@pytest.mark.parametrize("y", [np.zeros((2, 100)), np.array([0.0, np.inf])])
def test_what_is_not_a_mono_signal_is_refused(y):
    with pytest.raises(SignalError):
        estimate_key(y)
