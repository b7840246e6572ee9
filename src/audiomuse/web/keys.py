"""The key that signs session cookies: from the environment, or made once and kept in DATA_DIR."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from audiomuse.errors import StorageError
from audiomuse.settings import Settings

FILE_NAME = "secret_key"


def session_key(settings: Settings) -> str:
    """Return the key; made on the first call, readable by its owner only.

    Raises
    ------
    StorageError
        If DATA_DIR cannot be written.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = settings.data_dir / FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _read(path) or _make(path)
    except OSError as e:
        raise StorageError(f"DATA_DIR: {path} cannot be written ({e.strerror}).") from e


def _read(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None


def _make(path: Path) -> str:
    """Write a new key under another name first: of two processes starting together, both use the same."""
    draft = path.with_name(f"{FILE_NAME}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its key is the key
    finally:
        draft.unlink()
    return path.read_text().strip()
