"""The items of a job: leased to one worker at a time, done once, and given back when that worker dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from audiomuse.model import ItemState, JobItem, JobState
from audiomuse.storage.engine import Database
from audiomuse.storage.job_schema import ACTIVE, jobs
from audiomuse.storage.job_schema import items as table
from audiomuse.storage.job_store.states import StageCount, count_items, merge, stage_counts, transition

MAX_ATTEMPTS = 10
"""A worker that dies this often on the same item dies of the item. Updates, power cuts and kills hit the
longest songs again and again, so it takes more than a few to accuse one."""
_SUSPECT_ATTEMPTS = 3
_REST_S = 15.0
"""From the third death on an item rests, each time so much longer: others go on meanwhile, and what kills
workers for a reason of its own, such as a lack of memory, has time to pass."""

_UNFINISHED = (ItemState.PENDING.value, ItemState.LEASED.value)


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """An item to be: a piece of work that one worker does in one go."""

    key: str
    """Unique within the job; adding the same key again changes nothing."""
    stage: int
    """Items of a stage may start once every item of the lower stages is done or failed."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON values."""
    weight: int = 1
    """Its share of the progress. 0: planning or closing, without which the job cannot succeed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What was finished lately."""

    count: int
    """Items finished in the window."""
    weight: int
    """Their weight."""
    seconds: float
    """Between the first and the last of them."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An item whose server does not answer."""

    retries: int
    """How often it was given back for a later try."""
    others_succeed: bool
    """Whether another item was done since the first time: then the server lives, and this item is special."""


class ItemRows:
    """Claim, finish, give back. An owner is one run of one process; nobody else can touch its leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job_id: str, plans: Sequence[ItemPlan]) -> int:
        """Add items to a job, except keys that it has; return how many were new."""
        with self._database.write() as connection:
            return insert_items(self._database, connection, job_id, plans)

    def claim(self, job_id: str, owner: str, n: int, *, lease_s: float) -> list[JobItem]:
        """Lease up to `n` items of the lowest unfinished stage, in the order they were planned.

        A job that is at its end, or was asked to stop, gives nothing.
        """
        with self._database.write() as connection:
            query = sa.select(jobs.c.state, jobs.c.cancel_requested, jobs.c.error)
            # Locked, so that a job cannot come to its end while an item of it is being handed out.
            job = connection.execute(query.where(jobs.c.id == job_id).with_for_update()).one_or_none()
            if job is None or job.state not in ACTIVE or job.cancel_requested or job.error is not None:
                return []
            now = self._database.now(connection)
            change = _claim(job_id, owner, n, now, now + lease_s)
            rows = sorted(connection.execute(change).all(), key=lambda row: int(row.position))
            if rows and job.state == JobState.PENDING.value:
                transition(self._database, connection, job_id, JobState.STARTED)
            return [_item(row) for row in rows]

    def complete(
        self,
        item: JobItem,
        owner: str,
        *,
        result: Mapping[str, Any] | None = None,
        more: Sequence[ItemPlan] = (),
        detail: Mapping[str, Any] | None = None,
        job_result: Mapping[str, Any] | None = None,
        work_s: float | None = None,
    ) -> bool:
        """Mark a leased item as done and, in the same transaction, add what follows from it.

        Parameters
        ----------
        result : mapping, optional
            Kept with the item.
        more : sequence of ItemPlan
            Items that this one brings: songs found by planning, the next generation of a search.
        detail, job_result : mapping, optional
            Merged into the job's `detail` and `result`.
        work_s : float, optional
            How long the work took.

        Returns
        -------
        bool
            False if the lease was lost meanwhile; then nothing was written.
        """
        finished = {"state": ItemState.DONE.value, "result": None if result is None else dict(result)}
        with self._database.write() as connection:
            if not self._end(connection, item, owner, work_s, finished):
                return False
            insert_items(self._database, connection, item.job_id, more)
            self._note_progress(connection, item.job_id)
            for column, values in (("detail", detail), ("result", job_result)):
                if values:
                    merge(connection, item.job_id, column, values)
        return True

    def fail(self, item: JobItem, owner: str, *, kind: str, error: str, work_s: float | None = None) -> bool:
        """Mark a leased item as failed with its reason; False if the lease was lost meanwhile."""
        finished = {"state": ItemState.FAILED.value, "error_kind": kind, "error": error}
        with self._database.write() as connection:
            ended = self._end(connection, item, owner, work_s, finished)
            if ended:
                self._note_progress(connection, item.job_id)
            return ended

    def retry_later(self, item: JobItem, owner: str, *, delay_s: float) -> int:
        """Give an item back for a later try and return how often that happened; 0 if the lease was lost."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            change = (
                sa.update(table)
                .where(*_leased_by(item, owner))
                .values(
                    state=ItemState.PENDING.value,
                    owner=None,
                    lease_until=None,
                    attempts=table.c.attempts - 1,
                    retries=table.c.retries + 1,
                    not_before=now + delay_s,
                    troubled_since=sa.func.coalesce(table.c.troubled_since, now),
                )
                .returning(table.c.retries)
            )
            return int(connection.scalar(change) or 0)

    def trouble(self, item: JobItem) -> Trouble:
        """Return how often an item was given back for a later try, and whether others get through."""
        query = sa.select(table.c.retries, table.c.troubled_since).where(
            table.c.job_id == item.job_id, table.c.key == item.key
        )
        done_since = sa.select(table.c.key).where(
            table.c.job_id == item.job_id, table.c.state == ItemState.DONE.value, table.c.weight > 0
        )
        with self._database.read() as connection:
            row = connection.execute(query).one()
            if row.troubled_since is None:
                return Trouble(row.retries, others_succeed=False)
            recent = done_since.where(table.c.finished_at >= row.troubled_since).limit(1)
            return Trouble(row.retries, others_succeed=connection.execute(recent).first() is not None)

    def release(self, job_id: str, owner: str, keys: Sequence[str] | None = None) -> int:
        """Give back what `owner` holds (None: everything) as if it had never been claimed."""
        chosen = [table.c.job_id == job_id, table.c.owner == owner, table.c.state == ItemState.LEASED.value]
        if keys is not None:
            chosen.append(table.c.key.in_(keys))
        values = {
            "state": ItemState.PENDING.value,
            "owner": None,
            "lease_until": None,
            "attempts": table.c.attempts - 1,
        }
        with self._database.write() as connection:
            return int(connection.execute(sa.update(table).where(*chosen).values(values)).rowcount)

    def heartbeat(self, job_id: str, owner: str, *, lease_s: float) -> None:
        """Extend the leases of `owner` and show that the job lives."""
        with self._database.write() as connection:
            moment = self._database.moment(connection)
            connection.execute(
                sa.update(table)
                .where(
                    table.c.job_id == job_id,
                    table.c.state == ItemState.LEASED.value,
                    table.c.owner == owner,
                )
                .values(lease_until=moment.timestamp() + lease_s)
            )
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(heartbeat_at=moment))

    def must_stop(self, job_id: str) -> bool:
        """Tell whether nobody should work on a job any more: cancelled, doomed, at its end or gone."""
        query = sa.select(jobs.c.state, jobs.c.cancel_requested, jobs.c.error).where(jobs.c.id == job_id)
        with self._database.read() as connection:
            job = connection.execute(query).one_or_none()
        return job is None or job.state not in ACTIVE or job.cancel_requested or job.error is not None

    def sweep(self, is_dead: Callable[[str], bool] = lambda owner: False) -> int:
        """Take back the leases that ran out and those of owners known to be dead; return how many.

        An item that killed its worker `MAX_ATTEMPTS` times fails with the kind ``"poison"``; from the third
        time on it is not given out at once.
        """
        # Written out, not bound: only so SQLite can tell that the index of the leased items serves.
        leased = table.c.state == sa.literal_column(f"'{ItemState.LEASED.value}'")
        with self._database.read() as connection:
            now = self._database.now(connection)
            owners = list(connection.scalars(sa.select(table.c.owner).where(leased).distinct()))
            overdue = connection.scalar(sa.select(sa.func.count()).where(leased, table.c.lease_until < now))
        dead = [owner for owner in owners if is_dead(owner)]
        if not dead and not overdue:
            return 0
        lost = sa.and_(leased, sa.or_(table.c.lease_until < now, table.c.owner.in_(dead)))
        free = {"owner": None, "lease_until": None}
        with self._database.write() as connection:
            poison = sa.update(table).where(lost, table.c.attempts >= MAX_ATTEMPTS).values(
                state=ItemState.FAILED.value,
                error_kind="poison",
                error=f"{MAX_ATTEMPTS} workers died while working on this.",
                finished_at=now,
                **free,
            )  # fmt: skip
            given_up = int(connection.execute(poison).rowcount)
            deaths = table.c.attempts - (_SUSPECT_ATTEMPTS - 1)
            rest_s = sa.case((deaths > 0, _REST_S * deaths), else_=0.0)
            back = (
                sa.update(table)
                .where(lost)
                .values(state=ItemState.PENDING.value, not_before=now + rest_s, **free)
            )
            return given_up + int(connection.execute(back).rowcount)

    def leased(self, job_id: str) -> list[JobItem]:
        """Return what is being worked on right now."""
        return self._select(job_id, table.c.state == ItemState.LEASED.value)

    def failed(self, job_id: str, *, offset: int = 0, limit: int = 100) -> list[JobItem]:
        """Return failed items with their reasons, in the order they were planned."""
        failed = table.c.state == ItemState.FAILED.value
        return self._select(job_id, failed, offset=offset, limit=limit)

    def done(self, job_id: str, stage: int) -> list[JobItem]:
        """Return the done items of a stage with their results, in the order they were planned."""
        return self._select(job_id, table.c.state == ItemState.DONE.value, table.c.stage == stage)

    def counts(self, job_id: str) -> list[StageCount]:
        """Return the number of items by state for every stage of a job, in order."""
        with self._database.read() as connection:
            return stage_counts(count_items(connection, job_id))

    def pace(self, job_id: str, *, window_s: float) -> Pace:
        """Return how much was finished in the last `window_s` seconds, failed items included."""
        with self._database.read() as connection:
            since = self._database.now(connection) - window_s
            query = sa.select(
                sa.func.count(),
                sa.func.coalesce(sa.func.sum(table.c.weight), 0),
                sa.func.coalesce(sa.func.max(table.c.finished_at) - sa.func.min(table.c.finished_at), 0.0),
            ).where(table.c.job_id == job_id, table.c.finished_at >= since, table.c.weight > 0)
            count, weight, seconds = connection.execute(query).one()
        return Pace(int(count), int(weight), float(seconds))

    def _end(
        self,
        connection: Connection,
        item: JobItem,
        owner: str,
        work_s: float | None,
        values: Mapping[str, Any],
    ) -> bool:
        change = sa.update(table).where(*_leased_by(item, owner)).values(
            owner=None, lease_until=None, finished_at=self._database.now(connection), work_s=work_s, **values
        )  # fmt: skip
        return bool(connection.execute(change).rowcount)

    def _note_progress(self, connection: Connection, job_id: str) -> None:
        state = connection.scalar(sa.select(jobs.c.state).where(jobs.c.id == job_id))
        if state == JobState.STARTED.value:
            transition(self._database, connection, job_id, JobState.PROGRESS)

    def _select(
        self, job_id: str, *conditions: sa.ColumnElement[bool], offset: int = 0, limit: int | None = None
    ) -> list[JobItem]:
        query = (
            sa.select(table)
            .where(table.c.job_id == job_id, *conditions)
            .order_by(table.c.stage, table.c.position, table.c.key)
            .offset(offset)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_item(row) for row in connection.execute(query)]


def insert_items(database: Database, connection: Connection, job_id: str, plans: Sequence[ItemPlan]) -> int:
    """Insert `plans` behind the items that the job has; a key that exists stays as it is."""
    if not plans:
        return 0
    last = connection.scalar(sa.select(sa.func.max(table.c.position)).where(table.c.job_id == job_id))
    rows = [
        {
            "job_id": job_id,
            "key": plan.key,
            "stage": plan.stage,
            "position": position,
            "weight": plan.weight,
            "payload": dict(plan.payload),
            "state": ItemState.PENDING.value,
            "not_before": 0.0,
            "attempts": 0,
            "retries": 0,
        }
        for position, plan in enumerate(plans, start=0 if last is None else last + 1)
    ]
    return database.insert_new(connection, table, rows)


def _claim(job_id: str, owner: str, n: int, now: float, until: float) -> sa.sql.dml.ReturningUpdate[Any]:
    """Build the claim; materialised, because PostgreSQL may evaluate a subquery anew for every row."""
    unfinished = sa.and_(table.c.job_id == job_id, table.c.state.in_(_UNFINISHED))
    stage = sa.select(sa.func.min(table.c.stage)).where(unfinished).scalar_subquery()
    picked = (
        sa.select(table.c.key)
        .where(
            table.c.job_id == job_id,
            table.c.state == ItemState.PENDING.value,
            table.c.stage == stage,
            table.c.not_before <= now,
        )
        .order_by(table.c.position)
        .limit(n)
        .with_for_update(skip_locked=True)
        .cte("picked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return (
        sa.update(table)
        .where(table.c.job_id == job_id, table.c.key == picked.c.key)
        .values(state=ItemState.LEASED.value, owner=owner, lease_until=until, attempts=table.c.attempts + 1)
        .returning(table)
    )


def _leased_by(item: JobItem, owner: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.job_id == item.job_id,
        table.c.key == item.key,
        table.c.state == ItemState.LEASED.value,
        table.c.owner == owner,
    )


def _item(row: Row[Any]) -> JobItem:
    return JobItem(
        job_id=row.job_id,
        key=row.key,
        stage=row.stage,
        payload=row.payload,
        state=ItemState(row.state),
        attempts=row.attempts,
        result=row.result,
        error_kind=row.error_kind,
        error=row.error,
        weight=row.weight,
    )
