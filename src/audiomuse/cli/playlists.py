"""`audiomuse playlists`: look at the current playlists, export and publish them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from audiomuse.cli.cluster import explain, find_playlist
from audiomuse.cli.opening import opened_services
from audiomuse.cli.progress import active_or_new, run_job
from audiomuse.errors import NotFound
from audiomuse.services.app import Services
from audiomuse.services.jobs import JobStatus


@click.group()
def playlists() -> None:
    """List, show, export and publish the current playlists."""


@playlists.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_command(as_json: bool) -> None:
    """List the current playlists."""
    with opened_services() as services:
        current = services.playlists()
        if as_json:
            document = [
                {"id": p.id, "name": p.name, "locked": p.locked, "tracks": list(p.track_ids)} for p in current
            ]
            click.echo(json.dumps(document, ensure_ascii=False))
            return
        table = Table("playlist", "songs", "BPM", "locked")
        for p in current:
            tempo = "-" if p.tempo_bpm is None else f"{p.tempo_bpm:.0f}"
            table.add_row(p.name, str(len(p.entries)), tempo, "yes" if p.locked else "")
        Console(width=None if sys.stdout.isatty() else 120).print(table)
        if not current:
            click.echo("There are no playlists yet: run `audiomuse cluster`.", err=True)


@playlists.command()
@click.argument("name")
def show(name: str) -> None:
    """Show the songs of the playlist NAME (or id), in order, and why each is in."""
    with opened_services() as services:
        explain(services, find_playlist(services, name).id)


@playlists.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def export(folder: Path) -> None:
    """Write every playlist as an .m3u8 file into FOLDER."""
    with opened_services() as services:
        _require_playlists(services)
        for path in services.export(folder):
            click.echo(path)


@playlists.command()
@click.argument("name", required=False)
def publish(name: str | None) -> None:
    """Make the media server hold all playlists exactly as they are, or only NAME."""
    with opened_services() as services:
        _require_playlists(services)
        if name is None:
            _publish_all(services)
            return
        report = services.publish(find_playlist(services, name).id)
    click.echo(f"{report.published[0]} is on the server." if report.published else "Nothing was published.")
    for sentence in report.short:
        click.secho(sentence, fg="yellow", err=True)


def _publish_all(services: Services) -> None:
    """Do what the page's button does, and tell which playlists could not be published and why."""
    job, _ = active_or_new(services, "publishing", services.start_publishing)
    ended = run_job(services, job, workers=1, unit="playlists", describe=_what_is_published)
    published, deleted = ended.result["published"], ended.result["deleted"]
    click.echo(f"{len(published)} playlists are on the server, {len(deleted)} old ones went.")
    for sentence in ended.result["warnings"]:
        click.secho(sentence, fg="yellow", err=True)
    for item in services.engine.store.items.failed(ended.id, limit=ended.failed):
        click.secho(item.error, fg="red", err=True)
    if ended.failed:
        raise SystemExit(1)


def _what_is_published(status: JobStatus) -> str:
    return next((str(item.payload.get("title", "")) for item in status.current), "publishing")


def _require_playlists(services: Services) -> None:
    if not services.playlists():
        raise NotFound("There are no playlists yet: run `audiomuse cluster` first.")
