"""The playlists of the fake Jellyfin, with the habits of each version."""

from __future__ import annotations

import uuid

from flask import Response, jsonify, request

from .library import FakeLibrary, FakePlaylist


class Refusal(Exception):
    """An answer without success; Jellyfin's exception middleware maps exceptions to these."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class PlaylistRoutes:
    """The part of `FakeJellyfin` that writes playlists."""

    library: FakeLibrary
    version: tuple[int, int]
    forgotten_ids: int

    def create_playlist(self) -> Response:
        self._caller()
        body = request.get_json()
        owner = next((user for user in self.library.users if user.id == body.get("UserId")), None)
        if owner is None:
            raise Refusal(400)
        with self.lock:
            playlist = FakePlaylist(
                id=uuid.uuid4().hex,
                name=body["Name"],
                owner_id=owner.id,
                # CreatePlaylistDto.IsPublic is true unless the body says otherwise; 10.8 has private ones.
                is_public=body.get("IsPublic", True) if self.version >= (10, 9) else False,
            )
            self._append(playlist, body.get("Ids", []))
            self.library.playlists[playlist.id] = playlist
        return jsonify(Id=playlist.id)

    def update_playlist(self, playlistId: str) -> Response:
        # "Guid can't be empty": the playlist is looked up for the token's user (#12092, #12999, #13476).
        self._refuse_keys(since=(10, 9))
        with self.lock:
            playlist = self._playlist(playlistId)
            body = request.get_json()
            playlist.name = body.get("Name") or playlist.name
            playlist.is_public = playlist.is_public if body.get("IsPublic") is None else body["IsPublic"]
            if body.get("Ids") is not None:
                playlist.entries.clear()
                self._append(playlist, body["Ids"])
        return Response(status=204)

    def playlist_items(self, playlistId: str) -> Response:
        self._acting_user()
        playlist = self._playlist(playlistId)
        if self.version < (10, 10):
            # A random entry id, made anew on each load (PR #12934).
            playlist.entries = [(uuid.uuid4().hex, track_id) for _, track_id in playlist.entries]
        start = int(request.args.get("startIndex", 0))
        limit = int(request.args.get("limit", len(playlist.entries)))
        items = [
            {**self._item(self.library.tracks[track_id], set()), "PlaylistItemId": entry_id}
            for entry_id, track_id in playlist.entries[start : start + limit]
            if track_id in self.library.tracks
        ]
        return self._page(items, len(playlist.entries), start)

    def add_to_playlist(self, playlistId: str) -> Response:
        self._acting_user()
        with self.lock:
            self._append(self._playlist(playlistId), request.args.get("ids", "").split(","))
        return Response(status=204)

    def remove_from_playlist(self, playlistId: str) -> Response:
        # 10.9 and 10.10 look the playlist up for the token's user; mended by PR #14154.
        self._refuse_keys(since=(10, 9), until=(10, 11))
        with self.lock:
            playlist = self._playlist(playlistId)
            unwanted = set(request.args.get("entryIds", "").split(","))
            playlist.entries = [entry for entry in playlist.entries if entry[0] not in unwanted]
        return Response(status=204)  # also if nothing matched (#9008, #12971)

    def _playlist(self, playlist_id: str) -> FakePlaylist:
        if playlist_id not in self.library.playlists:
            raise Refusal(404)
        return self.library.playlists[playlist_id]

    def _refuse_keys(self, *, since: tuple[int, int], until: tuple[int, int] = (99, 0)) -> None:
        if self._caller() is None and since <= self.version < until:
            raise Refusal(400)

    def _append(self, playlist: FakePlaylist, ids: list[str]) -> None:
        """Add tracks; unknown ids are skipped without a word, and so are repeated ones before 12."""
        kept = ids[: len(ids) - self.forgotten_ids]
        self.forgotten_ids = 0
        for track_id in kept:
            if track_id not in self.library.tracks:
                continue
            if self.version < (12, 0) and track_id in playlist.track_ids:
                continue
            # From 10.10.2 an entry's id is that of its item (#15822).
            entry_id = track_id if self.version >= (10, 10) else uuid.uuid4().hex
            playlist.entries.append((entry_id, track_id))
