"""Which libraries of a server are used: a choice that stays until somebody changes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.web.browsers import browser, csrf
from tests.web.memory_backend import MemoryBackend


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def fresh(open_backend) -> MemoryBackend:
    """Nothing is set up yet."""
    return open_backend(auth_disabled=True)


@pytest.fixture
def visitor(fresh: MemoryBackend) -> FlaskClient:
    return browser(fresh)


def form(client: FlaskClient, folder: Path, *chosen: str, shown: bool = True) -> dict[str, object]:
    sent: dict[str, object] = {
        "csrf_token": csrf(client, "/setup/"),
        "media_server": "folder",
        "music_dir": str(folder),
        "library": list(chosen),
    }
    return sent | ({"libraries-shown": "yes"} if shown else {})


def test_the_checked_libraries_are_used(visitor: FlaskClient, fresh: MemoryBackend, music: Path) -> None:
    visitor.post("/setup/", data=form(visitor, music, "Music"))
    assert fresh.settings.music_libraries == "Music"
    visitor.post("/setup/", data=form(visitor, music, "Music", "Audiobooks"))
    assert set(fresh.settings.music_libraries.split(";")) == {"Music", "Audiobooks"}


def test_none_checked_means_all(visitor: FlaskClient, fresh: MemoryBackend, music: Path) -> None:
    visitor.post("/setup/", data=form(visitor, music, "Music"))
    visitor.post("/setup/", data=form(visitor, music))
    assert fresh.settings.music_libraries == ""


def test_a_choice_stays_where_nobody_was_asked_again(
    visitor: FlaskClient, fresh: MemoryBackend, music: Path
) -> None:
    visitor.post("/setup/", data=form(visitor, music, "Music"))
    visitor.post("/setup/", data=form(visitor, music, shown=False))
    assert fresh.settings.music_libraries == "Music"


def test_another_place_begins_with_all_its_libraries(
    visitor: FlaskClient, fresh: MemoryBackend, music: Path, tmp_path: Path
) -> None:
    visitor.post("/setup/", data=form(visitor, music, "Music"))
    visitor.post("/setup/", data=form(visitor, tmp_path, shown=False))
    assert fresh.settings.music_libraries == ""


def test_a_test_of_the_connection_shows_the_choice_of_before(visitor: FlaskClient, music: Path) -> None:
    visitor.post("/setup/", data=form(visitor, music, "Music"))
    found = visitor.post("/setup/check", data=form(visitor, music, shown=False)).text
    assert 'value="Music" checked' in found
    assert 'value="Audiobooks" checked' not in found


def test_a_choice_survives_a_server_that_does_not_answer(visitor: FlaskClient, tmp_path: Path) -> None:
    page = visitor.post("/setup/", data=form(visitor, tmp_path / "nowhere", "Music"))
    assert page.status_code == 400
    assert '<input type="hidden" name="library" value="Music">' in page.text
