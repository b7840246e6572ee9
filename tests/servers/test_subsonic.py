"""What is Subsonic's own: three ways to log in, errors that come as 200, forms, and what servers lack."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import httpx
import pytest
from tests.servers.fake_subsonic import API_KEY, PASSWORD, USER, FakeSubsonic
from tests.servers.faulty import FaultyTransport

from audiomuse.errors import ServerRefused, TrackMissing
from audiomuse.model import Publication
from audiomuse.servers import SubsonicServer
from audiomuse.servers.subsonic_session import Credentials, SubsonicRefused
from audiomuse.servers.transport import Patience

LOGIN = Credentials(USER, PASSWORD)


def open_fake(
    fake: FakeSubsonic, credentials: Credentials = LOGIN, url: str = "http://nas:4533", **options: object
) -> SubsonicServer:
    client = httpx.Client(transport=httpx.MockTransport(fake.handle))
    patience = Patience(attempts=2, base_s=0)
    return SubsonicServer(client, url, credentials, patience=patience, sleep=lambda s: None, **options)  # type: ignore[arg-type]


# --- logging in ---


def test_the_password_itself_is_not_sent_where_a_token_does() -> None:
    fake = FakeSubsonic()
    assert list(open_fake(fake).albums())
    assert all("&t=" in address and "&p=" not in address for address in fake.addresses)
    assert len({httpx.URL(address).params["s"] for address in fake.addresses}) == len(fake.addresses)


def test_a_server_that_knows_no_tokens_gets_the_password() -> None:
    fake = FakeSubsonic(logins=("plain",))
    assert list(open_fake(fake).albums())
    assert [("&p=" in address) for address in fake.addresses[:3]] == [False, True, True]


def test_a_key_stands_alone() -> None:
    fake = FakeSubsonic(logins=("key",), extensions=("apiKeyAuthentication",))
    server = open_fake(fake, Credentials(api_key=API_KEY))
    publication = server.save_playlist("Evening", list(fake.songs)[:2])
    server.delete_playlist(publication)
    assert all("&u=" not in address for address in fake.addresses)


@pytest.mark.parametrize(
    ("credentials", "sentence"),
    [
        (Credentials(USER, "wrong"), "error 40: .* check SUBSONIC_USER and SUBSONIC_PASSWORD"),
        (Credentials(api_key="wrong"), "error 44: .* set SUBSONIC_API_KEY"),
    ],
)
def test_a_wrong_login_is_told_though_it_comes_as_200(credentials: Credentials, sentence: str) -> None:
    server = open_fake(FakeSubsonic(logins=("token", "key")), credentials)
    with pytest.raises(SubsonicRefused, match=sentence):
        server.identity()
    with pytest.raises(SubsonicRefused):
        list(server.albums())


def test_a_key_where_none_is_known_is_told() -> None:
    with pytest.raises(SubsonicRefused, match="set SUBSONIC_USER and SUBSONIC_PASSWORD instead") as caught:
        open_fake(FakeSubsonic(), Credentials(api_key=API_KEY)).identity()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.code) == (str(caught.value), 42)


def test_without_a_login_nothing_is_asked() -> None:
    with pytest.raises(ServerRefused, match="SUBSONIC_USER and SUBSONIC_PASSWORD"):
        open_fake(FakeSubsonic(), Credentials(user="ann"))


def test_no_log_and_no_message_holds_a_credential(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fake = FakeSubsonic(logins=("plain",))
    list(open_fake(fake).albums())
    with pytest.raises(ServerRefused) as caught:
        open_fake(fake, Credentials(USER, "wr0ng")).identity()
    for secret in (PASSWORD, PASSWORD.encode().hex(), b"wr0ng".hex(), "&t=", "&p=", "?v="):
        assert secret not in caplog.text
        assert secret not in str(caught.value)
    assert PASSWORD not in repr(LOGIN)
    assert "http://nas:4533/rest/ping.view" in caplog.text


def test_an_address_that_ends_in_rest_is_understood() -> None:
    fake = FakeSubsonic()
    open_fake(fake, url="http://nas/music/rest/").identity()
    assert fake.addresses[0].startswith("http://nas/music/rest/ping.view?")


@pytest.mark.parametrize("answer", [{"detail": "x"}, [], {"subsonic-response": None}])
def test_what_is_no_subsonic_server_is_told(answer: object) -> None:
    other = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    server = SubsonicServer(httpx.Client(transport=other), "http://nas", LOGIN)
    with pytest.raises(ServerRefused, match="is not a Subsonic server; check SUBSONIC_URL"):
        server.identity()


# --- lists ---


def test_a_song_is_read_with_its_open_subsonic_fields() -> None:
    track = open_fake(FakeSubsonic()).tracks("al-0")[-1]
    assert (track.title, track.album_artist, track.genres) == ("Song 1", "Various", ("Rock", "Jazz"))
    assert (track.duration_s, track.size_bytes, track.suffix) == (61.0, 9, "flac")
    assert track.musicbrainz_recording_id == "mb"
    assert (track.play_count, track.is_favorite) == (2, True)
    assert track.last_played_at is not None


def test_tracks_come_in_disc_and_track_order() -> None:
    assert [track.title for track in open_fake(FakeSubsonic()).tracks("al-1")] == [
        "Song 3",
        "Song 2",
        "Song 1",
    ]


def test_a_date_without_a_zone_is_utc() -> None:
    album = next(open_fake(FakeSubsonic()).albums())
    assert album.added_at is not None
    assert album.added_at.isoformat() == "2026-11-22T13:38:25+00:00"


@pytest.mark.parametrize("largest_page", [2, 7, 500])
@pytest.mark.parametrize("searches_everything", [True, False])
def test_everything_is_listed_whatever_the_server_leaves_out(
    largest_page: int, searches_everything: bool
) -> None:
    fake = FakeSubsonic(n_albums=11, largest_page=largest_page, searches_everything=searches_everything)
    server = open_fake(fake)
    assert len(list(server.albums())) == 11
    assert sorted(track.id for track in server.all_tracks()) == sorted(fake.songs)


# --- audio ---


def test_an_error_in_place_of_audio_is_not_saved_as_music(tmp_path: Path) -> None:
    fake = FakeSubsonic()
    server = open_fake(fake)
    track = server.tracks("al-0")[0]
    del fake.songs[track.id]
    with pytest.raises(TrackMissing, match="no longer has the file"), server.open_audio(track, tmp_path):
        pass
    with pytest.raises(TrackMissing):
        server.stream_audio(track)
    assert list(tmp_path.iterdir()) == []


def test_who_may_not_download_streams_the_original(tmp_path: Path) -> None:
    fake = FakeSubsonic(may_download=False)
    server = open_fake(fake)
    with server.open_audio(server.tracks("al-0")[0], tmp_path) as audio:
        assert audio.path.read_bytes() == b"fLaC data"
    assert fake.requests[-2:] == [("GET", "download"), ("GET", "stream")]


@pytest.mark.parametrize("status", [403, 500])
def test_one_file_that_the_server_cannot_read_does_not_end_the_run(status: int, tmp_path: Path) -> None:
    fake = FakeSubsonic()
    track = open_fake(fake).tracks("al-0")[0]

    def handle(request: httpx.Request) -> httpx.Response:
        broken = "download" in request.url.path or "stream" in request.url.path
        return httpx.Response(status) if broken else fake.handle(request)

    server = SubsonicServer(httpx.Client(transport=httpx.MockTransport(handle)), "http://nas", LOGIN)
    with pytest.raises(TrackMissing, match="does not give it"), server.open_audio(track, tmp_path):
        pass


def test_a_missing_cover_is_none() -> None:
    server = open_fake(FakeSubsonic())
    cover = server.cover("al-0")
    assert cover is not None
    assert (cover.content_type, cover.data) == ("image/jpeg", b"\xff\xd8")
    assert server.cover("al-9") is None


# --- playlists ---


def test_a_new_playlist_is_made_private() -> None:
    fake = FakeSubsonic()
    open_fake(fake).save_playlist("Evening", list(fake.songs))
    assert [playlist["public"] for playlist in fake.playlists.values()] == [False]


def test_forms_are_used_where_they_are_offered() -> None:
    fake = FakeSubsonic(extensions=("formPost",))
    open_fake(fake).save_playlist("Evening", list(fake.songs))
    assert ("POST", "createPlaylist") in fake.requests
    assert ("GET", "createPlaylist") not in fake.requests


@pytest.mark.parametrize("extensions", [None, ()])
def test_forms_are_tried_when_an_address_was_too_long(extensions: tuple[str, ...] | None) -> None:
    fake = FakeSubsonic(extensions=extensions, n_albums=200)
    server = open_fake(fake)
    wanted = list(fake.songs)
    publication = server.save_playlist("Evening", wanted)
    publication = server.save_playlist("Evening", wanted[::-1], publication=publication)
    assert publication.track_ids == tuple(wanted[::-1])
    assert [entry["id"] for entry in fake.playlists[publication.remote_id]["entry"]] == wanted[::-1]


def test_where_neither_forms_nor_long_addresses_are_taken_a_list_is_made_piece_by_piece() -> None:
    fake = FakeSubsonic(takes_forms=False, n_albums=100)
    server = open_fake(fake)
    wanted = list(fake.songs)
    old = server.save_playlist("Evening", wanted[:5])
    new = server.save_playlist("Evening", wanted, publication=old)
    assert [entry["id"] for entry in fake.playlists[new.remote_id]["entry"]] == wanted
    assert list(fake.playlists) == [new.remote_id]


def test_a_playlist_is_found_where_creating_does_not_tell_its_id() -> None:
    fake = FakeSubsonic(names_created=False)
    server = open_fake(fake)
    first = server.save_playlist("Evening", list(fake.songs)[:2])
    second = server.save_playlist("Evening", list(fake.songs)[:3])
    assert first.remote_id != second.remote_id
    assert len(fake.playlists) == 2


def test_a_playlist_of_somebody_else_is_left_alone() -> None:
    fake = FakeSubsonic()
    server = open_fake(fake)
    publication = server.save_playlist("Evening", list(fake.songs)[:2])
    fake.playlists[publication.remote_id]["owner"] = "bob"
    with pytest.raises(ServerRefused, match="belongs to bob; it is left alone"):
        server.delete_playlist(publication)
    with pytest.raises(ServerRefused, match="left alone"):
        server.save_playlist("Evening", list(fake.songs), publication=publication)
    assert len(fake.playlists) == 1


@pytest.mark.parametrize("kind", ["answer lost", "answer lost by the proxy"])
@pytest.mark.parametrize("extensions", [(), ("formPost",)])
def test_a_lost_answer_makes_no_twin(kind: str, extensions: tuple[str, ...]) -> None:
    for at in range(25):
        fake = FakeSubsonic(extensions=extensions)
        network = FaultyTransport(httpx.MockTransport(fake.handle), kind, at)
        server = SubsonicServer(
            httpx.Client(transport=network), "http://nas", LOGIN,
            patience=Patience(attempts=3, base_s=0), sleep=lambda s: None,
        )  # fmt: skip
        created: list[Publication] = []
        try:
            publication = server.save_playlist("Evening", list(fake.songs)[:3], on_created=created.append)
        except ServerRefused as e:
            raise AssertionError(f"{kind} at {at}") from e
        assert list(fake.playlists) == [publication.remote_id], at
        server.save_playlist("Evening", list(fake.songs)[3:5], publication=publication)
        assert [len(playlist["entry"]) for playlist in fake.playlists.values()] == [2], at
