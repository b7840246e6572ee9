"""One command keeps everything running, and ends everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fake_services import wait_for

from audiomuse.jobs import AlreadyRunning, FileLock, settings_environment
from audiomuse.settings import load_settings

UP = """
import sys
from pathlib import Path
from audiomuse.jobs import run_up
from audiomuse.settings import load_settings
folder = Path({folder!r})
child = '''
import os, sys, time
from pathlib import Path
Path({folder!r}, sys.argv[1] + ".pid").write_text(str(os.getpid()))
{then}
'''
commands = {{name: [sys.executable, "-c", child, name] for name in ("web", "worker")}}
settings = load_settings(data_dir=folder / "data", web_port=1)
sys.exit(run_up(settings, commands=commands, say=lambda text: print(text, flush=True)))
"""


@pytest.fixture
def up(tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    def start(then: str = "time.sleep(600)") -> subprocess.Popen[str]:
        code = UP.format(folder=str(tmp_path), then=then)
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


def pid_of(folder: Path, name: str, *, other_than: int = 0) -> int:
    def read() -> int:
        file = folder / f"{name}.pid"
        text = file.read_text() if file.exists() else ""
        return int(text) if text and int(text) != other_than else 0

    return int(wait_for(read))


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_one_ctrl_c_stops_everything(up: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = up()
    pid_of(tmp_path, "worker")
    family = descendants(process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 0
    assert "AudioMuse has stopped." in output
    assert are_gone(family)


def test_a_killed_process_is_started_again_and_a_second_up_is_refused(
    up: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = up()
    first = pid_of(tmp_path, "web")
    pid_of(tmp_path, "worker")
    second = up()
    output, _ = second.communicate()
    assert second.returncode == 1
    assert f"AudioMuse runs already on {tmp_path / 'data'} (process {process.pid})" in output
    os.kill(first, signal.SIGKILL)
    assert pid_of(tmp_path, "web", other_than=first) != first
    process.terminate()
    process.communicate()


def test_nothing_outlives_a_killed_supervisor(
    up: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = up()
    pid_of(tmp_path, "web")
    pid_of(tmp_path, "worker")
    family = descendants(process)
    process.kill()
    process.communicate()
    wait_for(lambda: are_gone(family))


def test_a_process_that_cannot_start_ends_it_all_with_a_sentence(
    up: Callable[..., subprocess.Popen[str]],
) -> None:
    process = up("sys.exit(3 if sys.argv[1] == 'web' else time.sleep(600))")
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "The web process ends every time it is started" in output


def test_a_lock_is_free_again_when_its_holder_is_done(tmp_path: Path) -> None:
    held, wanted = FileLock(tmp_path / "lock", "The test"), FileLock(tmp_path / "lock", "The test")
    held.acquire()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        wanted.acquire()
    held.release()
    wanted.acquire()
    wanted.release()


def test_parameters_of_the_command_line_reach_the_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"data_dir": tmp_path, "web_port": 1234, "jellyfin_token": "x", "music_dir": None}
    for name, value in settings_environment(given).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.data_dir, settings.web_port) == (tmp_path, 1234)
    assert settings.jellyfin_token is not None
