"""Songs whose tempo and key are known because they were made here, and a way to write them in any format."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Samples64 = NDArray[np.float64]

_PROGRESSION = ((0, "major"), (5, "major"), (7, "major"), (0, "major"))  # I IV V I
_CHORDS = {"major": (0, 4, 7), "minor": (0, 3, 7)}


def made_song(seconds: float = 16.0, *, bpm: float = 120.0, tonic: int = 0, rate: int = 44_100) -> Samples:
    """Chords of a major key over kick, snare and hi-hat; stereo, shape (2, n), peak 0.5."""
    rng = np.random.default_rng(7)
    n = int(seconds * rate)
    beat = 60.0 / bpm
    left, right = np.zeros(n), np.zeros(n)
    for number, start in enumerate(np.arange(0.0, seconds, 4 * beat)):
        degree, kind = _PROGRESSION[number % len(_PROGRESSION)]
        for i, step in enumerate(_CHORDS[kind]):
            tone = _tone(60 + tonic + degree + step, 4 * beat, rate)
            _mix(left, tone, start, rate, 0.25 + 0.1 * i)
            _mix(right, tone, start, rate, 0.45 - 0.1 * i)
        _mix(left, _tone(36 + tonic + degree, 4 * beat, rate), start, rate, 0.6)
        _mix(right, _tone(36 + tonic + degree, 4 * beat, rate), start, rate, 0.6)
    for number, start in enumerate(np.arange(0.0, seconds, beat / 2)):
        if number % 4 == 0:
            sound, gain = _tone(28, 0.12, rate), 2.0
        elif number % 4 == 2:
            sound, gain = _noise(rng, 0.1, rate), 0.8
        else:
            sound, gain = _noise(rng, 0.02, rate), 0.4
        _mix(left, sound, start, rate, gain)
        _mix(right, sound, start, rate, gain)
    song = np.stack([left, right])
    return (0.5 * song / np.abs(song).max()).astype(np.float32)


def silence(seconds: float, *, channels: int = 2, rate: int = 44_100) -> Samples:
    """Digital silence, shape (channels, n)."""
    return np.zeros((channels, int(seconds * rate)), np.float32)


def write_audio(
    path: Path,
    samples: Samples,
    *,
    codec: str,
    rate: int = 44_100,
    coded_rate: int | None = None,
    container: str | None = None,
    sample_format: str | None = None,
    bit_rate: int | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode `samples`, shape (channels, n), at `rate`; `coded_rate` resamples first. Returns `path`."""
    layout = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}[
        len(samples)
    ]
    with av.open(f"file:{path}", "w", format=container, container_options=container_options or {}) as file:
        stream = file.add_stream(codec, rate=coded_rate or rate, layout=layout, options=options or {})
        if sample_format is not None:
            stream.codec_context.format = sample_format
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        stream.codec_context.open()
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=coded_rate or rate,
            frame_size=stream.codec_context.frame_size or 4096,
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return path


def write_wav(path: Path, samples: Samples, *, rate: int = 44_100, codec: str = "pcm_s16le") -> Path:
    """Write a plain WAV file."""
    return write_audio(path, samples, codec=codec, rate=rate, container="wav")


def _tone(midi: int, seconds: float, rate: int) -> Samples64:
    """A plucked tone of four harmonics."""
    t = np.arange(int(seconds * rate)) / rate
    hertz = 440.0 * 2 ** ((midi - 69) / 12)
    wave = sum(np.sin(2 * np.pi * hertz * h * t) / h**1.5 for h in range(1, 5))
    return np.asarray(wave * np.exp(-3.0 * t / seconds))


def _noise(rng: np.random.Generator, seconds: float, rate: int) -> Samples64:
    t = np.arange(int(seconds * rate)) / rate
    return rng.normal(0.0, 0.5, t.size) * np.exp(-5.0 * t / seconds)


def _mix(track: Samples64, sound: Samples64, start: float, rate: int, gain: float) -> None:
    first = int(start * rate)
    room = track[first : first + sound.size]
    room += gain * sound[: room.size]
