"""AudioMuse hears a music library once and turns it into playlists people keep."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("audiomuse")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
