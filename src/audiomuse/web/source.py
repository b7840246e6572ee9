"""The source code of the running program, as its licence promises it to everybody who uses the page.

Nothing is fetched and no public host is needed: what is handed out are the very files that run, so changes
that somebody made in place are in it too.
"""

from __future__ import annotations

import io
import tarfile
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import audiomuse
from audiomuse import __version__

_PACKAGE = Path(audiomuse.__file__).parent
_LEFT_OUT = frozenset({"__pycache__"})
_BESIDE = {"METADATA": "PKG-INFO", "LICENSE": "LICENSE", "THIRD_PARTY_NOTICES.md": "THIRD_PARTY_NOTICES.md"}
"""Files of the installed distribution, and what they are called in the archive."""


def archive_name() -> str:
    """Return the name of the archive without its ending, e.g. ``"audiomuse-0.1.0"``."""
    return f"audiomuse-{__version__}"


@lru_cache(maxsize=1)
def source_archive() -> bytes:
    """Return the running package and its licences as a .tar.gz; packed once per process.

    Returns
    -------
    bytes
        Everything lies in one folder called `archive_name`; the package itself in its ``src/audiomuse``.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, file in _files():
            archive.add(file, f"{archive_name()}/{name}", recursive=False, filter=_nobodys)
    return packed.getvalue()


def licence_text() -> str | None:
    """Return the licence; None in a source tree that was never installed."""
    file = _beside().get("LICENSE")
    return None if file is None else file.read_text(encoding="utf-8")


def _files() -> list[tuple[str, Path]]:
    package = [
        (f"src/audiomuse/{file.relative_to(_PACKAGE).as_posix()}", file)
        for file in sorted(_PACKAGE.rglob("*"))
        if file.is_file() and not _LEFT_OUT.intersection(file.parts)
    ]
    return [*_beside().items(), *package]


def _beside() -> dict[str, Path]:
    """Licences and metadata, by their names in the archive."""
    try:
        installed: Distribution = distribution("audiomuse")
    except PackageNotFoundError:
        return {}
    return {
        _BESIDE[file.name]: Path(str(installed.locate_file(file)))
        for file in installed.files or ()
        if file.name in _BESIDE and file.parts[0].endswith(".dist-info")
    }


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who installed it on this machine."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
