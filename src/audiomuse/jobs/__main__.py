"""`python -m audiomuse.jobs` is a worker and nothing else: what `audiomuse up` runs beside the page."""

from __future__ import annotations

import sys

from audiomuse.errors import AudioMuseError
from audiomuse.jobs.live import read_settings
from audiomuse.jobs.worker import run_worker


def main() -> int:
    """Run a worker with the settings of the environment; return the exit code."""
    try:
        return run_worker(read_settings())
    except AudioMuseError as e:
        sys.stderr.write(f"Error: {e}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
