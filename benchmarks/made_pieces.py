"""Music made from nothing but numpy, so that its tempo and key are known exactly.

Small bands in twelve styles: drums of noise and falling sines, a bass, chords with overtones, a melody. They
are no substitute for recordings, but nobody can argue about their tempo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True)
class Style:
    """A groove of one bar on a grid of steps, and the tempi at which people play it."""

    name: str
    bpm: tuple[int, int]
    beats: int
    steps_per_beat: int
    kick: str
    snare: str
    hat: str
    bass: str
    chords: str
    swing: float = 0.0
    """By how much of a step every second one comes late."""


STYLES = (
    Style("rock", (95, 155), 4, 2, "x...x...", "..x...x.", "xxxxxxxx", "xxxxxxxx", "x......."),
    Style("ballad", (58, 80), 4, 4, "x.......x.x.....", "....x.......x...", "x.x.x.x.x.x.x.x.",
          "x.......x.......", "x.......x......."),
    Style("disco", (110, 132), 4, 4, "x...x...x...x...", "....x.......x...", "..x...x...x...x.",
          "x.x.x.x.x.x.x.x.", "..x...x...x...x."),
    Style("hip-hop", (80, 100), 4, 4, "x......x..x.....", "....x.......x...", "x.x.x.x.x.x.x.xx",
          "x......x..x.....", "x..............."),
    Style("drum and bass", (165, 180), 4, 4, "x.........x.....", "....x.......x...", "x.x.x.x.x.x.x.x.",
          "x.....x.........", "x..............."),
    Style("reggae", (68, 84), 4, 4, "........x.......", "........x.......", "x.x.x.x.x.x.x.x.",
          "x.....x...x...x.", "....x.......x..."),
    Style("waltz", (90, 180), 3, 2, "x.....", "..x.x.", "x.x.x.", "x.....", "..x.x."),
    Style("bossa nova", (120, 150), 4, 2, "x..xx..x", "x..x..x.", "xxxxxxxx", "x..xx..x", "x..x.x.."),
    Style("shuffle", (100, 140), 4, 3, "x.....x.....", "...x.....x..", "x.xx.xx.xx.x", "x.xx.xx.xx.x",
          "x..........."),
    Style("techno", (124, 140), 4, 4, "x...x...x...x...", "....x.......x...", "..x...x...x...x.",
          "..x...x...x...x.", "x.....x....x...."),
    Style("metal", (140, 200), 4, 4, "x.x.x.x.x.x.x.x.", "....x.......x...", "x...x...x...x...",
          "xxxxxxxxxxxxxxxx", "x.x.x.xxx.x.x.xx"),
    Style("funk", (96, 116), 4, 4, "x..x..x...x..x..", "....x..x.x..x...", "xxxxxxxxxxxxxxxx",
          "x..x..x...x..x..", "..x...x...x.x...", 0.1),
)  # fmt: skip

_PROGRESSIONS = {
    "major": ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (0, 5, 1, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 6, 0)),
}


@dataclass(frozen=True)
class Piece:
    """A made piece and what is true of it."""

    y: Sound
    style: str
    bpm: float
    tonic: int
    scale: str


def make_piece(style: Style, seed: int, *, duration_s: float = 40.0, sr: int = 44_100) -> Piece:
    """Play a style at a random tempo in a random key, with the small unevenness of people."""
    rng = np.random.default_rng(seed)
    bpm = float(rng.uniform(*style.bpm))
    tonic, scale = int(rng.integers(12)), str(rng.choice(["major", "minor"]))
    band = _Band(style, bpm, tonic, scale, rng, duration_s, sr)
    return Piece(band.play(), style.name, bpm, tonic, scale)


class _Band:
    def __init__(
        self,
        style: Style,
        bpm: float,
        tonic: int,
        scale: str,
        rng: np.random.Generator,
        duration_s: float,
        sr: int,
    ) -> None:
        self.style, self.tonic, self.scale, self.rng, self.sr = style, tonic, scale, rng, sr
        self.beat_s = 60 / bpm
        self.step_s = self.beat_s / style.steps_per_beat
        self.n_bars = int(duration_s / (self.beat_s * style.beats))
        self.out = np.zeros(int((duration_s + 2) * sr), np.float32)
        self.drums = {"kick": kick(sr), "snare": snare(sr, rng), "hat": hat(sr, rng)}
        self.levels = dict(
            zip(("kick", "snare", "hat", "bass", "chords", "melody"), rng.uniform(0.4, 1, 6), strict=True)
        )

    def play(self) -> Sound:
        progression = _PROGRESSIONS[self.scale][int(self.rng.integers(4))]
        for bar in range(self.n_bars):
            degree = progression[bar % 4]
            start = bar * self.beat_s * self.style.beats
            for name, drum in self.drums.items():
                self._groove(getattr(self.style, name), start, lambda _, d=drum: d, self.levels[name])
            chord = [self._pitch(degree + third, major_dominant=degree == 4) for third in (0, 2, 4)]
            self._groove(self.style.bass, start, self._note(chord[0] - 24, 1.2), 0.5 * self.levels["bass"])
            for pitch in chord:
                self._groove(self.style.chords, start, self._note(pitch, 3.0), 0.22 * self.levels["chords"])
            self._melody(chord, start)
        return self.out / max(float(np.abs(self.out).max()), 1e-9) * np.float32(0.8)

    def _pitch(self, degree: int, *, major_dominant: bool = False) -> int:
        scale = MAJOR if self.scale == "major" else MINOR
        raised = self.scale == "minor" and major_dominant and degree % 7 == 6
        return 60 + self.tonic + scale[degree % 7] + 12 * (degree // 7) + int(raised)

    def _melody(self, chord: list[int], start: float) -> None:
        for beat in range(self.style.beats):
            if self.rng.random() < 0.6:
                pitch = int(self.rng.choice(chord)) + 12
                sound = tone(pitch, self.beat_s, self.sr)
                self._add(sound, start + beat * self.beat_s, 0.3 * self.levels["melody"])

    def _note(self, pitch: int, steps: float) -> Callable[[int], Sound]:
        sound = tone(pitch, steps * self.step_s, self.sr)
        return lambda _: sound

    def _groove(self, pattern: str, start: float, sound: Callable[[int], Sound], level: float) -> None:
        for step, mark in enumerate(pattern):
            if mark == "x":
                late = self.style.swing * self.step_s * (step % 2)
                accent = 1.0 if step % self.style.steps_per_beat == 0 else 0.8
                self._add(sound(step), start + step * self.step_s + late, level * accent)

    def _add(self, sound: Sound, at_s: float, level: float) -> None:
        at = max(int((at_s + self.rng.normal(0, 0.004)) * self.sr), 0)
        piece = self.out[at : at + len(sound)]
        piece += np.float32(level * self.rng.uniform(0.85, 1)) * sound[: len(piece)]


def tone(midi: int, duration_s: float, sr: int) -> Sound:
    """A plucked tone with eight falling overtones."""
    t = np.arange(int((duration_s + 0.05) * sr)) / sr
    hertz = 440 * 2 ** ((midi - 69) / 12)
    partials = [h for h in range(1, 9) if hertz * h < 0.45 * sr]
    wave = sum((0.6 ** (h - 1)) * np.sin(2 * np.pi * hertz * h * t + h) for h in partials)
    envelope = np.minimum(t / 0.005, 1) * np.exp(-2 * t) * np.clip((duration_s + 0.05 - t) / 0.05, 0, 1)
    return np.asarray(wave * envelope, np.float32)


def kick(sr: int) -> Sound:
    """A sine that falls from 160 to 50 Hz."""
    t = np.arange(int(0.25 * sr)) / sr
    phase = 2 * np.pi * (50 * t + 110 * 0.03 * (1 - np.exp(-t / 0.03)))
    return np.asarray(np.sin(phase) * np.exp(-t / 0.08), np.float32)


def snare(sr: int, rng: np.random.Generator) -> Sound:
    """Noise over a short 190 Hz tone."""
    t = np.arange(int(0.2 * sr)) / sr
    body = 0.5 * np.sin(2 * np.pi * 190 * t) * np.exp(-t / 0.04)
    return np.asarray(body + 0.5 * rng.normal(size=len(t)) * np.exp(-t / 0.06), np.float32)


def hat(sr: int, rng: np.random.Generator) -> Sound:
    """Short high noise."""
    t = np.arange(int(0.06 * sr)) / sr
    noise = np.diff(rng.normal(size=len(t) + 1))
    return np.asarray(0.25 * noise * np.exp(-t / 0.015), np.float32)


def cadence(tonic: int, scale: str, *, sr: int = 44_100, tuning_cents: float = 0.0) -> Sound:
    """I-IV-V-I twice, in root position with a bass; the dominant of minor is major."""
    third = 4 if scale == "major" else 3
    chords = ((0, third, 7), (5, 5 + third, 12), (7, 11, 14), (0, third, 7))
    shift = tuning_cents / 100
    bars = [
        np.sum([tone(48 + tonic + p + shift, 1.0, sr) for p in (*chord, chord[0] - 12)], axis=0)
        for chord in chords * 2
    ]
    return np.concatenate(bars).astype(np.float32) * np.float32(0.2)
