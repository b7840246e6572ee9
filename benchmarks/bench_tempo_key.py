"""How often are tempo and key right, and what do they cost? Ours against Essentia's, in one run.

    python benchmarks/bench_tempo_key.py [--loops DIR] [--songs DIR] [--manifest FILE] [--seeds N]

Without arguments the pieces of `made_pieces` and the 24 cadences are heard. ``--loops`` takes the samples of
Sonic Pi (``loop_*.flac``: their length is a whole number of beats), ``--songs`` a folder of Frets on Fire
songs (``notes.mid`` holds the tempo), ``--manifest`` a JSON file of rendered pieces, each
``{"path": ..., "bpm": ..., "key": ["A", "minor"], "set": ...}`` with bpm or key left out where unknown.

Essentia's RhythmExtractor2013 and KeyExtractor are compared where ``essentia`` can be imported. Both sides
get samples that were decoded once (44.1 kHz for Essentia, 16 kHz for ours); decoding is not in the times, the
mel frames that tempo shares with MusiCNN are.

Acc1: within 4 % of the tempo. Acc2: the same with factors 2, 3, 1/2 and 1/3 allowed. MIREX: 1 for the key,
0.5 for a fifth off, 0.3 for the relative, 0.2 for the parallel key.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from audiomuse.audio.key import estimate_key
from audiomuse.audio.mel import log_mel
from audiomuse.audio.tempo import estimate_tempo
from audiomuse.inference.tempocnn import TempoCNN
from audiomuse.model import PITCH_CLASSES
from made_pieces import STYLES, cadence, make_piece

try:
    import essentia
    from essentia import standard as es

    essentia.log.infoActive = essentia.log.warningActive = False
except ImportError:
    es = None

Sound = NDArray[np.float32]
Key = tuple[str, str]

RATE, OUR_RATE = 44_100, 16_000
LONGEST_S = 180.0
LOOP_BEATS = {
    "3d_printer": 16, "amen": 4, "amen_full": 16, "breakbeat": 4, "compus": 16, "electric": 4, "garzul": 16,
    "industrial": 2, "mehackit1": 4, "mehackit2": 4, "mika": 16, "perc1": 4, "perc2": 4, "safari": 16,
    "tabla": 16, "weirdo": 8,
}  # fmt: skip
"""Beats in each loop of Sonic Pi that has a beat."""
LOOP_S = 30.0
SEEDS_LOOKED_AT = 4
"""The first seeds of each style were looked at while the estimators were made; the others were not."""
SHARPS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}


@dataclass(frozen=True)
class Item:
    """A piece and what is true of it."""

    set: str
    name: str
    y: Sound
    """Mono at 44.1 kHz."""
    bpm: float | None = None
    key: Key | None = None


@dataclass
class Score:
    """What one side said about the pieces of one set."""

    acc1: list[bool]
    acc2: list[bool]
    within_1_percent: list[bool]
    exact: list[bool]
    mirex: list[float]


@dataclass
class Side:
    """One way of hearing, its answers and its time."""

    name: str
    scores: defaultdict[str, Score]
    tempo_s: float = 0.0
    key_s: float = 0.0

    @classmethod
    def called(cls, name: str) -> Side:
        return cls(name, defaultdict(lambda: Score([], [], [], [], [])))

    def hear(self, item: Item) -> tuple[float | None, Key | None]:
        raise NotImplementedError

    def judge(self, item: Item) -> None:
        bpm, key = self.hear(item)
        score = self.scores[item.set]
        if item.bpm is not None:
            score.acc1.append(near(bpm, item.bpm, 0.04, (1,)))
            score.acc2.append(near(bpm, item.bpm, 0.04, (1, 2, 3, 1 / 2, 1 / 3)))
            score.within_1_percent.append(near(bpm, item.bpm, 0.01, (1, 2, 3, 1 / 2, 1 / 3)))
        if item.key is not None:
            score.mirex.append(mirex(key, item.key))
            score.exact.append(key == item.key)


class Ours(Side):
    """`estimate_tempo` with TempoCNN, and `estimate_key`."""

    network = TempoCNN()

    def hear(self, item: Item) -> tuple[float | None, Key | None]:
        y = soxr.resample(item.y, RATE, OUR_RATE)
        start = time.process_time()
        tempo = estimate_tempo(y, log_mel(y), network=self.network)
        between = time.process_time()
        key = estimate_key(y)
        self.tempo_s += between - start
        self.key_s += time.process_time() - between
        return tempo and tempo.bpm, key and (key.tonic, key.scale)


class Essentias(Side):
    """RhythmExtractor2013 (multifeature) and KeyExtractor (bgate), as the original recipe uses them."""

    def hear(self, item: Item) -> tuple[float | None, Key | None]:
        start = time.process_time()
        bpm = es.RhythmExtractor2013()(item.y)[0]
        between = time.process_time()
        tonic, scale, _ = es.KeyExtractor()(item.y)
        self.tempo_s += between - start
        self.key_s += time.process_time() - between
        return float(bpm), (SHARPS.get(tonic, tonic), scale)


def near(bpm: float | None, truth: float, tolerance: float, factors: Iterable[float]) -> bool:
    """Tell whether a tempo is right, up to the factors."""
    return bpm is not None and any(abs(bpm / (truth * f) - 1) <= tolerance for f in factors)


def mirex(key: Key | None, truth: Key) -> float:
    """Score a key by the rules of MIREX."""
    if key is None:
        return 0.0
    steps = (PITCH_CLASSES.index(key[0]) - PITCH_CLASSES.index(truth[0])) % 12
    if key[1] == truth[1]:
        return {0: 1.0, 7: 0.5, 5: 0.5}.get(steps, 0.0)
    relative = 9 if truth[1] == "major" else 3
    return {0: 0.2, relative: 0.3}.get(steps, 0.0)


# --- pieces ------------------------------------------------------------------------------------------


def made_items(n_seeds: int) -> Iterator[Item]:
    for number, style in enumerate(STYLES):
        for seed in range(n_seeds):
            piece = make_piece(style, seed + 100 * number, sr=RATE)
            part = "made-seen" if seed < SEEDS_LOOKED_AT else "made-held-out"
            key = (PITCH_CLASSES[piece.tonic], piece.scale)
            yield Item(part, f"{style.name} {seed}", piece.y, piece.bpm, key)


def cadence_items() -> Iterator[Item]:
    for tonic, name in enumerate(PITCH_CLASSES):
        for scale in ("major", "minor"):
            y = cadence(tonic, scale, sr=RATE)
            yield Item("cadences", f"{name} {scale}", y, key=(name, scale))


def loop_items(folder: Path) -> Iterator[Item]:
    for name, beats in LOOP_BEATS.items():
        for path in sorted(folder.rglob(f"loop_{name}.flac")):
            y = load(path)
            bpm = 60 * beats / (len(y) / RATE)
            yield Item("loops", name, np.tile(y, int(np.ceil(LOOP_S * RATE / len(y)))), bpm)


def song_items(folder: Path) -> Iterator[Item]:
    for notes in sorted(folder.rglob("notes.mid")):
        parts = [load(path) for path in (notes.with_name("song.ogg"), notes.with_name("guitar.ogg"))]
        y = np.sum([part[: min(map(len, parts))] for part in parts], axis=0)
        yield Item("songs", notes.parent.name, 0.5 * y.astype(np.float32), only_tempo(notes))


def manifest_items(manifest: Path) -> Iterator[Item]:
    for entry in json.loads(manifest.read_text()):
        path = manifest.parent / entry["path"]
        key = tuple(entry["key"]) if "key" in entry else None
        yield Item(entry["set"], path.stem, load(path), entry.get("bpm"), key)


def only_tempo(midi: Path) -> float:
    """Read the tempo of a MIDI file that has one tempo: a set-tempo event is FF 51 03 and microseconds."""
    events = midi.read_bytes().split(b"\xff\x51\x03")[1:]
    tempi = {int.from_bytes(event[:3], "big") for event in events}
    if len(tempi) != 1:
        raise SystemExit(f"{midi}: expected one tempo, found {sorted(tempi)}")
    return 60e6 / tempi.pop()


def load(path: Path) -> Sound:
    """Decode to mono at 44.1 kHz, at most three minutes."""
    blocks: list[Sound] = []
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        for frame in file.decode(stream):
            blocks += [piece.to_ndarray().mean(axis=0) for piece in resampler.resample(frame)]
            if frame.time is not None and frame.time > LONGEST_S:
                break
        rate = stream.rate
    y = np.concatenate(blocks).astype(np.float32)
    return y if rate == RATE else np.asarray(soxr.resample(y, rate, RATE), np.float32)


# --- report ------------------------------------------------------------------------------------------


def report(sides: list[Side], seconds: float) -> None:
    for part in sides[0].scores:
        for side in sides:
            score = side.scores[part]
            if score.acc1:
                print(
                    f"BENCH tempo set={part} by={side.name} n={len(score.acc1)} acc1={mean(score.acc1)} "
                    f"acc2={mean(score.acc2)} acc2_within_1_percent={mean(score.within_1_percent)}"
                )
            if score.mirex:
                print(
                    f"BENCH key set={part} by={side.name} n={len(score.mirex)} exact={mean(score.exact)} "
                    f"mirex={mean(score.mirex)}"
                )
    for side in sides:
        minutes = seconds / 60
        print(
            f"BENCH cost by={side.name} tempo_s_per_min={side.tempo_s / minutes:.4f} "
            f"key_s_per_min={side.key_s / minutes:.4f}"
        )
    if len(sides) == 2:
        ours, theirs = sides
        print(
            f"BENCH ratio tempo_times_cheaper={theirs.tempo_s / ours.tempo_s:.1f} "
            f"key_times_cheaper={theirs.key_s / ours.key_s:.1f} {pairs(ours, theirs)}"
        )


def pairs(ours: Side, theirs: Side) -> str:
    """Count the pieces outside the seen ones that only one side got right."""
    counts: dict[str, int] = defaultdict(int)
    for part in ours.scores:
        if part.endswith("-seen") or part == "cadences":
            continue
        for what in ("acc1", "exact"):
            a, b = getattr(ours.scores[part], what), getattr(theirs.scores[part], what)
            counts[f"{what}_only_ours"] += sum(x and not y for x, y in zip(a, b, strict=True))
            counts[f"{what}_only_essentia"] += sum(y and not x for x, y in zip(a, b, strict=True))
    return " ".join(f"{name}={count}" for name, count in counts.items())


def mean(values: list[Any]) -> str:
    return f"{np.mean(values):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loops", type=Path, help="folder with the samples of Sonic Pi")
    parser.add_argument("--songs", type=Path, action="append", default=[], help="Frets on Fire songs")
    parser.add_argument("--manifest", type=Path, help="JSON list of rendered pieces")
    parser.add_argument("--seeds", type=int, default=8, help="made pieces of each style")
    arguments = parser.parse_args()

    sides: list[Side] = [Ours.called("ours")]
    if es is not None:
        sides.append(Essentias.called("essentia"))
    sources = [made_items(arguments.seeds), cadence_items()]
    sources += [loop_items(arguments.loops)] if arguments.loops else []
    sources += [song_items(folder) for folder in arguments.songs]
    sources += [manifest_items(arguments.manifest)] if arguments.manifest else []
    seconds = 0.0
    for source in sources:
        for item in source:
            seconds += len(item.y) / RATE
            for side in sides:
                side.judge(item)
    report(sides, seconds)


if __name__ == "__main__":
    main()
