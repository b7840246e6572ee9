"""Health checks come to an address, not to a name: a container's probe knows only the IP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEALTH_PATH = "/healthz"


class ProbeMiddleware:
    """Answer a health check under any host name, and nothing else.

    Parameters
    ----------
    app : WSGI application
        Refuses requests for other hosts than `trusted_hosts`.
    trusted_hosts : sequence of str
        As in TRUSTED_HOSTS; a leading dot stands for all subdomains. Empty: any host is fine anyway.
    """

    def __init__(self, app: WSGIApplication, trusted_hosts: Sequence[str]) -> None:
        self._app = app
        self._host = trusted_hosts[0].removeprefix(".") if trusted_hosts else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._host is not None and environ.get("PATH_INFO") == HEALTH_PATH:
            # The answer names no host, so it does not matter to whom the caller thinks it speaks.
            environ["HTTP_HOST"] = self._host
        return self._app(environ, start_response)
