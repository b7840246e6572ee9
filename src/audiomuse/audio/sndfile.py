"""A second opinion: libsndfile reads some files that libav gives up on.

There are Ogg Vorbis files whose codec set-up libav's parser refuses though it is sound: players play them.
libsndfile knows fewer formats, and opens nothing but the file it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from audiomuse.audio.decode import BLOCK_SAMPLES, Block

_FULL_SCALES = 8.0
_BELIEVABLE_SAMPLES = 1 << 40


class SndFile:
    """An open file with the interface of `decode.AudioFile`."""

    def __init__(self, file: Any, error: type[Exception]) -> None:
        self._file = file
        self._error = error
        """What the library raises where a file is damaged."""

    @property
    def claimed_duration_s(self) -> float | None:
        """What the headers say, in seconds; None where they say nothing believable."""
        samples = int(self._file.frames)
        return samples / self._file.samplerate if 0 < samples < _BELIEVABLE_SAMPLES else None

    def blocks(self, start_s: float = 0.0) -> Iterator[Block]:
        """Yield the samples from `start_s` to the end, or to the first damage, in blocks."""
        try:
            self._file.seek(min(int(start_s * self._file.samplerate), int(self._file.frames)))
            while len(samples := self._file.read(BLOCK_SAMPLES, dtype="float32", always_2d=True)):
                finite = np.clip(np.nan_to_num(samples.T), -_FULL_SCALES, _FULL_SCALES)
                yield Block(np.ascontiguousarray(finite), int(self._file.samplerate))
        except self._error:
            return

    def packet_duration_s(self) -> float:
        """Return the length in seconds, which libsndfile knows without decoding."""
        return self.claimed_duration_s or 0.0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_with_sndfile(path: Path) -> SndFile | None:
    """Open a regular file; None if libsndfile cannot read it either."""
    # Imported when it is needed, which is almost never: a worker should start fast.
    import soundfile

    try:
        return SndFile(soundfile.SoundFile(path), soundfile.SoundFileError)
    except (soundfile.SoundFileError, OSError, TypeError):
        return None
