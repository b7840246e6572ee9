"""Doubles for the services: a listener that hears what it is told, and libraries that exist only as rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from audiomuse.audio import FEATURES_VERSION
from audiomuse.errors import AudioError
from audiomuse.model import FeatureMatrix, JobItem, Key, Tempo, Track, TrackFeatures
from audiomuse.services.hearing import ListeningStopped
from audiomuse.services.jobs import Timing
from audiomuse.storage import JobStore, MusicStore

QUICK = Timing(check_s=0.02, retry_s=0.01, retries=2, retries_planning=1)
"""Short where a test waits for nothing to happen. Leases stay long: no machine is too slow to keep one."""


class ToldListener:
    """Keeps the Protocol `Listener`: a file whose bytes are ``b"bad"`` cannot be heard."""

    features_version = FEATURES_VERSION

    def __init__(self, *, seconds: float = 0.0, heard: list[str] | None = None) -> None:
        self.heard: list[str] = [] if heard is None else heard
        self.seconds = seconds
        self._closed = threading.Event()

    def another(self) -> ToldListener:
        """Return a fresh listener that adds to the same list."""
        return ToldListener(seconds=self.seconds, heard=self.heard)

    def hear(self, path: Path) -> TrackFeatures:
        content = path.read_bytes()
        if self._closed.wait(self.seconds):
            raise ListeningStopped(f"{path.name}: stopped")
        if content == b"bad":
            raise AudioError(f"{path.name}: not a music file", kind="not-audio")
        self.heard.append(content.decode())
        return features(seed=len(content))

    def close(self) -> None:
        self._closed.set()


def features(*, seed: int = 0) -> TrackFeatures:
    """Return plausible features."""
    rng = np.random.default_rng(seed)
    return TrackFeatures(
        features_version=FEATURES_VERSION,
        duration_s=200.0,
        tempo=Tempo(float(rng.uniform(70, 180)), 0.8),
        key=Key("A", "minor", 0.7),
        loudness_lufs=-12.0,
        energy=float(rng.uniform(0.2, 0.9)),
        tags=rng.uniform(0, 0.3, 50).astype(np.float32),
        embedding=rng.normal(size=200).astype(np.float32),
    )


def songs(count: int, *, per_album: int = 5) -> list[Track]:
    """Return tracks of several albums."""
    return [
        Track(
            id=f"t{i:03d}",
            title=f"Song {i}",
            artist=f"Artist {i % 7}",
            album_id=f"a{i // per_album}",
            album=f"Album {i // per_album}",
            duration_s=200.0,
            size_bytes=4,
        )
        for i in range(count)
    ]


def sounds(tracks: Sequence[Track], *, bad: Sequence[str] = ()) -> Mapping[str, bytes]:
    """Return audio that `ToldListener` understands."""
    return {track.id: b"bad" if track.id in bad else track.id.encode() for track in tracks}


def store_library(music: MusicStore, matrix: FeatureMatrix, *, source: str = "memory:planted") -> None:
    """Make the store know a library as if it had been listed and heard."""
    generation = music.tracks.begin_listing(source)
    music.tracks.upsert(
        source,
        [
            Track(
                id=matrix.ids[i],
                title=matrix.titles[i],
                artist=matrix.artists[i] or None,
                album=matrix.albums[i],
                album_id=matrix.albums[i],
                duration_s=float(matrix.duration_s[i]),
            )
            for i in range(len(matrix))
        ],
        generation,
    )
    music.tracks.finish_listing(source, generation, complete=True)
    for i, track_id in enumerate(matrix.ids):
        tempo, loudness, energy = (
            float(column[i]) for column in (matrix.tempo_bpm, matrix.loudness_lufs, matrix.energy)
        )
        music.features.save(
            track_id,
            TrackFeatures(
                features_version=FEATURES_VERSION,
                duration_s=float(matrix.duration_s[i]),
                tempo=None if np.isnan(tempo) else Tempo(tempo, 0.9),
                loudness_lufs=None if np.isnan(loudness) else loudness,
                energy=None if np.isnan(energy) else energy,
                tags=matrix.tags[i],
                embedding=matrix.embedding[i],
            ),
        )


@contextmanager
def given_out(jobs: JobStore, limit: int) -> Iterator[Callable[[], bool]]:
    """Let workers have no more than `limit` items; yields what tells whether they had them.

    A run that is stopped then is stopped in the middle, on the fastest machine as on the slowest.
    """
    claim, had = jobs.items.claim, 0

    def claim_few(job_id: str, owner: str, n: int, *, lease_s: float) -> list[JobItem]:
        nonlocal had
        items = claim(job_id, owner, min(n, limit - had), lease_s=lease_s) if had < limit else []
        had += len(items)
        return items

    jobs.items.claim = claim_few  # type: ignore[method-assign]
    try:
        yield lambda: had >= limit
    finally:
        jobs.items.claim = claim  # type: ignore[method-assign]


def wait_until(condition: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Wait for something that happens in another thread."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
