"""The settings of a process, with what the page saved. Light to import: `audiomuse up` needs no more."""

from __future__ import annotations

from typing import Any

from audiomuse.settings import Settings, load_settings
from audiomuse.storage import open_music_store


def complete_settings(**overrides: Any) -> Settings:
    """Return the settings of this process: command line, environment, what the page saved, defaults.

    Raises
    ------
    SettingsError
        If a value is wrong; the message names the variable.
    StorageError
        If the database with the saved values cannot be used.
    """
    settings = load_settings(**overrides)
    with open_music_store(settings) as music:
        saved = music.settings.all()
    return load_settings(saved=saved, **overrides)
