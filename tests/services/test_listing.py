"""Listing: what is new, what is gone, what is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.services.fakes import features, songs

from audiomuse.audio import FEATURES_VERSION
from audiomuse.servers import MemoryServer
from audiomuse.services.listing import list_library
from audiomuse.storage import open_music_store


@pytest.fixture
def music(sqlite_settings):
    with open_music_store(sqlite_settings) as store:
        yield store


def listed(music, tracks, *, albums=0, name="memory"):
    found = list_library(MemoryServer(tracks, name=name), music, FEATURES_VERSION, num_recent_albums=albums)
    assert found is not None
    return found


def test_everything_is_due_the_first_time(music):
    found = listed(music, songs(7))
    assert (found.tracks, found.new, len(found.due), found.known) == (7, 7, 7, 0)


def test_a_heard_song_is_known(music):
    tracks = songs(3)
    listed(music, tracks)
    music.features.save("t001", features())
    assert [track.id for track in listed(music, tracks).due] == ["t000", "t002"]


def test_a_song_that_is_gone_is_hidden_and_keeps_what_was_heard(music):
    tracks = songs(3)
    listed(music, tracks)
    music.features.save("t002", features())
    assert listed(music, tracks[:2]).gone == 1
    assert music.tracks.present_ids() == ["t000", "t001"]
    assert listed(music, tracks).known == 1


def test_a_listing_of_the_newest_albums_hides_nothing(music):
    tracks = songs(20, per_album=5)
    listed(music, tracks)
    assert listed(music, tracks, albums=1).gone == 0


def test_a_listing_with_fewer_albums_than_its_limit_was_complete(music):
    tracks = songs(20, per_album=5)
    listed(music, tracks)
    assert listed(music, tracks[:10], albums=100).gone == 10


def test_a_failed_song_is_due_again_when_its_file_changes(music):
    tracks = songs(2)
    listed(music, tracks)
    music.failures.record("t001", kind="corrupt", message="broken", features_version=FEATURES_VERSION)
    assert listed(music, tracks).given_up == 1
    mended = [tracks[0], replace(tracks[1], modified_at=datetime(2026, 1, 1, tzinfo=UTC))]
    assert [track.id for track in listed(music, mended).due] == ["t000", "t001"]


def test_the_songs_of_another_server_are_hidden(music):
    listed(music, songs(2), name="old")
    other = [replace(track, id=f"x{track.id}") for track in songs(3)]
    listed(music, other, name="new")
    assert music.tracks.present_ids() == ["xt000", "xt001", "xt002"]


def test_a_listing_stops_when_told_to(music):
    server = MemoryServer(songs(3))
    stopped = list_library(server, music, FEATURES_VERSION, num_recent_albums=0, should_stop=lambda: True)
    assert stopped is None
