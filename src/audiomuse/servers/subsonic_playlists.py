"""The steps by which a Subsonic playlist is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from audiomuse.errors import ServerRefused, ServerUnreachable
from audiomuse.servers.playlists import Overwrite
from audiomuse.servers.protocol import RemotePlaylist
from audiomuse.servers.subsonic_session import SubsonicSession, is_gone
from audiomuse.servers.transport import RefusedStatus

_log = logging.getLogger(__name__)

_BATCH = 30
"""Ids in one short address, where a server takes neither long ones nor forms."""


class SubsonicPlaylists:
    """The `PlaylistCalls` of Subsonic."""

    def __init__(self, session: SubsonicSession) -> None:
        self._session = session

    def playlists(self) -> list[RemotePlaylist]:
        """List every playlist that the account sees."""
        return [RemotePlaylist(str(entry["id"]), str(entry.get("name", ""))) for entry in self._listed()]

    def find(self, remote_id: str) -> RemotePlaylist | None:
        """Look a playlist up among those that we see."""
        for entry in self._listed():
            if str(entry["id"]) == remote_id:
                owner = entry.get("owner")
                if owner and self._session.user and owner.casefold() != self._session.user.casefold():
                    raise ServerRefused(f"the playlist {remote_id} belongs to {owner}; it is left alone")
                return RemotePlaylist(remote_id, str(entry.get("name", "")))
        return None

    def track_ids(self, remote_id: str) -> list[str]:
        """Read the tracks in their order."""
        playlist = self._session.call("getPlaylist", {"id": remote_id}).get("playlist") or {}
        return [str(entry["id"]) for entry in playlist.get("entry") or ()]

    def known_tracks(self, track_ids: Sequence[str]) -> set[str]:
        """Tell which of these tracks the server has, asking for one after the other."""
        known = set()
        for track_id in track_ids:
            try:
                self._session.call("getSong", {"id": track_id})
            except ServerRefused as e:
                if not is_gone(e):
                    raise
            else:
                known.add(track_id)
        return known

    def create(self, name: str, track_ids: Sequence[str]) -> str:
        """Make a playlist; find it by its name if the server does not tell its id or the answer is lost."""
        namesakes = {playlist.id for playlist in self.playlists() if playlist.name == name}
        lost: ServerUnreachable | None = None
        playlist: dict[str, Any] = {}
        try:
            playlist = self._created(name, track_ids)
        except ServerUnreachable as e:
            lost = e
        remote_id = str(playlist.get("id") or "")
        if not remote_id:
            born = [
                found.id for found in self.playlists() if found.name == name and found.id not in namesakes
            ]
            if len(born) != 1:
                raise lost or ServerUnreachable(f"the server did not say whether it made {name!r}")
            remote_id = born[0]
        if playlist.get("public") is True:
            self._make_private(remote_id, name)
        return remote_id

    def overwriting(self, *, rename: bool) -> Overwrite:
        """Tell that one request replaces all tracks."""
        return Overwrite.AT_ONCE

    def overwrite(self, remote_id: str, name: str, track_ids: Sequence[str]) -> None:
        """Give an existing playlist this name and these tracks."""
        self._session.write("createPlaylist", {"playlistId": remote_id, "songId": list(track_ids)})
        found = self.find(remote_id)
        if found is not None and found.name != name:
            self._session.write("updatePlaylist", {"playlistId": remote_id, "name": name})

    def delete(self, remote_id: str) -> None:
        """Delete a playlist of our account."""
        if self.find(remote_id) is None:
            return
        try:
            self._session.write("deletePlaylist", {"id": remote_id})
        except ServerRefused as e:
            if not is_gone(e):
                raise
        except ServerUnreachable:
            if self.find(remote_id) is not None:
                raise

    def set_cover(self, remote_id: str, picture: bytes) -> None:
        """Do nothing: the API cannot give a playlist a picture."""
        _log.debug("Subsonic has no covers for playlists (%s)", remote_id)

    def _created(self, name: str, track_ids: Sequence[str]) -> dict[str, Any]:
        """Create by one request, or piece by piece where the server takes no long one."""
        try:
            return self._answered({"name": name, "songId": list(track_ids)})
        except RefusedStatus as e:
            if e.status not in (404, 405, 413, 414, 415, 431, 501) or len(track_ids) <= _BATCH:
                raise
        playlist = self._answered({"name": name, "songId": list(track_ids[:_BATCH])})
        if playlist.get("id"):
            self._append(str(playlist["id"]), track_ids[_BATCH:])
        return playlist

    def _append(self, remote_id: str, track_ids: Sequence[str]) -> None:
        for start in range(0, len(track_ids), _BATCH):
            batch = list(track_ids[start : start + _BATCH])
            try:
                self._session.write("updatePlaylist", {"playlistId": remote_id, "songIdToAdd": batch})
            except ServerUnreachable as e:
                # The playlist exists: its id must reach the caller, who reads it back and sees the gap.
                _log.info("filling the playlist %s was interrupted: %s", remote_id, e)
                return

    def _make_private(self, remote_id: str, name: str) -> None:
        """Hide a playlist that the server made public; it is there already, so a failure is only logged."""
        for _ in (1, 2):  # asking for the same twice does no harm
            try:
                self._session.write("updatePlaylist", {"playlistId": remote_id, "public": False})
                return
            except ServerUnreachable as e:
                reason = e
        _log.warning("the playlist %r stays visible to others: %s", name, reason)

    def _answered(self, params: dict[str, str | int | bool | list[str]]) -> dict[str, Any]:
        playlist = self._session.write("createPlaylist", params).get("playlist")
        return playlist if isinstance(playlist, dict) else {}

    def _listed(self) -> list[dict[str, Any]]:
        listed = self._session.call("getPlaylists").get("playlists") or {}
        return list(listed.get("playlist") or ())
