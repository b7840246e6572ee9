"""A media server in memory: the reference for the Protocol and the double for everybody's tests."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from audiomuse.errors import ServerRefused, TrackMissing
from audiomuse.model import Album, Publication, Track
from audiomuse.servers import playlists
from audiomuse.servers.playlists import Overwrite
from audiomuse.servers.protocol import AudioFile, AudioStream, Cover, Library, RemotePlaylist, ServerInfo
from audiomuse.servers.ranges import ranged_stream

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class MemoryServer:
    """Keeps the promises of `MediaServer` over plain values.

    Parameters
    ----------
    tracks : iterable of Track
        The library.
    audio : mapping of str to bytes or Path, optional
        Audio by track id: bytes are "downloaded" into a temporary file, a path is opened as it is. A track
        that is not in it raises `TrackMissing` when opened.
    albums : iterable of Album, optional
        Made from the tracks if not given.
    covers : mapping of str to Cover, optional
        By album or track id.
    name : str
        Part of the identity; servers of different names are different servers.

    Attributes
    ----------
    audio : dict of str to bytes or Path
        As given; tests may take audio away.
    held : dict of str to tuple
        The playlists by id: ``(name, track ids)``; tests may put playlists of "other people" in.
    playlist_covers : dict of str to bytes
        What `save_playlist` was given.
    """

    def __init__(
        self,
        tracks: Iterable[Track] = (),
        audio: Mapping[str, bytes | Path] | None = None,
        *,
        albums: Iterable[Album] | None = None,
        covers: Mapping[str, Cover] | None = None,
        name: str = "memory",
    ) -> None:
        self._tracks = {track.id: track for track in tracks}
        self.audio: dict[str, bytes | Path] = dict(audio or {})
        self._albums = list(albums) if albums is not None else _albums_of(self._tracks.values())
        self._covers = dict(covers or {})
        self._name = name
        self._lock = threading.RLock()
        self._created = 0
        self.held: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.playlist_covers: dict[str, bytes] = {}

    # --- MediaServer ---

    def identity(self) -> ServerInfo:
        return ServerInfo(f"memory:{self._name}", self._name, "memory", "1")

    def libraries(self) -> list[Library]:
        return [Library("music", "Music")]

    def albums(self, limit: int = 0) -> Iterator[Album]:
        newest_first = sorted(self._albums, key=lambda album: album.title)
        newest_first.sort(key=lambda album: album.added_at or _LONG_AGO, reverse=True)
        yield from newest_first[: limit or None]

    def tracks(self, album_id: str) -> list[Track]:
        return [track for track in self._tracks.values() if track.album_id == album_id]

    def all_tracks(self) -> Iterator[Track]:
        yield from self._tracks.values()

    @contextmanager
    def open_audio(self, track: Track, into: Path) -> Iterator[AudioFile]:
        audio = self._audio_of(track)
        if isinstance(audio, Path):
            yield AudioFile(audio, temporary=False)
            return
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=into, suffix=f".{track.suffix or 'bin'}") as file:
            file.write(audio)
            file.flush()
            yield AudioFile(Path(file.name), temporary=True)

    def stream_audio(self, track: Track, byte_range: str | None = None) -> AudioStream:
        audio = self._audio_of(track)
        data = audio.read_bytes() if isinstance(audio, Path) else audio
        return ranged_stream(data, track.suffix, byte_range)

    def cover(self, item_id: str, *, size: int = 300) -> Cover | None:
        return self._covers.get(item_id)

    def playlists(self) -> list[RemotePlaylist]:
        with self._lock:
            return [RemotePlaylist(remote_id, name) for remote_id, (name, _) in self.held.items()]

    def save_playlist(
        self,
        name: str,
        track_ids: Sequence[str],
        *,
        publication: Publication | None = None,
        cover: bytes | None = None,
        on_created: Callable[[Publication], None] | None = None,
    ) -> Publication:
        with self._lock:
            return playlists.save(
                self, self.identity().id, name, track_ids,
                publication=publication, cover=cover, on_created=on_created,
            )  # fmt: skip

    def recover_playlist(self, name: str, track_ids: Sequence[str]) -> Publication | None:
        return playlists.recover(self, self.identity().id, name, track_ids)

    def delete_playlist(self, publication: Publication) -> None:
        playlists.delete(self, self.identity().id, publication)

    def close(self) -> None:
        """Nothing is open."""

    # --- PlaylistCalls ---

    def find(self, remote_id: str) -> RemotePlaylist | None:
        """Look a playlist up."""
        if remote_id in self._tracks:
            raise ServerRefused(f"{remote_id} is a track, not a playlist; it is left alone")
        held = self.held.get(remote_id)
        return RemotePlaylist(remote_id, held[0]) if held else None

    def track_ids(self, remote_id: str) -> list[str]:
        """Read the tracks of a playlist."""
        return list(self.held[remote_id][1])

    def known_tracks(self, track_ids: Sequence[str]) -> set[str]:
        """Tell which of these tracks exist."""
        return self._tracks.keys() & set(track_ids)

    def create(self, name: str, track_ids: Sequence[str]) -> str:
        """Make a playlist of those tracks that exist, as real servers do."""
        self._created += 1
        remote_id = f"playlist-{self._created}"
        self.overwrite(remote_id, name, track_ids)
        return remote_id

    def overwriting(self, *, rename: bool) -> Overwrite:
        """Tell that everything can be changed at once."""
        return Overwrite.AT_ONCE

    def overwrite(self, remote_id: str, name: str, track_ids: Sequence[str]) -> None:
        """Store name and tracks."""
        self.held[remote_id] = (name, tuple(id_ for id_ in track_ids if id_ in self._tracks))

    def delete(self, remote_id: str) -> None:
        """Delete a playlist."""
        if self.find(remote_id):
            del self.held[remote_id]

    def set_cover(self, remote_id: str, picture: bytes) -> None:
        """Keep the picture."""
        self.playlist_covers[remote_id] = picture

    def _audio_of(self, track: Track) -> bytes | Path:
        try:
            return self.audio[track.id]
        except KeyError:
            raise TrackMissing(f"the audio of {track.title!r} is gone") from None


def _albums_of(tracks: Iterable[Track]) -> list[Album]:
    """Group tracks by album id; an album is as new as its newest track."""
    grouped: dict[str, list[Track]] = {}
    for track in tracks:
        if track.album_id is not None:
            grouped.setdefault(track.album_id, []).append(track)
    return [
        Album(
            id=album_id,
            title=members[0].album or "",
            artist=members[0].album_artist or members[0].artist,
            added_at=max((track.added_at for track in members if track.added_at), default=None),
            track_count=len(members),
        )
        for album_id, members in grouped.items()
    ]
