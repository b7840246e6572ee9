"""The first visit: a password, then where the music is."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from audiomuse.errors import AudioMuseError, ParameterError
from audiomuse.web.addresses import check_address
from audiomuse.web.backend import ConnectionCheck
from audiomuse.web.failures import status_of
from audiomuse.web.guard import log_in
from audiomuse.web.parameters import is_saveable, read_form
from audiomuse.web.passwords import MIN_PASSWORD_LENGTH, needs_password, set_password
from audiomuse.web.state import backend, page_state
from audiomuse.web.words import _

bp = Blueprint("setup", __name__, url_prefix="/setup")

SERVER_FIELDS = (
    "media_server",
    "jellyfin_url", "jellyfin_user_id", "jellyfin_token", "jellyfin_username", "jellyfin_password",
    "subsonic_url", "subsonic_user", "subsonic_password", "subsonic_api_key",
    "music_dir", "verify_tls",
)  # fmt: skip
_ADDRESSES = ("jellyfin_url", "subsonic_url")
_PLACES = {"jellyfin": "jellyfin_url", "subsonic": "subsonic_url", "folder": "music_dir"}
_CODE_ATTEMPTS = 8
_CHECKS = 30


@bp.route("/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """Choose the password of the page; only while there is none."""
    if not needs_password(backend()):
        return redirect(url_for("home.index"))
    code_needed = page_state().setup_code is not None
    if request.method == "GET":
        return render_template("setup/password.html", code_needed=code_needed, problem=None)
    try:
        _check_code(request.form.get("code", "").strip())
        _check_new_password(request.form.get("password", ""), request.form.get("again", ""))
    except ParameterError as e:
        return render_template("setup/password.html", code_needed=code_needed, problem=str(e)), 400
    set_password(backend(), request.form["password"])
    log_in()
    return redirect(url_for("setup.server" if backend().settings.chosen_server is None else "home.index"))


def _check_code(code: str) -> None:
    """Compare with the code in the log; few tries, because it is short."""
    expected = page_state().setup_code
    if expected is None:
        return
    attempts = backend().music.attempts
    if attempts.count("setup-code", within_s=3600) >= _CODE_ATTEMPTS:
        raise ParameterError(_("Too many wrong codes. Restart AudioMuse for a new one, or wait an hour."))
    if not hmac.compare_digest(code.encode(), expected.encode()):
        attempts.add("setup-code", within_s=3600)
        raise ParameterError(_("This is not the code. It is in AudioMuse's log, in the line 'First visit'."))


def _check_new_password(password: str, again: str) -> None:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise ParameterError(_("A password needs at least %(n)d characters.", n=MIN_PASSWORD_LENGTH))
    if password != again:
        raise ParameterError(_("The two passwords differ."))


@bp.route("/", methods=["GET", "POST"])
def server() -> ResponseReturnValue:
    """Say where the music is; kept only when it answers."""
    if request.method == "GET":
        return _server_page()
    if request.form.get("media_server") == "demo":
        backend().start_demo()
        return redirect(url_for("setup.demo"))
    try:
        values = _chosen_server()
        values["music_libraries"] = ";".join(sorted(_libraries(values))) or None
        found = _check(values)
        if not found.ok:
            return _server_page(found=found), 400
        backend().change_settings(values)
    except AudioMuseError as e:
        if status_of(e) >= 500:
            raise
        return _server_page(found=ConnectionCheck(False, str(e))), 400
    return redirect(url_for("home.index"))


@bp.post("/check")
def check() -> ResponseReturnValue:
    """Try the typed address and return what was found, for the page to show."""
    try:
        values = _chosen_server()
        found = _check(values | {"music_libraries": None})  # those of the past may be gone
    except ParameterError as e:
        return render_template("setup/found.html", found=ConnectionCheck(False, str(e)), chosen=())
    return render_template("setup/found.html", found=found, chosen=_libraries(values))


@bp.get("/demo")
def demo() -> ResponseReturnValue:
    """Show how far the demo library is."""
    progress = backend().demo_progress()
    if progress is None:
        return redirect(url_for("setup.server"))
    if progress.is_ready:
        if request.headers.get("HX-Request"):
            return Response(status=204, headers={"HX-Redirect": url_for("home.index")})
        return redirect(url_for("home.index"))
    return render_template("setup/demo.html", progress=progress)


def _server_page(found: ConnectionCheck | None = None) -> str:
    settings = backend().settings
    chosen = request.form.get("media_server") or settings.chosen_server or "jellyfin"
    kept = {name: _shown(getattr(settings, name)) for name in SERVER_FIELDS if not _is_secret(name)}
    return render_template(
        "setup/server.html",
        chosen=chosen,
        values=kept | request.form.to_dict(),
        found=found,
        libraries=set(request.form.getlist("library")),
        editable={name: is_saveable(name) for name in SERVER_FIELDS},
        is_first=settings.chosen_server is None,
    )


def _libraries(values: Mapping[str, Any]) -> set[str]:
    """The libraries to use: the checked ones where there was a choice, else those of before in that place."""
    if "libraries-shown" in request.form:
        return set(request.form.getlist("library"))
    settings = backend().settings
    kind = values.get("media_server") or settings.chosen_server
    place = _PLACES.get(str(kind), "")
    moved = kind != settings.chosen_server or (
        place in values and _shown(values[place]).rstrip("/") != _shown(getattr(settings, place)).rstrip("/")
    )
    return set() if moved else {name.strip() for name in settings.music_libraries.split(";") if name.strip()}


def _is_secret(name: str) -> bool:
    return name.endswith(("_token", "_password", "_api_key"))


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _chosen_server() -> dict[str, Any]:
    """Read the form and refuse addresses that no music server has."""
    names = [name for name in SERVER_FIELDS if is_saveable(name)]
    values = read_form(request.form, names)
    kind = values.get("media_server") or backend().settings.chosen_server
    for name in _ADDRESSES:
        if values.get(name) and name.startswith(str(kind)):
            check_address(str(values[name]))
    return values


def _check(values: Mapping[str, Any]) -> ConnectionCheck:
    """Ask the server; not too often, because it makes this machine talk to others."""
    attempts = backend().music.attempts
    name = f"check:{request.remote_addr}"
    if attempts.count(name, within_s=60) >= _CHECKS:
        raise ParameterError(_("That was often. Wait a minute before the next test."))
    attempts.add(name, within_s=60)
    return backend().check_server(values)
