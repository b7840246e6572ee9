"""Ports of 127.0.0.1 for servers that cannot choose one themselves, without a race for them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """Yield a port that nobody else is given by chance while a server of ours comes up and runs on it.

    Looking for a free port and then letting go of it is a race: the kernel may hand it to another test, or to
    the next outgoing connection. On Linux a socket that is bound but does not listen keeps the port out of
    the draw, and a server with SO_REUSEADDR, as all of ours set it, may listen on it all the same.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":
            holder.close()  # elsewhere the server would be refused
        yield port
