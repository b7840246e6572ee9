"""The password of the page and the tokens of programs: kept as hashes, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from audiomuse.web.backend import Backend

MIN_PASSWORD_LENGTH = 8

_PASSWORD = "password_argon2"
_TOKEN = "api_token_sha256"
_hasher = PasswordHasher()


@lru_cache(maxsize=4)
def _hash_of_configured(password: str) -> str:
    """Hash the password of the environment once per process, to check it exactly like a chosen one."""
    return _hasher.hash(password)


def _password_hash(backend: Backend) -> str | None:
    configured = backend.settings.admin_password
    if configured is not None:
        return _hash_of_configured(configured.get_secret_value())
    kept = backend.music.notes.get(_PASSWORD)
    return None if kept is None else str(kept)


def needs_password(backend: Backend) -> bool:
    """Tell whether a password has yet to be chosen."""
    if backend.settings.auth_disabled or backend.settings.admin_password is not None:
        return False
    return backend.music.notes.get(_PASSWORD) is None


def set_password(backend: Backend, password: str) -> None:
    """Keep the hash of a new password; sessions of the old one end."""
    backend.music.notes.set(_PASSWORD, _hasher.hash(password))


def is_password(backend: Backend, password: str) -> bool:
    """Compare with the page's password; False while there is none."""
    kept = _password_hash(backend)
    if kept is None:
        return False
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def password_stamp(backend: Backend) -> str:
    """Return what a session remembers of the password, so that changing it ends the session."""
    configured = backend.settings.admin_password
    basis = (
        configured.get_secret_value() if configured is not None else backend.music.notes.get(_PASSWORD) or ""
    )
    return hashlib.sha256(f"session:{basis}".encode()).hexdigest()[:24]


def new_token(backend: Backend) -> str:
    """Make the API token anew, keep its hash, and return it; it is never shown again."""
    token = secrets.token_urlsafe(32)
    backend.music.notes.set(_TOKEN, hashlib.sha256(token.encode()).hexdigest())
    return token


def forget_token(backend: Backend) -> None:
    """Make the token of the page worthless."""
    backend.music.notes.set(_TOKEN, None)


def has_token(backend: Backend) -> bool:
    """Tell whether a token was made on the page."""
    return backend.music.notes.get(_TOKEN) is not None


def is_token(backend: Backend, token: str) -> bool:
    """Compare with the configured token and with the one made on the page."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    allowed = [backend.music.notes.get(_TOKEN)]
    configured = backend.settings.api_token
    if configured is not None:
        allowed.append(hashlib.sha256(configured.get_secret_value().encode()).hexdigest())
    # A list, not a generator: how long this takes must not tell which token matched.
    return any([hmac.compare_digest(digest, one) for one in allowed if one])  # noqa: C419
