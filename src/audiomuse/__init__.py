"""AudioMuse hears a music library once and turns it into playlists people keep."""

import os
from importlib.metadata import PackageNotFoundError, version

# The builds of ONNX Runtime tell their maker how they are used, unless this is set before they are loaded.
# Nothing leaves the machine of somebody who did not ask for it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

try:
    __version__ = version("audiomuse")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
