import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audio.made_music import made_song

from audiomuse.audio.loudness import LoudnessMeter, k_weighting
from audiomuse.errors import SignalError


def tone(level_db, seconds, *, sr=48_000, hz=1000.0):
    t = np.arange(round(seconds * sr)) / sr
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def loudness(channels, *, sr=48_000, block=4096):
    samples = np.atleast_2d(channels)
    meter = LoudnessMeter(sr, len(samples))
    for start in range(0, samples.shape[1], block):
        meter.update(samples[:, start : start + block])
    return meter.integrated()


def stereo(*levels_and_seconds, sr=48_000):
    mono = np.concatenate([tone(level, seconds, sr=sr) for level, seconds in levels_and_seconds])
    return np.stack([mono, mono])


# The programmes of EBU Tech 3341: the answer is printed beside each of them, with 0.1 LU of tolerance.


@pytest.mark.parametrize(
    ("programme", "expected"),
    [
        ([(-23, 20)], -23.0),
        ([(-33, 20)], -33.0),
        ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
    ],
    ids=["case 1", "case 2", "case 3: relative gate", "case 4: both gates", "case 5: below the gate"],
)
def test_ebu_sine_programmes_measure_as_printed(programme, expected):
    assert loudness(stereo(*programme)) == pytest.approx(expected, abs=0.1)


def test_ebu_case_6_weights_the_surrounds_and_leaves_out_the_lfe():
    left, centre, surround = tone(-28, 20), tone(-24, 20), tone(-30, 20)
    lfe = tone(0, 20, hz=60)
    assert loudness([left, left, centre, lfe, surround, surround]) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("sr", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000])
def test_a_tone_is_as_loud_at_every_rate(sr):
    assert loudness(stereo((-23, 5), sr=sr), sr=sr) == pytest.approx(-23.0, abs=0.1)


def test_the_coefficients_at_48_khz_are_those_of_the_recommendation():
    published = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48_000), published, atol=1e-8)


@pytest.mark.parametrize("sr", [44_100, 192_000])
def test_deep_bass_counts_little(sr):
    assert loudness(tone(-20, 5, sr=sr, hz=25), sr=sr) < loudness(tone(-20, 5, sr=sr), sr=sr) - 8


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_the_length_of_the_blocks_does_not_matter(lengths):
    noise = np.random.default_rng(3).normal(0, 0.1, (2, 100_000)).astype(np.float32)
    meter = LoudnessMeter(44_100, 2)
    start = 0
    for length in [*lengths, 100_000]:
        meter.update(noise[:, start : start + length])
        start += length
    assert meter.integrated() == pytest.approx(loudness(noise, sr=44_100), abs=1e-3)


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 6.0])
def test_a_gain_moves_the_loudness_by_itself(gain_db):
    noise = np.random.default_rng(4).normal(0, 0.05, (1, 96_000)).astype(np.float32)
    louder = noise * np.float32(10 ** (gain_db / 20))
    assert loudness(louder) - loudness(noise) == pytest.approx(gain_db, abs=0.01)


def test_silence_has_no_loudness():
    assert loudness(np.zeros((2, 96_000), np.float32)) is None
    assert LoudnessMeter(48_000, 2).integrated() is None


def test_hiss_below_the_absolute_gate_has_no_loudness():
    assert loudness(tone(-80, 3)) is None


def test_a_hit_shorter_than_a_gating_block_is_one_block():
    assert loudness(tone(-20, 0.2)) == pytest.approx(-23.0, abs=0.2)


def test_silence_after_a_song_changes_nothing():
    song = stereo((-20, 20))
    padded = np.concatenate([song, np.zeros((2, 48_000 * 20), np.float32)], axis=1)
    assert loudness(padded) == pytest.approx(loudness(song), abs=0.1)


def test_other_channel_orders_bring_their_weights():
    meter = LoudnessMeter(48_000, 2, channel_weights=[1.0, 0.0])
    meter.update(np.stack([tone(-20, 3), tone(0, 3)]))
    assert meter.integrated() == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: LoudnessMeter(0, 2), "0 Hz"),
        (lambda: LoudnessMeter(48_000, 0), "0 channels"),
        (lambda: LoudnessMeter(48_000, 2, channel_weights=[1.0]), "1 channel weights for 2"),
        (lambda: LoudnessMeter(48_000, 2).update(np.zeros((1, 10))), r"\(1, 10\)"),
        (lambda: LoudnessMeter(48_000, 1).update(np.full((1, 10), np.nan)), "NaN"),
    ],
)
def test_what_cannot_be_measured_is_refused(make, reason):
    with pytest.raises(SignalError, match=reason):
        make()


# --- against FFmpeg's ebur128 filter, which shares nothing with ours -----------------------------------


def ffmpeg_loudness(samples, *, sr, layout):
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=sr, format="fltp", layout=layout, time_base=f"1/{sr}")
    meter, sink = graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate, frame.pts = sr, 0
    graph.push(frame)
    graph.push(None)
    measured = []
    while True:
        try:
            measured.append(float(graph.pull().metadata["lavfi.r128.I"]))
        except (av.EOFError, av.BlockingIOError):
            return measured[-1]


def uneven_song(seconds, *, sr):
    """Loud, quiet and silent parts, so that both gates matter."""
    song = made_song(seconds, rate=sr)
    n = song.shape[1]
    gain = np.ones(n, np.float32)
    gain[n // 4 : n // 2], gain[n // 2 : 5 * n // 8], gain[5 * n // 8 : 3 * n // 4] = 0.1, 0.0, 0.5
    return song * gain


@pytest.mark.parametrize("sr", [22_050, 44_100, 96_000])
@pytest.mark.parametrize(("layout", "n_channels"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
def test_a_song_is_as_loud_as_ffmpeg_says(sr, layout, n_channels):
    song = uneven_song(8.0, sr=sr)
    samples = (
        np.concatenate([song] * 3)[:n_channels] * np.linspace(1, 0.3, n_channels, dtype=np.float32)[:, None]
    )
    assert loudness(samples, sr=sr) == pytest.approx(ffmpeg_loudness(samples, sr=sr, layout=layout), abs=0.1)
