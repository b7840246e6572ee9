"""The fake Jellyfin as a process of its own, as end-to-end tests and people use it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from audiomuse.servers import open_server
from audiomuse.settings import load_settings

ROOT = Path(__file__).parents[2]


def test_a_folder_of_music_is_served_to_the_real_client(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDIA_SERVER", raising=False)
    command = [sys.executable, "-m", "tests.servers.fake_jellyfin", "--music", str(music), "--key", "k"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.match(r"JELLYFIN_URL=(\S+) JELLYFIN_TOKEN=k", process.stdout.readline())
        assert found
        server = open_server(
            load_settings(jellyfin_url=found.group(1), jellyfin_token="k", data_dir=tmp_path)
        )
        track = server.tracks(next(server.albums()).id)[0]
        with server.open_audio(track, tmp_path) as audio:
            # Albums written within one second have no order of their own.
            assert audio.path.read_bytes() in {song.read_bytes() for song in music.rglob("*.flac")}
        server.delete_playlist(server.save_playlist("Evening", [track.id], cover=b"\xff\xd8"))
        server.close()
    finally:
        process.terminate()
        process.wait(10)
