"""The group of all commands, and the one place where an error becomes an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from audiomuse import __version__
from audiomuse.errors import AudioMuseError

INTERRUPTED = 130

_COMMANDS = {
    "up": "serve",
    "web": "serve",
    "worker": "serve",
    "demo": "demo",
    "analyze": "analyze",
    "cluster": "cluster",
    "playlists": "playlists",
    "inspect": "inspect",
    "doctor": "maintenance",
    "report": "maintenance",
    "backup": "maintenance",
    "restore": "maintenance",
}
"""Each command and its module. Only the module of the command at hand is imported: `inspect` has no need of
a database, and nobody should wait for scikit-learn to read a help text."""


class AudioMuseGroup(click.Group):
    """Finds commands in their modules, and shows an expected error as one sentence, never as a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"audiomuse.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AudioMuseError as e:
            click.secho(f"Error: {e}", fg="red", err=True)
            ctx.exit(1)
        except BrokenPipeError:
            # The reader (e.g. `head`) went away: nothing more to say, and no noise at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)


@click.group(cls=AudioMuseGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="audiomuse")
def cli() -> None:
    """AudioMuse hears your music once and turns the library into playlists you keep.

    Every parameter can also be set in the environment; see docs/settings.md.
    """


def main() -> None:
    """Run the command line and exit."""
    try:
        # Outside its standalone mode click returns the code of an orderly exit instead of exiting.
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.UsageError as e:
        e.show()
        sys.exit(e.exit_code)
    except click.ClickException as e:
        e.show()
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was finished is kept; start again to go on from there.", err=True)
        sys.exit(INTERRUPTED)
