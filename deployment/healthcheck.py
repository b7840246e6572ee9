#!/usr/bin/env python3
"""Exit 0 while this container does the work of its SERVICE_TYPE, 1 with a sentence otherwise.

A page is asked for /healthz; a worker tells by `audiomuse worker --check`. Only the standard library is
imported, so that asking every half minute costs next to nothing.
"""

import os
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 8


def main() -> None:
    if os.environ.get("SERVICE_TYPE") in ("worker", "celery"):
        os.execvp("audiomuse", ["audiomuse", "worker", "--check"])
    address = f"http://127.0.0.1:{os.environ.get('WEB_PORT') or 8000}/healthz"
    # A proxy of the environment is for the outside, not for ourselves.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=TIMEOUT_S):
            pass
    except (urllib.error.URLError, OSError) as e:
        sys.exit(f"{address} does not answer: {e}")


if __name__ == "__main__":
    main()
