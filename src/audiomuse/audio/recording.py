"""From a file to what the estimators need: 16 kHz mono, whole or in evenly spread windows, and its loudness.

The file is decoded once. Each block goes to the loudness meter as it is, is mixed down to one channel and
resampled, and only the result is kept: memory depends on the length limit, never on the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

from audiomuse.audio.decode import Block
from audiomuse.audio.loudness import LoudnessMeter
from audiomuse.audio.opening import OpenSound, open_sound
from audiomuse.audio.options import AnalysisOptions
from audiomuse.errors import AudioError
from audiomuse.model import Float32

SAMPLE_RATE = 16_000
_WINDOW_S = 30.0
"""Length of each window of a piece that is too long to be heard whole."""
_CANCELLED_SHARE = 0.01
"""The channels cancel each other out if their mean has less than this share (-20 dB) of their mean power."""


@dataclass(frozen=True)
class Recording:
    """What was read from one file."""

    segments: list[Float32]
    """Mono at 16 kHz: one array for a piece heard whole, else one per window, in their order."""
    duration_s: float
    """Length of the piece, of which the windows may be only a part."""
    loudness_lufs: float | None
    """None if all of it is silent."""


def read_recording(path: Path, options: AnalysisOptions) -> Recording:
    """Decode a file once and reduce it to mono at 16 kHz.

    Pieces up to `options.max_whole_song_s` are read whole. From longer ones windows of 30 s are read, evenly
    spread and together as long as that limit; headers are believed only as far as the samples confirm them.
    Channels are averaged. If they cancel each other (one is the other upside down), the loudest is taken.

    Raises
    ------
    AudioError
        If the file cannot be opened (see `open_sound`), nothing in it decodes (``"corrupt"``), it lasts less
        than `options.min_seconds` (``"too-short"``) or reading takes longer than `options.timeout_s`
        (``"timeout"``).
    """
    deadline = time.monotonic() + options.timeout_s
    with open_sound(path, max_bytes=options.max_file_bytes) as file:
        reader = _Reader(path, file, options, deadline)
        heard = reader.read()
        if heard.channels_cancel:
            heard = _Reader(path, file, options, deadline, channel=heard.loudest_channel).read()
    if not heard.n_samples:
        raise AudioError(f"{path.name}: nothing in this file can be decoded as sound", kind="corrupt")
    if heard.duration_s < options.min_seconds:
        raise AudioError(
            f"{path.name}: {heard.duration_s:.2g} s of sound is too short to analyse", kind="too-short"
        )
    return Recording(heard.segments, heard.duration_s, heard.loudness())


@dataclass
class _Heard:
    """What a reader gathers."""

    segments: list[Float32] = field(default_factory=list)
    duration_s: float = 0.0
    meters: dict[tuple[int, int], LoudnessMeter] = field(default_factory=dict)
    """By sampling rate and channels: a chained stream may change both."""
    seconds_metered: dict[tuple[int, int], float] = field(default_factory=dict)
    channel_power: np.ndarray = field(default_factory=lambda: np.zeros(0))
    mean_power: float = 0.0

    @property
    def n_samples(self) -> int:
        return sum(map(len, self.segments))

    @property
    def channels_cancel(self) -> bool:
        if len(self.channel_power) < 2:
            return False
        return self.mean_power < _CANCELLED_SHARE * float(self.channel_power.mean())

    @property
    def loudest_channel(self) -> int:
        return int(self.channel_power.argmax())

    def loudness(self) -> float | None:
        """Integrated loudness of the format in which most of the piece is."""
        longest = max(self.seconds_metered, key=self.seconds_metered.__getitem__)
        return self.meters[longest].integrated()

    def meter(self, block: Block) -> None:
        n_channels, n_samples = block.samples.shape
        kind = (block.rate, n_channels)
        if kind not in self.meters:
            self.meters[kind] = LoudnessMeter(block.rate, n_channels)
            self.seconds_metered[kind] = 0.0
        self.meters[kind].update(block.samples)
        self.seconds_metered[kind] += n_samples / block.rate

    def compare_channels(self, samples: Float32, mean: Float32) -> None:
        power = np.einsum("ct,ct->c", samples, samples)
        if len(power) > len(self.channel_power):
            self.channel_power = np.pad(self.channel_power, (0, len(power) - len(self.channel_power)))
        self.channel_power[: len(power)] += power
        self.mean_power += float(mean @ mean)


class _Reader:
    """Reads one open file, whole or in windows."""

    def __init__(
        self,
        path: Path,
        file: OpenSound,
        options: AnalysisOptions,
        deadline: float,
        *,
        channel: int | None = None,
    ) -> None:
        self._path = path
        self._file = file
        self._limit_s = options.max_whole_song_s
        self._deadline = deadline
        self._timeout_s = options.timeout_s
        self._channel = channel
        """Read only this channel; None for the mean of all."""

    def read(self) -> _Heard:
        """Read the piece whole if it is short enough, else in windows."""
        claimed_s = self._file.claimed_duration_s
        if claimed_s is not None and claimed_s > self._limit_s:
            heard = self._read_windows(claimed_s)
            if heard is not None:
                return heard
        heard, is_whole = self._read_from_start()
        if is_whole:
            return heard
        return self._read_windows(self._file.packet_duration_s()) or heard

    def _read_from_start(self) -> tuple[_Heard, bool]:
        """Read up to the length limit; say whether that was all."""
        heard = _Heard()
        is_whole = self._read_segment(heard, 0.0, self._limit_s)
        heard.duration_s = heard.n_samples / SAMPLE_RATE
        return heard, is_whole

    def _read_windows(self, duration_s: float) -> _Heard | None:
        """Read evenly spread windows of a piece of that length; None if most of them are not there."""
        n_windows = max(int(self._limit_s / _WINDOW_S), 1)
        length_s = min(_WINDOW_S, self._limit_s)
        heard = _Heard(duration_s=duration_s)
        for start_s in np.linspace(0.0, max(duration_s - length_s, 0.0), n_windows):
            self._read_segment(heard, float(start_s), length_s)
        return heard if len(heard.segments) > n_windows / 2 else None

    def _read_segment(self, heard: _Heard, start_s: float, length_s: float) -> bool:
        """Add up to `length_s` seconds from `start_s` on as a segment; say whether the file ended there."""
        wanted = int(length_s * SAMPLE_RATE)
        # Memory that is never written to is never used: this costs what the file has, not what it may have.
        buffer = np.empty(wanted, np.float32)
        n = 0
        for piece in self._resampled(heard, start_s):
            kept = piece[: wanted - n]
            buffer[n : n + len(kept)] = kept
            n += len(kept)
            if len(kept) < len(piece):
                break
        else:
            wanted = -1
        if n:
            heard.segments.append(buffer[:n])
        return wanted < 0

    def _resampled(self, heard: _Heard, start_s: float) -> Iterator[Float32]:
        """Yield the mono signal at 16 kHz from `start_s` on; meter everything on the way."""
        resampler: soxr.ResampleStream | None = None
        rate = 0
        for block in self._file.blocks(start_s):
            if time.monotonic() > self._deadline:
                raise AudioError(
                    f"{self._path.name}: not read after {self._timeout_s:.0f} s, given up", kind="timeout"
                )
            heard.meter(block)
            if block.rate != rate:
                if resampler is not None:
                    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)
                rate = block.rate
                resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
            assert resampler is not None
            yield resampler.resample_chunk(self._mono(heard, block.samples))
        if resampler is not None:
            yield resampler.resample_chunk(np.empty(0, np.float32), last=True)

    def _mono(self, heard: _Heard, samples: Float32) -> Float32:
        if len(samples) == 1:
            return np.ascontiguousarray(samples[0])
        if self._channel is not None:
            return np.ascontiguousarray(samples[min(self._channel, len(samples) - 1)])
        mean: Float32 = samples.mean(axis=0)
        heard.compare_channels(samples, mean)
        return mean
