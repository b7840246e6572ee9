"""Parameters: the promised names and defaults, and a clear word about each wrong value."""

from pathlib import Path

import pytest

from audiomuse.errors import SettingsError
from audiomuse.settings import (
    GROUPS,
    Settings,
    available_cores,
    from_environment,
    group_of,
    is_secret,
    load_settings,
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SECRETS_DIR", raising=False)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("num_recent_albums", 2000),
        ("top_n_moods", 5),
        ("cluster_algorithm", "kmeans"),
        ("max_songs_per_cluster", 40),
        ("max_songs_per_artist", 3),
        ("max_distance", 0.5),
        ("clustering_runs", 1000),
        ("num_clusters_min", 20),
        ("num_clusters_max", 60),
        ("dbscan_eps_min", 0.1),
        ("dbscan_eps_max", 0.5),
        ("dbscan_min_samples_min", 5),
        ("dbscan_min_samples_max", 20),
        ("gmm_n_components_min", 20),
        ("gmm_n_components_max", 60),
        ("gmm_covariance_type", "full"),
        ("pca_components_min", 0),
        ("pca_components_max", 10),
    ],
)
def test_the_promised_defaults_hold(name, default):
    assert getattr(load_settings(), name) == default


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_parameter_has_a_group_and_one_line_of_help(name):
    field = Settings.model_fields[name]
    assert group_of(field) in GROUPS
    assert field.description
    assert "\n" not in field.description
    assert field.description.endswith(".") or "e.g." in field.description


def test_no_secret_has_a_default():
    for name, field in Settings.model_fields.items():
        if is_secret(field):
            assert field.default is None, name


def test_secrets_are_known_as_such():
    secret = {name for name, field in Settings.model_fields.items() if is_secret(field)}
    assert {"jellyfin_token", "subsonic_password", "api_token", "secret_key", "database_url"} <= secret


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("NUM_RECENT_ALBUMS", "-1", "NUM_RECENT_ALBUMS: .*greater than or equal to 0"),
        ("TOP_N_MOODS", "many", "TOP_N_MOODS: .*integer"),
        ("CLUSTER_ALGORITHM", "spectral", "CLUSTER_ALGORITHM: .*kmeans"),
        ("MAX_DISTANCE", "0", "MAX_DISTANCE: .*greater than 0"),
        ("JELLYFIN_URL", "nas:8096", "JELLYFIN_URL: must be an address"),
        ("JELLYFIN_URL", "http://YOUR_JELLYFIN_IP:8096", "JELLYFIN_URL: still holds the placeholder"),
        ("JELLYFIN_URL", "http://me:word@nas", "JELLYFIN_URL: must be a plain address"),
        ("NUM_CLUSTERS_MIN", "70", r"NUM_CLUSTERS_MIN \(70\) is larger than NUM_CLUSTERS_MAX \(60\)"),
        ("PCA_COMPONENTS_MIN", "11", "PCA_COMPONENTS_MIN .*larger than PCA_COMPONENTS_MAX"),
        ("MEDIA_SERVER", "folder", "MUSIC_DIR is not set"),
        ("MEDIA_SERVER", "jellyfin", "JELLYFIN_URL is not set"),
        ("QUIET_HOURS", "late", "QUIET_HOURS: must be two times of day"),
        ("PATH_MAP", "/music", "PATH_MAP: must be SERVER_PREFIX=LOCAL_PREFIX"),
        ("DATABASE_URL", "mysql://db", "DATABASE_URL: must start with postgresql://"),
        ("CELERY_BROKER_URL", "http://redis", "CELERY_BROKER_URL: must start with redis://"),
        ("URL_PREFIX", "audiomuse", "URL_PREFIX: must start with '/'"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(monkeypatch, variable, value, complaint):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=complaint):
        load_settings()


def test_every_wrong_value_is_named_at_once(monkeypatch):
    monkeypatch.setenv("TOP_N_MOODS", "0")
    monkeypatch.setenv("WEB_PORT", "0")
    with pytest.raises(SettingsError, match=r"TOP_N_MOODS.*WEB_PORT"):
        load_settings()


def test_a_wrong_secret_is_named_but_not_shown(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_the_environment_wins_over_what_the_page_saved(monkeypatch):
    monkeypatch.setenv("TOP_N_MOODS", "7")
    settings = load_settings(saved={"top_n_moods": 9, "clustering_runs": 50})
    assert (settings.top_n_moods, settings.clustering_runs) == (7, 50)
    assert from_environment("top_n_moods")
    assert not from_environment("clustering_runs")


def test_the_command_line_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("TOP_N_MOODS", "7")
    assert load_settings(top_n_moods=3, clustering_runs=None).top_n_moods == 3


def test_what_one_call_saved_does_not_leak_into_the_next():
    load_settings(saved={"top_n_moods": 9})
    assert load_settings().top_n_moods == 5


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path: Path):
    (tmp_path / "jellyfin_token").write_text("from-a-file\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    token = load_settings().jellyfin_token
    assert token is not None
    assert token.get_secret_value() == "from-a-file"
    assert from_environment("jellyfin_token")


def test_all_files_follow_the_data_folder(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.db_path == tmp_path / "db.sqlite"
    assert settings.status_db_path == tmp_path / "status_db.sqlite"
    assert settings.temp_dir == tmp_path / "temp_audio"


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ({}, None),
        ({"jellyfin_url": "http://nas:8096/"}, "jellyfin"),
        ({"subsonic_url": "https://music.example/navidrome"}, "subsonic"),
        ({"music_dir": "/music"}, "folder"),
        ({"music_dir": "/music", "jellyfin_url": "http://nas:8096"}, "jellyfin"),
        ({"music_dir": "/music", "jellyfin_url": "http://nas:8096", "media_server": "folder"}, "folder"),
    ],
)
def test_the_server_is_the_one_whose_address_is_given(given, server):
    assert load_settings(**given).chosen_server == server


def test_an_eps_range_counts_as_chosen_only_when_given():
    assert not load_settings().dbscan_eps_is_set
    assert load_settings(dbscan_eps_max=0.7).dbscan_eps_is_set


def test_settings_do_not_change_and_print_no_secret():
    settings = load_settings(jellyfin_token="hunter2")
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.top_n_moods = 1


@pytest.mark.parametrize(("written", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("junk", None)])
def test_a_container_with_a_quota_has_fewer_cores(tmp_path: Path, written, cores):
    quota = tmp_path / "cpu.max"
    quota.write_text(written + "\n")
    free = available_cores(tmp_path / "missing")
    assert available_cores(quota) == (free if cores is None else cores)
    assert load_settings(analysis_workers=3).worker_count == 3
