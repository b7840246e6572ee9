"""How fast the databases answer when they know 100,000 songs, and whether four writers get along.

    python benchmarks/bench_storage.py [--songs N] [--url postgresql://...] [--writers-seconds S]

Every line is ``BENCH <name> key=value ...``. The library is made up: random features, one artist for every
ten songs. Figures of one run go together; ratios compare with a named baseline inside the same run.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from audiomuse.model import Key, Tempo, Track, TrackFeatures
from audiomuse.services.job_handlers import JobHandler, Outcome
from audiomuse.services.jobs import JobEngine
from audiomuse.settings import Settings, load_settings
from audiomuse.storage import ItemPlan, MusicStore, TrackQuery, open_job_store, open_music_store
from audiomuse.storage.music_schema import features as features_table
from audiomuse.storage.music_store.features import _row

VERSION = "bench-1"
WRITER = """
import sys, time
from audiomuse.settings import load_settings
from audiomuse.storage import ItemPlan, open_job_store, open_music_store
data, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
settings = load_settings(data_dir=data)
with open_music_store(settings) as music, open_job_store(settings) as jobs:
    job = jobs.jobs.active("writers")[0]
    written, slowest, errors, end = 0, 0.0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            [item] = jobs.items.claim(job.id, name, 1, lease_s=60)
            music.notes.set(f"{name}-{written}", written)
            assert jobs.items.complete(item, name, more=[ItemPlan(f"{name}-{written}", 1)])
            written += 1
        except Exception as e:
            print(repr(e), file=sys.stderr)
            errors += 1
        slowest = max(slowest, time.monotonic() - began)
print(written, slowest, errors)
"""


class Songs(JobHandler):
    """Plans as many songs as there are; each takes no time."""

    kind = "analysis"

    def plan(self, parameters: Any) -> list[ItemPlan]:
        return [ItemPlan("list", 0, weight=0)]

    def run(self, item: Any, prepared: Any, context: Any) -> Outcome:
        return Outcome()


def report(name: str, **values: object) -> None:
    shown = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in values.items()
    )
    print(f"BENCH {name} {shown}", flush=True)


def timed(action: Callable[[], Any], *, times: int = 5) -> tuple[float, float, Any]:
    """Return the median of several runs in seconds, by the clock and of CPU time, and the last answer."""
    taken, worked, answer = [], [], None
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        answer = action()
        taken.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
    return statistics.median(taken), statistics.median(worked), answer


def measure(name: str, action: Callable[[], Any], *, times: int = 5, **values: object) -> None:
    median, cpu, _ = timed(action, times=times)
    report(name, ms=1000 * median, cpu_ms=1000 * cpu, **values)


def fill(music: MusicStore, n: int) -> None:
    """Make up a library: `n` songs, all analysed."""
    rng = np.random.default_rng(0)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    generation = music.tracks.begin_listing("bench")
    for first in range(0, n, 10_000):
        numbers = range(first, min(n, first + 10_000))
        began = time.perf_counter()
        music.tracks.upsert(
            "bench",
            [
                Track(
                    f"{i:032x}", f"Song {i * 7919 % n}", f"Artist {i // 10}",
                    f"album-{i // 12}", f"Album {i // 12}", duration_s=240.0,
                    added_at=start + timedelta(minutes=i), size_bytes=i,
                )
                for i in numbers
            ],
            generation,
        )  # fmt: skip
        listed = time.perf_counter() - began
        rows = []
        for i in numbers:
            heard = TrackFeatures(
                VERSION, 240.0, Tempo(60 + i % 120, 0.9), Key("A", "minor", 0.5), -10.0, float(rng.random()),
                rng.random(50, dtype=np.float32), rng.standard_normal(200, dtype=np.float32),
            )  # fmt: skip
            rows.append(_row(f"{i:032x}", heard, start))
        with music.database.write() as connection:
            connection.execute(sa.insert(features_table), rows)
    report("listing", songs_per_second=10_000 / listed)
    music.tracks.finish_listing("bench", generation, complete=True)


def bench_library(settings: Settings, n: int) -> None:
    with open_music_store(settings) as music:
        fill(music, n)
        loading, cpu, matrix = timed(lambda: music.features.load_matrix(VERSION), times=3)
        report("load_matrix", songs=len(matrix), seconds=loading, cpu_s=cpu)
        _, baseline, _ = timed(lambda: row_by_row(music), times=3)
        report("load_matrix_vs_embeddings_row_by_row", baseline_cpu_s=baseline, ratio=cpu / baseline)
        measure(
            "statistics_first", lambda: music.statistics.__class__(music.database).library(VERSION), times=3
        )
        music.statistics.library(VERSION)
        measure("statistics_again", lambda: music.statistics.library(VERSION))
        for name, query in {
            "by_title": TrackQuery(),
            "by_title_deep": TrackQuery(offset=n // 2),
            "by_artist": TrackQuery(sort="artist"),
            "newest": TrackQuery(sort="added", descending=True),
            "by_tempo": TrackQuery(sort="tempo", descending=True),
            "text": TrackQuery(text="song 77 artist"),
            "not_analysed": TrackQuery(analysed=False),
        }.items():
            measure(f"search_{name}", lambda query=query: music.catalogue.search(query, VERSION))
        measure("artists", lambda: music.catalogue.artists("artist 7"))
        measure("albums", lambda: music.catalogue.albums())
        measure("analysed_ids", lambda: music.features.analysed_ids(VERSION))


def row_by_row(music: MusicStore) -> Any:
    """The obvious way: one array per row, stacked at the end."""
    query = sa.select(features_table.c.embedding).where(features_table.c.features_version == VERSION)
    with music.database.read() as connection:
        return np.stack([np.frombuffer(row.embedding, "<f4") for row in connection.execute(query)])


def bench_jobs(settings: Settings, n: int) -> None:
    with open_job_store(settings) as store:
        engine = JobEngine(store, [Songs()])

        def start_and_cancel() -> None:
            engine.cancel(engine.start("analysis").id)

        measure("job_start_and_cancel", start_and_cancel)
        job = engine.start("analysis")
        [plan] = store.items.claim(job.id, "bench", 1, lease_s=600)
        songs = [ItemPlan(f"{i:032x}", 1, {"title": f"Song {i}"}) for i in range(n)]
        took, cpu, _ = timed(lambda: store.items.complete(plan, "bench", more=songs), times=1)
        report("job_plan", songs=n, seconds=took, cpu_s=cpu)
        for item in store.items.claim(job.id, "bench", 2000, lease_s=600)[:1500]:
            store.items.complete(item, "bench")
        measure("job_status", lambda: engine.status(job.id), items=n)
        measure("job_list", lambda: store.jobs.all(limit=20), items=n)
        measure("job_claim", lambda: store.items.claim(job.id, "other", 1, lease_s=600), times=20, items=n)
        measure("job_sweep", engine.sweep, items=n)
        measure("job_without_token", lambda: store.jobs.without_token(older_than_s=1.0), items=n)
        measure("job_cancel", lambda: engine.cancel(job.id), times=1, items=n)
        for owner in ("bench", "other"):
            store.items.release(job.id, owner)
        measure("job_end", lambda: engine.cancel(job.id), times=1, items=n)
        report("job_ended", state=store.jobs.get(job.id).state)


def bench_writers(settings: Settings, seconds: float) -> None:
    with open_job_store(settings) as jobs, open_music_store(settings) as music:
        job = jobs.jobs.create("writers", {}, [ItemPlan(f"first-{i}", 1) for i in range(4)])
        command = [sys.executable, "-c", WRITER, str(settings.data_dir)]
        writers = [
            subprocess.Popen([*command, f"w{i}", str(seconds)], stdout=subprocess.PIPE, text=True)
            for i in range(4)
        ]
        answers = [writer.communicate()[0].split() for writer in writers]
        written = [int(answer[0]) for answer in answers]
        lost = sum(music.notes.get(f"w{i}-{n}") != n for i, count in enumerate(written) for n in range(count))
        done = sum(stage.done for stage in jobs.items.counts(job.id))
        report(
            "four_writers",
            seconds=seconds,
            transactions=3 * sum(written),
            errors=sum(int(answer[2]) for answer in answers),
            lost=lost + sum(written) - done,
            slowest_s=max(float(answer[1]) for answer in answers),
            fewest=min(written),
            most=max(written),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--url", help="an empty PostgreSQL database instead of SQLite files")
    parser.add_argument("--writers-seconds", type=float, default=10.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), database_url=given.url)
        bench_jobs(settings, given.songs)
        bench_library(settings, given.songs)
        if given.url is None and given.writers_seconds > 0:
            bench_writers(settings, given.writers_seconds)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report("storage", songs=given.songs, peak_rss_mb=peak, files_mb=size / 2**20, load=os.getloadavg()[0])


if __name__ == "__main__":
    main()
