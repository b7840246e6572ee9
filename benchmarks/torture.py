"""Kill -9 page, worker, its children, broker, `up` itself and database connections while real music is heard.

    python benchmarks/torture.py --music DIR [--kills 100] [--seed 0] [--runs 2000] [--url postgresql://...]

`audiomuse up` analyses DIR and then searches playlists; at random moments something is killed. At the end
every song must be analysed exactly once, no row half written, the jobs SUCCESS, no temporary file left (in
TEMP_DIR and in what the processes take for the system's folder), and the playlists those of an undisturbed
run with the same seed. Any breach ends with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil

from audiomuse.model import Job, JobState
from audiomuse.services.app import Services, open_services
from audiomuse.services.configuration import complete_settings

_LONGEST_WAIT_S = 240.0
_TARGETS = {"child": 40, "broker": 20, "web": 15, "worker": 15, "connections": 20, "up": 5}
_SWEPT_AFTER_S = 120.0


class Arena:
    """One data folder with `audiomuse up` on it."""

    def __init__(self, music: Path, url: str | None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="audiomuse-torture-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.system_temp = self.folder / "tmp"
        self.system_temp.mkdir()
        self.environment = {
            "TMPDIR": str(self.system_temp),
            "DATA_DIR": str(self.folder / "data"),
            "MUSIC_DIR": str(music),
            "WEB_PORT": str(port),
            "NUM_RECENT_ALBUMS": "0",
            "ANALYSIS_WORKERS": "2",
            "LOG_LEVEL": "ERROR",
            **({} if url is None else {"DATABASE_URL": url}),
        }
        os.environ.update(self.environment)
        self.log = (self.folder / "log").open("wb")
        self.up = self.start_up()
        self.services: Services = open_services(complete_settings())

    def start_up(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "audiomuse", "up"]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def find(self, target: str) -> list[psutil.Process]:
        """Return the processes of one kind that live now."""
        marks = {
            "child": "spawn_main",
            "broker": "server",
            "web": "audiomuse.web",
            "worker": "audiomuse.jobs",
        }
        found = []
        for process in psutil.Process(self.up.pid).children(recursive=True):
            try:
                if marks[target] in " ".join(process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found

    def strike(self, target: str, chance: random.Random) -> bool:
        """Kill one of the given kind; False if there is none right now."""
        if target == "up":
            self.up.kill()
            self.up.wait()
            self.up = self.start_up()
            return True
        if target == "connections":
            return self.cut_connections()
        victims = self.find(target)
        if not victims:
            return False
        try:
            chance.choice(victims).kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def cut_connections(self) -> bool:
        database = self.services.engine.store.database
        if database.is_sqlite:
            return False
        with database.write() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return True

    def job(self, job_id: str) -> Job:
        return self.services.engine.status(job_id).job

    def close(self) -> int:
        # The last one killed has yet to be replaced, and its successor to sweep: one folder is the worker's.
        deadline = time.monotonic() + _SWEPT_AFTER_S
        temp_dir = self.services.settings.temp_dir
        while time.monotonic() < deadline and len(list(temp_dir.iterdir())) > 1:
            time.sleep(0.5)
        time.sleep(2.0)
        self.up.send_signal(signal.SIGTERM)
        code = self.up.wait(60)
        self.services.close()
        return code


def torment(
    arena: Arena, start: Callable[[], Job], kills: int, chance: random.Random
) -> tuple[Job, Counter[str], int]:
    """Run one job and kill something whenever it has made progress; return how many kills are left, too."""
    struck: Counter[str] = Counter()
    job = start()
    seen, since = -1, time.monotonic()
    while True:
        now = arena.job(job.id)
        if now.state.is_final:
            return now, struck, kills - sum(struck.values())
        if now.done > seen or time.monotonic() - since > 20:
            time.sleep(chance.uniform(0.0, 0.6))
            target = chance.choices(list(_TARGETS), list(_TARGETS.values()))[0]
            if sum(struck.values()) < kills and arena.strike(target, chance):
                struck[target] += 1
                print(f"  {sum(struck.values())}: killed {target} at {now.done}/{now.total}", flush=True)
            seen, since = now.done, time.monotonic()
        if time.monotonic() - since > _LONGEST_WAIT_S:
            raise SystemExit(f"{job.kind} stands still at {now}")
        time.sleep(0.05)


def undisturbed(arena: Arena, job: Job) -> Job:
    since = time.monotonic()
    while not arena.job(job.id).state.is_final:
        if time.monotonic() - since > 1800:
            raise SystemExit("the undisturbed run does not end")
        time.sleep(0.2)
    return arena.job(job.id)


def playlists(services: Services) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((playlist.name, playlist.track_ids) for playlist in services.playlists())


def breaches(arena: Arena, songs: int, jobs: list[Job]) -> list[str]:
    """Return what is not as it should be."""
    found = [
        f"{job.kind} ended {job.state}: {job.error}" for job in jobs if job.state is not JobState.SUCCESS
    ]
    analysed = arena.services.music.features.count(arena.services.features_version)
    failed = arena.services.music.failures.count()
    if analysed + failed != songs:
        found.append(f"{analysed} analysed and {failed} failed of {songs} songs")
    harmed = [f for f in arena.services.music.failures.all() if f.kind in ("crashed", "timeout", "missing")]
    found += [f"failed: {failure.message}" for failure in harmed]
    found += [
        f"left behind: {path}"
        for folder in (arena.services.settings.temp_dir, arena.system_temp)
        for path in folder.rglob("*")
    ]
    for path in (arena.services.settings.db_path, arena.services.settings.status_db_path):
        if path.exists():
            with closing(sqlite3.connect(path)) as connection:
                if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    found.append(f"{path} is corrupt")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--url", help="an empty PostgreSQL database for the tortured run")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    chosen = {"clustering_runs": given.runs, "clustering_seed": 7}

    began = time.monotonic()
    arena = Arena(given.music, given.url)
    analysis, struck, left = torment(arena, arena.services.start_analysis, given.kills * 3 // 4, chance)
    print(f"analysis {analysis.state} {analysis.done}/{analysis.total}, {dict(struck)}", flush=True)
    clustering, more, _ = torment(
        arena,
        lambda: arena.services.start_clustering(chosen),
        left + given.kills - given.kills * 3 // 4,
        chance,
    )
    print(f"clustering {clustering.state} {clustering.done}/{clustering.total}, {dict(more)}", flush=True)
    result = playlists(arena.services)
    code = arena.close()
    tortured_s = time.monotonic() - began

    os.environ.pop("DATABASE_URL", None)
    calm = Arena(given.music, None)
    began = time.monotonic()
    first = undisturbed(calm, calm.services.start_analysis())
    undisturbed(calm, calm.services.start_clustering(chosen))
    expected = playlists(calm.services)
    calm_s = time.monotonic() - began
    songs = first.total
    calm.close()

    found = breaches(arena, songs, [analysis, clustering])
    if result != expected:
        found.append("the playlists differ from those of the undisturbed run")
    if code != 0:
        found.append(f"up ended with code {code}")
    for breach in found:
        print(f"BREACH {breach}")
    kinds = " ".join(f"{target}={struck[target] + more[target]}" for target in _TARGETS)
    print(
        f"BENCH torture songs={songs} kills={sum(struck.values()) + sum(more.values())} {kinds} "
        f"playlists={len(result)} breaches={len(found)} "
        f"seconds={tortured_s:.0f} undisturbed_seconds={calm_s:.0f}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
