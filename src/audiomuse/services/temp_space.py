"""Downloaded audio takes bounded room, and none of it outlives the process that downloaded it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from audiomuse.services.owners import new_owner
from audiomuse.services.temp_folders import AbandonedFolders, OwnFolder

_UNKNOWN_SIZE = 64 * 2**20
_LOOK_EVERY_S = 0.5


class TempSpace:
    """The part of TEMP_DIR that this process uses, and the room that all processes share.

    Every download has a folder of its own: another process can tell what a killed one left behind, and
    deletes it at once.

    Parameters
    ----------
    folder : Path
        TEMP_DIR.
    limit_mb : int
        MAX_TEMP_MB, for all processes that share TEMP_DIR together.
    """

    def __init__(self, folder: Path, limit_mb: int) -> None:
        self._folder = folder
        self._limit = limit_mb * 2**20
        self._abandoned = AbandonedFolders()

    @contextmanager
    def room_for(self, size_bytes: int | None, wait: Callable[[float], None]) -> Iterator[Path]:
        """Wait until a file of that size fits, and yield the folder for it.

        A file larger than the limit is let in as soon as it is alone: better than never. Files of processes
        that started waiting at the same moment may exceed the limit by one file each.

        Parameters
        ----------
        size_bytes : int or None
            As the server listed it; None counts as 64 MB.
        wait : callable
            Sleeps that many seconds, or raises to give up.
        """
        expected = _UNKNOWN_SIZE if size_bytes is None else size_bytes
        while (used := self.used_bytes()) and used + expected > self._limit:
            self._abandoned.clear(self._folder)
            wait(_LOOK_EVERY_S)
        own, delete = self._make_folder()
        try:
            yield own
        finally:
            delete()

    def used_bytes(self) -> int:
        """Return how much all processes have downloaded right now."""
        used = 0
        # Others delete folders and files while we look; `walk` passes over what is gone.
        for folder, _, names in os.walk(self._folder):
            for name in names:
                with suppress(FileNotFoundError):
                    used += os.lstat(os.path.join(folder, name)).st_size
        return used

    def _make_folder(self) -> tuple[Path, Callable[[], None]]:
        """Return a folder for one download, and what deletes it."""
        try:
            own = OwnFolder(self._folder)
        except OSError:
            # A song on this machine needs no folder; a download makes one, meets the same and says so.
            unmade = self._folder / new_owner()
            return unmade, partial(shutil.rmtree, unmade, ignore_errors=True)
        return own.path, own.delete
