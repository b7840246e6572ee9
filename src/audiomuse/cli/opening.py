"""Open the services for one command, with the settings that the page saved."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from audiomuse.services.app import Services, open_services
from audiomuse.services.logs import configure_logging
from audiomuse.settings import Settings, load_settings
from audiomuse.storage import open_music_store


def complete_settings(**overrides: Any) -> Settings:
    """Return the settings of this process: command line, environment, what the page saved, defaults."""
    settings = load_settings(**overrides)
    with open_music_store(settings) as music:
        saved = music.settings.all()
    return load_settings(saved=saved, **overrides)


@contextmanager
def opened_services(**overrides: Any) -> Iterator[Services]:
    """Open the services for a command that a person watches."""
    settings = complete_settings(**overrides)
    configure_logging(settings)
    if "log_level" not in settings.model_fields_set:
        # The command itself tells what failed; the log would only say it twice.
        logging.getLogger("audiomuse").setLevel(logging.CRITICAL)
    with open_services(settings) as services:
        yield services
