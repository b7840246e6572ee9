"""Whoever uses the page may have its source code and read its licence."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.web.browsers import browser

import audiomuse
from audiomuse import __version__
from audiomuse.errors import SettingsError
from audiomuse.settings import load_settings

FOLDER = f"audiomuse-{__version__}"


def test_the_source_is_what_runs_with_its_licences(client: FlaskClient) -> None:
    answer = client.get("/source")
    assert f"filename={FOLDER}.tar.gz" in answer.headers["Content-Disposition"]
    with tarfile.open(fileobj=io.BytesIO(answer.data), mode="r:gz") as archive:
        names = archive.getnames()
        package = Path(audiomuse.__file__)
        packed = archive.extractfile(f"{FOLDER}/src/audiomuse/__init__.py")
        assert packed is not None
        assert packed.read() == package.read_bytes()
    for name in ("LICENSE", "THIRD_PARTY_NOTICES.md", "src/audiomuse/web/templates/base.html"):
        assert f"{FOLDER}/{name}" in names
    assert not [name for name in names if "__pycache__" in name or not name.startswith(f"{FOLDER}/")]


def test_nothing_of_this_machine_is_in_the_source(client: FlaskClient) -> None:
    with tarfile.open(fileobj=io.BytesIO(client.get("/source").data), mode="r:gz") as archive:
        assert {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in archive} == {(0, 0, "", "")}


def test_the_licence_is_there_to_read(client: FlaskClient) -> None:
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in client.get("/licence").text


def test_a_stranger_gets_both_before_the_login(stranger: FlaskClient) -> None:
    page = stranger.get("/login").text
    assert 'href="/source"' in page
    assert f"AudioMuse {__version__}" in page
    assert stranger.get("/source").status_code == 200
    assert stranger.get("/licence").status_code == 200


def test_a_changed_version_names_its_own_place(open_backend, tmp_path) -> None:
    backend = open_backend(auth_disabled=True, music_dir=tmp_path, source_url="https://git.example/mine/")
    page = browser(backend).get("/").text
    assert 'href="https://git.example/mine"' in page
    assert 'href="/source"' not in page


def test_a_place_that_is_no_address_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="SOURCE_URL"):
        load_settings(source_url="javascript:alert(1)")
