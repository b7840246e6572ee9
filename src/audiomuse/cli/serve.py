"""`audiomuse up`, `web` and `worker`: the commands that run until they are stopped."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from audiomuse.cli.options import setting_option
from audiomuse.jobs import run_up, run_worker, settings_environment
from audiomuse.services.configuration import complete_settings
from audiomuse.services.logs import configure_logging
from audiomuse.settings import load_settings

_ROLES = {"flask": "web", "celery": "worker"}


@click.command()
@setting_option("music_dir", "--music")
@setting_option("web_host", "--host")
@setting_option("web_port", "--port")
def up(**given: Any) -> None:
    """Bring up the page and the workers of this machine; Ctrl-C stops everything.

    SERVICE_TYPE=web or worker makes this run only one of them, as a container of a fleet does.
    """
    overrides = with_folder(given)
    settings = complete_settings(**overrides)
    role = _ROLES.get(settings.service_type, settings.service_type)
    if role == "web":
        _become_web(overrides)
    elif role == "worker":
        os.environ.update(settings_environment(overrides))
        sys.exit(run_worker(settings))
    else:
        configure_logging(settings)
        sys.exit(run_up(settings, overrides=overrides, say=say))


@click.command()
@setting_option("music_dir", "--music")
@setting_option("web_host", "--host")
@setting_option("web_port", "--port")
def web(**given: Any) -> None:
    """Run only the page and the API; workers run elsewhere."""
    _become_web(with_folder(given))


@click.command()
@setting_option("analysis_workers", "--workers")
def worker(**given: Any) -> None:
    """Run only workers, e.g. on another machine of a fleet."""
    # Celery's child processes read the environment, not this command line.
    os.environ.update(settings_environment(given))
    sys.exit(run_worker(complete_settings(**given)))


def _become_web(overrides: dict[str, Any]) -> None:
    """Go on as the page's own program: the command line and the page are two edges of one house."""
    load_settings(**overrides)  # a wrong value is told here, with the command line's exit code
    environment = {**os.environ, **settings_environment(overrides)}
    os.execve(sys.executable, [sys.executable, "-m", "audiomuse.web"], environment)


def with_folder(given: dict[str, Any]) -> dict[str, Any]:
    """Take a folder given on the command line for the library that is meant."""
    music = given.get("music_dir")
    if music is None:
        return given
    return {**given, "music_dir": str(Path(music).expanduser().absolute()), "media_server": "folder"}


def say(sentence: str) -> None:
    click.echo(sentence, err=True)
