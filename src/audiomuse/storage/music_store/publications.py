"""Which playlists on a server are ours. Only those may ever be changed or deleted there.

A process may be killed between asking a server for a playlist and noting its id. So the wish is noted first
(`intend`), the id afterwards (`record`); a wish that is still open at the next start tells what to look for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from audiomuse.model import Publication
from audiomuse.storage.engine import Database
from audiomuse.storage.music_schema import publication_intents as intents
from audiomuse.storage.music_schema import publications as table


@dataclass(frozen=True, slots=True)
class PublicationIntent:
    """A playlist that we were about to create on a server."""

    server: str
    playlist_id: str
    name: str
    track_ids: tuple[str, ...]
    intended_at: datetime


class PublicationRows:
    """What was published where."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, server: str, playlist_id: str, name: str, track_ids: Sequence[str]) -> None:
        """Note that a playlist is about to be created on `server`."""
        with self._database.write() as connection:
            row = {
                "server": server,
                "playlist_id": playlist_id,
                "name": name,
                "track_ids": list(track_ids),
                "intended_at": self._database.moment(connection),
            }
            self._database.upsert(connection, intents, [row])

    def open_intents(self, server: str) -> list[PublicationIntent]:
        """Return what was intended but never recorded: look on the server whether it exists."""
        query = sa.select(intents).where(intents.c.server == server).order_by(intents.c.intended_at)
        with self._database.read() as connection:
            return [
                PublicationIntent(
                    row.server, row.playlist_id, row.name, tuple(row.track_ids), row.intended_at
                )
                for row in connection.execute(query)
            ]

    def withdraw(self, server: str, playlist_id: str) -> None:
        """Forget an intent that led to nothing."""
        with self._database.write() as connection:
            connection.execute(sa.delete(intents).where(*_of(intents, server, playlist_id)))

    def record(self, playlist_id: str, publication: Publication) -> None:
        """Note a playlist that a server now holds, closing the intent.

        An earlier publication of the same playlist under another id is retired: still ours, to be deleted.
        """
        row = _row(playlist_id, publication, retired=False)
        same_playlist = sa.and_(*_of(table, publication.server, playlist_id))
        with self._database.write() as connection:
            connection.execute(sa.update(table).where(same_playlist).values(retired=True))
            self._database.upsert(connection, table, [row])
            connection.execute(sa.delete(intents).where(*_of(intents, publication.server, playlist_id)))

    def record_attempt(self, playlist_id: str, publication: Publication) -> None:
        """Note something that we just created on a server and that may not be whole yet.

        It is ours to delete from now on; only `record` makes it the one that counts.
        """
        row = _row(playlist_id, publication, retired=True)
        with self._database.write() as connection:
            self._database.upsert(connection, table, [row])

    def live(self, server: str) -> dict[str, Publication]:
        """Return the publications on `server` by playlist id."""
        query = sa.select(table).where(table.c.server == server, sa.not_(table.c.retired))
        with self._database.read() as connection:
            return {row.playlist_id: _publication(row) for row in connection.execute(query)}

    def of(self, playlist_id: str) -> list[Publication]:
        """Return where a playlist is published now."""
        query = sa.select(table).where(table.c.playlist_id == playlist_id, sa.not_(table.c.retired))
        with self._database.read() as connection:
            return [_publication(row) for row in connection.execute(query.order_by(table.c.server))]

    def retire(self, server: str, remote_id: str) -> None:
        """Mark a playlist on a server as superfluous; it stays ours until it is deleted there."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.server == server, table.c.remote_id == remote_id)
                .values(retired=True)
            )

    def retired(self, server: str) -> list[Publication]:
        """Return our playlists on `server` that are to be deleted there."""
        query = sa.select(table).where(table.c.server == server, table.c.retired)
        with self._database.read() as connection:
            return [_publication(row) for row in connection.execute(query.order_by(table.c.remote_id))]

    def is_ours(self, server: str, remote_id: str) -> bool:
        """Tell whether we created that playlist on that server."""
        query = sa.select(table.c.remote_id).where(table.c.server == server, table.c.remote_id == remote_id)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def forget(self, server: str, remote_id: str) -> None:
        """Drop a publication that no longer exists on its server."""
        with self._database.write() as connection:
            connection.execute(
                sa.delete(table).where(table.c.server == server, table.c.remote_id == remote_id)
            )


def _of(rows: sa.Table, server: str, playlist_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (rows.c.server == server, rows.c.playlist_id == playlist_id)


def _row(playlist_id: str, publication: Publication, *, retired: bool) -> dict[str, Any]:
    return {
        "server": publication.server,
        "remote_id": publication.remote_id,
        "playlist_id": playlist_id,
        "name": publication.name,
        "track_ids": list(publication.track_ids),
        "published_at": publication.published_at,
        "retired": retired,
    }


def _publication(row: Row[Any]) -> Publication:
    return Publication(row.server, row.remote_id, row.name, tuple(row.track_ids), row.published_at)
