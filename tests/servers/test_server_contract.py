"""What `MediaServer` promises, on every server that we have."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.servers.music import ALBUMS, MANY, N_MANY
from tests.servers.stands import Stand, without_optional

from audiomuse.errors import ParameterError, ServerRefused, TrackMissing
from audiomuse.model import Publication, Track
from audiomuse.servers import MediaServer


@pytest.fixture
def server(stand: Stand) -> MediaServer:
    return stand.open()


def songs_of(server: MediaServer, album_title: str) -> list[Track]:
    album = next(album for album in server.albums() if album.title == album_title)
    return server.tracks(album.id)


def ids_of(server: MediaServer, album_title: str) -> list[str]:
    return [track.id for track in songs_of(server, album_title)]


# --- listing ---


def test_a_server_says_who_it_is_and_stays_the_same(stand: Stand) -> None:
    info = stand.open().identity()
    assert info.id.partition(":")[0] in ("memory", "folder", "jellyfin", "subsonic")
    assert info.product
    assert stand.open().identity() == info


def test_albums_come_once_and_newest_first(server: MediaServer) -> None:
    albums = list(server.albums())
    assert {album.title for album in albums} == {*ALBUMS, MANY}
    assert len({album.id for album in albums}) == len(albums) == 5
    dates = [album.added_at for album in albums if album.added_at]
    assert dates == sorted(dates, reverse=True)


def test_a_limit_takes_the_newest_albums(server: MediaServer) -> None:
    assert list(server.albums(limit=2)) == list(server.albums())[:2]


def test_an_album_has_its_tracks_in_order(server: MediaServer) -> None:
    for title, artist in ALBUMS.items():
        tracks = songs_of(server, title)
        assert [track.title for track in tracks] == [f"{title} no. {number}" for number in (1, 2, 3)]
        assert {track.artist for track in tracks} == {artist}
        assert {track.album for track in tracks} == {title}


def test_a_track_knows_its_file(server: MediaServer) -> None:
    track = songs_of(server, "Third")[0]
    assert track.suffix == "flac"
    assert track.size_bytes is not None
    assert track.size_bytes > 100


def test_an_unknown_album_has_no_tracks(stand: Stand, server: MediaServer) -> None:
    assert server.tracks(stand.unknown_id) == []


def test_all_tracks_come_once(server: MediaServer) -> None:
    tracks = list(server.all_tracks())
    by_album = [track.id for album in server.albums() for track in server.tracks(album.id)]
    assert len(tracks) == len(by_album) == 12 + N_MANY
    assert {track.id for track in tracks} == set(by_album)


def test_a_chosen_library_is_listed(stand: Stand) -> None:
    name = stand.library_name()
    assert name in [library.name for library in stand.open().libraries()]
    chosen = stand.open(libraries=(name,))
    assert 0 < len(list(chosen.albums())) <= 5
    assert {track.album_id for track in chosen.all_tracks()} == {album.id for album in chosen.albums()}


def test_a_library_that_does_not_exist_is_named(stand: Stand) -> None:
    server = stand.open(libraries=("Audiobooks",))
    if server.identity().product == "memory":
        pytest.skip("memory has one library")
    with pytest.raises(ServerRefused, match="MUSIC_LIBRARIES names 'Audiobooks'"):
        list(server.albums())


# --- audio ---


def test_opened_audio_is_the_original_and_leaves_nothing_behind(
    server: MediaServer, music: Path, tmp_path: Path
) -> None:
    originals = {file.read_bytes() for file in music.rglob("0[123].flac")}
    into = tmp_path / "downloads"
    for track in songs_of(server, 'Odd "names" & ünïcode 🎵'):
        with server.open_audio(track, into) as audio:
            assert audio.path.read_bytes() in originals
            assert audio.path.suffix == ".flac"
            assert audio.temporary == (audio.path.parent == into)
    assert not into.exists() or list(into.iterdir()) == []


def test_audio_opens_for_a_track_that_a_record_kept(server: MediaServer, tmp_path: Path) -> None:
    track = songs_of(server, "Third")[1]
    with server.open_audio(without_optional(track), tmp_path) as audio:
        assert audio.path.stat().st_size == track.size_bytes


def test_lost_audio_is_missing_not_an_end_of_the_run(
    stand: Stand, server: MediaServer, tmp_path: Path
) -> None:
    lost, other, *_ = songs_of(server, "Third")
    stand.lose_audio(lost)
    with pytest.raises(TrackMissing), server.open_audio(lost, tmp_path / "downloads"):
        pass
    with pytest.raises(TrackMissing):
        server.stream_audio(lost)
    with server.open_audio(other, tmp_path / "downloads") as audio:
        assert audio.path.exists()


def test_a_player_gets_the_whole_and_any_range(server: MediaServer, tmp_path: Path) -> None:
    track = songs_of(server, "First light")[0]
    with server.open_audio(track, tmp_path) as audio:
        data = audio.path.read_bytes()
    with server.stream_audio(track) as stream:
        assert stream.status == 200
        assert b"".join(stream) == data
        assert stream.headers["Content-Type"].startswith("audio/")
    with server.stream_audio(track, "bytes=10-49") as stream:
        assert stream.status == 206
        assert b"".join(stream) == data[10:50]
        assert stream.headers["Content-Range"] == f"bytes 10-49/{len(data)}"
    with server.stream_audio(track, "bytes=-7") as stream:
        assert b"".join(stream) == data[-7:]
    with server.stream_audio(track, f"bytes={len(data)}-") as stream:
        assert stream.status == 416


def test_a_cover_is_a_picture_or_nothing(server: MediaServer) -> None:
    for album in server.albums():
        cover = server.cover(album.id)
        assert cover is None or cover.content_type.startswith("image/")


# --- playlists ---


def test_a_new_playlist_holds_exactly_the_tracks_in_order(stand: Stand, server: MediaServer) -> None:
    wanted = list(reversed(ids_of(server, "Third"))) + ids_of(server, "First light")
    publication = server.save_playlist("Evening_automatic", wanted)
    assert stand.held() == {publication.remote_id: ("Evening_automatic", wanted)}
    assert publication.track_ids == tuple(wanted)
    assert publication.server == server.identity().id
    assert publication.remote_id in [playlist.id for playlist in server.playlists()]


def test_replacing_leaves_one_playlist_with_the_new_tracks(stand: Stand) -> None:
    old = stand.open().save_playlist("Evening", ids_of(stand.open(), "Third"))
    wanted = ids_of(stand.open(), "Third")[:1] + ids_of(stand.open(), "Christmas")
    new = stand.open().save_playlist("Evening", wanted, publication=old)
    assert stand.held() == {new.remote_id: ("Evening", wanted)}


def test_renaming_leaves_one_playlist_under_the_new_name(stand: Stand, server: MediaServer) -> None:
    wanted = ids_of(server, "Third")
    old = server.save_playlist("Evening", wanted)
    new = server.save_playlist("Night / 'drift' 🌙", wanted, publication=old)
    assert stand.held() == {new.remote_id: ("Night / 'drift' 🌙", wanted)}


def test_many_tracks_are_saved_and_replaced(stand: Stand, server: MediaServer) -> None:
    wanted = ids_of(server, MANY)
    assert len(wanted) == N_MANY
    old = server.save_playlist("Many", wanted[: N_MANY // 2])
    new = server.save_playlist("Many", wanted[::-1], publication=old)
    assert stand.held() == {new.remote_id: ("Many", wanted[::-1])}


def test_saving_the_same_again_changes_nothing(stand: Stand, server: MediaServer) -> None:
    wanted = ids_of(server, "Third")
    first = server.save_playlist("Evening", wanted)
    second = server.save_playlist("Evening", wanted, publication=first)
    assert second.remote_id == first.remote_id
    assert stand.held() == {first.remote_id: ("Evening", wanted)}


def test_of_a_repeated_track_the_first_counts(stand: Stand, server: MediaServer) -> None:
    a, b, c = ids_of(server, "Third")
    publication = server.save_playlist("Evening", [a, b, a, c, b])
    assert stand.held() == {publication.remote_id: ("Evening", [a, b, c])}


def test_tracks_that_the_server_lost_are_left_out_and_reported(stand: Stand, server: MediaServer) -> None:
    a, b, c = ids_of(server, "Third")
    publication = server.save_playlist("Evening", [a, stand.unknown_id, b])
    assert publication.track_ids == (a, b)
    again = server.save_playlist("Evening", [stand.unknown_id, c], publication=publication)
    assert again.track_ids == (c,)
    assert stand.held() == {again.remote_id: ("Evening", [c])}


def test_a_playlist_of_lost_tracks_only_is_not_made(stand: Stand, server: MediaServer) -> None:
    with pytest.raises(TrackMissing):
        server.save_playlist("Evening", [stand.unknown_id])
    assert stand.held() == {}


def test_a_playlist_of_lost_tracks_only_does_not_cost_the_old_one(stand: Stand, server: MediaServer) -> None:
    wanted = ids_of(server, "Third")
    publication = server.save_playlist("Evening", wanted)
    with pytest.raises(TrackMissing):
        server.save_playlist("Evening", [stand.unknown_id], publication=publication)
    assert stand.held() == {publication.remote_id: ("Evening", wanted)}


def test_a_playlist_that_its_owner_deleted_is_made_anew(stand: Stand, server: MediaServer) -> None:
    wanted = ids_of(server, "Third")
    publication = server.save_playlist("Evening", wanted)
    stand.remove_playlist(publication.remote_id)
    again = server.save_playlist("Evening", wanted, publication=publication)
    assert stand.held() == {again.remote_id: ("Evening", wanted)}


def test_playlists_of_other_people_are_never_touched(stand: Stand, server: MediaServer) -> None:
    tracks = ids_of(server, "Christmas")
    foreign = {stand.put_playlist(name, tracks): (name, tracks) for name in ("Evening", "Road trip")}
    publication = server.save_playlist("Evening", ids_of(server, "Third"))
    publication = server.save_playlist("Evening", ids_of(server, "First light"), publication=publication)
    assert {id_: held for id_, held in stand.held().items() if id_ in foreign} == foreign
    server.delete_playlist(publication)
    assert stand.held() == foreign


def test_deleting_removes_ours_and_may_be_repeated(stand: Stand, server: MediaServer) -> None:
    kept = server.save_playlist("Kept", ids_of(server, "Third"))
    publication = server.save_playlist("Evening", ids_of(server, "Third"))
    server.delete_playlist(publication)
    server.delete_playlist(publication)
    assert list(stand.held()) == [kept.remote_id]


def test_what_was_published_elsewhere_is_left_alone(stand: Stand, server: MediaServer) -> None:
    publication = server.save_playlist("Evening", ids_of(server, "Third"))
    elsewhere = replace(publication, server="jellyfin:another")
    with pytest.raises(ParameterError, match="was published on jellyfin:another"):
        server.delete_playlist(elsewhere)
    with pytest.raises(ParameterError):
        server.save_playlist("Evening", ids_of(server, "Christmas"), publication=elsewhere)
    assert list(stand.held()) == [publication.remote_id]


def test_a_track_is_never_deleted_as_a_playlist(stand: Stand, server: MediaServer) -> None:
    track = songs_of(server, "Third")[0]
    publication = server.save_playlist("Evening", [track.id])
    # Refused, or simply not found among the playlists; the fake notes every harm.
    with contextlib.suppress(ServerRefused):
        server.delete_playlist(replace(publication, remote_id=track.id))
    assert track in songs_of(server, "Third")


def test_an_empty_playlist_is_not_published(stand: Stand, server: MediaServer) -> None:
    with pytest.raises(ParameterError, match="no tracks"):
        server.save_playlist("Evening", [])
    with pytest.raises(ParameterError, match="name"):
        server.save_playlist(" ", ids_of(server, "Third"))
    assert stand.held() == {}


def test_each_creation_is_reported_before_the_end(stand: Stand, server: MediaServer) -> None:
    created: list[Publication] = []
    first = server.save_playlist("Evening", ids_of(server, "Third"), on_created=created.append)
    assert [publication.remote_id for publication in created] == [first.remote_id]
    second = server.save_playlist(
        "Evening", ids_of(server, "Christmas"), publication=first, on_created=created.append
    )
    assert second.remote_id in [publication.remote_id for publication in created]
    for leftover in created:
        if leftover.remote_id != second.remote_id:
            server.delete_playlist(leftover)
    assert list(stand.held()) == [second.remote_id]


def test_what_an_interrupted_save_made_is_found_again(stand: Stand, server: MediaServer) -> None:
    wanted = ids_of(server, "Third")
    stand.put_playlist("Evening", wanted[:2])
    assert server.recover_playlist("Evening", wanted) is None
    lost = server.save_playlist("Evening", wanted)
    found = server.recover_playlist("Evening", wanted)
    assert found is not None
    assert (found.remote_id, found.track_ids) == (lost.remote_id, tuple(wanted))
    assert server.recover_playlist("Evening", wanted[::-1]) is None


def test_a_cover_never_costs_the_playlist(stand: Stand, server: MediaServer) -> None:
    wanted = ids_of(server, "Third")
    publication = server.save_playlist("Evening", wanted, cover=b"\xff\xd8\xff\xe0 a picture of sorts")
    assert stand.held() == {publication.remote_id: ("Evening", wanted)}
