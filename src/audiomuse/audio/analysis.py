"""Everything we hear in one track, from one decode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from audiomuse.audio.energy import estimate_energy
from audiomuse.audio.key import estimate_key
from audiomuse.audio.mel import log_mel
from audiomuse.audio.options import AnalysisOptions
from audiomuse.audio.patches import cut_patches, patch_starts
from audiomuse.audio.recording import read_recording
from audiomuse.audio.tempo import TempoNetwork, estimate_tempo
from audiomuse.model import FEATURES_VERSION, Float32, TrackFeatures

_BATCH_PATCHES = 2


class AudioModels(Protocol):
    """The learnt parts of hearing. `audiomuse.inference.Models` is one; a notebook may bring its own."""

    @property
    def tempo_network(self) -> TempoNetwork | None:
        """Tells half from double time (see `estimate_tempo`), if there is one."""

    def describe(self, patches: Float32) -> tuple[Float32, Float32]:
        """Turn log-mel patches (n, 187, 96) into embeddings (n, 200) and tag probabilities (n, 50)."""

    def moods(self, embeddings: Float32) -> Mapping[str, float]:
        """Turn the embeddings (n, 200) of a track's patches into its moods; empty without a mood head."""


@dataclass(frozen=True)
class _Description:
    embedding: Float32
    tags: Float32
    moods: Mapping[str, float]


def analyse(
    path: str | Path, *, models: AudioModels | None = None, options: AnalysisOptions | None = None
) -> TrackFeatures:
    """Hear one track: tempo, key, loudness, energy, and what the models say.

    The file is decoded once, as a stream; see `read_recording` for what is heard of it. Tags and embedding
    are the means over patches of three seconds.

    Parameters
    ----------
    path : str or Path
        A local music file in any common format.
    models : AudioModels or None
        Without models tags, embedding and moods stay empty, and a prior tells half from double time.
    options : AnalysisOptions or None
        None means the defaults.

    Returns
    -------
    TrackFeatures
        A silent track has a duration and nothing else.

    Raises
    ------
    AudioError
        If this file cannot be heard; its `kind` says why.
    ModelError
        If a model does not answer in the promised shape.

    Examples
    --------
    >>> analyse("song.flac").key  # doctest: +SKIP
    Key(tonic='A', scale='minor', strength=0.87)
    """
    options = options or AnalysisOptions()
    recording = read_recording(Path(path), options)
    if recording.loudness_lufs is None:
        return TrackFeatures(FEATURES_VERSION, recording.duration_s)
    mel = [log_mel(segment) for segment in recording.segments]
    described = None if models is None else _describe(mel, models, options)
    network = None if models is None else models.tempo_network
    return TrackFeatures(
        features_version=FEATURES_VERSION,
        duration_s=recording.duration_s,
        tempo=estimate_tempo(recording.segments, mel, network=network),
        key=estimate_key(recording.segments),
        loudness_lufs=recording.loudness_lufs,
        energy=estimate_energy(recording.loudness_lufs, mel),
        tags=None if described is None else described.tags,
        embedding=None if described is None else described.embedding,
        moods={} if described is None else described.moods,
    )


def song_patches(path: str | Path, *, options: AnalysisOptions | None = None) -> Float32:
    """Return the log-mel patches that `analyse` would show to the models, shape (n, 187, 96).

    Raises
    ------
    AudioError
        If this file cannot be heard.
    """
    options = options or AnalysisOptions()
    mel = [log_mel(segment) for segment in read_recording(Path(path), options).segments]
    starts = patch_starts(
        [len(frames) for frames in mel], hop=options.patch_hop, max_patches=options.max_patches
    )
    return np.concatenate(list(cut_patches(mel, starts, batch_size=max(len(starts), 1))))


def _describe(mel: list[Float32], models: AudioModels, options: AnalysisOptions) -> _Description:
    """Show the patches to the models in small batches, and average what they say."""
    lengths = [len(frames) for frames in mel]
    starts = patch_starts(lengths, hop=options.patch_hop, max_patches=options.max_patches)
    answers = [models.describe(batch) for batch in cut_patches(mel, starts, batch_size=_BATCH_PATCHES)]
    embeddings = np.concatenate([embedding for embedding, _ in answers])
    tags = np.concatenate([probabilities for _, probabilities in answers])
    return _Description(
        embedding=embeddings.mean(axis=0, dtype=np.float64).astype(np.float32),
        tags=tags.mean(axis=0, dtype=np.float64).astype(np.float32),
        moods=models.moods(embeddings),
    )
