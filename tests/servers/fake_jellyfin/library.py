"""What the fake Jellyfin holds: users, albums, tracks, playlists."""

from __future__ import annotations

import hashlib
import math
import struct
import unicodedata
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import mutagen

SERVER_ID = "5e7c0ffee5e7c0ffee5e7c0ffee5e7c0"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
AUDIO_SUFFIXES = {".flac", ".mp3", ".ogg", ".opus", ".m4a", ".wav"}


def make_id(text: str) -> str:
    """Return an id as Jellyfin spells it: 32 hex digits without dashes."""
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


@dataclass
class User:
    """An account."""

    name: str
    password: str
    is_administrator: bool = False
    may_download: bool = True
    is_disabled: bool = False

    @property
    def id(self) -> str:
        return make_id(f"user {self.name}")


@dataclass
class FakeTrack:
    """A song; its audio is bytes, a file, or None (the disk is gone)."""

    id: str
    title: str
    album_id: str | None
    artist: str | None
    audio: bytes | Path | None
    number: int = 1
    added_at: datetime = EPOCH
    duration_s: float | None = 1.0
    path: str = ""
    suffix: str = "wav"
    genres: tuple[str, ...] = ()
    play_count: int = 0
    is_favorite: bool = False

    @property
    def size(self) -> int | None:
        if self.audio is None:
            return None
        return len(self.audio) if isinstance(self.audio, bytes) else self.audio.stat().st_size


@dataclass
class FakeAlbum:
    """A record."""

    id: str
    title: str
    artist: str | None
    added_at: datetime
    library_id: str
    picture: bytes | None = None


@dataclass
class FakePlaylist:
    """A playlist; entries are (entry id, track id)."""

    id: str
    name: str
    owner_id: str
    is_public: bool
    entries: list[tuple[str, str]] = field(default_factory=list)
    cover: tuple[str, bytes] | None = None

    @property
    def track_ids(self) -> list[str]:
        return [track_id for _, track_id in self.entries]


@dataclass
class FakeLibrary:
    """Everything on the server."""

    albums: dict[str, FakeAlbum] = field(default_factory=dict)
    tracks: dict[str, FakeTrack] = field(default_factory=dict)
    playlists: dict[str, FakePlaylist] = field(default_factory=dict)
    users: list[User] = field(default_factory=list)
    views: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Libraries by id: (name, collection type)."""

    def add_album(self, title: str, artist: str | None, added_at: datetime, view: str = "Music") -> FakeAlbum:
        view_id = make_id(f"view {view}")
        self.views.setdefault(view_id, (view, "music"))
        album = FakeAlbum(make_id(f"album {artist} {title}"), title, artist, added_at, view_id)
        self.albums[album.id] = album
        return album

    def add_track(
        self, album: FakeAlbum, title: str, audio: bytes | Path | None, **more: object
    ) -> FakeTrack:
        number = 1 + sum(track.album_id == album.id for track in self.tracks.values())
        track = FakeTrack(
            id=make_id(f"track {album.id} {number} {title}"),
            title=title,
            album_id=album.id,
            artist=album.artist,
            audio=audio,
            number=number,
            added_at=album.added_at,
        )
        track.path = str(audio) if isinstance(audio, Path) else f"/music/{album.title}/{number:02d}.wav"
        for name, value in more.items():
            setattr(track, name, value)
        self.tracks[track.id] = track
        return track


def small_library() -> FakeLibrary:
    """Four albums in two music libraries and a film library, two users, playlists of other people."""
    library = FakeLibrary(users=[User("ann", "secret of ann", is_administrator=True)])
    library.views[make_id("view Films")] = ("Films", "movies")
    names = [
        ("First light", "Alma", "Music"),
        ('Odd "names" / ünïcode 🎵', "AC/DC", "Music"),
        ("Third", "Bela, Cara & Co", "Music"),
        ("Christmas", "Choir", "Seasonal"),
    ]
    for age, (title, artist, view) in enumerate(names):
        album = library.add_album(title, artist, EPOCH - timedelta(days=age), view)
        for number in range(1, 4):
            library.add_track(
                album, f"{title} no. {number}", tone(200 + 37 * age + 110 * number),
                play_count=number - 1, is_favorite=number == 3, genres=("Electronic",),
            )  # fmt: skip
    album = library.albums[make_id("album Alma First light")]
    album.picture = b"\xff\xd8\xff\xe0 a jpeg of sorts"
    foreign = list(library.tracks)[:2]
    for name in ("Road trip", "Evening_automatic"):
        playlist_id = make_id(f"playlist of ann {name}")
        entries = [(track_id, track_id) for track_id in foreign]
        library.playlists[playlist_id] = FakePlaylist(
            playlist_id, name, make_id("user ann"), is_public=True, entries=entries
        )
    return library


def large_library(n_albums: int, tracks_per_album: int) -> FakeLibrary:
    """A library without audio, for counting."""
    library = FakeLibrary(users=[User("ann", "secret of ann", is_administrator=True)])
    for number in range(n_albums):
        album = library.add_album(f"Album {number:05d}", f"Artist {number % 300}", EPOCH)
        for track_number in range(1, tracks_per_album + 1):
            track_id = make_id(f"{number} {track_number}")
            library.tracks[track_id] = FakeTrack(
                track_id, f"Song {track_number}", album.id, album.artist, None, track_number,
                path=f"/music/{number}/{track_number}.flac", suffix="flac",
            )  # fmt: skip
    return library


def library_from(music: Path) -> FakeLibrary:
    """A library of the audio files under a folder; each folder of files is an album."""
    library = FakeLibrary(users=[User("ann", "secret of ann", is_administrator=True)])
    albums: dict[Path, FakeAlbum] = {}
    for file in sorted(music.rglob("*")):
        if file.suffix.lower() not in AUDIO_SUFFIXES or not file.is_file():
            continue
        tags, duration_s = _tags(file)
        artist = tags.get("artist")
        if file.parent not in albums:
            title = tags.get("album") or file.parent.name
            added_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            albums[file.parent] = library.add_album(title, artist or file.parent.parent.name, added_at)
        track = library.add_track(
            albums[file.parent], tags.get("title") or file.stem, file,
            duration_s=duration_s, suffix=file.suffix[1:].lower(),
        )  # fmt: skip
        # Not the local path: whoever runs the fake wants to see downloads.
        track.path = "/music/" + unicodedata.normalize("NFC", str(file.relative_to(music)))
        if artist:
            track.artist = artist
    return library


def tone(frequency: float, *, seconds: float = 1.0, sr: int = 8000) -> bytes:
    """Return a sine as the bytes of a WAV file."""
    samples = [int(12_000 * math.sin(2 * math.pi * frequency * i / sr)) for i in range(int(seconds * sr))]
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sr)
        writer.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


def _tags(file: Path) -> tuple[dict[str, str], float | None]:
    try:
        found = mutagen.File(file, easy=True)
    except mutagen.MutagenError:
        return {}, None
    if found is None:
        return {}, None
    tags = found.tags if isinstance(found.tags, dict) or hasattr(found.tags, "keys") else {}
    texts = {name: str(tags[name][0]) for name in ("title", "artist", "album") if tags and tags.get(name)}
    return texts, found.info.length
