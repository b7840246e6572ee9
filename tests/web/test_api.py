"""The routes that existing clients call, in exactly the shapes they know."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from tests.web.browsers import browser
from tests.web.memory_backend import MemoryBackend

from audiomuse.model import MSD_TAGS, JobState

TRACK = {"item_id", "title", "author", "album"}
NEAR = {*TRACK, "distance"}


def test_start_answers_202_with_the_task(client: FlaskClient) -> None:
    answer = client.post("/api/analysis/start", json={"num_recent_albums": 5, "top_n_moods": 3})
    assert answer.status_code == 202
    assert set(answer.json) == {"task_id", "task_type", "status"}
    assert (answer.json["task_type"], answer.json["status"]) == ("main_analysis", "PENDING")


@pytest.mark.parametrize("body", [{}, None])
def test_every_parameter_of_a_start_is_optional(client: FlaskClient, body: dict | None) -> None:
    assert client.post("/api/analysis/start", json=body).status_code == 202
    assert client.post("/api/clustering/start").json["task_type"] == "main_clustering"


def test_clustering_takes_the_names_that_clients_use(client: FlaskClient, backend: MemoryBackend) -> None:
    body = {"clustering_method": "dbscan", "clustering_runs": 7, "dbscan_eps_min": 0.2, "dbscan_eps_max": 0.3}
    task = client.post("/api/clustering/start", json=body).json["task_id"]
    chosen = backend.job_store.jobs.get(task).parameters
    assert chosen["cluster_algorithm"] == "dbscan"
    assert chosen["clustering_runs"] == 7
    assert chosen["eps_is_set"]
    assert chosen["publish"], "who calls this route expects the playlists on the music server"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"clustering_runs": 0}, "clustering_runs"),
        ({"clustering_method": "magic"}, "clustering_method"),
        ({"num_clusters_min": 9, "num_clusters_max": 3}, "NUM_CLUSTERS_MIN"),
    ],
)
def test_a_wrong_parameter_is_named(client: FlaskClient, body: dict, said: str) -> None:
    answer = client.post("/api/clustering/start", json=body)
    assert answer.status_code == 400
    assert said in answer.json["error"]


@pytest.mark.parametrize(
    ("data", "kind", "status"), [(b"{oops", "application/json", 400), (b"{}", "text/plain", 415)]
)
def test_a_body_that_is_not_json_starts_nothing(
    client: FlaskClient, backend: MemoryBackend, data: bytes, kind: str, status: int
) -> None:
    assert client.post("/api/analysis/start", data=data, content_type=kind).status_code == status
    assert not backend.job_store.jobs.active()


def test_a_second_start_is_409(client: FlaskClient) -> None:
    client.post("/api/analysis/start", json={})
    answer = client.post("/api/analysis/start", json={})
    assert answer.status_code == 409
    assert set(answer.json) == {"error"}


def test_clustering_before_any_analysis_is_503(open_backend, tmp_path) -> None:
    client = browser(open_backend(auth_disabled=True, music_dir=tmp_path))
    answer = client.post("/api/clustering/start", json={})
    assert answer.status_code == 503
    assert "analysis" in answer.json["error"]
    assert client.get("/api/similar_tracks?item_id=x").status_code == 503


def test_status_follows_the_job(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    for item in backend.job_store.items.claim(job.id, "me", 3, lease_s=60):
        backend.job_store.items.complete(item, "me")
    backend.job_store.log.add(job.id, "Listing the library.")
    status = client.get(f"/api/status/{job.id}").json
    assert {"task_id", "task_type", "state", "status", "progress", "details", "log_output"} <= set(status)
    assert status["progress"] == 30
    assert status["state"] in {state.value for state in JobState}
    assert status["details"]["done"] == 3
    assert status["log_output"] == ["Listing the library."]
    assert client.get("/api/active_tasks").json["task_id"] == job.id


def test_cancel_is_truthful(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    answer = client.post(f"/api/cancel/{job.id}")
    assert (answer.status_code, set(answer.json)) == (200, {"message", "task_id"})
    again = client.post(f"/api/cancel/{job.id}")
    assert again.status_code == 400
    assert again.json["state"] == "REVOKED"
    assert client.post("/api/cancel/unknown").status_code == 404


def test_a_job_in_hand_is_not_called_revoked_yet(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    backend.job_store.items.claim(job.id, "some-worker", 1, lease_s=60)
    client.post(f"/api/cancel/{job.id}")
    assert client.get(f"/api/status/{job.id}").json["state"] == "PROGRESS" or (
        client.get(f"/api/status/{job.id}").json["state"] == "STARTED"
    )


def test_cancel_all_goes_by_the_beginning_of_the_type(client: FlaskClient, backend: MemoryBackend) -> None:
    backend.start_analysis({})
    backend.start_clustering({})
    assert client.post("/api/cancel_all/main_analysis").json["cancelled"] == 1
    assert client.post("/api/cancel_all/main").json["cancelled"] == 1
    assert client.get("/api/active_tasks").json == {}


def test_the_last_task_or_none(client: FlaskClient, backend: MemoryBackend) -> None:
    assert client.get("/api/last_task").json["status"] == "NO_PREVIOUS_TASK"
    job = backend.start_analysis({})
    last = client.get("/api/last_task").json
    assert (last["task_id"], last["task_type"]) == (job.id, "main_analysis")


def test_config_has_every_parameter_of_a_job_and_the_moods(client: FlaskClient) -> None:
    config = client.get("/api/config").json
    assert config["mood_labels"] == list(MSD_TAGS)
    assert {"num_recent_albums", "top_n_moods", "cluster_algorithm", "clustering_runs"} <= set(config)
    assert not {name for name in config if "token" in name or "password" in name or "url" in name}


def test_playlists_by_name(client: FlaskClient, backend: MemoryBackend) -> None:
    found = client.get("/api/playlists").json
    assert set(found) == {"Velvet Jazz & Chillout", "Night / Drive"}
    first = found["Velvet Jazz & Chillout"][0]
    track = backend.tracks[0]
    assert first == {"item_id": track.id, "title": track.title, "author": track.artist}


def test_search_tracks_by_words_or_by_title_and_artist(client: FlaskClient, backend: MemoryBackend) -> None:
    track = backend.tracks[4]
    by_words = client.get("/api/search_tracks", query_string={"search_query": track.title}).json
    by_parts = client.get(
        "/api/search_tracks", query_string={"title": track.title, "artist": track.artist}
    ).json
    assert track.id in {one["item_id"] for one in by_words}
    assert track.id in {one["item_id"] for one in by_parts}
    assert set(by_words[0]) == TRACK
    assert len(client.get("/api/search_tracks?start=5&end=8").json) == 3
    assert client.get("/api/search_tracks?start=8&end=5").json == []


def test_similar_tracks_are_nearest_first_without_the_seed(client: FlaskClient) -> None:
    found = client.get("/api/similar_tracks?item_id=song-00001&n=5").json
    assert len(found) == 5
    assert set(found[0]) == NEAR
    distances = [one["distance"] for one in found]
    assert distances == sorted(distances)
    assert "song-00001" not in {one["item_id"] for one in found}


@pytest.mark.parametrize("option", ["eliminate_duplicates", "radius_similarity", "mood_similarity"])
def test_the_options_of_similar_tracks_are_taken(client: FlaskClient, option: str) -> None:
    answer = client.get(f"/api/similar_tracks?item_id=song-00001&{option}=true")
    assert answer.status_code == 200


def test_similar_tracks_by_title_and_artist(client: FlaskClient, backend: MemoryBackend) -> None:
    track = backend.tracks[1]
    by_id = client.get(f"/api/similar_tracks?item_id={track.id}&n=3").json
    named = {"title": track.title, "artist": track.artist, "n": 3}
    assert client.get("/api/similar_tracks", query_string=named).json == by_id


@pytest.mark.parametrize(
    ("query", "status"),
    [("item_id=nobody", 404), ("title=nothing+like+this", 404), ("", 400), ("item_id=x&n=0", 400)],
)
def test_wrong_questions_about_likeness(client: FlaskClient, query: str, status: int) -> None:
    answer = client.get(f"/api/similar_tracks?{query}")
    assert (answer.status_code, set(answer.json)) == (status, {"error"})


def test_similar_artists_with_songs_that_show_it(client: FlaskClient, backend: MemoryBackend) -> None:
    query = {"artist": backend.tracks[0].artist, "n": 3, "include_component_matches": "true", "ef_search": 50}
    found = client.get("/api/similar_artists", query_string=query).json
    assert set(found[0]) == {"artist", "artist_id", "divergence", "component_matches"}
    match = found[0]["component_matches"][0]
    assert set(match) == {"artist1_representative_songs", "artist2_representative_songs"}
    assert set(match["artist1_representative_songs"][0]) == {"item_id", "title"}
    assert client.get("/api/similar_artists?artist=Nobody").status_code == 404


def test_an_artist_found_can_be_asked_for_by_its_id(client: FlaskClient) -> None:
    artist = client.get("/api/search_artists?query=artist").json[0]
    assert set(artist) == {"artist", "artist_id", "track_count"}
    found = client.get("/api/similar_artists", query_string={"artist_id": artist["artist_id"]})
    assert found.status_code == 200


def test_a_path_has_both_ends(client: FlaskClient) -> None:
    query = "start_song_id=song-00001&end_song_id=song-00030&max_steps=8&path_fix_size=true"
    found = client.get(f"/api/find_path?{query}").json
    ids = [one["item_id"] for one in found["path"]]
    assert (ids[0], ids[-1], len(ids)) == ("song-00001", "song-00030", 8)
    assert found["total_distance"] > 0


def test_the_most_different_song(client: FlaskClient) -> None:
    found = client.get("/api/max_distance?item_id=song-00001").json
    near = client.get("/api/similar_tracks?item_id=song-00001&n=5").json
    assert set(found) == {"max_distance", "farthest_item_id"}
    assert found["max_distance"] >= max(one["distance"] for one in near)


def test_a_playlist_is_made_on_the_server_as_asked(client: FlaskClient, backend: MemoryBackend) -> None:
    ids = [track.id for track in backend.tracks[3:6]]
    answer = client.post("/api/create_playlist", json={"playlist_name": "Three", "track_ids": ids})
    assert answer.status_code == 201
    name, held = backend.media.held[answer.json["playlist_id"]]
    assert (name, list(held)) == ("Three", ids)


@pytest.mark.parametrize(
    "body", [{}, {"playlist_name": "", "track_ids": ["a"]}, {"playlist_name": "x", "track_ids": []}]
)
def test_a_playlist_needs_a_name_and_songs(client: FlaskClient, body: dict) -> None:
    assert client.post("/api/create_playlist", json=body).status_code == 400


def test_a_fingerprint_of_what_is_played(client: FlaskClient) -> None:
    by_get = client.get("/api/sonic_fingerprint/generate?n=5").json
    by_post = client.post("/api/sonic_fingerprint/generate", json={"n": 5}).json
    assert len(by_get) == 5
    assert set(by_get[0]) == NEAR
    assert {one["item_id"] for one in by_get} == {one["item_id"] for one in by_post}


def test_alchemy_mixes_songs_and_artists(client: FlaskClient, backend: MemoryBackend) -> None:
    items = [
        {"id": "song-00001", "op": "ADD"},
        {"id": backend.tracks[5].artist, "op": "ADD", "type": "artist"},
        {"id": "song-00009", "op": "SUBTRACT"},
    ]
    results = client.post("/api/alchemy", json={"items": items, "n": 4}).json["results"]
    assert len(results) == 4
    assert set(results[0]) == {*NEAR, "embedding_2d"}
    assert len(results[0]["embedding_2d"]) == 2
    only_less = {"items": [{"id": "song-00001", "op": "SUBTRACT"}]}
    assert client.post("/api/alchemy", json=only_less).status_code == 400


def test_songs_for_a_sentence(client: FlaskClient) -> None:
    found = client.post("/api/clap/search", json={"query": "calm jazz", "limit": 3}).json
    assert len(found) == 3
    assert set(found[0]) == NEAR
    nonsense = client.post("/api/clap/search", json={"query": "xyzzy"})
    assert nonsense.status_code == 400
    assert "error" in nonsense.json


def test_errors_below_api_are_json(client: FlaskClient) -> None:
    for answer in (client.get("/api/nothing"), client.delete("/api/config")):
        assert set(answer.json) == {"error"}


def test_the_openapi_document_knows_where_it_lives(open_backend, tmp_path) -> None:
    client = browser(open_backend(3, auth_disabled=True, music_dir=tmp_path, url_prefix="/muse"))
    spec = client.get("/muse/openapi.json").json
    assert spec["servers"] == [{"url": "/muse"}]
    assert spec["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
