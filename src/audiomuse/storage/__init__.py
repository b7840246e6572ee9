"""The databases: what we know about music, and what is running.

`open_music_store` and `open_job_store` open them as the settings say, bring their schema up to date, and
refuse a schema from a newer version. Everything else happens on the `MusicStore` and the `JobStore`.
"""

from __future__ import annotations

from audiomuse.settings import Settings
from audiomuse.storage.backup import backup, restore
from audiomuse.storage.engine import Database, open_postgresql, open_sqlite
from audiomuse.storage.job_store import ItemPlan, JobStore, LogLine, Pace, StageCount, Worker
from audiomuse.storage.music_store import (
    AlbumCount,
    ArtistCount,
    AudioFailure,
    CatalogueEntry,
    CataloguePage,
    LibraryRevision,
    LibraryStatistics,
    MusicStore,
    PlaylistRun,
    PublicationIntent,
    SavedClustering,
    SortKey,
    TrackQuery,
)

__all__ = [
    "AlbumCount",
    "ArtistCount",
    "AudioFailure",
    "CatalogueEntry",
    "CataloguePage",
    "Database",
    "ItemPlan",
    "JobStore",
    "LibraryRevision",
    "LibraryStatistics",
    "LogLine",
    "MusicStore",
    "Pace",
    "PlaylistRun",
    "PublicationIntent",
    "SavedClustering",
    "SortKey",
    "StageCount",
    "TrackQuery",
    "Worker",
    "backup",
    "open_job_store",
    "open_music_store",
    "open_postgresql",
    "open_sqlite",
    "restore",
]


def open_music_store(settings: Settings) -> MusicStore:
    """Open DATABASE_URL, or the SQLite file DB_PATH, with its schema up to date.

    Raises
    ------
    StorageError
        If it cannot be opened or written, or comes from a newer version.
    """
    if settings.database_url is not None:
        return MusicStore(open_postgresql(settings.database_url.get_secret_value()))
    return MusicStore(open_sqlite(settings.db_path))


def open_job_store(settings: Settings) -> JobStore:
    """Open STATUS_DATABASE_URL or DATABASE_URL, or the SQLite file STATUS_DB_PATH, schema up to date.

    Raises
    ------
    StorageError
        If it cannot be opened or written, or comes from a newer version.
    """
    url = settings.status_database_url or settings.database_url
    if url is not None:
        return JobStore(open_postgresql(url.get_secret_value()))
    return JobStore(open_sqlite(settings.status_db_path))
