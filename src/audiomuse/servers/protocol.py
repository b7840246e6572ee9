"""What we need from a media server, whatever its make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audiomuse.model import Album, Publication, Track


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Who answers at the configured address."""

    id: str
    """Stable identity, e.g. ``"jellyfin:<server id>"``; what `Publication.server` holds."""
    name: str
    """As its owner calls it."""
    product: str
    """``"Jellyfin"``, ``"Navidrome"``, ``"folder"`` ..."""
    version: str
    """As the server writes it; ``""`` where there is none."""


@dataclass(frozen=True, slots=True)
class Library:
    """A music library, that is a part of the server which a person can choose."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RemotePlaylist:
    """A playlist as the server lists it, ours or not."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class AudioFile:
    """The original audio of one track as a file on this machine."""

    path: Path
    temporary: bool
    """True for a download that goes away when the context ends; False for the library's own file."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture."""

    content_type: str
    """``"image/jpeg"``, ``"image/png"`` ..."""
    data: bytes


class AudioStream:
    """Audio on its way to the web player: a status, headers for the browser and the bytes.

    Iterating yields the bytes; `close` (or leaving the context, or the end of the bytes) gives the
    connection back. A WSGI response can be made from it as it is.

    Attributes
    ----------
    status : int
        200, 206 (a range, see ``Content-Range``) or 416 (no such range; no bytes).
    headers : mapping of str to str
        Only what a browser needs, in canonical spelling: Content-Type, Content-Length, Content-Range,
        Accept-Ranges, Last-Modified, ETag. Nothing that names the server or its credentials.
    """

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        chunks: Iterator[bytes],
        resource: AbstractContextManager[object] | None = None,
    ) -> None:
        self.status = status
        self.headers = dict(headers)
        self._chunks = chunks
        self._resource = resource

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        finally:
            self.close()

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection or file back; closing twice is allowed."""
        resource, self._resource = self._resource, None
        if resource is not None:
            resource.__exit__(None, None, None)


class MediaServer(Protocol):
    """A library that can be listed, heard and given playlists.

    Every method raises `ServerUnreachable` if trying again may help and `ServerRefused` if it will not; the
    message says what is wrong and how to mend it and never holds a credential. Implementations are safe to
    use from several threads. The libraries to look at were chosen when the server was opened.
    """

    def identity(self) -> ServerInfo:
        """Say who answers; asked of the server once, then remembered."""

    def libraries(self) -> list[Library]:
        """List every music library that the account may see, chosen or not."""

    def albums(self, limit: int = 0) -> Iterator[Album]:
        """Yield each album of the chosen libraries once, newest first.

        Parameters
        ----------
        limit : int >= 0
            At most this many albums; 0 for all.
        """

    def tracks(self, album_id: str) -> list[Track]:
        """List the tracks of one album in disc and track order; empty if the album is gone."""

    def all_tracks(self) -> Iterator[Track]:
        """Yield each track of the chosen libraries once, in one pass and with bounded memory."""

    def open_audio(self, track: Track, into: Path) -> AbstractContextManager[AudioFile]:
        """Make the original audio of `track` a local file while the context lasts.

        Parameters
        ----------
        track : Track
            As this server listed it.
        into : Path
            Folder for a download; made if it does not exist. Nothing of ours stays in it afterwards.

        Raises
        ------
        TrackMissing
            If the server lists the track but no longer has (or gives) its audio.
        StorageError
            If `into` cannot be written.
        """

    def stream_audio(self, track: Track, byte_range: str | None = None) -> AudioStream:
        """Open the original audio of `track` for a player.

        Parameters
        ----------
        track : Track
            As this server listed it; only the id is needed.
        byte_range : str, optional
            A ``Range`` header as the browser sent it, e.g. ``"bytes=0-"``.

        Raises
        ------
        TrackMissing
            If the audio is gone.
        """

    def cover(self, item_id: str, *, size: int = 300) -> Cover | None:
        """Fetch the picture of an album or track, at most about `size` pixels wide; None without one."""

    def playlists(self) -> list[RemotePlaylist]:
        """List every playlist of the account, ours or not."""

    def save_playlist(
        self,
        name: str,
        track_ids: Sequence[str],
        *,
        publication: Publication | None = None,
        cover: bytes | None = None,
        on_created: Callable[[Publication], None] | None = None,
    ) -> Publication:
        """Make the server hold a playlist `name` with exactly these tracks in this order.

        What is there already is left alone; what differs is replaced, and the old version goes only after
        the new one was read back. A playlist that is not the one of `publication` is never touched, whatever
        its name. A private playlist is made where the server knows privacy.

        Parameters
        ----------
        name : str
            Its complete name.
        track_ids : sequence of str
            At least one; of a repeated id the first counts.
        publication : Publication, optional
            What an earlier call returned; None for a new playlist. If the playlist has been deleted on the
            server meanwhile, it is made anew.
        cover : bytes, optional
            A JPEG or PNG picture. A server that takes none goes without; that is logged, not an error.
        on_created : callable, optional
            Called with each playlist that is created on the server on the way, before anything else happens.
            Record it: if this call is interrupted (or the process killed), whatever was recorded and is not
            the playlist finally returned is a leftover of ours, to be given to `delete_playlist`.

        Returns
        -------
        Publication
            To be recorded at once: it alone allows changing or deleting the playlist later. Its
            ``track_ids`` are those that the server holds: tracks that it no longer knows are left out.

        Raises
        ------
        TrackMissing
            If the server knows none of the tracks; nothing was changed.
        ParameterError
            If `name` or `track_ids` is empty, or `publication` is of another server.
        """

    def recover_playlist(self, name: str, track_ids: Sequence[str]) -> Publication | None:
        """Find the playlist that an interrupted `save_playlist` created but could not report.

        Only a playlist with exactly this name and exactly these tracks in this order counts; None if there
        is none. Call it only with what we were about to save.
        """

    def delete_playlist(self, publication: Publication) -> None:
        """Delete a playlist of ours; one that is already gone is fine.

        Raises
        ------
        ServerRefused
            If what has that id on the server is not a playlist (of ours); nothing was deleted.
        ParameterError
            If `publication` is of another server.
        """

    def close(self) -> None:
        """Give back connections."""
