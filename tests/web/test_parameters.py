"""Settings as form fields: what is shown, what is read back, what is kept."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from tests.web.browsers import csrf
from tests.web.memory_backend import MemoryBackend

from audiomuse.settings import Settings


def test_every_parameter_is_on_the_settings_page_with_its_help(client: FlaskClient) -> None:
    page = client.get("/settings/").text
    missing = [name for name in Settings.model_fields if f'id="{name}"' not in page]
    assert missing == []
    assert "Albums to look at, newest first; 0 for all." in page
    assert "NUM_RECENT_ALBUMS" in page


def test_only_what_was_changed_is_kept(client: FlaskClient, backend: MemoryBackend) -> None:
    form = {"csrf_token": csrf(client), "num_recent_albums": "2000", "max_songs_per_artist": "2"}
    assert client.post("/settings/", data=form).status_code == 302
    assert backend.music.settings.all() == {"max_songs_per_artist": 2}
    assert backend.settings.max_songs_per_artist == 2


def test_an_emptied_field_goes_back_to_the_default(client: FlaskClient, backend: MemoryBackend) -> None:
    token = csrf(client)
    client.post("/settings/", data={"csrf_token": token, "clustering_runs": "77"})
    assert backend.settings.clustering_runs == 77
    client.post("/settings/", data={"csrf_token": token, "clustering_runs": ""})
    assert backend.settings.clustering_runs == 1000


def test_switches_can_be_switched_off(client: FlaskClient, backend: MemoryBackend) -> None:
    token = csrf(client)
    client.post("/settings/", data={"csrf_token": token, "verify_tls-shown": "1"})
    assert backend.settings.verify_tls is False
    client.post("/settings/", data={"csrf_token": token, "verify_tls-shown": "1", "verify_tls": "true"})
    assert backend.settings.verify_tls is True


def test_an_empty_secret_stays_as_it_was(client: FlaskClient, backend: MemoryBackend) -> None:
    token = csrf(client)
    client.post("/settings/", data={"csrf_token": token, "jellyfin_token": "abc"})
    client.post("/settings/", data={"csrf_token": token, "jellyfin_token": ""})
    assert backend.settings.jellyfin_token is not None
    assert backend.settings.jellyfin_token.get_secret_value() == "abc"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"num_clusters_min": "70"}, "NUM_CLUSTERS_MIN (70) is larger than NUM_CLUSTERS_MAX (60)"),
        ({"max_distance": "2"}, "MAX_DISTANCE"),
        ({"clustering_runs": "lots"}, "CLUSTERING_RUNS"),
        ({"quiet_hours": "late"}, "QUIET_HOURS"),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_kept(
    client: FlaskClient, backend: MemoryBackend, form: dict[str, str], said: str
) -> None:
    answer = client.post("/settings/", data={"csrf_token": csrf(client), "clustering_seed": "5", **form})
    assert answer.status_code == 400
    assert said in answer.text
    assert backend.music.settings.all() == {}


def test_the_environment_wins_and_is_shown(client, backend, monkeypatch) -> None:
    monkeypatch.setenv("CLUSTERING_RUNS", "12")
    page = client.get("/settings/").text
    assert "set in the environment" in page
    client.post("/settings/", data={"csrf_token": csrf(client), "clustering_runs": "99"})
    assert "clustering_runs" not in backend.music.settings.all()


def test_what_is_read_before_there_is_a_page_cannot_be_changed_on_it(client, backend) -> None:
    form = {"csrf_token": csrf(client), "db_path": "/tmp/elsewhere", "auth_disabled-shown": "1"}
    client.post("/settings/", data=form)
    assert backend.music.settings.all() == {}
