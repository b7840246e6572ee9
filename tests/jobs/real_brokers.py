"""Brokers as people run them: Redis behind TLS, and RabbitMQ, on loopback and on ports of their own."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

from fake_services import wait_for

from audiomuse.jobs.children import start_child, stop_child

_RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing_for_redis_tls() -> str | None:
    """Return why Redis with TLS cannot run here; None if it can."""
    if shutil.which("openssl") is None:
        return "openssl is not installed"
    redis = shutil.which("redis-server")
    if redis is None:
        return "redis-server is not installed (the bundled Valkey has no TLS)"
    linked = subprocess.run(["ldd", redis], capture_output=True, text=True, check=False).stdout
    return None if "libssl" in linked else "this redis-server was built without TLS"


def missing_for_rabbitmq() -> str | None:
    """Return why RabbitMQ cannot run here; None if it can."""
    return None if _RABBIT.exists() else "RabbitMQ is not installed (apt install rabbitmq-server)"


def make_certificates(folder: Path) -> None:
    """Write an authority ``ca.pem``, and ``server.pem`` with ``server.key`` for 127.0.0.1 and localhost."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile names -out server.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


class TlsRedis:
    """A Redis that only speaks TLS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        make_certificates(folder)

    @property
    def url(self) -> str:
        return f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={self.folder / 'ca.pem'}"

    def start(self) -> None:
        """Start it, unless it runs."""
        if _is_alive(self.process):
            return
        options = {
            "port": "0",
            "tls-port": str(self.port),
            "bind": "127.0.0.1",
            "tls-cert-file": str(self.folder / "server.pem"),
            "tls-key-file": str(self.folder / "server.key"),
            "tls-ca-cert-file": str(self.folder / "ca.pem"),
            "tls-auth-clients": "no",
            "save": "",
            "dir": str(self.folder),
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.process = start_child(["redis-server", *arguments], log=self.folder / "server.log")
        wait_for(lambda: _speaks_tls(self.port, self.folder / "ca.pem"), seconds=30)

    def stop(self) -> None:
        _stop(self.process)
        self.process = None


class Rabbit:
    """A RabbitMQ with everything it writes in one folder; ``amqp://`` and, where openssl is, ``amqps://``."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.folder = folder
        self.address = address
        self.port, self.tls_port, self._mapper_port = free_port(), free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._mapper: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listeners.tcp.1 = {address}:{self.port}", "loopback_users = none"]
        if shutil.which("openssl"):
            make_certificates(folder)
            files = {"cacertfile": "ca.pem", "certfile": "server.pem", "keyfile": "server.key"}
            lines += [
                f"listeners.ssl.1 = {address}:{self.tls_port}",
                *(f"ssl_options.{name} = {folder / file}" for name, file in files.items()),
            ]
        (folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (folder / "plugins").write_text("[].\n")

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{self.address}:{self.port}//"

    @property
    def tls_url(self) -> str:
        return f"amqps://guest:guest@{self.address}:{self.tls_port}//?ssl_ca_certs={self.folder / 'ca.pem'}"

    def start(self) -> None:
        """Start it, unless it runs."""
        if _is_alive(self.process):
            return
        environment = {
            "HOME": self.folder,
            "RABBITMQ_NODENAME": f"audiomuse{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "plugins",
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_LOG_BASE": self.folder / "log",
            "RABBITMQ_DIST_PORT": free_port(),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": self._mapper_port,
            "NOTIFY_SOCKET": "/dev/null",  # has the script become the server, as under systemd: one to kill
        }
        # Erlang would leave its port mapper running for ever; one of our own we can stop.
        if self._mapper is None:
            mapper = ["epmd", "-port", str(self._mapper_port), "-address", "127.0.0.1"]
            self._mapper = start_child(mapper, log=self.folder / "mapper.log")
            wait_for(lambda: _listens(self._mapper_port), seconds=10)
        text = {name: str(value) for name, value in environment.items()}
        self.process = start_child([str(_RABBIT)], environment=text, log=self.folder / "server.log")
        wait_for(lambda: _speaks_amqp(self.address, self.port), seconds=90)

    def stop(self) -> None:
        _stop(self.process)
        self.process = None

    def close(self) -> None:
        self.stop()
        _stop(self._mapper)
        self._mapper = None


def _is_alive(process: subprocess.Popen[bytes] | None) -> bool:
    return process is not None and process.poll() is None


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        stop_child(process, patience_s=30.0)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _speaks_tls(port: int, authority: Path) -> bool:
    context = ssl.create_default_context(cafile=str(authority))
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as plain:
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
    except OSError:
        return False
    return True


def _speaks_amqp(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 2) as line:
            line.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(line.recv(1))
    except OSError:
        return False
