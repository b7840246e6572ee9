"""What we heard: features by track and version, the library as arrays, the files we could not hear."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from audiomuse.model import (
    EMBEDDING_SIZE,
    MSD_TAGS,
    PITCH_CLASSES,
    FeatureMatrix,
    Float32,
    Key,
    Tempo,
    TrackFeatures,
)
from audiomuse.storage.engine import Database, chunks
from audiomuse.storage.music_schema import audio_failures, tracks
from audiomuse.storage.music_schema import features as table
from audiomuse.storage.types import pack, unpack

_ROWS_AT_ONCE = 4096
_ROWS_OF_A_PIECE = 1024


@dataclass(frozen=True, slots=True)
class AudioFailure:
    """A file that could not be heard, and why."""

    track_id: str
    kind: str
    """The stable word of `AudioError.kind`, or ``"missing"``."""
    message: str
    attempts: int
    failed_at: datetime
    features_version: str


class FeatureRows:
    """Features by (track, version). Numbers of two versions never mix."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, track_id: str, features: TrackFeatures) -> None:
        """Keep what was heard in a track and forget that it ever failed, in one transaction.

        Doing it twice leaves one row: the second result replaces the first.
        """
        with self._database.write() as connection:
            row = _row(track_id, features, self._database.moment(connection))
            self._database.upsert(connection, table, [row])
            connection.execute(sa.delete(audio_failures).where(audio_failures.c.track_id == track_id))

    def get(self, track_id: str, features_version: str) -> TrackFeatures | None:
        """Return what was heard in a track; None if it is not analysed (by that version)."""
        return self.get_many([track_id], features_version).get(track_id)

    def get_many(self, track_ids: Sequence[str], features_version: str) -> dict[str, TrackFeatures]:
        """Return the features of the analysed ones among `track_ids`, by track id."""
        found: dict[str, TrackFeatures] = {}
        with self._database.read() as connection:
            for some in chunks(list(track_ids)):
                query = sa.select(table).where(
                    table.c.features_version == features_version, table.c.track_id.in_(some)
                )
                found.update({row.track_id: features_of(row) for row in connection.execute(query)})
        return found

    def analysed_ids(self, features_version: str, track_ids: Iterable[str] | None = None) -> set[str]:
        """Return which of `track_ids` (None: of all tracks) are analysed by `features_version`."""
        query = sa.select(table.c.track_id).where(table.c.features_version == features_version)
        with self._database.read() as connection:
            if track_ids is None:
                return set(connection.scalars(query))
            wanted = list(track_ids)
            if len(wanted) > 5000:
                return set(connection.scalars(query)).intersection(wanted)
            found: set[str] = set()
            for some in chunks(wanted):
                found.update(connection.scalars(query.where(table.c.track_id.in_(some))))
            return found

    def count(self, features_version: str) -> int:
        """Return how many tracks of the library are analysed by `features_version`."""
        query = (
            sa.select(sa.func.count())
            .select_from(table.join(tracks, tracks.c.id == table.c.track_id))
            .where(table.c.features_version == features_version, tracks.c.present)
        )
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)

    def load_texts(self, features_version: str, *, until: float) -> Iterator[tuple[str, str, str, str]]:
        """Yield (id, artist, title, album) of the rows of `load_matrix` that were heard until a moment.

        Ordered by code point of the id on every database; the moment is in seconds since 1970.
        """
        columns = (tracks.c.id, tracks.c.artist, tracks.c.title, tracks.c.album)
        query = _library(features_version).with_only_columns(*columns).order_by(None)
        query = query.where(_heard_between(0.0, until))
        with self._database.read() as connection:
            is_sqlite = connection.dialect.name == "sqlite"  # whose own order this is
            by = table.c.track_id if is_sqlite else table.c.track_id.collate("C")
            for rows in _pieces(connection, query.order_by(by)):
                yield from ((row.id, row.artist or "", row.title or "", row.album or "") for row in rows)

    def count_between(self, features_version: str, after: float, until: float) -> int:
        """Return how many rows of features were made after one and not after another moment.

        Silent songs and songs that are gone are counted, too; moments as in `load_pieces`.
        """
        query = sa.select(sa.func.count()).where(
            table.c.features_version == features_version, _heard_between(after, until)
        )
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)

    def drop_other_versions(self, features_version: str) -> int:
        """Delete the features of every other version; return how many rows that were."""
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(table).where(table.c.features_version != features_version))
            return int(gone.rowcount)

    def load_matrix(self, features_version: str, *, include_gone: bool = False) -> FeatureMatrix:
        """Return the analysed library as arrays, ordered by track id.

        Only tracks that are present (unless `include_gone`), analysed by `features_version` and not silent
        are in it. Rows are copied piece by piece into arrays of the final size, so that the peak is little
        more than the result.
        """
        with self._database.read() as connection:
            # Counted without the join: a little too many rows are cheaper than counting twice.
            at_most = sa.select(sa.func.count()).where(table.c.features_version == features_version)
            columns = _Columns(int(connection.scalar(at_most) or 0))
            for rows in _pieces(connection, _library(features_version, include_gone=include_gone)):
                columns.append(rows)
        return columns.matrix(features_version)

    def load_pieces(
        self, features_version: str, *, heard: tuple[float, float] | None = None
    ) -> Iterator[FeatureMatrix]:
        """Yield the rows of `load_matrix` a thousand at a time, for whoever keeps them in less space.

        All pieces are of one moment. The database connection is held until the last one was taken.

        Parameters
        ----------
        heard : (float, float), optional
            Only songs that were heard after the first and not after the second moment, both in seconds since
            1970 (see `LibraryRevision.analysed_at`).
        """
        query = _library(features_version)
        if heard is not None:
            query = query.where(_heard_between(*heard))
        with self._database.read() as connection:
            for rows in _pieces(connection, query, _ROWS_OF_A_PIECE):
                columns = _Columns(len(rows))
                columns.append(rows)
                yield columns.matrix(features_version)


class FailureRows:
    """Songs that could not be heard. They are due again on demand, when their file or our version changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, track_id: str, *, kind: str, message: str, features_version: str) -> None:
        """Remember that a track failed, together with the size and date that its file has now."""
        with self._database.write() as connection:
            query = sa.select(audio_failures.c.attempts).where(audio_failures.c.track_id == track_id)
            attempts = int(connection.scalar(query) or 0)
            file = connection.execute(
                sa.select(tracks.c.size_bytes, tracks.c.modified_at).where(tracks.c.id == track_id)
            ).one_or_none()
            if file is None:
                return  # nobody ever listed it: there is no song to show the failure at
            row = {
                "track_id": track_id,
                "features_version": features_version,
                "kind": kind,
                "message": message,
                "attempts": attempts + 1,
                "failed_at": self._database.moment(connection),
                "size_bytes": file.size_bytes,
                "modified_at": file.modified_at,
            }
            self._database.upsert(connection, audio_failures, [row])

    def all(self, *, offset: int = 0, limit: int = 1000) -> list[AudioFailure]:
        """Return the failures of tracks that are still there, newest first."""
        query = (
            sa.select(audio_failures)
            .join(tracks, tracks.c.id == audio_failures.c.track_id)
            .where(tracks.c.present)
            .order_by(audio_failures.c.failed_at.desc(), audio_failures.c.track_id)
            .offset(offset)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_failure(row) for row in connection.execute(query)]

    def get(self, track_id: str) -> AudioFailure | None:
        """Return why a track could not be heard; None if it did not fail."""
        with self._database.read() as connection:
            query = sa.select(audio_failures).where(audio_failures.c.track_id == track_id)
            row = connection.execute(query).one_or_none()
            return None if row is None else _failure(row)

    def count(self) -> int:
        """Return how many tracks of the library could not be heard."""
        query = (
            sa.select(sa.func.count())
            .select_from(audio_failures.join(tracks, tracks.c.id == audio_failures.c.track_id))
            .where(tracks.c.present)
        )
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)

    def current_ids(self, features_version: str) -> set[str]:
        """Return the tracks that would only fail again: same version, and the file has not changed.

        Those whose file was missing are not among them: a disk that was not mounted may be there today.
        """
        same_file = sa.and_(
            tracks.c.size_bytes.is_not_distinct_from(audio_failures.c.size_bytes),
            tracks.c.modified_at.is_not_distinct_from(audio_failures.c.modified_at),
        )
        query = (
            sa.select(audio_failures.c.track_id)
            .join(tracks, tracks.c.id == audio_failures.c.track_id)
            .where(
                audio_failures.c.features_version == features_version,
                audio_failures.c.kind != "missing",
                same_file,
            )
        )
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def clear(self, track_ids: Sequence[str] | None = None) -> int:
        """Make failed tracks due again (None: all of them); return how many."""
        with self._database.write() as connection:
            if track_ids is None:
                return int(connection.execute(sa.delete(audio_failures)).rowcount)
            return sum(
                int(connection.execute(
                    sa.delete(audio_failures).where(audio_failures.c.track_id.in_(some))
                ).rowcount)
                for some in chunks(list(track_ids))
            )  # fmt: skip


class _Columns:
    """The growing columns of a `FeatureMatrix` with at most `n` rows."""

    def __init__(self, n: int) -> None:
        self.n = 0
        self.texts: tuple[list[str], list[str], list[str], list[str]] = ([], [], [], [])
        self.numbers = {
            name: np.full(n, np.nan, dtype=np.float32)
            for name in ("duration_s", "tempo_bpm", "loudness_lufs", "energy")
        }
        self.key_index = np.full(n, -1, dtype=np.int8)
        self.tags = np.zeros((n, len(MSD_TAGS)), dtype=np.float32)
        self.embedding = np.empty((n, EMBEDDING_SIZE), dtype=np.float32)

    def append(self, rows: Sequence[Row[Any]]) -> None:
        here = slice(self.n, self.n + len(rows))
        self.n += len(rows)
        ids, artists, titles, albums, duration, tempo, keys, loudness, energy, tags, embedding = zip(
            *rows, strict=True
        )
        self.texts[0].extend(ids)
        for column, values in zip(self.texts[1:], (artists, titles, albums), strict=True):
            column.extend(value or "" for value in values)
        for name, values in zip(self.numbers, (duration, tempo, loudness, energy), strict=True):
            self.numbers[name][here] = np.array(values, dtype=np.float64)  # None becomes NaN
        self.key_index[here] = [-1 if key is None else key for key in keys]
        silence = bytes(4 * len(MSD_TAGS))
        self.tags[here] = _matrix([silence if blob is None else blob for blob in tags], len(MSD_TAGS))
        self.embedding[here] = _matrix(embedding, EMBEDDING_SIZE)

    def matrix(self, features_version: str) -> FeatureMatrix:
        ids, artists, titles, albums = (tuple(column) for column in self.texts)
        return FeatureMatrix(
            ids=ids,
            artists=artists,
            titles=titles,
            albums=albums,
            key_index=self.key_index[: self.n],
            tags=self.tags[: self.n],
            embedding=self.embedding[: self.n],
            features_version=features_version,
            **{name: column[: self.n] for name, column in self.numbers.items()},
        )


def _heard_between(after: float, until: float) -> sa.ColumnElement[bool]:
    analysed_at = sa.type_coerce(table.c.analysed_at, sa.Double)
    return sa.and_(analysed_at > after, analysed_at <= until)


def _library(features_version: str, *, include_gone: bool = False) -> sa.Select[Any]:
    """Select what a `FeatureMatrix` holds, by track id."""
    return (
        sa.select(
            tracks.c.id, tracks.c.artist, tracks.c.title, tracks.c.album,
            table.c.duration_s, table.c.tempo_bpm, table.c.key_index,
            table.c.loudness_lufs, table.c.energy, table.c.tags, table.c.embedding,
        )
        .select_from(table.join(tracks, tracks.c.id == table.c.track_id))
        .where(
            tracks.c.present | sa.literal(include_gone),
            table.c.features_version == features_version,
            table.c.embedding.is_not(None),
        )
        .order_by(table.c.track_id)
    )  # fmt: skip


def features_of(row: Row[Any]) -> TrackFeatures:
    """Make `TrackFeatures` from a row of the features table."""
    tempo = None
    if row.tempo_bpm is not None:
        tempo = Tempo(row.tempo_bpm, row.tempo_confidence or 0.0, row.tempo_alternative_bpm)
    return TrackFeatures(
        features_version=row.features_version,
        duration_s=row.duration_s,
        tempo=tempo,
        key=key_of(row.key_index, row.key_strength),
        loudness_lufs=row.loudness_lufs,
        energy=row.energy,
        tags=unpack(row.tags),
        embedding=unpack(row.embedding),
        moods=row.moods or {},
    )


def key_of(index: int | None, strength: float | None) -> Key | None:
    """Return the key with the index of `FeatureMatrix.key_index`; None for None."""
    if index is None:
        return None
    return Key(PITCH_CLASSES[index % 12], "major" if index < 12 else "minor", strength or 0.0)


def _row(track_id: str, features: TrackFeatures, moment: datetime) -> dict[str, Any]:
    tempo, key = features.tempo, features.key
    return {
        "track_id": track_id,
        "features_version": features.features_version,
        "duration_s": features.duration_s,
        "tempo_bpm": _finite(tempo.bpm) if tempo else None,
        "tempo_confidence": _finite(tempo.confidence) if tempo else None,
        "tempo_alternative_bpm": _finite(tempo.alternative_bpm) if tempo else None,
        "key_index": (PITCH_CLASSES.index(key.tonic) + (12 if key.scale == "minor" else 0)) if key else None,
        "key_strength": _finite(key.strength) if key else None,
        "loudness_lufs": _finite(features.loudness_lufs),
        "energy": _finite(features.energy),
        "tags": pack(features.tags),
        "embedding": pack(features.embedding),
        "moods": {name: float(value) for name, value in features.moods.items()},
        "analysed_at": moment,
    }


def _finite(value: float | None) -> float | None:
    """Return a plain float; infinite and not-a-number values are "nothing" and must not be sorted by."""
    return None if value is None or not math.isfinite(value) else float(value)


def _failure(row: Row[Any]) -> AudioFailure:
    return AudioFailure(
        row.track_id, row.kind, row.message, row.attempts, row.failed_at, row.features_version
    )


def _matrix(blobs: Sequence[bytes], width: int) -> Float32:
    return np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(blobs), width)


def _pieces(
    connection: Connection, query: sa.Select[Any], at_once: int = _ROWS_AT_ONCE
) -> Iterator[Sequence[Row[Any]]]:
    streamed = connection.execution_options(yield_per=at_once).execute(query)
    yield from streamed.partitions()
