"""`audiomuse demo`: what a newcomer without music at hand sees first."""

from __future__ import annotations

import os
import sys
import webbrowser
from functools import partial
from typing import Any

import click
from rich.progress import Progress

from audiomuse.cli.opening import opened_services
from audiomuse.cli.options import setting_option
from audiomuse.cli.progress import active_or_new, run_job
from audiomuse.cli.serve import say, with_folder
from audiomuse.jobs import run_up
from audiomuse.services.demo import render_demo_library
from audiomuse.services.jobs import JobStatus
from audiomuse.services.logs import configure_logging
from audiomuse.settings import Settings, load_settings


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
            processes=os.cpu_count() or 1,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    say(f"{len(songs)} songs are in {music}.")
    overrides = with_folder({**given, "music_dir": str(music), "data_dir": str(folder)})
    with opened_services(**overrides, analysis_workers=os.cpu_count() or 1) as services:
        job, _ = active_or_new(services, "analysis", services.start_analysis)
        run_job(services, job, workers=services.settings.worker_count, unit="songs", describe=_phase)
        job, _ = active_or_new(services, "clustering", services.start_clustering)
        run_job(services, job, workers=1, unit="runs", describe=_phase)
        for path in services.export(folder / "playlists"):
            say(f"  {path.name}")
        say(f"These playlists are in {folder / 'playlists'}.")
        settings = services.settings
    if page:
        configure_logging(settings)
        sys.exit(run_up(settings, overrides=overrides, say=partial(_say_and_open, settings)))


def _phase(status: JobStatus) -> str:
    return str(status.job.detail.get("phase", "starting"))


def _say_and_open(settings: Settings, sentence: str) -> None:
    """Open the page in the person's browser, if there is one, as soon as it answers."""
    say(sentence)
    if "ready" in sentence and sys.stderr.isatty():
        webbrowser.open(f"http://127.0.0.1:{settings.web_port}{settings.url_prefix}")
