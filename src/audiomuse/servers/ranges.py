"""Answering a browser's ``Range`` header from a local file or from bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO

from audiomuse.servers.protocol import AudioStream

AUDIO_TYPES: dict[str, str] = {
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "alac": "audio/mp4",
    "ape": "audio/x-ape",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "mka": "audio/x-matroska",
    "mp2": "audio/mpeg",
    "mp3": "audio/mpeg",
    "mpc": "audio/x-musepack",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "spx": "audio/ogg",
    "tta": "audio/x-tta",
    "wav": "audio/wav",
    "wma": "audio/x-ms-wma",
    "wv": "audio/x-wavpack",
}
"""File name extensions that are audio, with what a browser should be told."""

_CHUNK = 256 * 1024


def ranged_stream(source: bytes | Path, suffix: str | None, byte_range: str | None) -> AudioStream:
    """Open `source` (or the part of it that `byte_range` asks for) for a player.

    Only single ranges are answered; a list of ranges or an unreadable header gets the whole, as RFC 9110
    allows.

    Parameters
    ----------
    source : bytes or Path
        The audio.
    suffix : str or None
        Its file name extension without the dot; decides the content type.
    byte_range : str or None
        ``"bytes=0-"``, ``"bytes=100-199"``, ``"bytes=-500"``.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    headers = {
        "Content-Type": AUDIO_TYPES.get((suffix or "").lower(), "application/octet-stream"),
        "Accept-Ranges": "bytes",
    }
    file: BinaryIO
    if isinstance(source, Path):
        file = source.open("rb")
        headers["Last-Modified"] = formatdate(source.stat().st_mtime, usegmt=True)
    else:
        file = io.BytesIO(source)
    size = file.seek(0, io.SEEK_END)
    span = _span(byte_range, size)
    if span is None:
        return AudioStream(200, {**headers, "Content-Length": str(size)}, _read(file, 0, size), file)
    start, stop = span
    if start >= stop:
        file.close()
        return AudioStream(416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"}, iter(()))
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    return AudioStream(206, headers, _read(file, start, stop), file)


def _span(byte_range: str | None, size: int) -> tuple[int, int] | None:
    """Return (start, stop) of a range within `size` bytes, empty if it lies outside; None for the whole."""
    match = re.fullmatch(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", byte_range or "")
    if not match or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size


def _read(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    left = stop - start
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        left -= len(chunk)
        yield chunk
