"""Several machines need databases that all of them can reach: SQLite files are not."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from audiomuse.errors import SettingsError
from audiomuse.settings import Settings
from audiomuse.storage import MusicStore

log = structlog.get_logger(__name__)

_ANSWER_S = 1.5
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


def refuse_shared_sqlite(app: Celery, home: dict[str, str]) -> None:
    """Ask the workers that are there already, and refuse to join them from elsewhere with a SQLite file.

    Raises
    ------
    SettingsError
        With what to set instead.
    """
    for theirs in _ask(app):
        if theirs.get("database") != home["database"] or theirs.get("machine") != home["machine"]:
            raise SettingsError(
                f"A worker on {theirs.get('host')} shares this broker, but SQLite databases are files that "
                "only one machine can use. To share the work among several machines, set DATABASE_URL to "
                "the same postgresql:// address on all of them; to keep to one machine, give this one a "
                "broker of its own (unset CELERY_BROKER_URL)."
            )


def _ask(app: Celery) -> list[dict[str, Any]]:
    try:
        answers = app.control.broadcast("audiomuse_home", reply=True, timeout=_ANSWER_S) or []
    except (OperationalError, OSError) as e:
        log.warning("the broker does not answer yet", error=str(e))
        return []
    return [reply for answer in answers for reply in answer.values() if isinstance(reply, dict)]


def _machine() -> str:
    """Return what two containers of one machine have in common and two machines have not."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()
