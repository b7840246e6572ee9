"""The publishing job: every playlist or its reason, one publisher at a time, and a search goes first."""

from __future__ import annotations

from threading import Event

import pytest
from tests.services.fakes import QUICK, songs

from audiomuse.errors import JobConflict, LibraryEmpty, NotFound, ServerRefused, ServerUnreachable
from audiomuse.model import Job, JobState, Playlist, PlaylistEntry
from audiomuse.servers import MemoryServer
from audiomuse.services.app import Services, open_services
from audiomuse.services.job_handlers import JobContext
from audiomuse.services.publishing_job import PublishingTurn
from audiomuse.storage import ItemPlan

TRACKS = songs(12)


class MoodyServer(MemoryServer):
    """Does not take every playlist."""

    def __init__(self) -> None:
        super().__init__(TRACKS)
        self.troubles: dict[str, Exception] = {}
        self.account_trouble: Exception | None = None

    def save_playlist(self, name, track_ids, **options):
        if name in self.troubles:
            raise self.troubles[name]
        return super().save_playlist(name, track_ids, **options)

    def libraries(self):
        if self.account_trouble is not None:
            raise self.account_trouble
        return super().libraries()


@pytest.fixture
def server() -> MoodyServer:
    return MoodyServer()


@pytest.fixture
def services(any_settings, server):
    with open_services(any_settings, timing=QUICK, server=server) as opened:
        opened.music.playlists.save_run([playlist("Calm", 1, 2), playlist("Loud", 3), playlist("Odd", 4, 5)])
        yield opened


def playlist(name: str, *numbers: int) -> Playlist:
    return Playlist(name.lower(), name, tuple(PlaylistEntry(f"t{number:03d}") for number in numbers))


def published(services: Services) -> Job:
    return services.engine.run_to_end(services.start_publishing().id, every_s=0.02)


def names(server: MemoryServer) -> set[str]:
    return {name for name, _ in server.held.values()}


def reasons(services: Services, job: Job) -> dict[str, str]:
    return {item.key: item.error for item in services.engine.store.items.failed(job.id)}


def test_every_playlist_gets_there_and_is_counted(services, server):
    ended = published(services)
    assert ended.state is JobState.SUCCESS
    assert (ended.total, ended.done, ended.failed) == (3, 3, 0)
    assert set(ended.result["published"]) == names(server) == {
        "Calm_automatic", "Loud_automatic", "Odd_automatic",
    }  # fmt: skip


def test_what_is_no_longer_wanted_goes_at_the_end(services, server):
    published(services)
    services.music.playlists.save_run([playlist("Calm", 1, 2)])
    ended = published(services)
    assert names(server) == {"Calm_automatic"}
    assert set(ended.result["deleted"]) == {"Loud_automatic", "Odd_automatic"}


def test_a_refused_playlist_is_named_with_its_reason_and_the_others_go_on(services, server):
    server.troubles["Calm_automatic"] = ServerRefused("it belongs to bob; it is left alone")
    ended = published(services)
    assert ended.state is JobState.SUCCESS
    assert (ended.done, ended.failed) == (2, 1)
    assert reasons(services, ended) == {"calm": "Calm: it belongs to bob; it is left alone"}
    assert names(server) == {"Loud_automatic", "Odd_automatic"}


def test_a_playlist_without_a_known_song_fails_and_a_shorter_one_is_told(services, server):
    services.music.playlists.save_run([playlist("Calm", 1, 998), playlist("Gone", 999)])
    ended = published(services)
    assert list(reasons(services, ended)) == ["gone"]
    assert ended.result["warnings"] == ["Calm_automatic: the server no longer knows 1 of its songs."]


def test_a_refused_account_fails_the_job_at_once(services, server):
    server.troubles = dict.fromkeys(["Calm_automatic", "Loud_automatic"], ServerRefused("401"))
    server.account_trouble = ServerRefused("the password is wrong")
    ended = published(services)
    assert (ended.state, ended.error) == (JobState.FAILURE, "the password is wrong")
    assert ended.done == ended.failed == 0


def test_a_server_that_went_away_fails_the_job_and_names_the_playlist(services, server):
    server.troubles["Loud_automatic"] = ServerUnreachable("503: starting")
    server.troubles["Odd_automatic"] = ServerUnreachable("503: starting")
    ended = published(services)
    assert (ended.state, ended.error) == (JobState.FAILURE, "Loud: 503: starting")
    assert names(server) == {"Calm_automatic"}


def test_if_no_playlist_gets_there_nothing_is_called_a_success(services, server):
    server.troubles = {f"{one}_automatic": ServerRefused("full") for one in ("Calm", "Loud", "Odd")}
    ended = published(services)
    assert ended.state is JobState.FAILURE
    assert ended.error == "None of the 3 playlists could be put on the server."


def test_a_playlist_that_was_replaced_meanwhile_is_left_out(services, server):
    job = services.start_publishing()
    services.music.playlists.save_run([playlist("Calm", 1, 2)])
    ended = services.engine.run_to_end(job.id, every_s=0.02)
    assert ended.state is JobState.SUCCESS
    assert ended.result["published"] == ["Calm_automatic"]


def test_a_job_that_was_killed_between_two_playlists_goes_on(services, server):
    job = services.start_publishing()
    services.engine.run_to_end(job.id, every_s=0.01, should_stop=lambda: bool(server.held))
    assert services.engine.run_to_end(job.id, every_s=0.02).state is JobState.SUCCESS
    assert len(server.held) == 3


def test_without_playlists_there_is_nothing_to_begin(services):
    services.music.playlists.save_run([])
    with pytest.raises(LibraryEmpty, match="no playlists"):
        services.start_publishing()


def test_two_do_not_publish_at_once(services):
    services.start_publishing()
    with pytest.raises(JobConflict):
        services.start_publishing()
    with pytest.raises(JobConflict, match="published right now"):
        services.publish("calm")


def test_a_single_playlist_is_published_while_nobody_else_does(services, server):
    assert services.publish("calm").published == ("Calm_automatic",)
    assert names(server) == {"Calm_automatic"}
    with pytest.raises(NotFound):
        services.publish("nobody")


def test_beside_a_search_that_will_publish_nothing_is_begun(services):
    search = services.start_clustering(publish=True)
    with pytest.raises(JobConflict, match="at its end"):
        services.start_publishing()
    with pytest.raises(JobConflict, match="at its end"):
        services.publish("calm")
    services.engine.cancel(search.id)
    services.start_publishing()


def test_a_search_that_does_not_publish_is_in_nobodys_way(services, server):
    services.start_clustering(publish=False)
    assert published(services).state is JobState.SUCCESS


def test_a_search_that_publishes_stops_the_publishing_of_older_playlists(services):
    job = services.start_publishing()
    search = services.start_clustering(publish=True)
    PublishingTurn(services.engine.store).take(JobContext(search, services.engine.store, Event()))
    ended = services.engine.store.jobs.get(job.id)
    assert ended.state is JobState.REVOKED
    assert services.engine.store.log.lines(job.id)[-1].message.startswith("Stopped: a search")


def test_a_publishing_begun_in_the_same_moment_gives_way_to_the_search(services, server):
    store = services.engine.store
    job = services.start_publishing()
    search = services.start_clustering(publish=True)
    store.items.claim(search.id, "planner", 1, lease_s=60)
    (plan,) = store.items.leased(search.id)
    more = [ItemPlan("publish", 1, {"step": "publish"}, weight=0)]
    store.items.complete(plan, "planner", more=more)
    store.items.claim(search.id, "publisher", 1, lease_s=60)
    ended = services.engine.run_to_end(job.id, every_s=0.02)
    assert (ended.state, ended.error) == (
        JobState.FAILURE,
        "A search is publishing newer playlists right now.",
    )
    assert server.held == {}
