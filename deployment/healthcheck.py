#!/usr/bin/env python3
"""Exit 0 while this container does the work of its SERVICE_TYPE, 1 with a sentence otherwise.

A page is asked for /healthz. A worker shows itself alive in the job database every few seconds, and is looked
up there. Only what is needed is imported, so that asking every minute costs next to nothing.
"""

import os
import socket
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 8


def check_page() -> None:
    address = f"http://127.0.0.1:{os.environ.get('WEB_PORT') or 8000}/healthz"
    # A proxy of the environment is for the outside, not for ourselves.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=TIMEOUT_S):
            pass
    except (urllib.error.URLError, OSError) as e:
        sys.exit(f"{address} does not answer: {e}")


def check_worker() -> None:
    from audiomuse.errors import StorageError
    from audiomuse.settings import load_settings
    from audiomuse.storage import open_job_store

    try:
        with open_job_store(load_settings()) as store:
            hosts = {worker.host for worker in store.workers.alive()}
    except StorageError as e:
        # A new start of this container would not mend the database.
        print(f"cannot tell: {e}")
        return
    if socket.gethostname() not in hosts:
        sys.exit(f"no worker on {socket.gethostname()} was seen in the job database lately")


if __name__ == "__main__":
    if os.environ.get("SERVICE_TYPE") in ("worker", "celery"):
        check_worker()
    else:
        check_page()
