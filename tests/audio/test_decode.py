import os
import socket

import bad_files
import numpy as np
import pytest
from made_music import made_song, write_audio, write_wav

from audiomuse.audio.decode import BLOCK_SAMPLES, open_audio
from audiomuse.audio.options import AnalysisOptions
from audiomuse.audio.recording import read_recording
from audiomuse.errors import AudioError


def read_all(path):
    with open_audio(path) as file:
        blocks = list(file.blocks())
    return np.concatenate([block.samples for block in blocks], axis=1), blocks[0].rate


def kind_of_failure(path):
    with pytest.raises(AudioError) as caught, open_audio(path):
        pass
    return caught.value.kind


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_samples_of_every_width_come_back_with_full_scale_one(tmp_path, codec):
    song = made_song(1.0)
    samples, rate = read_all(write_wav(tmp_path / "song.wav", song, codec=codec))
    assert rate == 44_100
    np.testing.assert_allclose(samples, song, atol=0.01 if codec == "pcm_u8" else 1e-4)


def test_blocks_are_small_and_follow_each_other(tmp_path):
    song = made_song(3.0)
    with open_audio(write_wav(tmp_path / "song.wav", song, codec="pcm_f32le")) as file:
        blocks = [block.samples for block in file.blocks()]
    assert len(blocks) == 5
    assert max(block.shape[1] for block in blocks) == BLOCK_SAMPLES
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), song)


def test_a_file_can_be_read_twice(tmp_path):
    with open_audio(write_audio(tmp_path / "song.mp3", made_song(3.0), codec="libmp3lame")) as file:
        first, second = (np.concatenate([b.samples for b in file.blocks()], axis=1) for _ in range(2))
    assert first.shape == second.shape
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("codec", "suffix"), [("flac", "flac"), ("libmp3lame", "mp3"), ("pcm_s16le", "wav")])
def test_reading_can_begin_in_the_middle(tmp_path, codec, suffix):
    rate, seconds = 44_100, 20
    ramp = np.repeat(np.linspace(0, 0.9, seconds, dtype=np.float32), rate)[None]
    tone = ramp * np.sin(2 * np.pi * 1000 * np.arange(ramp.size) / rate, dtype=np.float32)
    path = write_audio(tmp_path / f"song.{suffix}", tone, codec=codec, bit_rate=192_000)
    with open_audio(path) as file:
        start = next(iter(file.blocks(12.2))).samples[0, : rate // 4]
    assert start.max() == pytest.approx(0.9 * 12 / 19, abs=0.05)


def test_the_length_can_be_measured_without_decoding(tmp_path):
    path = bad_files.flac_of_silence(tmp_path / "long.flac", hours=0.5, claimed_samples=0)
    with open_audio(path) as file:
        assert file.claimed_duration_s is None
        assert file.packet_duration_s() == pytest.approx(1800, abs=2)


@pytest.mark.parametrize("n_channels", range(1, 9))
def test_one_to_eight_channels(tmp_path, n_channels):
    samples = np.linspace(0.1, 0.8, n_channels, dtype=np.float32)[:, None] * np.ones((1, 5000), np.float32)
    found, _ = read_all(bad_files.wav_with_header(tmp_path / "c.wav", samples, rate=44_100))
    np.testing.assert_allclose(found, samples, atol=1e-3)


def test_eight_channels_side_by_side_do_not_crash_the_decoder(tmp_path):
    # PyAV reads past the list of planes when there are eight; WavPack decodes to one plane per channel.
    interleaved = np.zeros((8, 9600), np.float32)
    interleaved[2] = 0.5
    source = bad_files.float_wav(tmp_path / "eight.wav", interleaved)
    samples, _ = read_all(bad_files.transcoded(source, tmp_path / "eight.wv", codec="wavpack"))
    np.testing.assert_allclose(samples.mean(axis=1), [0, 0, 0.5, 0, 0, 0, 0, 0], atol=1e-3)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_rates_from_telephone_to_studio(tmp_path, rate):
    song = made_song(0.5, rate=rate)
    samples, found = read_all(write_wav(tmp_path / "song.wav", song, rate=rate))
    assert (found, samples.shape) == (rate, song.shape)


@pytest.mark.parametrize("rate", [1, 500, 3_000_000])
def test_an_absurd_sampling_rate_is_refused(tmp_path, rate):
    path = bad_files.wav_with_header(tmp_path / "absurd.wav", made_song(0.5), rate=rate)
    with pytest.raises(AudioError, match=f"absurd.wav: claims a sampling rate of {rate} Hz"):
        read_all(path)


def test_what_is_not_a_number_becomes_silence(tmp_path):
    song = made_song(1.0)
    song[0, 100:200], song[1, 300], song[1, 301], song[0, 302] = np.nan, np.inf, -np.inf, 3e38
    samples, _ = read_all(bad_files.float_wav(tmp_path / "nan.wav", song))
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 0.5
    assert not samples[0, 100:200].any()


@pytest.mark.parametrize("name", bad_files.STRANGE_NAMES)
def test_a_name_is_only_a_name(tmp_path, name):
    samples, _ = read_all(bad_files.good_wav(tmp_path / name))
    assert samples.shape == (2, 32_000)


def test_a_name_that_is_not_unicode(tmp_path):
    path = bad_files.good_wav(tmp_path / "plain.wav")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    os.rename(path, odd)
    samples, _ = read_all(odd)
    assert samples.shape == (2, 32_000)


@pytest.mark.parametrize("suffix", ["mp3", "m3u8", "m4a", "flac", "wav"])
def test_a_playlist_opens_no_other_file(tmp_path, suffix):
    song = write_wav(tmp_path / "song.wav", made_song(1.0))
    for make in (bad_files.hls_playlist, bad_files.concat_playlist):
        for target in (str(song), "song.wav", f"file://{song}"):
            playlist = make(tmp_path / f"list.{suffix}", target)
            with pytest.raises(AudioError, match=r"not a music file|no sound in this file"):
                read_recording(playlist, AnalysisOptions())


def test_a_playlist_opens_no_address(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/song.mp3"
        assert kind_of_failure(bad_files.hls_playlist(tmp_path / "list.mp3", address)) == "not-audio"
        with pytest.raises(TimeoutError):
            server.accept()


def test_pipes_devices_and_folders_are_refused(tmp_path):
    pipe = tmp_path / "pipe.mp3"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, "/dev/zero"):
        assert kind_of_failure(path) == "not-a-file"


def test_what_is_not_there_is_missing(tmp_path):
    assert kind_of_failure(tmp_path / "gone.mp3") == "missing"
    assert kind_of_failure(tmp_path / "nul\0.mp3") == "missing"
    loop = tmp_path / "loop.mp3"
    loop.symlink_to(loop)
    assert kind_of_failure(loop) == "missing"


def test_an_empty_file_is_called_empty(tmp_path):
    assert kind_of_failure(bad_files.empty(tmp_path / "e.mp3")) == "empty"


@pytest.mark.parametrize("make", [bad_files.text, bad_files.noise_bytes, bad_files.picture])
@pytest.mark.parametrize("suffix", ["mp3", "ogg", "wav", "m4a"])
def test_what_is_not_music_is_not_audio(tmp_path, make, suffix):
    assert kind_of_failure(make(tmp_path / f"x.{suffix}")) == "not-audio"


def test_a_film_without_sound_says_so(tmp_path):
    assert kind_of_failure(bad_files.video_without_sound(tmp_path / "film.mp4")) == "no-audio-stream"


def test_an_encrypted_song_says_so(tmp_path):
    with pytest.raises(AudioError, match=r"bought.m4p: the sound is encrypted") as caught:
        read_all(bad_files.encrypted_m4a(tmp_path / "bought.m4p"))
    assert caught.value.kind == "encrypted"


def test_a_file_above_the_limit_is_not_opened(tmp_path):
    path = write_wav(tmp_path / "song.wav", made_song(1.0))
    with pytest.raises(AudioError, match="more than the limit") as caught, open_audio(path, max_bytes=1000):
        pass
    assert caught.value.kind == "too-large"
