"""One AudioMuse per data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from audiomuse.errors import AudioMuseError, StorageError


class AlreadyRunning(AudioMuseError):
    """Somebody else does this on the same data folder: use that one, or stop it."""


class FileLock:
    """A lock that the kernel takes back when its holder dies, however that happens.

    Parameters
    ----------
    path : Path
        The file to lock; it stays behind, unlocked, with the last holder's process id in it.
    what : str
        What the lock stands for, for the sentence of `AlreadyRunning`.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        AlreadyRunning
            If another process holds it; the sentence names that process.
        StorageError
            If the folder cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("a+")
        except OSError as e:
            raise StorageError(f"{self._path} cannot be written: {e.strerror}.") from e
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise AlreadyRunning(
                f"{self._what} runs already on {self._path.parent} (process {holder}). "
                "Use that one, stop it first, or choose another DATA_DIR."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
