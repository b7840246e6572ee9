"""The playlists of a folder library: .m3u8 files that any player and media server can read."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audiomuse.errors import ServerRefused
from audiomuse.servers import m3u
from audiomuse.servers.playlists import Overwrite
from audiomuse.servers.protocol import RemotePlaylist
from audiomuse.servers.tags import Tags

_log = logging.getLogger(__name__)

_SUFFIX = ".m3u8"


class FolderPlaylists:
    """The `PlaylistCalls` of a folder. The id of a playlist is its file name.

    Only files that carry our mark are changed or deleted, even if a record names them: somebody may have put
    another playlist under the same name.

    Parameters
    ----------
    folder : Path
        Where the files are written; made when the first one is.
    music_dir : Path
        What the ids of tracks are relative to.
    path_of : callable
        Gives the path of a track relative to `music_dir`; None if there is no such track.
    tags_of : callable
        Gives the tags of the file at such a path.
    id_of : callable
        Gives the track id of such a path.
    """

    def __init__(
        self,
        folder: Path,
        music_dir: Path,
        *,
        path_of: Callable[[str], str | None],
        tags_of: Callable[[str], Tags],
        id_of: Callable[[str], str],
    ) -> None:
        self._folder = folder.absolute()
        self._music_dir = music_dir.absolute()
        self._path_of = path_of
        self._tags_of = tags_of
        self._id_of = id_of

    def playlists(self) -> list[RemotePlaylist]:
        """List every .m3u8 file of the folder."""
        if not self._folder.is_dir():
            return []
        with self._explained("read"):
            files = sorted(file for file in self._folder.iterdir() if file.suffix.lower() == _SUFFIX)
            return [RemotePlaylist(file.name, m3u.read_m3u(file).name) for file in files]

    def find(self, remote_id: str) -> RemotePlaylist | None:
        """Look a playlist of ours up; None also if the file is somebody else's now."""
        found = self._read(remote_id)
        return RemotePlaylist(remote_id, found.name) if found and found.is_ours else None

    def track_ids(self, remote_id: str) -> list[str]:
        """Read the tracks in their order."""
        found = self._read(remote_id)
        return [self._id_of(self._in_music_dir(path)) for path in found.paths] if found else []

    def known_tracks(self, track_ids: Sequence[str]) -> set[str]:
        """Tell which tracks exist under a name that a playlist can hold."""
        paths = {track_id: self._path_of(track_id) for track_id in track_ids}
        return {track_id for track_id, path in paths.items() if path is not None and m3u.can_hold(path)}

    def create(self, name: str, track_ids: Sequence[str]) -> str:
        """Write a new file; a name that is taken gets a number."""
        stem = m3u.file_stem(name)
        with self._explained("written"):
            self._folder.mkdir(parents=True, exist_ok=True)
            file, number = self._folder / f"{stem}{_SUFFIX}", 2
            while file.exists():
                file, number = self._folder / f"{stem} ({number}){_SUFFIX}", number + 1
        self.overwrite(file.name, name, track_ids)
        return file.name

    def overwriting(self, *, rename: bool) -> Overwrite:
        """Tell that a file is replaced at once; another name is another file."""
        return Overwrite.NEVER if rename else Overwrite.AT_ONCE

    def overwrite(self, remote_id: str, name: str, track_ids: Sequence[str]) -> None:
        """Write the file whole or not at all."""
        paths = [self._path_of(track_id) for track_id in track_ids]
        entries = [self._entry(path) for path in paths if path is not None and m3u.can_hold(path)]
        with self._explained("written"):
            m3u.write_m3u(self._file(remote_id), name, entries)

    def delete(self, remote_id: str) -> None:
        """Delete a file that carries our mark."""
        found = self._read(remote_id)
        if found is None:
            return
        if not found.is_ours:
            raise ServerRefused(
                f"{self._file(remote_id)} was not written by AudioMuse; it is left alone, delete it by hand"
            )
        with self._explained("changed"):
            self._file(remote_id).unlink(missing_ok=True)

    def set_cover(self, remote_id: str, picture: bytes) -> None:
        """Do nothing: playlist files have no pictures."""
        _log.debug("playlist files have no covers (%s)", remote_id)

    def _file(self, remote_id: str) -> Path:
        if Path(remote_id).name != remote_id or not remote_id.lower().endswith(_SUFFIX):
            raise ServerRefused(f"{remote_id!r} is not the name of a playlist file; it is left alone")
        return self._folder / remote_id

    def _read(self, remote_id: str) -> m3u.M3uFile | None:
        with self._explained("read"):
            try:
                return m3u.read_m3u(self._file(remote_id))
            except FileNotFoundError:
                return None

    def _entry(self, path: str) -> m3u.M3uEntry:
        tags = self._tags_of(path)
        title = tags.title or os.path.splitext(os.path.basename(path))[0]
        artist = tags.artist or tags.album_artist
        relative = os.path.relpath(self._music_dir / path, self._folder).replace(os.sep, "/")
        return m3u.M3uEntry(relative, f"{artist} - {title}" if artist else title, tags.duration_s)

    def _in_music_dir(self, path: str) -> str:
        return os.path.relpath(os.path.join(self._folder, path), self._music_dir)

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        """Say which folder it was; `done` is what could not be done with it."""
        try:
            yield
        except OSError as e:
            raise ServerRefused(
                f"the playlists folder {self._folder} cannot be {done}: {e.strerror or e}; set PLAYLISTS_DIR "
                "to a folder that may be written"
            ) from e
