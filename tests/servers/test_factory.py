"""From the settings to the server, and what is said when something is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audiomuse.errors import SettingsError
from audiomuse.model import Track
from audiomuse.servers import FolderServer, JellyfinServer, SubsonicServer, open_server
from audiomuse.servers.local_files import PathMap, local_audio
from audiomuse.settings import Settings, load_settings


def settings(tmp_path: Path, **values: Any) -> Settings:
    return load_settings(data_dir=tmp_path, **values)


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEDIA_SERVER", "JELLYFIN_URL", "JELLYFIN_TOKEN", "SUBSONIC_URL", "MUSIC_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_each_kind_is_opened(tmp_path: Path) -> None:
    jellyfin = settings(tmp_path, jellyfin_url="http://nas:8096", jellyfin_token="x")
    assert isinstance(open_server(jellyfin), JellyfinServer)
    login = {"jellyfin_username": "ann", "jellyfin_password": "pw"}
    assert isinstance(open_server(settings(tmp_path, jellyfin_url="http://nas", **login)), JellyfinServer)
    subsonic = settings(tmp_path, subsonic_url="http://nas", subsonic_api_key="x")
    assert isinstance(open_server(subsonic), SubsonicServer)
    assert isinstance(open_server(settings(tmp_path, music_dir=tmp_path)), FolderServer)


def test_the_original_variables_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JELLYFIN_URL", "https://home.example/jellyfin/")
    monkeypatch.setenv("JELLYFIN_USER_ID", "0154cbd274414d8baa8430e1ade70d7b")
    monkeypatch.setenv("JELLYFIN_TOKEN", "x")
    assert isinstance(open_server(settings(tmp_path)), JellyfinServer)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "JELLYFIN_URL, SUBSONIC_URL or MUSIC_DIR"),
        ({"jellyfin_url": "http://nas"}, "JELLYFIN_TOKEN is not set"),
        ({"jellyfin_url": "http://nas", "jellyfin_token": "  "}, "JELLYFIN_TOKEN is not set"),
        ({"jellyfin_url": "http://nas", "jellyfin_username": "ann"}, "JELLYFIN_TOKEN is not set"),
        ({"subsonic_url": "http://nas"}, "SUBSONIC_USER is not set"),
        ({"subsonic_url": "http://nas", "subsonic_user": "ann"}, "SUBSONIC_PASSWORD is not set"),
    ],
)
def test_what_is_missing_is_named_before_anything_starts(
    tmp_path: Path, values: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        open_server(settings(tmp_path, **values))


@pytest.mark.parametrize("url", ["nas:8096", "ftp://nas", "http://", "http://YOUR_JELLYFIN:8096"])
def test_a_malformed_address_is_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="JELLYFIN_URL"):
        open_server(settings(tmp_path, jellyfin_url=url, jellyfin_token="x"))


# --- mounted libraries ---


@pytest.mark.parametrize(
    ("server_path", "local"),
    [
        ("/music/A/1.flac", "/mnt/A/1.flac"),
        ("/music/classical/B/1.flac", "/srv/c/B/1.flac"),
        ("D:\\Music\\A\\1.flac", "/mnt/win/A/1.flac"),
        ("/musical/A/1.flac", None),
        ("/other/1.flac", None),
    ],
)
def test_the_longest_fitting_prefix_counts(server_path: str, local: str | None) -> None:
    path_map = PathMap.parse("/music=/mnt; /music/classical=/srv/c/;D:\\Music\\=/mnt/win")
    assert path_map.local(server_path) == (Path(local) if local else None)


def test_without_a_prefix_only_a_file_of_the_same_size_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "1.flac"
    file.write_bytes(b"12345")
    nothing = PathMap()
    assert local_audio(Track("1", "x", path=str(file), size_bytes=5), nothing) == file
    assert local_audio(Track("1", "x", path=str(file), size_bytes=6), nothing) is None
    assert local_audio(Track("1", "x", path=str(file)), nothing) is None
    assert local_audio(Track("1", "x", path="1.flac", size_bytes=5), nothing) is None
    assert local_audio(Track("1", "x"), nothing) is None
    mapped = PathMap.parse(f"/music={tmp_path}")
    assert local_audio(Track("1", "x", path="/music/1.flac", size_bytes=6), mapped) == file
    assert local_audio(Track("1", "x", path="/music/2.flac", size_bytes=6), mapped) is None
    assert local_audio(Track("1", "x", path="/music/\0.flac"), mapped) is None
