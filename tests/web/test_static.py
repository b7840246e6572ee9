"""What we ship of others' work is exactly what they published, with their licence beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "audiomuse" / "web" / "static"
FOLDERS = (STATIC / "vendor", STATIC / "fonts", ROOT / "tests" / "e2e" / "vendor")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_has_the_checksum_it_came_with(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    promised = {name: checksum for checksum, name in (line.split() for line in lines)}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.suffix in (".js", ".woff2")
    }
    assert found == promised


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_has_a_licence_beside_it(folder: Path) -> None:
    assert len(list(folder.glob("*LICENSE*"))) >= len((folder / "SHA256SUMS").read_text().splitlines())


def test_nothing_is_fetched_from_elsewhere() -> None:
    for file in (*STATIC.glob("*.css"), *STATIC.glob("*.js"), *(STATIC.parent / "templates").rglob("*.html")):
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        text = text.replace("http://nas:", "")  # the example in a form
        assert "http://" not in text, file
        assert "https://" not in text, file
