"""Playlists as .m3u8 files that any player opens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from audiomuse.errors import StorageError
from audiomuse.model import Playlist, Track
from audiomuse.servers.local_files import PathMap
from audiomuse.servers.m3u import M3uEntry, can_hold, file_stem, write_m3u
from audiomuse.settings import Settings
from audiomuse.storage.music_store import MusicStore


def export_playlists(
    music: MusicStore, playlists: Sequence[Playlist], folder: Path, settings: Settings
) -> list[Path]:
    """Write each playlist as ``<name>.m3u8`` into `folder`.

    Songs on this machine are named relative to `folder`; songs elsewhere by the path their server has for
    them. Songs without any path are left out.

    Parameters
    ----------
    folder : Path
        Made if missing. A file of the same name is replaced.

    Returns
    -------
    list of Path
        The files, in the order of `playlists`.

    Raises
    ------
    StorageError
        If `folder` cannot be written.
    """
    written: list[Path] = []
    used: set[str] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for playlist in playlists:
            path = folder / f"{_free_stem(file_stem(playlist.name), used)}.m3u8"
            write_m3u(path, playlist.name, playlist_lines(music, playlist, folder, settings))
            written.append(path)
    except OSError as e:
        raise StorageError(f"The playlists cannot be written to {folder}: {e.strerror}.") from e
    return written


def playlist_lines(
    music: MusicStore, playlist: Playlist, folder: Path | None, settings: Settings
) -> list[M3uEntry]:
    """Return the lines of one playlist file that will lie in `folder` (None: it is not known where)."""
    tracks = music.tracks.get_many(playlist.track_ids)
    entries = []
    for track_id in playlist.track_ids:
        track = tracks.get(track_id)
        path = _path(track, folder, settings) if track else None
        if track is not None and path is not None and can_hold(path):
            label = f"{track.artist} - {track.title}" if track.artist else track.title
            entries.append(M3uEntry(path, label, track.duration_s))
    return entries


def _path(track: Track, folder: Path | None, settings: Settings) -> str | None:
    if not track.path:
        return None
    local = PathMap.parse(settings.path_map).local(track.path)
    if settings.chosen_server == "folder" and settings.music_dir:
        local = settings.music_dir.expanduser().absolute() / track.path
    if local is None:
        return track.path
    if folder is None:
        return str(local)
    return Path(os.path.relpath(local, folder.absolute())).as_posix()


def _free_stem(stem: str, used: set[str]) -> str:
    """Keep two names that differ only in what file systems cannot write apart."""
    candidate, number = stem, 1
    while candidate.casefold() in used:
        number += 1
        candidate = f"{stem} {number}"
    used.add(candidate.casefold())
    return candidate
