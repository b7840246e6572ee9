"""`audiomuse doctor`, `report`, `backup` and `restore`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from audiomuse.cli.opening import opened_services
from audiomuse.services.configuration import complete_settings
from audiomuse.services.preflight import preflight
from audiomuse.services.quality import current_report
from audiomuse.settings import load_settings
from audiomuse.storage import backup as backup_database
from audiomuse.storage import restore as restore_database


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check the settings, the databases and the media server, and say how to mend what is wrong."""
    with opened_services() as services:
        checked = preflight(services.server(), write=True)
    if as_json:
        document = {
            "ok": checked.ok,
            "checks": [{"name": c.name, "ok": c.ok, "message": c.sentence} for c in checked.checks],
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        for check in checked.checks:
            mark, color = ("ok", "green") if check.ok else ("!!", "red")
            click.echo(f"{click.style(mark, fg=color)}  {check.name}: {check.sentence}")
    if not checked.ok:
        ctx.exit(1)


@click.command()
@click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False), default=Path("audiomuse-report.html")
)
def report(file: Path) -> None:
    """Write a quality report of the current playlists as an HTML page to FILE."""
    with opened_services() as services:
        file.write_text(current_report(services.music, services.judged_library()), encoding="utf-8")
    click.echo(f"Written to {file}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Copy the music database to the new FILE; works while AudioMuse is running."""
    click.echo(f"Written to {backup_database(complete_settings(), file)}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.confirmation_option(prompt="Replace the current music database by this backup?")
def restore(file: Path) -> None:
    """Put the backup FILE in the place of the music database; stop AudioMuse first."""
    aside = restore_database(load_settings(), file)
    click.echo("Restored." if aside is None else f"Restored. The database before it is now {aside}.")
