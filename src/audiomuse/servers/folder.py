"""A folder of music on this machine as a media server.

A folder is an album (``CD 1`` and ``Disc 2`` inside it belong to it); its date is that of its newest file.
The id of a track is a hash of its path relative to the music folder, so it stays the same when the music
folder is mounted elsewhere, and changes when the file is moved or renamed. Playlists are .m3u8 files.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from audiomuse.errors import ServerRefused, ServerUnreachable, TrackMissing
from audiomuse.model import Album, Publication, Track
from audiomuse.servers import playlists
from audiomuse.servers.folder_playlists import FolderPlaylists
from audiomuse.servers.protocol import AudioFile, AudioStream, Cover, Library, RemotePlaylist, ServerInfo
from audiomuse.servers.ranges import AUDIO_TYPES, ranged_stream
from audiomuse.servers.tags import Tags, read_picture, read_tags

_log = logging.getLogger(__name__)

_DISC_FOLDER = re.compile(r"(cd|dis[ck])[ _-]*\d{1,2}", re.IGNORECASE)
_WALK_AGAIN_AFTER_S = 5.0  # or a page that shows many lost songs would walk the disk for each
_COVER_FILES = ("cover", "folder", "front", "album")
_PICTURE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    """Relative to the music folder, as the file system spells it."""
    size: int
    modified: float


@dataclass(slots=True)
class _Folder:
    path: str
    files: list[_File] = field(default_factory=list)

    @property
    def modified(self) -> float:
        return max(file.modified for file in self.files)


class FolderServer:
    """Keeps the promises of `MediaServer` over a folder.

    Parameters
    ----------
    music_dir : Path
        The library. Hidden files and folders are not part of it; links are followed, each folder once.
    playlists_dir : Path, optional
        Where playlists are written; the folder "AudioMuse" in `music_dir` if not given.
    libraries : sequence of str
        Folders directly in `music_dir` to use; empty for everything.
    """

    def __init__(
        self, music_dir: Path, playlists_dir: Path | None = None, *, libraries: Sequence[str] = ()
    ) -> None:
        self._root = music_dir.absolute()
        self._chosen = tuple(libraries)
        self._folders: dict[str, _Folder] = {}
        self._paths: dict[str, str] = {}
        self._scanned_at = -math.inf
        self._playlists_dir = (playlists_dir or music_dir / "AudioMuse").absolute()
        self._playlists = FolderPlaylists(
            self._playlists_dir,
            music_dir,
            path_of=self._path_of,
            tags_of=self._tags_of,
            id_of=track_id,
        )

    def identity(self) -> ServerInfo:
        self._check_root()
        digest = hashlib.sha256(os.fsencode(self._root.resolve())).hexdigest()
        return ServerInfo(f"folder:{digest[:16]}", self._root.name, "folder", "")

    def libraries(self) -> list[Library]:
        self._check_root()
        try:
            names = [
                entry.name
                for entry in os.scandir(self._root)
                if entry.is_dir() and Path(entry.path) != self._playlists_dir
            ]
        except OSError as e:
            raise ServerRefused(f"the music folder {self._root} cannot be read: {e.strerror}") from e
        return [Library(name, _shown(name)) for name in sorted(names) if not name.startswith(".")]

    def albums(self, limit: int = 0) -> Iterator[Album]:
        self._scan()
        newest_first = sorted(self._folders.values(), key=lambda folder: (-folder.modified, folder.path))
        for folder in newest_first[: limit or None]:
            yield self._album(folder)

    def tracks(self, album_id: str) -> list[Track]:
        if album_id not in self._folders:
            self._scan()
        folder = self._folders.get(album_id)
        return self._tracks_in(folder) if folder else []

    def all_tracks(self) -> Iterator[Track]:
        self._scan()
        for folder in list(self._folders.values()):
            yield from self._tracks_in(folder)

    @contextmanager
    def open_audio(self, track: Track, into: Path) -> Iterator[AudioFile]:
        yield AudioFile(self._existing_file(track), temporary=False)

    def stream_audio(self, track: Track, byte_range: str | None = None) -> AudioStream:
        path = self._existing_file(track)
        try:
            return ranged_stream(path, path.suffix[1:], byte_range)
        except OSError as e:
            raise TrackMissing(f"{_shown(path.name)} cannot be read: {e.strerror}") from e

    def cover(self, item_id: str, *, size: int = 300) -> Cover | None:
        path = self._path_of(item_id)  # walks, if need be
        if path is None and item_id in self._folders:
            path = self._folders[item_id].files[0].path
        if path is None:
            return None
        file = self._root / path
        found = _cover_file(file.parent) or read_picture(file)
        return _shrunk(found, size) if found else None

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
        """Nothing is open."""

    # --- the walk ---

    def _check_root(self) -> None:
        if not self._root.is_dir():
            raise ServerRefused(
                f"the music folder {self._root} does not exist or is not a folder; set MUSIC_DIR, or mount it"
            )

    def _scan(self) -> None:
        """Walk the music folder by names and dates alone; no file is opened."""
        self._check_root()
        known = {library.name for library in self.libraries()}
        unknown = [name for name in self._chosen if name not in known]
        if unknown:
            raise ServerRefused(
                f"MUSIC_LIBRARIES names {unknown[0]!r}, which is not a folder in {self._root}; there are: "
                f"{', '.join(sorted(known)) or 'none'}"
            )
        folders: dict[str, _Folder] = {}
        paths: dict[str, str] = {}
        for file in self._walk():
            folder_path = _album_folder(os.path.dirname(file.path))
            folders.setdefault(album_id(folder_path), _Folder(folder_path)).files.append(file)
            paths[track_id(file.path)] = file.path
        for folder in folders.values():
            folder.files.sort(key=lambda file: file.path)
        self._folders, self._paths = folders, paths
        self._scanned_at = time.monotonic()

    def _walk(self) -> Iterator[_File]:
        """Yield every audio file; what cannot be read is logged and left out, links are followed once."""
        seen: set[tuple[int, int]] = set()
        waiting = [os.path.join(self._root, name) for name in self._chosen] or [str(self._root)]
        while waiting:
            folder = waiting.pop()
            try:
                status = os.stat(folder)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: (entry.is_symlink(), entry.name))
            except OSError as e:
                _log.warning("%s cannot be read and is left out: %s", _shown(folder), e.strerror)
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                try:
                    if entry.is_dir():
                        waiting.append(entry.path)
                    elif os.path.splitext(entry.name)[1][1:].lower() in AUDIO_TYPES and entry.is_file():
                        status = entry.stat()
                        path = os.path.relpath(entry.path, self._root)
                        yield _File(path, status.st_size, status.st_mtime)
                except OSError as e:
                    _log.warning("%s is left out: %s", _shown(entry.path), e.strerror)

    # --- files as nouns ---

    def _album(self, folder: _Folder) -> Album:
        """Name an album by the tags of its files where its ends agree, else by its folder."""
        first, last = self._tags(folder.files[0]), self._tags(folder.files[-1])
        agreed = first.album if first.album == last.album else None
        artist = first.album_artist or first.artist
        same_artist = artist == (last.album_artist or last.artist)
        return Album(
            id=album_id(folder.path),
            title=agreed or _shown(os.path.basename(folder.path) or self._root.name),
            artist=artist if same_artist else None,
            added_at=datetime.fromtimestamp(folder.modified, UTC),
            track_count=len(folder.files),
        )

    def _tracks_in(self, folder: _Folder) -> list[Track]:
        tagged = [(file, self._tags(file)) for file in folder.files]
        tagged.sort(key=lambda pair: (pair[1].disc or 1, pair[1].track or 0, pair[0].path))
        return [self._track(folder, file, tags) for file, tags in tagged]

    def _track(self, folder: _Folder, file: _File, tags: Tags) -> Track:
        stem, suffix = os.path.splitext(os.path.basename(file.path))
        when = datetime.fromtimestamp(file.modified, UTC)
        return Track(
            id=track_id(file.path),
            title=tags.title or _shown(stem),
            artist=tags.artist or tags.album_artist,
            album_id=album_id(folder.path),
            album=tags.album or _shown(os.path.basename(folder.path)) or None,
            album_artist=tags.album_artist,
            duration_s=tags.duration_s,
            path=_shown(file.path),
            suffix=suffix[1:].lower(),
            size_bytes=file.size,
            modified_at=when,
            added_at=when,
            year=tags.year,
            genres=tags.genres,
            musicbrainz_recording_id=tags.recording_id,
        )

    def _tags(self, file: _File) -> Tags:
        return read_tags(self._root / file.path)

    def _tags_of(self, path: str) -> Tags:
        return read_tags(self._root / path)

    def _path_of(self, wanted_id: str) -> str | None:
        """Return the relative path of a track; walks again for a new id, but not all the time."""
        if wanted_id not in self._paths and time.monotonic() - self._scanned_at > _WALK_AGAIN_AFTER_S:
            self._scan()
        return self._paths.get(wanted_id)

    def _existing_file(self, track: Track) -> Path:
        # The path that we listed it with saves the walk, if it is still the one of this id.
        path = track.path if track.path and track_id(track.path) == track.id else self._path_of(track.id)
        file = self._root / path if path is not None else None
        if file is not None and file.is_file():
            return file
        if not self._root.is_dir():
            raise ServerUnreachable(f"the music folder {self._root} is gone; is it still mounted?")
        raise TrackMissing(f"the file of {track.title!r} is gone ({track.path})")


def track_id(path: str) -> str:
    """Return the id of the track at `path` relative to the music folder: 32 hex digits."""
    return _digest("track", path)


def album_id(path: str) -> str:
    """Return the id of the album in the folder `path` relative to the music folder: 32 hex digits."""
    return _digest("album", path)


def _digest(noun: str, path: str) -> str:
    # Normalised, because macOS and Linux spell the same accented name in different bytes.
    spelled = unicodedata.normalize("NFC", path.replace(os.sep, "/"))
    data = f"{noun}:{spelled}".encode("utf-8", errors="surrogateescape")
    return hashlib.sha256(data).hexdigest()[:32]


def _album_folder(path: str) -> str:
    """Return the folder that is the album: the parent of a ``CD 1``."""
    parent, name = os.path.split(path)
    return parent if parent and _DISC_FOLDER.fullmatch(name) else path


def _shown(name: str) -> str:
    """Make a file name printable and storable, whatever bytes it holds."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _cover_file(folder: Path) -> Cover | None:
    try:
        files = {file.name.lower(): file for file in folder.iterdir()}
        for stem in _COVER_FILES:
            for suffix, content_type in _PICTURE_TYPES.items():
                if file := files.get(stem + suffix):
                    return Cover(content_type, file.read_bytes())
    except OSError as e:
        _log.info("no cover from %s: %s", _shown(folder.name), e.strerror)
    return None


def _shrunk(cover: Cover, size: int) -> Cover | None:
    """Return the picture no wider or higher than `size` pixels; None if it is not a picture."""
    try:
        with Image.open(io.BytesIO(cover.data)) as image:
            if max(image.size) <= size:
                return cover
            image.thumbnail((size, size))
            small = io.BytesIO()
            image.convert("RGB").save(small, "JPEG", quality=85)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as e:
        _log.info("a cover picture cannot be read: %s", e)
        return None
    return Cover("image/jpeg", small.getvalue())
