"""A folder in TEMP_DIR lives exactly as long as its owner, in whatever container or on whatever machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audiomuse.services.owners import is_of_this_boot, is_owner, new_owner
from audiomuse.services.temp_folders import AbandonedFolders, OwnFolder

HOUR = 3600.0

CONTAINER = """
import sys, time
from pathlib import Path
from audiomuse.services import owners
from audiomuse.services.temp_folders import OwnFolder
owners.socket.gethostname = lambda: "a1b2c3d4e5f6"
owners._name_space = lambda: "4026599999"
own = OwnFolder(Path(sys.argv[1]))
(own.path / "song").write_text("half")
print(own.path, flush=True)
time.sleep(600)
"""


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], Path]]]:
    """Start a process that looks like one of another container; returns it and its folder."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", CONTAINER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def folder_of_another_machine(temp_dir: Path) -> Path:
    """Make what an owner elsewhere shows on a share that keeps the locks of each machine to itself."""
    parts = new_owner().split("+")
    parts[1] = "another-boot"
    folder = temp_dir / "+".join(parts)
    folder.mkdir()
    (folder / "alive").touch()
    (folder / "song").write_text("half")
    return folder


def test_a_folder_goes_with_its_owner(tmp_path: Path) -> None:
    own = OwnFolder(tmp_path / "temp")
    (own.path / "song").write_text("half")
    assert AbandonedFolders().clear(tmp_path / "temp") == 0
    own.delete()
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_killed_container_leaves_nothing_to_the_one_that_replaces_it(
    container: Callable[[], tuple[subprocess.Popen[str], Path]], tmp_path: Path
) -> None:
    abandoned = AbandonedFolders()
    killed, killed_folder = container()
    _, living_folder = container()
    assert abandoned.clear(tmp_path) == 0, "both are alive, though we see neither's processes"
    killed.kill()
    killed.wait()
    assert abandoned.clear(tmp_path) == 1
    assert not killed_folder.exists()
    assert (living_folder / "song").read_text() == "half"


def test_no_clock_takes_a_living_owner_for_dead(tmp_path: Path) -> None:
    clock = Clock()
    abandoned = AbandonedFolders(clock=clock)
    own = OwnFolder(tmp_path)
    for year_in_s in (0, 2**31, 1):
        os.utime(own.path / "alive", (year_in_s, year_in_s))
        clock.now += 100 * HOUR
        assert abandoned.clear(tmp_path) == 0
    own.delete()


def test_an_empty_folder_that_nobody_finished_goes_after_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    abandoned = AbandonedFolders(clock=clock)
    empty, full = tmp_path / new_owner(), tmp_path / new_owner()
    empty.mkdir()
    full.mkdir()
    (full / "song").write_text("half")
    assert abandoned.clear(tmp_path) == 0
    clock.now += 61
    assert abandoned.clear(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [full]
    clock.now += HOUR
    assert abandoned.clear(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_owner_on_another_machine_lives_as_long_as_it_shows_itself(tmp_path: Path) -> None:
    clock = Clock()
    abandoned = AbandonedFolders(clock=clock)
    alive = folder_of_another_machine(tmp_path) / "alive"
    for its_clock in (10**9, 10**9 + 60, 5, 2**31):  # what it says is no matter, only that it changes
        os.utime(alive, (its_clock, its_clock))
        assert abandoned.clear(tmp_path) == 0
        clock.now += 0.9 * HOUR
    clock.now += 0.2 * HOUR
    assert abandoned.clear(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_another_machine_shows_us_is_believed(tmp_path: Path, monkeypatch) -> None:
    clock = Clock()
    abandoned = AbandonedFolders(clock=clock)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("audiomuse.services.owners._boot", lambda: "another-boot")
        own = OwnFolder(tmp_path)
    for _ in range(3):
        assert abandoned.clear(tmp_path) == 0
        clock.now += 2 * HOUR
    own.delete()


def test_where_nothing_can_be_locked_only_silence_counts(tmp_path: Path, monkeypatch) -> None:
    def no_locks(file: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", no_locks)
    clock = Clock()
    abandoned = AbandonedFolders(clock=clock)
    own = OwnFolder(tmp_path)
    assert abandoned.clear(tmp_path) == 0
    clock.now += 0.9 * HOUR
    assert abandoned.clear(tmp_path) == 0
    clock.now += 0.2 * HOUR
    assert abandoned.clear(tmp_path) == 1
    own.delete()


def test_an_owner_shows_itself_again_and_again(tmp_path: Path) -> None:
    own = OwnFolder(tmp_path, beat_every_s=0.01)
    alive = own.path / "alive"
    os.utime(alive, (0, 0))
    deadline = time.monotonic() + 30
    while alive.stat().st_mtime_ns == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert alive.stat().st_mtime_ns > 0
    own.delete()


def test_what_bears_no_owners_name_is_not_ours(tmp_path: Path) -> None:
    clock = Clock()
    abandoned = AbandonedFolders(clock=clock)
    (tmp_path / "somebody else's").mkdir()
    (tmp_path / "somebody else's" / "alive").touch()
    (tmp_path / new_owner()).write_text("a file")
    for _ in range(2):
        assert abandoned.clear(tmp_path) == 0
        clock.now += 2 * HOUR
    assert abandoned.clear(tmp_path / "nowhere") == 0


def test_a_sweeper_that_never_rests_takes_no_folder_from_anybody(tmp_path: Path) -> None:
    is_over = threading.Event()

    def sweep() -> None:
        abandoned = AbandonedFolders()
        while not is_over.is_set():
            abandoned.clear(tmp_path)

    sweepers = [threading.Thread(target=sweep) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    try:
        for _ in range(200):
            own = OwnFolder(tmp_path)
            (own.path / "song").write_text("whole")
            assert (own.path / "song").read_text() == "whole"
            assert (own.path / "alive").exists()
            own.delete()
    finally:
        is_over.set()
        for sweeper in sweepers:
            sweeper.join()
    assert list(tmp_path.iterdir()) == []


def test_an_owners_name_tells_which_machine_it_is_on() -> None:
    ours = new_owner()
    assert is_owner(ours)
    assert is_of_this_boot(ours)
    assert not is_of_this_boot("host+another-boot+1+1+1+x")
    assert not is_owner("somebody else's")
    assert not is_of_this_boot("somebody else's")
