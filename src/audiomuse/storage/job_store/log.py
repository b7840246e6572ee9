"""The bounded log of a job, the workers that live, and when schedules last ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from audiomuse.storage.engine import Database
from audiomuse.storage.job_schema import log_lines, schedules, workers

KEPT_LINES = 500
"""Lines that a job keeps; older ones go."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line for people about a job."""

    number: int
    """Grows; ask for lines after the last one you have."""
    at: datetime
    level: str
    message: str
    item_key: str | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on jobs."""

    id: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    slots: int
    """Items that it works on at the same time."""


class LogRows:
    """What happened in a job, for people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job_id: str, message: str, *, level: str = "info", item_key: str | None = None) -> None:
        """Append a line; beyond `KEPT_LINES` the oldest go."""
        with self._database.write() as connection:
            values = {
                "job_id": job_id,
                "at": self._database.moment(connection),
                "level": level,
                "message": message,
                "item_key": item_key,
            }
            connection.execute(sa.insert(log_lines).values(values))
            newest_dropped = (
                sa.select(log_lines.c.number)
                .where(log_lines.c.job_id == job_id)
                .order_by(log_lines.c.number.desc())
                .offset(KEPT_LINES)
                .limit(1)
                .scalar_subquery()
            )
            connection.execute(
                sa.delete(log_lines).where(log_lines.c.job_id == job_id, log_lines.c.number <= newest_dropped)
            )

    def lines(self, job_id: str, *, after: int = 0, limit: int = KEPT_LINES) -> list[LogLine]:
        """Return the newest lines of a job behind the line `after`, oldest first."""
        query = (
            sa.select(log_lines)
            .where(log_lines.c.job_id == job_id, log_lines.c.number > after)
            .order_by(log_lines.c.number.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [LogLine(r.number, r.at, r.level, r.message, r.item_key) for r in reversed(rows)]


class WorkerRows:
    """Who works. A worker that was not seen for a while is not listed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, worker_id: str, *, host: str, pid: int, slots: int) -> None:
        """Show that a worker lives."""
        with self._database.write() as connection:
            moment = self._database.moment(connection)
            row = {
                "id": worker_id,
                "host": host,
                "pid": pid,
                "started_at": moment,
                "seen_at": moment,
                "slots": slots,
            }
            self._database.upsert(connection, workers, [row], keep=("started_at",))

    def leave(self, worker_id: str) -> None:
        """Take a worker that ends off the list."""
        with self._database.write() as connection:
            connection.execute(sa.delete(workers).where(workers.c.id == worker_id))

    def alive(self, *, within_s: float = 90.0) -> Sequence[Worker]:
        """Return the workers seen in the last `within_s` seconds."""
        with self._database.read() as connection:
            since = self._database.now(connection) - within_s
            seen = sa.type_coerce(workers.c.seen_at, sa.Double) >= since
            query = sa.select(workers).where(seen).order_by(workers.c.host, workers.c.pid)
            return [Worker(**row._mapping) for row in connection.execute(query)]


class ScheduleRows:
    """When schedules last started something, so that of many sweepers one starts it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_run(self, name: str) -> datetime:
        """Return when `name` last ran; a schedule asked for the first time counts as run just now."""
        with self._database.write() as connection:
            row = {"name": name, "last_run_at": self._database.moment(connection)}
            self._database.insert_new(connection, schedules, [row])
            query = sa.select(schedules.c.last_run_at).where(schedules.c.name == name)
            found: datetime = connection.execute(query).scalar_one()
            return found

    def claim_run(self, name: str, last_run_at: datetime) -> bool:
        """Take the run that is due after `last_run_at`; False if somebody else took it."""
        with self._database.write() as connection:
            change = (
                sa.update(schedules)
                .where(schedules.c.name == name, schedules.c.last_run_at == last_run_at)
                .values(last_run_at=self._database.moment(connection))
            )
            return bool(connection.execute(change).rowcount)
