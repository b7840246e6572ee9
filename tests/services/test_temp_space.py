"""Downloads take bounded room, and what a killed process left takes none of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from audiomuse.services.temp_space import TempSpace

MB = 2**20


def no_waiting(seconds: float) -> None:
    raise TimeoutError("had to wait")


def download(folder: Path, name: str, size: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(bytes(size))
    return folder / name


def test_downloads_that_fit_do_not_wait_and_leave_nothing(tmp_path: Path) -> None:
    space = TempSpace(tmp_path / "temp", 3)
    with space.room_for(MB, no_waiting) as one, space.room_for(MB, no_waiting) as two:
        first, second = download(one, "1", MB), download(two, "2", MB)
        assert space.used_bytes() == 2 * MB
        first.unlink()
        second.unlink()
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_download_waits_until_others_are_done(tmp_path: Path) -> None:
    other, ours = TempSpace(tmp_path, 3), TempSpace(tmp_path, 3)
    with ExitStack() as theirs:
        files = [download(theirs.enter_context(other.room_for(2 * MB, no_waiting)), "theirs", 2 * MB)]
        waited: list[float] = []

        def wait(seconds: float) -> None:
            waited.append(seconds)
            files.pop().unlink()

        with ours.room_for(2 * MB, wait):
            assert len(waited) == 1


def test_a_file_beyond_the_limit_goes_alone(tmp_path: Path) -> None:
    space = TempSpace(tmp_path, 1)
    with space.room_for(50 * MB, no_waiting):
        pass
    download(tmp_path, "something", 10)
    with pytest.raises(TimeoutError, match="had to wait"), space.room_for(None, no_waiting):
        pass


def test_what_a_killed_process_left_makes_room(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from audiomuse.services.temp_space import TempSpace\n"
        "with TempSpace(Path(sys.argv[1]), 1).room_for(1, print) as folder:\n"
        "    (folder / 'song').write_bytes(bytes(2**20))\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    space, waited = TempSpace(tmp_path, 1), []
    assert space.used_bytes() == MB
    with space.room_for(MB, waited.append):
        assert len(waited) == 1, "looked once, found the dead one"
        assert space.used_bytes() == 0


def test_songs_on_this_machine_need_no_temp_dir(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with TempSpace(tmp_path / "a file", 1).room_for(MB, no_waiting) as own:
        assert not own.exists()


def test_without_a_folder_nothing_is_used(tmp_path: Path) -> None:
    assert TempSpace(tmp_path / "nowhere", 1).used_bytes() == 0


def test_folders_that_come_and_go_are_counted_without_trouble(tmp_path):
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            (tmp_path / "a" / "b").mkdir(parents=True)
            (tmp_path / "a" / "b" / "song.flac").write_bytes(b"1234")
            shutil.rmtree(tmp_path / "a")

    busy = threading.Thread(target=come_and_go)
    busy.start()
    try:
        assert {TempSpace(tmp_path, 1).used_bytes() for _ in range(2000)} <= {0, 4}
    finally:
        done.set()
        busy.join()
