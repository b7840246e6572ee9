"""The analysis job: one bad song costs itself, a kill costs nothing, and nobody hears a song twice."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from tests.services.fakes import QUICK, ToldListener, given_out, songs, sounds, wait_until

from audiomuse.errors import JobConflict, ParameterError, ServerRefused, SettingsError
from audiomuse.model import JobState
from audiomuse.servers import MemoryServer
from audiomuse.services.app import Services, open_services


@pytest.fixture
def listener():
    return ToldListener()


@contextmanager
def services_on(settings, server, listener):
    with open_services(settings, timing=QUICK, server=server, new_listener=listener.another) as services:
        yield services


def analyse(services: Services, **parameters):
    job = services.start_analysis(**parameters)
    return services.engine.run_to_end(job.id, every_s=0.02)


def test_every_song_is_heard_and_kept(any_settings, listener):
    tracks = songs(12)
    with services_on(any_settings, MemoryServer(tracks, sounds(tracks)), listener) as services:
        ended = analyse(services)
        assert ended.state is JobState.SUCCESS
        assert ended.result["songs"]["analysed"] == 12
        assert services.music.features.count(services.features_version) == 12
        assert len(services.library().songs) == 12


def test_one_bad_song_is_named_with_its_reason_and_the_rest_is_heard(any_settings, listener):
    tracks = songs(6)
    with services_on(any_settings, MemoryServer(tracks, sounds(tracks, bad=["t003"])), listener) as services:
        ended = analyse(services)
        assert ended.state is JobState.SUCCESS
        assert ended.result["songs"]["failed"] == 1
        (failure,) = services.music.failures.all()
        assert (failure.track_id, failure.kind) == ("t003", "not-audio")


def test_a_song_that_the_server_lost_is_named_missing(sqlite_settings, listener):
    tracks = songs(3)
    audio = {track.id: b"x" for track in tracks[:2]}
    with services_on(sqlite_settings, MemoryServer(tracks, audio), listener) as services:
        assert analyse(services).state is JobState.SUCCESS
        (failure,) = services.music.failures.all()
        assert (failure.track_id, failure.kind) == ("t002", "missing")


def test_a_song_that_was_missing_is_looked_for_again(sqlite_settings, listener):
    tracks = songs(3)
    away = {track.id: b"x" for track in tracks[:2]}
    with services_on(sqlite_settings, MemoryServer(tracks, away), listener) as services:
        analyse(services)
    with services_on(sqlite_settings, MemoryServer(tracks, sounds(tracks)), listener) as services:
        assert analyse(services).result["songs"]["analysed"] == 1
        assert services.music.failures.count() == 0


def test_a_second_run_hears_only_what_is_new(sqlite_settings, listener):
    first, more = songs(5), songs(8)
    with services_on(sqlite_settings, MemoryServer(first, sounds(first)), listener) as services:
        analyse(services)
    with services_on(sqlite_settings, MemoryServer(more, sounds(more)), listener) as services:
        result = analyse(services).result["songs"]
        assert (result["known"], result["analysed"]) == (5, 3)
    assert sorted(listener.heard) == sorted(track.id for track in more)


def test_a_failed_song_is_tried_again_only_on_demand(sqlite_settings, listener):
    tracks = songs(3)
    with services_on(
        sqlite_settings, MemoryServer(tracks, sounds(tracks, bad=["t001"])), listener
    ) as services:
        analyse(services)
        assert analyse(services).result["songs"]["given_up"] == 1
        assert analyse(services, retry_failed=True).result["songs"]["failed"] == 1


def test_only_the_newest_albums_are_heard_when_asked_so(sqlite_settings, listener):
    tracks = songs(20, per_album=5)
    with services_on(sqlite_settings, MemoryServer(tracks, sounds(tracks)), listener) as services:
        assert analyse(services, num_recent_albums=2).result["songs"]["listed"] == 10
        assert analyse(services, num_recent_albums=0).result["songs"]["listed"] == 20


def test_a_stopped_run_goes_on_with_the_songs_that_are_missing(sqlite_settings, listener):
    tracks = songs(10)
    with services_on(sqlite_settings, MemoryServer(tracks, sounds(tracks)), listener) as services:
        job = services.start_analysis()
        with given_out(services.engine.store, 5) as all_are_given_out:  # the listing, and four songs
            half = services.engine.run_to_end(job.id, every_s=0.02, should_stop=all_are_given_out)
        assert not half.state.is_final
        assert len(listener.heard) <= 4
        ended = services.engine.run_to_end(job.id, every_s=0.02)
        assert ended.state is JobState.SUCCESS
    assert sorted(listener.heard) == sorted(track.id for track in tracks)


def test_cancel_is_obeyed_within_one_song_even_a_long_one(sqlite_settings):
    tracks = songs(4)
    endless = ToldListener(seconds=600)
    with services_on(sqlite_settings, MemoryServer(tracks, sounds(tracks)), endless) as services:
        services._listeners._grace_s = 0.1
        job = services.start_analysis()
        asked = []

        def cancel_once_hearing(status):
            if status.job.total and not asked:
                asked.append(services.engine.cancel(job.id))

        ended = services.engine.run_to_end(job.id, every_s=0.05, on_progress=cancel_once_hearing)
        assert ended.state is JobState.REVOKED
        assert services.music.failures.count() == 0


def test_a_server_that_refuses_fails_the_job_with_its_sentence(sqlite_settings, listener):
    class Refusing(MemoryServer):
        def libraries(self):
            raise ServerRefused("401: the API key is not accepted; create one under Dashboard > API Keys")

    with services_on(sqlite_settings, Refusing(songs(1)), listener) as services:
        ended = analyse(services)
        assert ended.state is JobState.FAILURE
        assert "create one under Dashboard" in (ended.error or "")


def test_two_analyses_at_once_are_refused(sqlite_settings, listener):
    with services_on(sqlite_settings, MemoryServer(songs(1)), listener) as services:
        services.start_analysis()
        with pytest.raises(JobConflict):
            services.start_analysis()


def test_without_a_server_nothing_starts(sqlite_settings):
    with open_services(sqlite_settings) as services, pytest.raises(SettingsError, match="MUSIC_DIR"):
        services.start_analysis()


def test_a_negative_number_of_albums_is_refused(sqlite_settings, listener):
    with (
        services_on(sqlite_settings, MemoryServer(songs(1)), listener) as services,
        pytest.raises(ParameterError, match="NUM_RECENT_ALBUMS"),
    ):
        services.start_analysis(num_recent_albums=-1)


def test_the_library_view_follows_what_is_heard(sqlite_settings, listener):
    tracks = songs(6)
    with services_on(sqlite_settings, MemoryServer(tracks, sounds(tracks)), listener) as services:
        assert len(services.library().songs) == 0
        analyse(services)
        services._library._renew_from = 0.0
        wait_until(lambda: len(services.library().songs) == 6)
