import subprocess
import sys

import bad_files
import numpy as np
import pytest
from made_music import made_song, silence, write_audio, write_wav

from audiomuse.audio import FEATURES_VERSION, AnalysisOptions, analyse, song_patches
from audiomuse.errors import AudioError, ParameterError
from audiomuse.model import EMBEDDING_SIZE, MSD_TAGS


class CountingModels:
    """Describes each patch by its place in the song."""

    tempo_network = None

    def __init__(self):
        self.batches = []

    def describe(self, patches):
        first = sum(self.batches)
        self.batches.append(len(patches))
        numbers = np.arange(first, first + len(patches), dtype=np.float32)
        return np.outer(numbers, np.ones(200, np.float32)), np.outer(numbers, np.ones(50, np.float32)) / 100

    def moods(self, embeddings):
        return {"last": float(embeddings[-1, 0])}


@pytest.fixture
def song(tmp_path):
    return write_wav(tmp_path / "song.wav", made_song(30.0, bpm=96, tonic=9))


def test_everything_is_heard_in_one_song(song):
    features = analyse(song, models=CountingModels())
    assert features.features_version == FEATURES_VERSION
    assert features.duration_s == pytest.approx(30.0)
    assert features.tempo.bpm == pytest.approx(96, rel=0.01)
    assert (features.key.tonic, features.key.scale) == ("A", "major")
    assert -40 < features.loudness_lufs < -10
    assert 0 < features.energy < 1
    assert (features.embedding.shape, features.tags.shape) == ((EMBEDDING_SIZE,), (len(MSD_TAGS),))
    assert (features.embedding.dtype, features.tags.dtype) == (np.float32, np.float32)


def test_tags_and_embedding_are_means_over_all_patches(song):
    models = CountingModels()
    features = analyse(song, models=models)
    n = sum(models.batches)
    assert n == 10
    np.testing.assert_allclose(features.embedding, (n - 1) / 2)
    np.testing.assert_allclose(features.tags, (n - 1) / 200)
    assert features.moods == {"last": n - 1}


def test_the_patches_can_overlap_or_be_spread(song):
    def n_patches(**options):
        models = CountingModels()
        analyse(song, models=models, options=AnalysisOptions(**options))
        return sum(models.batches)

    assert n_patches(patch_hop=93) == 19
    assert n_patches(max_patches=4) == 4


def test_without_models_the_rest_is_heard(song):
    features = analyse(song)
    assert features.tempo is not None
    assert features.key is not None
    assert (features.tags, features.embedding, features.moods) == (None, None, {})


def test_silence_has_a_length_and_nothing_else(tmp_path):
    features = analyse(write_wav(tmp_path / "silence.wav", silence(20.0)), models=CountingModels())
    assert features.duration_s == pytest.approx(20.0)
    heard = (features.tempo, features.key, features.loudness_lufs, features.energy, features.tags)
    assert heard == (None,) * 5
    assert features.embedding is None


def test_a_sound_shorter_than_a_patch_is_described_too(tmp_path):
    models = CountingModels()
    analyse(write_wav(tmp_path / "short.wav", made_song(1.0)), models=models)
    assert models.batches == [1]


def test_the_patches_of_a_song_can_be_looked_at(song):
    patches = song_patches(song)
    assert patches.shape == (10, 187, 96)
    assert song_patches(song, options=AnalysisOptions(max_patches=3)).shape == (3, 187, 96)


def test_a_bad_file_is_named_in_the_error(tmp_path):
    with pytest.raises(AudioError, match=r"diary\.mp3"):
        analyse(bad_files.text(tmp_path / "diary.mp3"))


@pytest.mark.parametrize(
    "wrong", [{"patch_hop": 0}, {"max_patches": 0}, {"max_whole_song_s": 0.0}, {"timeout_s": -1.0}]
)
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ParameterError):
        AnalysisOptions(**wrong)


ONCE_MORE = """
import sys
from audiomuse.audio import analyse
from audiomuse.inference import Models
heard = analyse(sys.argv[1], models=Models())
numbers = (heard.tempo, heard.key, heard.loudness_lufs, heard.energy)
print(repr(numbers), heard.tags.tobytes().hex(), heard.embedding.tobytes().hex())
"""


def test_the_same_file_gives_the_same_bits_in_every_process(tmp_path):
    path = write_audio(tmp_path / "song.mp3", made_song(10.0), codec="libmp3lame")
    command = [sys.executable, "-c", ONCE_MORE, path]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first == second
    assert len(first) > 2000
