"""Media servers: one Protocol, and Jellyfin, OpenSubsonic, a folder and memory behind it."""

from audiomuse.servers.factory import open_server
from audiomuse.servers.folder import FolderServer
from audiomuse.servers.jellyfin import JellyfinServer
from audiomuse.servers.memory import MemoryServer
from audiomuse.servers.protocol import (
    AudioFile,
    AudioStream,
    Cover,
    Library,
    MediaServer,
    RemotePlaylist,
    ServerInfo,
)
from audiomuse.servers.subsonic import SubsonicServer

__all__ = [
    "AudioFile",
    "AudioStream",
    "Cover",
    "FolderServer",
    "JellyfinServer",
    "Library",
    "MediaServer",
    "MemoryServer",
    "RemotePlaylist",
    "ServerInfo",
    "SubsonicServer",
    "open_server",
]
