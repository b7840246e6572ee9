"""A backup is whole while everything runs, and comes back only where nothing runs."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from audiomuse.errors import StorageError
from audiomuse.model import Track
from audiomuse.settings import Settings
from audiomuse.storage import backup, open_job_store, open_music_store, restore


def put(settings: Settings, *titles: str) -> None:
    with open_music_store(settings) as music:
        generation = music.tracks.begin_listing("here")
        music.tracks.upsert("here", [Track(title, title) for title in titles], generation)


def titles(settings: Settings) -> list[str]:
    with open_music_store(settings) as music:
        return sorted(music.tracks.present_ids())


needs_pg_dump = pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump is not installed here")


@needs_pg_dump
def test_a_backup_brings_back_what_was_there(any_settings: Settings, tmp_path: Path) -> None:
    put(any_settings, "a", "b")
    copy = backup(any_settings, tmp_path / "new folder" / "backup")
    put(any_settings, "c")
    restore(any_settings, copy)
    assert titles(any_settings) == ["a", "b"]


def test_a_backup_taken_while_somebody_writes_is_whole(sqlite_settings: Settings, tmp_path: Path) -> None:
    put(sqlite_settings, "a")
    with open_music_store(sqlite_settings) as music:
        generation = music.tracks.begin_listing("here")
        music.tracks.upsert("here", [Track("b", "b")], generation)
        copy = backup(sqlite_settings, tmp_path / "backup")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    restore(sqlite_settings, copy)
    assert titles(sqlite_settings) == ["a", "b"]


def test_restoring_keeps_what_was_there_before_aside(sqlite_settings: Settings, tmp_path: Path) -> None:
    put(sqlite_settings, "old")
    copy = backup(sqlite_settings, tmp_path / "backup")
    put(sqlite_settings, "new")
    aside = restore(sqlite_settings, copy)
    assert aside is not None
    restore(sqlite_settings, aside)
    assert titles(sqlite_settings) == ["new", "old"]


def test_a_database_in_use_is_not_replaced(sqlite_settings: Settings, tmp_path: Path) -> None:
    put(sqlite_settings, "a")
    copy = backup(sqlite_settings, tmp_path / "backup")
    with open_music_store(sqlite_settings), pytest.raises(StorageError, match="Stop AudioMuse first"):
        restore(sqlite_settings, copy)
    assert titles(sqlite_settings) == ["a"]


def test_a_damaged_database_is_replaced_and_kept_aside(sqlite_settings: Settings, tmp_path: Path) -> None:
    put(sqlite_settings, "a")
    copy = backup(sqlite_settings, tmp_path / "backup")
    sqlite_settings.db_path.write_bytes(b"not a database, but rather long " * 100)
    aside = restore(sqlite_settings, copy)
    assert aside is not None
    assert aside.read_bytes().startswith(b"not a database")
    assert titles(sqlite_settings) == ["a"]


def test_an_existing_file_is_not_overwritten(sqlite_settings: Settings, tmp_path: Path) -> None:
    put(sqlite_settings, "a")
    (tmp_path / "backup").write_text("precious")
    with pytest.raises(StorageError, match="exists already"):
        backup(sqlite_settings, tmp_path / "backup")


def test_there_must_be_something_to_back_up(sqlite_settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database"):
        backup(sqlite_settings, tmp_path / "backup")


def test_what_is_no_backup_of_music_is_refused(sqlite_settings: Settings, tmp_path: Path) -> None:
    put(sqlite_settings, "a")
    text = tmp_path / "text"
    text.write_text("hello")
    with pytest.raises(StorageError, match="not an AudioMuse database"):
        restore(sqlite_settings, text)
    with open_job_store(sqlite_settings):
        pass
    with pytest.raises(StorageError, match="not an AudioMuse database"):
        restore(sqlite_settings, sqlite_settings.status_db_path)
    with pytest.raises(StorageError, match="no file"):
        restore(sqlite_settings, tmp_path / "nowhere")
    assert titles(sqlite_settings) == ["a"]
