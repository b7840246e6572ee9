"""The three locks say the same: one version of a package everywhere, and nothing that is not hashed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-run.lock", "requirements-build.lock")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """Package -> version of one lock."""
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {normal(name): version for name, version in found}


def wanted() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {normal(re.split(r"[\[<>=;~! ]", requirement)[0]) for requirement in project["dependencies"]}


@pytest.mark.parametrize("lock", ["requirements-run.lock", "requirements-build.lock"])
def test_the_smaller_locks_pin_what_the_large_one_pins(lock: str) -> None:
    everything = pins("requirements.lock")
    different = {
        name: (version, everything[name])
        for name, version in pins(lock).items()
        if everything.get(name, version) != version
    }
    assert different == {}, "run `make lock`"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-run.lock"])
def test_every_dependency_of_the_program_is_locked(lock: str) -> None:
    assert wanted() - set(pins(lock)) == set(), "run `make lock`"


def test_the_runtime_lock_holds_no_tool_of_the_developers() -> None:
    assert not {"pytest", "mypy", "ruff", "playwright", "hypothesis"} & set(pins("requirements-run.lock"))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_carries_a_hash_and_no_lock_names_a_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
