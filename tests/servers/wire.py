"""A server that answers each connection with prepared bytes, for what only a real socket can do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Stall:
    """Says nothing until the client loses patience and hangs up."""


class WireServer:
    """Plays one script per connection: bytes are sent, a `Stall` waits; then the connection is closed.

    Attributes
    ----------
    url : str
        Its address.
    heads : list of str
        The head of each request that came.
    """

    def __init__(self, scripts: Sequence[Sequence[bytes | Stall]]) -> None:
        self._scripts = list(scripts)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.heads: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heads.append(self._head(connection))
                with contextlib.suppress(OSError):  # the client may have hung up
                    self._play(script, connection)

    def _play(self, script: Sequence[bytes | Stall], connection: socket.socket) -> None:
        for part in script:
            if isinstance(part, Stall):
                connection.recv(1)  # nothing more is asked: this returns when the client is gone
            else:
                connection.sendall(part)
                time.sleep(0.01)  # so that what follows is a packet of its own

    @staticmethod
    def _head(connection: socket.socket) -> str:
        data = b""
        while b"\r\n\r\n" not in data and (part := connection.recv(65536)):
            data += part
        return data.decode("latin-1")

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for a connection
        self._socket.close()
        self._thread.join(5)


@contextmanager
def wire_server(*scripts: Sequence[bytes | Stall]) -> Iterator[WireServer]:
    """Run a `WireServer` for the length of a test."""
    server = WireServer(scripts)
    try:
        yield server
    finally:
        server.close()


def head(status: str, **headers: object) -> bytes:
    """Return the head of an answer; ``Content_Length=3`` becomes ``Content-Length: 3``."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
