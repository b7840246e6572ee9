"""What is Jellyfin's own: versions, keys and users, the table of playlist requests, covers, selections."""

from __future__ import annotations

import base64
import gc
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.servers.fake_jellyfin import API_KEY, FakeJellyfin, User, large_library, make_id, small_library
from tests.servers.faulty import FaultyTransport

from audiomuse.errors import ServerError, ServerRefused, ServerUnreachable, TrackMissing
from audiomuse.model import Track
from audiomuse.servers import JellyfinServer
from audiomuse.servers.jellyfin_items import album_from, date_from, track_from
from audiomuse.servers.jellyfin_session import JellyfinSession, Login
from audiomuse.servers.local_files import PathMap
from audiomuse.servers.transport import Patience

KEY = Login(token=API_KEY)


def open_fake(
    fake: FakeJellyfin, login: Login = KEY, *, url: str = "http://nas:8096", **options: object
) -> JellyfinServer:
    client = httpx.Client(transport=httpx.WSGITransport(fake.app))
    options = {"patience": Patience(attempts=2, base_s=0), "sleep": lambda s: None, **options}
    return JellyfinServer(client, url, login, **options)  # type: ignore[arg-type]


def fake_of(version: str = "10.11.11", **options: object) -> FakeJellyfin:
    return FakeJellyfin(small_library(), version=version, **options)  # type: ignore[arg-type]


@pytest.fixture
def fake() -> FakeJellyfin:
    return fake_of()


def track_ids(fake: FakeJellyfin) -> list[str]:
    return list(fake.library.tracks)


# --- who answers, and who we are ---


@pytest.mark.parametrize(
    "answer", [{"Version": "4.8.11", "Id": "1"}, {}, [], {"ProductName": "Jellyfin Server"}]
)
def test_what_is_not_jellyfin_is_told(answer: object) -> None:
    emby = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    server = JellyfinServer(httpx.Client(transport=emby), "http://nas:8096", KEY)
    with pytest.raises(ServerRefused, match="what answers at http://nas:8096 is not Jellyfin"):
        server.identity()


def test_a_wrong_path_is_told() -> None:
    nothing = httpx.MockTransport(lambda request: httpx.Response(404))
    server = JellyfinServer(httpx.Client(transport=nothing), "http://nas", KEY)
    with pytest.raises(ServerRefused, match="there is no Jellyfin at http://nas"):
        server.identity()


def test_a_version_that_is_too_old_is_told() -> None:
    with pytest.raises(ServerRefused, match=r"Jellyfin 10\.7\.7 is too old; 10\.8 or newer is needed"):
        open_fake(fake_of("10.7.7")).identity()


@pytest.mark.parametrize("version", ["12.0.0", "13.1.0-rc2"])
def test_a_version_of_the_future_is_tried(version: str) -> None:
    server = open_fake(fake_of(version))
    assert server.identity().version == version
    assert len(list(server.albums())) == 4


def test_identity_needs_no_key(fake: FakeJellyfin) -> None:
    assert open_fake(fake, Login(token="wrong")).identity().name == "nas"


def test_only_the_one_header_is_sent_and_encoded() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400 if request.url.path == "/Users/Me" else 401)

    session = JellyfinSession(
        httpx.Client(transport=httpx.MockTransport(answer)), "http://nas", Login("a+b/c=")
    )
    with pytest.raises(ServerRefused):
        _ = session.account
    # The server URL-decodes the value: a plus sign would become a space.
    assert [request.headers["Authorization"] for request in seen] == ['MediaBrowser Token="a%2Bb%2Fc%3D"'] * 2
    assert not any("a+b" in str(request.url) for request in seen)


def test_a_revoked_key_is_told_with_where_to_get_another(fake: FakeJellyfin) -> None:
    server = open_fake(fake)
    assert list(server.albums())
    fake.keys.clear()
    with pytest.raises(ServerRefused, match=r"^401: .*create an API key under Dashboard > API Keys"):
        list(server.albums())


@pytest.mark.parametrize("token", ["two\nlines", "schlüssel"])
def test_a_token_that_cannot_be_one_is_not_sent(token: str) -> None:
    with pytest.raises(ServerRefused, match="JELLYFIN_TOKEN holds characters") as caught:
        JellyfinServer(httpx.Client(), "http://nas", Login(token=token))
    assert token not in str(caught.value)


def test_without_a_key_or_login_nothing_is_asked() -> None:
    with pytest.raises(ServerRefused, match="JELLYFIN_TOKEN is not set"):
        JellyfinServer(httpx.Client(), "http://nas", Login(username="ann"))


def test_the_only_user_need_not_be_named(fake: FakeJellyfin) -> None:
    assert list(open_fake(fake).albums())


@pytest.mark.parametrize("wanted", ["bob", "BOB", make_id("user bob"), make_id("user bob").upper()])
def test_a_user_is_found_by_name_or_id(fake: FakeJellyfin, wanted: str) -> None:
    fake.library.users.append(User("bob", "pw"))
    server = open_fake(fake, replace(KEY, user=wanted))
    publication = server.save_playlist("Mine", track_ids(fake)[:2])
    assert fake.library.playlists[publication.remote_id].owner_id == make_id("user bob")


def test_among_several_users_one_has_to_be_named(fake: FakeJellyfin) -> None:
    fake.library.users += [User("bob", "pw"), User("old", "pw", is_disabled=True)]
    with pytest.raises(ServerRefused, match=r"set JELLYFIN_USER_ID to one of: ann, bob$"):
        list(open_fake(fake).albums())


def test_a_users_token_needs_no_name_and_contradicts_another(fake: FakeJellyfin) -> None:
    token = fake.log_in("ann")
    assert list(open_fake(fake, Login(token=token, user="ann")).albums())
    with pytest.raises(ServerRefused, match="JELLYFIN_TOKEN belongs to the user 'ann', not to 'bob'"):
        list(open_fake(fake, Login(token=token, user="bob")).albums())


def test_a_password_is_exchanged_once_for_all_clients_of_a_process(fake: FakeJellyfin) -> None:
    login = Login(username="ann", password="secret of ann")
    for _ in range(3):
        assert list(open_fake(fake, login, url="http://once:8096").albums())
    assert fake.exchanges.count("POST /Users/AuthenticateByName") == 1


def test_a_login_that_ran_out_is_renewed(fake: FakeJellyfin) -> None:
    server = open_fake(fake, Login(username="ann", password="secret of ann"), url="http://renewed:8096")
    assert list(server.albums())
    fake.user_tokens.clear()
    assert list(server.albums())
    assert fake.exchanges.count("POST /Users/AuthenticateByName") == 2


def test_a_wrong_password_is_told_and_not_tried_again(fake: FakeJellyfin) -> None:
    server = open_fake(fake, Login(username="ann", password="wrong"), url="http://wrong:8096")
    with pytest.raises(ServerRefused, match="check JELLYFIN_USERNAME and JELLYFIN_PASSWORD") as caught:
        list(server.albums())
    assert "wrong:8096" not in str(caught.value)
    assert fake.exchanges.count("POST /Users/AuthenticateByName") == 1


def test_a_wrong_password_does_not_profit_from_an_earlier_right_one(fake: FakeJellyfin) -> None:
    url = "http://changed:8096"
    assert list(open_fake(fake, Login(username="ann", password="secret of ann"), url=url).albums())
    with pytest.raises(ServerRefused, match="check JELLYFIN_USERNAME"):
        list(open_fake(fake, Login(username="ann", password="typo"), url=url).albums())


def test_credentials_do_not_show(fake: FakeJellyfin) -> None:
    login = Login(token="t0ken", username="ann", password="pa55")
    assert "t0ken" not in repr(login)
    assert "pa55" not in repr(login)


# --- lists ---


@pytest.mark.parametrize(("version", "by_key"), [("10.8.13", False), ("10.8.13", True), ("12.0.0", False)])
def test_libraries_are_those_of_music(version: str, by_key: bool) -> None:
    fake = fake_of(version)
    server = open_fake(fake, KEY if by_key else Login(token=fake.log_in()))
    assert sorted(library.name for library in server.libraries()) == ["Music", "Seasonal"]
    assert fake.violations == []


def test_christmas_can_be_left_out(fake: FakeJellyfin) -> None:
    server = open_fake(fake, libraries=("music",))
    assert [album.title for album in server.albums()] == ["First light", 'Odd "names" / ünïcode 🎵', "Third"]
    assert len(list(server.all_tracks())) == 9


def test_albums_of_several_libraries_are_merged_by_date(fake: FakeJellyfin) -> None:
    server = open_fake(fake, libraries=("Seasonal", "Music"))
    assert [album.title for album in server.albums()][-1] == "Christmas"
    assert [album.title for album in server.albums(limit=1)] == ["First light"]


def test_play_counts_and_favourites_come_with_the_tracks(fake: FakeJellyfin) -> None:
    tracks = [track for track in open_fake(fake).all_tracks() if track.album == "Third"]
    by_title = {track.title: track for track in tracks}
    assert by_title["Third no. 3"].is_favorite
    assert by_title["Third no. 3"].play_count == 2
    assert by_title["Third no. 3"].last_played_at is not None
    assert by_title["Third no. 1"].play_count == 0
    assert by_title["Third no. 1"].last_played_at is None


def test_an_item_may_lack_almost_everything() -> None:
    track = track_from({"Id": "1"})
    assert (track.title, track.artist, track.album_id, track.duration_s, track.suffix) == (
        "",
        None,
        None,
        None,
        None,
    )
    assert album_from({"Id": "1", "Name": "x", "Artists": []}).artist is None


def test_fields_of_old_and_new_versions_are_read() -> None:
    track = track_from(
        {
            "Id": "1", "Name": "Song", "RunTimeTicks": 2451234560, "Container": "mov,mp4,m4a",
            "AlbumArtists": [{"Name": "A", "Id": "9"}], "ProviderIds": {"MusicBrainzTrack": "mb"},
            "MediaSources": [{"Size": 7, "Path": "C:\\Music\\a.FLAC"}],
        }
    )  # fmt: skip
    assert track.duration_s == pytest.approx(245.123456)
    assert (track.artist, track.album_artist, track.musicbrainz_recording_id) == ("A", "A", "mb")
    assert (track.path, track.suffix, track.size_bytes) == ("C:\\Music\\a.FLAC", "flac", 7)
    assert track_from({"Id": "1", "Container": "mov,mp4,m4a"}).suffix == "mov"
    assert date_from("2026-11-22T13:33:21.1234567Z").isoformat() == "2026-11-22T13:33:21.123456+00:00"  # type: ignore[union-attr]
    assert date_from("soon") is None


def test_a_long_library_is_listed_in_one_pass_with_bounded_memory() -> None:
    fake = FakeJellyfin(large_library(2000, 12))
    server = open_fake(fake)
    seen_albums = sum(1 for _ in server.albums())
    n_before = n_songs_in_memory()  # of other tests
    held: list[int] = []
    for n_seen, _ in enumerate(server.all_tracks(), start=1):
        if n_seen in (250, 12_250, 23_750):  # in the middle of a page
            held.append(n_songs_in_memory() - n_before)
    assert (seen_albums, n_seen) == (2000, 24_000)
    assert max(held) <= 502  # one page, and the song in hand
    pages = [exchange for exchange in fake.exchanges if exchange == "GET /Items"]
    assert len(pages) == 2000 / 200 + 1 + 24_000 / 500 + 1
    assert not [exchange for exchange in fake.exchanges if "Download" in exchange or "File" in exchange]


def n_songs_in_memory() -> int:
    """Count tracks, as values of ours and as items of an answer."""
    gc.collect()
    return sum(
        type(thing) is Track or (type(thing) is dict and "RunTimeTicks" in thing)
        for thing in gc.get_objects()
    )


def test_an_album_of_five_thousand_tracks_is_read(fake: FakeJellyfin) -> None:
    fake = FakeJellyfin(large_library(1, 5000))
    server = open_fake(fake)
    (album,) = server.albums()
    tracks = server.tracks(album.id)
    assert [track.title for track in tracks] == [f"Song {number}" for number in range(1, 5001)]


# --- audio ---


def test_where_downloading_is_forbidden_the_file_itself_is_asked_for(
    fake: FakeJellyfin, tmp_path: Path
) -> None:
    fake.library.users[0].may_download = False
    server = open_fake(fake, Login(token=fake.log_in()))
    first, second, *_ = server.all_tracks()
    for track in (first, second):
        with server.open_audio(track, tmp_path) as audio:
            assert audio.path.read_bytes() == fake.library.tracks[track.id].audio
    ways = [exchange.rpartition("/")[2] for exchange in fake.exchanges if "GET /Items/" in exchange]
    assert ways == ["Download", "File", "File"]  # the refusal is remembered


def test_playing_leaves_no_download_in_the_activity_log(fake: FakeJellyfin) -> None:
    server = open_fake(fake)
    track = next(server.all_tracks())
    assert b"".join(server.stream_audio(track)) == fake.library.tracks[track.id].audio
    assert not [exchange for exchange in fake.exchanges if exchange.endswith("/Download")]


def test_audio_that_is_given_to_nobody_is_missing(fake: FakeJellyfin, tmp_path: Path) -> None:
    server = open_fake(fake)
    track = next(server.all_tracks())
    network = FaultyTransport(httpx.WSGITransport(fake.app), "forbidden", 3, times=99)
    barred = JellyfinServer(httpx.Client(transport=network), "http://nas", KEY)
    assert barred.libraries()
    with (
        pytest.raises(TrackMissing, match="does not give it to this account"),
        barred.open_audio(track, tmp_path),
    ):
        pass


def test_one_file_that_the_server_cannot_read_does_not_end_the_run(
    fake: FakeJellyfin, tmp_path: Path
) -> None:
    server = open_fake(fake)
    broken, sound, *_ = server.all_tracks()
    real_file = fake.file

    def unreadable(itemId: str) -> object:
        return ("Error processing request.", 500) if itemId == broken.id else real_file(itemId)

    for way in ("Download", "File"):
        fake.app.view_functions[f"GET /Items/<itemId>/{way}"] = unreadable
    with pytest.raises(TrackMissing, match="Jellyfin cannot read it"), server.open_audio(broken, tmp_path):
        pass
    with server.open_audio(sound, tmp_path) as audio:
        assert audio.path.exists()


def test_a_mounted_library_is_read_without_download(fake: FakeJellyfin, tmp_path: Path) -> None:
    track_id = track_ids(fake)[0]
    file = tmp_path / "mnt" / "First light" / "01.wav"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"local")
    fake.library.tracks[track_id].path = "/music/First light/01.wav"
    server = open_fake(fake, path_map=PathMap.parse(f"/music={tmp_path / 'mnt'}"))
    track = next(track for track in server.all_tracks() if track.id == track_id)
    with server.open_audio(track, tmp_path / "never") as audio:
        assert (audio.path, audio.temporary) == (file, False)
    assert file.exists()
    assert not (tmp_path / "never").exists()


def test_a_picture_comes_without_a_key_in_its_address(fake: FakeJellyfin) -> None:
    server = open_fake(fake)
    cover = server.cover(make_id("album Alma First light"))
    assert cover is not None
    assert cover.content_type == "image/jpeg"
    assert server.cover(make_id("album Choir Christmas")) is None


# --- playlists: the table of 10.8 to 12 ---


@pytest.mark.parametrize(
    ("version", "by_key", "keeps_its_id"),
    [
        ("10.8.13", True, False), ("10.8.13", False, False),
        ("10.9.11", True, False), ("10.9.11", False, True),
        ("10.10.7", True, False), ("10.10.7", False, True),
        ("10.11.11", True, True), ("10.11.11", False, True),
        ("12.0.0", True, True), ("12.0.0", False, True),
    ],
)  # fmt: skip
def test_a_playlist_keeps_its_id_where_the_version_allows(
    version: str, by_key: bool, keeps_its_id: bool
) -> None:
    fake = fake_of(version)
    server = open_fake(fake, KEY if by_key else Login(token=fake.log_in()))
    ids = track_ids(fake)
    old = server.save_playlist("Evening", ids[:5])
    new = server.save_playlist("Evening", ids[3:9], publication=old)
    assert (new.remote_id == old.remote_id) is keeps_its_id
    assert fake.library.playlists[new.remote_id].track_ids == ids[3:9]
    assert fake.violations == []


@pytest.mark.parametrize("version", ["10.8.13", "10.9.11", "12.0.0"])
def test_a_new_playlist_is_private(version: str) -> None:
    fake = fake_of(version)
    publication = open_fake(fake).save_playlist("Evening", track_ids(fake))
    assert not fake.library.playlists[publication.remote_id].is_public


def test_a_playlist_that_its_owner_made_public_stays_public(fake: FakeJellyfin) -> None:
    server = open_fake(fake, Login(token=fake.log_in()))
    publication = server.save_playlist("Evening", track_ids(fake)[:3])
    fake.library.playlists[publication.remote_id].is_public = True
    server.save_playlist("Evening", track_ids(fake)[3:], publication=publication)
    assert fake.library.playlists[publication.remote_id].is_public


def test_addresses_stay_short(fake: FakeJellyfin) -> None:
    longest = 0

    class Measuring(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal longest
            longest = max(longest, len(str(request.url)))
            return httpx.WSGITransport(fake.app).handle_request(request)

    fake.library = large_library(3, 100)
    server = JellyfinServer(httpx.Client(transport=Measuring()), "http://nas", KEY)
    ids = track_ids(fake)
    old = server.save_playlist("Evening", ids[:250])
    server.save_playlist("Evening", ids[:40:-1], publication=old)
    assert longest < 3_700


@pytest.mark.parametrize("by_key", [True, False])
def test_a_write_that_the_server_did_half_is_noticed_and_done_again(fake: FakeJellyfin, by_key: bool) -> None:
    server = open_fake(fake, KEY if by_key else Login(token=fake.log_in()))
    ids = track_ids(fake)
    fake.forgotten_ids = 3
    old = server.save_playlist("Evening", ids[:7])
    assert fake.library.playlists[old.remote_id].track_ids == ids[:7]
    fake.forgotten_ids = 2
    new = server.save_playlist("Evening", ids[4:], publication=old)
    assert fake.library.playlists[new.remote_id].track_ids == ids[4:]
    assert [list_.name for list_ in fake.library.playlists.values()].count("Evening") == 1


def test_a_server_that_never_stores_it_whole_is_told_and_keeps_the_old_one() -> None:
    class Forgetful(FakeJellyfin):
        def _append(self, playlist: object, ids: list[str]) -> None:
            super()._append(playlist, ids[:2])  # type: ignore[arg-type]

    fake = Forgetful(small_library(), version="10.10.7")
    server = open_fake(fake)
    ids = track_ids(fake)
    old = server.save_playlist("Evening", ids[:2])
    with pytest.raises(ServerUnreachable, match="did not store the playlist 'Evening' as sent, twice"):
        server.save_playlist("Evening", ids[:3], publication=old)
    assert fake.library.playlists[old.remote_id].track_ids == ids[:2]
    assert [list_.name for list_ in fake.library.playlists.values()].count("Evening") == 1


def test_tracks_that_somebody_added_twice_are_noticed(fake: FakeJellyfin) -> None:
    server = open_fake(fake)
    ids = track_ids(fake)
    publication = server.save_playlist("Evening", ids[:2])
    fake.library.playlists[publication.remote_id].entries.append((ids[0], ids[0]))
    again = server.save_playlist("Evening", ids[:2], publication=publication)
    assert fake.library.playlists[again.remote_id].track_ids == ids[:2]


@pytest.mark.parametrize("remote_id", ["../Users", "", "ABC", "0" * 31])
def test_an_id_that_is_none_is_never_sent(fake: FakeJellyfin, remote_id: str) -> None:
    server = open_fake(fake)
    publication = server.save_playlist("Evening", track_ids(fake))
    fake.exchanges.clear()
    with pytest.raises(ServerRefused, match="left alone"):
        server.delete_playlist(replace(publication, remote_id=remote_id))
    assert fake.exchanges == []


@pytest.mark.parametrize("kind", ["album", "track"])
def test_media_is_never_deleted_even_if_a_record_says_so(fake: FakeJellyfin, kind: str) -> None:
    server = open_fake(fake)
    publication = server.save_playlist("Evening", track_ids(fake))
    remote_id = next(iter(fake.library.albums if kind == "album" else fake.library.tracks))
    with pytest.raises(ServerRefused, match="not a playlist; it is left alone"):
        server.delete_playlist(replace(publication, remote_id=remote_id))
    with pytest.raises(ServerRefused, match="left alone"):
        server.save_playlist(
            "Evening", track_ids(fake), publication=replace(publication, remote_id=remote_id)
        )
    assert fake.deleted_media == []
    assert not [exchange for exchange in fake.exchanges if exchange.startswith("DELETE")]


def test_a_cover_is_sent_as_base64_after_the_tracks(fake: FakeJellyfin) -> None:
    picture = b"\x89PNG\r\n picture"
    publication = open_fake(fake).save_playlist("Evening", track_ids(fake), cover=picture)
    assert fake.library.playlists[publication.remote_id].cover == ("image/png", picture)
    assert fake.exchanges[-1].startswith("POST /Items/")
    assert base64.b64encode(picture) != picture


def test_a_user_who_may_not_set_covers_gets_the_playlist_without(
    fake: FakeJellyfin, caplog: pytest.LogCaptureFixture
) -> None:
    fake.library.users.append(User("bob", "pw"))
    server = open_fake(fake, Login(token=fake.log_in("bob")))
    publication = server.save_playlist("Evening", track_ids(fake), cover=b"\xff\xd8")
    assert fake.library.playlists[publication.remote_id].cover is None
    assert "published without its cover: 403: Jellyfin forbids this to bob" in caplog.text


def test_a_replacement_that_cannot_remove_the_old_one_is_taken_back(fake: FakeJellyfin) -> None:
    fake = fake_of("10.10.7")
    server = open_fake(fake)
    ids = track_ids(fake)
    old = server.save_playlist("Evening", ids[:3])
    real_delete = fake.app.view_functions["DELETE /Items/<itemId>"]

    def refuse_the_old_one(itemId: str) -> object:
        return ("", 403) if itemId == old.remote_id else real_delete(itemId=itemId)

    fake.app.view_functions["DELETE /Items/<itemId>"] = refuse_the_old_one
    with pytest.raises(ServerError, match="403"):
        server.save_playlist("Evening", ids[3:], publication=old)
    named = [list_ for list_ in fake.library.playlists.values() if list_.name == "Evening"]
    assert [(list_.id, list_.track_ids) for list_ in named] == [(old.remote_id, ids[:3])]
