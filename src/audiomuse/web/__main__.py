"""`python -m audiomuse.web`: the page and the API as a program of their own."""

from __future__ import annotations

import sys
from functools import partial

from audiomuse.errors import AudioMuseError
from audiomuse.jobs import announce, make_app
from audiomuse.services.configuration import complete_settings
from audiomuse.services.logs import configure_logging
from audiomuse.web.app import serve


def main() -> int:
    """Serve until interrupted and return the exit code."""
    try:
        settings = complete_settings()
        configure_logging(settings)
        serve(settings, announce=partial(announce, make_app(settings)))
    except AudioMuseError as e:
        print(f"Error: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"Error: the page cannot be served: {e.strerror or e}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
