"""`audiomuse up`: broker, worker and page of one machine, started, watched and stopped together."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import SecretStr

from audiomuse.errors import AudioMuseError
from audiomuse.jobs.broker import EmbeddedBroker, choose_broker
from audiomuse.jobs.children import start_child, stop_child
from audiomuse.jobs.single import FileLock
from audiomuse.settings import Settings

log = structlog.get_logger(__name__)

_STOP_PATIENCE_S = 25.0
_STABLE_AFTER_S = 60.0
_LONGEST_PAUSE_S = 30.0
_HOPELESS_AFTER = 3
_STARTING_S = 15.0


def settings_environment(overrides: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters of the command line as environment variables for child processes.

    Parameters
    ----------
    overrides : mapping
        Values by field name of `Settings`; None means "not given".
    """
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in overrides.items()
        if value is not None
    }
    return {name.upper(): str(value) for name, value in plain.items()}


def run_up(
    settings: Settings,
    *,
    overrides: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = print,
    commands: Mapping[str, Sequence[str]] | None = None,
) -> int:
    """Run everything on this machine until Ctrl-C or SIGTERM; return the exit code.

    Parameters
    ----------
    settings : Settings
    overrides : mapping, optional
        Parameters of the command line, for the child processes.
    say : callable
        Tells a person one sentence.
    commands : mapping, optional
        What to run, by name, instead of our page and our worker.

    Raises
    ------
    AlreadyRunning
        If another one runs on the same data folder.
    StorageError
        If the data folder cannot be used.
    """
    environment = settings_environment(overrides or {})
    # Their own programs rather than the command line's: it would bring every command's imports along.
    chosen = commands or {
        "web": [sys.executable, "-m", "audiomuse.web"],
        "worker": [sys.executable, "-m", "audiomuse.jobs"],
    }
    with FileLock(settings.data_dir / "up.lock", "AudioMuse"), _signals() as signals:
        choice = choose_broker(settings)
        broker = None if choice.binary is None else EmbeddedBroker(choice)
        services = [_Service(name, list(command), environment) for name, command in chosen.items()]
        try:
            if broker is not None:
                broker.start()
            for service in services:
                service.start()
            return _watch(services, broker, signals, _Readiness(settings, say), say)
        finally:
            _stop_all(services, broker, signals)
            say("AudioMuse has stopped.")


@dataclass(eq=False)
class _Service:
    """One child process that is to be there as long as we are."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float | None = None
    pause_s: float = 0.5
    failed_starts: int = 0

    def start(self) -> None:
        self.process = start_child(self.command, environment=self.environment)
        self.started = time.monotonic()
        self.restart_at = None

    def look(self) -> None:
        """Start the process again if it died, later and later if that happens often."""
        now = time.monotonic()
        if self.restart_at is not None:
            if now >= self.restart_at:
                self.start()
            return
        code = None if self.process is None else self.process.poll()
        if code is None:
            return
        lived_s = now - self.started
        self.pause_s = 0.5 if lived_s > _STABLE_AFTER_S else min(2 * self.pause_s, _LONGEST_PAUSE_S)
        # A process that is killed has a negative code: that says nothing against starting it again.
        self.failed_starts = self.failed_starts + 1 if code > 0 and lived_s < _STARTING_S else 0
        log.warning("a process died; starting it again", name=self.name, code=code, seconds=self.pause_s)
        self.restart_at = now + self.pause_s

    @property
    def is_hopeless(self) -> bool:
        """Whether it gives up by itself every time it is started."""
        return self.failed_starts >= _HOPELESS_AFTER


@dataclass
class _Readiness:
    """Says once that the page answers."""

    settings: Settings
    say: Callable[[str], None]
    is_ready: bool = False

    def look(self) -> None:
        if self.is_ready:
            return
        host = self.settings.web_host
        local = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
        with socket.socket(socket.AF_INET6 if ":" in local else socket.AF_INET) as probe:
            probe.settimeout(0.5)
            self.is_ready = probe.connect_ex((local, self.settings.web_port)) == 0
        if self.is_ready:
            address = f"http://{local}:{self.settings.web_port}{self.settings.url_prefix}"
            self.say(f"AudioMuse is ready: {address} (Ctrl-C stops it)")


@dataclass
class _Signals:
    """The signals that arrived, and a pipe that wakes who waits for one."""

    pipe: int
    stops: list[int] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal arrives (a child's end is one), at most `seconds`."""
        if select.select([self.pipe], [], [], seconds)[0]:
            os.read(self.pipe, 4096)


@contextmanager
def _signals() -> Iterator[_Signals]:
    """Collect SIGINT, SIGTERM and the ends of children instead of being interrupted by them."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signals = _Signals(reader)

    def stop(number: int, _frame: object) -> None:
        signals.stops.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    wakeup = signal.set_wakeup_fd(writer)
    try:
        yield signals
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _watch(
    services: Sequence[_Service],
    broker: EmbeddedBroker | None,
    signals: _Signals,
    readiness: _Readiness,
    say: Callable[[str], None],
) -> int:
    """Keep everything running until a signal says otherwise."""
    while not signals.stops:
        if broker is not None:
            try:
                broker.keep()
            except AudioMuseError as e:
                log.error("the message broker does not start", error=str(e))
                signals.wait(_LONGEST_PAUSE_S)
                continue
        for service in services:
            service.look()
            if service.is_hopeless:
                say(f"The {service.name} process ends every time it is started; its last lines say why.")
                return 1
        readiness.look()
        waiting = any(service.restart_at is not None for service in services)
        signals.wait(0.2 if waiting or not readiness.is_ready else 10.0)
    return 0


def _stop_all(services: Sequence[_Service], broker: EmbeddedBroker | None, signals: _Signals) -> None:
    """Ask all to end at once and wait; a second Ctrl-C does not wait."""
    processes = [service.process for service in services if service.process is not None]
    for process in processes:
        if process.poll() is None:
            process.terminate()
    already = len(signals.stops)
    deadline = time.monotonic() + _STOP_PATIENCE_S
    while any(process.poll() is None for process in processes):
        if time.monotonic() > deadline or len(signals.stops) > max(1, already):
            break
        signals.wait(0.2)
    for process in processes:
        stop_child(process, patience_s=0.0)
    if broker is not None:
        broker.stop()
