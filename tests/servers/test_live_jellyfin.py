"""A real Jellyfin of your own, if you name one: it is listed and heard, and gets one playlist for a moment.

export AUDIOMUSE_LIVE_JELLYFIN_URL=http://nas:8096 AUDIOMUSE_LIVE_JELLYFIN_TOKEN=...
pytest tests/servers/test_live.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audiomuse.servers import open_server
from audiomuse.services.preflight import preflight
from audiomuse.settings import load_settings

URL = os.environ.get("AUDIOMUSE_LIVE_JELLYFIN_URL", "")
TOKEN = os.environ.get("AUDIOMUSE_LIVE_JELLYFIN_TOKEN", "")


@pytest.mark.skipif(not (URL and TOKEN), reason="no live Jellyfin is named")
def test_a_live_jellyfin_keeps_the_contract(tmp_path: Path) -> None:
    user = os.environ.get("AUDIOMUSE_LIVE_JELLYFIN_USER", "")
    settings = load_settings(
        media_server="jellyfin",
        jellyfin_url=URL,
        jellyfin_token=TOKEN,
        jellyfin_user_id=user,
        data_dir=tmp_path,
    )
    server = open_server(settings)
    try:
        preflight(server, write=True).require()
        track = server.tracks(next(server.albums()).id)[0]
        with server.open_audio(track, tmp_path / "audio") as audio:
            assert audio.path.stat().st_size > 0
    finally:
        server.close()
