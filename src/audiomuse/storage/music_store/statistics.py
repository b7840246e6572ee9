"""The library in numbers, for the home page and its charts."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from audiomuse.model import MSD_TAGS, PITCH_CLASSES
from audiomuse.storage.engine import Database
from audiomuse.storage.music_schema import audio_failures, features, listings, tracks

TEMPO_BIN_BPM = 5
"""Width of a bar of the tempo chart."""

_STRONGEST = 3
_SLOW_S = 0.1
_SHARE = 20.0  # counting takes at most a twentieth of the time
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


@dataclass(frozen=True, slots=True)
class LibraryRevision:
    """One state of the analysed library."""

    listing: tuple[object, ...]
    """Changes whenever songs are listed, or are gone."""
    analysed: int
    """Rows of features, silent songs and songs that are gone included."""
    analysed_at: float | None
    """When the newest of them was made, in seconds since 1970; None if there is none."""


class StatisticsRows:
    """Counts again when something was added or removed; in a large library, not all the time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def revision(self, features_version: str) -> LibraryRevision:
        """Return a value that changes whenever the library, as `features_version` heard it, does."""
        with self._database.read() as connection:
            state = _state(connection, features_version)
        listing = (state.tracks, state.listing, state.listed_at)
        return LibraryRevision(listing, state.analysed, state.analysed_at)

    def library(self, features_version: str) -> LibraryStatistics:
        """Return the numbers of the library as `features_version` heard it.

        While an analysis adds song after song to a large library, its charts may be some seconds old; the
        numbers of songs and of analysed songs never are.
        """
        with self._database.read() as connection:
            state = _state(connection, features_version)
            with self._lock:
                kept = self._kept
            if kept is not None and kept.features_version == features_version:
                if kept.state == state:
                    return kept.statistics
                if time.monotonic() < kept.good_until:
                    return replace(kept.statistics, tracks=state.tracks, analysed=state.analysed)
            began = time.monotonic()
            found = _count(connection, features_version)
        took_s = time.monotonic() - began
        good_until = time.monotonic() + (_SHARE * took_s if took_s > _SLOW_S else 0.0)
        with self._lock:
            self._kept = _Kept(features_version, state, found, good_until)
        return found


class _State(NamedTuple):
    """Numbers that change whenever the statistics may; all of them come from indexes."""

    tracks: int
    listing: int | None
    listed_at: float | None
    analysed: int
    analysed_at: float | None
    failed: int


@dataclass(frozen=True, slots=True)
class _Kept:
    features_version: str
    state: _State
    statistics: LibraryStatistics
    good_until: float


def _state(connection: Connection, features_version: str) -> _State:
    here = sa.select(sa.func.count()).select_from(tracks).where(tracks.c.present)
    listed = sa.select(
        sa.func.max(listings.c.generation), sa.func.max(sa.type_coerce(listings.c.finished_at, sa.Double))
    )
    mine = features.c.features_version == features_version
    heard = sa.select(sa.func.count()).select_from(features).where(mine)
    latest = sa.select(sa.func.max(sa.type_coerce(features.c.analysed_at, sa.Double))).where(mine)
    failed = sa.select(sa.func.count()).select_from(audio_failures)
    return _State(
        int(connection.scalar(here) or 0),
        *connection.execute(listed).one(),
        int(connection.scalar(heard) or 0),
        connection.scalar(latest),
        int(connection.scalar(failed) or 0),
    )


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
