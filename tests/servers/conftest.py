"""Fixtures: the music, and one server of each kind over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.fake_jellyfin import FakeLibrary, library_from
from tests.servers.music import make_music
from tests.servers.stands import (
    FolderStand,
    JellyfinStand,
    MemoryStand,
    Stand,
    SupysonicStand,
    running_supysonic,
)

VERSIONS = ("10.8.13", "10.9.11", "10.10.7", "10.11.11", "12.0.0")

_STANDS = [
    "memory",
    "folder",
    *(f"jellyfin-{version}-{login}" for version in VERSIONS for login in ("key", "user")),
    "jellyfin-10.11.11-password",
    "supysonic",
]


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of FLAC files."""
    root = tmp_path_factory.mktemp("library") / "music"
    make_music(root)
    return root


@pytest.fixture(scope="session")
def fake_library(music: Path) -> FakeLibrary:
    """The music as a fake Jellyfin lists it; copy it before changing anything."""
    return library_from(music)


@pytest.fixture(scope="session")
def supysonic(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running supysonic over the music."""
    with running_supysonic(music, tmp_path_factory.mktemp("supysonic")) as address:
        yield address


@pytest.fixture(params=_STANDS)
def stand(
    request: pytest.FixtureRequest, music: Path, tmp_path: Path, fake_library: FakeLibrary
) -> Iterator[Stand]:
    """Each server in turn."""
    match request.param.split("-"):
        case ["memory"]:
            stand: Stand = MemoryStand(music)
        case ["folder"]:
            stand = FolderStand(music, tmp_path)
        case ["jellyfin", version, login]:
            stand = JellyfinStand(fake_library, version, login)
        case _:
            stand = SupysonicStand(request.getfixturevalue("supysonic"), music)
    yield stand
    stand.check()
