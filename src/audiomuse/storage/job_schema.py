"""Tables of what is running (STATUS_DB_PATH): busy, disposable."""

from __future__ import annotations

import sqlalchemy as sa

from audiomuse.storage.types import Instant, Json, PlainText

metadata = sa.MetaData()

ACTIVE = ("PENDING", "STARTED", "PROGRESS")
_IS_ACTIVE = sa.text("state IN ('PENDING', 'STARTED', 'PROGRESS')")

_IS_LEASED = sa.text("state = 'leased'")

jobs = sa.Table(
    "job",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("heartbeat_at", Instant),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("detail", Json, nullable=False),
    sa.Column("result", Json, nullable=False),
    sa.Column("error", PlainText),
    # The counters of a finished job; those of a running one are counted in its items.
    sa.Column("total", sa.BigInteger),
    sa.Column("done", sa.BigInteger),
    sa.Column("failed", sa.BigInteger),
    sa.Column("token_seq", sa.BigInteger, nullable=False),
    sa.Column("token_at", sa.Double, nullable=False),
    # Two jobs of one kind at once would do the same work twice: the database itself forbids it.
    sa.Index(
        "ix_job_one_active_of_a_kind",
        "kind",
        unique=True,
        sqlite_where=_IS_ACTIVE,
        postgresql_where=_IS_ACTIVE,
    ),
    sqlite_autoincrement=True,
)

items = sa.Table(
    "job_item",
    metadata,
    sa.Column("job_id", sa.Text, sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", PlainText, primary_key=True),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", sa.Double),
    sa.Column("not_before", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retries", sa.Integer, nullable=False),
    sa.Column("troubled_since", sa.Double),
    sa.Column("result", Json),
    sa.Column("error_kind", sa.Text),
    sa.Column("error", PlainText),
    sa.Column("finished_at", sa.Double),
    sa.Column("work_s", sa.Double),
    sa.Index(
        "ix_job_item_leased", "owner", "lease_until", sqlite_where=_IS_LEASED, postgresql_where=_IS_LEASED
    ),
    sa.Index("ix_job_item_next", "job_id", "state", "stage", "position"),
    sa.Index("ix_job_item_counts", "job_id", "stage", "state", "weight"),
    sa.Index("ix_job_item_finished", "job_id", "finished_at", "weight"),
)

log_lines = sa.Table(
    "job_log",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.Text, sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("message", PlainText, nullable=False),
    sa.Column("item_key", PlainText),
    sa.Index("ix_job_log_job", "job_id", "number"),
    sqlite_autoincrement=True,
)

workers = sa.Table(
    "worker",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
)

schedules = sa.Table(
    "schedule",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("last_run_at", Instant, nullable=False),
)
