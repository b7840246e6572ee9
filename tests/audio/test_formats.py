"""One song, written in every format that can be written here, is heard as the same song."""

import numpy as np
import pytest
from made_music import made_song, write_audio, write_wav

from audiomuse.audio import analyse
from audiomuse.inference import Models

RATE = 44_100

FORMATS = {
    "320.mp3": {"codec": "libmp3lame", "bit_rate": 320_000},
    "192.mp3": {"codec": "libmp3lame", "bit_rate": 192_000},
    "128.mp3": {"codec": "libmp3lame", "bit_rate": 128_000},
    "96.mp3": {"codec": "libmp3lame", "bit_rate": 96_000},
    "layer-two.mp2": {"codec": "mp2", "bit_rate": 256_000},
    "256.m4a": {"codec": "aac", "bit_rate": 256_000},
    "128.m4a": {"codec": "aac", "bit_rate": 128_000},
    "adts.aac": {"codec": "aac", "bit_rate": 192_000, "container": "adts"},
    "fragmented.mp4": {
        "codec": "aac",
        "bit_rate": 192_000,
        "container_options": {"movflags": "frag_keyframe+empty_moov"},
    },
    "aac.mkv": {"codec": "aac", "bit_rate": 192_000},
    "lossless.m4a": {"codec": "alac"},
    "16.flac": {"codec": "flac", "sample_format": "s16"},
    "24.flac": {"codec": "flac", "sample_format": "s32"},
    "96k.flac": {"codec": "flac", "coded_rate": 96_000},
    "192k.flac": {"codec": "flac", "coded_rate": 192_000, "sample_format": "s32"},
    "flac.oga": {"codec": "flac", "container": "ogg"},
    "flac.mka": {"codec": "flac"},
    "vorbis.ogg": {"codec": "vorbis", "bit_rate": 192_000, "options": {"strict": "-2"}},
    "128.opus": {"codec": "libopus", "bit_rate": 128_000, "coded_rate": 48_000},
    "64.opus": {"codec": "libopus", "bit_rate": 64_000, "coded_rate": 48_000},
    "opus.webm": {"codec": "libopus", "bit_rate": 128_000, "coded_rate": 48_000},
    "u8.wav": {"codec": "pcm_u8"},
    "s24.wav": {"codec": "pcm_s24le"},
    "s32.wav": {"codec": "pcm_s32le"},
    "f32.wav": {"codec": "pcm_f32le"},
    "f64.wav": {"codec": "pcm_f64le"},
    "alaw.wav": {"codec": "pcm_alaw"},
    "mulaw.wav": {"codec": "pcm_mulaw"},
    "adpcm-ms.wav": {"codec": "adpcm_ms"},
    "adpcm-ima.wav": {"codec": "adpcm_ima_wav"},
    "22k.wav": {"codec": "pcm_s16le", "coded_rate": 22_050},
    "32k.wav": {"codec": "pcm_s16le", "coded_rate": 32_000},
    "48k.wav": {"codec": "pcm_s16le", "coded_rate": 48_000},
    "88k.wav": {"codec": "pcm_s16le", "coded_rate": 88_200},
    "apple.aiff": {"codec": "pcm_s16be"},
    "sun.au": {"codec": "pcm_s16be"},
    "core.caf": {"codec": "pcm_s24le"},
    "sony.w64": {"codec": "pcm_s16le"},
    "wavpack.wv": {"codec": "wavpack", "sample_format": "s16p"},
    "wavpack-float.wv": {"codec": "wavpack", "sample_format": "fltp"},
    "true-audio.tta": {"codec": "tta", "sample_format": "s16"},
    "windows.wma": {"codec": "wmav2", "bit_rate": 192_000},
    "dolby.ac3": {"codec": "ac3", "bit_rate": 256_000},
    "dolby-plus.eac3": {"codec": "eac3", "bit_rate": 256_000},
    "broadcast.ts": {"codec": "mp2", "bit_rate": 256_000},
    "film.avi": {"codec": "libmp3lame", "bit_rate": 256_000},
    "flash.flv": {"codec": "libmp3lame", "bit_rate": 256_000},
    "quicktime.mov": {"codec": "pcm_s16le"},
    "free.nut": {"codec": "pcm_s16le"},
}


@pytest.fixture(scope="module")
def models():
    return Models()


@pytest.fixture(scope="module")
def song():
    return made_song(12.0, bpm=118.0, tonic=2)


@pytest.fixture(scope="module")
def reference(models, song, tmp_path_factory):
    return analyse(write_wav(tmp_path_factory.mktemp("reference") / "song.wav", song), models=models)


def test_the_song_is_known(reference):
    assert reference.tempo.bpm == pytest.approx(118, rel=0.01)
    assert (reference.key.tonic, reference.key.scale) == ("D", "major")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_heard_as_the_same_song(tmp_path, models, song, reference, name):
    heard = analyse(write_audio(tmp_path / name, song, **FORMATS[name]), models=models)
    assert heard.duration_s == pytest.approx(12.0, abs=0.15)
    assert heard.tempo.bpm == pytest.approx(reference.tempo.bpm, rel=0.01)
    assert (heard.key.tonic, heard.key.scale) == (reference.key.tonic, reference.key.scale)
    assert heard.loudness_lufs == pytest.approx(reference.loudness_lufs, abs=1.0)
    assert cosine(heard.embedding, reference.embedding) >= 0.99


def test_the_table_has_forty_formats_and_more():
    assert len(FORMATS) >= 40


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))
