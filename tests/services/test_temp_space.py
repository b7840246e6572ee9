"""Downloads take bounded room, and what a killed process left is deleted."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from audiomuse.services.temp_space import TempSpace, clear_abandoned

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


def test_what_a_killed_process_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from audiomuse.services.temp_space import TempSpace\n"
        "with TempSpace(Path(sys.argv[1]), 9).room_for(1, print) as folder:\n"
        "    folder.mkdir()\n"
        "    (folder / 'song').write_text('half')\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    with TempSpace(tmp_path, 9).room_for(1, no_waiting) as own:
        download(own, "ours", 1)
        download(tmp_path / "somebody else's", "diary", 1)
        assert clear_abandoned(tmp_path) == 1
        assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["diary", "ours"]
        (own / "ours").unlink()


def test_without_a_folder_there_is_nothing_to_clear(tmp_path: Path) -> None:
    assert clear_abandoned(tmp_path / "nowhere") == 0
    assert TempSpace(tmp_path / "nowhere", 1).used_bytes() == 0
