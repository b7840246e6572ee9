"""Playlists: ours, and new ones for the music server."""

from __future__ import annotations

from flask import jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from audiomuse.web.api.schemas import CreatePlaylistRequest, ErrorAnswer, PlaylistCreated, PlaylistsAnswer
from audiomuse.web.api.shapes import Answer
from audiomuse.web.backend import tracks_by_id
from audiomuse.web.state import backend

bp = APIBlueprint(
    "api_playlists",
    __name__,
    abp_tags=[Tag(name="Playlists", description="Playlists that were made, and making one by hand.")],
    abp_security=[{"token": []}],
    abp_responses={401: ErrorAnswer},
)


@bp.get("/api/playlists", responses={200: PlaylistsAnswer})
def playlists() -> Answer:
    """Return every playlist with its songs"""
    lists = backend().music.playlists.all()
    tracks = tracks_by_id(backend(), [i for one in lists for i in one.track_ids])
    return jsonify(
        {
            one.name: [
                {"item_id": i, "title": tracks[i].title, "author": tracks[i].artist or ""}
                for i in one.track_ids
                if i in tracks
            ]
            for one in lists
        }
    )


@bp.post(
    "/api/create_playlist",
    responses={201: PlaylistCreated, 404: ErrorAnswer, 415: ErrorAnswer, 503: ErrorAnswer},
)
def create_playlist(body: CreatePlaylistRequest) -> Answer:
    """Make a playlist of exactly these songs on the music server"""
    made = backend().create_on_server(body.playlist_name, body.track_ids)
    sentence = f"{made.name} was made with {len(made.track_ids)} songs."
    return {"message": sentence, "playlist_id": made.remote_id}, 201
