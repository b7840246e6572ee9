import importlib.util
import math
import os
from pathlib import Path

import numpy as np
import pytest
from tests.audio.made_music import made_song, silence, write_wav
from tools.tf_graph import FLOAT, GraphDef

from audiomuse.audio import AnalysisOptions, analyse
from audiomuse.errors import AudioError, ModelError
from audiomuse.inference import Models, essentia_chain
from audiomuse.inference.essentia_chain import EssentiaChain
from audiomuse.model import Key, Tempo

# --- with a stand-in for Essentia: what we do with its answers -------------------------------------


class FakeEssentia:
    """Answers as `essentia.standard` would; each algorithm is a class that makes a callable."""

    rhythm = (97.0, np.arange(20.0), 2.66, [], [])
    key = ("Eb", "minor", 0.8)
    n_patches, n_tags = 4, 50
    unreadable = ""

    def RhythmExtractor2013(self):  # noqa: N802 - Essentia's own name, as those below
        return lambda y: self.rhythm

    def KeyExtractor(self):  # noqa: N802
        return lambda y: self.key

    def MonoLoader(self, *, filename, sampleRate, resampleQuality=1):  # noqa: N802
        assert Path(filename).is_absolute()
        if self.unreadable:
            raise RuntimeError(self.unreadable)
        return lambda: np.zeros(sampleRate, np.float32)

    def TensorflowPredictMusiCNN(self, *, graphFilename, output, patchHopSize):  # noqa: N802
        self.hop = patchHopSize
        return lambda y: [np.full(200, float(patch)) for patch in range(self.n_patches)]

    def TensorflowPredict2D(self, *, graphFilename, input, output):  # noqa: N802
        self.ends = (input, output)
        return lambda x: np.repeat(np.asarray(x)[:, :1] / 4, self.n_tags, axis=1)


class FakeMoods:
    def moods(self, embeddings):
        return {"mean": float(embeddings.mean())}


@pytest.fixture
def essentia(monkeypatch):
    fake = FakeEssentia()
    monkeypatch.setattr(essentia_chain, "require_essentia", lambda: fake)
    return fake


@pytest.fixture
def models(tmp_path):
    def graph(name, *nodes):
        g = GraphDef()
        x = g.placeholder("model/Placeholder", (-1, 200))
        for node in nodes:
            g.add(node, "Sigmoid", x, T=FLOAT)
        (tmp_path / name).write_bytes(g.encode())
        return tmp_path / name

    return graph("musicnn.pb", "model/dense/BiasAdd", "model/Sigmoid"), graph("head.pb", "model/Sigmoid")


@pytest.fixture
def song(tmp_path):
    return write_wav(tmp_path / "AC:DC -song\n.wav", made_song(6.0))


def test_a_song_has_everything_under_a_version_of_its_own(essentia, models, song):
    heard = EssentiaChain(*models, mood_head=FakeMoods()).hear(song)
    assert heard.features_version == "essentia-1"
    assert heard.duration_s == pytest.approx(6.0, abs=0.01)
    assert heard.tempo == Tempo(bpm=97.0, confidence=0.5)
    assert heard.key == Key("D#", "minor", 0.8)
    assert heard.moods == {"mean": 1.5}
    assert 0 < heard.energy < 1


def test_tags_and_embedding_are_means_over_all_patches(essentia, models, song):
    heard = EssentiaChain(*models).hear(song)
    np.testing.assert_allclose(heard.embedding, np.full(200, 1.5))
    np.testing.assert_allclose(heard.tags, np.full(50, 0.375))


def test_loudness_and_energy_are_those_of_the_native_backend(essentia, models, song):
    heard, native = EssentiaChain(*models).hear(song), analyse(song)
    assert (heard.loudness_lufs, heard.energy) == (native.loudness_lufs, native.energy)


def test_the_overlap_of_patches_is_the_original_one_unless_told(essentia, models):
    EssentiaChain(*models)
    assert essentia.hop == 93
    EssentiaChain(*models, options=AnalysisOptions(patch_hop=187))
    assert essentia.hop == 187


def test_the_ends_of_the_head_come_from_its_file(essentia, models):
    EssentiaChain(*models)
    assert essentia.ends == ("model/Placeholder", "model/Sigmoid")


def test_silence_has_a_duration_and_nothing_else(essentia, models, tmp_path):
    heard = EssentiaChain(*models).hear(write_wav(tmp_path / "silence.wav", silence(5.0)))
    assert heard.duration_s == pytest.approx(5.0, abs=0.01)
    assert (heard.tempo, heard.key, heard.loudness_lufs, heard.energy, heard.tags, heard.embedding) == (
        None,
    ) * 6


def test_what_essentia_does_not_find_is_none(essentia, models, song):
    essentia.rhythm, essentia.key = (0.0, np.zeros(0), 0.0, [], []), ("A", "major", math.nan)
    heard = EssentiaChain(*models).hear(song)
    assert (heard.tempo, heard.key) == (None, None)


def test_a_song_shorter_than_a_patch_has_no_tags(essentia, models, song):
    essentia.n_patches = 0
    heard = EssentiaChain(*models, mood_head=FakeMoods()).hear(song)
    assert (heard.tags, heard.embedding, dict(heard.moods)) == (None, None, {})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("AudioLoader: Unsupported codec!", "unsupported-codec"), ("AudioLoader: invalid frame", "corrupt")],
)
def test_a_file_that_essentia_cannot_read_is_named(answer, kind, essentia, models, song):
    essentia.unreadable = answer
    with pytest.raises(AudioError, match="Essentia cannot read it") as error:
        EssentiaChain(*models).hear(song)
    assert error.value.kind == kind


def test_a_piece_too_long_to_be_heard_whole_is_refused(essentia, models, song):
    chain = EssentiaChain(*models, options=AnalysisOptions(max_whole_song_s=3))
    with pytest.raises(AudioError, match="hears at most") as error:
        chain.hear(song)
    assert error.value.kind == "too-large"


def test_a_file_that_is_no_sound_is_refused_before_essentia_sees_it(essentia, models, tmp_path):
    text = tmp_path / "song.mp3"
    text.write_text("#EXTM3U\nhttp://example.org/stream\n")
    with pytest.raises(AudioError):
        EssentiaChain(*models).hear(text)


def test_a_head_with_other_labels_is_a_mood_model(essentia, models, song):
    essentia.n_tags = 2
    with pytest.raises(ModelError, match="2 values instead of the 50 tags"):
        EssentiaChain(*models).hear(song)


def test_models_of_another_kind_stop_the_start(essentia, models, tmp_path):
    musicnn, head = models
    with pytest.raises(ModelError, match="is not MusiCNN"):
        EssentiaChain(head, head)
    with pytest.raises(ModelError, match=r"gone\.pb cannot be read"):
        EssentiaChain(musicnn, tmp_path / "gone.pb")


@pytest.mark.skipif(importlib.util.find_spec("essentia") is not None, reason="Essentia is installed here")
def test_without_essentia_the_error_says_how_to_install_it(models):
    with pytest.raises(ModelError, match=r"pip install 'audiomuse\[essentia\]'"):
        EssentiaChain(*models)


# --- with Essentia itself: both backends hear the same ---------------------------------------------
#
# The reference reads files with a linear resampler and ours with a band-limited one, which alone moves the
# mean embedding to a cosine of 0.990-0.9999. Parity is therefore shown on a file that is 16 kHz mono already.


@pytest.fixture(scope="module")
def reference():
    """The original chain on the weights that AudioMuse brings, at the original overlap."""
    pytest.importorskip("essentia.standard")
    folder = os.environ.get("MUSICNN_PB_DIR")
    if folder is None:
        pytest.skip("set MUSICNN_PB_DIR to where tools/export_musicnn_pb.py wrote the graphs")
    return EssentiaChain(Path(folder) / "musicnn.pb", Path(folder) / "musicnn_head.pb")


def cosine(x, y):
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def at_16k(path, *, seconds, bpm, tonic):
    song = made_song(seconds, bpm=bpm, tonic=tonic, rate=16_000)
    return write_wav(path, song.mean(axis=0, keepdims=True), rate=16_000)


@pytest.mark.essentia
@pytest.mark.parametrize(("bpm", "tonic"), [(84, 0), (128, 5)])
def test_both_backends_hear_the_same_tags_and_embedding(reference, bpm, tonic, tmp_path):
    song = at_16k(tmp_path / "song.wav", seconds=30.0, bpm=bpm, tonic=tonic)
    theirs = reference.hear(song)
    ours = analyse(song, models=Models(), options=AnalysisOptions(patch_hop=93))
    cosine = (
        ours.embedding @ theirs.embedding / np.linalg.norm(ours.embedding) / np.linalg.norm(theirs.embedding)
    )
    assert cosine >= 0.9999
    np.testing.assert_allclose(ours.tags, theirs.tags, atol=1e-3)


@pytest.mark.essentia
def test_both_backends_hear_the_same_key(reference, tmp_path):
    song = at_16k(tmp_path / "song.wav", seconds=30.0, bpm=100, tonic=2)
    theirs, ours = reference.hear(song).key, analyse(song).key
    assert (ours.tonic, ours.scale) == (theirs.tonic, theirs.scale) == ("D", "major")


@pytest.mark.essentia
def test_both_backends_hear_the_same_tempo(reference, tmp_path):
    song = write_wav(tmp_path / "song.wav", made_song(30.0, bpm=120))
    theirs, ours = reference.hear(song).tempo, analyse(song, models=Models()).tempo
    assert ours.bpm == pytest.approx(theirs.bpm, rel=0.02)


@pytest.mark.essentia
def test_the_resampler_is_what_sets_them_apart_on_other_rates(reference, tmp_path):
    song = write_wav(tmp_path / "song.wav", made_song(30.0, bpm=100))
    theirs = reference.hear(song).embedding
    ours = analyse(song, models=Models(), options=AnalysisOptions(patch_hop=93)).embedding
    assert cosine(ours, theirs) >= 0.95
