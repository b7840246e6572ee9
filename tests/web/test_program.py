"""The page as a program: it comes up, and ends in order when it is told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.ports import reserved_port

PROGRAMS = {
    "the command": ["-m", "audiomuse", "web"],
    "the module": ["-m", "audiomuse.web"],
}


@pytest.fixture
def start(
    tmp_path: Path, empty_databases: Path
) -> Iterator[Callable[[str], tuple[subprocess.Popen[str], int]]]:
    """Start the page; returns its process and its port once it answers."""
    with ExitStack() as resources:

        def start_it(program: str) -> tuple[subprocess.Popen[str], int]:
            port = resources.enter_context(reserved_port())
            environment = {**os.environ, "DATA_DIR": str(tmp_path / "data"), "WEB_PORT": str(port)}
            process = subprocess.Popen(
                [sys.executable, *PROGRAMS[program]],
                env=environment | {"WEB_HOST": "127.0.0.1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            resources.callback(process.wait)
            resources.callback(process.kill)
            _wait_until_it_answers(process, port)
            return process, port

        yield start_it


def _wait_until_it_answers(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    process.kill()
    raise AssertionError(f"the page does not answer: {process.communicate()[0]}")


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=lambda told: told.name)
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_page_ends_in_order_when_it_is_told_to(
    program: str,
    told: signal.Signals,
    start: Callable[[str], tuple[subprocess.Popen[str], int]],
    tmp_path: Path,
) -> None:
    process, _ = start(program)
    databases = tmp_path / "data"
    assert list(databases.glob("*-wal")), "SQLite keeps this file while a database is open"
    process.send_signal(told)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "The page has stopped." in output
    assert "Traceback" not in output
    assert list(databases.glob("*-wal")) == [], "both databases were closed"


def test_being_told_twice_and_a_visitor_in_the_middle_of_a_request_disturb_nothing(
    start: Callable[[str], tuple[subprocess.Popen[str], int]], tmp_path: Path
) -> None:
    process, port = start("the module")
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.sendall(b"GET /healthz HTTP/1.1\r\n")
        while (
            process.poll() is None
        ):  # a service manager tells every process, and `audiomuse up` its children
            process.terminate()
            time.sleep(0.05)
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert list((tmp_path / "data").glob("*-wal")) == []
