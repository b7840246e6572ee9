"""Who holds a lease, and whether that process can still be alive."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

_SEPARATOR = "+"  # neither in host names nor forbidden in file names
_N_PARTS = 6


def new_owner() -> str:
    """Return a name for one worker thread of this process, unique in space and time.

    It may be a file name, and tells enough for another process of the same machine to find out that this
    one has died: host, boot, process name space (containers share a host's name at times, but never that),
    pid, start time.
    """
    pid = os.getpid()
    parts = (socket.gethostname(), _boot(), _name_space(), str(pid), _started(pid), uuid.uuid4().hex[:12])
    return _SEPARATOR.join(parts)


def is_owner(name: str) -> bool:
    """Tell whether `name` is one that `new_owner` may have returned, on any machine."""
    return name.count(_SEPARATOR) == _N_PARTS - 1


def is_of_this_boot(owner: str) -> bool:
    """Tell whether `owner` began on this machine, in whatever container, since the machine was started."""
    boot = _boot()
    return bool(boot) and is_owner(owner) and owner.split(_SEPARATOR)[1] == boot


def is_dead(owner: str) -> bool:
    """Tell whether the process behind `owner` is certainly gone; False where we cannot know."""
    if not is_owner(owner):
        return False
    host, boot, name_space, pid, started, _ = owner.split(_SEPARATOR)
    if host != socket.gethostname() or not boot or name_space != _name_space():
        return False
    if boot != _boot():
        return True
    return pid.isdigit() and _started(int(pid)) != started


def _boot() -> str:
    """Return what changes with every start of this machine; empty where the system does not say."""
    return _read("/proc/sys/kernel/random/boot_id").strip()


def _name_space() -> str:
    try:
        return "".join(c for c in os.readlink("/proc/self/ns/pid") if c.isdigit())
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty if there is no such process."""
    # The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in ("Z", "X"):
        return ""
    return fields[19]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
