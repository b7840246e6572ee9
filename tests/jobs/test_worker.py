"""Real workers, a real broker, and kill -9: every number is squared, none is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator

import psutil
import pytest
from fake_services import wait_for
from real_workers import Machine

from audiomuse.errors import SettingsError
from audiomuse.jobs import announce, make_app
from audiomuse.jobs.broker import choose_broker, find_server
from audiomuse.jobs.fleet import SharedBroker, home_of
from audiomuse.model import JobState
from audiomuse.settings import Settings

pytestmark = pytest.mark.skipif(find_server() is None, reason="no Valkey or Redis server for this platform")


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
    second = machine.start_job(10_000, 0.1)  # not done before it is cancelled, on any machine
    wait_for(lambda: machine.job(second).done >= 5)
    machine.services.engine.cancel(second)
    assert machine.wait_for_end(second).state is JobState.REVOKED
    machine.services.engine.resume(second)
    done = machine.job(second).done
    wait_for(lambda: machine.job(second).done > done)
    assert psutil.Process(worker.pid).nice() >= 10
    assert len(machine.services.jobs.workers.alive()) == 1
    worker.terminate()
    assert worker.wait() == 0
    assert machine.services.jobs.items.leased(second) == []
    assert machine.services.jobs.workers.alive() == []
    assert machine.job(second).state is JobState.PROGRESS


def strike(machine: Machine, random_one: random.Random) -> None:
    """Kill something with -9: a whole worker, one of its children, the broker, or database connections."""
    choice = random_one.choice(["tree", "child", "broker", "connections"])
    if choice == "tree":
        machine.kill_worker(random_one.randrange(len(machine.workers)))
        machine.start_worker()
    elif choice == "child":
        machine.kill_child(random_one)
    elif choice == "broker":
        machine.restart_broker()
    else:
        machine.cut_connections()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_random_moments_lose_nothing(machine: Machine) -> None:
    random_one = random.Random(7)
    machine.start_worker()
    n = 120
    job_id = machine.start_job(n, 0.05)
    for _ in range(6):
        if not machine.wait_for_progress(job_id):
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


@sqlite_only
def test_what_a_killed_worker_leaves_lies_in_temp_dir_and_the_next_one_deletes_it(machine: Machine) -> None:
    temp_dir = machine.settings.temp_dir
    worker = machine.start_worker()
    wait_for(lambda: machine.services.jobs.workers.alive())
    (before,) = temp_dir.iterdir()
    worker.kill()
    worker.wait()
    next_one = machine.start_worker()
    wait_for(lambda: before not in (left := list(temp_dir.iterdir())) and left)
    assert list(machine.system_temp.iterdir()) == []
    next_one.terminate()
    assert next_one.wait() == 0
    assert list(temp_dir.iterdir()) == []


@sqlite_only
def test_a_full_queue_of_old_messages_does_no_harm(machine: Machine) -> None:
    app = make_app(machine.settings)
    job_id = machine.start_job(5, 0.0)
    for token in [None, 1, 1, 2, 77, None]:
        announce(app, job_id, token)
    announce(app, "a job that was deleted")
    machine.start_worker()
    assert machine.wait_for_end(job_id).result == {"sum": 30}
