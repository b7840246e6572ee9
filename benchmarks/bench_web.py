"""How fast the page and the API answer: 100,000 songs known, eight clients asking, an analysis running.

    python benchmarks/bench_web.py [--songs N] [--seconds S] [--clients N]

Every line is ``BENCH web path=... p50_ms=... p95_ms=... max_ms=...``; `idle_p95_ms` and `idle_cpu_ms` are the
same path asked by one client while nothing runs, so `ratio` says what the load costs. Paint times come from
headless Chromium.
"""

from __future__ import annotations

import argparse
import http.client
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from itertools import cycle
from pathlib import Path

from playwright.sync_api import sync_playwright

import bench_storage
from audiomuse.audio import FEATURES_VERSION
from audiomuse.model import Playlist, PlaylistEntry
from audiomuse.settings import load_settings
from audiomuse.storage import ItemPlan, open_job_store, open_music_store

CHROMIUM = "/usr/bin/chromium"
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")

PATHS = (
    "/",
    "/live",
    "/playlists",
    "/playlists/0000000000000003",
    "/library",
    "/library?sort=tempo&desc=1",
    "/library?q=song+77",
    "/library?offset=90000",
    "/library/song/{song}",
    "/library/charts",
    "/settings/",
    "/api/active_tasks",
    "/api/playlists",
    "/api/search_tracks?search_query=song+123",
    "/api/similar_tracks?item_id={song}&n=20",
    "/api/similar_artists?artist=Artist+7&n=10",
    "/api/find_path?start_song_id={song}&end_song_id={other}",
)

# What a worker writes while it analyses: a song's features and its item, twenty times a second.
WORKER = """
import sys, time
import numpy as np
from audiomuse.audio import FEATURES_VERSION
from audiomuse.model import TrackFeatures
from audiomuse.settings import load_settings
from audiomuse.storage import open_job_store, open_music_store
settings = load_settings(data_dir=sys.argv[1])
music, jobs = open_music_store(settings), open_job_store(settings)
rng = np.random.default_rng(1)
job = jobs.jobs.active()[0]
while True:
    (item,) = jobs.items.claim(job.id, "bench", 1, lease_s=600)
    heard = TrackFeatures(FEATURES_VERSION, 240.0, tags=rng.random(50, dtype=np.float32),
                          embedding=rng.standard_normal(200, dtype=np.float32))
    music.features.save(item.key, heard)
    jobs.items.complete(item, "bench")
    time.sleep(0.05)
"""


def prepare(data_dir: Path, songs: int) -> None:
    """Make up the library, forty playlists and an analysis of everything."""
    settings = load_settings(data_dir=data_dir)
    bench_storage.VERSION = FEATURES_VERSION
    with open_music_store(settings) as music:
        bench_storage.fill(music, songs)
        music.playlists.save_run(
            [
                Playlist(
                    f"{k:016x}", f"List {k}",
                    tuple(PlaylistEntry(f"{k * 40 + i:032x}", "Near the heart.") for i in range(40)),
                    tags=(("jazz", 0.3), ("soul", 0.2)), tempo_bpm=100.0, energy=0.5,
                )
                for k in range(40)
            ]
        )  # fmt: skip


def ask(port: int, path: str) -> float:
    """Return the seconds of one answer, whole body included."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    took = time.perf_counter() - began
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return took


def under_load(port: int, paths: list[str], clients: int, seconds: float) -> dict[str, list[float]]:
    """Have `clients` threads ask the paths in turn, each with a pause like a person's or a poll's."""
    times: dict[str, list[float]] = {path: [] for path in paths}
    end = time.monotonic() + seconds

    def client(first: int) -> None:
        for path in cycle(paths[first:] + paths[:first]):
            if time.monotonic() > end:
                return
            times[path].append(ask(port, path))
            time.sleep(0.1)

    threads = [threading.Thread(target=client, args=(i * 2 % len(paths),)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def percentile(values: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]


def first_paint_ms(port: int, path: str) -> float | None:
    """Return the median first contentful paint of three visits; None without Chromium."""
    if not Path(CHROMIUM).exists():
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        paints = []
        for _ in range(3):
            page = browser.new_context().new_page()
            page.goto(f"http://127.0.0.1:{port}{path}")
            page.wait_for_timeout(300)
            paints.append(
                page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
            page.context.close()
        browser.close()
    return statistics.median(paints)


def cpu_s(pid: int) -> float:
    """Return the seconds of processor time that a process took so far: they do not mind busy neighbours."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--port", type=int, default=8899)
    parser.add_argument("--dir", help="ignored: the library is made up")
    given = parser.parse_args()
    paths = [path.format(song=f"{17:032x}", other=f"{given.songs // 2:032x}") for path in PATHS]
    with tempfile.TemporaryDirectory(prefix="audiomuse-bench-") as folder:
        data_dir = Path(folder)
        prepare(data_dir, given.songs)
        environment = {
            **os.environ, "DATA_DIR": folder, "WEB_PORT": str(given.port), "AUTH_DISABLED": "true",
            "MUSIC_DIR": folder, "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        web = subprocess.Popen([sys.executable, "-m", "audiomuse.web"], env=environment)
        worker = None
        try:
            wait_for(given.port)
            for path in paths:
                ask(given.port, path)  # loads what is loaded once
            idle, cpu = {}, {}
            for path in paths:
                before = cpu_s(web.pid)
                idle[path] = [ask(given.port, path) for _ in range(10)]
                cpu[path] = (cpu_s(web.pid) - before) / 10
            store = open_job_store(load_settings(data_dir=data_dir))
            plans = [ItemPlan(f"{i:032x}", 1, {"title": f"Song {i}"}) for i in range(given.songs)]
            store.jobs.create("analysis", {"num_recent_albums": 0}, plans)
            worker = subprocess.Popen([sys.executable, "-c", WORKER, folder], env=environment)
            time.sleep(3)
            busy = under_load(given.port, paths, given.clients, given.seconds)
            for path in paths:
                report(path, idle[path], busy[path], cpu[path])
            everything = [one for times in busy.values() for one in times]
            print(f"BENCH web_all requests={len(everything)} p95_ms={percentile(everything, 0.95):.1f} "
                  f"per_second={len(everything) / given.seconds:.1f}")  # fmt: skip
            print(f"BENCH web_memory peak_mb={memory_mb(web.pid):.0f}")
            for path in ("/", "/library", "/playlists"):
                paint = first_paint_ms(given.port, path)
                print(f"BENCH web_paint path={path} first_contentful_paint_ms={paint}")
        finally:
            for process in (web, worker):
                if process is not None:
                    process.terminate()
                    process.wait()
    print(f"BENCH web_bench peak_mb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


def report(path: str, idle: list[float], busy: list[float], cpu: float) -> None:
    quiet, loaded = percentile(idle, 0.95), percentile(busy, 0.95)
    print(f"BENCH web path={path.split('?item')[0][:60]} n={len(busy)} p50_ms={percentile(busy, 0.5):.1f} "
          f"p95_ms={loaded:.1f} max_ms={percentile(busy, 1.0):.1f} idle_p95_ms={quiet:.1f} "
          f"idle_cpu_ms={1000 * cpu:.1f} ratio={loaded / quiet:.2f}", flush=True)  # fmt: skip


def wait_for(port: int) -> None:
    for _ in range(240):
        try:
            ask(port, "/healthz")
            return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError("the page did not start")


if __name__ == "__main__":
    main()
