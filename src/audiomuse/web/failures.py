"""Errors become answers here, once, by type: JSON for programs, a page with the sentence for people."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from audiomuse.errors import (
    AudioMuseError,
    JobConflict,
    LibraryEmpty,
    NotFound,
    ParameterError,
    ServerRefused,
    ServerUnreachable,
    SettingsError,
    StorageError,
    TrackMissing,
)
from audiomuse.web.sentences import say
from audiomuse.web.words import _

_log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[AudioMuseError], int], ...] = (
    (NotFound, 404),
    (TrackMissing, 404),
    (ParameterError, 400),
    (SettingsError, 400),
    (JobConflict, 409),
    (LibraryEmpty, 503),
    (ServerUnreachable, 503),
    (ServerRefused, 503),
    (StorageError, 503),
)


def status_of(error: AudioMuseError) -> int:
    """Return the HTTP status that says what kind of error this is."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def api_error(sentence: str, status: int) -> Response:
    """Answer a program: `{"error": ...}`."""
    response = jsonify({"error": sentence})
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def init_failures(app: Flask) -> None:
    """Let an app answer errors."""
    app.register_error_handler(AudioMuseError, _answer_ours)
    app.register_error_handler(CSRFError, _answer_csrf)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_bug)


def _is_for_programs() -> bool:
    return request.path.startswith("/api/") or request.path == "/openapi.json"


def _answer(sentence: str, status: int) -> ResponseReturnValue:
    if _is_for_programs():
        return api_error(sentence, status)
    if request.endpoint in ("media.audio", "media.cover", "media.playlist_cover"):
        return Response(sentence, status, content_type="text/plain; charset=utf-8")
    return render_template("error.html", sentence=sentence, status=status), status


def _answer_ours(error: AudioMuseError) -> ResponseReturnValue:
    status = status_of(error)
    if status >= 500:
        _log.warning("%s %s: %s", request.method, request.path, error)
    return _answer(str(error) if _is_for_programs() else say(str(error)), status)


def _answer_csrf(_error: CSRFError) -> ResponseReturnValue:
    return _answer(_("This form is too old or came from elsewhere. Open the page again and repeat."), 400)


def _answer_http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    if isinstance(error, SecurityError):
        # A host name that is not ours: no address of a page could be made for it.
        return Response("This host name is not in TRUSTED_HOSTS.\n", 400, content_type="text/plain")
    sentences = {
        400: _("This request could not be understood."),
        404: _("There is nothing here."),
        405: _("This address does not take such a request."),
        413: _("That is too large."),
        415: _("JSON is needed here."),
    }
    answer = _answer(sentences.get(error.code, error.description or error.name), error.code)
    if error.code == 405 and isinstance(answer, Response):
        answer.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return answer


def _answer_bug(error: Exception) -> ResponseReturnValue:
    """The last fence: the traceback goes to the log, and nothing of it to whoever asked."""
    _log.exception("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(_("Something went wrong on our side; the log has the details."), 500)
