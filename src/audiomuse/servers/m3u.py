"""Playlist files: extended M3U in UTF-8 with relative paths, written so that they are whole or not there."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MARK = "#AUDIOMUSE:written by AudioMuse, which may replace or delete this file"
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)
_LONGEST_STEM = 180  # bytes; most file systems allow 255 for the whole name


@dataclass(frozen=True, slots=True)
class M3uEntry:
    """One song of a playlist file."""

    path: str
    """Relative to the playlist's folder, with forward slashes."""
    title: str = ""
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class M3uFile:
    """A playlist file as read."""

    name: str
    paths: tuple[str, ...]
    is_ours: bool
    """Whether it carries the mark of files that we wrote."""


def file_stem(name: str) -> str:
    """Turn a playlist name into a file name (without suffix) that every file system takes."""
    stem = _UNSAFE.sub("-", name).strip(" .") or "playlist"
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    while len(stem.encode(errors="surrogateescape")) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem.rstrip(" .")


def m3u_bytes(name: str, entries: Iterable[M3uEntry], *, ours: bool) -> bytes:
    """Return the content of a playlist file.

    Parameters
    ----------
    ours : bool
        Whether to mark it as a file that we may replace later; not for one that a person takes away.
    """
    lines = ["#EXTM3U", *([_MARK] if ours else []), f"#PLAYLIST:{_one_line(name)}"]
    for entry in entries:
        seconds = -1 if entry.duration_s is None else round(entry.duration_s)
        lines += [f"#EXTINF:{seconds},{_one_line(entry.title)}", _as_line(entry.path)]
    # A file name that is not valid UTF-8 keeps its bytes, so that players find the file.
    return ("\n".join(lines) + "\n").encode("utf-8", errors="surrogateescape")


def write_m3u(path: Path, name: str, entries: Iterable[M3uEntry]) -> None:
    """Write a playlist file atomically.

    Raises
    ------
    OSError
        If the folder cannot be written; a file that was there before is unchanged.
    """
    data = m3u_bytes(name, entries, ours=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".audiomuse-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)  # mkstemp's 0600 would hide the playlist from the music player
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def read_m3u(path: Path) -> M3uFile:
    """Read a playlist file, whoever wrote it.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    names = [line.removeprefix("#PLAYLIST:") for line in lines if line.startswith("#PLAYLIST:")]
    return M3uFile(
        name=names[0] if names else path.stem,
        paths=tuple(line for line in lines if line and not line.startswith("#")),
        is_ours=_MARK in lines,
    )


def can_hold(path: str) -> bool:
    """Tell whether a line of a playlist file can name this path."""
    return "\n" not in path and "\r" not in path


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _as_line(path: str) -> str:
    """Keep a name that starts with '#' or a space from being read as something else."""
    return f"./{path}" if path[:1] in ("#", " ") else path
