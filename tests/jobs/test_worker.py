"""Real workers, a real broker, and kill -9: every number is squared, none is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from fake_services import OPENER, FakeServices, wait_for

from audiomuse.errors import SettingsError
from audiomuse.jobs import announce, make_app
from audiomuse.jobs.broker import EmbeddedBroker, choose_broker, find_server
from audiomuse.jobs.fleet import SharedBroker, home_of
from audiomuse.model import Job, JobState
from audiomuse.settings import Settings

pytestmark = pytest.mark.skipif(find_server() is None, reason="no Valkey or Redis server for this platform")

WORKER = f"""
import sys
from audiomuse.jobs import run_worker
from audiomuse.jobs.live import read_settings
if __name__ == "__main__":
    sys.exit(run_worker(read_settings(), opener={OPENER!r}))
"""


class Machine:
    """A data folder with a broker and as many workers as a test starts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.broker = EmbeddedBroker(choose_broker(settings))
        self.broker.start()
        app = make_app(settings)
        self.services = FakeServices(settings, announce=partial(announce, app))
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DATA_DIR": str(self.settings.data_dir),
            "ANALYSIS_WORKERS": "2",
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        }
        if self.settings.database_url is not None:
            environment["DATABASE_URL"] = self.settings.database_url.get_secret_value()
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment)
        self.workers.append(worker)
        return worker

    def job(self, job_id: str) -> Job:
        return self.services.engine.status(job_id).job

    def start_job(self, n: int, seconds: float) -> str:
        return self.services.engine.start("analysis", {"n": n, "seconds": seconds}).id

    def wait_for_end(self, job_id: str, *, seconds: float = 120.0) -> Job:
        wait_for(lambda: self.job(job_id).state.is_final, seconds=seconds)
        return self.job(job_id)

    def close(self) -> None:
        for worker in self.workers:
            kill_tree(worker)
        self.services.close()
        self.broker.stop()


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 a worker the way a power cut does: all its processes, in no order."""
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in children:
            if child.is_running():
                child.kill()
    process.wait()


@pytest.fixture
def machine(any_settings: Settings) -> Iterator[Machine]:
    opened = Machine(any_settings)
    yield opened
    opened.close()


sqlite_only = pytest.mark.parametrize("any_settings", ["sqlite"], indirect=True)


@sqlite_only
def test_a_worker_does_a_job_obeys_a_cancel_resumes_and_ends_politely(machine: Machine) -> None:
    worker = machine.start_worker()
    first = machine.start_job(10, 0.01)
    assert machine.wait_for_end(first).result == {"sum": 285}
    second = machine.start_job(1000, 0.05)
    wait_for(lambda: machine.job(second).done >= 5)
    machine.services.engine.cancel(second)
    assert machine.wait_for_end(second, seconds=20).state is JobState.REVOKED
    machine.services.engine.resume(second)
    done = machine.job(second).done
    wait_for(lambda: machine.job(second).done > done)
    assert psutil.Process(worker.pid).nice() >= 10
    assert len(machine.services.jobs.workers.alive()) == 1
    worker.terminate()
    assert worker.wait(30) == 0
    assert machine.services.jobs.items.leased(second) == []
    assert machine.services.jobs.workers.alive() == []
    assert machine.job(second).state is JobState.PROGRESS


def strike(machine: Machine, random_one: random.Random) -> None:
    """Kill something with -9: a whole worker, one of its children, the broker, or database connections."""
    choice = random_one.choice(["tree", "child", "broker", "connections"])
    if choice == "tree":
        kill_tree(machine.workers.pop(random_one.randrange(len(machine.workers))))
        machine.start_worker()
    elif choice == "child":
        victim = random_one.choice(machine.workers)
        children = [c for c in psutil.Process(victim.pid).children() if "spawn_main" in " ".join(c.cmdline())]
        if children:
            random_one.choice(children).kill()
    elif choice == "broker":
        assert machine.broker.process is not None
        machine.broker.process.kill()
        machine.broker.stop()
        machine.broker.start()
    elif not machine.services.jobs.database.is_sqlite:
        with machine.services.jobs.database.write() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(machine: Machine) -> None:
    random_one = random.Random(7)
    machine.start_worker()
    n = 120
    job_id = machine.start_job(n, 0.05)
    for _ in range(6):
        done = machine.job(job_id).done
        wait_for(
            lambda before=done: machine.job(job_id).done > before + 3 or machine.job(job_id).state.is_final
        )
        if machine.job(job_id).state.is_final:
            break
        strike(machine, random_one)
    job = machine.wait_for_end(job_id)
    assert (job.state, job.done, job.failed) == (JobState.SUCCESS, n, 0)
    assert job.result == {"sum": sum(i * i for i in range(n))}
    items = machine.services.jobs.items.done(job_id, 1)
    assert [item.result["square"] for item in items if item.result] == [i * i for i in range(n)]


@sqlite_only
def test_a_second_machine_with_a_file_of_its_own_is_refused(machine: Machine) -> None:
    url = choose_broker(machine.settings).url
    home = home_of(machine.services.music, "database-1")
    SharedBroker(url, home).settle()
    SharedBroker(url, home).settle()  # the same machine and database: welcome
    with pytest.raises(SettingsError, match="set DATABASE_URL"):
        SharedBroker(url, {**home, "database": "another"}).settle()
    with pytest.raises(SettingsError, match="only one machine"):
        SharedBroker(url, {**home, "machine": "another"}).settle()
    SharedBroker("amqp://nobody", {**home, "machine": "another"}).settle()  # cannot be known


@sqlite_only
def test_a_full_queue_of_old_messages_does_no_harm(machine: Machine) -> None:
    app = make_app(machine.settings)
    job_id = machine.start_job(5, 0.0)
    for token in [None, 1, 1, 2, 77, None]:
        announce(app, job_id, token)
    announce(app, "a job that was deleted")
    machine.start_worker()
    assert machine.wait_for_end(job_id).result == {"sum": 30}
