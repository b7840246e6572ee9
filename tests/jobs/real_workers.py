"""A machine of real workers around a real broker, and the ways to kill them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import psutil
from fake_services import OPENER, FakeServices, wait_for

from audiomuse.jobs import announce, make_app
from audiomuse.jobs.broker import EmbeddedBroker, choose_broker
from audiomuse.model import Job
from audiomuse.settings import Settings

WORKER = f"""
import sys
from audiomuse.jobs import run_worker
from audiomuse.jobs.live import read_settings
if __name__ == "__main__":
    sys.exit(run_worker(read_settings(), opener={OPENER!r}))
"""


class Broker(Protocol):
    """A server of messages that a test can stop, kill and start again."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> object: ...

    def stop(self) -> None: ...


class Machine:
    """A data folder with a broker and as many workers as a test starts."""

    def __init__(self, settings: Settings, broker: Broker | None = None) -> None:
        self.settings = settings
        self.broker: Broker = broker or EmbeddedBroker(choose_broker(settings))
        self.broker.start()
        app = make_app(settings)
        self.services = FakeServices(settings, announce=partial(announce, app))
        self.workers: list[subprocess.Popen[bytes]] = []
        self.system_temp = settings.data_dir / "system_temp"
        self.system_temp.mkdir()

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DATA_DIR": str(self.settings.data_dir),
            "ANALYSIS_WORKERS": "2",
            "LOG_LEVEL": "ERROR",
            "TMPDIR": str(self.system_temp),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        }
        for name in ("database_url", "celery_broker_url"):
            value = getattr(self.settings, name)
            if value is not None:
                environment[name.upper()] = value.get_secret_value()
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment)
        self.workers.append(worker)
        return worker

    def job(self, job_id: str) -> Job:
        return self.services.engine.status(job_id).job

    def start_job(self, n: int, seconds: float) -> str:
        return self.services.engine.start("analysis", {"n": n, "seconds": seconds}).id

    def wait_for_end(self, job_id: str, *, seconds: float = 240.0) -> Job:
        wait_for(lambda: self.job(job_id).state.is_final, seconds=seconds)
        return self.job(job_id)

    def wait_for_progress(self, job_id: str, *, items: int = 3) -> bool:
        """Wait until that many items more are done; False if the job ended meanwhile."""
        before = self.job(job_id).done
        wait_for(lambda: self.job(job_id).done > before + items or self.job(job_id).state.is_final)
        return not self.job(job_id).state.is_final

    def kill_worker(self, which: int = 0) -> None:
        kill_tree(self.workers.pop(which))

    def kill_child(self, random_one: random.Random) -> None:
        victim = random_one.choice(self.workers)
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):  # it ended by itself just now
            family = psutil.Process(victim.pid).children()
            children = [child for child in family if "spawn_main" in " ".join(child.cmdline())]
            if children:
                random_one.choice(children).kill()

    def restart_broker(self) -> None:
        assert self.broker.process is not None
        assert self.broker.process.poll() is None
        self.broker.process.kill()
        self.broker.stop()
        self.broker.start()

    def cut_connections(self) -> None:
        if not self.services.jobs.database.is_sqlite:
            with self.services.jobs.database.write() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    def close(self) -> None:
        for worker in self.workers:
            kill_tree(worker)
        self.services.close()
        self.broker.stop()


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 a worker the way a power cut does: all its processes, in no order."""
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in children:
            with suppress(psutil.NoSuchProcess):  # the kernel kills some of them with their parent
                child.kill()
    process.wait()
