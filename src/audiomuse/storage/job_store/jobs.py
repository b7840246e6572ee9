"""Jobs: creating, finding and ending them, and the token that says who may look for work."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from audiomuse.errors import NotFound
from audiomuse.model import ItemState, Job, JobState
from audiomuse.storage.engine import Database
from audiomuse.storage.job_schema import ACTIVE, items
from audiomuse.storage.job_schema import jobs as table
from audiomuse.storage.job_store.items import ItemPlan, insert_items
from audiomuse.storage.job_store.states import (
    ItemCount,
    StageCount,
    conflict,
    count_items,
    counters,
    merge,
    stage_counts,
    transition,
)

_KEPT_JOBS = 100
_KEPT_WITH_ITEMS = 3
_OUR_FAULT = ("unexpected", "poison")


class JobRows:
    """The jobs. Their rows are the truth; processes and brokers only know hints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, kind: str, parameters: Mapping[str, Any], first_items: Sequence[ItemPlan]) -> Job:
        """Create a job in state PENDING with its first items.

        Raises
        ------
        JobConflict
            If a job of that kind is active.
        """
        job_id = uuid.uuid4().hex
        try:
            with self._database.write() as connection:
                connection.execute(
                    sa.insert(table).values(
                        id=job_id,
                        kind=kind,
                        state=JobState.PENDING.value,
                        parameters=dict(parameters),
                        created_at=self._database.moment(connection),
                        cancel_requested=False,
                        detail={},
                        result={},
                        token_seq=0,
                        token_at=0.0,
                    )
                )
                insert_items(self._database, connection, job_id, first_items)
        except IntegrityError as e:
            raise conflict(kind) from e
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """Return a job with its counters.

        Raises
        ------
        NotFound
            If there is no such job.
        """
        return self.get_with_stages(job_id)[0]

    def get_with_stages(self, job_id: str) -> tuple[Job, list[StageCount]]:
        """Return a job and how many items of each of its stages are in each state, of the same moment.

        Raises
        ------
        NotFound
            If there is no such job.
        """
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.id == job_id)).one_or_none()
            if row is None:
                raise NotFound(f"There is no job {job_id!r}.")
            counts = count_items(connection, job_id)
            return _job(row, counts), stage_counts(counts)

    def all(self, *, kind: str | None = None, offset: int = 0, limit: int = 20) -> list[Job]:
        """Return jobs, newest first."""
        query = sa.select(table).order_by(table.c.number.desc()).offset(offset).limit(limit)
        if kind is not None:
            query = query.where(table.c.kind == kind)
        with self._database.read() as connection:
            return [_job_of(connection, row) for row in connection.execute(query).all()]

    def active(self, kind: str | None = None) -> list[Job]:
        """Return the jobs that are not at their end, oldest first."""
        query = sa.select(table).where(table.c.state.in_(ACTIVE)).order_by(table.c.number)
        if kind is not None:
            query = query.where(table.c.kind == kind)
        with self._database.read() as connection:
            return [_job_of(connection, row) for row in connection.execute(query).all()]

    def active_ids(self) -> list[str]:
        """Return the ids of the jobs that are not at their end, without counting their items."""
        with self._database.read() as connection:
            return list(connection.scalars(sa.select(table.c.id).where(table.c.state.in_(ACTIVE))))

    def last(self, kind: str | None = None) -> Job | None:
        """Return the newest job, active or not; None before the first."""
        found = self.all(kind=kind, limit=1)
        return found[0] if found else None

    def request_cancel(self, job_id: str) -> Job:
        """Ask an active job to stop; it is REVOKED once nothing works on it any more."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.id == job_id, table.c.state.in_(ACTIVE))
                .values(cancel_requested=True)
            )
        self.settle(job_id)
        return self.get(job_id)

    def doom(self, job_id: str, error: str) -> None:
        """Ask a job to stop because it cannot succeed; it is a FAILURE once nothing works on it any more.

        The first reason stays.
        """
        with self._database.write() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.id == job_id, table.c.state.in_(ACTIVE), table.c.error.is_(None))
                .values(error=error)
            )
        self.settle(job_id)

    def resume(self, job_id: str) -> Job:
        """Make a FAILURE or REVOKED job due again; what it has done stays done.

        Raises
        ------
        JobConflict
            If another job of its kind is active.
        ParameterError
            If the job succeeded; an active job is returned as it is.
        """
        with self._database.write() as connection:
            state = connection.scalar(sa.select(table.c.state).where(table.c.id == job_id))
            if state not in ACTIVE:
                transition(self._database, connection, job_id, JobState.PENDING)
                # What failed the job is tried again; songs that failed with a reason of their own are not.
                connection.execute(
                    sa.update(items)
                    .where(
                        items.c.job_id == job_id,
                        items.c.state == ItemState.FAILED.value,
                        sa.or_(items.c.weight == 0, items.c.error_kind.in_(_OUR_FAULT)),
                    )
                    .values(state=ItemState.PENDING.value, attempts=0, error=None, error_kind=None)
                )
                connection.execute(
                    sa.update(items)
                    .where(items.c.job_id == job_id, items.c.state == ItemState.PENDING.value)
                    .values(not_before=0.0, retries=0, troubled_since=None)
                )
        return self.get(job_id)

    def settle(self, job_id: str) -> JobState:
        """Bring a job to its end if nothing works on it and nothing is left to do; return its state.

        REVOKED and FAILURE wait until no item is leased, so they tell the truth. A planning or closing
        item that failed fails the job. So does a job none of whose songs was done, if that was our fault.
        """
        with self._database.write() as connection:
            locked = sa.select(table).where(table.c.id == job_id).with_for_update()
            row = connection.execute(locked).one_or_none()
            if row is None:
                raise NotFound(f"There is no job {job_id!r}.")
            state = JobState(row.state)
            if state.is_final or _any(connection, job_id, ItemState.LEASED):
                return state
            if row.error is not None:
                transition(self._database, connection, job_id, JobState.FAILURE, error=row.error)
                return JobState.FAILURE
            if not _any(connection, job_id, ItemState.PENDING):
                return self._finish(connection, job_id)
            if row.cancel_requested:
                transition(self._database, connection, job_id, JobState.REVOKED)
                return JobState.REVOKED
            return state

    def update_detail(self, job_id: str, values: Mapping[str, Any]) -> None:
        """Merge `values` into what a person may look at while the job runs."""
        with self._database.write() as connection:
            merge(connection, job_id, "detail", values)

    def update_result(self, job_id: str, values: Mapping[str, Any]) -> None:
        """Merge `values` into the result of the job."""
        with self._database.write() as connection:
            merge(connection, job_id, "result", values)

    def mint_token(self, job_id: str) -> int:
        """Make a new token and thereby void the one before; return its number."""
        with self._database.write() as connection:
            change = sa.update(table).where(table.c.id == job_id).values(
                token_seq=table.c.token_seq + 1, token_at=self._database.now(connection)
            )  # fmt: skip
            return int(connection.execute(change.returning(table.c.token_seq)).scalar_one())

    def take_token(self, job_id: str, number: int) -> bool:
        """Exchange the token `number`; False if it is void or the job is at its end.

        Of all messages that carry one number, however often delivered, exactly one gets True.
        """
        with self._database.write() as connection:
            change = (
                sa.update(table)
                .where(table.c.id == job_id, table.c.token_seq == number, table.c.state.in_(ACTIVE))
                .values(token_seq=number + 1, token_at=self._database.now(connection))
            )
            return bool(connection.execute(change).rowcount)

    def without_token(self, *, older_than_s: float) -> list[str]:
        """Return active jobs with work that may start now, whose last token is older than `older_than_s`."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            stage = _open_stage(table.c.id)
            due = sa.exists().where(
                items.c.job_id == table.c.id,
                items.c.state == ItemState.PENDING.value,
                items.c.stage == stage,
                items.c.not_before <= now,
            )
            query = sa.select(table.c.id).where(
                table.c.state.in_(ACTIVE), table.c.token_at < now - older_than_s, due
            )
            return list(connection.scalars(query.order_by(table.c.number)))

    def prune(self) -> int:
        """Delete old jobs, and the items of all but the last few of each kind; return how many rows went."""
        gone = 0
        with self._database.write() as connection:
            rank = (
                sa.func.row_number().over(partition_by=table.c.kind, order_by=table.c.number.desc())
            ).label("rank")
            ranked = sa.select(table.c.id, rank).where(table.c.state.not_in(ACTIVE)).subquery("ranked")
            bare = sa.select(ranked.c.id).where(ranked.c.rank > _KEPT_WITH_ITEMS)
            old = sa.select(ranked.c.id).where(ranked.c.rank > _KEPT_JOBS)
            gone += int(connection.execute(sa.delete(items).where(items.c.job_id.in_(bare))).rowcount)
            gone += int(connection.execute(sa.delete(table).where(table.c.id.in_(old))).rowcount)
        return gone

    def _finish(self, connection: Connection, job_id: str) -> JobState:
        """End a job whose items are all done or failed."""
        broken = _first_failure(connection, job_id, items.c.weight == 0)
        if broken is None and counters(count_items(connection, job_id))[1] == 0:
            broken = _first_failure(connection, job_id, items.c.error_kind.in_(_OUR_FAULT))
        end = JobState.SUCCESS if broken is None else JobState.FAILURE
        transition(self._database, connection, job_id, end, error=broken)
        return end


def _open_stage(job_id: sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
    """Return the lowest stage of a job that is not through."""
    others = items.alias("others")
    unfinished = others.c.state.in_((ItemState.PENDING.value, ItemState.LEASED.value))
    return (
        sa.select(sa.func.min(others.c.stage)).where(others.c.job_id == job_id, unfinished).scalar_subquery()
    )


def _any(connection: Connection, job_id: str, state: ItemState) -> bool:
    one = sa.select(items.c.key).where(items.c.job_id == job_id, items.c.state == state.value).limit(1)
    return connection.execute(one).first() is not None


def _first_failure(connection: Connection, job_id: str, condition: sa.ColumnElement[bool]) -> str | None:
    query = (
        sa.select(items.c.error)
        .where(items.c.job_id == job_id, items.c.state == ItemState.FAILED.value, condition)
        .order_by(items.c.stage, items.c.position)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.error or "It failed without a reason.")


def _job_of(connection: Connection, row: Row[Any]) -> Job:
    """Make a `Job` from its row; only those that are not at their end have to be counted."""
    return _job(row, [] if row.total is not None else count_items(connection, row.id))


def _job(row: Row[Any], counts: Sequence[ItemCount]) -> Job:
    total, done, failed = counters(counts) if row.total is None else (row.total, row.done, row.failed)
    return Job(
        id=row.id,
        kind=row.kind,
        state=JobState(row.state),
        parameters=row.parameters,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        heartbeat_at=row.heartbeat_at,
        cancel_requested=row.cancel_requested,
        total=total,
        done=done,
        failed=failed,
        detail=row.detail,
        result=row.result,
        error=row.error,
    )
