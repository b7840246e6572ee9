"""Flask test clients as browsers: forms with their tokens, logins."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from tests.web.memory_backend import MemoryBackend

from audiomuse.web.app import create_app

PASSWORD = "correct horse"


def browser(backend: MemoryBackend) -> FlaskClient:
    """Make a client of an app of its own."""
    return create_app(backend.settings, backend=backend).test_client()


def token_in(page: str) -> str:
    """Find the CSRF token of the first form of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, "the page has no form"
    return found[1]


def csrf(client: FlaskClient, path: str = "/settings/") -> str:
    """Fetch a CSRF token for this client's session."""
    return token_in(client.get(path).text)


def log_in(client: FlaskClient, password: str = PASSWORD) -> None:
    """Give the password on the login page."""
    client.post("/login", data={"password": password, "csrf_token": csrf(client, "/login")})
