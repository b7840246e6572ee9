"""Search and likeness: songs, artists, paths, mixes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from audiomuse.errors import NotFound, ParameterError
from audiomuse.features import normalise_artist
from audiomuse.similarity import Neighbour, SearchRules, find_path, mix, search_words, sonic_fingerprint
from audiomuse.storage import TrackQuery
from audiomuse.web.api import shapes
from audiomuse.web.api.schemas import (
    AlchemyAnswer,
    AlchemyItem,
    AlchemyRequest,
    ArtistList,
    DescribeRequest,
    ErrorAnswer,
    FingerprintQuery,
    FingerprintRequest,
    MaxDistanceAnswer,
    MaxDistanceQuery,
    PathAnswer,
    PathQuery,
    SearchArtistsQuery,
    SearchTracksQuery,
    SimilarArtistList,
    SimilarArtistsQuery,
    SimilarTracksQuery,
    TrackList,
    TrackNearList,
)
from audiomuse.web.api.shapes import Answer
from audiomuse.web.backend import tracks_by_id
from audiomuse.web.state import backend

bp = APIBlueprint(
    "api_music",
    __name__,
    abp_tags=[Tag(name="Music", description="Songs and artists: find them, and what is near them.")],
    abp_security=[{"token": []}],
    abp_responses={401: ErrorAnswer, 503: ErrorAnswer},
)

_MOST_SONGS = 1000
_PATH_SONGS = 25
_SONGS_PER_ARTIST = 3


def _near(found: Sequence[Neighbour]) -> list[dict[str, Any]]:
    return shapes.near(found, tracks_by_id(backend(), [one.track_id for one in found]))


@bp.get("/api/search_tracks", responses={200: TrackList})
def search_tracks(query: SearchTracksQuery) -> Answer:
    """Find songs by words of title, artist or album"""
    end = query.start + 50 if query.end is None else query.end
    wanted = TrackQuery(
        text=query.search_query,
        title=query.title,
        artist=query.artist,
        offset=query.start,
        limit=max(0, min(end - query.start, _MOST_SONGS)),
    )
    page = backend().music.catalogue.search(wanted, backend().features_version)
    return jsonify([shapes.track(entry.track) for entry in page.entries])


@bp.get("/api/similar_tracks", responses={200: TrackNearList, 404: ErrorAnswer})
def similar_tracks(query: SimilarTracksQuery) -> Answer:
    """Return the songs nearest to one, nearest first"""
    rules = SearchRules(
        max_per_artist=_SONGS_PER_ARTIST if query.eliminate_duplicates else 0,
        same_mood=query.mood_similarity,
    )
    found = (
        backend()
        .library()
        .index.similar_tracks(
            query.item_id or _id_of(query.title, query.artist),
            query.n,
            rules=rules,
            radius_walk=query.radius_similarity,
        )
    )
    return jsonify(_near(found))


def _id_of(title: str, artist: str) -> str:
    """Find the song of that title and artist; an equal title wins over one that only holds the words."""
    if not title:
        raise ParameterError("Give item_id, or title and artist.")
    query = TrackQuery(title=title, artist=artist, limit=50)
    entries = backend().music.catalogue.search(query, backend().features_version).entries
    if not entries:
        raise NotFound(f"No song is called {title!r}" + (f" by {artist!r}." if artist else "."))
    same = [entry for entry in entries if entry.track.title.casefold() == title.casefold()]
    return (same or entries)[0].track.id


@bp.get("/api/similar_artists", responses={200: SimilarArtistList, 404: ErrorAnswer})
def similar_artists(query: SimilarArtistsQuery) -> Answer:
    """Return the artists that sound most like one"""
    artist = query.artist or query.artist_id
    if not artist:
        raise ParameterError("Give artist or artist_id.")
    found = backend().library().artists.similar(artist, query.n)
    pairs = [pair for one in found for pair in one.pairs] if query.include_component_matches else []
    tracks = tracks_by_id(backend(), [i for pair in pairs for i in (pair.track_id, pair.other_track_id)])
    return jsonify(
        [
            {
                "artist": one.artist,
                "artist_id": one.key,
                "divergence": round(one.divergence, 6),
                "component_matches": [
                    {
                        "artist1_representative_songs": shapes.representative([pair.track_id], tracks),
                        "artist2_representative_songs": shapes.representative([pair.other_track_id], tracks),
                    }
                    for pair in (one.pairs if query.include_component_matches else ())
                ],
            }
            for one in found
        ]
    )


@bp.get("/api/search_artists", responses={200: ArtistList})
def search_artists(query: SearchArtistsQuery) -> Answer:
    """Find artists by a part of their name"""
    found, _total = backend().music.catalogue.artists(query.query)
    return jsonify(
        [
            {"artist": one.artist, "artist_id": normalise_artist(one.artist), "track_count": one.tracks}
            for one in found
        ]
    )


@bp.get("/api/find_path", responses={200: PathAnswer, 404: ErrorAnswer})
def path(query: PathQuery) -> Answer:
    """Lead from one song to another in small steps"""
    found = find_path(
        backend().library().index,
        query.start_song_id,
        query.end_song_id,
        max_steps=query.max_steps or query.count or _PATH_SONGS,
        exact_size=query.path_fix_size,
    )
    tracks = tracks_by_id(backend(), found.track_ids)
    return {
        "path": [shapes.track(tracks[i]) for i in found.track_ids if i in tracks],
        "total_distance": round(found.total_distance, 6),
    }


@bp.get("/api/max_distance", responses={200: MaxDistanceAnswer, 404: ErrorAnswer})
def max_distance(query: MaxDistanceQuery) -> Answer:
    """Return the most different song of the library"""
    found = backend().library().index.farthest(query.item_id)
    return {"max_distance": round(found.distance, 6), "farthest_item_id": found.track_id}


@bp.get("/api/sonic_fingerprint/generate", responses={200: TrackNearList})
def fingerprint(query: FingerprintQuery) -> Answer:
    """Return songs near what is played most"""
    return jsonify(_fingerprint(query.n))


@bp.post("/api/sonic_fingerprint/generate", responses={200: TrackNearList, 415: ErrorAnswer})
def generate_fingerprint(body: FingerprintRequest) -> Answer:
    """Return songs near what is played most"""
    return jsonify(_fingerprint(body.n))


def _fingerprint(n: int) -> list[dict[str, Any]]:
    made = sonic_fingerprint(backend().library().index, backend().plays(), now=datetime.now(UTC), n=n)
    return _near(made.tracks)


@bp.post("/api/alchemy", responses={200: AlchemyAnswer, 404: ErrorAnswer, 415: ErrorAnswer})
def alchemy(body: AlchemyRequest) -> Answer:
    """Return songs near a mix of songs and artists"""
    add = [_ids_of(one) for one in body.items if one.op == "ADD"]
    subtract = [_ids_of(one) for one in body.items if one.op == "SUBTRACT"]
    if not add:
        raise ParameterError("Add at least one song or artist.")
    made = mix(backend().library().index, add, subtract, n=body.n, temperature=body.temperature)
    places = {point.track_id: [point.x, point.y] for point in made.preview}
    return {
        "results": [{**row, "embedding_2d": places.get(row["item_id"], [])} for row in _near(made.tracks)]
    }


def _ids_of(item: AlchemyItem) -> Sequence[str]:
    """The songs that an ingredient stands for."""
    if item.type == "song":
        return [item.id]
    ids = backend().library().songs.ids
    return [ids[row] for row in backend().library().artists.rows(item.id)]


@bp.post("/api/clap/search", responses={200: TrackNearList, 415: ErrorAnswer})
def describe(body: DescribeRequest) -> Answer:
    """Return songs for a sentence such as "calm piano at night"

    Words for moods, genres, tempo and energy are understood. Best first; `distance` is 0 where all fit.
    """
    answer = search_words(backend().library().songs, body.query, body.limit)
    if not answer.understood:
        raise ParameterError(answer.sentence)
    return jsonify(_near([Neighbour(one.track_id, 1.0 - one.score) for one in answer.tracks]))
