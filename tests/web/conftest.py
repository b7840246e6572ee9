"""Apps for the page's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.web.browsers import PASSWORD, browser
from tests.web.memory_backend import MemoryBackend, some_playlists

from audiomuse.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the tests alone."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Databases with their schema, to copy: migrating anew for every test would take most of the time."""
    folder = tmp_path_factory.mktemp("empty")
    MemoryBackend(load_settings(data_dir=folder)).close()
    return folder


@pytest.fixture
def open_backend(tmp_path: Path, empty_databases: Path) -> Iterator[Callable[..., MemoryBackend]]:
    """Make backends that are closed after the test."""
    made: list[MemoryBackend] = []

    def make(n_tracks: int = 0, *, n_heard: int | None = None, **settings: object) -> MemoryBackend:
        folder = tmp_path / f"data-{len(made)}"
        shutil.copytree(empty_databases, folder)
        made.append(MemoryBackend(load_settings(data_dir=folder, **settings), n_tracks, n_heard))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(open_backend: Callable[..., MemoryBackend], tmp_path: Path) -> MemoryBackend:
    """A library of forty songs with two playlists, without logins."""
    made = open_backend(40, auth_disabled=True, music_dir=tmp_path)
    made.music.playlists.save_run(some_playlists(made.tracks))
    return made


@pytest.fixture
def client(backend: MemoryBackend) -> FlaskClient:
    """A browser without logins."""
    return browser(backend)


@pytest.fixture
def locked_backend(open_backend: Callable[..., MemoryBackend], tmp_path: Path) -> MemoryBackend:
    """A small library behind a password and an API token."""
    return open_backend(12, admin_password=PASSWORD, api_token="let-me-in", music_dir=tmp_path)


@pytest.fixture
def stranger(locked_backend: MemoryBackend) -> FlaskClient:
    """A browser that has not logged in."""
    return browser(locked_backend)
