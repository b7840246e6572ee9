"""All models of one process together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from audiomuse.audio.tempo import TempoNetwork
from audiomuse.inference.musicnn import MusicnnModel
from audiomuse.model import Float32


class MoodHead(Protocol):
    """A model of the user's own over the embedding, with labels of its own."""

    def moods(self, embeddings: Float32) -> Mapping[str, float]:
        """Turn the embeddings (n, 200) of a track's patches into one value for each label."""


class Models:
    """What `audiomuse.audio.analyse` needs: MusiCNN, and optionally a tempo network and a mood head."""

    def __init__(
        self,
        musicnn: MusicnnModel | None = None,
        *,
        tempo_network: TempoNetwork | None = None,
        mood_head: MoodHead | None = None,
    ) -> None:
        self._musicnn = musicnn or MusicnnModel()
        self._tempo_network = tempo_network
        self._mood_head = mood_head

    @property
    def tempo_network(self) -> TempoNetwork | None:
        """Tells half from double time, if there is one."""
        return self._tempo_network

    def describe(self, patches: Float32) -> tuple[Float32, Float32]:
        """Turn log-mel patches (n, 187, 96) into embeddings (n, 200) and tag probabilities (n, 50)."""
        return self._musicnn.describe(patches)

    def moods(self, embeddings: Float32) -> Mapping[str, float]:
        """Ask the mood head, if there is one."""
        return {} if self._mood_head is None else self._mood_head.moods(embeddings)

    def unload_if_idle(self, seconds: float) -> bool:
        """Let go of what was not used for `seconds`; return whether anything was."""
        return self._musicnn.session.unload_if_idle(seconds)
