"""The small programs of the image and of the examples do what the pages promise."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from audiomuse.settings import load_settings
from audiomuse.storage import open_job_store

DEPLOYMENT = Path(__file__).parents[2] / "deployment"


# --- entrypoint.sh ---


@pytest.fixture
def pretender(tmp_path: Path) -> Path:
    """A folder with a program `audiomuse` that only says how it was called."""
    program = tmp_path / "bin" / "audiomuse"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "audiomuse $*"\n')
    program.chmod(0o755)
    return program.parent


def enter(pretender: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEPLOYMENT / "entrypoint.sh", *arguments],
        env={"PATH": f"{pretender}:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("service_type", "command"),
    [("all", "up"), ("web", "web"), ("flask", "web"), ("worker", "worker"), ("celery", "worker"), ("", "up")],
)
def test_the_service_type_chooses_what_a_container_runs(
    pretender: Path, service_type: str, command: str
) -> None:
    assert enter(pretender, SERVICE_TYPE=service_type).stdout == f"audiomuse {command}\n"


@pytest.mark.parametrize("arguments", [("doctor", "--json"), ("audiomuse", "doctor", "--json")])
def test_a_command_given_to_the_container_runs_instead(pretender: Path, arguments: tuple[str, ...]) -> None:
    assert enter(pretender, *arguments, SERVICE_TYPE="web").stdout == "audiomuse doctor --json\n"


def test_an_unknown_service_type_is_named(pretender: Path) -> None:
    refused = enter(pretender, SERVICE_TYPE="everything")
    assert refused.returncode == 2
    assert "'everything'" in refused.stderr


# --- healthcheck.py ---


def check_health(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DEPLOYMENT / "healthcheck.py"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def page() -> Iterator[HTTPServer]:
    """Something that answers /healthz with the status that its attribute `status` names."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status if self.path == "/healthz" else 404)  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (503, 1)])
def test_a_page_is_healthy_when_it_says_so(page: HTTPServer, status: int, exit_code: int) -> None:
    page.status = status  # type: ignore[attr-defined]
    # A proxy for the outside must not be asked about ourselves.
    checked = check_health(WEB_PORT=str(page.server_port), http_proxy="http://127.0.0.1:9")
    assert checked.returncode == exit_code, checked.stderr


def test_a_page_that_does_not_answer_is_not_healthy() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert check_health(WEB_PORT=str(unused.getsockname()[1])).returncode == 1


def test_a_worker_is_healthy_once_it_was_seen(tmp_path: Path) -> None:
    where = {"SERVICE_TYPE": "worker", "DATA_DIR": str(tmp_path)}
    assert check_health(**where).returncode == 1
    with open_job_store(load_settings(data_dir=tmp_path)) as store:
        store.workers.beat("me", host=socket.gethostname(), pid=1, slots=2)
    assert check_health(**where).returncode == 0


def test_a_worker_is_not_killed_for_a_database_that_is_away() -> None:
    away = "postgresql://nobody@127.0.0.1:9/nothing"
    checked = check_health(SERVICE_TYPE="worker", DATABASE_URL=away)
    assert checked.returncode == 0
    assert "cannot tell" in checked.stdout


# --- secrets ---


def run(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script],
        env={"PATH": "/usr/bin:/bin", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_compose_secrets_are_made_once_and_fit_together(tmp_path: Path) -> None:
    script = Path(shutil.copy(DEPLOYMENT / "make-secrets.sh", tmp_path))
    assert run(script, JELLYFIN_TOKEN="example").returncode == 0
    secrets = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert secrets["jellyfin_token"] == "example"
    assert secrets["postgres_password"] in secrets["database_url"]
    made_up = [secrets[name] for name in ("postgres_password", "admin_password", "secret_key")]
    assert min(map(len, made_up)) >= 40
    assert len(set(made_up)) == 3
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    run(script, JELLYFIN_TOKEN="another")
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == secrets


def test_overlay_secrets_are_made_once_and_fit_together(tmp_path: Path) -> None:
    script = Path(shutil.copy(DEPLOYMENT / "kustomize/overlays/distributed/make-secrets.sh", tmp_path))
    assert run(script, JELLYFIN_USER_ID="anna", JELLYFIN_TOKEN="example").returncode == 0
    secrets = dict(
        line.split("=", 1)
        for name in ("secrets.env", "postgres.env")
        for line in (tmp_path / name).read_text().splitlines()
    )
    assert secrets["POSTGRES_PASSWORD"] in secrets["DATABASE_URL"]
    assert "POSTGRES_PASSWORD" not in (tmp_path / "secrets.env").read_text()
    assert (tmp_path / "secrets.env").stat().st_mode & 0o077 == 0
    assert "nothing was changed" in run(script).stdout


def test_without_an_answer_no_secrets_are_made(tmp_path: Path) -> None:
    script = Path(shutil.copy(DEPLOYMENT / "kustomize/overlays/distributed/make-secrets.sh", tmp_path))
    assert run(script).returncode == 1
    assert not (tmp_path / "secrets.env").exists()
