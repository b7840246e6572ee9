"""Child processes that never outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def start_child(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches only us, who stop it in order.

    On Linux the kernel kills it as soon as this process is gone, even by kill -9. Only call this from a
    thread that lives as long as the process: the kernel watches the thread.

    Parameters
    ----------
    environment : mapping, optional
        Added to our own environment.
    log : Path, optional
        Receives what the program prints; by default it prints where we do.
    """
    parent = os.getpid()
    # Loaded before the fork: the child, where only this thread goes on, must wait for no other one's lock.
    libc = ctypes.CDLL(None, use_errno=True)

    def die_with_parent() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)  # the parent died before the kernel began to watch

    output = None if log is None else log.open("ab")
    try:
        return subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    finally:
        if output is not None:
            output.close()


def stop_child(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """Ask a child to end, and kill it if it does not."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
