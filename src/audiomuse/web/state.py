"""What one app carries: the backend and the few things that live as long as the process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import cast

from flask import current_app

from audiomuse.web.backend import Backend

EXTENSION = "audiomuse"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(slots=True)
class PageState:
    """The parts of one app that are not Flask's."""

    backend: Backend
    setup_code: str | None = None
    """Asked for on the first visit when others in the network could be quicker than the owner."""


def page_state() -> PageState:
    """Return the state of the app that answers this request."""
    return cast(PageState, current_app.extensions[EXTENSION])


def backend() -> Backend:
    """Return the backend of the app that answers this request."""
    return page_state().backend


def new_setup_code(web_host: str) -> str | None:
    """Make a one-time code of eight digits; None where only this machine can reach the page."""
    return None if web_host in _LOOPBACK else f"{secrets.randbelow(10**8):08d}"
