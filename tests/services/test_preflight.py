"""What is found out before a long run."""

from __future__ import annotations

import wave
from io import BytesIO

import httpx
import pytest
from tests.servers.fake_jellyfin import API_KEY, FakeJellyfin, User, small_library

from audiomuse.errors import LibraryEmpty, ServerRefused, ServerUnreachable
from audiomuse.model import Track
from audiomuse.servers import JellyfinServer, MediaServer, MemoryServer
from audiomuse.servers.jellyfin_session import Login
from audiomuse.servers.transport import Patience
from audiomuse.services.preflight import preflight

NAMES = ["address", "credentials", "list", "download", "playlist"]


def jellyfin(fake: FakeJellyfin, login: Login | None = None) -> MediaServer:
    return JellyfinServer(
        httpx.Client(transport=httpx.WSGITransport(fake.app)), "http://nas:8096",
        login or Login(token=API_KEY), patience=Patience(attempts=1),
    )  # fmt: skip


def silence() -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(1600))
    return file.getvalue()


@pytest.mark.parametrize("version", ["10.8.13", "10.10.7", "12.0.0"])
def test_a_good_server_passes_and_keeps_nothing_of_it(version: str) -> None:
    fake = FakeJellyfin(small_library(), version=version)
    before = dict(fake.library.playlists)
    report = preflight(jellyfin(fake), write=True)
    assert report.ok
    assert report.problem is None
    report.require()
    assert [check.name for check in report.checks] == NAMES
    assert report.checks[0].sentence == f"'nas' answers: Jellyfin {version}"
    assert fake.library.playlists == before
    assert fake.violations == []


def test_nothing_is_written_unless_asked_for() -> None:
    fake = FakeJellyfin(small_library())
    assert preflight(jellyfin(fake), write=False).ok
    assert {exchange.split()[0] for exchange in fake.exchanges} == {"GET"}


def test_a_wrong_key_is_told_with_where_to_get_one() -> None:
    report = preflight(jellyfin(FakeJellyfin(small_library()), Login(token="wrong")), write=True)
    assert [check.name for check in report.checks] == ["address", "credentials"]
    assert str(report.problem).startswith("401: Jellyfin does not accept the token")
    assert "Dashboard > API Keys" in str(report.problem)
    with pytest.raises(ServerRefused):
        report.require()


def test_a_server_that_is_down_may_be_tried_again() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    server = JellyfinServer(
        httpx.Client(transport=httpx.MockTransport(refuse)), "http://nas:8096", Login(token="x"),
        patience=Patience(attempts=1),
    )  # fmt: skip
    report = preflight(server, write=False)
    assert report.problem == (
        "http://nas:8096 cannot be reached (connection refused); check JELLYFIN_URL and whether the server "
        "is running"
    )
    with pytest.raises(ServerUnreachable):
        report.require()


def test_an_empty_library_is_a_problem_before_the_run_not_a_success_after_it() -> None:
    report = preflight(MemoryServer(), write=True)
    assert not report.ok
    with pytest.raises(LibraryEmpty, match="lists no music"):
        report.require()


def test_a_server_whose_disk_is_gone_is_found_out() -> None:
    server = MemoryServer([Track("1", "Song", album_id="a"), Track("2", "Other", album_id="a")])
    report = preflight(server, write=True)
    assert report.checks[-1].name == "download"
    assert "gives none of it" in str(report.problem)


def test_one_lost_file_does_not_matter() -> None:
    tracks = [Track(str(number), "Song", album_id="a") for number in range(3)]
    assert preflight(MemoryServer(tracks, {"2": silence()}), write=False).ok


def test_an_account_that_may_not_write_is_found_out() -> None:
    class ReadOnly(MemoryServer):
        def create(self, name: str, track_ids: object) -> str:
            raise ServerRefused("403: no playlists for you")

    server = ReadOnly([Track("1", "Song", album_id="a")], {"1": silence()})
    assert preflight(server, write=False).ok
    assert preflight(server, write=True).problem == "403: no playlists for you"


def test_a_disabled_user_is_named() -> None:
    library = small_library()
    library.users.append(User("bob", "pw", is_disabled=True))
    report = preflight(jellyfin(FakeJellyfin(library), Login(token=API_KEY, user="bob")), write=False)
    assert report.problem == "there is no user 'bob'; set JELLYFIN_USER_ID to one of: ann"
