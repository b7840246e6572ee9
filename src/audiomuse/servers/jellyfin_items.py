"""Jellyfin's items as our nouns, and lists of them page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from audiomuse.errors import ServerRefused
from audiomuse.model import Album, Track

_TICKS_PER_SECOND = 10_000_000

AskPage = Callable[[int, int], Any]
"""Gives the answer for (start index, limit)."""


def every_page(ask: AskPage, *, page_size: int) -> Iterator[Mapping[str, Any]]:
    """Yield every item of a list as it stands, repetitions included.

    Parameters
    ----------
    ask : callable
        Asks for one page.
    page_size : int > 0
        Items in a page at most.

    Raises
    ------
    ServerRefused
        If an answer is not a page of items.
    """
    start = 0
    while True:
        items, total = _page(ask(start, page_size))
        yield from items
        start += len(items)
        if not items or (start >= total and len(items) < page_size):
            return


def every_item(ask: AskPage, *, page_size: int) -> Iterator[Mapping[str, Any]]:
    """Yield every item of a library once, while the library may change under our feet.

    Items that move to a later page are not repeated. When the list gets shorter, the next page starts as
    much earlier, so that nothing that moved to an earlier page is skipped. The server's total is only a
    hint: it may be missing or wrong.

    Parameters and errors are those of `every_page`.
    """
    seen: set[str] = set()
    start, known_total, pages_without_news = 0, 0, 0
    while True:
        items, total = _page(ask(start, page_size))
        fresh = [item for item in items if item["Id"] not in seen]
        seen.update(item["Id"] for item in fresh)
        yield from fresh
        pages_without_news = 0 if fresh else pages_without_news + 1
        start += len(items)
        at_end = not items or (start >= total and len(items) < page_size)
        if total < known_total and total:
            start = max(0, start - (known_total - total))
            at_end = at_end and start >= total
        known_total = total
        # A server that gives the same page for every start index would never end.
        if at_end or pages_without_news > 2:
            return


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


def _page(answer: Any) -> tuple[list[Mapping[str, Any]], int]:
    items = answer.get("Items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise ServerRefused("the server answered with something that is not a list of items")
    usable: list[Mapping[str, Any]] = [item for item in items if isinstance(item, dict) and item.get("Id")]
    return usable, int(answer.get("TotalRecordCount") or 0)


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
