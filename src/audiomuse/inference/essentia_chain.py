"""The original chain as a second backend: Essentia hears the song, TensorFlow runs the user's own models.

It needs ``pip install audiomuse[essentia]`` and two frozen graphs: MusiCNN, and a head from its embedding to
the 50 tags. Compared with the original recipe three slips are mended: tags and embedding are means over all
patches instead of the first one, the head's probabilities are not squeezed through a second sigmoid, and
silence has neither tempo nor key.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from audiomuse.audio.energy import estimate_energy
from audiomuse.audio.mel import log_mel
from audiomuse.audio.options import AnalysisOptions
from audiomuse.audio.recording import Recording, read_recording
from audiomuse.errors import AudioError, ModelError
from audiomuse.inference.graphdef import head_ends, read_nodes
from audiomuse.inference.models import MoodHead
from audiomuse.model import (
    EMBEDDING_SIZE,
    ESSENTIA_FEATURES_VERSION,
    MSD_TAGS,
    PITCH_CLASSES,
    Float32,
    Key,
    Tempo,
    TrackFeatures,
)

EMBEDDING_NODE = "model/dense/BiasAdd"
"""The first dense layer of MusiCNN, before its ReLU."""

_RATE, _MUSICNN_RATE = 44_100, 16_000
_LINEAR_RESAMPLING = 4
"""What the original recipe uses for MusiCNN."""
_ORIGINAL_HOP = 93
_SURE_BEATS = 5.32
"""The highest confidence that RhythmExtractor2013 gives."""
_NOT_INSTALLED = "this needs Essentia with TensorFlow: pip install 'audiomuse[essentia]'"
_SHARPS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}


@functools.cache
def require_essentia() -> Any:
    """Import Essentia, which takes more than a second and 200 MB, and return `essentia.standard`.

    Raises
    ------
    ModelError
        If Essentia with TensorFlow is not installed; the message holds the command that installs it.
    """
    try:
        import essentia
        from essentia import standard
    except ImportError as e:
        raise ModelError(f"{_NOT_INSTALLED} ({e})") from e
    if not hasattr(standard, "TensorflowPredictMusiCNN"):
        raise ModelError(f"{_NOT_INSTALLED} (the Essentia here has no TensorFlow)")
    essentia.log.infoActive = False
    essentia.log.warningActive = False
    return standard


class EssentiaChain:
    """Hears songs as the original recipe does: MonoLoader, RhythmExtractor2013, KeyExtractor, MusiCNN [1]_.

    Parameters
    ----------
    embedding_model_path : Path
        MusiCNN as a frozen graph with a node ``model/dense/BiasAdd``, e.g. ``msd-musicnn-1.pb``.
    prediction_model_path : Path
        A head from the 200 numbers of the embedding to the 50 tags, e.g. ``msd-msd-musicnn-1.pb``.
    mood_head : MoodHead or None
        A mood model of the user's own.
    options : AnalysisOptions or None
        `AnalysisOptions.patch_hop` applies (93 in the original recipe, the default here), and the limits of
        length, size and time do. Longer pieces than `AnalysisOptions.max_whole_song_s` are refused.

    Raises
    ------
    ModelError
        If Essentia is not installed, or a model is missing, damaged or of another kind.

    References
    ----------
    .. [1] P. Alonso-Jiménez et al., "TensorFlow audio models in Essentia", ICASSP 2020.
    """

    def __init__(
        self,
        embedding_model_path: Path,
        prediction_model_path: Path,
        *,
        mood_head: MoodHead | None = None,
        options: AnalysisOptions | None = None,
    ) -> None:
        standard = require_essentia()
        if EMBEDDING_NODE not in read_nodes(embedding_model_path):
            raise ModelError(f"{embedding_model_path} is not MusiCNN: it has no node {EMBEDDING_NODE}")
        head_input, head_output = head_ends(prediction_model_path)
        self._options = options or AnalysisOptions(patch_hop=_ORIGINAL_HOP)
        self._mood_head = mood_head
        self._rhythm = standard.RhythmExtractor2013()
        self._key = standard.KeyExtractor()
        try:
            self._musicnn = standard.TensorflowPredictMusiCNN(
                graphFilename=str(embedding_model_path),
                output=EMBEDDING_NODE,
                patchHopSize=self._options.patch_hop,
            )
            self._head = standard.TensorflowPredict2D(
                graphFilename=str(prediction_model_path), input=head_input, output=head_output
            )
        except RuntimeError as e:
            raise ModelError(f"Essentia cannot load the models: {e}") from e

    def hear(self, path: str | Path) -> TrackFeatures:
        """Hear one track.

        Loudness, energy and every check of the file are those of the native backend; Essentia then reads the
        file twice more, at 44.1 kHz and at 16 kHz, as the original recipe does.

        Parameters
        ----------
        path : str or Path
            A local music file. Essentia's own build knows fewer codecs than AudioMuse (no Opus).

        Returns
        -------
        TrackFeatures
            With features version ``"essentia-1"``. A silent track has a duration and nothing else; one
            shorter than a patch (3 s) has no tags.

        Raises
        ------
        AudioError
            If this file cannot be heard; its `kind` says why.
        ModelError
            If the head does not give 50 tags.
        """
        path = Path(path).absolute()  # "AC:DC.mp3" must not look like a protocol
        recording = read_recording(path, self._options)
        if recording.duration_s > self._options.max_whole_song_s:
            raise AudioError(
                f"{path.name}: {recording.duration_s / 60:.0f} minutes, the essentia backend hears at most "
                f"{self._options.max_whole_song_s / 60:.0f}",
                kind="too-large",
            )
        if recording.loudness_lufs is None:
            return TrackFeatures(ESSENTIA_FEATURES_VERSION, recording.duration_s)
        return self._features(path, recording)

    def _features(self, path: Path, recording: Recording) -> TrackFeatures:
        y = _load(path, sampleRate=_RATE)
        embeddings = self.embed(_load(path, sampleRate=_MUSICNN_RATE, resampleQuality=_LINEAR_RESAMPLING))
        has_patches = len(embeddings) > 0
        return TrackFeatures(
            features_version=ESSENTIA_FEATURES_VERSION,
            duration_s=recording.duration_s,
            tempo=_tempo(self._rhythm(y)),
            key=_key(self._key(y)),
            loudness_lufs=recording.loudness_lufs,
            energy=estimate_energy(recording.loudness_lufs, [log_mel(s) for s in recording.segments]),
            tags=self._tags(embeddings) if has_patches else None,
            embedding=_mean(embeddings) if has_patches else None,
            moods=self._mood_head.moods(embeddings) if self._mood_head and has_patches else {},
        )

    def embed(self, y: Float32) -> Float32:
        """Return MusiCNN's embedding of each patch of a signal.

        Parameters
        ----------
        y : ndarray, shape=(n_samples,)
            Mono audio at 16 kHz.

        Returns
        -------
        ndarray, shape=(n_patches, 200)
        """
        return np.asarray(self._musicnn(y), np.float32).reshape(-1, EMBEDDING_SIZE)

    def _tags(self, embeddings: Float32) -> Float32:
        probabilities = np.asarray(self._head(embeddings), np.float32)
        if probabilities.ndim != 2 or probabilities.shape[1] != len(MSD_TAGS):
            raise ModelError(
                f"the head gives {probabilities.shape[-1]} values instead of the {len(MSD_TAGS)} tags; "
                "a head with other labels is a mood model"
            )
        return _mean(probabilities)


def _load(path: Path, **parameters: int) -> Float32:
    """Read a file with MonoLoader; its errors become ours."""
    try:
        return np.asarray(require_essentia().MonoLoader(filename=str(path), **parameters)(), np.float32)
    except RuntimeError as e:
        kind = "unsupported-codec" if "codec" in str(e).lower() else "corrupt"
        raise AudioError(f"{path.name}: Essentia cannot read it: {e}", kind=kind) from e


def _mean(rows: Float32) -> Float32:
    return np.asarray(rows.mean(axis=0, dtype=np.float64), np.float32)


def _tempo(rhythm: tuple[Any, ...]) -> Tempo | None:
    """Turn the answer of RhythmExtractor2013 into a tempo; no beats, no tempo."""
    bpm, ticks, confidence = float(rhythm[0]), rhythm[1], float(rhythm[2])
    if bpm <= 0 or len(ticks) < 2:
        return None
    return Tempo(bpm=bpm, confidence=min(max(confidence / _SURE_BEATS, 0.0), 1.0))


def _key(found: tuple[str, str, float]) -> Key | None:
    """Turn the answer of KeyExtractor into a key; without any correlation there is none."""
    tonic, scale, strength = found
    tonic = _SHARPS.get(tonic, tonic)
    if tonic not in PITCH_CLASSES or not strength > 0:
        return None
    return Key(tonic, scale, min(float(strength), 1.0))
