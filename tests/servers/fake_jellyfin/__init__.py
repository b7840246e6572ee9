"""A small Jellyfin for tests and trials; see `app.FakeJellyfin`."""

from .app import API_KEY, FakeJellyfin
from .library import FakeLibrary, User, large_library, library_from, make_id, small_library, tone

__all__ = [
    "API_KEY",
    "FakeJellyfin",
    "FakeLibrary",
    "User",
    "large_library",
    "library_from",
    "make_id",
    "small_library",
    "tone",
]
