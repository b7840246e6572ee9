"""Write the table of packages in THIRD_PARTY_NOTICES.md from the runtime lock and the packages' own metadata.

Run it with ``.venv/bin/python tools/make_notices.py`` when a dependency came or went; a test fails while the
table does not name every locked package. The rest of the file is written by hand.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTICES = ROOT / "THIRD_PARTY_NOTICES.md"
START, END = "<!-- packages: made by tools/make_notices.py -->\n", "<!-- end of packages -->\n"

# What the metadata of a package does not say in one word, or that is not installed on every platform.
KNOWN = {
    "async-timeout": "Apache-2.0",
    "blinker": "MIT",
    "colorama": "BSD-3-Clause",
    "flask-wtf": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "prompt-toolkit": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "tzdata": "Apache-2.0",
    "valkey": "MIT",
    "waitress": "ZPL-2.1",
    "wcwidth": "MIT",
    "wtforms": "BSD-3-Clause",
}


def normal(name: str) -> str:
    """Return the name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_packages() -> list[str]:
    """Return the names in the runtime lock."""
    lock = (ROOT / "requirements-run.lock").read_text(encoding="utf-8")
    return sorted({normal(name) for name in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==", lock, re.MULTILINE)})


def licence_of(package: str) -> str:
    """Return the licence that the package's metadata names.

    Raises
    ------
    SystemExit
        If it names none and `KNOWN` does not either: look it up and add it there.
    """
    if package in KNOWN:
        return KNOWN[package]
    try:
        found = metadata(package)
    except PackageNotFoundError:
        raise SystemExit(f"{package} is not installed here: add its licence to KNOWN") from None
    said = found.get("License-Expression") or found.get("License") or ""
    if not said or len(said) > 80 or "\n" in said:
        raise SystemExit(f"{package} does not say its licence in one line: add it to KNOWN")
    return said


def table() -> str:
    """Return the table, one row for each package."""
    rows = "".join(f"| {package} | {licence_of(package)} |\n" for package in locked_packages())
    return f"| Package | Licence |\n| --- | --- |\n{rows}"


def main() -> None:
    """Replace the table in the file."""
    text = NOTICES.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    NOTICES.write_text(f"{before}{START}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
