"""A very small synthesiser: notes and drums as mono float arrays at `SR`.

All functions are pure; loudness is around 1.0 at the peak and the mixer scales it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SR = 44_100
"""Sampling rate of everything here, in Hz."""

Samples = NDArray[np.float64]


def midi_to_hz(note: float) -> float:
    """Return the frequency of a MIDI note number (69 is A4, 440 Hz)."""
    return float(440.0 * 2.0 ** ((note - 69.0) / 12.0))


def envelope(n: int, *, attack_s: float, release_s: float) -> Samples:
    """Return a linear attack, a plateau and an exponential release over `n` samples."""
    t = np.arange(n) / SR
    rise = np.minimum(t / max(attack_s, 1e-4), 1.0)
    fall = np.minimum(1.0, np.exp(-(t - (n / SR - 2 * release_s)) / max(release_s, 1e-4)))
    return np.asarray(rise * fall)


def decay(n: int, half_life_s: float) -> Samples:
    """Return an exponential decay that halves every `half_life_s` seconds."""
    return np.asarray(0.5 ** (np.arange(n) / SR / half_life_s))


def harmonics(hz: float, seconds: float, partials: list[float], *, vibrato: float = 0.0) -> Samples:
    """Return a sum of sines at the multiples of `hz` with the given amplitudes, below 16 kHz."""
    t = np.arange(int(seconds * SR)) / SR
    phase = 2 * np.pi * hz * t + vibrato * np.sin(2 * np.pi * 5.2 * t)
    tones = [a * np.sin((k + 1) * phase) for k, a in enumerate(partials) if hz * (k + 1) < 16_000]
    return np.asarray(np.sum(tones, axis=0)) if tones else np.zeros_like(t)


def saw(hz: float, seconds: float, *, detune: float = 0.0) -> Samples:
    """Return a sawtooth; with `detune` (a ratio) three of them beating against each other."""
    t = np.arange(int(seconds * SR)) / SR
    ratios = (1.0, 1.0 + detune, 1.0 - detune) if detune else (1.0,)
    return np.asarray(sum(2 * ((hz * r * t) % 1.0) - 1 for r in ratios) / len(ratios))


def square(hz: float, seconds: float, *, duty: float = 0.5) -> Samples:
    """Return a pulse wave, the voice of early game consoles."""
    t = np.arange(int(seconds * SR)) / SR
    return np.where((hz * t) % 1.0 < duty, 1.0, -1.0)


def plucked(hz: float, seconds: float, rng: np.random.Generator, *, damping: float = 0.996) -> Samples:
    """Return a plucked string (Karplus and Strong, Computer Music Journal 7(2), 1983)."""
    period = max(2, round(SR / hz - 0.5))
    burst = np.zeros(int(seconds * SR))
    burst[:period] = rng.uniform(-1, 1, period)
    burst[:period] -= burst[:period].mean()  # an offset would ring on inaudibly
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1.0, -damping / 2, -damping / 2
    # Imported where songs are rendered: the page offers the demo library without rendering it itself.
    from scipy.signal import lfilter

    return np.asarray(lfilter([1.0], loop, burst))


def low_pass(y: Samples, hz: float) -> Samples:
    """Return `y` without what lies above `hz` (Butterworth, 12 dB per octave)."""
    return _butterworth(y, hz, "lowpass")


def high_pass(y: Samples, hz: float) -> Samples:
    """Return `y` without what lies below `hz` (Butterworth, 12 dB per octave)."""
    return _butterworth(y, hz, "highpass")


def _butterworth(y: Samples, hz: float, kind: str) -> Samples:
    from scipy.signal import butter, sosfilt

    return np.asarray(sosfilt(butter(2, hz, kind, fs=SR, output="sos"), y))


def overdrive(y: Samples, gain: float) -> Samples:
    """Return `y` driven into soft clipping."""
    return np.tanh(gain * y)


def kick(seconds: float = 0.28) -> Samples:
    """Return a bass drum: a sine that falls from 160 to 48 Hz."""
    n = int(seconds * SR)
    t = np.arange(n) / SR
    phase = 2 * np.pi * np.cumsum(48 + 112 * np.exp(-t * 32)) / SR
    return np.asarray(np.sin(phase) * decay(n, 0.06))


def snare(rng: np.random.Generator, seconds: float = 0.2) -> Samples:
    """Return a snare drum: a short tone under a burst of noise."""
    n = int(seconds * SR)
    body = np.sin(2 * np.pi * 190 * np.arange(n) / SR) * decay(n, 0.025)
    return np.asarray(0.5 * body + 0.7 * high_pass(rng.normal(0, 0.5, n), 900) * decay(n, 0.035))


def hat(rng: np.random.Generator, seconds: float = 0.07) -> Samples:
    """Return a closed hi-hat: bright noise, quickly gone."""
    n = int(seconds * SR)
    return np.asarray(high_pass(rng.normal(0, 0.5, n), 7000) * decay(n, 0.012))


def brush(rng: np.random.Generator, seconds: float = 0.25) -> Samples:
    """Return a brushed snare: soft noise without a tone."""
    n = int(seconds * SR)
    swell = envelope(n, attack_s=0.04, release_s=0.06)
    return np.asarray(low_pass(high_pass(rng.normal(0, 0.4, n), 1500), 6000) * swell)


def wind(seconds: float, rng: np.random.Generator, hz: float = 500.0) -> Samples:
    """Return slow filtered noise."""
    noise = low_pass(rng.normal(0, 1.0, int(seconds * SR)), hz)
    t = np.arange(noise.size) / SR
    return np.asarray(noise * (0.6 + 0.4 * np.sin(2 * np.pi * 0.07 * t)))


class Mixer:
    """A stereo tape onto which sounds are placed at a time, level and pan."""

    def __init__(self, seconds: float) -> None:
        self._tape = np.zeros((2, int(seconds * SR)))

    def add(self, sound: Samples, at_s: float, level: float = 1.0, pan: float = 0.0) -> None:
        """Place `sound` at `at_s` seconds; `pan` runs from -1 (left) to 1 (right)."""
        start = int(at_s * SR)
        room = self._tape.shape[1] - start
        if room <= 0:
            return
        piece = sound[:room]
        angle = (pan + 1) * np.pi / 4
        self._tape[0, start : start + piece.size] += level * np.cos(angle) * piece
        self._tape[1, start : start + piece.size] += level * np.sin(angle) * piece

    def render(self, *, peak: float = 0.7, fade_s: float = 1.5) -> NDArray[np.float32]:
        """Return the tape, shape (2, n), with a short fade at both ends and the loudest sample at `peak`."""
        tape = self._tape.copy()
        n = min(int(fade_s * SR), tape.shape[1] // 4)
        tape[:, -n:] *= np.linspace(1, 0, n)
        tape[:, : n // 30] *= np.linspace(0, 1, n // 30)
        loudest = float(np.abs(tape).max())
        return np.asarray(tape * (peak / loudest if loudest else 1.0), dtype=np.float32)
