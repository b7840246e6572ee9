"""Write docs/settings.md from `audiomuse.settings`: every parameter, its default, range and help.

Run it with ``.venv/bin/python tools/make_settings_doc.py`` after a change of the settings; a test fails while
the page is stale.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic.fields import FieldInfo

from audiomuse.settings import GROUPS, Settings, group_of, is_secret

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

INTRODUCTION = """\
# Settings

<!-- Made by tools/make_settings_doc.py from src/audiomuse/settings.py; change it there. -->

Every parameter has one name. It works as an environment variable, as the name of a file in the folder that
`SECRETS_DIR` names (for secrets of Docker and Kubernetes), on the page under *Settings*, and, where a command
uses it, as an option: `NUM_CLUSTERS_MIN` is `--num-clusters-min`.

The strongest wins, in this order: the command line, the environment, a file of `SECRETS_DIR`, what the page
saved, the default. An empty value counts as not given. A wrong value stops the start and names the variable;
what the environment decides is shown on the page but cannot be changed there.

A **secret** has no default, is never shown by the page or the API, and never reaches a log.
"""

CONTAINER = """\
Without `DATA_DIR` our files are in `~/.local/share/audiomuse` (`XDG_DATA_HOME` counts). In the image
`DATA_DIR` is `/workspace`, so `DB_PATH` is `/workspace/db.sqlite`, `STATUS_DB_PATH` is
`/workspace/status_db.sqlite` and `TEMP_DIR` is `/workspace/temp_audio`; and `WEB_HOST` is `0.0.0.0`.
"""


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for group, heading in GROUPS.items():
        parts.append(f"## {heading}\n")
        if group == "storage":
            parts.append(CONTAINER)
        parts.append("| Name | Default | Values | What it does |\n| --- | --- | --- | --- |")
        parts.append("\n".join(_rows(group)) + "\n")
    return "\n".join(parts)


def _rows(group: str) -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if group_of(field) == group:
            help_text = (field.description or "").replace("|", "\\|")
            yield f"| `{name.upper()}` | {_default(field)} | {_values(field)} | {help_text} |"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is None or value == "" or isinstance(value, PurePath):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _values(field: FieldInfo) -> str:
    """Say which values are right: the choices, or the kind and the range."""
    if is_secret(field):
        return "**secret**"
    kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not type(None)]
    annotation: Any = field.annotation
    if get_origin(annotation) is not Literal and len(kinds) == 1:
        annotation = kinds[0]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if annotation is bool:
        return "`true`, `false`"
    if annotation in (int, float):
        return f"{'whole number' if annotation is int else 'number'}{_range(field)}"
    if annotation is Path:
        return "path"
    longest = next((m.max_length for m in field.metadata if isinstance(m, MaxLen)), None)
    return f"text, up to {longest} characters" if longest else "text"


def _range(field: FieldInfo) -> str:
    low = next((f"from {m.ge}" for m in field.metadata if isinstance(m, Ge)), "")
    above = next((f"above {m.gt}" for m in field.metadata if isinstance(m, Gt)), "")
    high = next((f"to {m.le}" for m in field.metadata if isinstance(m, Le)), "")
    words = " ".join(filter(None, (low or above, high)))
    return f" {words}" if words else ""


def main() -> None:
    """Write the page, or with ``--check`` only tell whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE.name} is stale: run tools/make_settings_doc.py")


if __name__ == "__main__":
    main()
