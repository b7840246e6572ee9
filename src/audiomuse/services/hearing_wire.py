"""What passes between a listener and its child process, as JSON: it can carry numbers but no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audiomuse.model import Float32, Key, Tempo, TrackFeatures


@dataclass(frozen=True, slots=True)
class HearingConfig:
    """How songs are heard."""

    backend: Literal["native", "essentia"] = "native"
    patch_hop: int = 187
    """Frames between two patches of MusiCNN."""
    max_patches: int | None = None
    """At most this many patches, evenly spread; None: every one."""
    max_whole_song_s: float = 1200.0
    """Longer pieces are heard in windows. In seconds."""
    timeout_s: float = 600.0
    """Time for one song, in seconds on the clock."""
    embedding_model: Path | None = None
    """MusiCNN .pb file of the essentia backend."""
    prediction_model: Path | None = None
    """Tag head .pb file of the essentia backend."""
    mood_model: Path | None = None
    """Mood head of the user's own, for both backends."""


_PATHS = ("embedding_model", "prediction_model", "mood_model")


def config_to_json(config: HearingConfig) -> dict[str, Any]:
    """Turn a configuration into plain JSON values."""
    values = asdict(config)
    return values | {name: None if values[name] is None else str(values[name]) for name in _PATHS}


def config_from_json(values: Mapping[str, Any]) -> HearingConfig:
    """Undo `config_to_json`."""
    known = {field.name: values[field.name] for field in fields(HearingConfig)}
    return HearingConfig(
        **known | {name: None if known[name] is None else Path(known[name]) for name in _PATHS}
    )


def features_to_json(features: TrackFeatures) -> dict[str, Any]:
    """Turn features into plain JSON values, every number exactly."""
    return {
        "features_version": features.features_version,
        "duration_s": features.duration_s,
        "tempo": None if features.tempo is None else asdict(features.tempo),
        "key": None if features.key is None else asdict(features.key),
        "loudness_lufs": features.loudness_lufs,
        "energy": features.energy,
        "tags": None if features.tags is None else features.tags.tolist(),
        "embedding": None if features.embedding is None else features.embedding.tolist(),
        "moods": dict(features.moods),
    }


def features_from_json(values: Mapping[str, Any]) -> TrackFeatures:
    """Undo `features_to_json`."""
    return TrackFeatures(
        features_version=values["features_version"],
        duration_s=values["duration_s"],
        tempo=None if values["tempo"] is None else Tempo(**values["tempo"]),
        key=None if values["key"] is None else Key(**values["key"]),
        loudness_lufs=values["loudness_lufs"],
        energy=values["energy"],
        tags=_array(values["tags"]),
        embedding=_array(values["embedding"]),
        moods=values["moods"],
    )


def _array(values: list[float] | None) -> Float32 | None:
    return None if values is None else np.array(values, np.float32)
