"""tools/bootstrap.sh, told on a tiny project with empty locks: no network, the real venv and the real pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ensurepip", reason="without it bootstrap.sh asks a package registry for pip")

ROOT = Path(__file__).parents[2]

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "audiomuse"
version = "0"
"""

# The smallest build backend (PEP 660) that makes `import audiomuse` work.
BACKEND = """\
from pathlib import Path
from zipfile import ZipFile

INFO = {
    "METADATA": "Metadata-Version: 2.1\\nName: audiomuse\\nVersion: 0\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "RECORD": "",
}


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "audiomuse-0-py3-none-any.whl"
    with ZipFile(Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("audiomuse.pth", str(Path("src").absolute()))
        for file, text in INFO.items():
            wheel.writestr(f"audiomuse-0.dist-info/{file}", text)
    return name
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like a fresh clone, whose locks ask for nothing."""
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "bootstrap.sh", folder / "tools")
    package = folder / "src" / "audiomuse"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    for lock in ("requirements.lock", "requirements-run.lock", "requirements-build.lock"):
        (folder / lock).touch()
    return folder


def bootstrap(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # Without the site of this test's own environment, as a person's shell would be.
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))
    }
    base_python = Path(sys.base_prefix) / "bin" / "python3"
    defaults = {"PIP_NO_INDEX": "1", "PYTHON": str(base_python)}
    return subprocess.run(
        [folder / "tools" / "bootstrap.sh", *arguments],
        env={**inherited, **defaults, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_clone_becomes_usable_then_stays_untouched_until_a_lock_changes(clone: Path) -> None:
    made = bootstrap(clone, "--runtime")
    assert made.returncode == 0, made.stderr
    assert "(runtime)" in made.stderr
    subprocess.run([clone / ".venv/bin/python", "-c", "import audiomuse"], check=True)

    again = bootstrap(clone, "--runtime")
    assert (again.returncode, again.stderr) == (0, "")

    full = bootstrap(clone)
    assert (full.returncode, "(full)" in full.stderr) == (0, True)
    assert bootstrap(clone, "--runtime").stderr == "", "everything holds what running needs"

    (clone / "requirements-run.lock").write_text("# another version\n")
    changed = bootstrap(clone)
    assert (changed.returncode, "(full)" in changed.stderr) == (0, True)


def test_an_environment_whose_python_went_away_is_made_anew(clone: Path) -> None:
    bootstrap(clone, "--runtime")
    for link in (clone / ".venv" / "bin").glob("python*"):
        link.unlink()
    mended = bootstrap(clone, "--runtime")
    assert mended.returncode == 0, mended.stderr
    assert "making .venv" in mended.stderr
    subprocess.run([clone / ".venv/bin/python", "-c", "import audiomuse"], check=True)


def test_an_unknown_argument_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "bootstrap.sh", tmp_path / "tools")
    refused = bootstrap(tmp_path, "--fast")
    assert refused.returncode == 1
    assert "--fast" in refused.stderr
    assert not (tmp_path / ".venv").exists()
