"""A network that fails at one chosen request, in the ways that networks and proxies do."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

_START_UP_PAGE = b"<html><body>Jellyfin is starting</body></html>"


class _CutStream(httpx.SyncByteStream):
    """Half of a body, then the connection is gone."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data[: len(self._data) // 2]
        raise httpx.ReadError("connection reset by peer")


class FaultyTransport(httpx.BaseTransport):
    """Passes requests on to `inner`, but breaks those from number `at` on, `times` of them.

    Parameters
    ----------
    inner : httpx.BaseTransport
        The working network.
    kind : str
        One of `FAULTS`.
    at : int
        Number of the first broken request, from 0.
    times : int
        How many are broken.
    """

    def __init__(self, inner: httpx.BaseTransport, kind: str, at: int, times: int = 1) -> None:
        self._inner = inner
        self._kind = kind
        self._broken = range(at, at + times)
        self.n_requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number = self.n_requests
        self.n_requests += 1
        if number not in self._broken:
            return self._inner.handle_request(request)
        match self._kind:
            case "no connection":
                raise httpx.ConnectError("connection refused")
            case "no answer":
                raise httpx.ReadTimeout("timed out")
            case "answer lost":
                self._inner.handle_request(request).read()
                raise httpx.ReadTimeout("timed out")
            case "answer lost by the proxy":
                self._inner.handle_request(request).read()
                return httpx.Response(504, html="<html>gateway timeout</html>")
            case "starting":
                return httpx.Response(503, headers={"Retry-After": "1"}, content=_START_UP_PAGE)
            case "throttled":
                return httpx.Response(429)
            case "server error":
                return httpx.Response(500, text="Error processing request.")
            case "login page":
                return httpx.Response(200, html="<html>please log in</html>")
            case "key revoked":
                return httpx.Response(401)
            case "forbidden":
                return httpx.Response(403)
            case "not found":
                return httpx.Response(404)
            case "bad request":
                return httpx.Response(400)
            case "something else":
                return httpx.Response(200, json=[{"surprise": True}])
            case "connection cut":
                answer = self._inner.handle_request(request)
                data = answer.read()
                return httpx.Response(answer.status_code, headers=answer.headers, stream=_CutStream(data))
        raise AssertionError(self._kind)


FAULTS = (
    "no connection", "no answer", "answer lost", "answer lost by the proxy", "starting", "throttled",
    "server error", "login page", "key revoked", "forbidden", "not found", "bad request", "something else",
    "connection cut",
)  # fmt: skip

PASSING = ("no connection", "no answer", "starting", "throttled", "connection cut")
"""Faults of reading requests that are got over without anybody noticing."""
