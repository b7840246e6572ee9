"""The same kill -9 over the brokers that several machines share: Redis behind TLS, and RabbitMQ."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_services import wait_for
from kombu import Connection, pools
from real_brokers import Rabbit, TlsRedis, free_port, missing_for_rabbitmq, missing_for_redis_tls
from real_workers import Machine

from audiomuse.errors import SettingsError
from audiomuse.jobs import announce, make_app
from audiomuse.jobs.address import checked_address
from audiomuse.jobs.fleet import PLACE, SharedBroker
from audiomuse.model import JobState
from audiomuse.settings import Settings, load_settings

NO_REDIS_TLS, NO_RABBITMQ = missing_for_redis_tls(), missing_for_rabbitmq()
needs_redis_tls = pytest.mark.skipif(NO_REDIS_TLS is not None, reason=NO_REDIS_TLS or "")
needs_rabbitmq = pytest.mark.skipif(NO_RABBITMQ is not None, reason=NO_RABBITMQ or "")


@pytest.fixture
def tls_redis(tmp_path: Path) -> Iterator[TlsRedis]:
    server = TlsRedis(tmp_path / "redis")  # for every test: where a worker lived is remembered for a minute
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def one_rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    server = Rabbit(tmp_path_factory.mktemp("rabbit"))
    yield server
    server.close()


@pytest.fixture
def rabbit(one_rabbit: Rabbit) -> Rabbit:
    one_rabbit.start()
    return one_rabbit


def settings_with(folder: Path, url: str) -> Settings:
    return load_settings(data_dir=folder / "data", celery_broker_url=url)


def takes_a_message(folder: Path, url: str) -> bool:
    pools.reset()  # Kombu takes connections for equal that differ in nothing but their encryption
    return announce(make_app(settings_with(folder, url)), "job")


@needs_redis_tls
def test_a_broker_whose_certificate_nobody_vouches_for_gets_no_message(
    tls_redis: TlsRedis, tmp_path: Path
) -> None:
    plain, _, _ = tls_redis.url.partition("?")
    assert takes_a_message(tmp_path, tls_redis.url)
    assert not takes_a_message(tmp_path, plain)
    assert takes_a_message(tmp_path, f"{plain}?ssl_cert_reqs=none")


@needs_rabbitmq
def test_rabbitmq_behind_tls_is_checked_likewise(rabbit: Rabbit, tmp_path: Path) -> None:
    plain, _, _ = rabbit.tls_url.partition("?")
    assert takes_a_message(tmp_path, rabbit.tls_url)
    assert not takes_a_message(tmp_path, plain)
    assert takes_a_message(tmp_path, f"{plain}?ssl_cert_reqs=none")


@needs_redis_tls
def test_a_second_machine_on_sqlite_is_refused_over_redis_behind_tls(tls_redis: TlsRedis) -> None:
    another_database = tls_redis.url.replace("/0?", "/1?")
    refuse_a_second_home(checked_address(another_database, "CELERY_BROKER_URL"))


@needs_rabbitmq
def test_a_second_machine_on_sqlite_is_refused_over_rabbitmq(rabbit: Rabbit) -> None:
    refuse_a_second_home(rabbit.url)
    refuse_a_second_home(checked_address(rabbit.tls_url, "CELERY_BROKER_URL"))
    with Connection(rabbit.url) as connection:  # the next test's workers live elsewhere
        connection.default_channel.queue_delete(PLACE)


def refuse_a_second_home(url: str) -> None:
    """Settle one home twice, and another, which is not welcome and does not drive the first one away."""
    home = {"host": "first", "machine": "one", "database": "1"}
    here, neighbour = SharedBroker(url, home), SharedBroker(url, {**home, "host": "its neighbour"})
    elsewhere = SharedBroker(url, {**home, "host": "second", "machine": "two"})
    another = SharedBroker(url, {**home, "database": "2"})
    for _ in range(3):
        here.settle()
        neighbour.settle()
        for stranger in (elsewhere, another):
            with pytest.raises(SettingsError, match="A worker on first shares this broker"):
                stranger.settle()
    for each in (here, neighbour, elsewhere, another):
        each.close()


def test_a_broker_that_does_not_answer_refuses_nobody() -> None:
    home = {"host": "first", "machine": "one", "database": "1"}
    for scheme in ("redis", "amqp"):
        broker = SharedBroker(f"{scheme}://127.0.0.1:{free_port()}/", home)
        broker.settle()
        broker.settle()  # nor the next time


@needs_redis_tls
@pytest.mark.slow
def test_nothing_is_lost_over_redis_behind_tls(tls_redis: TlsRedis, tmp_path: Path) -> None:
    survive_kills(Machine(settings_with(tmp_path, tls_redis.url), tls_redis))


@needs_rabbitmq
@pytest.mark.slow
def test_nothing_is_lost_over_rabbitmq(rabbit: Rabbit, tmp_path: Path) -> None:
    survive_kills(Machine(settings_with(tmp_path, rabbit.url), rabbit))


def survive_kills(machine: Machine) -> None:
    """Kill worker, child and broker in turn; every number is squared once, and a cancel is obeyed."""
    try:
        machine.start_worker()
        n = 200  # enough that it is not done before the last of the three kills
        job_id = machine.start_job(n, 0.05)
        assert machine.wait_for_progress(job_id)
        machine.kill_worker()
        machine.start_worker()
        assert machine.wait_for_progress(job_id)
        machine.kill_child(random.Random(1))
        assert machine.wait_for_progress(job_id)
        machine.restart_broker()
        job = machine.wait_for_end(job_id)
        assert (job.state, job.done, job.failed) == (JobState.SUCCESS, n, 0)
        assert job.result == {"sum": sum(i * i for i in range(n))}
        endless = machine.start_job(10_000, 0.1)
        wait_for(lambda: machine.job(endless).done >= 3)
        machine.services.engine.cancel(endless)
        assert machine.wait_for_end(endless).state is JobState.REVOKED
    finally:
        machine.close()
