"""Navidrome, gonic, LMS, supysonic and every other server that speaks Subsonic or OpenSubsonic."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from audiomuse.errors import ServerRefused, TrackMissing
from audiomuse.model import Album, Publication, Track
from audiomuse.servers import playlists
from audiomuse.servers.download import downloaded, player_stream
from audiomuse.servers.local_files import PathMap, local_audio
from audiomuse.servers.paging import Item, every_item
from audiomuse.servers.protocol import AudioFile, AudioStream, Cover, Library, RemotePlaylist, ServerInfo
from audiomuse.servers.subsonic_playlists import SubsonicPlaylists
from audiomuse.servers.subsonic_session import Credentials, SubsonicRefused, SubsonicSession, is_gone
from audiomuse.servers.transport import Params

_PAGE = 500
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NOT_ALLOWED = 50


class SubsonicServer:
    """Keeps the promises of `MediaServer` over an (Open)Subsonic server.

    Parameters
    ----------
    client : httpx.Client
        Used, and closed by `close`.
    base_url : str
        Address of the server, with its path prefix if it has one.
    credentials : Credentials
        API key, or user and password.
    libraries : sequence of str
        Names of the music folders to use; empty for all.
    path_map : PathMap, optional
        Where the server's folders are on this machine.
    **transport_options
        `patience` and `sleep` of `Transport`.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        credentials: Credentials,
        *,
        libraries: Sequence[str] = (),
        path_map: PathMap | None = None,
        **transport_options: Any,
    ) -> None:
        self._session = SubsonicSession(client, base_url, credentials, **transport_options)
        self._chosen = tuple(libraries)
        self._path_map = path_map or PathMap()
        self._playlists = SubsonicPlaylists(self._session)

    def identity(self) -> ServerInfo:
        return self._session.info

    def libraries(self) -> list[Library]:
        folders = self._session.call("getMusicFolders").get("musicFolders") or {}
        return [
            Library(str(folder["id"]), str(folder.get("name") or folder["id"]))
            for folder in folders.get("musicFolder") or ()
        ]

    def albums(self, limit: int = 0) -> Iterator[Album]:
        each = [self._albums_in(folder) for folder in self._folders()]
        merged = heapq.merge(*each, key=lambda album: album.added_at or _LONG_AGO, reverse=True)
        return islice(merged, limit or None)

    def tracks(self, album_id: str) -> list[Track]:
        try:
            album = self._session.call("getAlbum", {"id": album_id}).get("album") or {}
        except ServerRefused as e:
            if not is_gone(e):
                raise
            return []
        songs = [song for song in album.get("song") or () if song.get("id")]
        songs.sort(key=lambda song: (song.get("discNumber") or 1, song.get("track") or 0))
        return [track_from(song) for song in songs]

    def all_tracks(self) -> Iterator[Track]:
        # An empty search finds everything by the rules of OpenSubsonic; others find nothing, or do not
        # search within a folder.
        first = None if self._chosen else next(self._searched(), None)
        if first is None:
            for album in self.albums():
                yield from self.tracks(album.id)
        else:
            yield from map(track_from, self._searched())

    @contextmanager
    def open_audio(self, track: Track, into: Path) -> Iterator[AudioFile]:
        local = local_audio(track, self._path_map)
        if local is not None:
            yield AudioFile(local, temporary=False)
            return
        transport = self._session.transport
        with downloaded(
            self._opener(track),
            into,
            title=track.title,
            suffix=track.suffix,
            expected_size=track.size_bytes,
            patience=transport.patience,
            sleep=transport.sleep,
        ) as audio:
            yield audio

    def stream_audio(self, track: Track, byte_range: str | None = None) -> AudioStream:
        return player_stream(self._opener(track), byte_range)

    def cover(self, item_id: str, *, size: int = 300) -> Cover | None:
        try:
            with self._session.stream("getCoverArt", {"id": item_id, "size": size}, headers={}) as response:
                content_type = response.headers.get("Content-Type", "")
                if not content_type.startswith("image/"):
                    return None
                return Cover(content_type, response.read())
        except ServerRefused as e:
            if not is_gone(e):
                raise
            return None

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

    def _folders(self) -> list[dict[str, str]]:
        """Return the query part for each chosen music folder; one empty part for everything."""
        if not self._chosen:
            return [{}]
        libraries = self.libraries()
        by_name = {library.name.casefold(): library.id for library in libraries}
        for name in self._chosen:
            if name.casefold() not in by_name:
                raise ServerRefused(
                    f"MUSIC_LIBRARIES names {name!r}, which is no music folder of this server; there are: "
                    f"{', '.join(library.name for library in libraries) or 'none'}"
                )
        return [{"musicFolderId": by_name[name.casefold()]} for name in self._chosen]

    def _albums_in(self, folder: Mapping[str, str]) -> Iterator[Album]:
        def ask(start: int, limit: int) -> tuple[list[Item], int | None]:
            query: Params = {"type": "newest", "size": limit, "offset": start, **folder}
            listed = self._session.call("getAlbumList2", query).get("albumList2") or {}
            return [album for album in listed.get("album") or () if album.get("id")], None

        return (album_from(album) for album in every_item(ask, page_size=_PAGE, id_field="id"))

    def _searched(self) -> Iterator[Item]:
        def ask(start: int, limit: int) -> tuple[list[Item], int | None]:
            query: Params = {
                "query": "", "songCount": limit, "songOffset": start, "artistCount": 0, "albumCount": 0,
            }  # fmt: skip
            found = self._session.call("search3", query).get("searchResult3") or {}
            return [song for song in found.get("song") or () if song.get("id")], None

        return every_item(ask, page_size=_PAGE, id_field="id")

    # --- audio ---

    def _opener(self, track: Track) -> Callable[..., AbstractContextManager[httpx.Response]]:
        """Return a function that asks for the original audio, by streaming if downloading is not allowed."""
        ways: tuple[tuple[str, Params], ...] = (
            ("download", {"id": track.id}),
            ("stream", {"id": track.id, "format": "raw"}),
        )

        @contextmanager
        def open_response(*, headers: Mapping[str, str], accept: Collection[int]) -> Iterator[httpx.Response]:
            for method, params in ways:
                context = self._session.stream(method, params, headers=headers, accept=(*accept, 403, 500))
                try:
                    response = context.__enter__()
                except ServerRefused as e:
                    if is_gone(e):
                        raise TrackMissing(f"the server no longer has the file of {track.title!r}") from e
                    if isinstance(e, SubsonicRefused) and e.code == _NOT_ALLOWED:
                        continue
                    raise
                try:
                    # 500 is what one file that the server itself may not read looks like.
                    if response.status_code not in (403, 500):
                        yield response
                        return
                finally:
                    context.__exit__(None, None, None)
            raise TrackMissing(
                f"the file of {track.title!r} is listed, but the server does not give it to this account"
            )

        return open_response


def album_from(album: Mapping[str, Any]) -> Album:
    """Read an AlbumID3."""
    return Album(
        id=str(album["id"]),
        title=str(album.get("name") or album.get("title") or ""),
        artist=album.get("displayArtist") or album.get("artist"),
        added_at=_date(album.get("created")),
        track_count=album.get("songCount"),
    )


def track_from(song: Mapping[str, Any]) -> Track:
    """Read a Child; fields that this server does not give are None."""
    album_artists = song.get("albumArtists") or [{}]
    genres = [str(genre.get("name")) for genre in song.get("genres") or () if genre.get("name")]
    if not genres and song.get("genre"):
        genres = [str(song["genre"])]
    suffix = song.get("suffix")
    return Track(
        id=str(song["id"]),
        title=str(song.get("title") or ""),
        artist=song.get("artist") or song.get("displayArtist"),
        album_id=str(song["albumId"]) if song.get("albumId") else None,
        album=song.get("album"),
        album_artist=song.get("displayAlbumArtist") or album_artists[0].get("name"),
        duration_s=float(song["duration"]) if song.get("duration") else None,
        path=song.get("path"),
        suffix=str(suffix).lower() if suffix else None,
        size_bytes=song.get("size"),
        added_at=_date(song.get("created")),
        year=song.get("year"),
        genres=tuple(genres),
        musicbrainz_recording_id=song.get("musicBrainzId") or None,
        play_count=song.get("playCount"),
        last_played_at=_date(song.get("played")),
        is_favorite=bool(song.get("starred")),
    )


def _date(text: str | None) -> datetime | None:
    """Read a date, which some servers give without a zone (UTC is meant)."""
    try:
        date = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if date is None:
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
