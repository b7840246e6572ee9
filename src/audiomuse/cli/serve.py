"""`audiomuse up`, `web`, `worker` and `demo`: the long-running commands."""

from __future__ import annotations

import os
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from audiomuse.cli.opening import opened_services
from audiomuse.cli.options import setting_option
from audiomuse.cli.progress import active_or_new, run_job
from audiomuse.jobs import run_up, run_worker, settings_environment
from audiomuse.services.app import complete_settings
from audiomuse.services.demo import render_demo_library
from audiomuse.services.jobs import JobStatus
from audiomuse.services.logs import configure_logging
from audiomuse.settings import Settings, load_settings

_ROLES = {"flask": "web", "celery": "worker"}


@click.command()
@setting_option("music_dir", "--music")
@setting_option("web_host", "--host")
@setting_option("web_port", "--port")
def up(**given: Any) -> None:
    """Bring up the page and the workers of this machine; Ctrl-C stops everything.

    SERVICE_TYPE=web or worker makes this run only one of them, as a container of a fleet does.
    """
    overrides = _with_folder(given)
    settings = complete_settings(**overrides)
    role = _ROLES.get(settings.service_type, settings.service_type)
    if role == "web":
        _become_web(overrides)
    elif role == "worker":
        os.environ.update(settings_environment(overrides))
        sys.exit(run_worker(settings))
    else:
        configure_logging(settings)
        sys.exit(run_up(settings, overrides=overrides, say=_say))


@click.command()
@setting_option("music_dir", "--music")
@setting_option("web_host", "--host")
@setting_option("web_port", "--port")
def web(**given: Any) -> None:
    """Run only the page and the API; workers run elsewhere."""
    _become_web(_with_folder(given))


@click.command()
@setting_option("analysis_workers", "--workers")
def worker(**given: Any) -> None:
    """Run only workers, e.g. on another machine of a fleet."""
    # Celery's child processes read the environment, not this command line.
    os.environ.update(settings_environment(given))
    sys.exit(run_worker(complete_settings(**given)))


@click.command()
@setting_option("web_host", "--host")
@setting_option("web_port", "--port")
@click.option("--page/--no-page", default=True, help="Open the page at the end.")
def demo(page: bool, **given: Any) -> None:
    """Make up a small library, analyse it, make playlists and open the page.

    Everything lies in the folder "demo" of DATA_DIR, apart from your own library.
    """
    folder = load_settings(**given).data_dir / "demo"
    music = folder / "music"
    with Progress(disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("making music")
        songs = render_demo_library(
            music,
            processes=len(os.sched_getaffinity(0)),
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _say(f"{len(songs)} songs are in {music}.")
    overrides = _with_folder({**given, "music_dir": str(music), "data_dir": str(folder)})
    with opened_services(**overrides, analysis_workers=len(os.sched_getaffinity(0))) as services:
        job, _ = active_or_new(services, "analysis", services.start_analysis)
        run_job(services, job, workers=services.settings.worker_count, unit="songs", describe=_phase)
        job, _ = active_or_new(services, "clustering", services.start_clustering)
        run_job(services, job, workers=1, unit="runs", describe=_phase)
        for path in services.export(folder / "playlists"):
            _say(f"  {path.name}")
        _say(f"These playlists are in {folder / 'playlists'}.")
        settings = services.settings
    if page:
        configure_logging(settings)
        sys.exit(run_up(settings, overrides=overrides, say=partial(_say_and_open, settings)))


def _become_web(overrides: dict[str, Any]) -> None:
    """Go on as the page's own program: the command line and the page are two edges of one house."""
    load_settings(**overrides)  # a wrong value is told here, with the command line's exit code
    environment = {**os.environ, **settings_environment(overrides)}
    os.execve(sys.executable, [sys.executable, "-m", "audiomuse.web"], environment)


def _with_folder(given: dict[str, Any]) -> dict[str, Any]:
    """Take a folder given on the command line for the library that is meant."""
    music = given.get("music_dir")
    if music is None:
        return given
    return {**given, "music_dir": str(Path(music).expanduser().absolute()), "media_server": "folder"}


def _phase(status: JobStatus) -> str:
    return str(status.job.detail.get("phase", "starting"))


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _say_and_open(settings: Settings, sentence: str) -> None:
    """Open the page in the person's browser, if there is one, as soon as it answers."""
    _say(sentence)
    if "ready" in sentence and sys.stderr.isatty():
        webbrowser.open(f"http://127.0.0.1:{settings.web_port}{settings.url_prefix}")
