"""Sound and pictures, fetched from the music server by us: its address and credentials stay here."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

from audiomuse.playlists import cover_svg
from audiomuse.servers import Cover
from audiomuse.web.state import backend

bp = Blueprint("media", __name__)

_COVER_AGE_S = 86_400
_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/svg+xml"})


@bp.get("/audio/<path:track_id>")
def audio(track_id: str) -> ResponseReturnValue:
    """Send the original audio of a song, or the part of it that the player asks for."""
    track = backend().music.tracks.get(track_id)
    stream = backend().server().stream_audio(track, request.headers.get("Range"))
    response = Response(iter(stream), stream.status, headers=stream.headers)
    response.call_on_close(stream.close)
    response.headers["Cache-Control"] = "private, max-age=3600"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@bp.get("/cover/<path:item_id>")
def cover(item_id: str) -> ResponseReturnValue:
    """Send the picture of an album or song."""
    return _picture(backend().server().cover(item_id))


@bp.get("/playlists/<playlist_id>/cover")
def playlist_cover(playlist_id: str) -> ResponseReturnValue:
    """Send the picture of a playlist."""
    # Without the name on it: the page writes that beside the picture, in its own type.
    playlist = replace(backend().music.playlists.get(playlist_id), name="")
    return _picture(Cover("image/svg+xml", cover_svg(playlist).encode()))


def _picture(found: Cover | None) -> Response:
    """Answer with a picture; what calls itself a picture and is none is not passed on."""
    if found is None or found.content_type.partition(";")[0].strip().lower() not in _PICTURES:
        abort(404)
    response = Response(found.data, content_type=found.content_type)
    response.cache_control.private = True
    response.cache_control.max_age = _COVER_AGE_S
    response.set_etag(hashlib.sha256(found.data).hexdigest()[:32])
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.make_conditional(request)
    return response
