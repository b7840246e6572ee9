"""Copies of the music database, the one that is worth keeping: what we heard, playlists, settings."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from audiomuse.errors import StorageError
from audiomuse.settings import Settings
from audiomuse.storage.migrate import check_revision, copy_sqlite


def backup(settings: Settings, target: Path) -> Path:
    """Write the music database to the file `target`, while everything goes on running.

    SQLite becomes one SQLite file, verified after writing; PostgreSQL a dump by ``pg_dump``.

    Raises
    ------
    StorageError
        If there is nothing to back up, or `target` exists or cannot be written.
    """
    target = target.expanduser().absolute()
    if target.exists():
        raise StorageError(f"{target} exists already; choose another name.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StorageError(f"{target.parent} cannot be made: {e.strerror}.") from e
    if settings.database_url is not None:
        _run_postgresql_tool(
            settings, ["pg_dump", "--format=custom", "--no-owner", f"--file={target}"], "backup"
        )
        return target
    if not settings.db_path.exists():
        raise StorageError(f"There is no database at {settings.db_path} yet.")
    copy_sqlite(settings.db_path, target)
    check_revision(target, "music")
    return target


def restore(settings: Settings, source: Path) -> Path | None:
    """Put the backup `source` in the place of the music database. Nothing may be running.

    Returns
    -------
    Path or None
        Where the database that was there before was moved to; None if there was none (or on PostgreSQL).

    Raises
    ------
    StorageError
        If `source` is no backup of this or an older version, is damaged, or the database is in use.
    """
    source = source.expanduser().absolute()
    if not source.exists():
        raise StorageError(f"There is no file {source}.")
    if settings.database_url is not None:
        _run_postgresql_tool(
            settings,
            ["pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", str(source)],
            "restore",
        )
        return None
    check_revision(source, "music")
    path = settings.db_path
    fresh = path.with_name(path.name + ".restoring")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
    except OSError as e:
        raise StorageError(f"{path.parent} cannot be written: {e.strerror}.") from e
    copy_sqlite(source, fresh)
    aside = _put_aside(path) if path.exists() else None
    fresh.replace(path)
    return aside


def _put_aside(path: Path) -> Path:
    """Move a database that nobody uses out of the way, whole: its write-ahead log goes into it first."""
    try:
        with closing(sqlite3.connect(path, timeout=0.5)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError as e:
        raise StorageError(f"{path} is in use ({e}). Stop AudioMuse first, then restore.") from e
    except sqlite3.DatabaseError:
        # Damaged beyond reading is the very reason to restore: it is kept aside all the same.
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    aside = path.with_name(path.name + ".before-restore")
    path.replace(aside)
    return aside


def _run_postgresql_tool(settings: Settings, command: list[str], purpose: str) -> None:
    """Run pg_dump or pg_restore with the password in its environment, where no process list shows it."""
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value())
    if shutil.which(command[0]) is None:
        raise StorageError(f"The {purpose} of a PostgreSQL database needs {command[0]} on this machine.")
    target = f"--dbname={url.database}"
    environment = {"PGHOST": url.host or "", "PGPORT": str(url.port or 5432), "PGUSER": url.username or ""}
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    path = {"PATH": str(Path(shutil.which(command[0]) or "").parent)}
    done = subprocess.run(
        [*command, target], env={**path, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[0] if done.stderr.strip() else "no reason given"
        raise StorageError(f"{command[0]} failed: {reason}")
