"""What the music servers said: tracks, and which of them are still there."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from audiomuse.errors import NotFound
from audiomuse.model import Track
from audiomuse.storage.engine import Database, chunks
from audiomuse.storage.music_schema import audio_failures, features, listings
from audiomuse.storage.music_schema import tracks as table
from audiomuse.storage.types import clean

_SAME_LENGTH_S = 2.0
_TRACK_FIELDS = tuple(Track.__dataclass_fields__)


class TrackRows:
    """The tracks of every server we ever listed; `present` are those of the last listing.

    A listing goes ``begin_listing``, ``upsert`` as often as there are pages, ``finish_listing``. Tracks are
    never deleted: what we heard in them is worth keeping for the day they come back.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_listing(self, source: str) -> int:
        """Return a new listing generation for the server with the identity `source`."""
        with self._database.write() as connection:
            values = {"source": source, "began_at": self._database.moment(connection), "complete": False}
            inserted = connection.execute(
                sa.insert(listings).values(**values).returning(listings.c.generation)
            )
            return int(inserted.scalar_one())

    def upsert(self, source: str, tracks: Iterable[Track], generation: int) -> int:
        """Store what a server says about `tracks` and mark them present, in one transaction.

        A track whose length changed by more than two seconds is another recording under an old id: what we
        heard in the old one is forgotten. Retagging a file keeps it.

        Returns
        -------
        int
            How many of them were never seen before.
        """
        unique = {track.id: track for track in tracks}
        new = 0
        with self._database.write() as connection:
            moment = self._database.moment(connection)
            for some in chunks(list(unique.values())):
                lengths = _known_lengths(connection, [track.id for track in some])
                new += len(some) - len(lengths)
                replaced = [t.id for t in some if _another_recording(lengths.get(t.id), t.duration_s)]
                _forget_analysis(connection, replaced)
                rows = [_row(track, source, generation, moment) for track in some]
                self._database.upsert(connection, table, rows, keep=("first_seen_at",))
        return new

    def finish_listing(self, source: str, generation: int, *, complete: bool) -> int:
        """Hide what is gone, and what belongs to another server than the one in use.

        Parameters
        ----------
        complete : bool
            Whether the listing covered the whole library. A listing of the newest albums only says nothing
            about older ones, and hides nothing of its own server.

        Returns
        -------
        int
            How many tracks were hidden.
        """
        gone = table.c.source != source
        if complete:
            gone = sa.or_(gone, table.c.generation < generation)
        with self._database.write() as connection:
            hidden = connection.execute(
                sa.update(table).where(table.c.present, gone).values(present=False)
            ).rowcount
            connection.execute(
                sa.update(listings)
                .where(listings.c.generation == generation)
                .values(finished_at=self._database.moment(connection), complete=complete)
            )
            keep = sa.select(sa.func.max(listings.c.generation) - 100).scalar_subquery()
            connection.execute(sa.delete(listings).where(listings.c.generation < keep))
        return int(hidden)

    def last_complete_listing(self, source: str) -> datetime | None:
        """Return when the whole library of `source` was last listed; None if never."""
        with self._database.read() as connection:
            newest: datetime | None = connection.scalar(
                sa.select(sa.func.max(listings.c.finished_at, type_=listings.c.finished_at.type)).where(
                    listings.c.source == source, listings.c.complete
                )
            )
            return newest

    def get(self, track_id: str) -> Track:
        """Return one track, whether it is still there or not.

        Raises
        ------
        NotFound
            If no server ever listed it.
        """
        found = self.get_many([track_id]).get(track_id)
        if found is None:
            raise NotFound(f"There is no track {track_id!r}.")
        return found

    def get_many(self, track_ids: Sequence[str]) -> dict[str, Track]:
        """Return the known ones among `track_ids`, by id."""
        columns = [table.c[name] for name in _TRACK_FIELDS]
        found: dict[str, Track] = {}
        with self._database.read() as connection:
            for some in chunks(list(track_ids)):
                for row in connection.execute(sa.select(*columns).where(table.c.id.in_(some))):
                    found[row.id] = track_of(row)
        return found

    def source_of(self, track_id: str) -> str | None:
        """Return the identity of the server that last listed a track; None if none did."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(table.c.source).where(table.c.id == track_id))

    def present_ids(self) -> list[str]:
        """Return the ids of all tracks of the last listing, newest additions first."""
        query = sa.select(table.c.id).where(table.c.present)
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(table.c.added_at.desc(), table.c.id)))

    def present_among(self, track_ids: Iterable[str]) -> set[str]:
        """Return those of `track_ids` that are still in the library."""
        found: set[str] = set()
        with self._database.read() as connection:
            for some in chunks(list(track_ids)):
                query = sa.select(table.c.id).where(table.c.present, table.c.id.in_(some))
                found.update(connection.scalars(query))
        return found


def track_of(row: Row[Any]) -> Track:
    """Make a `Track` from a row that has all its columns."""
    values = {name: getattr(row, name) for name in _TRACK_FIELDS}
    values["genres"] = tuple(values["genres"] or ())
    return Track(**values)


def normalise(text: str | None) -> str:
    """Return `text` as people look for it: lower case, without accents, single spaces."""
    decomposed = unicodedata.normalize("NFKD", clean(text or "")).casefold()
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def _row(track: Track, source: str, generation: int, moment: datetime) -> dict[str, Any]:
    values = {name: getattr(track, name) for name in _TRACK_FIELDS}
    return {
        **values,
        "genres": list(track.genres),
        "source": source,
        "generation": generation,
        "present": True,
        "first_seen_at": moment,
        "sort_title": normalise(track.title),
        "sort_artist": normalise(track.artist or track.album_artist),
        "sort_album": normalise(track.album),
    }


def _known_lengths(connection: Connection, track_ids: Sequence[str]) -> Mapping[str, float | None]:
    query = sa.select(table.c.id, table.c.duration_s).where(table.c.id.in_(track_ids))
    return {row.id: row.duration_s for row in connection.execute(query)}


def _another_recording(old_length_s: float | None, new_length_s: float | None) -> bool:
    if old_length_s is None or new_length_s is None:
        return False
    return abs(old_length_s - new_length_s) > _SAME_LENGTH_S


def _forget_analysis(connection: Connection, track_ids: Sequence[str]) -> None:
    if track_ids:
        connection.execute(sa.delete(features).where(features.c.track_id.in_(track_ids)))
        connection.execute(sa.delete(audio_failures).where(audio_failures.c.track_id.in_(track_ids)))
