"""Everything wired together once per process: `open_services`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from audiomuse.errors import SettingsError
from audiomuse.model import ESSENTIA_FEATURES_VERSION, FEATURES_VERSION, Job, Playlist, Publication
from audiomuse.servers import MediaServer, open_server
from audiomuse.services import analysis, playlist_job, publishing_job
from audiomuse.services.analysis import AnalysisHandler
from audiomuse.services.clustering_request import ClusteringRequest
from audiomuse.services.export import export_playlists
from audiomuse.services.hearing import Listener, open_listener
from audiomuse.services.jobs import JobEngine, Timing
from audiomuse.services.library import JudgedLibrary, LibraryCache, LibraryView, judged_library
from audiomuse.services.listeners import ListenerPool
from audiomuse.services.playlist_job import ClusteringHandler
from audiomuse.services.publishing import PublishReport, publish_playlists, unpublish_playlist
from audiomuse.services.publishing_job import PublishingHandler, PublishingTurn
from audiomuse.services.temp_space import TempSpace
from audiomuse.settings import Settings
from audiomuse.storage import JobStore, MusicStore, open_job_store, open_music_store

_NO_SERVER = "no music server is configured; set JELLYFIN_URL, SUBSONIC_URL or MUSIC_DIR (or use the page)"


class Services:
    """What the edges (web, jobs, cli) call. Threads may share one; every process opens its own.

    Attributes
    ----------
    settings : Settings
    music : MusicStore
        What we know about music.
    engine : JobEngine
        Starts, runs, cancels and describes jobs.
    features_version : str
        Whose numbers count.
    """

    def __init__(
        self,
        settings: Settings,
        music: MusicStore,
        jobs: JobStore,
        *,
        announce: Callable[[str], object] | None = None,
        timing: Timing | None = None,
        server: MediaServer | None = None,
        new_listener: Callable[[], Listener] | None = None,
    ) -> None:
        self.settings = settings
        self.music = music
        self.features_version = features_version(settings)
        self._jobs = jobs
        self._server = server
        self._opening = threading.Lock()
        self._listeners = ListenerPool(new_listener or partial(open_listener, settings))
        self._library = LibraryCache(music, self.features_version)
        self._turn = PublishingTurn(jobs)
        handlers = (
            AnalysisHandler(
                music,
                self.server,
                self._listeners,
                features_version=self.features_version,
                temp=TempSpace(settings.temp_dir, settings.max_temp_mb),
            ),
            ClusteringHandler(music, self.server, features_version=self.features_version, turn=self._turn),
            PublishingHandler(music, self.server, self._turn),
        )
        self.engine = JobEngine(jobs, handlers, announce=announce, timing=timing)

    def server(self) -> MediaServer:
        """Return the media server, opened when it is first needed.

        Raises
        ------
        SettingsError
            If none is configured or a credential is missing.
        """
        with self._opening:
            if self._server is None:
                self._server = open_server(self.settings)
            return self._server

    @property
    def has_server(self) -> bool:
        """Whether a media server is configured."""
        return self._server is not None or self.settings.chosen_server is not None

    def library(self) -> LibraryView:
        """Return the analysed library in memory, as it is or was a moment ago."""
        return self._library.view()

    def judged_library(self) -> JudgedLibrary:
        """Load the analysed library as the clustering sees it; raises `LibraryEmpty` if there is no song."""
        return judged_library(self.music, self.features_version)

    # --- jobs ---

    def start_analysis(self, *, num_recent_albums: int | None = None, retry_failed: bool = False) -> Job:
        """Start hearing what is due.

        Parameters
        ----------
        num_recent_albums : int, optional
            Albums to look at, newest first, 0 for all; None for the setting.
        retry_failed : bool
            Try songs again that could not be heard.

        Raises
        ------
        SettingsError
            If no media server is configured.
        JobConflict
            If an analysis is active.
        """
        if not self.has_server:
            raise SettingsError(_NO_SERVER)
        albums = self.settings.num_recent_albums if num_recent_albums is None else num_recent_albums
        parameters = {"num_recent_albums": albums, "retry_failed": retry_failed}
        return self.engine.start(analysis.KIND, parameters)

    def start_clustering(
        self, chosen: Mapping[str, Any] | None = None, *, publish: bool = False, start_over: bool = False
    ) -> Job:
        """Start making playlists.

        Parameters
        ----------
        chosen : mapping, optional
            Parameters of this run by their setting's name; the others come from the settings.
        publish : bool
            Whether the playlists go to the media server at the end.
        start_over : bool
            Forget yesterday's playlists, except locked ones.

        Raises
        ------
        ParameterError
            If a value is wrong, or a range upside down.
        JobConflict
            If a clustering is active.
        """
        request = ClusteringRequest.make(self.settings, chosen, publish=publish, start_over=start_over)
        return self.engine.start(playlist_job.KIND, request.to_dict())

    def start_publishing(self) -> Job:
        """Start making the media server hold all our playlists, and no other ones of ours.

        Raises
        ------
        SettingsError
            If no media server is configured.
        JobConflict
            If a publishing job, or a search that publishes at its end, is active.
        LibraryEmpty
            If there are no playlists.
        """
        if not self.has_server:
            raise SettingsError(_NO_SERVER)
        self._turn.require_no_search()
        return self.engine.start(publishing_job.KIND, {"playlist_suffix": self.settings.playlist_suffix})

    # --- playlists ---

    def publish(self, playlist_id: str) -> PublishReport:
        """Make the media server hold one of our playlists.

        Raises
        ------
        NotFound
            If there is no such playlist.
        JobConflict
            If a job publishes, or will.
        ServerUnreachable, ServerRefused
            If the server does not do it.
        """
        playlist = self.music.playlists.get(playlist_id)
        self._turn.require_nobody()
        return publish_playlists(
            self.server(), self.music, [playlist], suffix=self.settings.playlist_suffix, complete=False
        )

    def unpublish(self, playlist_id: str) -> None:
        """Take one of our playlists off the media server."""
        unpublish_playlist(self.server(), self.music, playlist_id)

    def publications(self) -> dict[str, Publication]:
        """Return what the media server in use holds of ours, by playlist id."""
        return self.music.publications.live(self._server_id) if self.has_server else {}

    def export(self, folder: Path) -> list[Path]:
        """Write all playlists as .m3u8 files into a folder."""
        return export_playlists(self.music, self.playlists(), folder, self.settings)

    def playlists(self) -> list[Playlist]:
        """Return the current playlists."""
        return self.music.playlists.all()

    @cached_property
    def _server_id(self) -> str:
        return self.server().identity().id

    # --- life cycle ---

    def close(self) -> None:
        """Give everything back."""
        self._listeners.close()
        if self._server is not None:
            self._server.close()
        self._library.settle()
        self.music.close()
        self._jobs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def features_version(settings: Settings) -> str:
    """Return the version of the numbers that the chosen backend makes."""
    return ESSENTIA_FEATURES_VERSION if settings.analysis_backend == "essentia" else FEATURES_VERSION


def open_services(
    settings: Settings,
    *,
    announce: Callable[[str], object] | None = None,
    timing: Timing | None = None,
    server: MediaServer | None = None,
    new_listener: Callable[[], Listener] | None = None,
) -> Services:
    """Open the databases and wire everything together.

    Parameters
    ----------
    announce : callable, optional
        Called with a job's id when there is work.
    timing : Timing, optional
        Clocks of the job engine; tests run with shorter ones.
    server : MediaServer, optional
        Instead of the one that the settings name.
    new_listener : callable, optional
        Makes listeners other than those that the settings name.

    Raises
    ------
    StorageError
        If a database cannot be used.
    """
    music = open_music_store(settings)
    try:
        jobs = open_job_store(settings)
    except BaseException:
        music.close()
        raise
    return Services(
        settings, music, jobs, announce=announce, timing=timing, server=server, new_listener=new_listener
    )
