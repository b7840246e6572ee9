"""Full disks, read-only folders, damaged files, many writers: a sentence, and nothing corrupt."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from audiomuse.errors import StorageError, StorageUnreachable
from audiomuse.model import JobState, Track, TrackFeatures
from audiomuse.settings import Settings, load_settings
from audiomuse.storage import ItemPlan, open_job_store, open_music_store

WRITER = """
import sys, time
from audiomuse.settings import load_settings
from audiomuse.storage import ItemPlan, open_job_store, open_music_store
data, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
settings = load_settings(data_dir=data)
with open_music_store(settings) as music, open_job_store(settings) as jobs:
    job = jobs.jobs.all()[0]
    written, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        [item] = jobs.items.claim(job.id, name, 1, lease_s=60)
        music.notes.set(f"{name}-{written}", written)
        assert jobs.items.complete(item, name, more=[ItemPlan(f"{name}-{written}", 1)])
        written += 1
print(written)
"""


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes in this process: writing on fails as on a full disk."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def heard() -> TrackFeatures:
    return TrackFeatures("v", 1.0, embedding=np.ones(200, np.float32), tags=np.ones(50, np.float32))


def test_a_disk_that_fills_up_is_named_and_nothing_is_corrupt(sqlite_settings: Settings) -> None:
    with open_music_store(sqlite_settings) as music:
        generation = music.tracks.begin_listing("here")
        music.tracks.upsert("here", [Track(str(i), str(i)) for i in range(2000)], generation)
        saved: list[str] = []

        def save_on() -> None:
            while True:
                music.features.save(str(len(saved)), heard())
                saved.append(str(len(saved)))

        with files_end_at(600_000), pytest.raises(StorageError, match=r"db\.sqlite.*(full|no space)"):
            save_on()
        assert music.features.analysed_ids("v") == set(saved)
        music.features.save(str(len(saved)), heard())
    with closing(sqlite3.connect(sqlite_settings.db_path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this container may not mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_job_on_a_full_disk_can_still_say_so(small_disk: Path) -> None:
    settings = load_settings(data_dir=small_disk)
    with open_job_store(settings) as jobs:
        job = jobs.jobs.create("analysis", {}, [ItemPlan(f"song-{i}", 1) for i in range(50)])
        held = jobs.items.claim(job.id, "me", 3, lease_s=60)
        fill(small_disk / "filler")

        def work_on() -> None:
            for item in jobs.items.claim(job.id, "me", 40, lease_s=60):
                jobs.items.complete(item, "me", result={"long": "x" * 20_000})

        with pytest.raises(StorageError, match="full"):
            work_on()
        assert jobs.fail_job(job.id, "The disk is full.", owner="me") is JobState.FAILURE
        found = jobs.jobs.get(job.id)
    assert (found.state, found.error) == (JobState.FAILURE, "The disk is full.")
    assert held
    (small_disk / "filler").unlink()
    with closing(sqlite3.connect(settings.status_db_path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A data folder of somebody else: mounted read-only for root, without write permission for others."""
    folder = tmp_path / "data"
    with open_music_store(load_settings(data_dir=folder)), open_job_store(load_settings(data_dir=folder)):
        pass
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    bind = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(bind, capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount a folder read-only")
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("opener", [open_music_store, open_job_store])
def test_a_read_only_folder_is_named(read_only: Path, opener: object) -> None:
    with pytest.raises(StorageError, match=str(read_only)):
        opener(load_settings(data_dir=read_only))  # type: ignore[operator]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be opened or created"):
        open_music_store(load_settings(data_dir=tmp_path / "file" / "data"))


def test_a_file_that_is_no_database_is_named_and_left_alone(sqlite_settings: Settings) -> None:
    sqlite_settings.data_dir.mkdir(parents=True)
    sqlite_settings.db_path.write_text("my diary, by chance under this name\n" * 100)
    with pytest.raises(StorageError, match="not an AudioMuse database"):
        open_music_store(sqlite_settings)
    assert sqlite_settings.db_path.read_text().startswith("my diary")


def test_a_database_server_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, database_url="postgresql://me:s3cret@127.0.0.1:1/music")
    with pytest.raises(StorageUnreachable, match=r"database music on 127\.0\.0\.1 does not answer") as caught:
        open_music_store(settings)
    assert "s3cret" not in str(caught.value)


@pytest.mark.postgres
def test_a_lost_connection_is_worth_another_try(postgresql_url: str, tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, database_url=postgresql_url)
    with open_job_store(settings) as jobs, open_job_store(settings) as other:

        def write_on_a_line_that_is_cut() -> None:
            with jobs.database.write() as connection:
                with other.database.write() as cutter:
                    cutter.exec_driver_sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                connection.exec_driver_sql("SELECT 1")

        with pytest.raises(StorageUnreachable):
            write_on_a_line_that_is_cut()
        assert jobs.jobs.all() == []


def test_only_the_owner_may_read_the_databases(sqlite_settings: Settings) -> None:
    with open_music_store(sqlite_settings), open_job_store(sqlite_settings):
        for path in (sqlite_settings.db_path, sqlite_settings.status_db_path):
            assert path.stat().st_mode & 0o077 == 0


def test_four_writing_processes_wait_for_their_turn(sqlite_settings: Settings) -> None:
    with open_job_store(sqlite_settings) as jobs, open_music_store(sqlite_settings) as music:
        jobs.jobs.create("analysis", {}, [ItemPlan(f"first-{i}", 1) for i in range(4)])
        command = [sys.executable, "-c", WRITER, str(sqlite_settings.data_dir)]
        writers = [
            subprocess.Popen([*command, f"w{i}", "2"], stdout=subprocess.PIPE, text=True) for i in range(4)
        ]
        written = [int(writer.communicate()[0]) for writer in writers]
        assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
        assert min(written) > 0
        for i, count in enumerate(written):
            assert [music.notes.get(f"w{i}-{n}") for n in range(count)] == list(range(count))
        [stage] = jobs.items.counts(jobs.jobs.all()[0].id)
        assert (stage.done, stage.pending) == (sum(written), 4)


def test_threads_share_a_store(sqlite_settings: Settings) -> None:
    with open_music_store(sqlite_settings) as music:

        def write(name: str) -> None:
            for i in range(50):
                music.notes.set(f"{name}-{i}", i)

        threads = [threading.Thread(target=write, args=(str(n),)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(music.notes.get(f"{n}-{i}") == i for n in range(8) for i in range(50)) == 400
