"""`python -m audiomuse.web`: serve the page and the API, waking workers when there is work."""

from __future__ import annotations

import sys

from audiomuse.errors import AudioMuseError
from audiomuse.jobs import announce, make_app
from audiomuse.services.app import complete_settings
from audiomuse.services.logs import configure_logging
from audiomuse.web.app import serve


def main() -> int:
    """Serve until interrupted; return the exit code."""
    try:
        settings = complete_settings()
        configure_logging(settings)
        celery = make_app(settings)

        def wake(job_id: str) -> None:
            announce(celery, job_id)

        serve(settings, announce=wake)
    except AudioMuseError as e:
        print(f"Error: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"Error: the page cannot be served: {e.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
