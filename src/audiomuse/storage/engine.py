"""Open a database, run transactions on it, and say in one sentence what is wrong with it.

SQLite and PostgreSQL run the same statements. SQLite is used the way that survives several writing
processes: write-ahead log, and every writing transaction takes the write lock at its beginning, so that it
waits for its turn instead of failing half-way with "database is locked".
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from audiomuse.errors import StorageError, StorageUnreachable

BUSY_TIMEOUT_S = 60.0
"""How long a transaction waits for its turn on SQLite."""

_CHUNK = 500
_READ_ONLY = "audiomuse_read_only"

_SQLITE_TROUBLE: tuple[tuple[str, type[StorageError], str], ...] = (
    (
        "disk is full",
        StorageError,
        "The disk is full: {label} cannot be written. Free some space and start again.",
    ),
    (
        "readonly database",
        StorageError,
        "{label} is read-only. Give this user write access to the file and its folder.",
    ),
    (
        "unable to open",
        StorageError,
        "{label} cannot be opened or created. Check that this user may write in its folder.",
    ),
    (
        "disk i/o error",
        StorageError,
        "Reading or writing {label} failed: disk error, or no space left. Check the disk.",
    ),
    ("malformed", StorageError, "{label} is damaged. Restore it with 'audiomuse restore'."),
    ("not a database", StorageError, "{label} is not an AudioMuse database."),
    ("locked", StorageUnreachable, "{label} stayed locked by another process for {busy:.0f} s."),
)

T = TypeVar("T")


class Database:
    """One database and the transactions on it. Threads may share it; forked processes may not.

    Parameters
    ----------
    engine : Engine
        From `open_sqlite` or `open_postgresql`.
    label : str
        How sentences name it: the file's path, or host and name of a PostgreSQL database. Never a password.
    path : Path, optional
        The file of a SQLite database.
    """

    def __init__(self, engine: Engine, label: str, path: Path | None = None) -> None:
        self.engine = engine
        self.label = label
        self.path = path

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file on this machine, which only processes of this machine can share."""
        return self.path is not None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one moment of the database and never waits for writers."""
        with self._named_errors(), self.engine.connect() as plain:
            connection = plain.execution_options(**{_READ_ONLY: True})
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that is committed at the end of the block, or undone if it raises.

        Raises
        ------
        StorageError
            The reason in one sentence; `StorageUnreachable` if trying again may help.
        """
        with self._named_errors(), self.engine.begin() as connection:
            yield connection

    def now(self, connection: Connection) -> float:
        """Return the seconds since 1970 by the one clock that all users of this database share."""
        if self.is_sqlite:
            return time.time()
        return float(connection.scalar(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))) or 0)

    def moment(self, connection: Connection) -> datetime:
        """Return `now` as a date and time in UTC."""
        return datetime.fromtimestamp(self.now(connection), UTC)

    def upsert(
        self,
        connection: Connection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        *,
        keep: Sequence[str] = (),
    ) -> None:
        """Insert `rows`; where the primary key is taken, overwrite all columns but `keep`."""
        if not rows:
            return
        insert: Any = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {name: insert.excluded[name] for name in rows[0] if name not in keys and name not in keep}
        if changed:
            statement = insert.on_conflict_do_update(index_elements=keys, set_=changed)
        else:
            statement = insert.on_conflict_do_nothing(index_elements=keys)
        connection.execute(statement, list(rows))

    def insert_new(self, connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert those `rows` whose primary key is free, leave the others as they are; return how many."""
        if not rows:
            return 0
        insert: Any = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        counted = insert.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        return int(connection.execute(counted, list(rows)).rowcount)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as e:
            raise self._explain(e) from e
        except PoolTimeout as e:
            raise StorageUnreachable(
                f"{self.label} has no free connection; too many requests at once."
            ) from e

    def _explain(self, error: DBAPIError) -> Exception:
        """Translate a driver's error; one that is a bug of ours stays what it is."""
        if self.is_sqlite:
            message = str(error.orig).lower()
            for words, kind, sentence in _SQLITE_TROUBLE:
                if words in message:
                    return kind(sentence.format(label=self.label, busy=BUSY_TIMEOUT_S))
            return error
        return _explain_postgresql(error, self.label)


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[Sequence[T]]:
    """Yield `values` in pieces small enough for one IN (...) list."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def open_sqlite(path: Path) -> Database:
    """Open (or create, readable by its owner only) a SQLite file in WAL mode.

    Raises
    ------
    StorageError
        If the folder cannot be made or written, or the file is no database.
    """
    path = path.expanduser().absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as e:
        raise StorageError(f"{path} cannot be opened or created: {e.strerror}.") from e
    engine = sa.create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=5,
        max_overflow=27,
    )
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    database = Database(engine, str(path), path)
    with database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    return database


def open_postgresql(url: str) -> Database:
    """Connect to a PostgreSQL database.

    Parameters
    ----------
    url : str
        ``postgresql://user:password@host:port/name``; the driver is ours to choose.

    Raises
    ------
    StorageUnreachable
        If nobody answers there, or the login is refused.
    """
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(
        parsed,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=27,
        connect_args={
            "connect_timeout": 10,
            "application_name": "audiomuse",
            # A prepared statement belongs to one connection, which a pooler in between may change.
            "prepare_threshold": None,
            # Notice within half a minute that the line to the server is cut.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
    )
    sa.event.listen(engine, "connect", _set_up_postgresql)
    label = f"PostgreSQL database {parsed.database} on {parsed.host or 'this machine'}"
    database = Database(engine, label)
    with database.read() as connection:
        connection.exec_driver_sql("SELECT 1")
    return database


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={int(BUSY_TIMEOUT_S * 1000)}",
        "journal_mode=WAL",
        # With WAL this loses nothing when a process dies; after a power cut the last commits may be
        # missing, but never half of one.
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _set_up_postgresql(connection: Any, _record: object) -> None:
    """Have the server, too, give up on us: a machine that is cut off must not keep its locks."""
    with connection.cursor() as cursor:
        for name, value in (
            ("idle_in_transaction_session_timeout", "60s"),
            ("lock_timeout", "30s"),
            ("tcp_keepalives_idle", "15"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ):
            cursor.execute(f"SET {name} = '{value}'")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _explain_postgresql(error: DBAPIError, label: str) -> Exception:
    """Translate by SQLSTATE class; without one the connection itself failed."""
    state = getattr(error.orig, "sqlstate", None) or ""
    reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no reason given"
    if state.startswith("53"):
        if state == "53100":
            return StorageError(f"The disk of the {label} is full. Free some space and start again.")
        return StorageUnreachable(f"The {label} has no room for more connections: {reason}")
    if state == "25006":
        return StorageError(f"The {label} is read-only.")
    if state in ("28P01", "28000", "3D000", "42501"):
        return StorageError(f"The {label} refuses: {reason}")
    if error.connection_invalidated or state[:2] in ("", "08", "57", "40", "55"):
        return StorageUnreachable(f"The {label} does not answer: {reason}")
    return error
