"""The fake Jellyfin: the part of the server that we use, with the habits of each version.

What Jellyfin's description does not say is written down here with its source: the server's code of the
version, or the public issue (jellyfin/jellyfin #number) where it was found.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
import uuid
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from flask import Flask, Response, g, jsonify, request, send_file

from . import contract
from .library import EPOCH, SERVER_ID, FakeAlbum, FakeLibrary, FakePlaylist, FakeTrack, User, make_id
from .playlists import PlaylistRoutes, Refusal

API_KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


class FakeJellyfin(PlaylistRoutes):
    """A Jellyfin of one version.

    Attributes
    ----------
    app : Flask
        The WSGI application.
    library : FakeLibrary
        What it holds; tests look into it and change it.
    violations : list of str
        Exchanges that are not in the contract; a test that ends with any has failed.
    exchanges : list of str
        ``"GET /Items"`` ... in order.
    deleted_media : list of str
        Ids of albums and tracks that somebody deleted FROM DISK; has to stay empty.
    forgotten_ids : int
        So many of the last ids of the next playlist write are lost, as after a crash of the server.
    """

    def __init__(self, library: FakeLibrary, *, version: str = "10.11.11", name: str = "nas") -> None:
        self.library = library
        self.version_text = version
        major, minor = version.split(".")[:2]
        self.version = (int(major), int(minor))
        self.name = name
        self.keys = {API_KEY}
        self.user_tokens: dict[str, User] = {}
        self.violations: list[str] = []
        self.exchanges: list[str] = []
        self.deleted_media: list[str] = []
        self.forgotten_ids = 0
        self.lock = threading.RLock()
        self.app = self._make_app()

    def log_in(self, user_name: str = "ann") -> str:
        """Return a token for a user, as the login page would."""
        token = uuid.uuid4().hex
        self.user_tokens[token] = self._user_named(user_name)
        return token

    # --- the application ---

    def _make_app(self) -> Flask:
        app = Flask(__name__)
        app.json.sort_keys = False  # type: ignore[attr-defined]
        routes: list[tuple[str, str, Any]] = [
            ("GET", "/System/Info/Public", self.public_info),
            ("POST", "/Users/AuthenticateByName", self.authenticate),
            ("GET", "/Users/Me", self.me),
            ("GET", "/Users", self.users),
            ("GET", "/Library/VirtualFolders", self.virtual_folders),
            ("GET", "/UserViews", self.user_views),
            ("GET", "/Items", self.items),
            ("DELETE", "/Items/<itemId>", self.delete_item),
            ("GET", "/Items/<itemId>/Download", self.download),
            ("GET", "/Items/<itemId>/File", self.file),
            ("GET", "/Items/<itemId>/Images/<imageType>", self.image),
            ("POST", "/Items/<itemId>/Images/<imageType>", self.set_image),
            ("POST", "/Playlists", self.create_playlist),
            ("POST", "/Playlists/<playlistId>", self.update_playlist),
            ("GET", "/Playlists/<playlistId>/Items", self.playlist_items),
            ("POST", "/Playlists/<playlistId>/Items", self.add_to_playlist),
            ("DELETE", "/Playlists/<playlistId>/Items", self.remove_from_playlist),
        ]
        for method, rule, view in routes:
            app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
        app.before_request(self._note_request)
        app.after_request(self._note_answer)
        app.register_error_handler(Refusal, lambda e: Response(status=e.status))
        app.register_error_handler(404, lambda e: Response("Error processing request.", 404))
        return app

    def _note_request(self) -> None:
        self.exchanges.append(f"{request.method} {request.path}")
        if request.method == "HEAD":
            return
        rule = request.url_rule.rule if request.url_rule else request.path
        template = re.sub(r"<(\w+)>", r"{\1}", rule)
        operation = contract.operation_for(request.method, template, self.version)
        g.operation = operation
        if operation is None:
            self._violation("is not in the contract")
            return
        body = request.get_json(silent=True) if request.is_json else None
        for fault in contract.request_faults(operation, self.version, request.args, body):
            self._violation(fault)
        headers = [name for name, _ in request.headers if name.lower() in _OLD_CREDENTIALS]
        if headers or {"api_key", "ApiKey"} & request.args.keys():
            self._violation("identifies itself in an old way")

    def _note_answer(self, response: Response) -> Response:
        operation = g.get("operation")
        if operation is not None and response.status_code == 200 and response.is_json:
            for fault in contract.answer_faults(operation.answer, self.version, response.json):
                self._violation(f"the fake's own {fault}")
        return response

    def _violation(self, fault: str) -> None:
        self.violations.append(f"{request.method} {request.full_path}: {fault}")

    # --- who asks ---

    def _authorization(self) -> dict[str, str]:
        """Parse the one form that 10.8 to 12 take; values are URL-decoded by the server."""
        header = request.headers.get("Authorization", "")
        if not header.startswith("MediaBrowser "):
            return {}
        return {key: unquote_plus(value) for key, value in re.findall(r'(\w+)="([^"]*)"', header)}

    def _caller(self) -> User | None:
        """Return the user of the token; None for an API key, which is an administrator without a user."""
        token = self._authorization().get("Token", "")
        if token in self.keys:
            return None
        if token in self.user_tokens:
            return self.user_tokens[token]
        raise Refusal(401)

    def _administrator(self) -> None:
        caller = self._caller()
        if caller is not None and not caller.is_administrator:
            raise Refusal(403)

    def _user_named(self, name: str) -> User:
        return next(user for user in self.library.users if user.name == name)

    def _acting_user(self) -> User:
        """Return the user that a list is for: userId, or that of the token."""
        caller = self._caller()
        wanted = request.args.get("userId")
        if wanted is None and caller is not None:
            return caller
        for user in self.library.users:
            if user.id == wanted and (caller is None or caller is user or caller.is_administrator):
                return user
        raise Refusal(400 if wanted is None else 404)

    # --- system and users ---

    def public_info(self) -> Response:
        return jsonify(
            LocalAddress=request.host_url.rstrip("/"), ServerName=self.name, Version=self.version_text,
            ProductName="Jellyfin Server", Id=SERVER_ID, StartupWizardCompleted=True,
        )  # fmt: skip

    def authenticate(self) -> Response:
        parts = self._authorization()
        if not {"Client", "Device", "DeviceId", "Version"} <= parts.keys():
            raise Refusal(400)
        body = request.get_json()
        for user in self.library.users:
            if (user.name, user.password) == (body["Username"], body["Pw"]) and not user.is_disabled:
                token = uuid.uuid4().hex
                self.user_tokens[token] = user
                return jsonify(User=self._user(user), AccessToken=token, ServerId=SERVER_ID)
        raise Refusal(401)

    def me(self) -> Response:
        caller = self._caller()
        if caller is None:
            raise Refusal(400)  # "Token is not owned by a user."
        return jsonify(self._user(caller))

    def users(self) -> Response:
        self._caller()
        return jsonify([self._user(user) for user in self.library.users])

    def _user(self, user: User) -> dict[str, Any]:
        policy = {
            "IsAdministrator": user.is_administrator,
            "IsDisabled": user.is_disabled,
            "EnableContentDownloading": user.may_download,
        }
        return {"Name": user.name, "Id": user.id, "ServerId": SERVER_ID, "Policy": policy}

    def virtual_folders(self) -> Response:
        self._administrator()
        return jsonify(
            [
                {"Name": name, "CollectionType": kind, "ItemId": view_id, "Locations": [f"/{name}"]}
                for view_id, (name, kind) in self.library.views.items()
            ]
        )

    def user_views(self) -> Response:
        self._acting_user()
        return self._page(self._views())

    def _views(self) -> list[dict[str, Any]]:
        return [
            {
                "Name": name,
                "Id": view_id,
                "ServerId": SERVER_ID,
                "Type": "CollectionFolder",
                "CollectionType": kind,
            }
            for view_id, (name, kind) in self.library.views.items()
        ]

    # --- items ---

    def items(self) -> Response:
        user = self._acting_user()
        args = request.args
        kinds = [kind for kind in args.get("includeItemTypes", "").split(",") if kind]
        if args.get("recursive") != "true" and "ids" not in args and "parentId" not in args:
            return self._page(self._views())
        fields = set(args.get("fields", "").split(","))
        if "ids" in args:
            found = [item for id_ in args["ids"].split(",") if (item := self._find(id_))]
        else:
            found = list(self._all(kinds, args.get("parentId")))
            self._sort(found, args.get("sortBy", "SortName"), args.get("sortOrder", ""))
        visible = [
            item
            for item in found
            if not isinstance(item, FakePlaylist) or item.is_public or item.owner_id == user.id
        ]
        start, limit = int(args.get("startIndex", 0)), int(args.get("limit", len(visible)))
        page = visible[start : start + limit]
        return self._page([self._item(item, fields) for item in page], len(visible), start)

    def _find(self, item_id: str) -> FakeAlbum | FakeTrack | FakePlaylist | None:
        library = self.library
        return library.tracks.get(item_id) or library.albums.get(item_id) or library.playlists.get(item_id)

    def _all(self, kinds: list[str], parent: str | None) -> Iterable[FakeAlbum | FakeTrack | FakePlaylist]:
        library = self.library
        if "Playlist" in kinds:
            yield from library.playlists.values()
        if "MusicAlbum" in kinds:
            yield from (album for album in library.albums.values() if parent in (None, album.library_id))
        if "Audio" in kinds:
            for track in library.tracks.values():
                album = library.albums.get(track.album_id or "")
                if parent in (None, track.album_id, album.library_id if album else None):
                    yield track

    def _sort(self, found: list[Any], keys: str, orders: str) -> None:
        names, directions = keys.split(","), orders.split(",")
        getters = {
            "DateCreated": lambda item: getattr(item, "added_at", EPOCH),
            "SortName": lambda item: getattr(item, "title", getattr(item, "name", "")).casefold(),
            "ParentIndexNumber": lambda item: 1,
            "IndexNumber": lambda item: getattr(item, "number", 0),
        }
        for position in reversed(range(len(names))):
            direction = directions[min(position, len(directions) - 1)]
            found.sort(key=getters[names[position]], reverse=direction == "Descending")

    def _item(self, item: Any, fields: set[str]) -> dict[str, Any]:
        """Describe an item; nulls are omitted, and optional fields come only when asked for."""
        if isinstance(item, FakePlaylist):
            described = {"Name": item.name, "Id": item.id, "ServerId": SERVER_ID, "Type": "Playlist"}
            extras: dict[str, Any] = {"ChildCount": len(item.entries), "DateCreated": _date(EPOCH)}
        elif isinstance(item, FakeAlbum):
            described = {
                "Name": item.title, "Id": item.id, "ServerId": SERVER_ID, "Type": "MusicAlbum",
                "AlbumArtist": item.artist, "Artists": [item.artist] if item.artist else [],
            }  # fmt: skip
            count = (
                sum(track.album_id == item.id for track in self.library.tracks.values())
                if (len(self.library.tracks) < 1000)
                else None
            )
            extras = {"ChildCount": count, "DateCreated": _date(item.added_at), "ParentId": item.library_id}
        else:
            described, extras = self._track(item)
        described |= {name: value for name, value in extras.items() if name in fields}
        return {name: value for name, value in described.items() if value is not None}

    def _track(self, track: FakeTrack) -> tuple[dict[str, Any], dict[str, Any]]:
        album = self.library.albums.get(track.album_id or "")
        described = {
            "Name": track.title, "Id": track.id, "ServerId": SERVER_ID, "Type": "Audio", "MediaType": "Audio",
            "Container": track.suffix,
            "RunTimeTicks": round(track.duration_s * 1e7) if track.duration_s else None,
            "Album": album.title if album else None, "AlbumId": album.id if album else None,
            "AlbumArtist": album.artist if album else None,
            "Artists": [track.artist] if track.artist else [],
            "IndexNumber": track.number, "ParentIndexNumber": 1, "ImageTags": {},
            "UserData": {
                "PlayCount": track.play_count, "IsFavorite": track.is_favorite,
                "LastPlayedDate": _date(EPOCH) if track.play_count else None, "Played": track.play_count > 0,
                "PlaybackPositionTicks": 0, "Key": track.id, "ItemId": track.id,
            },
        }  # fmt: skip
        user_data = described["UserData"]
        assert isinstance(user_data, dict)
        described["UserData"] = {name: value for name, value in user_data.items() if value is not None}
        size = track.size
        source = {"Id": track.id, "Container": track.suffix, "Path": track.path}
        extras = {
            "DateCreated": _date(track.added_at), "Path": track.path, "Genres": list(track.genres),
            "ProviderIds": {}, "ParentId": track.album_id,
            "MediaSources": [{**source, "Size": size} if size is not None else source],
        }  # fmt: skip
        return described, extras

    def _page(self, items: list[dict[str, Any]], total: int | None = None, start: int = 0) -> Response:
        return jsonify(Items=items, TotalRecordCount=len(items) if total is None else total, StartIndex=start)

    def delete_item(self, itemId: str) -> Response:
        caller = self._caller()
        with self.lock:
            item = self._find(itemId)
            if item is None:
                raise Refusal(404)
            if isinstance(item, FakePlaylist):
                if caller is not None and caller.id != item.owner_id and not caller.is_administrator:
                    raise Refusal(401)
                del self.library.playlists[itemId]
            else:
                # An API key may: the files go from the disk.
                self._administrator()
                self.deleted_media.append(itemId)
                self.library.tracks.pop(itemId, None)
                self.library.albums.pop(itemId, None)
        return Response(status=204)

    # --- audio and pictures ---

    def download(self, itemId: str) -> Response:
        caller = self._caller()
        if caller is not None and not caller.may_download:
            raise Refusal(403)
        return self._audio(itemId)

    def file(self, itemId: str) -> Response:
        self._caller()
        return self._audio(itemId)

    def _audio(self, item_id: str) -> Response:
        track = self.library.tracks.get(item_id)
        if track is None or track.audio is None:
            raise Refusal(404)
        source: Any = BytesIO(track.audio) if isinstance(track.audio, bytes) else Path(track.audio).absolute()
        # The server's file results have Last-Modified and ranges, but no ETag.
        return send_file(
            source,
            mimetype=f"audio/{track.suffix}",
            conditional=True,
            etag=False,
            last_modified=track.added_at,
        )

    def image(self, itemId: str, imageType: str) -> Response:
        item = self._find(itemId)
        if isinstance(item, FakeAlbum) and item.picture and imageType == "Primary":
            return Response(item.picture, mimetype="image/jpeg")
        if isinstance(item, FakePlaylist) and item.cover:
            return Response(item.cover[1], mimetype=item.cover[0])
        raise Refusal(404)

    def set_image(self, itemId: str, imageType: str) -> Response:
        self._administrator()
        content_type = request.headers.get("Content-Type", "")
        if content_type not in ("image/jpeg", "image/png", "image/webp", "image/gif"):
            raise Refusal(400)  # "Incorrect ContentType." (#12447)
        playlist = self._playlist(itemId)
        try:
            picture = base64.b64decode(request.get_data(), validate=True)
        except binascii.Error:
            raise Refusal(500) from None  # FormatException: the body has to be base64 text
        playlist.cover = (content_type, picture)
        return Response(status=204)


_OLD_CREDENTIALS = {"x-emby-token", "x-mediabrowser-token", "x-emby-authorization"}


def _date(when: Any) -> str:
    """Write a date as the server does, with seven fractional digits."""
    return f"{when:%Y-%m-%dT%H:%M:%S}.1234567Z"


__all__ = ["API_KEY", "FakeJellyfin", "make_id"]
