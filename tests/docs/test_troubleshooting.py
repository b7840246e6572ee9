"""The help looks for sentences that the program really says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations/troubleshooting.md").read_text(encoding="utf-8")


def quoted_sentences() -> list[str]:
    """The quotes in the first column of the tables that have words in them."""
    cells = re.findall(r"^\| (.+?) \|", PAGE, re.MULTILINE)
    quotes = [quote for cell in cells for quote in re.findall(r"`([^`]+)`", cell)]
    return [quote for quote in quotes if " " in quote]


@cache
def said() -> str:
    """Every string in the source, one a line; the parts of f-strings between their values."""
    strings = []
    for path in (ROOT / "src" / "audiomuse").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.append(node.value)
    return "\n".join(strings)


@pytest.mark.parametrize("quote", quoted_sentences())
def test_the_program_says_what_the_help_quotes(quote: str) -> None:
    assert quote in said()


def test_every_kind_of_unreadable_file_is_explained() -> None:
    source = (ROOT / "src/audiomuse/errors.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'``"([a-z-]+)"``', source))
    assert {kind for kind in kinds if f"`{kind}`" not in PAGE} == set()
