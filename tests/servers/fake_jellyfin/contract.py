"""What we say to Jellyfin and what it answers: the operations that AudioMuse uses, and no more.

The fake server checks every exchange against this table, so that neither the client nor the fake can drift
away from it; `test_jellyfin_contract.py` holds the table itself against Jellyfin's own OpenAPI files.

A shape is one of

- a word: ``"text"``, ``"id"`` (32 hex digits), ``"int"``, ``"number"``, ``"bool"``, ``"date"``, ``"map"``,
  ``"ids"`` (a comma list of ids, in queries),
- ``Words(...)``: one of these, or in queries a comma list of them,
- ``[shape]``: a list,
- ``{"Field": shape}``: an object with no other fields than these,
- ``Since(version, shape)``: a field or parameter that older versions do not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Version = tuple[int, int]


@dataclass(frozen=True)
class Words:
    """One of a set of words."""

    words: frozenset[str]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", frozenset(words))


@dataclass(frozen=True)
class Since:
    """Something that came with a version."""

    version: Version
    shape: Any


@dataclass(frozen=True)
class Operation:
    """One request that we send."""

    method: str
    path: str
    """With placeholders as in Jellyfin's own description."""
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """Of a JSON body; None if there is none."""
    required: tuple[str, ...] = ()
    """Fields of the body that may not be missing."""
    answer: Any = None
    """Shape of the JSON answer; None for an empty one; ``"bytes"`` for audio and pictures."""
    since: Version = (10, 8)


_ITEM_TYPES = Words("Audio", "MusicAlbum", "Playlist")
_FIELDS = Words("DateCreated", "ChildCount", "Path", "Genres", "ProviderIds", "MediaSources", "ParentId")
_SORT = Words("DateCreated", "SortName", "ParentIndexNumber", "IndexNumber")

_NAMED = {"Name": "text", "Id": "id"}

_ITEM = {
    "Name": "text",
    "Id": "id",
    "ServerId": "text",
    "Type": Words("Audio", "MusicAlbum", "Playlist", "CollectionFolder"),
    "MediaType": Words("Audio", "Unknown"),
    "CollectionType": Words("music", "movies"),
    "Container": "text",
    "RunTimeTicks": "int",
    "DateCreated": "date",
    "Album": "text",
    "AlbumId": "id",
    "AlbumArtist": "text",
    "AlbumArtists": [_NAMED],
    "Artists": ["text"],
    "ArtistItems": [_NAMED],
    "ChildCount": "int",
    "IndexNumber": "int",
    "ParentIndexNumber": "int",
    "ProductionYear": "int",
    "Genres": ["text"],
    "ParentId": "id",
    "Path": "text",
    "PlaylistItemId": "text",
    "NormalizationGain": Since((10, 9), "number"),
    "ImageTags": "map",
    "ProviderIds": "map",
    "MediaSources": [{"Id": "text", "Size": "int", "Bitrate": "int", "Container": "text", "Path": "text"}],
    "UserData": {
        "PlayCount": "int",
        "IsFavorite": "bool",
        "LastPlayedDate": "date",
        "Played": "bool",
        "PlaybackPositionTicks": "int",
        "Key": "text",
        "ItemId": "text",
    },
}
_PAGE = {"Items": [_ITEM], "TotalRecordCount": "int", "StartIndex": "int"}
_USER = {
    "Name": "text",
    "Id": "id",
    "ServerId": "text",
    "Policy": {"IsAdministrator": "bool", "IsDisabled": "bool", "EnableContentDownloading": "bool"},
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/System/Info/Public",
        answer={
            "LocalAddress": "text", "ServerName": "text", "Version": "text", "ProductName": "text",
            "Id": "text", "StartupWizardCompleted": "bool",
        },
    ),
    Operation(
        "POST", "/Users/AuthenticateByName",
        body={"Username": "text", "Pw": "text"}, required=("Username", "Pw"),
        answer={"User": _USER, "AccessToken": "text", "ServerId": "text"},
    ),
    Operation("GET", "/Users/Me", answer=_USER),
    Operation("GET", "/Users", answer=[_USER]),
    Operation(
        "GET", "/Library/VirtualFolders",
        answer=[
            {
                "Name": "text", "CollectionType": Words("music", "movies"), "ItemId": "text",
                "Locations": ["text"],
            }
        ],
    ),
    Operation("GET", "/UserViews", query={"userId": "id"}, answer=_PAGE, since=(10, 9)),
    Operation(
        "GET", "/Items",
        query={
            "userId": "id", "includeItemTypes": _ITEM_TYPES, "recursive": "bool", "sortBy": _SORT,
            "sortOrder": Words("Ascending", "Descending"), "fields": _FIELDS, "enableImages": "bool",
            "startIndex": "int", "limit": "int", "parentId": "id", "ids": "ids",
        },
        answer=_PAGE,
    ),
    Operation("GET", "/Items/{itemId}/Download", answer="bytes"),
    Operation("GET", "/Items/{itemId}/File", answer="bytes"),
    Operation("GET", "/Items/{itemId}/Images/{imageType}", query={"maxWidth": "int"}, answer="bytes"),
    Operation("POST", "/Items/{itemId}/Images/{imageType}"),
    Operation("DELETE", "/Items/{itemId}"),
    Operation(
        "POST", "/Playlists",
        body={
            "Name": "text", "Ids": ["id"], "UserId": "id", "MediaType": Words("Audio"),
            "IsPublic": Since((10, 9), "bool"), "Users": Since((10, 9), ["map"]),
        },
        required=("Name", "Ids", "UserId", "MediaType"),
        answer={"Id": "text"},
    ),
    Operation(
        "POST", "/Playlists/{playlistId}",
        body={"Name": "text", "Ids": ["id"], "IsPublic": "bool"},
        since=(10, 9),
    ),
    Operation(
        "GET", "/Playlists/{playlistId}/Items",
        query={"userId": "id", "startIndex": "int", "limit": "int"}, answer=_PAGE,
    ),
    Operation("POST", "/Playlists/{playlistId}/Items", query={"ids": "ids", "userId": "id"}),
    Operation("DELETE", "/Playlists/{playlistId}/Items", query={"entryIds": "ids"}),
)  # fmt: skip

_CHECKED_ITEMS = 20  # of each list; checking all of a long page would be the slowest part of the tests


def operation_for(method: str, path_template: str, version: Version) -> Operation | None:
    """Find the operation that a request belongs to; None if we never send it to this version."""
    for operation in OPERATIONS:
        if (operation.method, operation.path) == (method, path_template) and version >= operation.since:
            return operation
    return None


def request_faults(operation: Operation, version: Version, query: Mapping[str, str], body: Any) -> list[str]:
    """Say what is wrong with a request; an empty list if nothing is."""
    faults = []
    for name, text in query.items():
        shape = _known(operation.query, name, version)
        if shape is None:
            faults.append(f"the query has an unknown name {name!r}")
        elif not _text_fits(shape, text):
            faults.append(f"{name}={text!r} is not {shape}")
    if operation.body is None and body is not None:
        faults.append("there is a JSON body where none belongs")
    if operation.body is not None:
        if not isinstance(body, dict):
            return [*faults, "the JSON body is missing"]
        faults += [f"the body lacks {name}" for name in operation.required if name not in body]
        faults += answer_faults(operation.body, version, body, "body")
    return faults


def answer_faults(shape: Any, version: Version, value: Any, where: str = "answer") -> list[str]:
    """Say where a JSON value is not of a shape; an empty list if it is."""
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return [f"{where} is not an object"]
        faults = []
        for name, part in value.items():
            known = _known(shape, name, version)
            if known is None:
                faults.append(f"{where}.{name} does not exist")
            else:
                faults += answer_faults(known, version, part, f"{where}.{name}")
        return faults
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is not a list"]
        return [
            fault
            for number, part in enumerate(value[:_CHECKED_ITEMS])
            for fault in answer_faults(shape[0], version, part, f"{where}[{number}]")
        ]
    return [] if _fits(shape, value) else [f"{where} = {value!r} is not {shape}"]


def _known(shapes: Mapping[str, Any], name: str, version: Version) -> Any:
    shape = shapes.get(name)
    if isinstance(shape, Since):
        return shape.shape if version >= shape.version else None
    return shape


def _text_fits(shape: Any, text: str) -> bool:
    """Check a query value, which is text whatever it means."""
    if isinstance(shape, Words):
        return set(text.split(",")) <= shape.words
    if shape == "ids":
        return all(_fits("id", part) for part in text.split(","))
    if shape == "int":
        return text.isdigit()
    if shape == "bool":
        return text in ("true", "false")
    return _fits(shape, text)


def _fits(shape: Any, value: Any) -> bool:
    if isinstance(shape, Words):
        return value in shape.words
    match shape:
        case "text":
            return isinstance(value, str)
        case "id":
            return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{32}", value))
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "bool":
            return isinstance(value, bool)
        case "map":
            return isinstance(value, dict)
        case "date":
            try:
                return bool(datetime.fromisoformat(value))
            except (TypeError, ValueError):
                return False
    raise AssertionError(f"unknown shape {shape!r}")
