"""Folders in TEMP_DIR that live exactly as long as their owners, whatever kills those.

Several containers and machines may share one TEMP_DIR, and none can ask for another one's processes. So every
folder holds a file that shows its owner alive, in two ways:

- The owner has it locked (flock). The kernel takes the lock back when the owner dies, however that happens,
  and every container of the machine sees it.
- The owner touches it every minute. That is for other machines: a network share may keep the locks of each
  machine apart, so a lock that we can have proves nothing there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from audiomuse.services.owners import is_of_this_boot, is_owner, new_owner

log = structlog.get_logger(__name__)

_ALIVE = "alive"
_BEAT_EVERY_S = 60.0
_PATIENCE_S = 3600.0
_EMPTY_S = 60.0
"""What is empty is a folder half made or half deleted: its owner takes another one if it is gone."""


class OwnFolder:
    """A folder in TEMP_DIR that nobody else deletes while this process lives.

    Parameters
    ----------
    temp_dir : Path
        Made if missing.
    beat_every_s : float
        How often the owner shows other machines that it lives, in seconds.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """

    def __init__(self, temp_dir: Path, *, beat_every_s: float = _BEAT_EVERY_S) -> None:
        while (made := _make_locked(temp_dir / new_owner())) is None:
            pass  # taken for abandoned in the instant before it was locked
        self.path, self._alive = made
        self._deleted = threading.Event()
        self._beating = threading.Thread(
            target=self._beat, args=(beat_every_s,), name="temp-folder", daemon=True
        )
        self._beating.start()

    def delete(self) -> None:
        """Delete the folder with all that is in it."""
        self._deleted.set()
        self._beating.join()
        os.close(self._alive)  # first: NFS keeps what is open, and its folder; a sweeper's help does no harm
        shutil.rmtree(self.path, ignore_errors=True)

    def _beat(self, every_s: float) -> None:
        while not self._deleted.wait(every_s):
            try:
                os.utime(self._alive)
            except OSError as e:  # a share that is away for a moment; the next time may be better
                log.warning("TEMP_DIR does not answer", folder=str(self.path), reason=e.strerror)


class AbandonedFolders:
    """Finds the folders in TEMP_DIR whose owners are dead, and deletes them.

    An owner on this machine is dead when its lock is free. One on another machine, or from before this one
    was started anew, is given up when its lock is free and it has shown no sign of life for as long as
    we watched: that is measured here and needs no two clocks to agree, nor one to be right.

    Parameters
    ----------
    patience_s : float
        How long to watch owners on other machines, in seconds.
    clock : callable
        Returns seconds; never goes backwards.
    """

    def __init__(
        self, *, patience_s: float = _PATIENCE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._last_signs: dict[Path, tuple[int, float]] = {}

    def clear(self, temp_dir: Path) -> int:
        """Delete what dead owners left; return how many folders.

        What does not bear an owner's name is not ours and stays.
        """
        if not temp_dir.is_dir():
            return 0
        folders = {path for path in temp_dir.iterdir() if is_owner(path.name) and path.is_dir()}
        self._last_signs = {path: sign for path, sign in self._last_signs.items() if path in folders}
        return sum(self._clear_if_abandoned(path) for path in folders)

    def _clear_if_abandoned(self, folder: Path) -> bool:
        """Delete one folder if its owner is dead; tell whether it was."""
        try:
            alive = os.open(folder / _ALIVE, os.O_RDWR)
        except FileNotFoundError:  # not yet there, or what was deleted was not deleted to the end
            sign = _sign_of_life(folder)
            if self._is_silent(folder, sign, _EMPTY_S) and _delete_empty(folder):
                return True
            return self._is_silent(folder, sign, self._patience_s) and _delete(folder)
        except OSError:  # somebody else's, whom we may not judge
            return False
        try:
            is_free = _lock(alive)
            if is_free is False:
                self._last_signs.pop(folder, None)
                return False
            is_dead = bool(is_free) and is_of_this_boot(folder.name)
            # The lock is held meanwhile: an owner that was about to take it looks for another folder.
            is_dead = is_dead or self._is_silent(folder, _sign_of_life(alive), self._patience_s)
            return is_dead and _delete(folder)
        finally:
            os.close(alive)

    def _is_silent(self, folder: Path, sign: int | None, patience_s: float) -> bool:
        """Tell whether the last sign of life has been the same for too long."""
        if sign is None:
            return False
        now = self._clock()
        last, since = self._last_signs.get(folder, (None, now))
        if sign != last:
            self._last_signs[folder] = (sign, now)
            return False
        return now - since > patience_s


def _make_locked(folder: Path) -> tuple[Path, int] | None:
    """Make a folder and lock it; None if a sweeper was there first."""
    folder.mkdir(parents=True, mode=0o700)
    try:
        alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    if _lock(alive) is not False and (folder / _ALIVE).exists():
        return folder, alive
    os.close(alive)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _lock(file: int) -> bool | None:
    """Lock a file without waiting; False if somebody has it, None if this file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sign_of_life(file: Path | int) -> int | None:
    """Return what changes whenever the owner shows itself; None if it is gone."""
    with suppress(FileNotFoundError):
        return os.stat(file).st_mtime_ns
    return None


def _delete_empty(folder: Path) -> bool:
    """Delete a folder unless something is in it; tell whether it is gone."""
    try:
        folder.rmdir()
    except OSError:
        return not folder.exists()
    return True


def _delete(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return True
