"""Jellyfin, 10.8 to 12."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from audiomuse.errors import ServerRefused, TrackMissing
from audiomuse.model import Album, Publication, Track
from audiomuse.servers import playlists
from audiomuse.servers.download import downloaded, player_stream
from audiomuse.servers.jellyfin_items import album_from, page_from, track_from
from audiomuse.servers.jellyfin_playlists import JellyfinPlaylists
from audiomuse.servers.jellyfin_session import JellyfinSession, Login
from audiomuse.servers.local_files import PathMap, local_audio
from audiomuse.servers.paging import Item, every_item
from audiomuse.servers.protocol import AudioFile, AudioStream, Cover, Library, RemotePlaylist, ServerInfo
from audiomuse.servers.transport import RefusedStatus

_ALBUM_PAGE = 200
_TRACK_PAGE = 500
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_ALBUM_QUERY: Mapping[str, str | bool] = {
    "includeItemTypes": "MusicAlbum",
    "recursive": True,
    # The second key keeps pages from overlapping when many albums have one date.
    "sortBy": "DateCreated,SortName",
    "sortOrder": "Descending,Ascending",
    "fields": "DateCreated,ChildCount",
    "enableImages": False,
}
_TRACK_QUERY: Mapping[str, str | bool] = {
    "includeItemTypes": "Audio",
    "recursive": True,
    "fields": "DateCreated,Path,Genres,ProviderIds,MediaSources,ParentId",
    "enableImages": False,
}


class JellyfinServer:
    """Keeps the promises of `MediaServer` over a Jellyfin server.

    Parameters
    ----------
    client : httpx.Client
        Used, and closed by `close`.
    base_url : str
        Address of the server, with its path prefix if it has one.
    login : Login
        API key, user token, or name and password.
    libraries : sequence of str
        Names of the music libraries to use; empty for all.
    path_map : PathMap, optional
        Where the server's folders are on this machine.
    **transport_options
        `patience` and `sleep` of `Transport`.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        login: Login,
        *,
        libraries: Sequence[str] = (),
        path_map: PathMap | None = None,
        **transport_options: Any,
    ) -> None:
        self._session = JellyfinSession(client, base_url, login, **transport_options)
        self._chosen = tuple(libraries)
        self._path_map = path_map or PathMap()
        self._playlists = JellyfinPlaylists(self._session)
        self._may_download = True

    def identity(self) -> ServerInfo:
        return self._session.info

    def libraries(self) -> list[Library]:
        account = self._session.account
        if account.by_key:
            views: Sequence[Item] = self._session.get_objects("Library/VirtualFolders")
        elif self._session.version >= (10, 9):
            views = self._views("UserViews")
        else:  # the children of the user's root are the libraries
            views = self._views("Items")
        return [
            Library(str(view.get("ItemId") or view.get("Id")), str(view.get("Name", "")))
            for view in views
            if view.get("CollectionType") == "music"
        ]

    def albums(self, limit: int = 0) -> Iterator[Album]:
        each = [self._albums_in(parent) for parent in self._parents()]
        merged = heapq.merge(*each, key=lambda album: album.added_at or _LONG_AGO, reverse=True)
        return islice(merged, limit or None)

    def tracks(self, album_id: str) -> list[Track]:
        query = {
            **_TRACK_QUERY,
            "parentId": album_id,
            "sortBy": "ParentIndexNumber,IndexNumber,SortName",
        }
        try:
            return [track_from(item) for item in self._items(query, _TRACK_PAGE)]
        except RefusedStatus as e:
            if e.status != 404:
                raise
            return []

    def all_tracks(self) -> Iterator[Track]:
        query = {**_TRACK_QUERY, "sortBy": "DateCreated,SortName", "sortOrder": "Descending,Ascending"}
        for parent in self._parents():
            for item in self._items({**query, **parent}, _TRACK_PAGE):
                yield track_from(item)

    @contextmanager
    def open_audio(self, track: Track, into: Path) -> Iterator[AudioFile]:
        local = local_audio(track, self._path_map)
        if local is not None:
            yield AudioFile(local, temporary=False)
            return
        transport = self._session.transport
        with downloaded(
            self._opener(track, ("Download", "File") if self._may_download else ("File",)),
            into,
            title=track.title,
            suffix=track.suffix,
            expected_size=track.size_bytes,
            patience=transport.patience,
            sleep=transport.sleep,
        ) as audio:
            yield audio

    def stream_audio(self, track: Track, byte_range: str | None = None) -> AudioStream:
        # /File first: each /Download of a user is an entry in the server's activity log.
        return player_stream(self._opener(track, ("File", "Download")), byte_range)

    def cover(self, item_id: str, *, size: int = 300) -> Cover | None:
        try:
            response = self._session.get(f"Items/{_segment(item_id)}/Images/Primary", {"maxWidth": size})
        except RefusedStatus as e:
            if e.status not in (400, 404):
                raise
            return None
        content_type = response.headers.get("Content-Type", "")
        return Cover(content_type, response.content) if content_type.startswith("image/") else None

    def playlists(self) -> list[RemotePlaylist]:
        return self._playlists.playlists()

    def save_playlist(
        self,
        name: str,
        track_ids: Sequence[str],
        *,
        publication: Publication | None = None,
        cover: bytes | None = None,
        on_created: Callable[[Publication], None] | None = None,
    ) -> Publication:
        return playlists.save(
            self._playlists, self.identity().id, name, track_ids,
            publication=publication, cover=cover, on_created=on_created,
        )  # fmt: skip

    def recover_playlist(self, name: str, track_ids: Sequence[str]) -> Publication | None:
        return playlists.recover(self._playlists, self.identity().id, name, track_ids)

    def delete_playlist(self, publication: Publication) -> None:
        playlists.delete(self._playlists, self.identity().id, publication)

    def close(self) -> None:
        self._session.close()

    # --- lists ---

    def _views(self, path: str) -> list[Item]:
        items, _ = page_from(self._session.get_object(path, {"userId": self._session.account.user_id}))
        return items

    def _parents(self) -> list[dict[str, str]]:
        """Return the query part for each chosen library; one empty part for everything."""
        if not self._chosen:
            return [{}]
        by_name = {library.name.casefold(): library.id for library in self.libraries()}
        for name in self._chosen:
            if name.casefold() not in by_name:
                raise ServerRefused(
                    f"MUSIC_LIBRARIES names {name!r}, which is no music library of this server; there are: "
                    f"{', '.join(library.name for library in self.libraries()) or 'none'}"
                )
        return [{"parentId": by_name[name.casefold()]} for name in self._chosen]

    def _albums_in(self, parent: Mapping[str, str]) -> Iterator[Album]:
        return (album_from(item) for item in self._items({**_ALBUM_QUERY, **parent}, _ALBUM_PAGE))

    def _items(self, query: Mapping[str, str | bool], page_size: int) -> Iterator[Item]:
        # Always in a user's name: without, there are neither play counts nor library permissions.
        user_id = self._session.account.user_id

        def ask(start: int, limit: int) -> tuple[list[Item], int | None]:
            page = {"userId": user_id, **query, "startIndex": start, "limit": limit}
            return page_from(self._session.get_object("Items", page))

        return every_item(ask, page_size=page_size, id_field="Id")

    # --- audio ---

    def _opener(
        self, track: Track, ways: Sequence[str]
    ) -> Callable[..., AbstractContextManager[httpx.Response]]:
        """Return a function that asks for the audio by the first way that the account may go."""

        @contextmanager
        def open_response(*, headers: Mapping[str, str], accept: Collection[int]) -> Iterator[httpx.Response]:
            for way in ways:
                path = f"Items/{_segment(track.id)}/{way}"
                context = self._session.stream(path, headers=headers, accept=(*accept, 403, 404, 500))
                with context as response:
                    if response.status_code == 404:
                        raise TrackMissing(f"Jellyfin no longer has the file of {track.title!r}")
                    if response.status_code in (403, 500):
                        refused = response.status_code
                        self._may_download = self._may_download and (way, refused) != ("Download", 403)
                        continue
                    yield response
                    return
            # 500 is what one file that Jellyfin's own user may not read looks like.
            reason = "cannot read it" if refused == 500 else "does not give it to this account"
            raise TrackMissing(f"the file of {track.title!r} is listed, but Jellyfin {reason}")

        return open_response


def _segment(item_id: str) -> str:
    """Make an id safe as one part of a path."""
    return quote(item_id, safe="")
