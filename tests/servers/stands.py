"""The servers that the contract is tested on, each with a way to look behind the client's back."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import httpx
from tests.ports import reserved_port
from tests.servers.fake_jellyfin import API_KEY, FakeJellyfin, FakeLibrary, make_id
from tests.servers.fake_jellyfin.library import FakePlaylist

from audiomuse.model import Track
from audiomuse.servers import FolderServer, JellyfinServer, MediaServer, MemoryServer, SubsonicServer
from audiomuse.servers.jellyfin_session import Login
from audiomuse.servers.subsonic_session import Credentials
from audiomuse.servers.transport import Patience

IMPATIENT = Patience(attempts=4, base_s=0, cap_s=0)

Held = dict[str, tuple[str, list[str]]]


class Stand(Protocol):
    """One server under test."""

    unknown_id: str
    """An id of the right kind that no track has."""

    def open(self, libraries: tuple[str, ...] = ()) -> MediaServer:
        """Open a new client, as another process would."""

    def held(self) -> Held:
        """Return every playlist on the server as it really is: id -> (name, track ids)."""

    def put_playlist(self, name: str, track_ids: list[str]) -> str:
        """Make a playlist as another program would; return its id."""

    def remove_playlist(self, remote_id: str) -> None:
        """Delete a playlist as its owner would."""

    def lose_audio(self, track: Track) -> None:
        """Make the audio of a track disappear."""

    def library_name(self) -> str:
        """Name a library that may be chosen."""

    def check(self) -> None:
        """Fail if the server saw something that must not happen."""


class MemoryStand:
    """`MemoryServer`; "another client" is the same object, since memory is not shared."""

    unknown_id = "no such track"

    def __init__(self, music: Path) -> None:
        tracks = list(FolderServer(music).all_tracks())
        files = {track.id: music / str(track.path) for track in tracks}
        # Half of it as bytes ("downloaded"), half as files.
        audio: dict[str, bytes | Path] = {
            id_: file.read_bytes() if number % 2 else file for number, (id_, file) in enumerate(files.items())
        }
        self._server = MemoryServer(tracks, audio)

    def open(self, libraries: tuple[str, ...] = ()) -> MediaServer:
        return self._server

    def held(self) -> Held:
        return {remote_id: (name, list(ids)) for remote_id, (name, ids) in self._server.held.items()}

    def put_playlist(self, name: str, track_ids: list[str]) -> str:
        remote_id = f"of-somebody-{len(self._server.held)}"
        self._server.held[remote_id] = (name, tuple(track_ids))
        return remote_id

    def remove_playlist(self, remote_id: str) -> None:
        del self._server.held[remote_id]

    def lose_audio(self, track: Track) -> None:
        del self._server.audio[track.id]

    def library_name(self) -> str:
        return "Music"

    def check(self) -> None:
        pass


class FolderStand:
    """`FolderServer` over a copy of the music by links."""

    unknown_id = "0" * 32

    def __init__(self, music: Path, tmp_path: Path) -> None:
        self._music = tmp_path / "music"
        self._playlists = tmp_path / "playlists"
        for file in music.rglob("*.flac"):
            copy_ = self._music / file.relative_to(music)
            copy_.parent.mkdir(parents=True, exist_ok=True)
            copy_.hardlink_to(file)
        self._playlists.mkdir()

    def open(self, libraries: tuple[str, ...] = ()) -> MediaServer:
        return FolderServer(self._music, self._playlists, libraries=libraries)

    def held(self) -> Held:
        ids = {str(track.path): track.id for track in FolderServer(self._music).all_tracks()}
        found: Held = {}
        for file in self._playlists.glob("*.m3u8"):
            lines = file.read_text("utf-8").splitlines()
            name = next((line[10:] for line in lines if line.startswith("#PLAYLIST:")), file.stem)
            songs = [self._playlists / line for line in lines if not line.startswith("#")]
            paths = [str(song.resolve().relative_to(self._music.resolve())) for song in songs]
            found[file.name] = (name, [ids[path] for path in paths])
        return found

    def put_playlist(self, name: str, track_ids: list[str]) -> str:
        paths = {track.id: track.path for track in FolderServer(self._music).all_tracks()}
        lines = ["#EXTM3U", *(f"../music/{paths[id_]}" for id_ in track_ids)]
        file = self._playlists / f"{name}.m3u8"
        file.write_text("\n".join(lines) + "\n", "utf-8")
        return file.name

    def remove_playlist(self, remote_id: str) -> None:
        (self._playlists / remote_id).unlink()

    def lose_audio(self, track: Track) -> None:
        (self._music / str(track.path)).unlink()

    def library_name(self) -> str:
        return "Alma"

    def check(self) -> None:
        pass


class JellyfinStand:
    """`JellyfinServer` over the fake of one version, as an API key, by a user's token or by login."""

    unknown_id = "f" * 32

    def __init__(self, library: FakeLibrary, version: str, login: str) -> None:
        self.fake = FakeJellyfin(copy.deepcopy(library), version=version)
        self.login = {
            "key": Login(token=API_KEY),
            "user": Login(token=self.fake.log_in()),
            "password": Login(username="ann", password="secret of ann"),
        }[login]

    def open(
        self,
        network: httpx.BaseTransport | None = None,
        libraries: tuple[str, ...] = (),
        **more: Any,
    ) -> JellyfinServer:
        client = httpx.Client(transport=network or httpx.WSGITransport(self.fake.app))
        return JellyfinServer(
            client, "http://nas:8096", self.login, libraries=libraries,
            patience=IMPATIENT, sleep=lambda seconds: None, **more,
        )  # fmt: skip

    def held(self) -> Held:
        playlists = self.fake.library.playlists.values()
        return {playlist.id: (playlist.name, playlist.track_ids) for playlist in playlists}

    def put_playlist(self, name: str, track_ids: list[str]) -> str:
        remote_id = make_id(f"of somebody {name}")
        entries = [(track_id, track_id) for track_id in track_ids]
        self.fake.library.playlists[remote_id] = FakePlaylist(
            remote_id, name, self.fake.library.users[0].id, True, entries
        )
        return remote_id

    def remove_playlist(self, remote_id: str) -> None:
        del self.fake.library.playlists[remote_id]

    def lose_audio(self, track: Track) -> None:
        self.fake.library.tracks[track.id].audio = None

    def library_name(self) -> str:
        return "Music"

    def check(self) -> None:
        assert self.fake.violations == []
        assert self.fake.deleted_media == []


class SupysonicStand:
    """`SubsonicServer` over a real supysonic process, which many tests share."""

    unknown_id = "00000000-0000-4000-8000-000000000000"

    def __init__(self, address: str, music: Path) -> None:
        self._address = address
        self._music = music
        self._lost: list[tuple[Path, bytes]] = []

    def open(self, libraries: tuple[str, ...] = ()) -> MediaServer:
        return SubsonicServer(
            httpx.Client(timeout=60), self._address, Credentials("ann", "pass word"), libraries=libraries,
            patience=IMPATIENT, sleep=lambda seconds: None,
        )  # fmt: skip

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask supysonic without our client."""
        query = {"u": "ann", "p": "pass word", "v": "1.12.0", "c": "test", "f": "json", **params}
        answer = httpx.post(f"{self._address}/rest/{method}.view", data=query, timeout=60)
        response = answer.json()["subsonic-response"]
        assert response["status"] == "ok", response
        return dict(response)

    def held(self) -> Held:
        found: Held = {}
        for listed in self.ask("getPlaylists")["playlists"].get("playlist", []):
            playlist = self.ask("getPlaylist", id=listed["id"])["playlist"]
            found[listed["id"]] = (listed["name"], [entry["id"] for entry in playlist.get("entry", [])])
        return found

    def put_playlist(self, name: str, track_ids: list[str]) -> str:
        before = self.held()
        self.ask("createPlaylist", name=name, songId=track_ids)
        return next(remote_id for remote_id in self.held() if remote_id not in before)

    def remove_playlist(self, remote_id: str) -> None:
        self.ask("deletePlaylist", id=remote_id)

    def lose_audio(self, track: Track) -> None:
        file = self._music / str(track.path)
        self._lost.append((file, file.read_bytes()))
        file.unlink()

    def library_name(self) -> str:
        return "Music"

    def check(self) -> None:
        """Also tidy up: the process is shared."""
        for remote_id in self.held():
            self.remove_playlist(remote_id)
        for file, data in self._lost:
            file.write_bytes(data)


@contextmanager
def running_supysonic(music: Path, home: Path) -> Iterator[str]:
    """Run supysonic on loopback over a folder of music; yield its address."""
    config = home / "supysonic.conf"
    config.write_text(
        f"[base]\ndatabase_uri = sqlite:///{home / 'db.sqlite'}\n"
        f"[webapp]\ncache_dir = {home / 'cache'}\nmount_webui = off\n"
        f"[daemon]\nsocket = {home / 'daemon.sock'}\n"
    )
    (home / "cache").mkdir()
    programs = Path(sys.executable).parent
    for arguments in (
        ("user", "add", "-p", "pass word", "ann"),
        ("user", "setroles", "-A", "ann"),
        ("folder", "add", "Music", str(music)),
        ("folder", "scan"),
    ):
        subprocess.run([programs / "supysonic-cli", *arguments], cwd=home, check=True, capture_output=True)
    with reserved_port() as port, (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "supysonic-server", "-S", "waitress", "-h", "127.0.0.1", "-p", str(port)],
            cwd=home, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _once_up(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait()


def _once_up(address: str, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/rest/ping.view")
            return address
        except httpx.TransportError:
            assert process.poll() is None, "supysonic did not start"
            time.sleep(0.1)
    raise AssertionError("supysonic does not answer")


def without_optional(track: Track) -> Track:
    """Return a track as a record may have kept it: only the id and what identifies the song."""
    return replace(track, path=None, size_bytes=None, suffix=None)
