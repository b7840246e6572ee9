"""The JSON API that the plugins of music servers and the page's own scripts call."""

from __future__ import annotations

from flask import Response, request
from flask_openapi3.openapi import OpenAPI

from audiomuse.web.api import jobs, music, playlists
from audiomuse.web.api.validation import check_json_body

_BLUEPRINTS = (jobs.bp, music.bp, playlists.bp)
_NAMES = frozenset(bp.name for bp in _BLUEPRINTS)


def register_api(app: OpenAPI) -> None:
    """Put every route of the API into an app."""
    for bp in _BLUEPRINTS:
        app.register_api(bp)
    app.before_request(_check_body)


def _check_body() -> Response | None:
    return check_json_body() if request.blueprint in _NAMES else None
