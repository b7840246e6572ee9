"""Two workers in two network namespaces ("machines") share one job over Redis and PostgreSQL.

    sudo python benchmarks/two_machines.py [--items 60] [--seconds 0.5] [--rabbitmq]

Three network namespaces are made: a hub with PostgreSQL and Valkey (or RabbitMQ), and two machines with one
worker each that reach nothing but the hub. The job is done by one machine, then by both, then by both with
the line of one cut in the middle. Needs root, ``ip``, and PostgreSQL's server programs. Items sleep: what
is measured is the sharing, not the hearing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "jobs"))

from fake_services import OPENER, FakeServices, wait_for  # noqa: E402
from real_brokers import Rabbit  # noqa: E402

from audiomuse.jobs import announce, make_app  # noqa: E402
from audiomuse.jobs.broker import find_server  # noqa: E402
from audiomuse.model import Job, JobState  # noqa: E402
from audiomuse.settings import load_settings  # noqa: E402

HUB, MACHINES = "audiomuse-hub", ("audiomuse-one", "audiomuse-two")
ADDRESS = "10.77.0.1"
DATABASE_URL = f"postgresql://audiomuse@{ADDRESS}:5432/postgres"
BROKER_URL = f"redis://{ADDRESS}:6379/0"
WORKER = f"""
import sys
from audiomuse.jobs import run_worker
from audiomuse.jobs.live import read_settings
if __name__ == "__main__":
    sys.exit(run_worker(read_settings(), opener={OPENER!r}))
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def inside(name: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", name, *command]


@contextmanager
def network() -> Iterator[None]:
    """A hub with a bridge, and two machines on it."""
    try:
        for name in (HUB, *MACHINES):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", HUB, "link", "add", "br0", "type", "bridge")
        ip("-n", HUB, "address", "add", f"{ADDRESS}/24", "dev", "br0")
        ip("-n", HUB, "link", "set", "br0", "up")
        for number, name in enumerate(MACHINES, start=2):
            ip("-n", HUB, "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", HUB, "link", "set", f"to{number}", "master", "br0", "up")
            ip("-n", name, "address", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield
    finally:
        for name in (HUB, *MACHINES):
            subprocess.run(["ip", "netns", "delete", name], check=False)


@contextmanager
def hub(folder: Path) -> Iterator[None]:
    """PostgreSQL and Valkey in the hub."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data = folder / "pg"
    shutil.chown(folder, "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"]
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "audiomuse", "-A", "trust"]
    subprocess.run([*as_postgres, *initdb], check=True, stdout=subprocess.DEVNULL, cwd="/")
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.77.0.0/24 trust\n")
    postgres = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), "-h", ADDRESS]
    valkey = [
        str(find_server()),
        "--bind",
        ADDRESS,
        "--protected-mode",
        "no",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with (folder / "log").open("wb") as log:
        servers = [
            subprocess.Popen(inside(HUB, *as_postgres, *postgres), stdout=log, stderr=log, cwd="/"),
            subprocess.Popen(inside(HUB, *valkey), stdout=log, stderr=log),
        ]
    try:
        yield
    finally:
        for server in servers:
            server.terminate()
            server.wait()


def start_machine(name: str, folder: Path, broker_url: str) -> subprocess.Popen[bytes]:
    """Start a worker that knows the hub and shares no file with the other machine."""
    environment = {
        **os.environ,
        "DATA_DIR": str(folder / name),
        "DATABASE_URL": DATABASE_URL,
        "CELERY_BROKER_URL": broker_url,
        "ANALYSIS_WORKERS": "1",
        "LOG_LEVEL": "ERROR",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    under_its_own_name = ["unshare", "--uts", "sh", "-c", 'hostname "$1"; shift; exec "$@"', "sh", name]
    command = inside(name, *under_its_own_name, sys.executable, "-c", WORKER)
    return subprocess.Popen(command, env=environment)


def run_job(
    services: FakeServices, items: int, seconds: float, cut: bool = False
) -> tuple[Job, float, Counter[int]]:
    """Run a job to its end; return how long it took and how many items each process did."""
    began = time.monotonic()
    job_id = services.engine.start("analysis", {"n": items, "seconds": seconds}).id
    if cut:
        wait_for(lambda: services.engine.status(job_id).job.done > items // 3, seconds=300)
        subprocess.run(["ip", "link", "set", "to3", "down"], check=True)
    wait_for(lambda: services.engine.status(job_id).job.state.is_final, seconds=600)
    took = time.monotonic() - began
    done = services.jobs.items.done(job_id, 1)
    return (
        services.engine.status(job_id).job,
        took,
        Counter(item.result["pid"] for item in done if item.result),
    )


def measure(folder: Path, items: int, seconds: float, broker_url: str = BROKER_URL) -> int:
    """The part that runs inside the hub."""
    wait_for(lambda: _answers(), seconds=60)
    settings = load_settings(data_dir=folder / "hub", database_url=DATABASE_URL, celery_broker_url=broker_url)
    services = FakeServices(settings, announce=partial(announce, make_app(settings)))
    expected = {"sum": sum(i * i for i in range(items))}
    workers = [start_machine(MACHINES[0], folder, broker_url)]
    try:
        wait_for(lambda: len(services.jobs.workers.alive()) == 1)
        run_job(services, 2, 0.0)  # the first song also starts the child process
        alone, alone_s, _ = run_job(services, items, seconds)
        workers.append(start_machine(MACHINES[1], folder, broker_url))
        wait_for(lambda: len(services.jobs.workers.alive()) == 2)
        run_job(services, 20, 0.5)
        both, both_s, shares = run_job(services, items, seconds)
        cut, cut_s, _ = run_job(services, items, seconds, cut=True)
    finally:
        subprocess.run(["ip", "link", "set", "to3", "up"], check=False)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
        services.close()
    fine = all(job.state is JobState.SUCCESS and job.result == expected for job in (alone, both, cut))
    print(
        f"BENCH two_machines broker={broker_url.partition(':')[0]} items={items} "
        f"one_s={alone_s:.1f} two_s={both_s:.1f} ratio={both_s / alone_s:.2f} "
        f"shares={'/'.join(str(n) for n in sorted(shares.values()))} cut_s={cut_s:.1f} "
        f"lost={0 if fine else 'SOMETHING'}",
        flush=True,
    )
    return 0 if fine and both_s < alone_s else 1


def measure_rabbitmq(folder: Path, items: int, seconds: float) -> int:
    """The same with RabbitMQ in the hub."""
    rabbit = Rabbit(folder / "rabbit", ADDRESS)
    rabbit.start()
    try:
        return measure(folder, items, seconds, rabbit.url)
    finally:
        rabbit.close()


def _answers() -> bool:
    try:
        with psycopg.connect(DATABASE_URL, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rabbitmq", action="store_true", help="instead of Valkey")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        part = measure_rabbitmq if given.rabbitmq else measure
        return part(given.inside, given.items, given.seconds)
    folder = Path(tempfile.mkdtemp(prefix="audiomuse-two-"))
    folder.chmod(0o755)
    again = [sys.executable, __file__, "--inside", str(folder)]
    sizes = ["--items", str(given.items), "--seconds", str(given.seconds)]
    if given.rabbitmq:
        sizes.append("--rabbitmq")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with network(), hub(folder):
        return subprocess.run(inside(HUB, *again, *sizes), env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
