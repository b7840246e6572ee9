"""The steps by which a Jellyfin playlist is written, for every version and kind of credential.

What works differs. An API key belongs to no user, and the requests that look a playlist up for "the user
of the token" fail for it: replacing (``POST /Playlists/{id}``) always, removing entries in 10.9 and 10.10.

=====================  =========================================================
credential, version    how a playlist gets other tracks
=====================  =========================================================
user, from 10.9        one request with everything
API key, from 10.11    entries removed, then added, in batches
all others             a new playlist, then the old one is deleted
=====================  =========================================================
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audiomuse.errors import ServerRefused, ServerUnreachable
from audiomuse.servers.jellyfin_items import page_from
from audiomuse.servers.jellyfin_session import JellyfinSession
from audiomuse.servers.paging import Item, every_item, every_page
from audiomuse.servers.playlists import Overwrite
from audiomuse.servers.protocol import RemotePlaylist
from audiomuse.servers.transport import Params, RefusedStatus

_BATCH = 100
"""Ids in one address: 3.5 kB, below the limits of servers and proxies."""

_PAGE = 200


class JellyfinPlaylists:
    """The `PlaylistCalls` of Jellyfin."""

    def __init__(self, session: JellyfinSession) -> None:
        self._session = session

    def playlists(self) -> list[RemotePlaylist]:
        """List every playlist that the user sees."""
        # Without parentId, which since 10.8.11 hides the user's own playlists (jellyfin #10272).
        query: dict[str, str | bool] = {
            "includeItemTypes": "Playlist",
            "recursive": True,
            "sortBy": "SortName",
        }
        return [RemotePlaylist(item["Id"], str(item.get("Name", ""))) for item in self._items(query)]

    def find(self, remote_id: str) -> RemotePlaylist | None:
        """Look a playlist up, making sure that the id is one.

        DELETE /Items removes media files from the disk when it is given another kind of item, so nothing is
        deleted that was not just seen to be a playlist.
        """
        # The server drops an id that it cannot read and would answer for the whole library.
        if not re.fullmatch(r"[0-9a-f]{32}", remote_id):
            raise ServerRefused(f"{remote_id!r} is not an id of Jellyfin; it is left alone")
        for item in self._items({"ids": remote_id}):
            if item["Id"] != remote_id:
                raise ServerRefused(f"Jellyfin answered for another item than {remote_id}; it is left alone")
            if item.get("Type") != "Playlist":
                raise ServerRefused(
                    f"{remote_id} is a {item.get('Type')} on the server, not a playlist; it is left alone"
                )
            return RemotePlaylist(remote_id, str(item.get("Name", "")))
        return None

    def track_ids(self, remote_id: str) -> list[str]:
        """Read the tracks in their order."""
        return [item["Id"] for item in self._entries(remote_id)]

    def known_tracks(self, track_ids: Sequence[str]) -> set[str]:
        """Tell which of these tracks the user sees."""
        wanted = set(track_ids)
        found: set[str] = set()
        for ids in _batches([track_id for track_id in track_ids if re.fullmatch(r"[0-9a-f]{32}", track_id)]):
            found |= {item["Id"] for item in self._items({"ids": ",".join(ids)})}
        return found & wanted

    def create(self, name: str, track_ids: Sequence[str]) -> str:
        """Make a private playlist; if the answer gets lost, find out whether it was made."""
        namesakes = {playlist.id for playlist in self.playlists() if playlist.name == name}
        try:
            response = self._session.send("POST", "Playlists", json=self._creation(name, track_ids))
        except ServerUnreachable:
            born = [
                playlist.id
                for playlist in self.playlists()
                if playlist.name == name and playlist.id not in namesakes
            ]
            if len(born) != 1:
                raise
            return born[0]
        answer = self._session.json_of(response)
        if not isinstance(answer, dict) or not answer.get("Id"):
            raise ServerUnreachable(f"Jellyfin did not say whether it made the playlist {name!r}")
        return str(answer["Id"])

    def overwriting(self, *, rename: bool) -> Overwrite:
        """Look into the table above; a playlist is renamed only by the request with everything."""
        version, by_key = self._session.version, self._session.account.by_key
        if not by_key and version >= (10, 9):
            return Overwrite.AT_ONCE
        if by_key and version >= (10, 11) and not rename:
            return Overwrite.STEPWISE
        return Overwrite.NEVER

    def overwrite(self, remote_id: str, name: str, track_ids: Sequence[str]) -> None:
        """Give a playlist other tracks by the way that `overwriting` found."""
        if not self._session.account.by_key:
            # What is left out keeps its value: somebody may have shared the playlist since.
            self._session.send("POST", f"Playlists/{remote_id}", json={"Name": name, "Ids": list(track_ids)})
            return
        entries = [item["PlaylistItemId"] for item in self._entries(remote_id) if item.get("PlaylistItemId")]
        for batch in _batches(entries):
            self._session.send("DELETE", f"Playlists/{remote_id}/Items", {"entryIds": ",".join(batch)})
        user_id = self._session.account.user_id
        for batch in _batches(track_ids):
            query = {"ids": ",".join(batch), "userId": user_id}
            self._session.send("POST", f"Playlists/{remote_id}/Items", query)

    def delete(self, remote_id: str) -> None:
        """Delete what was just seen to be a playlist."""
        if self.find(remote_id) is None:
            return
        try:
            self._session.send("DELETE", f"Items/{remote_id}")
        except RefusedStatus as e:
            if e.status != 404:
                raise
        except ServerUnreachable:
            if self.find(remote_id) is not None:
                raise

    def set_cover(self, remote_id: str, picture: bytes) -> None:
        """Upload a picture; Jellyfin takes it as base64 text, from administrators and API keys."""
        content_type = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        self._session.send(
            "POST", f"Items/{remote_id}/Images/Primary",
            content=base64.b64encode(picture), headers={"Content-Type": content_type},
        )  # fmt: skip

    def _creation(self, name: str, track_ids: Sequence[str]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "Name": name,
            "Ids": list(track_ids),
            "UserId": self._session.account.user_id,
            "MediaType": "Audio",
        }
        if self._session.version >= (10, 9):
            # A playlist whose creation does not mention it is public.
            body |= {"IsPublic": False, "Users": []}
        return body

    def _entries(self, remote_id: str) -> Iterator[Item]:
        user_id = self._session.account.user_id

        def ask(start: int, limit: int) -> tuple[list[Item], int | None]:
            query: Params = {"userId": user_id, "startIndex": start, "limit": limit}
            return page_from(self._session.get_object(f"Playlists/{remote_id}/Items", query))

        return every_page(ask, page_size=_PAGE)

    def _items(self, query: Mapping[str, str | bool]) -> Iterator[Item]:
        user_id = self._session.account.user_id

        def ask(start: int, limit: int) -> tuple[list[Item], int | None]:
            page: Params = {"userId": user_id, "startIndex": start, "limit": limit, "enableImages": False}
            return page_from(self._session.get_object("Items", {**query, **page}))

        return every_item(ask, page_size=_PAGE, id_field="Id")


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
