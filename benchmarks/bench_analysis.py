"""What does it cost to hear a song? Bare decoding, our whole analysis and the original recipe, interleaved.

    python benchmarks/bench_analysis.py [--dir DIR] [--songs N] [--many N]
        [--original-python PYTHON --models FOLDER]

DIR holds music; N songs longer than a minute are taken, spread evenly over it. Without DIR songs are made.
The original recipe runs where a Python with ``essentia-tensorflow`` is given (default: this one, if it has
it) and the two frozen graphs that ``tools/export_musicnn_pb.py FOLDER`` writes; it is compared on the songs
that it can read. ``--many`` lets one worker hear that many songs in a row (the same files again and again)
and tells whether its memory grows.

Every figure is CPU seconds, user and system, of all threads; ``s_min`` is per minute of audio. Ours is
measured in the worker process that users run, after its first song.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

from audiomuse.audio.decode import open_audio
from audiomuse.errors import AudioError
from audiomuse.services.hearing import HearingConfig, IsolatedListener
from made_pieces import STYLES, make_piece

SUFFIXES = {".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wav", ".wma", ".aiff", ".wv"}
SHORTEST_S = 60.0
RECIPE = Path(__file__).parent / "original_recipe.py"


@dataclass
class Costs:
    """CPU seconds of each side over the songs heard so far."""

    minutes: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)

    def add(self, minutes: float, **cpu_s: float) -> None:
        self.minutes += minutes
        for side, seconds in cpu_s.items():
            self.cpu_s[side] = self.cpu_s.get(side, 0.0) + seconds

    def ratio(self, side: str, other: str) -> float:
        return self.cpu_s[side] / self.cpu_s[other]

    def __str__(self) -> str:
        return f"minutes={self.minutes:.0f} {cpu_line(self.cpu_s, self.minutes)}"


class Ours:
    """The worker process of the native backend."""

    def __init__(self) -> None:
        self._listener = IsolatedListener(HearingConfig())
        started = time.monotonic()
        assert self._listener.features_version
        self.cold_start_s = time.monotonic() - started

    def hear(self, path: Path) -> tuple[float, float]:
        """Hear one song; return CPU seconds and its length in minutes."""
        before = self._cpu_seconds()
        features = self._listener.hear(path)
        return self._cpu_seconds() - before, features.duration_s / 60

    @property
    def peak_mb(self) -> float:
        """Largest memory that the worker ever held."""
        assert self._listener.child_pid is not None
        status = Path(f"/proc/{self._listener.child_pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1000

    @property
    def resident_mb(self) -> float:
        """Memory that the worker holds now."""
        return psutil.Process(self._listener.child_pid).memory_info().rss / 1e6

    def close(self) -> None:
        self._listener.close()

    def _cpu_seconds(self) -> float:
        times = psutil.Process(self._listener.child_pid).cpu_times()
        return times.user + times.system


class Original:
    """The original recipe in its own process, started anew when a file that it cannot read aborts it."""

    def __init__(self, python: str, models: Path) -> None:
        self._command = [python, str(RECIPE), str(models / "musicnn.pb"), str(models / "musicnn_head.pb")]
        self._process: subprocess.Popen[str] | None = None
        self.peak_mb = 0.0

    def hear(self, path: Path) -> float | None:
        """Hear one song; return CPU seconds, None if the recipe cannot read it."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self.close()
            return None
        answer: dict[str, Any] = json.loads(line)
        self.peak_mb = max(self.peak_mb, float(answer["peak_mb"]))
        return None if answer["cpu_s"] is None else float(answer["cpu_s"])

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def main() -> None:
    """Print one line a song, then the totals."""
    options = parse_arguments()
    with songs_of(options.dir, options.songs) as songs:
        ours = Ours()
        original = open_original(options)
        try:
            compare(songs, ours, original)
            if options.many:
                hear_many(songs, ours, options.many)
        finally:
            ours.close()
            if original is not None:
                original.close()


def compare(songs: list[Path], ours: Ours, original: Original | None) -> None:
    """Let every side have each song in turn."""
    every, readable = Costs(), Costs()
    ours.hear(songs[0])
    for song in songs:
        ours_s, minutes = ours.hear(song)
        cpu = {"ffmpeg": ffmpeg_seconds(song), "pyav": pyav_seconds(song), "ours": ours_s}
        every.add(minutes, **cpu)
        if original is not None and (seconds := original.hear(song)) is not None:
            cpu["original"] = seconds
            readable.add(minutes, **cpu)
        print(f"BENCH analysis_song format={song.suffix[1:]} minutes={minutes:.1f} {cpu_line(cpu, minutes)}")
        sys.stdout.flush()
    ratios = " ".join(f"ratio_to_{side}={every.ratio('ours', side):.2f}" for side in ("ffmpeg", "pyav"))
    print(f"BENCH analysis songs={len(songs)} {every} {ratios}")
    print(f"BENCH analysis_worker peak_rss_mb={ours.peak_mb:.0f} cold_start_wall_s={ours.cold_start_s:.2f}")
    if original is not None and readable.minutes:
        cheaper = readable.ratio("original", "ours")
        memory = f"original_peak_rss_mb={original.peak_mb:.0f}"
        print(f"BENCH analysis_original {readable} times_cheaper={cheaper:.1f} {memory}")


def cpu_line(cpu_s: dict[str, float], minutes: float) -> str:
    """Write what each side costs per minute of audio."""
    return " ".join(f"{side}_s_min={seconds / minutes:.4f}" for side, seconds in cpu_s.items())


def hear_many(songs: list[Path], ours: Ours, n: int) -> None:
    """Hear `n` songs in one worker and compare its memory after a tenth of them with that after all."""
    early = max(n // 10, 1)
    early_mb = 0.0
    for i in range(n):
        ours.hear(songs[i % len(songs)])
        if i + 1 == early:
            early_mb = ours.resident_mb
    growth = ours.resident_mb - early_mb
    print(
        f"BENCH analysis_many songs={n} rss_after_{early}_mb={early_mb:.0f} "
        f"rss_after_{n}_mb={ours.resident_mb:.0f} growth_mb={growth:.1f} peak_rss_mb={ours.peak_mb:.0f}"
    )


def ffmpeg_seconds(path: Path) -> float:
    """Decode with the ffmpeg program, at the file's own rate and channels, to nowhere."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", f"file:{path}"]
    subprocess.run([*command, "-map", "0:a:0", "-f", "null", "-"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pyav_seconds(path: Path) -> float:
    """Decode in this process and look at no sample."""
    before = time.process_time()
    with av.open(f"file:{path}") as container:
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            packet.decode()
    return time.process_time() - before


@contextmanager
def songs_of(folder: Path | None, n: int) -> Iterator[list[Path]]:
    """Choose `n` songs longer than a minute, spread over `folder`; make some if there is none."""
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            yield make_songs(Path(made), min(n, 4))
        return
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    long = [path for path in files if (duration_s(path) or 0.0) >= SHORTEST_S]
    if not long:
        sys.exit(f"{folder} holds no music longer than a minute")
    yield [long[int(i * len(long) / n)] for i in range(n)] if len(long) > n else long


def duration_s(path: Path) -> float | None:
    try:
        with open_audio(path) as file:
            return file.claimed_duration_s
    except AudioError:
        return None


def make_songs(folder: Path, n: int) -> list[Path]:
    """Write `n` made pieces of three minutes as stereo MP3."""
    songs = []
    for number in range(n):
        mono = make_piece(STYLES[number % len(STYLES)], number, duration_s=180.0).y
        path = folder / f"{number}.mp3"
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libmp3lame", rate=44_100, layout="stereo", bit_rate=192_000)
            frame = av.AudioFrame.from_ndarray(np.stack([mono, mono]), format="fltp", layout="stereo")
            frame.sample_rate = 44_100
            for piece in av.AudioResampler(format="fltp", frame_size=1152).resample(frame):
                file.mux(stream.encode(piece))
            file.mux(stream.encode(None))
        songs.append(path)
    return songs


def open_original(options: argparse.Namespace) -> Original | None:
    """Start the original recipe where it can run."""
    has_own = importlib.util.find_spec("essentia") is not None
    python = options.original_python or (sys.executable if has_own else None)
    if python is None or options.models is None:
        print("# without the original recipe: it needs --original-python and --models", flush=True)
        return None
    return Original(python, options.models)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dir", type=Path, help="a folder of music")
    parser.add_argument("--songs", type=int, default=12, help="how many songs are compared")
    parser.add_argument("--many", type=int, default=0, help="then let one worker hear this many in a row")
    parser.add_argument("--original-python", help="a Python that has essentia-tensorflow")
    parser.add_argument("--models", type=Path, help="the folder with musicnn.pb and musicnn_head.pb")
    options = parser.parse_args()
    if options.dir is not None and not options.dir.is_dir():
        parser.error(f"{options.dir} is not a folder")
    return options


if __name__ == "__main__":
    main()
