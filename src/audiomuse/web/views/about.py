"""What everybody who uses the page may have: the source code and the licence."""

from __future__ import annotations

from flask import Blueprint, Response, abort
from flask.typing import ResponseReturnValue

from audiomuse.web.source import archive_name, licence_text, source_archive

bp = Blueprint("about", __name__)


@bp.get("/source")
def source() -> ResponseReturnValue:
    """Hand out the source code of the running program; needs no login (AGPL, section 13)."""
    response = Response(source_archive(), content_type="application/gzip")
    response.headers.set("Content-Disposition", "attachment", filename=f"{archive_name()}.tar.gz")
    return response


@bp.get("/licence")
def licence() -> ResponseReturnValue:
    """Show the licence."""
    text = licence_text()
    if text is None:
        abort(404)
    return Response(text, content_type="text/plain; charset=utf-8")
