"""One log for everything: structured, with job and song, and without a single secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from audiomuse.settings import Settings, is_secret

_HIDDEN = "***"
_SHORTEST_SECRET = 4
_SUSPICIOUS = re.compile(
    r"(?i)((?:token|api_?key|password|passwd|secret)[\"']?\s*[=:]\s*[\"']?)([^\s\"'&,;)]+)|(://[^/\s:@]*:)([^@\s/]+)(?=@)"
)
_TALKATIVE = (
    "httpx", "httpcore", "kombu", "amqp", "alembic", "waitress.queue",
    "celery.utils.functional", "celery.worker.strategy", "celery.app.trace",
)  # fmt: skip


def configure_logging(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Send every log line of this process (ours and the libraries') to one place in one form.

    Parameters
    ----------
    settings : Settings
        LOG_LEVEL, LOG_FORMAT, and the secrets that must never appear.
    stream : text file, optional
        Standard error unless given: standard output belongs to the commands' answers.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _Redaction(secrets_of(settings)),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(settings.log_format, colors=target.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return the values of all secret parameters that are set, longest first."""
    found = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if is_secret(field) and value is not None:
            found.append(value.get_secret_value())
    return tuple(sorted((s for s in found if len(s) >= _SHORTEST_SECRET), key=len, reverse=True))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without known secrets and without whatever looks like one."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return _SUSPICIOUS.sub(lambda m: f"{m[1] or m[3]}{_HIDDEN}", text)


class _Redaction:
    """Takes secrets out of everything that a log line says."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return redact(value, self._secrets)
        if isinstance(value, dict):
            return {key: self._clean(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._clean(inner) for inner in value)
        if isinstance(value, BaseException):
            return redact(f"{type(value).__name__}: {value}", self._secrets)
        return value


def _renderer(log_format: str, *, colors: bool) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=colors)
