"""Several machines need databases that all of them can reach: SQLite files are not."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import redis
import structlog

from audiomuse.errors import SettingsError
from audiomuse.settings import Settings
from audiomuse.storage import MusicStore

log = structlog.get_logger(__name__)

_PLACE = "audiomuse:home"
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
        CELERY_BROKER_URL. Only Redis has such a place; on other brokers nothing is checked.
    home : dict
        From `home_of`.
    """

    def __init__(self, url: str, home: dict[str, str]) -> None:
        self._home = home
        self._client: redis.Redis | None = None
        if url.startswith("redis"):
            self._client = redis.Redis.from_url(url.replace("redis+socket://", "unix://"), socket_timeout=5.0)

    def settle(self) -> None:
        """Say where we live, for the next minute; call it again and again.

        Raises
        ------
        SettingsError
            If workers of another machine, or on another database, are there already.
        """
        if self._client is None:
            return
        try:
            self._client.set(_PLACE, json.dumps(self._home), nx=True, ex=_GOOD_FOR_S)
            theirs = json.loads(self._client.get(_PLACE) or "{}")
            if theirs == self._home:
                self._client.expire(_PLACE, _GOOD_FOR_S)
        except redis.RedisError as e:
            log.warning("the broker does not answer", error=str(e))
            return
        if theirs and any(theirs[name] != self._home[name] for name in ("machine", "database")):
            raise SettingsError(
                f"A worker on {theirs['host']} shares this broker, but SQLite databases are files that "
                "only one machine can use. To share the work among several machines, set DATABASE_URL to "
                "the same postgresql:// address on all of them; to keep to one machine, give this one a "
                "broker of its own (unset CELERY_BROKER_URL)."
            )


def _machine() -> str:
    """Return what two containers of one machine have in common and two machines have not."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()
