import bad_files
import numpy as np
import pytest
from made_music import made_song, silence, write_audio, write_wav

from audiomuse.audio.options import AnalysisOptions
from audiomuse.audio.recording import SAMPLE_RATE, read_recording
from audiomuse.errors import AudioError

SHORT = AnalysisOptions(max_whole_song_s=60.0)


def ramp_of_tones(seconds, rate=16_000):
    """One second at 100 Hz, the next at 101 Hz ...: every place can be told from its pitch."""
    hertz = np.repeat(100.0 + np.arange(seconds), rate)
    return (0.5 * np.sin(2 * np.pi * np.cumsum(hertz) / rate)).astype(np.float32)[None]


def second_of(window):
    """From which second of `ramp_of_tones` a window begins."""
    spectrum = np.abs(np.fft.rfft(window[:SAMPLE_RATE] * np.hanning(SAMPLE_RATE)))
    return int(spectrum.argmax()) - 100


def test_a_song_is_heard_whole_at_16_khz(tmp_path):
    recording = read_recording(write_wav(tmp_path / "song.wav", made_song(5.0)), AnalysisOptions())
    assert [len(segment) for segment in recording.segments] == [5 * SAMPLE_RATE]
    assert recording.duration_s == pytest.approx(5.0)


def test_a_tone_keeps_its_pitch_and_level(tmp_path):
    t = np.arange(3 * 44_100) / 44_100
    tone = (0.25 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)[None]
    (heard,) = read_recording(write_wav(tmp_path / "tone.wav", tone), AnalysisOptions()).segments
    expected = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE)
    np.testing.assert_allclose(heard[800:-800], expected[800:-800], atol=1e-3)


def test_stereo_becomes_the_mean_of_its_channels(tmp_path):
    song = made_song(2.0, rate=16_000)
    path = bad_files.float_wav(tmp_path / "song.wav", song)
    content = path.read_bytes().replace((44_100).to_bytes(4, "little"), (16_000).to_bytes(4, "little"))
    path.write_bytes(content)
    (heard,) = read_recording(path, AnalysisOptions()).segments
    np.testing.assert_allclose(heard, song.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("codec", ["pcm_s16le", "libmp3lame"])
def test_antiphase_stereo_does_not_vanish(tmp_path, codec):
    song = made_song(4.0)[0]
    suffix = "wav" if codec == "pcm_s16le" else "mp3"
    path = write_audio(tmp_path / f"anti.{suffix}", np.stack([song, -song]), codec=codec)
    (heard,) = read_recording(path, AnalysisOptions()).segments
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(song**2)), rel=0.1)


def test_a_voice_on_one_side_is_not_taken_for_antiphase(tmp_path):
    song = made_song(2.0)[0]
    path = write_wav(tmp_path / "left.wav", np.stack([song, np.zeros_like(song)]))
    (heard,) = read_recording(path, AnalysisOptions()).segments
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(song**2)) / 2, rel=0.05)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("pcm_s16le", "wav"), ("flac", "flac"), ("libmp3lame", "mp3"), ("mp2", "ts")]
)
def test_a_long_piece_is_heard_in_windows_spread_over_all_of_it(tmp_path, codec, suffix):
    path = write_audio(
        tmp_path / f"long.{suffix}", ramp_of_tones(300), codec=codec, rate=16_000,
        bit_rate=None if codec in ("pcm_s16le", "flac") else 96_000,
    )  # fmt: skip
    recording = read_recording(path, AnalysisOptions(max_whole_song_s=120.0))
    assert [len(segment) for segment in recording.segments] == [30 * SAMPLE_RATE] * 4
    assert recording.duration_s == pytest.approx(300, abs=1)
    starts = [second_of(window) for window in recording.segments]
    assert starts == pytest.approx([0, 90, 180, 270], abs=2)


@pytest.mark.parametrize("claimed_s", [0, 20, 7200])
def test_a_header_that_lies_about_a_long_piece_is_found_out(tmp_path, claimed_s):
    path = bad_files.flac_of_silence(tmp_path / "lie.flac", hours=0.1, claimed_samples=claimed_s * 44_100)
    recording = read_recording(path, SHORT)
    assert recording.duration_s == pytest.approx(360, rel=0.01)
    assert sum(map(len, recording.segments)) == pytest.approx(60 * SAMPLE_RATE, rel=0.05)


def test_a_short_song_that_claims_hours_is_heard_whole(tmp_path):
    song = made_song(6.0)
    path = bad_files.wav_with_header(tmp_path / "lie.wav", song, rate=44_100, data_bytes=0x7FFFFFF0)
    recording = read_recording(path, SHORT)
    assert recording.duration_s == pytest.approx(6.0)
    assert len(recording.segments) == 1


def test_half_a_day_of_silence_costs_little_memory(tmp_path):
    path = bad_files.flac_of_silence(tmp_path / "bomb.flac", hours=12)
    assert path.stat().st_size < 1_000_000
    recording = read_recording(path, AnalysisOptions(max_whole_song_s=300.0))
    assert sum(segment.nbytes for segment in recording.segments) <= 300 * SAMPLE_RATE * 4
    assert recording.duration_s == pytest.approx(12 * 3600, rel=0.001)
    assert recording.loudness_lufs is None


@pytest.mark.parametrize("keep", [0.5, 0.9])
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libmp3lame", "mp3"), ("flac", "flac"), ("libopus", "opus"), ("wmav2", "wma"), ("pcm_s16le", "wav")],
)
def test_of_a_truncated_file_the_rest_is_heard(tmp_path, codec, suffix, keep):
    coded_rate = 48_000 if codec == "libopus" else None
    path = bad_files.truncated(
        tmp_path / f"cut.{suffix}", codec=codec, keep=keep, coded_rate=coded_rate, bit_rate=128_000
    )
    assert read_recording(path, AnalysisOptions()).duration_s == pytest.approx(8.0 * keep, rel=0.15)


def test_a_download_without_its_index_is_not_audio(tmp_path):
    path = bad_files.truncated(tmp_path / "cut.m4a", codec="aac", keep=0.9)
    with pytest.raises(AudioError, match=r"cut.m4a") as caught:
        read_recording(path, AnalysisOptions())
    assert caught.value.kind == "not-audio"


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libmp3lame", "mp3"), ("flac", "flac"), ("aac", "m4a"), ("wavpack", "wv")]
)
def test_scratches_cost_only_the_seconds_that_they_hit(tmp_path, codec, suffix):
    path = bad_files.scratched(tmp_path / f"scratched.{suffix}", codec=codec, bit_rate=128_000)
    try:
        recording = read_recording(path, AnalysisOptions())
    except AudioError as e:
        assert e.kind in {"corrupt", "not-audio", "too-short", "no-audio-stream"}  # noqa: PT017 - either is fine
    else:
        assert recording.duration_s <= 8.5
        assert all(np.isfinite(segment).all() for segment in recording.segments)


@pytest.mark.parametrize("n_samples", [100, 4_000, 20_000])
def test_a_click_is_too_short(tmp_path, n_samples):
    path = write_wav(tmp_path / "click.wav", made_song(1.0)[:, :n_samples])
    with pytest.raises(AudioError, match="too short") as caught:
        read_recording(path, AnalysisOptions())
    assert caught.value.kind == "too-short"


@pytest.mark.parametrize("n_samples", [0, 1])
def test_a_header_without_music_is_corrupt(tmp_path, n_samples):
    path = bad_files.wav_with_header(tmp_path / "one.wav", made_song(1.0)[:, :n_samples], rate=44_100)
    with pytest.raises(AudioError) as caught:
        read_recording(path, AnalysisOptions())
    assert caught.value.kind in {"corrupt", "too-short"}


def test_silence_has_a_length_and_no_loudness(tmp_path):
    recording = read_recording(write_wav(tmp_path / "s.wav", silence(3.0)), AnalysisOptions())
    assert (recording.duration_s, recording.loudness_lufs) == (pytest.approx(3.0), None)


def test_a_file_that_takes_too_long_is_given_up(tmp_path):
    path = bad_files.flac_of_silence(tmp_path / "bomb.flac", hours=1, claimed_samples=0)
    with pytest.raises(AudioError, match="given up") as caught:
        read_recording(path, AnalysisOptions(timeout_s=1e-6))
    assert caught.value.kind == "timeout"


def test_a_stream_that_changes_its_rate_is_heard_to_its_end(tmp_path):
    parts = [
        write_audio(tmp_path / f"{rate}.ogg", made_song(3.0, rate=rate), codec="flac", rate=rate)
        for rate in (44_100, 22_050)
    ]
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert read_recording(chained, AnalysisOptions()).duration_s >= 3.0


SOUND = {
    "mp3": {"codec": "libmp3lame"},
    "flac": {"codec": "flac"},
    "m4a": {"codec": "aac"},
    "ogg": {"codec": "flac"},
    "opus": {"codec": "libopus", "coded_rate": 48_000},
    "wma": {"codec": "wmav2", "bit_rate": 128_000},
    "wv": {"codec": "wavpack"},
    "aiff": {"codec": "pcm_s16be"},
    "ts": {"codec": "mp2"},
    "mka": {"codec": "flac"},
    "flv": {"codec": "libmp3lame"},
    "ac3": {"codec": "ac3"},
}


@pytest.mark.parametrize("suffix", SOUND)
def test_no_damage_has_any_other_effect_than_a_named_error(tmp_path, suffix):
    path = write_audio(tmp_path / f"song.{suffix}", made_song(2.0), **SOUND[suffix])
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for seed in range(12):
        path.write_bytes(damaged(whole, np.random.default_rng(seed)).tobytes())
        try:
            recording = read_recording(path, AnalysisOptions(timeout_s=30))
        except AudioError as e:
            assert path.name in str(e)  # noqa: PT017 - both outcomes are fine
        else:
            assert all(np.isfinite(segment).all() for segment in recording.segments)


def damaged(content, rng):
    """Change some bytes, at the beginning or anywhere, cut off the end, or cut out a piece."""
    content = content.copy()
    first, last = sorted(rng.integers(1, content.size, 2))
    match rng.integers(4):
        case 0:
            content[rng.integers(0, 400, 8)] = rng.integers(0, 256, 8)
        case 1:
            n = content.size // 300
            content[rng.integers(0, content.size, n)] = rng.integers(0, 256, n)
        case 2:
            content = content[:last]
        case _:
            content = np.concatenate([content[:first], content[last:]])
    return content
