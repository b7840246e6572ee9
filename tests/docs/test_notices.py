"""Whoever's work is inside is named, with the terms."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTICES = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")


def test_every_package_that_running_needs_is_named() -> None:
    lock = (ROOT / "requirements-run.lock").read_text(encoding="utf-8")
    locked = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", lock, re.MULTILINE)
    }
    named = set(re.findall(r"^\| ([a-z0-9-]+) \|", NOTICES, re.MULTILINE))
    assert locked - named == set(), "run tools/make_notices.py"


def test_every_weight_script_and_font_of_others_is_named() -> None:
    shipped = [
        *(ROOT / "src/audiomuse/inference/weights").glob("*.onnx"),
        *(ROOT / "src/audiomuse/web/static/vendor").glob("*.js"),
    ]
    assert [
        str(path.relative_to(ROOT)) for path in shipped if str(path.relative_to(ROOT)) not in NOTICES
    ] == []


def test_the_licence_is_the_complete_official_text() -> None:
    # The MD5 by which distributions recognise the FSF's text of the AGPL, version 3.
    digest = hashlib.md5((ROOT / "LICENSE").read_bytes(), usedforsecurity=False).hexdigest()
    assert digest == "73f1eb20517c55bf9493b7dd6e480788"
