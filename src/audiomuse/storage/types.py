"""Column types whose values look the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

SortText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text ordered by code point on both databases; for columns that we normalise ourselves."""

_LITTLE_ENDIAN = np.dtype("<f4")


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, kept as seconds since 1970."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> float | None:
        if value is None:
            return None
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value as ASCII text: PostgreSQL's own type refuses NUL and broken surrogates in file names."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


class PlainText(sa.types.TypeDecorator[str]):
    """Text from the outside world: NUL is dropped and undecodable bytes become a replacement character."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else clean(value)


class PathText(sa.types.TypeDecorator[str]):
    """A path of a server as bytes, so that names that are not UTF-8 come back as they were."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else value.encode("utf-8", "surrogateescape")

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else bytes(value).decode("utf-8", "surrogateescape")


def clean(text: str) -> str:
    """Return `text` as something that every database and every terminal can hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def pack(array: NDArray[np.floating[Any]] | None) -> bytes | None:
    """Return the values of `array` as little-endian float32; None stays None."""
    return None if array is None else np.ascontiguousarray(array, dtype=_LITTLE_ENDIAN).tobytes()


def unpack(blob: bytes | None) -> NDArray[np.float32] | None:
    """Return a writable float32 copy of what `pack` made, flat; None stays None."""
    return None if blob is None else np.frombuffer(blob, dtype=_LITTLE_ENDIAN).astype(np.float32)
