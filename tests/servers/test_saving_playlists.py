"""The order of steps in which a playlist is saved, with any step failing before or after it took effect."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.errors import ServerError, ServerUnreachable
from audiomuse.model import Publication
from audiomuse.servers import playlists
from audiomuse.servers.playlists import Overwrite
from audiomuse.servers.protocol import RemotePlaylist

TRACKS = [f"track {number}" for number in range(8)]
FOREIGN = {"theirs": ("Evening", ["track 0", "track 1"])}


class FlakyCalls:
    """A server in memory whose steps fail on a schedule.

    Parameters
    ----------
    how : Overwrite
        What it offers.
    schedule : dict of int to bool
        Numbers of the calls that fail; True if they take effect nevertheless (the answer is lost).
    """

    def __init__(self, how: Overwrite, schedule: dict[int, bool]) -> None:
        self.how = how
        self.schedule = schedule
        self.n_calls = 0
        self.held = {id_: (name, list(ids)) for id_, (name, ids) in FOREIGN.items()}
        self._n_created = 0

    def _step(self) -> bool:
        """Count a call; raise if it fails without effect, return whether it fails after its effect."""
        fails_late = self.schedule.get(self.n_calls)
        self.n_calls += 1
        if fails_late is False:
            raise ServerUnreachable("lost on the way there")
        return fails_late is True

    def _end(self, fails: bool) -> None:
        if fails:
            raise ServerUnreachable("lost on the way back")

    def playlists(self) -> list[RemotePlaylist]:
        self._end(self._step())
        return [RemotePlaylist(id_, name) for id_, (name, _) in self.held.items()]

    def find(self, remote_id: str) -> RemotePlaylist | None:
        self._end(self._step())
        held = self.held.get(remote_id)
        return RemotePlaylist(remote_id, held[0]) if held else None

    def track_ids(self, remote_id: str) -> list[str]:
        self._end(self._step())
        return list(self.held[remote_id][1])

    def known_tracks(self, track_ids: Sequence[str]) -> set[str]:
        self._end(self._step())
        return set(TRACKS) & set(track_ids)

    def create(self, name: str, track_ids: Sequence[str]) -> str:
        self._step()  # a lost answer is the clients' own business: they look whether it was made
        self._n_created += 1
        remote_id = f"ours {self._n_created}"
        self.held[remote_id] = (name, list(track_ids))
        return remote_id

    def overwriting(self, *, rename: bool) -> Overwrite:
        return self.how

    def overwrite(self, remote_id: str, name: str, track_ids: Sequence[str]) -> None:
        if self.how is Overwrite.AT_ONCE:
            fails = self._step()
            self.held[remote_id] = (name, list(track_ids))
            self._end(fails)
            return
        fails = self._step()
        self.held[remote_id] = (name, [])
        self._end(fails)
        for track_id in track_ids:
            fails = self._step()
            self.held[remote_id][1].append(track_id)
            self._end(fails)

    def delete(self, remote_id: str) -> None:
        fails = self._step()
        self.held.pop(remote_id, None)
        self._end(fails)

    def set_cover(self, remote_id: str, picture: bytes) -> None:
        self._end(self._step())


def some_tracks() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(TRACKS), min_size=1, max_size=6, unique=True)


@settings(max_examples=300, deadline=None)
@given(
    how=st.sampled_from(Overwrite),
    old=some_tracks(),
    new=some_tracks(),
    schedule=st.dictionaries(st.integers(0, 25), st.booleans(), max_size=6),
)
def test_whatever_fails_the_old_or_the_new_version_is_there_and_the_next_run_completes(
    how: Overwrite, old: list[str], new: list[str], schedule: dict[int, bool]
) -> None:
    calls = FlakyCalls(how, {})
    created: list[Publication] = []

    def save(track_ids: list[str], publication: Publication | None) -> Publication:
        return playlists.save(
            calls, "server", "Evening", track_ids,
            publication=publication, cover=b"x", on_created=created.append,
        )  # fmt: skip

    publication = save(old, None)
    calls.n_calls, calls.schedule = 0, schedule
    with contextlib.suppress(ServerError):
        publication = save(new, publication)
    ours = [ids for id_, (_, ids) in calls.held.items() if id_ not in FOREIGN]
    assert old in ours or new in ours
    assert {id_: calls.held[id_] for id_ in FOREIGN} == FOREIGN

    calls.schedule = {}
    publication = save(new, publication)
    for leftover in created:
        if leftover.remote_id != publication.remote_id:
            playlists.delete(calls, "server", leftover)
    assert calls.held == {**FOREIGN, publication.remote_id: ("Evening", new)}


def test_an_unchanged_playlist_costs_two_readings() -> None:
    calls = FlakyCalls(Overwrite.STEPWISE, {})
    publication = playlists.save(calls, "server", "Evening", TRACKS, publication=None, cover=None)
    calls.n_calls = 0
    playlists.save(calls, "server", "Evening", TRACKS, publication=publication, cover=None)
    assert calls.n_calls == 2
