"""Bring a database to this version's schema, whoever opens it first.

The migrations lie in `migrations/<name>/versions`, in files that begin with their revision. They run in one
transaction under a lock, so that any number of processes may open the same database at once; SQLite files
are copied before. Alembic is loaded only when there is something to do: it is 9 MB, and every process opens
databases.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audiomuse.errors import StorageError
from audiomuse.storage.engine import Database

_FOLDER = Path(__file__).parent / "migrations"
_LOCK_KEYS = {"music": 4_715_001, "jobs": 4_715_002}  # of pg_advisory_xact_lock; any numbers, but these


def migrate(database: Database, name: str) -> None:
    """Apply the missing migrations of `name` (``"music"`` or ``"jobs"``).

    Raises
    ------
    StorageError
        If the schema was made by a newer version of AudioMuse; nothing is changed then.
    """
    known = known_revisions(name)
    if _revision(database, name) == known[-1]:
        return
    if database.path is None:
        with database.write() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEYS[name]})")
            _upgrade(connection, name, database.label)
        return
    with _file_lock(database.path.with_name(database.path.name + ".lock")):
        before = _revision(database, name)
        if before in known[:-1]:
            copy_sqlite(database.path, database.path.with_name(f"{database.path.name}.schema-{before}.bak"))
        with database.write() as connection:
            _upgrade(connection, name, database.label)


def check_revision(path: Path, name: str) -> None:
    """Refuse a SQLite file that is not an AudioMuse database of this or an older version.

    Raises
    ------
    StorageError
        With the reason.
    """
    table = version_table(name)
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            row = connection.execute(f"SELECT version_num FROM {table}").fetchone()
            damage = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as e:
        raise StorageError(f"{path} is not an AudioMuse database ({e}).") from e
    if damage is None or damage[0] != "ok":
        raise StorageError(f"{path} is damaged: {damage[0] if damage else 'nothing in it'}.")
    _refuse_newer(name, None if row is None else str(row[0]), str(path))


def version_table(name: str) -> str:
    """Return the name of the table that holds the schema's version; two schemas may share a database."""
    return f"audiomuse_{name}_schema"


def known_revisions(name: str) -> list[str]:
    """Return the revisions of this version of AudioMuse, oldest first."""
    files = (_FOLDER / name / "versions").glob("[0-9]*.py")
    return sorted(file.stem.partition("_")[0] for file in files)


def _upgrade(connection: Connection, name: str, label: str) -> None:
    """Run what is missing inside the caller's transaction."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    context = MigrationContext.configure(connection, opts={"version_table": version_table(name)})
    _refuse_newer(name, context.get_current_revision(), label)
    script = ScriptDirectory(str(_FOLDER / name))
    config = Config()
    config.set_main_option("script_location", str(_FOLDER / name))
    with EnvironmentContext(
        config, script, fn=lambda revision, _: script._upgrade_revs("head", revision)
    ) as environment:
        environment.configure(connection=connection, version_table=version_table(name), render_as_batch=True)
        environment.run_migrations()


def _revision(database: Database, name: str) -> str | None:
    with database.read() as connection:
        if not sa.inspect(connection).has_table(version_table(name)):
            return None
        revision: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {version_table(name)}"))
        return revision


def _refuse_newer(name: str, revision: str | None, label: str) -> None:
    known = known_revisions(name)
    if revision is not None and revision not in known:
        raise StorageError(
            f"{label} was written by a newer version of AudioMuse (schema {revision}, this version knows "
            f"{known[-1]}). Install that version again, or restore an older backup."
        )


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    try:
        lock = path.open("a")
    except OSError as e:
        raise StorageError(f"{path} cannot be written: {e.strerror}.") from e
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database that may be in use, complete or not at all."""
    part = target.with_name(target.name + ".part")
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
        part.chmod(0o600)
        part.replace(target)
    except (OSError, sqlite3.Error) as e:
        part.unlink(missing_ok=True)
        raise StorageError(f"The backup {target} could not be written: {e}.") from e
