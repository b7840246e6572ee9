"""A last-resort transport over plain files, for machines without any Valkey or Redis.

Kombu's own writes a message under its final name bit by bit, so that a reader may take half a message and
crash on it. Here a message appears whole or not at all, and only one reader gets it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import filesystem as kombu_filesystem
from kombu.transport.virtual import BrokerState

SCHEME = "audiomusefiles"

_FORGOTTEN_AFTER_S = 60.0  # writing and reading a message takes milliseconds

TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def options(folder: Path) -> tuple[tuple[str, Any], ...]:
    """Return the transport options for messages in `folder`."""
    messages, control = folder / "messages", folder / "control"
    for path in (messages, control):
        path.mkdir(parents=True, exist_ok=True)
    _sweep(messages)
    return (
        ("data_folder_in", str(messages)),
        ("data_folder_out", str(messages)),
        ("control_folder", str(control)),
        ("polling_interval", 0.5),
    )


def _sweep(messages: Path) -> None:
    """Delete what a killed process was about to write, or had just read."""
    for path in [*messages.glob(".*.part"), *messages.glob(".*.taken")]:
        with suppress(FileNotFoundError):  # another process sweeps, too
            if time.time() - path.stat().st_mtime > _FORGOTTEN_AFTER_S:
                path.unlink()


class Channel(kombu_filesystem.Channel):
    """Messages are files ``<time>-<unique>.<queue>.msg``; taking one is renaming it.

    Which queues an exchange feeds stands in a file that is replaced as a whole, for the same reason.
    """

    def get_table(self, exchange: str) -> list[Any]:
        try:
            text = self._table_file(exchange).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [kombu_filesystem.exchange_queue_t(*binding) for binding in json.loads(text)]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        binding = kombu_filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda table: table if binding in table else [binding, *table])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *_: Any, **__: Any) -> None:
        self._purge(queue)  # type: ignore[no-untyped-call]
        binding = kombu_filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda table: [other for other in table if other != binding])

    def _table_file(self, exchange: str) -> Path:
        file: Path = self._exchange_file(exchange)  # type: ignore[no-untyped-call]
        return file

    def _change_table(self, exchange: str, change: Callable[[list[Any]], list[Any]]) -> None:
        file = self._table_file(exchange)
        with file.with_name(file.name + ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            part = file.with_name(file.name + ".part")
            part.write_text(json.dumps(change(self.get_table(exchange))), encoding="utf-8")
            part.replace(file)

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}.{queue}.msg"
        part = Path(self.data_folder_out) / f".{name}.part"
        part.write_text(json.dumps(payload), encoding="utf-8")
        part.replace(part.with_name(name))

    def _get(self, queue: str, timeout: Any = None) -> Any:
        ending = f".{queue}.msg"
        with os.scandir(self.data_folder_in) as found:
            names = sorted(e.name for e in found if e.name.endswith(ending) and not e.name.startswith("."))
        for name in names:
            taken = Path(self.data_folder_in) / f".{name}.taken"
            try:
                os.rename(Path(self.data_folder_in) / name, taken)
            except FileNotFoundError:
                continue  # another reader was faster
            message = json.loads(taken.read_text(encoding="utf-8"))
            taken.unlink()
            return message
        raise Empty


class Transport(kombu_filesystem.Transport):
    """What `SCHEME` in a broker's address stands for."""

    Channel = Channel

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)  # type: ignore[no-untyped-call]
        # Kombu's connections of one process share what is declared: one takes a binding for granted that
        # another is only about to write, and what it sends meanwhile goes nowhere.
        self.state = BrokerState()
