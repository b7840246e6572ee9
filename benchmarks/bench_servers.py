"""Listing a library, fetching a song and writing a playlist, against the original recipe, over loopback.

The original recipe asks for each album's tracks by themselves, takes a song's whole body into memory, and
writes a playlist by deleting and creating. Both sides speak to the same fake Jellyfin in a process of its
own; each is measured in a fresh process: CPU seconds and peak memory of the client alone, and the number of
requests, which is what a real server feels.

    python benchmarks/bench_servers.py --albums 2000 --tracks 12 --song-mb 64
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
from werkzeug.serving import WSGIRequestHandler, make_server

sys.path.insert(0, str(Path(__file__).parents[1]))  # the fake lives with the tests

from tests.servers.fake_jellyfin import API_KEY, FakeJellyfin, large_library, make_id

from audiomuse.servers import JellyfinServer
from audiomuse.servers.jellyfin_session import Login
from audiomuse.servers.transport import make_client

USER_ID = make_id("user ann")


class _Silent(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def serve(n_albums: int, n_tracks: int, song_mb: int, pipe: Connection) -> None:
    """Run the fake; tell the address, then the number of requests whenever asked."""
    library = large_library(n_albums, n_tracks)
    library.tracks[next(iter(library.tracks))].audio = bytes(song_mb * 1_000_000)
    fake = FakeJellyfin(library)
    server = make_server("127.0.0.1", 0, fake.app, threaded=True, request_handler=_Silent)
    pipe.send(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while pipe.recv():
        pipe.send(len(fake.exchanges))
        fake.exchanges.clear()


@contextmanager
def running_fake(n_albums: int, n_tracks: int, song_mb: int) -> Iterator[tuple[str, Callable[[], int]]]:
    """Start the fake; yield its address and a function that counts the requests since the last call."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(n_albums, n_tracks, song_mb, theirs))
    process.start()

    def n_requests() -> int:
        ours.send(True)
        return int(ours.recv())

    try:
        yield ours.recv(), n_requests
    finally:
        ours.send(False)
        process.join(10)
        process.terminate()


def measured(work: Callable[[str], Any], url: str) -> dict[str, float]:
    """Run `work` in a fresh process; return its CPU and wall seconds, and how far it raised its memory."""
    ours, theirs = multiprocessing.Pipe()

    def child() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF)
        start = time.perf_counter()
        work(url)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        theirs.send({"cpu_s": cpu, "wall_s": wall, "grown_mb": (after.ru_maxrss - before.ru_maxrss) / 1024})

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    result: dict[str, float] = ours.recv()
    process.join()
    return result


def our_server(url: str) -> JellyfinServer:
    return JellyfinServer(make_client(), url, Login(token=API_KEY))


def our_listing(url: str) -> None:
    assert sum(1 for _ in our_server(url).all_tracks()) > 0


def original_listing(url: str) -> None:
    headers = {"Authorization": f'MediaBrowser Token="{API_KEY}"'}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        newest = {"recursive": True, "sortBy": "DateCreated", "sortOrder": "Descending"}
        query = {"userId": USER_ID, "includeItemTypes": "MusicAlbum", **newest}
        tracks = []
        for album in client.get("/Items", params=query).json()["Items"]:
            within = {"userId": USER_ID, "parentId": album["Id"], "includeItemTypes": "Audio"}
            tracks += client.get("/Items", params=within).json()["Items"]
        assert tracks


def our_fetch(url: str) -> None:
    server = our_server(url)
    track = server.tracks(next(server.albums()).id)[0]
    with tempfile.TemporaryDirectory() as folder, server.open_audio(track, Path(folder)) as audio:
        assert audio.temporary


def original_fetch(url: str) -> None:
    server = our_server(url)
    track = server.tracks(next(server.albums()).id)[0]
    headers = {"Authorization": f'MediaBrowser Token="{API_KEY}"'}
    body = httpx.get(f"{url}/Items/{track.id}/Download", headers=headers, timeout=120).content
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{track.title}-{track.artist}.mp3").write_bytes(body)


def our_publishing(url: str) -> None:
    server = our_server(url)
    ids = [track.id for album in server.albums(limit=20) for track in server.tracks(album.id)]
    publication = server.save_playlist("Evening", ids[:40])
    for shift in range(1, 11):
        publication = server.save_playlist("Evening", ids[shift : shift + 40], publication=publication)
    for _ in range(10):
        publication = server.save_playlist("Evening", ids[10:50], publication=publication)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--albums", type=int, default=2000)
    parser.add_argument("--tracks", type=int, default=12)
    parser.add_argument("--song-mb", type=int, default=64)
    given = parser.parse_args()
    works = {
        "listing": (our_listing, original_listing),
        "fetch": (our_fetch, original_fetch),
        "publish-1-replace-10-keep-10": (our_publishing, None),
    }
    with running_fake(given.albums, given.tracks, given.song_mb) as (url, n_requests):
        for name, (ours, original) in works.items():
            figures: dict[str, dict[str, float]] = {}
            for side, work in (("ours", ours), ("original", original)):
                if work is not None:
                    n_requests()
                    figures[side] = measured(work, url)
                    figures[side]["requests"] = n_requests()
            report(name, figures)


def report(name: str, figures: dict[str, dict[str, float]]) -> None:
    """Print one line per side, and one with what ours costs for each unit of the original."""
    for side, values in figures.items():
        print(f"BENCH servers-{name} side={side}", *(f"{key}={value:.3g}" for key, value in values.items()))
    if "original" in figures:
        ratios = {
            key: figures["ours"][key] / figures["original"][key] for key in ("cpu_s", "grown_mb", "requests")
        }
        print(f"BENCH servers-{name} ratio", *(f"{key}={value:.3g}" for key, value in ratios.items()))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
