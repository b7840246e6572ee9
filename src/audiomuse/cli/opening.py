"""Open the services for one command, with the settings that the page saved."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from audiomuse.services.app import Services, open_services
from audiomuse.services.configuration import complete_settings
from audiomuse.services.logs import configure_logging


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
