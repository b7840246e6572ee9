"""The styles of the demo library: each function plays one song of its style onto a tape.

A style gets a tempo, a tonic (MIDI note), a scale and a random generator, and returns a mixed stereo array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.services.demo import synth
from audiomuse.services.demo.synth import Mixer, midi_to_hz

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
_PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4), (5, 3, 0, 4), (0, 2, 3, 4))


@dataclass(frozen=True, slots=True)
class Score:
    """What a song is made from."""

    bpm: float
    tonic: int
    """MIDI note of the tonic in the octave of middle C."""
    scale: tuple[int, ...]
    seconds: float
    rng: np.random.Generator

    @property
    def beat_s(self) -> float:
        return 60.0 / self.bpm

    def beats(self, step: float = 1.0) -> NDArray[np.float64]:
        """Return the times of every `step` beats, in seconds."""
        return np.arange(0, self.seconds, self.beat_s * step)

    def degree(self, step: int, octave: int = 0) -> float:
        """Return the frequency of a scale step, in Hz."""
        turn, index = divmod(step, len(self.scale))
        return midi_to_hz(self.tonic + self.scale[index] + 12 * (turn + octave))

    def progression(self) -> tuple[int, ...]:
        """Return the root steps of four chords."""
        return _PROGRESSIONS[int(self.rng.integers(len(_PROGRESSIONS)))]


def ambient(score: Score) -> NDArray[np.float32]:
    """Slow pads over wind; no beat at all."""
    tape, chords = Mixer(score.seconds), score.progression()
    for i, at in enumerate(np.arange(0, score.seconds, 8.0)):
        root = chords[i % 4]
        for step in (0, 2, 4, 8):
            tone = synth.harmonics(score.degree(root + step, -1), 11.0, [1, 0.4, 0.2, 0.08], vibrato=0.6)
            shaped = tone * synth.envelope(tone.size, attack_s=3.0, release_s=1.6)
            tape.add(synth.low_pass(shaped, 1400), at, 0.2, float(score.rng.uniform(-0.8, 0.8)))
    tape.add(synth.wind(score.seconds, score.rng), 0, 0.25)
    return tape.render(peak=0.45, fade_s=3)


def house(score: Score) -> NDArray[np.float32]:
    """Four on the floor, off-beat hats, detuned stabs and a rolling bass."""
    tape, chords = Mixer(score.seconds), score.progression()
    kick, hat, clap = synth.kick(), synth.hat(score.rng), synth.snare(score.rng)
    for i, at in enumerate(score.beats()):
        tape.add(kick, at, 1.0)
        tape.add(hat, at + score.beat_s / 2, 0.5, 0.2)
        if i % 2:
            tape.add(clap, at, 0.45)
        root = chords[(i // 4) % 4]
        for offbeat in (0.5, 0.75):
            bass = synth.low_pass(synth.saw(score.degree(root, -3), score.beat_s * 0.22), 420)
            tape.add(bass, at + offbeat * score.beat_s, 0.7)
        if i % 4 in (0, 2):
            for step in (0, 2, 4, 6):
                stab = synth.saw(score.degree(root + step), 0.22, detune=0.006)
                shaped = stab * synth.decay(stab.size, 0.07)
                tape.add(synth.low_pass(shaped, 3200), at + 0.75 * score.beat_s, 0.16, step / 8 - 0.4)
    return tape.render(peak=0.9)


def metal(score: Score) -> NDArray[np.float32]:
    """Palm-muted power chords through an overdriven amplifier, double bass drum."""
    tape, chords = Mixer(score.seconds), score.progression()
    kick, snare, hat = synth.kick(0.16), synth.snare(score.rng, 0.24), synth.hat(score.rng, 0.12)
    riff = score.rng.permutation([1, 1, 0, 1, 1, 0, 1, 1])
    for i, at in enumerate(score.beats(0.5)):
        tape.add(kick, at, 0.8)
        tape.add(kick, at + score.beat_s / 4, 0.6)
        tape.add(hat, at, 0.25, 0.3)
        if i % 4 == 2:
            tape.add(snare, at, 1.0)
        if not riff[i % 8]:
            continue
        root = chords[(i // 8) % 4]
        chord = sum(
            synth.saw(score.degree(root, -2) * r, score.beat_s * 0.48, detune=0.003) for r in (1, 1.5, 2)
        )
        driven = synth.low_pass(synth.overdrive(np.asarray(chord), 6.0), 4800)
        shaped = driven * synth.envelope(driven.size, attack_s=0.003, release_s=0.04)
        tape.add(shaped, at, 0.5, -0.6)
        tape.add(shaped, at + 0.009, 0.5, 0.6)
    return tape.render(peak=0.97)


def piano(score: Score) -> NDArray[np.float32]:
    """A quiet solo piano: broken chords under a wandering melody."""
    tape, chords = Mixer(score.seconds), score.progression()
    partials = [1, 0.55, 0.32, 0.2, 0.12, 0.08, 0.05]
    step = int(score.rng.integers(5, 9))
    for i, at in enumerate(score.beats(0.5)):
        root = chords[(i // 8) % 4]
        broken = (0, 4, 7, 9, 7, 4, 2, 4)[i % 8]
        left = synth.harmonics(score.degree(root + broken, -2), 1.6, partials)
        tape.add(left * synth.decay(left.size, 0.35), at, 0.3, -0.25)
        if i % 2 == 0 and score.rng.random() < 0.7:
            step = int(np.clip(step + score.rng.integers(-2, 3), 3, 12))
            right = synth.harmonics(score.degree(step), 2.2, partials)
            tape.add(right * synth.decay(right.size, 0.45), at, 0.42, 0.2)
    return tape.render(peak=0.5, fade_s=2.5)


def folk(score: Score) -> NDArray[np.float32]:
    """A finger-picked steel-string guitar with a second one strumming."""
    tape, chords = Mixer(score.seconds), score.progression()
    for i, at in enumerate(score.beats(0.5)):
        root = chords[(i // 8) % 4]
        step = (0, 4, 2, 7, 4, 9, 2, 4)[i % 8]
        tape.add(synth.plucked(score.degree(root + step, -1), 1.4, score.rng), at, 0.5, -0.3)
        if i % 4 in (0, 3):
            for k, chord_step in enumerate((0, 2, 4, 7)):
                string = synth.plucked(score.degree(root + chord_step), 0.9, score.rng, damping=0.99)
                tape.add(synth.high_pass(string, 200), at + 0.012 * k, 0.22, 0.5)
    return tape.render(peak=0.6, fade_s=2)


def chiptune(score: Score) -> NDArray[np.float32]:
    """Two pulse waves, arpeggios and noise drums of an old game console."""
    tape, chords = Mixer(score.seconds), score.progression()
    tick = synth.hat(score.rng, 0.05)
    step = 7
    for i, at in enumerate(score.beats(0.25)):
        root = chords[(i // 16) % 4]
        arpeggio = synth.square(score.degree(root + (0, 2, 4, 7)[i % 4]), score.beat_s * 0.24, duty=0.25)
        tape.add(arpeggio, at, 0.25, 0.3)
        if i % 2 == 0:
            step = int(np.clip(step + score.rng.integers(-2, 3), 4, 12))
            lead = synth.square(score.degree(step, 0), score.beat_s * 0.45)
            tape.add(lead, at, 0.3, -0.2)
            tape.add(tick, at, 0.35)
        if i % 4 == 0:
            bass = synth.square(score.degree(root, -2), score.beat_s * 0.8)
            tape.add(bass, at, 0.35)
    return tape.render(peak=0.8)


def hip_hop(score: Score) -> NDArray[np.float32]:
    """A slow swung beat with a deep bass and a dusty chord loop."""
    tape, chords = Mixer(score.seconds), score.progression()
    kick, snare, hat = synth.kick(0.4), synth.snare(score.rng), synth.hat(score.rng)
    for i, at in enumerate(score.beats()):
        root = chords[(i // 4) % 4]
        if i % 4 in (0, 2):
            tape.add(kick, at + (score.beat_s * 0.5 if i % 4 == 2 else 0), 1.0)
        if i % 2:
            tape.add(snare, at, 0.7)
        for swing in (0.0, 0.58):
            tape.add(hat, at + swing * score.beat_s, 0.3, -0.3)
        bass = synth.harmonics(score.degree(root, -3), score.beat_s * 0.9, [1, 0.3])
        tape.add(bass * synth.envelope(bass.size, attack_s=0.01, release_s=0.1), at, 0.7)
        if i % 4 == 0:
            for chord_step in (0, 2, 4, 6):
                keys = synth.harmonics(score.degree(root + chord_step), score.beat_s * 3, [1, 0.2, 0.3])
                tape.add(synth.low_pass(keys * synth.decay(keys.size, 0.5), 1800), at, 0.14, 0.2)
    return tape.render(peak=0.85)


def jazz(score: Score) -> NDArray[np.float32]:
    """A walking bass, brushes, soft seventh chords and a reed that improvises."""
    tape, chords = Mixer(score.seconds), score.progression()
    brush, ride = synth.brush(score.rng), synth.hat(score.rng, 0.2)
    step = 7
    for i, at in enumerate(score.beats()):
        root = chords[(i // 4) % 4]
        walk = synth.plucked(
            score.degree(root + (0, 2, 4, 6)[i % 4], -2), score.beat_s, score.rng, damping=0.985
        )
        tape.add(synth.low_pass(walk, 900), at, 1.1, -0.1)
        tape.add(brush, at, 0.3, 0.3)
        tape.add(ride, at, 0.18, 0.5)
        if i % 2:
            tape.add(ride, at + 0.66 * score.beat_s, 0.14, 0.5)
        if i % 4 == 1:
            for chord_step in (0, 2, 4, 6):
                keys = synth.harmonics(score.degree(root + chord_step), 0.9, [1, 0.35, 0.15])
                tape.add(keys * synth.decay(keys.size, 0.25), at + 0.5 * score.beat_s, 0.16, -0.4)
        if score.rng.random() < 0.75:
            step = int(np.clip(step + score.rng.integers(-3, 4), 4, 13))
            reed = synth.harmonics(
                score.degree(step), score.beat_s * 0.7, [1, 0.1, 0.6, 0.1, 0.35], vibrato=0.25
            )
            shaped = reed * synth.envelope(reed.size, attack_s=0.04, release_s=0.05)
            tape.add(shaped, at + float(score.rng.choice([0, 0.66])) * score.beat_s, 0.25, 0.15)
    return tape.render(peak=0.6)


@dataclass(frozen=True, slots=True)
class Style:
    """A style: how it is played, how fast, and who plays it."""

    name: str
    play: Callable[[Score], NDArray[np.float32]]
    bpm: tuple[int, int]
    scale: tuple[int, ...]
    artists: tuple[str, ...]
    words: tuple[str, ...]
    """Words its titles are made of."""


STYLES: tuple[Style, ...] = (
    Style("Ambient", ambient, (60, 80), MAJOR, ("Slow Tide", "Halina Frost", "Far Lamps"),
          ("Drift", "Haze", "Harbour", "Snowline", "Stillness", "Blue Hour")),
    Style("House", house, (120, 128), MINOR, ("Club Meridian", "Ada Volt", "Neon Orchard"),
          ("Lift", "Night Bus", "Strobe", "Warehouse", "Again", "Sunday 6AM")),
    Style("Metal", metal, (140, 180), MINOR, ("Iron Heron", "Gravel Choir", "Wolfram"),
          ("Anvil", "Red Winter", "Siege", "Black Quarry", "Oathbreaker", "Furnace")),
    Style("Piano", piano, (66, 92), MAJOR, ("Ines Calder", "Theo Marsh", "Lune Ateliers"),
          ("Letter", "Rain Study", "Small Hours", "Window", "First Snow", "Nocturne in Passing")),
    Style("Folk", folk, (88, 112), MAJOR, ("The Larch Sisters", "Owen Fell", "Barley & Stone"),
          ("River Road", "Hollow Tree", "Lantern", "Old Coat", "Ferryman", "Harvest Home")),
    Style("Chiptune", chiptune, (130, 165), MAJOR, ("Pixel Parade", "Cartridge Kid", "8 Bit Orchard"),
          ("Level Up", "Coin Rain", "Boss Door", "Save Point", "Turbo", "Castle Roof")),
    Style("Hip-Hop", hip_hop, (80, 94), MINOR, ("MC Transit", "Dusty Fader", "Corner Theory"),
          ("Late Line", "Block Map", "Payphone", "Loose Change", "Rooftop", "Second Verse")),
    Style("Jazz", jazz, (104, 138), MINOR, ("Marlow Quartet", "Birdie Lane Trio", "Cafe Obscura"),
          ("Blue Ticket", "After Closing", "Smoke Ring", "Half Past", "Walking Home", "Velvet")),
)  # fmt: skip
