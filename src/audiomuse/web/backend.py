"""What the page and the API ask of the rest of AudioMuse.

The views know these Protocols, the stores and the pure rooms; `audiomuse.web.services_backend` fulfils them
with `audiomuse.services`, and the tests with a library in memory. Every method raises the errors of
`audiomuse.errors`; `audiomuse.web.failures` turns those into answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from audiomuse.model import Job, Playlist, Publication, Track
from audiomuse.servers import MediaServer, ServerInfo
from audiomuse.services.jobs import JobEngine
from audiomuse.services.library import LibraryView
from audiomuse.services.publishing import PublishReport
from audiomuse.settings import Settings
from audiomuse.similarity import Plays
from audiomuse.storage import LibraryStatistics, MusicStore


@dataclass(frozen=True, slots=True)
class ConnectionCheck:
    """What a test of a media server found."""

    ok: bool
    sentence: str
    """What is right, or what is wrong and how to mend it."""
    server: ServerInfo | None = None
    libraries: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoProgress:
    """How far the demo library is."""

    done: int
    total: int
    error: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it is in use."""
        return self.error is None and self.total > 0 and self.done == self.total


class Backend(Protocol):
    """Everything behind the page, for one set of settings."""

    @property
    def settings(self) -> Settings: ...
    @property
    def music(self) -> MusicStore: ...
    @property
    def features_version(self) -> str:
        """Whose numbers are shown."""

    @property
    def engine(self) -> JobEngine:
        """Jobs: watch, cancel, resume."""

    def start_analysis(self, parameters: Mapping[str, Any], *, retry_failed: bool = False) -> Job:
        """Begin to hear songs; missing parameters come from the settings.

        Raises
        ------
        JobConflict
            If an analysis is active.
        ParameterError
            If a value makes no sense.
        SettingsError
            While no music server is configured.
        """

    def start_clustering(
        self, parameters: Mapping[str, Any], *, publish: bool = False, start_over: bool = False
    ) -> Job:
        """Begin to search for playlists; raises like `start_analysis`, and `LibraryEmpty`."""

    def statistics(self) -> LibraryStatistics:
        """Return the library in numbers, as they are or were a moment ago."""

    def library(self) -> LibraryView:
        """Return the heard library in memory; what it derives raises `LibraryEmpty` while it is empty."""

    def plays(self) -> Sequence[Plays]:
        """Return what the account played."""

    def server(self) -> MediaServer:
        """Return the media server; `SettingsError` while none is configured."""

    def start_publishing(self) -> Job:
        """Begin to make the server hold all our playlists and none of our older ones.

        Raises like `start_analysis`, and `LibraryEmpty`.
        """

    def publish(self, playlist_id: str) -> PublishReport:
        """Make the server hold one playlist; `JobConflict` while a job publishes, or will."""

    def create_on_server(self, name: str, track_ids: Sequence[str]) -> Publication:
        """Make a playlist of exactly these songs on the server."""

    def m3u8(self, playlist: Playlist) -> bytes:
        """Return it as an extended M3U file in UTF-8."""

    def check_server(self, values: Mapping[str, Any]) -> ConnectionCheck:
        """Try settings that are not saved yet; never raises for a server that fails."""

    def change_settings(self, values: Mapping[str, Any]) -> None:
        """Keep parameters (None: back to the default) and use them from now on; `SettingsError` if wrong."""

    def start_demo(self) -> None:
        """Begin to make up the demo library; it is used once it is whole."""

    def demo_progress(self) -> DemoProgress | None:
        """Return how far the demo library is; None if it was not begun."""

    def is_healthy(self) -> bool:
        """Tell whether the databases answer."""

    def metrics(self) -> str:
        """Return the numbers of the jobs in the text format of Prometheus."""

    def close(self) -> None:
        """Give everything back."""


def tracks_by_id(backend: Backend, track_ids: Sequence[str]) -> dict[str, Track]:
    """Return the known ones of some tracks."""
    return backend.music.tracks.get_many(list(dict.fromkeys(track_ids)))
