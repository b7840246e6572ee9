import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.audio.mel import log_mel
from audiomuse.audio.tempo import estimate_tempo
from audiomuse.audio.tempo_input import tempo_patches
from audiomuse.audio.tempogram import TEMPI, onset_strength, periodicity, windows
from audiomuse.errors import SignalError
from audiomuse.inference.tempocnn import TempoCNN

SR = 16_000


@pytest.fixture(scope="module")
def network():
    return TempoCNN()


def heard(y, network=None):
    return estimate_tempo(y, log_mel(y), network=network)


def place(y, sound, at_s):
    start = round(at_s * SR)
    room = y[start : start + len(sound)]
    room += sound[: len(room)]


def click_track(bpm, seconds=30.0, *, swing=0.0):
    y = np.zeros(round(seconds * SR), np.float32)
    t = np.arange(SR // 50) / SR
    click = (np.sin(2 * np.pi * 1000 * t) * np.exp(-t / 0.004)).astype(np.float32)
    for beat, at_s in enumerate(np.arange(0, seconds - 0.03, 60 / bpm)):
        place(y, click, at_s + (beat % 2) * swing * 60 / bpm)
    return y


def drums(pattern, bpm, *, steps_per_beat=4, seconds=24.0):
    """Kick, snare and hi-hat from the rows of a pattern, one letter a step."""
    rng = np.random.default_rng(11)
    t = np.arange(SR // 4) / SR
    sounds = {
        "kick": np.sin(2 * np.pi * (50 * t + 3.3 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.08),
        "snare": 0.5 * rng.normal(size=t.size) * np.exp(-t / 0.06),
        "hat": 0.2 * np.diff(rng.normal(size=t.size + 1)) * np.exp(-t / 0.015),
    }
    y = np.zeros(round(seconds * SR), np.float32)
    step_s = 60 / bpm / steps_per_beat
    for name, row in pattern.items():
        for step in range(int(seconds / step_s) - 1):
            if row[step % len(row)] == "x":
                place(y, sounds[name].astype(np.float32), step * step_s)
    return 0.5 * y


ROCK = {"kick": "x.......x.x.....", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."}
DISCO = {"kick": "x...x...x...x...", "snare": "....x.......x...", "hat": "..x...x...x...x."}
DRUM_AND_BASS = {"kick": "x.........x.....", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."}
WALTZ = {"kick": "x.....", "snare": "..x.x.", "hat": "x.x.x."}


@pytest.mark.parametrize("bpm", [*range(50, 211, 10), 72.5, 99.9, 127.3, 173.7])
def test_a_click_track_has_its_own_tempo(bpm, network):
    assert heard(click_track(bpm), network).bpm == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize("bpm", [50, 75, 100, 150, 210])
def test_a_click_track_needs_no_network(bpm):
    assert heard(click_track(bpm)).bpm == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize(
    ("pattern", "steps_per_beat", "bpm"),
    [
        (ROCK, 4, 92),
        (ROCK, 4, 118),
        (DISCO, 4, 112),
        (DISCO, 4, 128),
        (DRUM_AND_BASS, 4, 174),
        (WALTZ, 2, 132),
    ],
)
def test_a_band_is_heard_at_the_octave_that_people_tap(pattern, steps_per_beat, bpm, network):
    found = heard(drums(pattern, bpm, steps_per_beat=steps_per_beat), network)
    assert found.bpm == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize("bpm", [84, 120])
def test_the_runner_up_is_an_octave_of_the_tempo(bpm, network):
    found = heard(drums(ROCK, bpm), network)
    ratio = found.alternative_bpm / found.bpm
    assert min(abs(ratio - r) for r in (1 / 3, 1 / 2, 2, 3)) < 1e-6


def test_a_steady_beat_is_more_certain_than_a_stumbling_one(network):
    rng = np.random.default_rng(5)
    stumbling = np.zeros(30 * SR, np.float32)
    for at_s in np.arange(0.2, 29, 0.5):
        place(stumbling, click_track(100, 0.2), at_s + rng.uniform(-0.06, 0.06))
    found = heard(stumbling, network)
    assert found is None or found.confidence < 0.7 * heard(click_track(120), network).confidence


def test_the_confidence_is_a_share(network):
    assert 0 < heard(click_track(120), network).confidence <= 1


def steady_tone():
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(20 * SR) / SR)


def slow_swell():
    return steady_tone() * (1 + 0.5 * np.sin(2 * np.pi * 0.05 * np.arange(20 * SR) / SR))


def hiss():
    return np.random.default_rng(6).normal(0, 0.1, 20 * SR)


def rumble():
    return np.cumsum(np.random.default_rng(7).normal(0, 1e-3, 20 * SR))


@pytest.mark.parametrize("signal", [steady_tone, slow_swell, hiss, rumble])
def test_what_does_not_pulse_has_no_tempo(signal, network):
    assert heard(signal().astype(np.float32), network) is None


def test_silence_has_no_tempo(network):
    assert heard(np.zeros(20 * SR, np.float32), network) is None


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.5])
def test_two_beats_are_not_yet_a_tempo(seconds, network):
    assert heard(click_track(120, 4.0)[: round(seconds * SR)], network) is None


@pytest.mark.parametrize("gain", [0.02, 1.0])
def test_the_volume_does_not_matter(gain, network):
    y = drums(DISCO, 122) * np.float32(gain)
    assert heard(y, network).bpm == pytest.approx(122, rel=0.01)


def test_windows_of_a_long_piece_count_together(network):
    y = drums(DISCO, 126, seconds=90)
    cut = [y[: 30 * SR], y[45 * SR + 1234 : 75 * SR]]
    found = estimate_tempo(cut, [log_mel(piece) for piece in cut], network=network)
    assert found.bpm == pytest.approx(126, rel=0.01)


def test_a_drummer_who_speeds_up_a_little_keeps_the_mean_tempo(network):
    beats_s = np.cumsum(0.6 * 0.9995 ** np.arange(100))
    y = np.zeros(60 * SR, np.float32)
    for at_s in beats_s:
        place(y, click_track(100, 0.2), at_s)
    assert heard(y, network).bpm == pytest.approx(60 / np.diff(beats_s).mean(), rel=0.02)


@given(st.integers(60, 180))
@settings(max_examples=8, deadline=None)
def test_the_octave_may_be_another_but_the_pulse_is_right(bpm):
    found = heard(drums(ROCK, bpm, seconds=16)).bpm / bpm
    assert min(abs(found / ratio - 1) for ratio in (0.5, 1, 2)) < 0.01


@given(st.integers(0, 3 * SR), st.integers(0, 2**32 - 1), st.floats(-6, 3))
@settings(max_examples=25, deadline=None)
def test_any_sound_of_any_length_has_a_sane_tempo_or_none(n_samples, seed, log_gain):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=n_samples) * (rng.random(n_samples) < rng.uniform(1e-4, 1))
    found = heard((noise * 10**log_gain).astype(np.float32))
    assert found is None or (20 < found.bpm < 300 and 0 <= found.confidence <= 1)


def test_the_same_signal_gives_the_same_bits(network):
    y = drums(ROCK, 97)
    assert heard(y, network) == heard(y, network)


def test_the_tempogram_peaks_at_the_tempo_itself():
    pulses = windows([onset_strength(log_mel(click_track(100)))])
    repetition, oscillation = periodicity(pulses)
    product = (repetition * oscillation).mean(axis=0)
    assert TEMPI[int(np.argmax(product))] == pytest.approx(100, rel=0.02)


def test_patches_are_standardised_and_half_overlapping():
    patches = tempo_patches([drums(ROCK, 100, seconds=30)])
    assert patches.shape == (4, 40, 256)
    assert abs(float(patches.mean())) < 1e-3
    assert float(patches.std()) == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(patches[0][:, 128:], patches[1][:, :128])


def test_a_short_piece_is_one_padded_patch():
    assert tempo_patches([click_track(120, 3.0)]).shape == (1, 40, 256)


@pytest.mark.parametrize(
    ("y", "mel", "reason"),
    [
        (np.zeros((2, 100)), np.zeros((100, 96)), "audio must have 1"),
        (np.zeros(100), np.zeros(100), "mel frames must have 2"),
        (np.zeros(100), np.zeros((100, 40)), "96 bands"),
        (np.array([np.nan] * 100), np.zeros((100, 96)), "NaN"),
    ],
)
def test_what_is_not_asked_for_is_refused(y, mel, reason):
    with pytest.raises(SignalError, match=reason):
        estimate_tempo(y, mel)
