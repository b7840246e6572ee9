"""A broker that nobody has to install, and messages that are whole or not there."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from kombu import Connection

from audiomuse.errors import AudioMuseError
from audiomuse.jobs import broker, filesystem
from audiomuse.jobs.broker import BrokerChoice, EmbeddedBroker, choose_broker, find_server
from audiomuse.settings import Settings, load_settings

needs_server = pytest.mark.skipif(find_server() is None, reason="no Valkey or Redis server for this platform")


def test_a_configured_broker_is_used(tmp_path: Path) -> None:
    choice = choose_broker(load_settings(data_dir=tmp_path, celery_broker_url="redis://elsewhere:6379/0"))
    assert (choice.url, choice.is_embedded) == ("redis://elsewhere:6379/0", False)


@needs_server
def test_without_one_a_server_in_the_data_folder_is_chosen() -> None:
    choice = choose_broker(load_settings(data_dir=Path("/data")))
    assert choice.is_embedded
    assert choice.socket == Path("/data/broker/broker.sock")


@needs_server
def test_a_path_too_long_for_a_socket_is_replaced(tmp_path: Path) -> None:
    deep = load_settings(data_dir=tmp_path / ("x" * 100))
    choice = choose_broker(deep)
    assert choice.socket is not None
    assert len(str(choice.socket)) <= 100
    assert choose_broker(deep) == choice


@needs_server
def test_a_replaced_folder_goes_with_its_server(tmp_path: Path) -> None:
    choice = choose_broker(load_settings(data_dir=tmp_path / ("x" * 100)))
    assert choice.socket is not None
    server = EmbeddedBroker(choice)
    server.start()
    assert choice.socket.exists()
    server.stop()
    assert not choice.socket.parent.exists()


def test_files_that_a_killed_process_left_are_swept(tmp_path: Path) -> None:
    filesystem.options(tmp_path)
    messages = tmp_path / "messages"
    names = [".1.q.msg.part", ".2.q.msg.taken", "3.q.msg", ".4.q.msg.part"]
    for name in names:
        (messages / name).touch()
    for name in names[:3]:
        os.utime(messages / name, (0, 0))
    filesystem.options(tmp_path)
    assert sorted(path.name for path in messages.iterdir()) == [".4.q.msg.part", "3.q.msg"]


def test_without_any_server_plain_files_are_chosen(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "find_server", lambda: None)
    choice = choose_broker(sqlite_settings)
    assert choice.is_embedded
    assert choice.binary is None
    assert (sqlite_settings.data_dir / "broker" / "messages").is_dir()


@needs_server
def test_the_server_starts_once_answers_and_stops(sqlite_settings: Settings) -> None:
    choice = choose_broker(sqlite_settings)
    first, second = EmbeddedBroker(choice), EmbeddedBroker(choice)
    assert first.start()
    try:
        assert first.answers()
        assert not second.start()
        assert choice.socket is not None
        assert choice.socket.parent.stat().st_mode & 0o077 == 0
    finally:
        first.stop()
    assert not first.answers()
    assert second.start()
    second.stop()


@needs_server
def test_whoever_is_left_runs_a_server_that_died(sqlite_settings: Settings) -> None:
    choice = choose_broker(sqlite_settings)
    first, second = EmbeddedBroker(choice), EmbeddedBroker(choice)
    try:
        first.keep()
        second.keep()
        assert second.process is None
        assert first.process is not None
        first.process.kill()
        first.process.wait()
        second.keep()  # not while the first one lives: it is about to look
        assert not second.answers()
        first.keep()
        assert second.answers()
        first.stop()
        second.keep()
        assert second.process is not None
        assert first.answers()
        first.keep()
        assert first.process is None
    finally:
        first.stop()
        second.stop()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\necho 'no such luck'\nexit 3\n")
    program.chmod(0o755)
    choice = BrokerChoice("redis+socket://x", binary=program, socket=tmp_path / "d" / "broker.sock")
    with pytest.raises(AudioMuseError, match="no such luck"):
        EmbeddedBroker(choice).start()


@pytest.fixture
def connect(tmp_path: Path) -> Callable[[], Connection]:
    options = dict(filesystem.options(tmp_path))
    return lambda: Connection(f"{filesystem.SCHEME}://", transport_options=options)


def test_messages_of_files_are_neither_lost_nor_doubled_nor_torn(connect: Callable[[], Connection]) -> None:
    got: list[int] = []
    done = threading.Event()

    def produce(start: int) -> None:
        with connect() as connection, connection.SimpleQueue("q") as queue:
            for i in range(start, start + 150):
                queue.put({"number": i, "padding": "x" * 2000})

    def consume() -> None:
        with connect() as connection, connection.SimpleQueue("q") as queue:
            while not (done.is_set() and queue.qsize() == 0):
                try:
                    message = queue.get(timeout=0.2)
                except queue.Empty:
                    continue
                got.append(message.payload["number"])
                message.ack()

    producers = [threading.Thread(target=produce, args=(start,)) for start in (0, 1000)]
    consumers = [threading.Thread(target=consume) for _ in range(2)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join()
    done.set()
    for thread in consumers:
        thread.join()
    assert sorted(got) == [*range(150), *range(1000, 1150)]
