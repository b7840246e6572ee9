"""What a person finds on each page, and what the buttons do."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from tests.web.browsers import browser, csrf
from tests.web.memory_backend import MemoryBackend, some_playlists

from audiomuse.model import Job, JobState, PlaylistEntry

A, B = "a" * 16, "b" * 16

PAGES = (
    "/", "/live", "/playlists", "/playlists/new", f"/playlists/{A}", "/playlists/changes", "/library",
    "/library/song/song-00001", "/library/map", "/library/charts", "/library/failures", "/settings/",
    "/setup/", "/docs",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "</" in answer.text


@pytest.mark.parametrize("path", [path for path in PAGES if path not in (f"/playlists/{A}", "/setup/")])
def test_every_page_has_something_to_say_when_nothing_is_known(open_backend, tmp_path, path: str) -> None:
    client = browser(open_backend(auth_disabled=True, music_dir=tmp_path))
    expected = 404 if "song-00001" in path else 200
    assert client.get(path).status_code == expected


# --- home ---


def test_the_first_step_is_to_listen(open_backend, tmp_path) -> None:
    page = browser(open_backend(auth_disabled=True, music_dir=tmp_path)).get("/").text
    assert "Analyze my music" in page
    assert page.count("button primary") == 1


def test_after_listening_the_next_step_is_playlists(open_backend, tmp_path) -> None:
    page = browser(open_backend(20, auth_disabled=True, music_dir=tmp_path)).get("/").text
    assert "Create playlists" in page
    assert page.count("button primary") == 1


def test_new_songs_come_before_new_playlists(open_backend, tmp_path) -> None:
    page = browser(open_backend(20, n_heard=15, auth_disabled=True, music_dir=tmp_path)).get("/").text
    assert "5 songs are waiting to be heard" in page
    assert page.count("button primary") == 1


def test_start_shows_the_job_and_cancel_revokes_it(client: FlaskClient, backend: MemoryBackend) -> None:
    client.post("/analysis", data={"csrf_token": csrf(client)})
    (job,) = backend.job_store.jobs.active()
    page = client.get("/").text
    assert f"job-{job.id}" in page
    assert "of 10" in page
    assert "button primary" not in page, "while a job runs there is nothing else to start"
    client.post(f"/jobs/{job.id}/cancel", data={"csrf_token": csrf(client)})
    assert backend.job_store.jobs.get(job.id).state is JobState.REVOKED
    assert "Cancelled" in client.get("/").text


def test_a_second_job_of_a_kind_is_refused_with_a_sentence(client: FlaskClient) -> None:
    token = csrf(client)
    client.post("/analysis", data={"csrf_token": token})
    answer = client.post("/analysis", data={"csrf_token": token})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text


def test_a_cancelled_job_goes_on_from_where_it_was(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    backend.engine.cancel(job.id)
    client.post(f"/jobs/{job.id}/retry", data={"csrf_token": csrf(client)})
    assert [one.id for one in backend.job_store.jobs.active()] == [job.id]


def test_failed_songs_are_listed_with_their_reason(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    (item,) = backend.job_store.items.claim(job.id, "me", 1, lease_s=60)
    backend.job_store.items.fail(item, "me", kind="corrupt", error="The stream ends after 3 seconds.")
    page = client.get(f"/jobs/{job.id}").text
    assert "The stream ends after 3 seconds." in page
    assert "Song 0" in page


def test_the_progress_is_there_for_screen_readers(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_analysis({})
    for item in backend.job_store.items.claim(job.id, "me", 5, lease_s=60):
        backend.job_store.items.complete(item, "me")
    page = client.get("/live").text
    assert 'aria-valuenow="50"' in page
    assert "Analysis: Running, 50 % done." in page


# --- playlists ---


def test_playlists_are_cards_with_their_fingerprint(client: FlaskClient) -> None:
    page = client.get("/playlists").text
    assert "Velvet Jazz &amp; Chillout" in page
    assert "98 BPM" in page
    assert "chillout" in page


def test_a_playlist_tells_why_each_song_is_in(client: FlaskClient) -> None:
    assert client.get(f"/playlists/{A}").text.count("Close to the heart of the list.") == 6


def test_rename_lock_and_drop(client: FlaskClient, backend: MemoryBackend) -> None:
    token = csrf(client)
    client.post(f"/playlists/{A}/rename", data={"csrf_token": token, "name": "Mine"})
    client.post(f"/playlists/{A}/lock", data={"csrf_token": token, "locked": "yes"})
    client.post(f"/playlists/{A}/drop", data={"csrf_token": token, "track_id": "song-00002"})
    client.post(f"/playlists/{A}/pin", data={"csrf_token": token, "track_id": "song-00001", "pinned": "yes"})
    playlist = backend.music.playlists.get(A)
    assert (playlist.name, playlist.named_by_user, playlist.locked) == ("Mine", True, True)
    assert "song-00002" not in playlist.track_ids
    assert playlist.banned == {"song-00002"}
    assert [entry.track_id for entry in playlist.entries if entry.pinned] == ["song-00001"]


def test_an_empty_name_is_refused(client: FlaskClient) -> None:
    answer = client.post(f"/playlists/{A}/rename", data={"csrf_token": csrf(client), "name": "  "})
    assert answer.status_code == 400


def publish_all(client: FlaskClient, backend: MemoryBackend) -> Job:
    """Press the button, and let a worker do what it asked for."""
    client.post("/playlists/publish", data={"csrf_token": csrf(client)})
    (job,) = backend.job_store.jobs.active("publishing")
    return backend.engine.run_to_end(job.id, every_s=0.02)


def test_publish_puts_exactly_the_playlists_on_the_server(
    client: FlaskClient, backend: MemoryBackend
) -> None:
    publish_all(client, backend)
    held = dict(backend.media.held.values())
    assert set(held) == {"Velvet Jazz & Chillout_automatic", "Night / Drive_automatic"}
    assert held["Night / Drive_automatic"] == backend.music.playlists.get(B).track_ids
    assert "Published" in client.get("/playlists").text


def test_publishing_is_watched_and_its_end_is_told(client: FlaskClient, backend: MemoryBackend) -> None:
    client.post("/playlists/publish", data={"csrf_token": csrf(client)})
    (job,) = backend.job_store.jobs.active("publishing")
    page = client.get("/playlists").text
    assert "Publishing" in page
    assert "of 2 playlists" in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    assert "Publish all" not in page, "one at a time"
    backend.engine.run_to_end(job.id, every_s=0.02)
    answer = client.get("/playlists/live", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/playlists"
    assert "2 playlists are on your server now." in client.get("/playlists").text


def test_a_playlist_that_could_not_be_published_is_told_with_the_reason(
    client: FlaskClient, backend: MemoryBackend
) -> None:
    gone = replace(some_playlists(backend.tracks)[0], entries=(PlaylistEntry("song-99999"),))
    backend.music.playlists.save_run([gone, some_playlists(backend.tracks)[1]])
    job = publish_all(client, backend)
    client.get("/playlists/live", headers={"HX-Request": "true"})
    page = client.get("/playlists").text
    assert "1 playlist is on your server now." in page
    assert "Velvet Jazz &amp; Chillout_automatic: the server knows none of its songs" in page
    page = client.get(f"/jobs/{job.id}").text
    assert "could not be published" in page
    assert "knows none of its songs" in page


def test_a_job_that_failed_says_so_where_it_was_watched(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_publishing()
    backend.job_store.jobs.doom(job.id, "the server does not accept the login")
    client.get("/playlists/live", headers={"HX-Request": "true"})
    assert "the server does not accept the login" in client.get("/playlists").text


def test_publishing_again_takes_the_playlists_of_now(client: FlaskClient, backend: MemoryBackend) -> None:
    job = publish_all(client, backend)
    client.post(f"/jobs/{job.id}/retry", data={"csrf_token": csrf(client)})
    (again,) = backend.job_store.jobs.active("publishing")
    assert again.id != job.id


def test_beside_a_search_that_publishes_the_button_says_why_not(
    client: FlaskClient, backend: MemoryBackend
) -> None:
    backend.start_clustering({}, publish=True)
    answer = client.post("/playlists/publish", data={"csrf_token": csrf(client)})
    assert answer.status_code == 409
    assert "A search is running" in answer.text


def test_one_playlist_is_published_at_once(client: FlaskClient, backend: MemoryBackend) -> None:
    client.post(f"/playlists/{B}/publish", data={"csrf_token": csrf(client)})
    assert "This playlist is on your server now." in client.get(f"/playlists/{B}").text
    assert [name for name, _ in backend.media.held.values()] == ["Night / Drive_automatic"]


def test_a_download_has_a_name_that_every_file_system_takes(client: FlaskClient) -> None:
    answer = client.get(f"/playlists/{B}/m3u8")
    assert answer.data.startswith(b"#EXTM3U")
    assert 'filename="Night _ Drive.m3u8"' in answer.headers["Content-Disposition"]


def test_changes_undo_and_redo(client: FlaskClient, backend: MemoryBackend) -> None:
    backend.music.playlists.save_run(some_playlists(backend.tracks[1:])[:1])
    page = client.get("/playlists/changes").text
    assert "gone" in page, "the second playlist ended"
    assert backend.tracks[6].title in page
    token = csrf(client)
    client.post("/playlists/undo", data={"csrf_token": token})
    assert [one.id for one in backend.music.playlists.all()] == [A, B]
    client.post("/playlists/redo", data={"csrf_token": token})
    assert [one.id for one in backend.music.playlists.all()] == [A]


def test_the_search_form_starts_with_what_was_changed_only(
    client: FlaskClient, backend: MemoryBackend
) -> None:
    form = {
        "csrf_token": csrf(client),
        "cluster_algorithm": "gmm",
        "clustering_runs": "50",
        "max_songs_per_cluster": "40",
        "dbscan_eps_min": "0.1",
    }
    answer = client.post("/playlists/new", data=form)
    assert answer.status_code == 302
    (job,) = backend.job_store.jobs.active("clustering")
    assert job.parameters["cluster_algorithm"] == "gmm"
    assert job.parameters["clustering_runs"] == 50
    assert job.parameters["eps_is_set"] is False, "a default that was only shown is no choice"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("num_clusters_min", "70", "NUM_CLUSTERS_MIN (70) is larger than NUM_CLUSTERS_MAX (60)"),
        ("clustering_runs", "many", "CLUSTERING_RUNS"),
        ("clustering_runs", "0", "CLUSTERING_RUNS"),
    ],
)
def test_a_wrong_search_is_refused_and_the_form_kept(client: FlaskClient, field, value, said) -> None:
    answer = client.post("/playlists/new", data={"csrf_token": csrf(client), field: value})
    assert answer.status_code == 400
    assert said in answer.text
    assert f'value="{value}"' in answer.text


def test_the_best_so_far_is_shown_while_the_search_runs(client: FlaskClient, backend: MemoryBackend) -> None:
    job = backend.start_clustering({})
    preview = {"count": 9, "coverage": 0.8, "lists": [{"name": "Slow Jazz", "songs": 21}]}
    backend.job_store.jobs.update_detail(job.id, {"score": 0.61, "preview": preview, "runs": 1000})
    page = client.get("/playlists").text
    assert "Slow Jazz" in page
    assert "of 1,000" in page
    assert 'hx-trigger="every 2s"' in page


# --- library ---


def test_search_narrows_and_sort_orders(client: FlaskClient, backend: MemoryBackend) -> None:
    title = backend.tracks[7].title
    assert title in client.get("/library", query_string={"q": title}).text
    assert "No song matches." in client.get("/library?q=zzzz").text
    page = client.get("/library?sort=tempo").text
    assert 'aria-sort="ascending"' in page
    assert "desc=1" in page, "the same column again turns the order round"


def test_paging_goes_through_the_whole_library(open_backend, tmp_path) -> None:
    client = browser(open_backend(120, auth_disabled=True, music_dir=tmp_path))
    first, last = client.get("/library").text, client.get("/library?offset=100").text
    assert "1 to 50 of 120" in first
    assert "101 to 120 of 120" in last
    assert 'rel="next"' not in last


@pytest.mark.parametrize("offset", ["-5", "abc", "999999999999", ""])
def test_a_strange_page_number_is_no_error(client: FlaskClient, offset: str) -> None:
    assert client.get("/library", query_string={"offset": offset, "sort": "nonsense"}).status_code == 200


def test_a_song_shows_what_was_heard_and_its_neighbours(client: FlaskClient) -> None:
    page = client.get("/library/song/song-00001").text
    assert "LUFS" in page
    assert "Nearest songs" in page
    assert "Velvet Jazz" in page, "the playlists that it is in"


def test_failures_can_be_tried_again(client: FlaskClient, backend: MemoryBackend) -> None:
    backend.music.failures.record(
        "song-00003", kind="encrypted", message="It is protected.", features_version=backend.features_version
    )
    page = client.get("/library/failures").text
    assert "Encrypted" in page
    assert "It is protected." in page
    client.post("/library/failures/retry", data={"csrf_token": csrf(client)})
    assert backend.music.failures.count() == 0
    assert backend.job_store.jobs.active("analysis")


# --- sound and pictures ---


def test_audio_is_served_whole_and_in_parts(client: FlaskClient) -> None:
    whole = client.get("/audio/song-00001")
    part = client.get("/audio/song-00001", headers={"Range": "bytes=100-199"})
    assert whole.status_code == 200
    assert part.status_code == 206
    assert part.data == whole.data[100:200]
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole.data)}"


def test_a_range_behind_the_end_is_416(client: FlaskClient) -> None:
    assert client.get("/audio/song-00001", headers={"Range": "bytes=9999999-"}).status_code == 416


@pytest.mark.parametrize("path", ["/audio/nobody", "/audio/../../etc/passwd", "/audio/%2e%2e%2fdb.sqlite"])
def test_only_songs_of_the_library_are_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"root:" not in answer.data


def test_a_cover_is_a_picture_that_may_be_kept(client: FlaskClient) -> None:
    answer = client.get(f"/playlists/{A}/cover")
    assert answer.content_type == "image/svg+xml"
    again = client.get(f"/playlists/{A}/cover", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


# --- errors, health, metrics ---


def test_an_unknown_page_says_so_kindly(client: FlaskClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here." in answer.text


def test_health_follows_the_databases(client: FlaskClient, backend: MemoryBackend) -> None:
    assert client.get("/healthz").status_code == 200
    backend.healthy = False
    assert client.get("/healthz").status_code == 503


def test_a_bug_shows_no_traceback(client: FlaskClient, backend: MemoryBackend, monkeypatch) -> None:
    def broken() -> str:
        raise RuntimeError("secret inner detail")

    monkeypatch.setattr(backend, "metrics", broken)
    answer = client.get("/metrics")
    assert answer.status_code == 500
    assert "secret inner detail" not in answer.text
