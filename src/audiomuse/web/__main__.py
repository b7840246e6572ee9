"""`python -m audiomuse.web`: the page and the API as a program of their own."""

from __future__ import annotations

import signal
import sys
from functools import partial
from types import FrameType

from audiomuse.errors import AudioMuseError
from audiomuse.jobs import announce, make_app
from audiomuse.services.configuration import complete_settings
from audiomuse.services.logs import configure_logging
from audiomuse.web.app import serve


def main() -> int:
    """Serve until Ctrl-C or SIGTERM and return the exit code: 0 if that was what ended it."""
    signal.signal(signal.SIGTERM, _end_once)
    try:
        settings = complete_settings()
        configure_logging(settings)
        serve(settings, announce=partial(announce, make_app(settings)))
    except KeyboardInterrupt:
        return 0  # told to stop before the page was up
    except AudioMuseError as e:
        print(f"Error: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"Error: the page cannot be served: {e.strerror or e}.", file=sys.stderr)
        return 1
    return 0


def _end_once(number: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does.

    A service manager and `audiomuse up` may both send it: the second one must not disturb the end.
    """
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
