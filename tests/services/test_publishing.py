"""Publishing: the server holds exactly our playlists, whatever is interrupted, and nobody else's change."""

from __future__ import annotations

import pytest
from tests.services.fakes import songs

from audiomuse.errors import ServerUnreachable
from audiomuse.model import Playlist, PlaylistEntry
from audiomuse.servers import MemoryServer
from audiomuse.services.publishing import publish_playlists, unpublish_playlist
from audiomuse.storage import open_music_store

TRACKS = songs(12)


@pytest.fixture
def music(any_settings):
    with open_music_store(any_settings) as store:
        yield store


@pytest.fixture
def server():
    fresh = MemoryServer(TRACKS)
    fresh.held["foreign"] = ("mine_automatic", ("t000", "t001"))
    return fresh


def playlist(name, *numbers, playlist_id=None):
    entries = tuple(PlaylistEntry(f"t{number:03d}") for number in numbers)
    return Playlist(id=playlist_id or name.lower(), name=name, entries=entries)


def publish(server, music, *playlists, complete=True):
    return publish_playlists(server, music, playlists, suffix="_automatic", complete=complete)


def ours(server):
    return {name: tracks for key, (name, tracks) in server.held.items() if key != "foreign"}


def test_playlists_are_there_with_their_songs_in_order(server, music):
    report = publish(server, music, playlist("Calm", 3, 1, 2), playlist("Loud", 5, 4))
    assert report.published == ("Calm_automatic", "Loud_automatic")
    assert ours(server) == {
        "Calm_automatic": ("t003", "t001", "t002"),
        "Loud_automatic": ("t005", "t004"),
    }


def test_a_second_run_replaces_ours_and_leaves_a_foreign_one_of_the_same_style_alone(server, music):
    publish(server, music, playlist("Calm", 1, 2), playlist("Loud", 5))
    report = publish(server, music, playlist("Calm", 2, 3))
    assert ours(server) == {"Calm_automatic": ("t002", "t003")}
    assert report.deleted == ("Loud_automatic",)
    assert server.held["foreign"] == ("mine_automatic", ("t000", "t001"))


def test_a_list_named_like_a_foreign_one_gets_a_place_of_its_own(server, music):
    publish(server, music, playlist("mine", 7))
    assert server.held["foreign"] == ("mine_automatic", ("t000", "t001"))
    assert ours(server) == {"mine_automatic": ("t007",)}


def test_a_renamed_list_is_renamed_on_the_server(server, music):
    publish(server, music, playlist("Calm", 1, playlist_id="p"))
    publish(server, music, playlist("Quiet", 1, playlist_id="p"))
    assert ours(server) == {"Quiet_automatic": ("t001",)}


def test_publishing_one_list_leaves_the_others(server, music):
    publish(server, music, playlist("Calm", 1), playlist("Loud", 5))
    publish(server, music, playlist("Calm", 2), complete=False)
    assert ours(server) == {"Calm_automatic": ("t002",), "Loud_automatic": ("t005",)}


def test_songs_that_the_server_no_longer_knows_are_told(server, music):
    report = publish(server, music, playlist("Calm", 1, 999), playlist("Gone", 998))
    assert ours(server) == {"Calm_automatic": ("t001",)}
    assert len(report.short) == 2


def test_a_list_can_be_taken_off_the_server(server, music):
    publish(server, music, playlist("Calm", 1), playlist("Loud", 5))
    unpublish_playlist(server, music, "calm")
    assert ours(server) == {"Loud_automatic": ("t005",)}
    unpublish_playlist(server, music, "calm")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_a_list_is_created_leaves_no_second_one(server, music, moment):
    class Killed(BaseException):
        pass

    save = server.save_playlist

    def dying(name, tracks, **options):
        if moment == "after":
            save(name, tracks, publication=None, cover=None, on_created=None)
        raise Killed

    server.save_playlist = dying
    with pytest.raises(Killed):
        publish(server, music, playlist("Calm", 1, 2))
    server.save_playlist = save
    publish(server, music, playlist("Calm", 1, 2))
    assert [name for name, _ in server.held.values()].count("Calm_automatic") == 1


def test_what_was_published_before_the_server_went_away_is_known(server, music):
    save = server.save_playlist

    def away(name, tracks, **options):
        if name.startswith("Loud"):
            raise ServerUnreachable("503: the server is starting")
        return save(name, tracks, **options)

    server.save_playlist = away
    with pytest.raises(ServerUnreachable):
        publish(server, music, playlist("Calm", 1), playlist("Loud", 5))
    server.save_playlist = save
    publish(server, music, playlist("Calm", 2), playlist("Loud", 5))
    assert ours(server) == {"Calm_automatic": ("t002",), "Loud_automatic": ("t005",)}


def test_a_new_version_that_failed_half_way_never_takes_the_place_of_the_old_one(server, music):
    publish(server, music, playlist("Calm", 1, 2), playlist("Loud", 5))
    save = server.save_playlist

    def half_way(name, tracks, *, publication, cover, on_created):
        on_created(save(name, tracks[:1], publication=None, cover=None, on_created=None))
        raise ServerUnreachable("502: the proxy gave up")

    server.save_playlist = half_way
    with pytest.raises(ServerUnreachable):
        publish(server, music, playlist("Calm", 3, 4))
    server.save_playlist = save
    unpublish_playlist(server, music, "loud")
    assert ours(server) == {"Calm_automatic": ("t001", "t002")}
