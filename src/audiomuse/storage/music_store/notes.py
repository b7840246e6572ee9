"""Small things that must survive a restart: saved settings, notes of the page, counted attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from audiomuse.storage.engine import Database
from audiomuse.storage.music_schema import attempts, notes, saved_settings

_DAY_S = 86_400.0


class SettingRows:
    """Parameters that a person chose on the page, as JSON values by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Any]:
        """Return every saved parameter."""
        with self._database.read() as connection:
            return {row.name: row.value for row in connection.execute(sa.select(saved_settings))}

    def save(self, values: Mapping[str, Any]) -> None:
        """Keep all of `values` or none; a parameter whose value is None goes back to its default."""
        with self._database.write() as connection:
            gone = [name for name, value in values.items() if value is None]
            connection.execute(sa.delete(saved_settings).where(saved_settings.c.name.in_(gone)))
            rows = [{"name": name, "value": value} for name, value in values.items() if value is not None]
            self._database.upsert(connection, saved_settings, rows)


class NoteRows:
    """Single JSON values by name, such as the hash of the page's password."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Any:
        """Return the value of a note; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(notes.c.value).where(notes.c.name == name)).one_or_none()
            return None if row is None else row.value

    def set(self, name: str, value: Any) -> None:
        """Write a note, or delete it if `value` is None."""
        with self._database.write() as connection:
            if value is None:
                connection.execute(sa.delete(notes).where(notes.c.name == name))
            else:
                row = {"name": name, "value": value, "written_at": self._database.moment(connection)}
                self._database.upsert(connection, notes, [row])

    def set_if_absent(self, name: str, value: Any) -> bool:
        """Write a note unless there is one; tell whether this call wrote it. Of two at once, one wins."""
        with self._database.write() as connection:
            row = {"name": name, "value": value, "written_at": self._database.moment(connection)}
            return self._database.insert_new(connection, notes, [row]) == 1


class AttemptRows:
    """Failed tries by name (an address, an account), to slow down who guesses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, *, within_s: float) -> int:
        """Count one more attempt and return how many there were in the last `within_s` seconds."""
        with self._database.write() as connection:
            now = self._database.moment(connection)
            connection.execute(
                sa.delete(attempts).where(sa.type_coerce(attempts.c.at, sa.Double) < now.timestamp() - _DAY_S)
            )
            connection.execute(sa.insert(attempts).values(name=name, at=now))
            recent = sa.type_coerce(attempts.c.at, sa.Double) >= now.timestamp() - within_s
            query = sa.select(sa.func.count()).where(attempts.c.name == name, recent)
            return int(connection.execute(query).scalar_one())

    def count(self, name: str, *, within_s: float) -> int:
        """Return how many attempts there were in the last `within_s` seconds."""
        with self._database.read() as connection:
            since = self._database.now(connection) - within_s
            recent = sa.type_coerce(attempts.c.at, sa.Double) >= since
            query = sa.select(sa.func.count()).where(attempts.c.name == name, recent)
            return int(connection.execute(query).scalar_one())

    def clear(self, name: str) -> None:
        """Forget the attempts of `name`, after one that succeeded."""
        with self._database.write() as connection:
            connection.execute(sa.delete(attempts).where(attempts.c.name == name))
