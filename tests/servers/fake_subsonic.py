"""A small OpenSubsonic server in memory, with the habits that real ones have."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs

import httpx

USER, PASSWORD, API_KEY = "ann", "pass wörd", "key-of-ann"
LONGEST_ADDRESS = 4094  # gunicorn's default


class FakeSubsonic:
    """Answers requests; give `handle` to `httpx.MockTransport`.

    Parameters
    ----------
    logins : tuple of str
        Ways to log in that it takes: ``"token"``, ``"plain"``, ``"key"``.
    extensions : tuple of str or None
        What getOpenSubsonicExtensions lists; None for a server of the old kind, which lacks it.
    takes_forms : bool
        Whether it takes POST requests.
    names_created : bool
        Whether createPlaylist answers with the playlist.
    may_download : bool
        The account's download role.
    largest_page : int
        It never lists more at once.
    searches_everything : bool
        Whether an empty search finds all songs.
    """

    def __init__(
        self,
        *,
        logins: tuple[str, ...] = ("token", "plain"),
        extensions: tuple[str, ...] | None = (),
        takes_forms: bool = True,
        names_created: bool = True,
        may_download: bool = True,
        largest_page: int = 500,
        searches_everything: bool = True,
        n_albums: int = 3,
    ) -> None:
        self.logins = logins
        self.extensions = extensions
        self.takes_forms = takes_forms
        self.names_created = names_created
        self.may_download = may_download
        self.largest_page = largest_page
        self.searches_everything = searches_everything
        self.songs = {
            f"so-{album}-{track}": {
                "id": f"so-{album}-{track}", "title": f"Song {track}", "album": f"Album {album}",
                "albumId": f"al-{album}", "artist": "A", "displayAlbumArtist": "Various", "track": 4 - track,
                "duration": 61, "isDir": False,
                "size": 9, "suffix": "flac", "created": "2026-11-22T13:38:25.000Z",
                "genres": [{"name": "Rock"}, {"name": "Jazz"}], "musicBrainzId": "mb", "playCount": 2,
                "played": "2026-11-20T10:00:00Z", "starred": "2026-11-20T10:00:00Z", "path": "A/x.flac",
            }
            for album in range(n_albums)
            for track in range(1, 4)
        }  # fmt: skip
        self.playlists: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        """(HTTP method, Subsonic method) of each request."""
        self.addresses: list[str] = []
        self.exchanges: list[tuple[str, set[str], httpx.Response]] = []
        """(Subsonic method, names of the parameters, answer) of each request."""

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.params: dict[str, list[str]] = {}
        answer = self._answer(request)
        self.exchanges.append((self.requests[-1][1], set(self.params), answer))
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.addresses.append(str(request.url))
        method = request.url.path.rpartition("/")[2].removesuffix(".view")
        self.requests.append((request.method, method))
        if len(str(request.url)) > LONGEST_ADDRESS:
            return httpx.Response(414, html="<html>Request-URI Too Large</html>")
        if request.method == "POST" and not self.takes_forms:
            return httpx.Response(405)
        text = request.content.decode() if request.method == "POST" else request.url.query.decode()
        self.params = parse_qs(text, keep_blank_values=True)
        if method == "getOpenSubsonicExtensions" and self.extensions is not None:
            return self._ok(
                openSubsonicExtensions=[{"name": name, "versions": [1]} for name in self.extensions]
            )
        refusal = self._login_refusal()
        if refusal is not None:
            return refusal
        answer = getattr(self, f"_{method}", None)
        return answer() if answer else httpx.Response(404, json={"detail": "Not Found"})

    def _one(self, name: str, default: str = "") -> str:
        return self.params.get(name, [default])[0]

    def _login_refusal(self) -> httpx.Response | None:
        if "apiKey" in self.params:
            if "key" not in self.logins:
                return self._failed(42)
            if "u" in self.params:
                return self._failed(43)
            return None if self._one("apiKey") == API_KEY else self._failed(44)
        if "t" in self.params:
            if "token" not in self.logins:
                return self._failed(41)
            token = hashlib.md5((PASSWORD + self._one("s")).encode(), usedforsecurity=False).hexdigest()
            right = len(self._one("s")) >= 6 and token == self._one("t")
        else:
            right = self._one("p") in (PASSWORD, f"enc:{PASSWORD.encode().hex()}")
        return None if right and self._one("u") == USER else self._failed(40)

    def _ok(self, **content: Any) -> httpx.Response:
        envelope = {
            "status": "ok", "version": "1.16.1", "type": "navidrome", "serverVersion": "0.63.2",
            "openSubsonic": True, **content,
        }  # fmt: skip
        return httpx.Response(200, json={"subsonic-response": envelope})

    def _failed(self, code: int, message: str = "no") -> httpx.Response:
        error = {"code": code, "message": message}
        envelope = {**self._ok().json()["subsonic-response"], "status": "failed", "error": error}
        return httpx.Response(200, json={"subsonic-response": envelope})

    # --- methods ---

    def _ping(self) -> httpx.Response:
        return self._ok()

    def _getMusicFolders(self) -> httpx.Response:  # noqa: N802 - Subsonic's names
        return self._ok(musicFolders={"musicFolder": [{"id": 1, "name": "Music"}, {"id": 2, "name": "Xmas"}]})

    def _getAlbumList2(self) -> httpx.Response:  # noqa: N802
        albums = list(dict.fromkeys(song["albumId"] for song in self.songs.values()))
        start = int(self._one("offset", "0"))
        listed = albums[start : start + min(int(self._one("size")), self.largest_page)]
        content = [self._album(id_) for id_ in listed]
        return self._ok(albumList2={"album": content} if content else {})

    def _album(self, album_id: str) -> dict[str, Any]:
        return {
            "id": album_id, "name": f"Album {album_id}", "artist": "A", "songCount": 3, "duration": 183,
            "created": "2026-11-22T13:38:25",
        }  # fmt: skip

    def _getAlbum(self) -> httpx.Response:  # noqa: N802
        songs = [song for song in self.songs.values() if song["albumId"] == self._one("id")]
        return self._ok(album={**self._album(self._one("id")), "song": songs}) if songs else self._failed(70)

    def _getSong(self) -> httpx.Response:  # noqa: N802
        song = self.songs.get(self._one("id"))
        return self._ok(song=song) if song else self._failed(70)

    def _search3(self) -> httpx.Response:
        if not self.searches_everything:
            return self._ok(searchResult3={})
        start = int(self._one("songOffset", "0"))
        songs = list(self.songs.values())[start : start + min(int(self._one("songCount")), self.largest_page)]
        return self._ok(searchResult3={"song": songs})

    def _download(self) -> httpx.Response:
        return self._audio() if self.may_download else self._failed(50)

    def _stream(self) -> httpx.Response:
        assert self._one("format") == "raw"
        return self._audio()

    def _audio(self) -> httpx.Response:
        if self._one("id") not in self.songs:
            return self._failed(70)
        return httpx.Response(200, content=b"fLaC data", headers={"Content-Type": "audio/flac"})

    def _getCoverArt(self) -> httpx.Response:  # noqa: N802
        if self._one("id") != "al-0":
            return self._failed(70)
        return httpx.Response(200, content=b"\xff\xd8", headers={"Content-Type": "image/jpeg"})

    def _getPlaylists(self) -> httpx.Response:  # noqa: N802
        return self._ok(playlists={"playlist": list(self.playlists.values())} if self.playlists else {})

    def _getPlaylist(self) -> httpx.Response:  # noqa: N802
        playlist = self.playlists.get(self._one("id"))
        return self._ok(playlist=playlist) if playlist else self._failed(70)

    def _createPlaylist(self) -> httpx.Response:  # noqa: N802
        songs = [self.songs[id_] for id_ in self.params.get("songId", []) if id_ in self.songs]
        if "playlistId" in self.params:
            playlist = self.playlists[self._one("playlistId")]
        else:
            new_id = f"pl-{len(self.playlists) + 1}"
            playlist = {
                "id": new_id, "name": self._one("name"), "owner": USER, "public": True, "duration": 0,
                "created": "2026-11-22T13:38:25Z", "changed": "2026-11-22T13:38:25Z",
            }  # fmt: skip
            self.playlists[new_id] = playlist
        playlist |= {"entry": songs, "songCount": len(songs)}
        return self._ok(playlist=playlist) if self.names_created else self._ok()

    def _updatePlaylist(self) -> httpx.Response:  # noqa: N802
        playlist = self.playlists[self._one("playlistId")]
        playlist["entry"] += [self.songs[id_] for id_ in self.params.get("songIdToAdd", [])]
        playlist["name"] = self._one("name", playlist["name"])
        playlist["public"] = self._one("public", str(playlist["public"])).lower() == "true"
        return self._ok()

    def _deletePlaylist(self) -> httpx.Response:  # noqa: N802
        return self._ok() if self.playlists.pop(self._one("id"), None) else self._failed(70)
