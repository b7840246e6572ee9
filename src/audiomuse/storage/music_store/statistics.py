"""The library in numbers, for the home page and its charts."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from audiomuse.model import MSD_TAGS, PITCH_CLASSES
from audiomuse.storage.engine import Database
from audiomuse.storage.music_schema import audio_failures, features, tracks

TEMPO_BIN_BPM = 5
"""Width of a bar of the tempo chart."""

_STRONGEST = 3
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class LibraryStatistics:
    """What is known about the songs that are in the library now."""

    tracks: int
    artists: int
    albums: int
    duration_s: float
    """Length of all songs together, as their server states it."""
    analysed: int
    failed: int
    tags: tuple[tuple[str, int], ...]
    """In how many songs a tag is among the three strongest; most frequent first, none with 0."""
    tempo: tuple[tuple[int, int], ...]
    """(lower edge in BPM, songs) of every bin of `TEMPO_BIN_BPM` from the slowest to the fastest song."""
    keys: tuple[tuple[str, str, int], ...]
    """(tonic, scale, songs) of all 24 keys, C major to B major, then C minor to B minor."""
    energy: tuple[int, ...]
    """Songs in ten equal bins of energy 0..1."""


class StatisticsRows:
    """Counts everything again only when something was added or removed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: tuple[tuple[object, ...], LibraryStatistics] | None = None

    def revision(self, features_version: str) -> tuple[object, ...]:
        """Return a value that changes whenever the library, as `features_version` heard it, does."""
        with self._database.read() as connection:
            return (features_version, *_state(connection, features_version))

    def library(self, features_version: str) -> LibraryStatistics:
        """Return the numbers of the library as `features_version` heard it."""
        with self._database.read() as connection:
            state = (features_version, *_state(connection, features_version))
            with self._lock:
                if self._kept is not None and self._kept[0] == state:
                    return self._kept[1]
            found = _count(connection, features_version)
        with self._lock:
            self._kept = (state, found)
        return found


def _state(connection: Connection, features_version: str) -> tuple[object, ...]:
    """Return numbers that change whenever the statistics may."""
    present = connection.execute(
        sa.select(sa.func.count(), sa.func.sum(tracks.c.generation)).where(tracks.c.present)
    ).one()
    heard = connection.execute(
        sa.select(sa.func.count(), sa.func.max(sa.type_coerce(features.c.analysed_at, sa.Double))).where(
            features.c.features_version == features_version
        )
    ).one()
    failed = connection.scalar(sa.select(sa.func.count()).select_from(audio_failures))
    return (*present, *heard, failed)


def _count(connection: Connection, features_version: str) -> LibraryStatistics:
    library = connection.execute(
        sa.select(
            sa.func.count().label("tracks"),
            sa.func.count(sa.distinct(sa.func.nullif(tracks.c.sort_artist, ""))).label("artists"),
            sa.func.count(
                sa.distinct(sa.func.coalesce(tracks.c.album_id, sa.func.nullif(tracks.c.sort_album, "")))
            ).label("albums"),
            sa.func.coalesce(sa.func.sum(tracks.c.duration_s), 0.0).label("duration_s"),
        ).where(tracks.c.present)
    ).one()
    failed = connection.scalar(
        sa.select(sa.func.count())
        .select_from(audio_failures.join(tracks, tracks.c.id == audio_failures.c.track_id))
        .where(tracks.c.present)
    )
    tempo, keys, energy, tag_counts = _heard(connection, features_version)
    names = [(tonic, scale) for scale in ("major", "minor") for tonic in PITCH_CLASSES]
    return LibraryStatistics(
        tracks=library.tracks,
        artists=library.artists,
        albums=library.albums,
        duration_s=float(library.duration_s),
        analysed=len(tempo),
        failed=int(failed or 0),
        tags=_ranked(tag_counts),
        tempo=_histogram(tempo[np.isfinite(tempo)]),
        keys=tuple((tonic, scale, int(keys[i])) for i, (tonic, scale) in enumerate(names)),
        energy=tuple(int(n) for n in np.histogram(energy[np.isfinite(energy)], bins=10, range=(0, 1))[0]),
    )


def _heard(
    connection: Connection, features_version: str
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the tempo and energy of every song (NaN: none), songs by key, and songs by strong tag."""
    query = (
        sa.select(features.c.tempo_bpm, features.c.key_index, features.c.energy, features.c.tags)
        .join(tracks, tracks.c.id == features.c.track_id)
        .where(tracks.c.present, features.c.features_version == features_version)
    )
    tempos, energies = [np.empty(0)], [np.empty(0)]
    keys = np.zeros(24, dtype=np.int64)
    strong = np.zeros(len(MSD_TAGS), dtype=np.int64)
    for rows in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query).partitions():
        tempo, key_index, energy, blobs = zip(*rows, strict=True)
        tempos.append(np.array(tempo, dtype=np.float64))
        energies.append(np.array(energy, dtype=np.float64))
        keys += np.bincount([key for key in key_index if key is not None], minlength=24)
        tags = np.frombuffer(b"".join(blob for blob in blobs if blob is not None), dtype="<f4")
        top = np.argpartition(-tags.reshape(-1, len(MSD_TAGS)), _STRONGEST, axis=1)[:, :_STRONGEST]
        strong += np.bincount(top.ravel(), minlength=len(MSD_TAGS))
    return np.concatenate(tempos), keys, np.concatenate(energies), strong


def _ranked(counts: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
    order = np.argsort(-counts, kind="stable")
    return tuple((MSD_TAGS[i], int(counts[i])) for i in order if counts[i])


def _histogram(tempo: NDArray[np.float64]) -> tuple[tuple[int, int], ...]:
    if not len(tempo):
        return ()
    bins = (tempo // TEMPO_BIN_BPM).astype(np.int64)
    counts = np.bincount(bins - bins.min())
    return tuple((int(bins.min() + i) * TEMPO_BIN_BPM, int(n)) for i, n in enumerate(counts))
