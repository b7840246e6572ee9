"""A little disk space set aside, so that a full disk can still be reported."""

from __future__ import annotations

import os
from pathlib import Path

_BYTES = 1024 * 1024


class Reserve:
    """A file of real bytes next to a SQLite database; deleting it makes room for a job's last words."""

    def __init__(self, database_path: Path) -> None:
        self._path = database_path.with_name(database_path.name + ".reserve")

    def fill(self) -> bool:
        """Set the space aside if it is not; False if there is none to spare right now."""
        try:
            if self._path.exists() and self._path.stat().st_size == _BYTES:
                return True
            with self._path.open("wb") as file:
                file.write(b"\0" * _BYTES)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # A disk this full is reported by the database itself as soon as it matters.
            self._path.unlink(missing_ok=True)
            return False
        return True

    def spend(self) -> bool:
        """Give the space back to the disk; False if there was none."""
        if not self._path.exists():
            return False
        self._path.unlink()
        return True
