"""Log in, log out, choose a language."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from audiomuse.web.formats import span
from audiomuse.web.guard import is_logged_in, log_in
from audiomuse.web.i18n import LANGUAGES
from audiomuse.web.passwords import is_password, needs_password
from audiomuse.web.state import backend
from audiomuse.web.words import _

bp = Blueprint("session", __name__)

_ATTEMPTS = 8
_WINDOW_S = 300.0


def page_after(target: str) -> str:
    """Return a path of ours to go on to; anything that leads elsewhere becomes the home page."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return request.script_root + target if ours else url_for("home.index")


@bp.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Ask for the password; after eight wrong ones in five minutes, make that address wait."""
    if needs_password(backend()):
        return redirect(url_for("setup.password"))
    if is_logged_in():
        return redirect(url_for("home.index"))
    if request.method == "GET":
        return render_template("login.html", problem=None)
    attempts = backend().music.attempts
    name = f"login:{request.remote_addr}"
    if attempts.count(name, within_s=_WINDOW_S) >= _ATTEMPTS:
        problem = _("Too many wrong passwords. Try again in %(time)s.", time=span(_WINDOW_S))
        return render_template("login.html", problem=problem), 429
    if not is_password(backend(), request.form.get("password", "")):
        attempts.add(name, within_s=_WINDOW_S)
        return render_template("login.html", problem=_("This is not the password.")), 401
    attempts.clear(name)
    log_in()
    return redirect(page_after(request.args.get("next", "")))


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session."""
    session.clear()
    return redirect(url_for("session.login"))


@bp.post("/language")
def language() -> ResponseReturnValue:
    """Remember the language that a person chose."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        session["language"] = chosen
        session.permanent = True
    return redirect(page_after(request.form.get("next", "")))
