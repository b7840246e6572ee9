"""Who may come in, and what every answer carries.

A person has a session cookie after the login, a program a Bearer token. Whoever has neither gets the login
page (a person) or a 401 (a program). Forms and the page's own scripts carry a CSRF token; requests with a
Bearer token need none, because no browser adds one by itself.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect

from audiomuse.web.failures import api_error
from audiomuse.web.passwords import is_token, needs_password, password_stamp
from audiomuse.web.state import backend

_OPEN_ENDPOINTS = frozenset(
    {"static", "ops.healthz", "session.login", "session.language", "setup.password", "about.source",
     "about.licence"}
)  # fmt: skip
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}

csrf = CSRFProtect()


def init_guard(app: Flask) -> None:
    """Put the doors into an app."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # `_check_origin` decides who needs a token
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session: an open tab stays usable
    app.config["WTF_CSRF_SSL_STRICT"] = False  # Referrer-Policy may hide the referrer; the token is the proof
    csrf.init_app(app)
    app.before_request(_check_door)
    app.after_request(_add_headers)


def is_api() -> bool:
    """Tell whether this request is for the JSON API."""
    return request.path.startswith("/api/") or request.path == "/openapi.json"


def log_in() -> None:
    """Open a session for the person who knew the password."""
    language = session.get("language")
    session.clear()
    session["stamp"] = password_stamp(backend())
    session["id"] = secrets.token_hex(8)
    if language:
        session["language"] = language
    session.permanent = True


def is_logged_in() -> bool:
    """Tell whether this request comes from a person who may use the page."""
    if backend().settings.auth_disabled:
        return True
    if needs_password(backend()):
        return False
    return hmac.compare_digest(str(session.get("stamp", "")), password_stamp(backend()))


def _bearer() -> str | None:
    """The token of this request, if it has an Authorization header of that kind."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _check_door() -> ResponseReturnValue | None:
    """Let the request in (None), or answer it here."""
    token = _bearer()
    if token is not None and request.endpoint != "static":
        return None if is_token(backend(), token) else _refuse_token()
    _check_origin()
    if request.endpoint in _OPEN_ENDPOINTS:
        return None
    if is_logged_in():
        return _lead_to_setup()
    if is_api() or request.endpoint == "ops.metrics":
        return api_error("A Bearer token is needed: make one on the settings page, or set API_TOKEN.", 401)
    return _to("setup.password" if needs_password(backend()) else "session.login")


def _refuse_token() -> ResponseReturnValue:
    return api_error("This Bearer token is not valid: make a new one on the settings page.", 401)


def _lead_to_setup() -> ResponseReturnValue | None:
    """Send a person to the set-up while there is no music server; the API answers for itself."""
    if backend().settings.chosen_server is not None or is_api():
        return None
    blueprint = request.blueprint or ""
    if blueprint in ("home", "playlists", "library"):
        return _to("setup.server")
    return None


def _to(endpoint: str) -> ResponseReturnValue:
    """Redirect; a fragment request of htmx has to leave its page as a whole."""
    target = url_for(endpoint)
    if endpoint == "session.login" and request.method == "GET" and request.path != "/":
        target = url_for(endpoint, next=request.full_path.rstrip("?"))
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        return Response(status=204, headers={"HX-Redirect": url_for(endpoint)})
    return redirect(target)


def _check_origin() -> None:
    """Refuse a request with effects that another site's page may have sent.

    Where there is a session, the CSRF token is the proof. Without logins (AUTH_DISABLED) the JSON API has no
    session to bind a token to; there the Origin that every browser adds to such a request decides.
    """
    if request.method in _SAFE_METHODS:
        return
    if is_api() and "stamp" not in session:
        origin = request.headers.get("Origin")
        if origin is None or urlsplit(origin).netloc == request.host:
            return
    csrf.protect()


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint == "static":
        response.cache_control.max_age = 31_536_000 if request.args.get("v") else 3600
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
