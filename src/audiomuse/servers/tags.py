"""What an audio file says about itself, for libraries without a server in front."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen
from mutagen.flac import Picture

from audiomuse.servers.protocol import Cover

_log = logging.getLogger(__name__)

# Every container spells its tags in its own way; mutagen's "easy" names cover most, the rest are raw
# ID3 frames (WAV, AIFF) and ASF names (WMA).
_NAMES: dict[str, tuple[str, ...]] = {
    "title": ("title", "TIT2", "Title"),
    "artist": ("artist", "TPE1", "Author"),
    "album": ("album", "TALB", "WM/AlbumTitle"),
    "album_artist": ("albumartist", "album artist", "TPE2", "WM/AlbumArtist"),
    "track": ("tracknumber", "track", "TRCK", "WM/TrackNumber"),
    "disc": ("discnumber", "disc", "TPOS", "WM/PartOfSet"),
    "year": ("date", "originaldate", "year", "TDRC", "WM/Year"),
    "genre": ("genre", "TCON", "WM/Genre"),
    "recording_id": ("musicbrainz_trackid", "MusicBrainz/Track Id"),
}


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of one file; None or empty where it has none."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    track: int | None = None
    disc: int | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    recording_id: str | None = None
    duration_s: float | None = None


def read_tags(path: Path) -> Tags:
    """Read the tags of an audio file; a file that cannot be read has none.

    Whether such a file can be *heard* is for the decoder to say, so nothing is raised here.
    """
    file = _open(path, easy=True)
    if file is None:
        return Tags()
    found = {noun: list(_values(file.tags, names)) for noun, names in _NAMES.items()}
    first = {noun: values[0] if values else None for noun, values in found.items()}
    length = float(getattr(file.info, "length", 0) or 0)
    return Tags(
        title=first["title"],
        artist=first["artist"],
        album=first["album"],
        album_artist=first["album_artist"],
        track=_leading_number(first["track"]),
        disc=_leading_number(first["disc"]),
        year=_leading_number(first["year"]),
        genres=tuple(found["genre"]),
        recording_id=first["recording_id"],
        duration_s=length or None,
    )


def read_picture(path: Path) -> Cover | None:
    """Return the first picture inside an audio file; None if it holds none."""
    file = _open(path, easy=False)
    if file is None:
        return None
    for picture in _pictures(file):
        return picture
    return None


def _open(path: Path, *, easy: bool) -> Any:
    try:
        return mutagen.File(path, easy=easy)
    except Exception as e:  # noqa: BLE001 - a damaged file makes the parsers fail in any way they like
        _log.info("the tags of %s cannot be read: %s: %s", path.name, type(e).__name__, e)
        return None


def _values(tags: Any, names: Iterable[str]) -> Iterator[str]:
    """Yield the non-empty texts under the first of these names that has any."""
    for name in names:
        try:
            found = tags.get(name) if tags is not None else None
        except (KeyError, ValueError):  # APEv2 refuses names that its format does not allow
            found = None
        texts = getattr(found, "text", found)
        if texts is None:
            continue
        listed = texts if isinstance(texts, (list, tuple)) else [texts]
        cleaned = [str(text).replace("\x00", "").strip() for text in listed]
        if any(cleaned):
            yield from filter(None, cleaned)
            return


def _leading_number(text: str | None) -> int | None:
    match = re.match(r"\d{1,4}", text or "")
    return int(match.group()) if match else None


def _pictures(file: Any) -> Iterator[Cover]:
    """Yield the pictures of any container: FLAC blocks, ID3 APIC frames, MP4 atoms, Vorbis comments."""
    for block in getattr(file, "pictures", ()):
        yield Cover(block.mime, block.data)
    tags = file.tags
    if tags is None:
        return
    if hasattr(tags, "getall"):
        for frame in tags.getall("APIC"):
            yield Cover(frame.mime, frame.data)
    elif "covr" in tags:
        for atom in tags["covr"]:
            data = bytes(atom)
            yield Cover("image/png" if data.startswith(b"\x89PNG") else "image/jpeg", data)
    elif "metadata_block_picture" in tags:
        for text in tags["metadata_block_picture"]:
            try:
                block = Picture(base64.b64decode(text))  # type: ignore[no-untyped-call]
            except (ValueError, mutagen.MutagenError):
                continue
            yield Cover(block.mime, block.data)
