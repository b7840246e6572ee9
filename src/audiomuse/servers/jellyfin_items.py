"""Jellyfin's items as our nouns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from audiomuse.errors import ServerRefused
from audiomuse.model import Album, Track
from audiomuse.servers.paging import Item

_TICKS_PER_SECOND = 10_000_000


def page_from(answer: Mapping[str, Any]) -> tuple[list[Item], int | None]:
    """Read a page of items and the length of the whole list.

    Raises
    ------
    ServerRefused
        If the answer is not a page of items.
    """
    items = answer.get("Items")
    if not isinstance(items, list):
        raise ServerRefused("the server answered with something that is not a list of items")
    total = answer.get("TotalRecordCount")
    return [item for item in items if isinstance(item, dict) and item.get("Id")], total or None


def album_from(item: Mapping[str, Any]) -> Album:
    """Read a MusicAlbum."""
    return Album(
        id=item["Id"],
        title=str(item.get("Name", "")),
        artist=_first(item, "AlbumArtist") or _first_named(item, "AlbumArtists") or _first(item, "Artists"),
        added_at=date_from(item.get("DateCreated")),
        track_count=item.get("ChildCount"),
    )


def track_from(item: Mapping[str, Any]) -> Track:
    """Read an Audio item; fields that this version or account does not give are None."""
    source = (item.get("MediaSources") or [{}])[0]
    path = item.get("Path") or source.get("Path")
    ticks = item.get("RunTimeTicks")
    providers = item.get("ProviderIds") or {}
    user_data = item.get("UserData") or {}
    album_artist = _first(item, "AlbumArtist") or _first_named(item, "AlbumArtists")
    return Track(
        id=item["Id"],
        title=str(item.get("Name", "")),
        artist=_first(item, "Artists") or album_artist,
        album_id=item.get("AlbumId"),
        album=item.get("Album"),
        album_artist=album_artist,
        duration_s=ticks / _TICKS_PER_SECOND if ticks else None,
        path=path,
        suffix=_suffix(path, item.get("Container") or source.get("Container")),
        size_bytes=source.get("Size"),
        added_at=date_from(item.get("DateCreated")),
        year=item.get("ProductionYear"),
        genres=tuple(item.get("Genres") or ()),
        # Before 10.11 the recording's id stood under the name of the (release) track.
        musicbrainz_recording_id=providers.get("MusicBrainzRecording") or providers.get("MusicBrainzTrack"),
        play_count=user_data.get("PlayCount"),
        last_played_at=date_from(user_data.get("LastPlayedDate")),
        is_favorite=bool(user_data.get("IsFavorite")),
    )


def date_from(text: str | None) -> datetime | None:
    """Read a date of Jellyfin, which has seven fractional digits; None if there is none to read."""
    if not text:
        return None
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)


def _first(item: Mapping[str, Any], field: str) -> str | None:
    """Return a text, or the first of a list of texts; None if it is empty."""
    value = item.get(field)
    if isinstance(value, list):
        value = value[0] if value else None
    return str(value) if value else None


def _first_named(item: Mapping[str, Any], field: str) -> str | None:
    people = item.get(field) or [{}]
    return str(people[0].get("Name") or "") or None


def _suffix(path: str | None, container: str | None) -> str | None:
    """Return the file's own suffix, else the first of the container's names."""
    match = re.search(r"\.([A-Za-z0-9]{1,5})$", path or "")
    if match:
        return match.group(1).lower()
    return (container or "").split(",")[0].lower() or None
