"""What every page shows: navigation, version of the static files, the person's state."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, request, url_for
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l

from audiomuse import __version__
from audiomuse.web import charts
from audiomuse.web.guard import is_logged_in
from audiomuse.web.i18n import LANGUAGES
from audiomuse.web.sentences import say
from audiomuse.web.state import backend

NAVIGATION = (
    ("home", "home.index", "home", _l("Home")),
    ("playlists", "playlists.index", "lists", _l("Playlists")),
    ("library", "library.index", "library", _l("Library")),
    ("settings", "settings.index", "settings", _l("Settings")),
)


def asset(name: str) -> str:
    """Return the address of a static file that may be kept for a year."""
    return url_for("static", filename=name, v=current_app.config["STATIC_VERSION"])


def _page_values() -> dict[str, Any]:
    return {
        "asset": asset,
        "navigation": NAVIGATION,
        "here": (request.blueprint or "").split(".")[0],
        "lang": str(get_locale() or "en"),
        "languages": LANGUAGES,
        "logged_in": is_logged_in,
        "auth_disabled": backend().settings.auth_disabled,
        "fixed_language": backend().settings.language,
        "app_version": __version__,
        "source_url": backend().settings.source_url or url_for("about.source"),
        "charts": charts,
    }


def init_layout(app: Flask) -> None:
    """Give every template what the layout needs."""
    app.context_processor(_page_values)
    app.add_template_filter(say, "say")
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
