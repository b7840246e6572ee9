"""Fixtures for the whole suite: databases of both kinds, so that every story about storage is told twice.

What is green on one machine is green on every other: the tests see none of the variables that a person may
have set for AudioMuse or PostgreSQL, and Hypothesis tries the same examples everywhere, however slow they
are. New examples are looked for with ``pytest --hypothesis-profile default``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from tests.ports import reserved_port

from audiomuse.settings import Settings, load_settings

hypothesis.settings.register_profile(
    "same-everywhere",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same-everywhere")


def pytest_configure() -> None:
    """Take out of the environment what would change AudioMuse or PostgreSQL, also in processes of tests."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields or name == "SECRETS_DIR" or name.startswith("PG"):
            del os.environ[name]


def _postgresql_bin() -> Path | None:
    """Return the folder of PostgreSQL's server programs; None if it is not installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if installed:
        return installed[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _as_database_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; its own user exists wherever the package is installed."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A private PostgreSQL server on loopback; yields the URL of its maintenance database."""
    binaries = _postgresql_bin()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed here (apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="audiomuse-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data, log = str(folder / "data"), str(folder / "log")
    control = [str(binaries / "pg_ctl"), "-D", data, "-w", "-t", "180"]
    initdb = [str(binaries / "initdb"), "-D", data, "-U", "audiomuse", "-A", "trust", "-E", "UTF8"]
    subprocess.run(_as_database_user(initdb), check=True, capture_output=True, cwd="/")
    with reserved_port() as port:
        # Small: every process of pytest-xdist has a server of its own, and /dev/shm may be tiny.
        options = (
            f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=60 "
            "-c shared_buffers=16MB -c dynamic_shared_memory_type=mmap"
        )
        start = _as_database_user([*control, "-l", log, "-o", options, "start"])
        try:
            subprocess.run(start, check=True, stdout=subprocess.DEVNULL, cwd="/")
            yield f"postgresql://audiomuse@127.0.0.1:{port}/postgres"
        finally:
            stop = _as_database_user([*control, "-m", "immediate", "stop"])
            subprocess.run(stop, check=False, stdout=subprocess.DEVNULL, cwd="/")
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The URL of an empty PostgreSQL database; emptied again before every test."""
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgresql_server


@pytest.fixture
def sqlite_settings(tmp_path: Path) -> Settings:
    """Settings of a fresh data folder with SQLite databases."""
    return load_settings(data_dir=tmp_path / "data")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of fresh databases: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        return load_settings(data_dir=tmp_path / "data")
    url = request.getfixturevalue("postgresql_url")
    return load_settings(data_dir=tmp_path / "data", database_url=url)
