"""Services of one process, with the settings as they are now, not as they were when it started."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from audiomuse.model import Job
from audiomuse.services.jobs import JobEngine
from audiomuse.settings import Settings, load_settings
from audiomuse.storage import MusicStore, open_music_store

DEFAULT_OPENER = "audiomuse.services.app:open_services"
_LOOK_EVERY_S = 2.0


class JobServices(Protocol):
    """What a worker needs of `audiomuse.services.app.Services`."""

    settings: Settings
    music: MusicStore
    engine: JobEngine

    def start_analysis(self) -> Job:
        """Start hearing what is due."""

    def start_clustering(self, chosen: Mapping[str, Any] | None = None, *, publish: bool = False) -> Job:
        """Start making playlists."""

    def close(self) -> None:
        """Give everything back."""


def read_settings() -> Settings:
    """Return the settings of this process: the environment, what the page saved, defaults.

    Raises
    ------
    SettingsError
        If a value is wrong.
    StorageError
        If the music database cannot be used.
    """
    with open_music_store(load_settings()) as music:
        return LiveSettings(music).current()


class LiveSettings:
    """The settings of the environment and what the page saved, read again when somebody saves.

    Parameters
    ----------
    music : MusicStore
        Where the page saves.
    """

    def __init__(self, music: MusicStore) -> None:
        self._music = music
        self._looked = 0.0
        self._saved: dict[str, Any] | None = None
        self._settings: Settings | None = None

    def current(self) -> Settings:
        """Return the settings as of at most two seconds ago.

        Raises
        ------
        SettingsError
            If a value is wrong.
        """
        if self._settings is None or time.monotonic() - self._looked > _LOOK_EVERY_S:
            self._looked = time.monotonic()
            saved = self._music.settings.all()
            if self._settings is None or saved != self._saved:
                self._settings = load_settings(saved=saved)
                self._saved = saved
        return self._settings


class LiveServices:
    """The services of a worker process, opened when first needed and again when the settings change.

    Parameters
    ----------
    opener : str
        ``"module:function"`` that opens services from settings; a name, since it crosses into new processes.
    announce : callable
        Called with a job's id when there is work.
    """

    def __init__(self, opener: str, announce: Callable[[str], Any]) -> None:
        module, _, function = opener.partition(":")
        self._open: Callable[..., JobServices] = getattr(importlib.import_module(module), function)
        self._announce = announce
        self._live: LiveSettings | None = None
        self._services: JobServices | None = None

    def current(self) -> JobServices:
        """Return services for the settings of this moment."""
        if self._live is None:
            self._live = LiveSettings(open_music_store(load_settings()))
        settings = self._live.current()
        if self._services is not None and self._services.settings is not settings:
            self._services.close()
            self._services = None
        if self._services is None:
            self._services = self._open(settings, announce=self._announce)
        return self._services
