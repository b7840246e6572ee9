"""A whole run against Jellyfin, with each kind of fault at each request in turn.

Whatever happens, a run ends complete or with an error of ours; a second run completes; playlists of other
people are as they were; none of ours is lost; no media file is deleted; no song is heard twice.
"""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.servers.fake_jellyfin import FakeLibrary, User, tone
from tests.servers.fake_jellyfin.library import EPOCH, FakePlaylist, make_id
from tests.servers.faulty import FAULTS, PASSING, FaultyTransport
from tests.servers.stands import JellyfinStand

from audiomuse.errors import ServerError, TrackMissing
from audiomuse.model import Publication
from audiomuse.servers import MediaServer

STANDS = [("10.8.13", "key"), ("10.9.11", "user"), ("10.11.11", "key"), ("12.0.0", "password")]
"""One for each way of writing playlists."""

EACH_STAND = [
    *((version, login, 7) for version, login in STANDS),
    pytest.param("10.11.11", "key", 1, marks=pytest.mark.slow),
]
"""Every seventh request, another one for each kind of fault; each request where most of them are needed."""

FOREIGN = "Road trip"


def tiny_library() -> FakeLibrary:
    library = FakeLibrary(users=[User("ann", "secret of ann", is_administrator=True)])
    for title in ("One", "Two"):
        album = library.add_album(title, "Alma", EPOCH)
        for number in (1, 2):
            library.add_track(album, f"{title} {number}", tone(220 * number, seconds=0.05))
    tracks = list(library.tracks)
    for name in (FOREIGN, "Evening"):
        id_ = make_id(f"of ann {name}")
        entries = [(track, track) for track in tracks[1:3]]
        library.playlists[id_] = FakePlaylist(id_, name, library.users[0].id, True, entries)
    return library


TINY = tiny_library()
FOREIGN_IDS = set(TINY.playlists)


@dataclass
class Records:
    """What survives between runs: what a database would hold."""

    heard: list[str] = field(default_factory=list)
    current: dict[str, Publication] = field(default_factory=dict)
    created: dict[str, Publication] = field(default_factory=dict)
    intended: dict[str, list[str]] = field(default_factory=dict)


def run(server: MediaServer, records: Records, wanted: dict[str, list[str]], into: Path) -> None:
    """List, hear what is new, publish, and tidy up after interrupted runs: what a job does."""
    for album in server.albums():
        for track in server.tracks(album.id):
            if track.id not in records.heard:
                try:
                    with server.open_audio(track, into) as audio:
                        assert audio.path.stat().st_size == track.size_bytes
                        records.heard.append(track.id)
                except TrackMissing:
                    continue
    for name, track_ids in list(records.intended.items()):
        found = server.recover_playlist(name, track_ids)
        if found is not None and found.remote_id not in FOREIGN_IDS:
            records.created[found.remote_id] = found
        del records.intended[name]
    for name, track_ids in wanted.items():
        records.intended[name] = track_ids
        publication = server.save_playlist(
            name, track_ids, publication=records.current.get(name), cover=b"\xff\xd8 picture",
            on_created=lambda created: records.created.update({created.remote_id: created}),
        )  # fmt: skip
        if publication.track_ids != tuple(track_ids):
            raise ServerError("not all tracks were taken")
        previous = records.current.get(name)
        records.current[name] = publication
        records.created[publication.remote_id] = publication
        if previous and previous.remote_id != publication.remote_id:
            records.created.setdefault(previous.remote_id, previous)
        del records.intended[name]
    live = {publication.remote_id for publication in records.current.values()}
    for remote_id, leftover in list(records.created.items()):
        if remote_id not in live:
            server.delete_playlist(leftover)
            del records.created[remote_id]


def lists() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what is published first and what shall replace it."""
    a, b, c, d = TINY.tracks
    return {"Evening": [a, b, c], "Morning": [d]}, {"Evening": [c, a, d], "Morning": [d, b]}


def stand_with_a_first_run(version: str, login: str, into: Path) -> tuple[JellyfinStand, Records]:
    stand = JellyfinStand(TINY, version, login)
    records = Records()
    run(stand.open(), records, lists()[0], into)
    return stand, records


def check_nothing_is_lost(stand: JellyfinStand, where: str) -> None:
    held = stand.held()
    foreign = {id_: (list_.name, list_.track_ids) for id_, list_ in TINY.playlists.items()}
    assert {id_: held.get(id_) for id_ in foreign} == foreign, where
    ours = [held[id_] for id_ in held if id_ not in foreign]
    for name, old in lists()[0].items():
        new = lists()[1][name]
        assert (name, old) in ours or (name, new) in ours, f"{where}: {name} is lost, there are {ours}"
    stand.check()


def copy_of(stand: JellyfinStand) -> JellyfinStand:
    """Return a stand whose server is in the same state and may be changed."""
    another = copy.copy(stand)
    another.fake = copy.copy(stand.fake)
    another.fake.library = copy.deepcopy(stand.fake.library)
    another.fake.app = another.fake._make_app()
    return another


def run_with_faults(first: tuple[JellyfinStand, Records], kind: str, at: int, times: int, into: Path) -> int:
    """Run with faults, then without; check both. Returns the number of requests of the first run."""
    stand, records = copy_of(first[0]), copy.deepcopy(first[1])
    where = f"{kind} at request {at}, {times} times"
    network = FaultyTransport(httpx.WSGITransport(stand.fake.app), kind, at, times)
    with contextlib.suppress(ServerError):  # nothing but an error with a name
        run(stand.open(network), records, lists()[1], into)
    check_nothing_is_lost(stand, where)
    run(stand.open(), records, lists()[1], into)
    check_complete(stand, records, where)
    assert list(into.iterdir()) == [], where
    return network.n_requests


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("version", "login", "stride"), EACH_STAND)
def test_a_run_with_a_fault_anywhere_ends_well(
    version: str, login: str, stride: int, kind: str, tmp_path: Path
) -> None:
    first = stand_with_a_first_run(version, login, tmp_path)
    first[1].heard.clear()
    at = FAULTS.index(kind) % stride
    while run_with_faults(first, kind, at, 1, tmp_path) > at:
        at += stride
    assert at > 20


@pytest.mark.parametrize("kind", ["no connection", "answer lost", "key revoked", "starting", "server error"])
@pytest.mark.parametrize(("version", "login", "stride"), EACH_STAND)
def test_a_server_that_goes_away_for_good_costs_nothing(
    version: str, login: str, stride: int, kind: str, tmp_path: Path
) -> None:
    first = stand_with_a_first_run(version, login, tmp_path)
    for at in range(FAULTS.index(kind) % stride, 50, stride):
        run_with_faults(first, kind, at, 10_000, tmp_path)


def check_complete(stand: JellyfinStand, records: Records, where: str) -> None:
    """The server holds exactly the playlists of other people and the new ones of ours."""
    foreign = [(list_.name, list_.track_ids) for list_ in TINY.playlists.values()]
    ours = [(name, track_ids) for name, track_ids in lists()[1].items()]
    assert sorted(stand.held().values()) == sorted(foreign + ours), where
    assert sorted(records.heard) == sorted(TINY.tracks), where
    stand.check()


@pytest.mark.parametrize("kind", PASSING)
def test_reading_gets_over_passing_faults(kind: str, tmp_path: Path) -> None:
    stand = JellyfinStand(TINY, "10.11.11", "key")
    for at in range(12):
        server = stand.open(FaultyTransport(httpx.WSGITransport(stand.fake.app), kind, at, times=2))
        heard = []
        for album in server.albums():
            for track in server.tracks(album.id):
                with server.open_audio(track, tmp_path) as audio:
                    heard.append(audio.path.read_bytes())
        assert heard == [track.audio for track in TINY.tracks.values()]
