"""Languages: English in the source, the others in `translations/<code>/LC_MESSAGES/messages.po`."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, request, session
from flask_babel import Babel

from audiomuse.web.state import backend

FOLDER = Path(__file__).parent / "translations"

LANGUAGES: dict[str, str] = {"en": "English", "de": "Deutsch"}
"""Code and own name of each language; add yours here and a folder in `translations/`."""


def choose_language() -> str:
    """Return the language of this request: the setting, the person's choice, the browser's, English."""
    fixed = backend().settings.language
    if fixed in LANGUAGES:
        return fixed
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(list(LANGUAGES)) or "en"


def init_languages(app: Flask) -> None:
    """Let templates and views speak the language of the request."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(FOLDER)
    Babel(app, locale_selector=choose_language)
