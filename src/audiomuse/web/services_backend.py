"""What stands behind the page in earnest: `audiomuse.services`, opened anew when the settings change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import structlog

from audiomuse.errors import AudioMuseError, LibraryEmpty, SettingsError, StorageError
from audiomuse.model import Job, Playlist, Publication
from audiomuse.servers import MediaServer, open_server
from audiomuse.servers.m3u import m3u_bytes
from audiomuse.services.app import open_services
from audiomuse.services.demo import render_demo_library
from audiomuse.services.export import playlist_lines
from audiomuse.services.jobs import JobEngine
from audiomuse.services.library import LibraryView
from audiomuse.services.preflight import preflight
from audiomuse.services.publishing import PublishReport
from audiomuse.settings import Settings, from_environment, load_settings
from audiomuse.similarity import Plays
from audiomuse.storage import LibraryStatistics, MusicStore, TrackQuery
from audiomuse.web.backend import ConnectionCheck, DemoProgress
from audiomuse.web.metrics import render_metrics
from audiomuse.web.overview import Overview

_log = structlog.get_logger(__name__)

_MOST_PLAYED = 500


class _Closed(AudioMuseError):
    """The page is being stopped: nothing new may begin."""


class ServicesBackend:
    """Keeps the Protocol `audiomuse.web.backend.Backend`.

    Parameters
    ----------
    settings : Settings
        As read at the edge, with what the page had saved.
    announce : callable, optional
        Told the id of a job when there is work.

    Raises
    ------
    StorageError
        If a database cannot be used.
    """

    def __init__(self, settings: Settings, *, announce: Callable[[str], object] | None = None) -> None:
        self._announce = announce
        self._changing = threading.Lock()
        self._services = open_services(settings, announce=announce)
        self._overview = Overview(lambda: self.music.statistics.library(self.features_version))
        saved = self.music.settings.all()
        self._given = {
            name: getattr(settings, name)
            for name in settings.model_fields_set
            if name not in saved and not from_environment(name)
        }
        self._demo: DemoProgress | None = None
        self._is_closed = threading.Event()

    # --- what the views read ---

    @property
    def settings(self) -> Settings:
        return self._services.settings

    @property
    def music(self) -> MusicStore:
        return self._services.music

    @property
    def features_version(self) -> str:
        return self._services.features_version

    @property
    def engine(self) -> JobEngine:
        return self._services.engine

    def statistics(self) -> LibraryStatistics:
        """Return the library in numbers."""
        return self._overview.get()

    def library(self) -> LibraryView:
        """Return the heard library in memory."""
        return self._services.library()

    def server(self) -> MediaServer:
        """Return the media server."""
        return self._services.server()

    def plays(self) -> Sequence[Plays]:
        """Return the songs that were played most, or are favourites."""
        query = TrackQuery(sort="plays", descending=True, limit=_MOST_PLAYED)
        tracks = [entry.track for entry in self.music.catalogue.search(query, self.features_version).entries]
        return [
            Plays(track.id, track.play_count or 0, track.last_played_at, track.is_favorite)
            for track in tracks
            if track.play_count or track.is_favorite
        ]

    # --- jobs and playlists ---

    def start_analysis(self, parameters: Mapping[str, Any], *, retry_failed: bool = False) -> Job:
        """Begin to hear songs."""
        albums = parameters.get("num_recent_albums")
        return self._services.start_analysis(num_recent_albums=albums, retry_failed=retry_failed)

    def start_clustering(
        self, parameters: Mapping[str, Any], *, publish: bool = False, start_over: bool = False
    ) -> Job:
        """Begin to search for playlists."""
        if not self.music.features.count(self.features_version):
            raise LibraryEmpty("No song has been analysed yet: start an analysis first.")
        return self._services.start_clustering(parameters, publish=publish, start_over=start_over)

    def start_publishing(self) -> Job:
        """Begin to make the server hold all our playlists."""
        return self._services.start_publishing()

    def publish(self, playlist_id: str) -> PublishReport:
        """Make the server hold one playlist."""
        return self._services.publish(playlist_id)

    def create_on_server(self, name: str, track_ids: Sequence[str]) -> Publication:
        """Make a playlist of exactly these songs; it belongs to who asked, so we never touch it again."""
        return self.server().save_playlist(name, track_ids)

    def m3u8(self, playlist: Playlist) -> bytes:
        """Return a playlist as a file to take away."""
        lines = playlist_lines(self.music, playlist, None, self.settings)
        return m3u_bytes(playlist.name, lines, ours=False)

    # --- settings ---

    def check_server(self, values: Mapping[str, Any]) -> ConnectionCheck:
        """Ask the server of settings that are not saved yet for all that an analysis needs."""
        try:
            server = open_server(self._settings_with(values))
        except SettingsError as e:
            return ConnectionCheck(False, str(e))
        try:
            report = preflight(server, write=False)
            if report.problem is not None:
                return ConnectionCheck(False, report.problem)
            libraries = tuple(library.name for library in server.libraries())
            return ConnectionCheck(True, report.checks[0].sentence, server.identity(), libraries)
        except AudioMuseError as e:
            return ConnectionCheck(False, str(e))
        finally:
            server.close()

    def change_settings(self, values: Mapping[str, Any]) -> None:
        """Keep values and open the services anew with them."""
        with self._changing:
            self._refuse_if_closed()
            settings = self._settings_with(values)
            self.music.settings.save(values)
            old, self._services = self._services, open_services(settings, announce=self._announce)
        old.close()

    def _settings_with(self, values: Mapping[str, Any]) -> Settings:
        merged = self.music.settings.all() | dict(values)
        saved = {name: value for name, value in merged.items() if value is not None}
        return load_settings(saved=saved, **self._given)

    # --- the demo library ---

    def start_demo(self) -> None:
        """Begin to make up the demo library in the background."""
        with self._changing:
            if self._demo is not None and self._demo.error is None:
                return
            self._demo = DemoProgress(0, 0)
        threading.Thread(target=self._make_demo, name="demo-library", daemon=True).start()

    def demo_progress(self) -> DemoProgress | None:
        """Return how far the demo library is."""
        return self._demo

    def _make_demo(self) -> None:
        """Render, then use; what goes wrong is shown to the person who waits."""
        folder = self.settings.data_dir / "demo-library"
        try:
            songs = render_demo_library(folder, on_progress=self._note_demo)
            self.change_settings(
                {"media_server": "folder", "music_dir": str(folder), "music_libraries": None}
            )
            self._demo = DemoProgress(len(songs), len(songs))
        except _Closed:
            _log.info("the demo library is finished another time", folder=str(folder))
        except Exception as e:  # noqa: BLE001 - a thread has nobody to raise to
            _log.exception("demo library failed", folder=str(folder))
            self._demo = DemoProgress(0, 0, f"The demo library could not be made: {e}")

    def _note_demo(self, done: int, total: int) -> None:
        self._refuse_if_closed()
        # The last step, using it, comes after the last song: "done" is said only then.
        self._demo = DemoProgress(min(done, total - 1), total)

    # --- life cycle ---

    def is_healthy(self) -> bool:
        """Tell whether both databases answer."""
        try:
            self.music.notes.get("health")
            self.engine.store.jobs.last()
        except StorageError:
            return False
        return True

    def metrics(self) -> str:
        """Return library and jobs in numbers for Prometheus."""
        return render_metrics(self.statistics(), self.music, self.engine)

    def close(self) -> None:
        """Give everything back; a demo library that is being made stays unfinished."""
        with self._changing:  # else whoever changes them now opens services that nobody closes
            self._is_closed.set()
            self._services.close()

    def _refuse_if_closed(self) -> None:
        if self._is_closed.is_set():
            raise _Closed("The page is being stopped.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
