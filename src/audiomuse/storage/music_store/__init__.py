"""What we know about music, in one database: `MusicStore`."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from audiomuse.storage.engine import Database
from audiomuse.storage.migrate import migrate
from audiomuse.storage.music_store.catalogue import (
    AlbumCount,
    ArtistCount,
    CatalogueEntry,
    CataloguePage,
    CatalogueRows,
    SortKey,
    TrackQuery,
)
from audiomuse.storage.music_store.clusterings import ClusteringRows, SavedClustering
from audiomuse.storage.music_store.features import AudioFailure, FailureRows, FeatureRows
from audiomuse.storage.music_store.notes import AttemptRows, NoteRows, SettingRows
from audiomuse.storage.music_store.playlists import PlaylistRows, PlaylistRun
from audiomuse.storage.music_store.publications import PublicationIntent, PublicationRows
from audiomuse.storage.music_store.statistics import LibraryRevision, LibraryStatistics, StatisticsRows
from audiomuse.storage.music_store.tracks import TrackRows

__all__ = [
    "AlbumCount",
    "ArtistCount",
    "AudioFailure",
    "CatalogueEntry",
    "CataloguePage",
    "LibraryRevision",
    "LibraryStatistics",
    "MusicStore",
    "PlaylistRun",
    "PublicationIntent",
    "SavedClustering",
    "SortKey",
    "TrackQuery",
]


class MusicStore:
    """The music database, room by room. Threads may share one; every process opens its own.

    Attributes
    ----------
    tracks : TrackRows
        What the servers said: listings, tracks by id.
    catalogue : CatalogueRows
        Search, sort and page the songs; artists and albums with counts.
    features, failures : FeatureRows, FailureRows
        What we heard, and what we could not hear.
    clusterings : ClusteringRows
        Partitions with their parameters.
    playlists : PlaylistRows
        The current playlists, their history and what people changed.
    publications : PublicationRows
        What was published where.
    settings, notes, attempts : SettingRows, NoteRows, AttemptRows
        Small things of the page.
    statistics : StatisticsRows
        The library in numbers.
    """

    def __init__(self, database: Database) -> None:
        migrate(database, "music")
        self.database = database
        self.tracks = TrackRows(database)
        self.catalogue = CatalogueRows(database)
        self.features = FeatureRows(database)
        self.failures = FailureRows(database)
        self.clusterings = ClusteringRows(database)
        self.playlists = PlaylistRows(database)
        self.publications = PublicationRows(database)
        self.settings = SettingRows(database)
        self.notes = NoteRows(database)
        self.attempts = AttemptRows(database)
        self.statistics = StatisticsRows(database)

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
