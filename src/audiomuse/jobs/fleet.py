"""Several machines need databases that all of them can reach: SQLite files are not."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, Protocol

import redis
import structlog
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from kombu.messaging import Producer

from audiomuse.errors import SettingsError
from audiomuse.jobs.address import split_encryption
from audiomuse.settings import Settings
from audiomuse.storage import MusicStore

log = structlog.get_logger(__name__)

PLACE = "audiomuse:home"
"""The key, or the queue, that tells who works here on SQLite."""

_GOOD_FOR_S = 60
_DATABASE_ID = "database-id"


def home_of(music: MusicStore, new_id: str) -> dict[str, str]:
    """Return where this process lives and which database it works on.

    Parameters
    ----------
    new_id : str
        Becomes the identity of a database that has none yet.
    """
    music.notes.set_if_absent(_DATABASE_ID, new_id)
    return {
        "host": socket.gethostname(),
        "machine": _machine(),
        "database": str(music.notes.get(_DATABASE_ID)),
    }


def uses_sqlite(settings: Settings) -> bool:
    """Tell whether one of the databases is a file on this machine."""
    return settings.database_url is None


class SharedBroker:
    """The place on a broker where workers on SQLite say where they live.

    Parameters
    ----------
    url : str
        From `choose_broker`; ``redis`` or ``amqp``, encrypted or not.
    home : dict
        From `home_of`.
    """

    def __init__(self, url: str, home: dict[str, str]) -> None:
        self._home = home
        self._place: _Place = _RabbitPlace(url) if url.startswith("amqp") else _RedisPlace(url)

    def settle(self) -> None:
        """Say where we live, for the next minute; call it again and again.

        Raises
        ------
        SettingsError
            If workers of another machine, or on another database, are there already.
        """
        try:
            theirs = self._place.meet(self._home)
        except _NoAnswer as e:
            log.warning("the broker does not answer", error=str(e))
            return
        if any(theirs[name] != self._home[name] for name in ("machine", "database")):
            raise SettingsError(
                f"A worker on {theirs['host']} shares this broker, but SQLite databases are files that "
                "only one machine can use. To share the work among several machines, set DATABASE_URL to "
                "the same postgresql:// address on all of them; to keep to one machine, give this one a "
                "broker of its own (unset CELERY_BROKER_URL)."
            )

    def close(self) -> None:
        """Hang up; what we said is forgotten within a minute."""
        self._place.close()


class _NoAnswer(Exception):
    """The broker is away; the next time will tell."""


class _Place(Protocol):
    def meet(self, home: dict[str, str]) -> dict[str, str]:
        """Return who lives here: `home`, for the next minute, unless somebody else does."""

    def close(self) -> None:
        """Hang up."""


class _RedisPlace:
    """A key that is set by whoever comes first."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url.replace("redis+socket://", "unix://"), socket_timeout=5.0)

    def meet(self, home: dict[str, str]) -> dict[str, str]:
        try:
            self._client.set(PLACE, json.dumps(home), nx=True, ex=_GOOD_FOR_S)
            found: dict[str, str] = json.loads(self._client.get(PLACE) or "null") or home
            if found == home:
                self._client.expire(PLACE, _GOOD_FOR_S)
        except redis.RedisError as e:
            raise _NoAnswer(e) from e
        return found

    def close(self) -> None:
        self._client.close()


class _RabbitPlace:
    """A queue with room for one message, which everybody reads and puts back."""

    def __init__(self, url: str) -> None:
        self._url, self._encryption = split_encryption(url)
        self._connection = self._connect()
        limits = {"x-max-length": 1, "x-overflow": "reject-publish", "x-expires": 2 * _GOOD_FOR_S * 1000}
        self._queue = Queue(PLACE, queue_arguments=limits)

    def meet(self, home: dict[str, str]) -> dict[str, str]:
        errors = (*self._connection.connection_errors, *self._connection.channel_errors, OperationalError)
        try:
            with self._connection.channel() as channel:
                return self._meet(channel, home)
        except errors as e:
            self._connection.close()
            self._connection = self._connect()  # one that was closed never opens again
            raise _NoAnswer(e) from e

    def _connect(self) -> Connection:
        """Return a connection that opens when it is first used."""
        patience = {"read_timeout": 5, "write_timeout": 5}
        return Connection(
            self._url, ssl=self._encryption or False, connect_timeout=5, transport_options=patience
        )

    def _meet(self, channel: Any, home: dict[str, str]) -> dict[str, str]:
        queue = self._queue(channel)
        queue.queue_declare()
        message = queue.get()
        if message is not None and message.payload != home:
            message.requeue()  # keeps the time that it has left
            return dict(message.payload)
        with Producer(channel) as producer:
            producer.publish(home, routing_key=PLACE, expiration=_GOOD_FOR_S)
        if message is not None:
            message.ack()
        return home

    def close(self) -> None:
        self._connection.close()


def _machine() -> str:
    """Return what two containers of one machine have in common and two machines have not."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()
