"""Every parameter, the password and the API token."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from audiomuse.errors import ParameterError, SettingsError
from audiomuse.settings import Settings
from audiomuse.web import parameters
from audiomuse.web.addresses import check_address
from audiomuse.web.guard import log_in
from audiomuse.web.passwords import (
    MIN_PASSWORD_LENGTH,
    forget_token,
    has_token,
    is_password,
    new_token,
    set_password,
)
from audiomuse.web.sentences import say
from audiomuse.web.state import backend
from audiomuse.web.words import _

bp = Blueprint("settings", __name__, url_prefix="/settings")

_ATTEMPTS = 8


@bp.get("/")
def index() -> ResponseReturnValue:
    """Show every parameter with its value, default, range and help."""
    return _page()


@bp.post("/")
def save() -> ResponseReturnValue:
    """Keep what was changed, all or nothing."""
    try:
        names = [name for name in Settings.model_fields if parameters.is_saveable(name)]
        saved = backend().music.settings.all()
        values = parameters.changed_values(backend().settings, saved, request.form, names)
        for name in ("jellyfin_url", "subsonic_url"):
            if values.get(name):
                check_address(str(values[name]))
        backend().change_settings(values)
    except (ParameterError, SettingsError) as e:
        return _page(problem=say(str(e))), 400
    flash(_("Saved.") if values else _("Nothing was changed."))
    return redirect(url_for("settings.index"))


@bp.post("/password")
def change_password() -> ResponseReturnValue:
    """Change the page's password; every other session ends."""
    if backend().settings.admin_password is not None or backend().settings.auth_disabled:
        raise ParameterError(_("The password is set in the environment; change it there."))
    attempts = backend().music.attempts
    name = f"login:{request.remote_addr}"
    if attempts.count(name, within_s=300) >= _ATTEMPTS:
        return _page(problem=_("Too many wrong passwords. Try again in a few minutes.")), 429
    if not is_password(backend(), request.form.get("old", "")):
        attempts.add(name, within_s=300)
        return _page(problem=_("The old password is not right.")), 400
    new = request.form.get("new", "")
    if len(new) < MIN_PASSWORD_LENGTH:
        return _page(problem=_("A password needs at least %(n)d characters.", n=MIN_PASSWORD_LENGTH)), 400
    set_password(backend(), new)
    log_in()
    flash(_("The password is changed; other devices have to log in again."))
    return redirect(url_for("settings.index"))


@bp.post("/token")
def token() -> ResponseReturnValue:
    """Make the API token anew and show it this once."""
    return _page(token=new_token(backend()))


@bp.post("/token/forget")
def drop_token() -> ResponseReturnValue:
    """Make the API token worthless."""
    forget_token(backend())
    flash(_("The token is worthless now."))
    return redirect(url_for("settings.index"))


def _page(*, problem: str | None = None, token: str | None = None) -> str:
    settings = backend().settings
    return render_template(
        "settings/index.html",
        groups=parameters.groups(settings, backend().music.settings.all()),
        typed=request.form,
        problem=problem,
        token=token,
        has_token=has_token(backend()),
        token_from_environment=settings.api_token is not None,
        password_from_environment=settings.admin_password is not None,
    )
