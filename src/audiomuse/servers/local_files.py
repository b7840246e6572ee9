"""Reading a server's audio from its disk, where that disk is mounted on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audiomuse.model import Track


@dataclass(frozen=True, slots=True)
class PathMap:
    """Where the server's folders are on this machine.

    Examples
    --------
    >>> PathMap.parse("/music=/mnt/nas/music").local("/music/A/1.flac")
    PosixPath('/mnt/nas/music/A/1.flac')
    """

    pairs: tuple[tuple[str, str], ...] = ()
    """(server prefix, local prefix), both without a trailing slash."""

    @classmethod
    def parse(cls, text: str) -> PathMap:
        """Read ``SERVER_PREFIX=LOCAL_PREFIX``, more than one separated by ``;``."""
        pairs = (pair.partition("=") for pair in text.split(";") if "=" in pair)
        return cls(tuple((_slashes(left), right.strip().rstrip("/")) for left, _, right in pairs))

    def local(self, server_path: str) -> Path | None:
        """Translate a path of the server; None if no prefix fits. The longest fitting prefix counts."""
        path = _slashes(server_path)
        fitting = [pair for pair in self.pairs if path == pair[0] or path.startswith(pair[0] + "/")]
        if not fitting:
            return None
        prefix, local = max(fitting, key=lambda pair: len(pair[0]))
        return Path(local + path[len(prefix) :])


def local_audio(track: Track, path_map: PathMap) -> Path | None:
    """Find the audio of `track` on this machine; None if it has to be downloaded.

    Without a fitting prefix the server's own path counts, but only for a file of just the size that the
    server names: the same path on another machine may be another file.
    """
    if not track.path:
        return None
    mapped = path_map.local(track.path)
    if mapped is None and track.size_bytes is None:
        return None
    path = mapped or Path(track.path)
    try:
        if not (path.is_absolute() and path.is_file()):
            return None
        same_size = track.size_bytes is None or path.stat().st_size == track.size_bytes
        # A mapped file may have been tagged anew since the server looked at it.
        return path if mapped or same_size else None
    except (OSError, ValueError):
        return None


def _slashes(path: str) -> str:
    """Spell a path of a Windows server like everybody else's."""
    return path.strip().replace("\\", "/").rstrip("/")
