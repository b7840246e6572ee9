"""Open a music file with whichever decoder reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from audiomuse.audio.decode import Block, open_audio
from audiomuse.audio.sndfile import open_with_sndfile
from audiomuse.errors import AudioError


class OpenSound(Protocol):
    """The sound of an open file."""

    @property
    def claimed_duration_s(self) -> float | None:
        """What the headers say, in seconds; may be absent or wrong."""

    def blocks(self, start_s: float = 0.0) -> Iterator[Block]:
        """Yield the samples from about `start_s` to the end."""

    def packet_duration_s(self) -> float:
        """Measure the length in seconds without decoding."""


@contextmanager
def open_sound(path: Path, *, max_bytes: int | None = None) -> Iterator[OpenSound]:
    """Open the main audio stream of a local, regular file with libav, or with libsndfile if that fails.

    Raises
    ------
    AudioError
        As `decode.open_audio`, whose reason counts if neither can read the file.
    """
    with ExitStack() as resources:
        try:
            sound: OpenSound = resources.enter_context(open_audio(path, max_bytes=max_bytes))
        except AudioError as e:
            second = open_with_sndfile(path) if e.kind == "not-audio" else None
            if second is None:
                raise
            resources.callback(second.close)
            sound = second
        yield sound
