"""The app factory and the server in front of it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import waitress
from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from audiomuse import __version__
from audiomuse.services.memory import use_one_heap
from audiomuse.settings import Settings
from audiomuse.web.api import register_api
from audiomuse.web.api.schemas import ErrorAnswer
from audiomuse.web.api.validation import answer_invalid
from audiomuse.web.backend import Backend
from audiomuse.web.failures import init_failures
from audiomuse.web.formats import init_formats
from audiomuse.web.guard import init_guard
from audiomuse.web.i18n import init_languages
from audiomuse.web.keys import session_key
from audiomuse.web.layout import init_layout
from audiomuse.web.passwords import needs_password
from audiomuse.web.prefix import PrefixMiddleware
from audiomuse.web.probes import ProbeMiddleware
from audiomuse.web.services_backend import ServicesBackend
from audiomuse.web.state import EXTENSION, PageState, new_setup_code
from audiomuse.web.views import BLUEPRINTS

_log = logging.getLogger(__name__)

_MAX_BODY_BYTES = 1024 * 1024


class _Sessions(SecureCookieSessionInterface):
    """Session cookies that are Secure exactly where the page is reached by https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def create_app(settings: Settings, *, backend: Backend | None = None) -> OpenAPI:
    """Build the page and the API.

    Two calls give two independent apps.

    Parameters
    ----------
    settings : Settings
        Read once at the edge.
    backend : Backend, optional
        What stands behind the page; opened from `settings` if not given.

    Returns
    -------
    OpenAPI
        A Flask app; its state is in ``app.extensions["audiomuse"]``.

    Raises
    ------
    StorageError
        If the databases or DATA_DIR cannot be used.
    """
    app = OpenAPI(
        "audiomuse.web",
        info=Info(
            title="AudioMuse",
            version=__version__,
            description="Analysis, playlists, search and likeness of your music library.",
        ),
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        doc_ui=False,
        validation_error_status=400,
        validation_error_model=ErrorAnswer,
        validation_error_callback=answer_invalid,
    )
    app.extensions[EXTENSION] = PageState(
        backend or ServicesBackend(settings), setup_code=new_setup_code(settings.web_host)
    )
    app.config.update(_flask_config(settings))
    app.session_interface = _Sessions()
    init_languages(app)
    init_formats(app)
    init_layout(app)
    init_failures(app)
    init_guard(app)
    register_api(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    _wrap(app, settings)
    return app


def serve(settings: Settings, *, announce: Callable[[str], object] | None = None) -> None:
    """Answer requests until interrupted (KeyboardInterrupt), then close what stands behind the page.

    Requests at hand get five seconds to end.

    Parameters
    ----------
    settings : Settings
        WEB_HOST, WEB_PORT and WEB_THREADS say where and how.
    announce : callable, optional
        Told the id of a job when there is work, so that a worker need not wait for its next look.

    Raises
    ------
    StorageError
        If the databases or DATA_DIR cannot be used.
    OSError
        If the port is taken.
    """
    use_one_heap()
    with ServicesBackend(settings, announce=announce) as backend:
        app = create_app(settings, backend=backend)
        _greet(settings, app.extensions[EXTENSION])
        waitress.serve(
            app,
            host=settings.web_host,
            port=settings.web_port,
            threads=settings.web_threads,
            ident=None,
            max_request_body_size=_MAX_BODY_BYTES,
            channel_timeout=60,
        )
    _log.info("The page has stopped.")


def _greet(settings: Settings, state: PageState) -> None:
    if state.setup_code is not None and needs_password(state.backend):
        _log.warning("First visit: the set-up page asks for this code: %s", state.setup_code)
    _log.info(
        "The page is at http://%s:%d%s", settings.web_host, settings.web_port, settings.url_prefix or "/"
    )


def _flask_config(settings: Settings) -> dict[str, Any]:
    return {
        "SECRET_KEY": session_key(settings),
        "SESSION_COOKIE_NAME": "audiomuse",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_PATH": settings.url_prefix or "/",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=30),
        "SESSION_REFRESH_EACH_REQUEST": False,
        "MAX_CONTENT_LENGTH": _MAX_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": _MAX_BODY_BYTES,
        "TRUSTED_HOSTS": [host.strip() for host in settings.trusted_hosts.split(",") if host.strip()] or None,
        "STATIC_VERSION": f"{__version__}-{secrets.token_hex(3)}",
    }


def _wrap(app: Flask, settings: Settings) -> None:
    """Put the WSGI layers around the app: first the proxies' headers, then the prefix, then the probes."""
    probed = ProbeMiddleware(app.wsgi_app, app.config["TRUSTED_HOSTS"] or ())
    wrapped = PrefixMiddleware(probed, settings.url_prefix)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            wrapped, x_for=count, x_proto=count, x_host=count, x_port=count, x_prefix=count
        )
    else:
        app.wsgi_app = wrapped  # type: ignore[method-assign]
