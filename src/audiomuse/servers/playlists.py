"""Saving a playlist so that nobody loses one: the algorithm that all servers share.

Servers differ in how a playlist is written; what must not happen is the same everywhere. So the order of the
steps lives here, and a server only offers the steps (`PlaylistCalls`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Protocol

from audiomuse.errors import ParameterError, ServerError, ServerRefused, ServerUnreachable, TrackMissing
from audiomuse.model import Publication
from audiomuse.servers.protocol import RemotePlaylist

_log = logging.getLogger(__name__)


class Overwrite(Enum):
    """How a server lets us give an existing playlist other tracks."""

    NEVER = auto()
    """Not at all: make a new one, then delete the old one."""
    AT_ONCE = auto()
    """By one request that holds everything."""
    STEPWISE = auto()
    """By several requests; if they are interrupted, something incomplete stays behind."""


class PlaylistCalls(Protocol):
    """The steps that a server offers. All raise `ServerError` as `MediaServer` says."""

    def playlists(self) -> list[RemotePlaylist]:
        """List every playlist of the account."""

    def find(self, remote_id: str) -> RemotePlaylist | None:
        """Look one up; None if it is gone. `ServerRefused` if the id is not that of a playlist."""

    def track_ids(self, remote_id: str) -> list[str]:
        """Read the tracks in their order."""

    def known_tracks(self, track_ids: Sequence[str]) -> set[str]:
        """Tell which of these tracks the server has."""

    def create(self, name: str, track_ids: Sequence[str]) -> str:
        """Make a playlist and return its id."""

    def overwriting(self, *, rename: bool) -> Overwrite:
        """Tell how an existing playlist can be given other tracks (and, with `rename`, another name)."""

    def overwrite(self, remote_id: str, name: str, track_ids: Sequence[str]) -> None:
        """Give an existing playlist this name and these tracks."""

    def delete(self, remote_id: str) -> None:
        """Delete it; fine if it is gone already. `ServerRefused` if the id is not that of a playlist."""

    def set_cover(self, remote_id: str, picture: bytes) -> None:
        """Give it a picture."""


def save(
    calls: PlaylistCalls,
    server_id: str,
    name: str,
    track_ids: Sequence[str],
    *,
    publication: Publication | None,
    cover: bytes | None,
    on_created: Callable[[Publication], None] | None = None,
) -> Publication:
    """Do what `MediaServer.save_playlist` promises, in steps that are each safe to be interrupted after."""
    wanted = _checked(server_id, name, track_ids, publication)
    saver = _Saver(calls, server_id, name, wanted, on_created)
    existing = calls.find(publication.remote_id) if publication else None
    remote_id, held = saver.create() if existing is None else saver.replace(existing)
    if cover is not None:
        saver.dress(remote_id, cover)
    return Publication(server_id, remote_id, name, tuple(held), datetime.now(UTC))


def recover(calls: PlaylistCalls, server_id: str, name: str, track_ids: Sequence[str]) -> Publication | None:
    """Do what `MediaServer.recover_playlist` promises."""
    wanted = _checked(server_id, name, track_ids, None)
    for playlist in calls.playlists():
        if playlist.name == name and calls.track_ids(playlist.id) == wanted:
            return Publication(server_id, playlist.id, name, tuple(wanted), datetime.now(UTC))
    return None


def delete(calls: PlaylistCalls, server_id: str, publication: Publication) -> None:
    """Do what `MediaServer.delete_playlist` promises."""
    _must_be_ours(server_id, publication)
    calls.delete(publication.remote_id)


def _checked(
    server_id: str, name: str, track_ids: Sequence[str], publication: Publication | None
) -> list[str]:
    """Return the ids without repetitions, or say what is wrong with the request."""
    if publication is not None:
        _must_be_ours(server_id, publication)
    wanted = list(dict.fromkeys(track_ids))
    if not wanted:
        raise ParameterError(f"the playlist {name!r} has no tracks; an empty playlist is not published")
    if not name.strip():
        raise ParameterError("a playlist needs a name")
    return wanted


def _must_be_ours(server_id: str, publication: Publication) -> None:
    if publication.server != server_id:
        raise ParameterError(
            f"the playlist {publication.name!r} was published on {publication.server}, not on {server_id}; "
            "it is left alone"
        )


class _Saver:
    """One save: which playlist shall hold what, and the steps towards it."""

    def __init__(
        self,
        calls: PlaylistCalls,
        server_id: str,
        name: str,
        wanted: list[str],
        on_created: Callable[[Publication], None] | None,
    ) -> None:
        self._calls = calls
        self._server_id = server_id
        self._name = name
        self._wanted = wanted
        self._on_created = on_created

    def create(self) -> tuple[str, list[str]]:
        """Create the playlist and read it back; one that came out wrong is deleted and made once more."""
        return self._create(self._existing(self._wanted))

    def replace(self, existing: RemotePlaylist) -> tuple[str, list[str]]:
        """Give a playlist of ours other content, keeping its id where the server allows it.

        At every moment the server holds the old version, the new version, or both in full, except within
        a server's own handling of one request.
        """
        rename = existing.name != self._name
        current = self._calls.track_ids(existing.id)
        wanted = self._existing(self._wanted, current)
        if not rename and current == wanted:
            return existing.id, wanted
        how = self._calls.overwriting(rename=rename)
        if how is Overwrite.AT_ONCE and self._overwrite(existing.id, wanted):
            return existing.id, wanted
        # From here on the new version is safe on the server before the old one is touched.
        copy_id, _ = self._create(wanted)
        if how is Overwrite.STEPWISE and self._overwrite(existing.id, wanted):
            self._discard(copy_id)
            return existing.id, wanted
        self._retire(existing.id, copy_id)
        return copy_id, wanted

    def dress(self, remote_id: str, cover: bytes) -> None:
        """Set the cover. A failure must not cost the caller the id of a playlist that is there."""
        try:
            self._calls.set_cover(remote_id, cover)
        except ServerError as e:
            _log.warning("playlist %r is published without its cover: %s", self._name, e)

    def _report_creation(self, remote_id: str) -> None:
        if self._on_created is not None:
            self._on_created(
                Publication(self._server_id, remote_id, self._name, tuple(self._wanted), datetime.now(UTC))
            )

    def _existing(self, wanted: list[str], current: Sequence[str] = ()) -> list[str]:
        """Return those of the wanted tracks that the server has; the ones it plays now are known to it.

        Asked before anything is written: servers drop unknown ids without a word, or refuse them all.

        Raises
        ------
        TrackMissing
            If it has none of them.
        """
        unsure = [track_id for track_id in wanted if track_id not in set(current)]
        known = self._calls.known_tracks(unsure) | set(current) if unsure else set(current)
        existing = [track_id for track_id in wanted if track_id in known]
        if not existing:
            raise TrackMissing(f"the server no longer has any track of the playlist {self._name!r}")
        return existing

    def _create(self, wanted: list[str]) -> tuple[str, list[str]]:
        for attempt in (1, 2):
            remote_id = self._calls.create(self._name, wanted)
            self._report_creation(remote_id)
            try:
                held = self._calls.track_ids(remote_id)
            except ServerError:
                self._discard(remote_id)
                raise
            if held == wanted:
                return remote_id, held
            _log.warning("playlist %r came out incomplete (attempt %d)", self._name, attempt)
            self._discard(remote_id)
        raise ServerUnreachable(
            f"the server did not store the playlist {self._name!r} as sent, twice; it was taken back, "
            "try again later"
        )

    def _overwrite(self, remote_id: str, wanted: list[str]) -> bool:
        """Overwrite in place and read back; False if the server did not do it, so that a new one is made."""
        for _ in (1, 2):
            try:
                self._calls.overwrite(remote_id, self._name, wanted)
            except ServerRefused as e:
                _log.info("playlist %r cannot be changed in place: %s", self._name, e)
                return False
            except ServerUnreachable as e:
                # What came of it is read below; writing the same once more does no harm.
                _log.info("changing the playlist %r was interrupted: %s", self._name, e)
            found = self._calls.find(remote_id)
            if found is None or found.name != self._name:
                continue
            if self._calls.track_ids(remote_id) == wanted:
                return True
        return False

    def _retire(self, old_id: str, new_id: str) -> None:
        """Delete the old version; if that fails, take the new one back: what is recorded stays true."""
        try:
            self._calls.delete(old_id)
        except ServerError:
            if self._calls.find(old_id) is None:  # deleted after all
                return
            self._discard(new_id)
            raise

    def _discard(self, remote_id: str) -> None:
        """Delete what this very call created; failing that, say so: `on_created` has told the caller."""
        try:
            self._calls.delete(remote_id)
        except ServerError as e:
            _log.error("a copy of the playlist %r (id %s) stayed on the server: %s", self._name, remote_id, e)
