"""All models of one process together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from audiomuse.audio.tempo import TempoNetwork
from audiomuse.inference.musicnn import MusicnnModel
from audiomuse.inference.tempocnn import TempoCNN
from audiomuse.model import Float32


class MoodHead(Protocol):
    """A model of the user's own over the embedding, with labels of its own."""

    def moods(self, embeddings: Float32) -> Mapping[str, float]:
        """Turn the embeddings (n, 200) of a track's patches into one value for each label."""


class Models:
    """What `audiomuse.audio.analyse` needs: MusiCNN, the tempo network and, if there is one, a mood head.

    Each is loaded when it is first used.

    Parameters
    ----------
    mood_head : MoodHead or None
        A model of the user's own.
    """

    def __init__(self, *, mood_head: MoodHead | None = None) -> None:
        self._musicnn = MusicnnModel()
        self._tempo_cnn = TempoCNN()
        self._mood_head = mood_head

    @property
    def tempo_network(self) -> TempoNetwork:
        """Tells half from double time."""
        return self._tempo_cnn

    def describe(self, patches: Float32) -> tuple[Float32, Float32]:
        """Turn log-mel patches (n, 187, 96) into embeddings (n, 200) and tag probabilities (n, 50)."""
        return self._musicnn.describe(patches)

    def moods(self, embeddings: Float32) -> Mapping[str, float]:
        """Ask the mood head, if there is one."""
        return {} if self._mood_head is None else self._mood_head.moods(embeddings)

    def load(self) -> None:
        """Load our own models now, so that the first song does not wait for them.

        Raises
        ------
        ModelError
            If a model is missing or damaged.
        """
        self._musicnn.session.load()
        self._tempo_cnn.session.load()

    def unload(self) -> None:
        """Give the memory of our own models back; what is used again is loaded again."""
        self._musicnn.session.unload()
        self._tempo_cnn.session.unload()
