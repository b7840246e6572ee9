"""Looking through the library: search, sort and page 100,000 songs on the database's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql import ColumnElement, FromClause

from audiomuse.model import MSD_TAGS, Key, Track
from audiomuse.storage.engine import Database, chunks
from audiomuse.storage.music_schema import audio_failures, features, tracks
from audiomuse.storage.music_store.features import key_of
from audiomuse.storage.music_store.tracks import normalise, track_of
from audiomuse.storage.types import unpack

SortKey = Literal[
    "title", "artist", "album", "added", "duration", "plays", "year", "tempo", "key", "energy", "loudness"
]

_SORT_COLUMNS: Mapping[str, tuple[ColumnElement[Any], ...]] = {
    "title": (tracks.c.sort_title,),
    "artist": (tracks.c.sort_artist, tracks.c.sort_album),
    "album": (tracks.c.sort_album,),
    "added": (tracks.c.added_at,),
    "duration": (tracks.c.duration_s,),
    "plays": (tracks.c.play_count,),
    "year": (tracks.c.year,),
    "tempo": (features.c.tempo_bpm,),
    "key": (features.c.key_index,),
    "energy": (features.c.energy,),
    "loudness": (features.c.loudness_lufs,),
}
_NEVER_EMPTY = frozenset({tracks.c.sort_title, tracks.c.sort_artist, tracks.c.sort_album})
_SHOWN_TAGS = 3


@dataclass(frozen=True, slots=True)
class TrackQuery:
    """What to look for; empty fields do not narrow. Texts match parts of words, whatever case or accents."""

    text: str = ""
    """Words that must all occur in title, artist or album."""
    title: str = ""
    artist: str = ""
    album: str = ""
    album_id: str | None = None
    exact_artist: str | None = None
    """The whole artist name, as `CatalogueRows.artists` lists it."""
    analysed: bool | None = None
    failed: bool | None = None
    sort: SortKey = "title"
    descending: bool = False
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A song as a list shows it: what the server says, and the gist of what we heard."""

    track: Track
    analysed: bool
    failure: str | None
    """Why it could not be heard; None if it was, or was not tried."""
    tempo_bpm: float | None
    key: Key | None
    energy: float | None
    loudness_lufs: float | None
    top_tags: tuple[tuple[str, float], ...]
    """The three strongest tags with their probabilities."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """One page of songs and how many there are in all."""

    entries: tuple[CatalogueEntry, ...]
    total: int


@dataclass(frozen=True, slots=True)
class ArtistCount:
    """An artist and the number of their songs."""

    artist: str
    tracks: int
    albums: int


@dataclass(frozen=True, slots=True)
class AlbumCount:
    """An album and the number of its songs in the library."""

    id: str | None
    title: str
    artist: str | None
    tracks: int
    added_at: datetime | None


class CatalogueRows:
    """Read-only views of the songs that are in the library now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search(self, query: TrackQuery, features_version: str) -> CataloguePage:
        """Return one page of the songs that match `query`; songs without the sorted value come last.

        Parameters
        ----------
        features_version : str
            Whose numbers to show and sort by.
        """
        conditions = [tracks.c.present, *_conditions(query)]
        source = _with_analysis(features_version)
        counted: FromClause = tracks if query.analysed is None and query.failed is None else source
        with self._database.read() as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(counted).where(*conditions))
            # Ids first: sorting 100,000 ids and their keys is cheap, sorting whole rows with tags is not.
            page = (
                sa.select(tracks.c.id)
                .select_from(source)
                .where(*conditions)
                .order_by(*_order(query))
                .offset(query.offset)
                .limit(query.limit)
            )
            ids = list(connection.scalars(page))
            rows = _rows(connection, ids, features_version)
        entries = tuple(_entry(rows[track_id]) for track_id in ids if track_id in rows)
        return CataloguePage(entries, int(total or 0))

    def entries(self, track_ids: list[str], features_version: str) -> dict[str, CatalogueEntry]:
        """Return the known ones among at most a few hundred `track_ids`, by id, present or not."""
        with self._database.read() as connection:
            rows = _rows(connection, track_ids, features_version)
        return {track_id: _entry(row) for track_id, row in rows.items()}

    def artists(
        self, text: str = "", *, offset: int = 0, limit: int = 50
    ) -> tuple[tuple[ArtistCount, ...], int]:
        """Return a page of artists whose name holds every word of `text`, by name, and how many match."""
        name = sa.func.coalesce(tracks.c.artist, tracks.c.album_artist)
        conditions = [tracks.c.present, tracks.c.sort_artist != "", *_words(text, tracks.c.sort_artist)]
        grouped = (
            sa.select(
                sa.func.min(name).label("artist"),
                sa.func.count().label("tracks"),
                sa.func.count(sa.distinct(tracks.c.sort_album)).label("albums"),
            )
            .where(*conditions)
            .group_by(tracks.c.sort_artist)
            .order_by(tracks.c.sort_artist)
        )
        how_many = sa.select(sa.func.count(sa.distinct(tracks.c.sort_artist))).where(*conditions)
        with self._database.read() as connection:
            rows = connection.execute(grouped.offset(offset).limit(limit))
            found = tuple(ArtistCount(row.artist, row.tracks, row.albums) for row in rows)
            return found, int(connection.scalar(how_many) or 0)

    def albums(
        self, text: str = "", *, offset: int = 0, limit: int = 50
    ) -> tuple[tuple[AlbumCount, ...], int]:
        """Return a page of albums whose title or artist hold all of `text`, newest first; and how many."""
        identity = sa.func.coalesce(tracks.c.album_id, tracks.c.sort_album)
        conditions = [
            tracks.c.present,
            identity != "",
            *_words(text, tracks.c.sort_album + " " + tracks.c.sort_artist),
        ]
        added = sa.func.max(tracks.c.added_at, type_=tracks.c.added_at.type)
        grouped = (
            sa.select(
                sa.func.min(tracks.c.album_id).label("id"),
                sa.func.min(tracks.c.album).label("title"),
                sa.func.min(sa.func.coalesce(tracks.c.album_artist, tracks.c.artist)).label("artist"),
                sa.func.count().label("tracks"),
                added.label("added_at"),
            )
            .where(*conditions)
            .group_by(identity)
            .order_by(added.is_(None), added.desc(), identity)
        )
        how_many = sa.select(sa.func.count(sa.distinct(identity))).where(*conditions)
        with self._database.read() as connection:
            rows = connection.execute(grouped.offset(offset).limit(limit))
            found = tuple(
                AlbumCount(row.id, row.title or "", row.artist, row.tracks, row.added_at) for row in rows
            )
            return found, int(connection.scalar(how_many) or 0)


_ANALYSIS: tuple[ColumnElement[Any], ...] = (
    features.c.track_id.label("analysed_id"),
    features.c.tempo_bpm,
    features.c.key_index,
    features.c.key_strength,
    features.c.energy,
    features.c.loudness_lufs,
    features.c.tags,
    audio_failures.c.message.label("failure"),
)


def _rows(connection: Connection, track_ids: Sequence[str], features_version: str) -> dict[str, Row[Any]]:
    """Return the whole rows of tracks by id."""
    query = sa.select(tracks, *_ANALYSIS).select_from(_with_analysis(features_version))
    return {
        row.id: row
        for some in chunks(track_ids)
        for row in connection.execute(query.where(tracks.c.id.in_(some)))
    }


def _with_analysis(features_version: str) -> FromClause:
    heard = sa.and_(features.c.track_id == tracks.c.id, features.c.features_version == features_version)
    return tracks.outerjoin(features, heard).outerjoin(
        audio_failures, audio_failures.c.track_id == tracks.c.id
    )


def _conditions(query: TrackQuery) -> list[ColumnElement[bool]]:
    anywhere = tracks.c.sort_title + " " + tracks.c.sort_artist + " " + tracks.c.sort_album
    found = [
        *_words(query.text, anywhere),
        *_words(query.title, tracks.c.sort_title),
        *_words(query.artist, tracks.c.sort_artist),
        *_words(query.album, tracks.c.sort_album),
    ]
    if query.album_id is not None:
        found.append(tracks.c.album_id == query.album_id)
    if query.exact_artist is not None:
        found.append(tracks.c.sort_artist == normalise(query.exact_artist))
    if query.analysed is not None:
        found.append(features.c.track_id.is_not(None) if query.analysed else features.c.track_id.is_(None))
    if query.failed is not None:
        failed = audio_failures.c.track_id
        found.append(failed.is_not(None) if query.failed else failed.is_(None))
    return found


def _words(text: str, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [column.contains(word, autoescape=True) for word in normalise(text).split()]


def _order(query: TrackQuery) -> list[ColumnElement[Any]]:
    columns = _SORT_COLUMNS[query.sort]
    order = [_last_if_empty(column, query.descending) for column in columns]
    order.append(tracks.c.id.desc() if query.descending else tracks.c.id)
    return order


def _last_if_empty(column: ColumnElement[Any], descending: bool) -> ColumnElement[Any]:
    """Sort songs without the value to the end, in words that let SQLite use the column's index."""
    ordered = column.desc() if descending else column.asc()
    return ordered if column in _NEVER_EMPTY else ordered.nulls_last()


def _entry(row: Row[Any]) -> CatalogueEntry:
    return CatalogueEntry(
        track=track_of(row),
        analysed=row.analysed_id is not None,
        failure=row.failure,
        tempo_bpm=row.tempo_bpm,
        key=key_of(row.key_index, row.key_strength),
        energy=row.energy,
        loudness_lufs=row.loudness_lufs,
        top_tags=_top_tags(row.tags),
    )


def _top_tags(blob: bytes | None) -> tuple[tuple[str, float], ...]:
    tags = unpack(blob)
    if tags is None:
        return ()
    return tuple((MSD_TAGS[i], float(tags[i])) for i in np.argsort(-tags, kind="stable")[:_SHOWN_TAGS])
