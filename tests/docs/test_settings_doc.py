"""The page of the settings says what the program does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from audiomuse.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "settings.md"

# Variables that are not parameters of ours, and may be named in the documentation.
FOREIGN = {
    "SECRETS_DIR", "XDG_DATA_HOME", "TZ", "MUSIC", "PORT", "DIR", "PYTHON", "REPLAY_HOME", "PIP_CERT", "BASE",
    "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE", "POSTGRES_DB", "POSTGRES_USER", "PGDATA",
    "FEATURES_VERSION", "NO_PREVIOUS_TASK", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
}  # fmt: skip


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_settings_doc", ROOT / "tools" / "make_settings_doc.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_settings_say(maker: ModuleType) -> None:
    assert PAGE.read_text(encoding="utf-8") == maker.page(), "run tools/make_settings_doc.py"


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_parameter_is_documented_once_with_a_sentence(name: str) -> None:
    row = re.compile(rf"^\| `{name.upper()}` \|[^|]*\|[^|]*\| (\S.+) \|$", re.MULTILINE)
    found = row.findall(PAGE.read_text(encoding="utf-8").replace("\\|", "/"))
    assert len(found) == 1


def test_no_page_names_a_parameter_that_does_not_exist() -> None:
    known = {name.upper() for name in Settings.model_fields} | FOREIGN
    unknown = {
        f"{page.relative_to(ROOT)}: {word}"
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for word in re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", page.read_text(encoding="utf-8"))
        if word not in known
    }
    assert unknown == set()
