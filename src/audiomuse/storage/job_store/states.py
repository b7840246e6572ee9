"""The states of a job and the one way between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audiomuse.errors import JobConflict, NotFound, ParameterError
from audiomuse.model import ItemState, JobState
from audiomuse.storage.engine import Database
from audiomuse.storage.job_schema import ACTIVE, items, jobs

ALLOWED: Mapping[JobState, frozenset[JobState]] = {
    # SUCCESS straight from PENDING: a resumed job of which nothing was left.
    JobState.PENDING: frozenset({JobState.STARTED, JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED}),
    JobState.STARTED: frozenset({JobState.PROGRESS, JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED}),
    JobState.PROGRESS: frozenset({JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED}),
    JobState.SUCCESS: frozenset(),
    # Resuming: what is done stays done, the rest is due again.
    JobState.FAILURE: frozenset({JobState.PENDING}),
    JobState.REVOKED: frozenset({JobState.PENDING}),
}
"""From each state, the states that may follow."""


class ItemCount(NamedTuple):
    """Items of one stage in one state."""

    stage: int
    state: str
    items: int
    weight: int


@dataclass(frozen=True, slots=True)
class StageCount:
    """How many items of one stage are in each state."""

    stage: int
    pending: int = 0
    leased: int = 0
    done: int = 0
    failed: int = 0


def transition(
    database: Database, connection: Connection, job_id: str, to: JobState, *, error: str | None = None
) -> bool:
    """Bring a job into the state `to`, together with everything that belongs to being there.

    Every change of a job's state goes through here, inside the transaction that gives the reason for it.

    Parameters
    ----------
    error : str, optional
        The sentence of a FAILURE.

    Returns
    -------
    bool
        False if the job is in that state already.

    Raises
    ------
    NotFound
        If there is no such job.
    ParameterError
        If `to` may not follow the job's state.
    JobConflict
        If it is resumed while another job of its kind is active.
    """
    query = sa.select(jobs.c.state, jobs.c.kind).where(jobs.c.id == job_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {job_id!r}.")
    now = JobState(row.state)
    if now is to:
        return False
    if to not in ALLOWED[now]:
        raise ParameterError(f"A job that is {now} cannot become {to}.")
    if to is JobState.PENDING:
        _refuse_second(connection, row.kind)
    values = _belongings(database, connection, job_id, to, error)
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(state=to.value, **values))
    return True


def count_items(connection: Connection, job_id: str) -> list[ItemCount]:
    """Count the items of a job by stage and state, in one walk through an index."""
    query = (
        sa.select(items.c.stage, items.c.state, sa.func.count(), sa.func.sum(items.c.weight))
        .where(items.c.job_id == job_id)
        .group_by(items.c.stage, items.c.state)
        .order_by(items.c.stage, items.c.state)
    )
    return [ItemCount(*row) for row in connection.execute(query)]


def counters(counts: Sequence[ItemCount]) -> tuple[int, int, int]:
    """Return the weight of all, of the done, and of the failed items."""

    def weigh(*states: ItemState) -> int:
        return sum(int(count.weight) for count in counts if count.state in states)

    return weigh(*ItemState), weigh(ItemState.DONE), weigh(ItemState.FAILED)


def stage_counts(counts: Sequence[ItemCount]) -> list[StageCount]:
    """Gather the counts of every stage."""
    found: dict[int, dict[str, int]] = {}
    for count in counts:
        found.setdefault(count.stage, {})[count.state] = count.items
    return [StageCount(stage, **states) for stage, states in found.items()]


def merge(connection: Connection, job_id: str, column: str, values: Mapping[str, Any]) -> None:
    """Merge `values` into a JSON column of a job; None removes a name."""
    query = sa.select(jobs.c[column]).where(jobs.c.id == job_id).with_for_update()
    now = connection.scalar(query) or {}
    merged = {name: value for name, value in {**now, **values}.items() if value is not None}
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values({column: merged}))


def conflict(kind: str) -> JobConflict:
    """Return the error for a second active job of a kind."""
    return JobConflict(f"A job of the kind {kind} is running already: wait for it or cancel it.")


def _belongings(
    database: Database, connection: Connection, job_id: str, to: JobState, error: str | None
) -> dict[str, Any]:
    """Return the columns that change with the state."""
    moment = database.moment(connection)
    if to is JobState.PENDING:
        return {
            "cancel_requested": False, "error": None, "finished_at": None,
            "total": None, "done": None, "failed": None,
        }  # fmt: skip
    if to is JobState.STARTED:
        began = connection.scalar(sa.select(jobs.c.started_at).where(jobs.c.id == job_id))
        return {"started_at": began or moment}
    if not to.is_final:
        return {}
    total, done, failed = counters(count_items(connection, job_id))
    final = {"finished_at": moment, "total": total, "done": done, "failed": failed}
    return {**final, "error": error} if to is JobState.FAILURE else final


def _refuse_second(connection: Connection, kind: str) -> None:
    """Say in words what the unique index would say in a number."""
    query = sa.select(jobs.c.id).where(jobs.c.kind == kind, jobs.c.state.in_(ACTIVE))
    if connection.execute(query).first() is not None:
        raise conflict(kind)
