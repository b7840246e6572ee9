"""Playlists: whole runs saved at once, a history to compare with and go back to, and what people changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from audiomuse.errors import NotFound, ParameterError
from audiomuse.model import Playlist, PlaylistEntry
from audiomuse.storage.engine import Database
from audiomuse.storage.music_schema import playlist_bans as bans
from audiomuse.storage.music_schema import playlist_entries as entries
from audiomuse.storage.music_schema import playlist_runs as runs
from audiomuse.storage.music_schema import playlists as table
from audiomuse.storage.types import clean, pack, unpack

_KEPT_RUNS = 20


@dataclass(frozen=True, slots=True)
class PlaylistRun:
    """One complete set of playlists."""

    id: int
    created_at: datetime
    clustering_id: int | None
    undone: bool
    """Whether a person went back behind it."""
    playlist_count: int


class PlaylistRows:
    """The playlists of the newest run that was not undone are the current ones; edits change them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_run(self, playlists: Sequence[Playlist], *, clustering_id: int | None = None) -> int:
        """Make `playlists` the current ones, all or none, and return the run's id.

        Runs that were undone and those beyond the last twenty are deleted. Banned songs are remembered by
        playlist id across runs; those that `playlists` carry are added.
        """
        with self._database.write() as connection:
            moment = self._database.moment(connection)
            connection.execute(sa.delete(runs).where(runs.c.undone))
            insert = sa.insert(runs).values(created_at=moment, clustering_id=clustering_id, undone=False)
            run_id = int(connection.execute(insert.returning(runs.c.id)).scalar_one())
            if playlists:
                rows = [_row(p, run_id, position, moment) for position, p in enumerate(playlists)]
                connection.execute(sa.insert(table), rows)
            lines = [line for p in playlists for line in _entry_rows(p, run_id)]
            if lines:
                connection.execute(sa.insert(entries), lines)
            banned = [{"playlist_id": p.id, "track_id": t} for p in playlists for t in sorted(p.banned)]
            self._database.insert_new(connection, bans, banned)
            kept = sa.select(runs.c.id).order_by(runs.c.id.desc()).limit(_KEPT_RUNS)
            connection.execute(sa.delete(runs).where(runs.c.id.not_in(kept)))
        return run_id

    def all(self, run_id: int | None = None) -> list[Playlist]:
        """Return the playlists of a run in their order (None: the current run); none before the first."""
        with self._database.read() as connection:
            run = _current(connection) if run_id is None else run_id
            return [] if run is None else _load(connection, run)

    def get(self, playlist_id: str) -> Playlist:
        """Return one of the current playlists.

        Raises
        ------
        NotFound
            If there is none with that id now.
        """
        with self._database.read() as connection:
            run = _current(connection)
            found = [] if run is None else _load(connection, run, playlist_id)
        if not found:
            raise NotFound(f"There is no playlist {playlist_id!r}.")
        return found[0]

    def runs(self) -> list[PlaylistRun]:
        """Return the runs that are kept, newest first."""
        count = (
            sa.select(sa.func.count()).where(table.c.run_id == runs.c.id).correlate(runs).scalar_subquery()
        )
        query = sa.select(runs, count.label("playlist_count")).order_by(runs.c.id.desc())
        with self._database.read() as connection:
            return [PlaylistRun(**row._mapping) for row in connection.execute(query)]

    def undo(self) -> int:
        """Go back to the run before the current one and return its id.

        Raises
        ------
        NotFound
            If there is no earlier run.
        """
        with self._database.write() as connection:
            query = sa.select(runs.c.id).where(sa.not_(runs.c.undone)).order_by(runs.c.id.desc()).limit(2)
            newest = list(connection.scalars(query))
            if len(newest) < 2:
                raise NotFound("There is no earlier set of playlists to go back to.")
            connection.execute(sa.update(runs).where(runs.c.id == newest[0]).values(undone=True))
            return int(newest[1])

    def redo(self) -> int:
        """Take back the last `undo` and return the id of the run that is current again.

        Raises
        ------
        NotFound
            If nothing was undone.
        """
        with self._database.write() as connection:
            oldest = connection.scalar(sa.select(sa.func.min(runs.c.id)).where(runs.c.undone))
            if oldest is None:
                raise NotFound("There is no later set of playlists to return to.")
            connection.execute(sa.update(runs).where(runs.c.id == oldest).values(undone=False))
            return int(oldest)

    def rename(self, playlist_id: str, name: str) -> None:
        """Give a playlist a name of the user's own; later runs keep it."""
        name = clean(name).strip()
        if not name:
            raise ParameterError("A playlist needs a name.")
        self._change(playlist_id, name=name, named_by_user=True)

    def set_locked(self, playlist_id: str, locked: bool) -> None:
        """Have the next run keep a playlist as it is, or not."""
        self._change(playlist_id, locked=locked)

    def ban(self, playlist_id: str, track_id: str) -> None:
        """Take a song out of a playlist for good."""
        with self._database.write() as connection:
            run = self._require(connection, playlist_id)
            connection.execute(sa.delete(entries).where(*_entry(run, playlist_id, track_id)))
            ban = {"playlist_id": playlist_id, "track_id": track_id}
            self._database.insert_new(connection, bans, [ban])
            self._touch(connection, run, playlist_id)

    def unban(self, playlist_id: str, track_id: str) -> None:
        """Let a later run choose a song for this playlist again."""
        with self._database.write() as connection:
            connection.execute(
                sa.delete(bans).where(bans.c.playlist_id == playlist_id, bans.c.track_id == track_id)
            )

    def set_pinned(self, playlist_id: str, track_id: str, pinned: bool) -> None:
        """Have every later run keep a song in a playlist, or not.

        Raises
        ------
        NotFound
            If the playlist does not hold the song.
        """
        with self._database.write() as connection:
            run = self._require(connection, playlist_id)
            change = sa.update(entries).where(*_entry(run, playlist_id, track_id)).values(pinned=pinned)
            if not connection.execute(change).rowcount:
                raise NotFound(f"The playlist {playlist_id!r} does not hold the song {track_id!r}.")
            self._touch(connection, run, playlist_id)

    def containing(self, track_id: str) -> list[tuple[str, str]]:
        """Return (id, name) of the current playlists that hold a song."""
        query = sa.select(table.c.id, table.c.name).join(
            entries, sa.and_(entries.c.run_id == table.c.run_id, entries.c.playlist_id == table.c.id)
        )
        with self._database.read() as connection:
            run = _current(connection)
            if run is None:
                return []
            chosen = query.where(table.c.run_id == run, entries.c.track_id == track_id)
            return [(row.id, row.name) for row in connection.execute(chosen.order_by(table.c.position))]

    def _change(self, playlist_id: str, **values: Any) -> None:
        with self._database.write() as connection:
            run = self._require(connection, playlist_id)
            chosen = sa.update(table).where(table.c.run_id == run, table.c.id == playlist_id)
            connection.execute(chosen.values(updated_at=self._database.moment(connection), **values))

    def _touch(self, connection: Connection, run: int, playlist_id: str) -> None:
        chosen = sa.update(table).where(table.c.run_id == run, table.c.id == playlist_id)
        connection.execute(chosen.values(updated_at=self._database.moment(connection)))

    def _require(self, connection: Connection, playlist_id: str) -> int:
        """Return the current run, which must hold the playlist."""
        run = _current(connection)
        query = sa.select(table.c.id).where(table.c.run_id == run, table.c.id == playlist_id)
        known = connection.scalar(query)
        if run is None or known is None:
            raise NotFound(f"There is no playlist {playlist_id!r}.")
        return run


def _current(connection: Connection) -> int | None:
    newest: int | None = connection.scalar(sa.select(sa.func.max(runs.c.id)).where(sa.not_(runs.c.undone)))
    return newest


def _entry(run: int, playlist_id: str, track_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (entries.c.run_id == run, entries.c.playlist_id == playlist_id, entries.c.track_id == track_id)


def _load(connection: Connection, run: int, playlist_id: str | None = None) -> list[Playlist]:
    """Read the playlists of a run with four statements, however many there are."""
    heads = sa.select(table).where(table.c.run_id == run).order_by(table.c.position)
    lines = sa.select(entries).where(entries.c.run_id == run).order_by(entries.c.position)
    banned = sa.select(bans)
    if playlist_id is not None:
        heads = heads.where(table.c.id == playlist_id)
        lines = lines.where(entries.c.playlist_id == playlist_id)
        banned = banned.where(bans.c.playlist_id == playlist_id)
    songs: defaultdict[str, list[PlaylistEntry]] = defaultdict(list)
    for row in connection.execute(lines):
        songs[row.playlist_id].append(PlaylistEntry(row.track_id, row.reason, row.pinned))
    dropped: defaultdict[str, set[str]] = defaultdict(set)
    for row in connection.execute(banned):
        dropped[row.playlist_id].add(row.track_id)
    return [_playlist(row, songs, dropped) for row in connection.execute(heads)]


def _playlist(
    row: Row[Any], songs: Mapping[str, list[PlaylistEntry]], dropped: Mapping[str, set[str]]
) -> Playlist:
    return Playlist(
        id=row.id,
        name=row.name,
        entries=tuple(songs.get(row.id, ())),
        tags=tuple((str(tag), float(value)) for tag, value in row.tags),
        tempo_bpm=row.tempo_bpm,
        energy=row.energy,
        locked=row.locked,
        banned=frozenset(dropped.get(row.id, ())),
        centroid=unpack(row.centroid),
        named_by_user=row.named_by_user,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _row(playlist: Playlist, run_id: int, position: int, moment: datetime) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "id": playlist.id,
        "position": position,
        "name": playlist.name,
        "tags": [[tag, float(value)] for tag, value in playlist.tags],
        "tempo_bpm": None if playlist.tempo_bpm is None else float(playlist.tempo_bpm),
        "energy": None if playlist.energy is None else float(playlist.energy),
        "locked": playlist.locked,
        "named_by_user": playlist.named_by_user,
        "centroid": pack(playlist.centroid),
        "created_at": playlist.created_at or moment,
        "updated_at": playlist.updated_at or moment,
    }


def _entry_rows(playlist: Playlist, run_id: int) -> list[dict[str, Any]]:
    return [
        {
            "run_id": run_id,
            "playlist_id": playlist.id,
            "track_id": entry.track_id,
            "position": position,
            "reason": entry.reason,
            "pinned": entry.pinned,
        }
        for position, entry in enumerate(playlist.entries)
    ]
