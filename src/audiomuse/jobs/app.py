"""The Celery application. Its messages say "there is work on job X" and nothing else."""

from __future__ import annotations

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from audiomuse.jobs.address import checked_address, split_encryption
from audiomuse.jobs.broker import BrokerChoice, choose_broker
from audiomuse.settings import Settings

PUMP = "audiomuse.pump"
RUN_SCHEDULED = "audiomuse.run_scheduled"
QUEUE = "audiomuse"
PUMP_S = 60.0
"""A worker begins no new song after that and takes the next message, so that workers renew themselves."""

log = structlog.get_logger(__name__)


def make_app(settings: Settings, choice: BrokerChoice | None = None) -> Celery:
    """Return a Celery application for these settings; two calls give two independent ones."""
    broker = choice or choose_broker(settings)
    url, encryption = split_encryption(broker.url)
    app = Celery("audiomuse", broker=url, set_as_current=False)
    # A worker may have one song in hand and one prepared when its time is up.
    longest_s = PUMP_S + 2 * settings.song_timeout_s + 120
    app.conf.update(
        result_backend=_result_backend(settings),
        imports=("audiomuse.jobs.tasks",),
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_time_limit=longest_s,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_timeout=5,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_use_ssl=encryption,
        broker_heartbeat=30,  # AMQP: a line that was cut is noticed within a minute
        broker_transport_options=_transport_options(broker, longest_s),
        worker_prefetch_multiplier=1,
        # The leases protect us: whoever lost the broker may finish the song in hand.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_pool="prefork",
        # Forked children would share ONNX threads and SQLite handles with their parent.
        worker_pool_start_method="spawn",
        worker_max_tasks_per_child=50,
        worker_max_memory_per_child=700_000,  # kB; looked at between two messages
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # Nobody needs it, and its subscription can block the worker for good when the broker was away.
        worker_enable_remote_control=False,
    )
    return app


def announce(app: Celery, job_id: str, token: int | None = None) -> bool:
    """Tell the workers that there is work on a job.

    Parameters
    ----------
    token : int, optional
        From `JobRows.mint_token` or `JobRows.take_token`; without one the worker makes its own.

    Returns
    -------
    bool
        False if the broker did not take the message. Nothing is lost: the sweeper tells them again.
    """
    return _send(app, PUMP, [job_id, token])


def announce_scheduled(app: Celery, kind: str) -> bool:
    """Have a worker start the job that the schedule asks for; False if the broker did not take it."""
    return _send(app, RUN_SCHEDULED, [kind])


def _send(app: Celery, task: str, arguments: list[object]) -> bool:
    try:
        app.send_task(task, arguments, queue=QUEUE, ignore_result=True, retry=False)
    except (OperationalError, OSError) as e:
        log.warning("the broker did not take a message", task=task, error=str(e))
        return False
    return True


def _result_backend(settings: Settings) -> str | None:
    if settings.celery_result_backend is None:
        return None
    return checked_address(settings.celery_result_backend.get_secret_value(), "CELERY_RESULT_BACKEND")


def _transport_options(broker: BrokerChoice, longest_s: float) -> dict[str, object]:
    if not broker.url.startswith("redis"):
        return dict(broker.transport_options)
    return {
        # A message taken by a worker that died comes back after this time, but never while it is worked on.
        "visibility_timeout": longest_s + 600,
        "unacked_restore_interval": 30,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "retry_on_timeout": True,
    }
