"""Serve a folder of music as a Jellyfin would, on this machine only.

python -m tests.servers.fake_jellyfin --port 8096 --music ~/Music
"""

from __future__ import annotations

import argparse
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from . import API_KEY, FakeJellyfin, library_from, small_library


class _BriefHandler(WSGIRequestHandler):
    """Logs requests without their queries, which hold hundreds of ids."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        print(f"{self.command} {self.path.partition('?')[0]} {code}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--music", type=Path, help="folder of music; without: four albums of tones")
    parser.add_argument("--version", default="10.11.11")
    parser.add_argument("--key", default=API_KEY, help="the API key that is accepted")
    given = parser.parse_args()
    fake = FakeJellyfin(library_from(given.music) if given.music else small_library(), version=given.version)
    fake.keys = {given.key}
    server = make_server("127.0.0.1", given.port, fake.app, threaded=True, request_handler=_BriefHandler)
    library = fake.library
    print(f"JELLYFIN_URL=http://127.0.0.1:{server.server_port}", f"JELLYFIN_TOKEN={given.key}", flush=True)
    print(f"{len(library.albums)} albums, {len(library.tracks)} tracks; user ann", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\n".join(fake.violations))


if __name__ == "__main__":
    main()
