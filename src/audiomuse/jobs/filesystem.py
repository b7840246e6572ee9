"""A last-resort transport over plain files, for machines without any Valkey or Redis.

Kombu's own writes a message under its final name bit by bit, so that a reader may take half a message and
crash on it. Here a message appears whole or not at all, and only one reader gets it.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import filesystem as kombu_filesystem

SCHEME = "audiomusefiles"

TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def options(folder: Path) -> tuple[tuple[str, Any], ...]:
    """Return the transport options for messages in `folder`."""
    messages, control = folder / "messages", folder / "control"
    for path in (messages, control):
        path.mkdir(parents=True, exist_ok=True)
    return (
        ("data_folder_in", str(messages)),
        ("data_folder_out", str(messages)),
        ("control_folder", str(control)),
        ("polling_interval", 0.5),
    )


class Channel(kombu_filesystem.Channel):
    """Messages are files ``<time>-<unique>.<queue>.msg``; taking one is renaming it."""

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
