"""HTTP to one media server: paths, patience, redirects, and failures with a name.

Every client speaks through a `Transport`. It repeats what may be repeated (reading), never what may not
(writing), turns each failure into `ServerUnreachable` or `ServerRefused` with one sentence to act on, and
keeps credentials out of logs, messages and other hosts.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from audiomuse.errors import ServerRefused, ServerUnreachable

_log = logging.getLogger(__name__)

_IN_TROUBLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_WORTH_REPEATING = _IN_TROUBLE - {500}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5

Params = Mapping[str, str | int | bool | list[str]]


class RefusedStatus(ServerRefused):
    """A refusal by HTTP status, for clients that know another way to ask.

    Attributes
    ----------
    status : int
        The HTTP status, 4xx.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        return (RefusedStatus, (str(self), self.status))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking a server in trouble."""

    attempts: int = 4
    """Times that a request is sent at most."""
    base_s: float = 0.5
    """The first pause is a random part of this; it doubles each time."""
    cap_s: float = 20.0
    """No own pause is longer."""
    longest_wait_s: float = 60.0
    """A ``Retry-After`` beyond this is not waited for."""

    def pause(self, attempt: int, retry_after_s: float | None) -> float | None:
        """Return the seconds to wait after `attempt` (1, 2, ...) failed; None to give up."""
        if attempt >= self.attempts or (retry_after_s or 0.0) > self.longest_wait_s:
            return None
        # Full jitter, so that a fleet of workers does not come back in step.
        own = random.uniform(0, min(self.cap_s, self.base_s * 2 ** (attempt - 1)))
        return own if retry_after_s is None else retry_after_s + own


def make_client(*, verify_tls: bool = True) -> httpx.Client:
    """Create the HTTP client of one server: bounded connections and patience for slow disks."""
    return httpx.Client(
        timeout=httpx.Timeout(60.0, connect=5.0),
        limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
        verify=verify_tls,
        follow_redirects=False,
        headers={"User-Agent": "AudioMuse", "Accept": "application/json"},
    )


class Transport:
    """Sends requests to one media server.

    Parameters
    ----------
    client : httpx.Client
        Used, and closed by `close`.
    base_url : str
        Address of the server; may hold a path prefix.
    variable : str
        The parameter that holds the address, for messages: ``"JELLYFIN_URL"``.
    credentials : callable, optional
        Gives the headers that identify us, unless the request has its own; sent to `base_url`'s host only.
    secret_params : collection of str
        Query parameters that identify us; likewise.
    explain : callable, optional
        Turns a refusing status into advice, e.g. 401 into where to make a new API key; None if it has none.
    patience, sleep
        When to give up; how to wait.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        *,
        variable: str,
        credentials: Callable[[], Mapping[str, str]] = dict,
        secret_params: Collection[str] = (),
        explain: Callable[[int], str | None] = lambda status: None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._base = httpx.URL(base_url.rstrip("/") + "/")
        self._variable = variable
        self._credentials = credentials
        self._secret_params = frozenset(secret_params)
        self._explain = explain
        self.patience = patience or Patience()
        self.sleep = sleep
        _hide_queries_in_logs()

    @property
    def address(self) -> str:
        """The server's address as configured."""
        return str(self._base).rstrip("/")

    def get(
        self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Ask and read the whole answer, repeating while the server is in trouble."""
        attempt = 0
        while True:
            attempt += 1
            with self.stream(path, params, headers=headers) as response:
                try:
                    self._read(response, f"GET {path}")
                    return response
                except ServerUnreachable as e:
                    pause = self.patience.pause(attempt, None)
                    if pause is None:
                        raise
                    _log.info("%s; asking again in %.1f s", e, pause)
            self.sleep(pause)

    def get_json(
        self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Ask for JSON.

        Raises
        ------
        ServerRefused
            If the answer is something else, such as the login page of a proxy.
        """
        return self.json_of(self.get(path, params, headers=headers))

    def json_of(self, response: httpx.Response) -> Any:
        """Parse an answer that has to be JSON."""
        try:
            return response.json()
        except ValueError as e:
            kind = response.headers.get("Content-Type", "something without a type").split(";")[0]
            raise ServerRefused(
                f"{self.address} answered with {kind} instead of JSON; check {self._variable}, and whether a "
                "login page or captive portal stands before the server"
            ) from e

    def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        json: Any = None,
        form: Params | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send something that changes the server, once.

        It is sent again only if it certainly was not heard the first time (no connection, 429). After any
        other `ServerUnreachable` the caller has to read what became of it.
        """
        request = self._build(
            method, path, params, json=json, data=form, content=content, headers=dict(headers or {})
        )
        with self._exchange(request, repeat=False) as response:
            self._read(response, f"{method} {path}")
            return response

    @contextmanager
    def stream(
        self,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> Iterator[httpx.Response]:
        """Ask, and hand over the answer before its body was read.

        Parameters
        ----------
        path, params, headers
            The request. `path` is relative to the server's address.
        accept : collection of int
            Statuses besides 2xx that are answers and not failures.

        Raises
        ------
        ServerUnreachable, ServerRefused
            As far as the start of the answer shows. What goes wrong while the body is read comes as
            `httpx.TransportError`.
        """
        request = self._build("GET", path, params, headers=dict(headers or {}))
        with self._exchange(request, repeat=True, accept=accept) as response:
            yield response

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # --- one exchange ---

    def _build(self, method: str, path: str, params: Params | None, **parts: Any) -> httpx.Request:
        url = self._base.join(path.lstrip("/"))
        return self._client.build_request(method, url, params=dict(params) if params else None, **parts)

    @contextmanager
    def _exchange(
        self, request: httpx.Request, *, repeat: bool, accept: Collection[int] = ()
    ) -> Iterator[httpx.Response]:
        response = self._answer(request, repeat=repeat, accept=accept)
        try:
            yield response
        finally:
            response.close()

    def _answer(self, request: httpx.Request, *, repeat: bool, accept: Collection[int]) -> httpx.Response:
        """Send until there is an answer that is not a failure, or patience ends."""
        attempt = 0
        while True:
            attempt += 1
            retry_after: float | None = None
            try:
                response = self._send_following(request)
            except httpx.TransportError as e:
                failure: Exception = self._unreachable(e)
                again = repeat or isinstance(e, (httpx.ConnectError, httpx.ConnectTimeout))
                again = again and isinstance(failure, ServerUnreachable)
            else:
                if response.is_success or response.status_code in accept:
                    return response
                retry_after = _retry_after_s(response)
                failure = self._failure(request, response, retry_after)
                again = response.status_code in _WORTH_REPEATING if repeat else response.status_code == 429
                response.close()
            pause = self.patience.pause(attempt, retry_after) if again else None
            if pause is None:
                raise failure
            _log.info("%s; asking again in %.1f s", failure, pause)
            self.sleep(pause)

    def _send_following(self, request: httpx.Request) -> httpx.Response:
        """Send a request and follow redirects of reading ones, leaving credentials behind at other hosts."""
        trusted = True
        for _ in range(_MOST_REDIRECTS + 1):
            if trusted:
                for name, value in self._credentials().items():
                    request.headers.setdefault(name, value)
            response = self._client.send(request, stream=True)
            if response.status_code not in _REDIRECTS:
                return response
            target = response.headers.get("Location", "")
            response.close()
            url = request.url.join(target)
            if request.method != "GET":
                raise ServerRefused(
                    f"{self.address} sends us on to {_without_query(url)}; set {self._variable} to the "
                    "server's own address"
                )
            trusted = trusted and _same_server(request.url, url)
            request = self._redirected(request, url, trusted=trusted)
        raise ServerRefused(
            f"{self.address} sends us round in circles; check {self._variable} and the proxy before it"
        )

    def _redirected(self, request: httpx.Request, url: httpx.URL, *, trusted: bool) -> httpx.Request:
        secret_headers = {"host", "cookie"} if trusted else {"host", "cookie", "authorization"}
        headers = {k: v for k, v in request.headers.items() if k.lower() not in secret_headers}
        if not trusted:
            kept = tuple((k, v) for k, v in url.params.multi_items() if k not in self._secret_params)
            url = url.copy_with(params=httpx.QueryParams(kept))
        return self._client.build_request("GET", url, headers=headers)

    def _read(self, response: httpx.Response, what: str) -> None:
        try:
            response.read()
        except httpx.TransportError as e:
            raise ServerUnreachable(f"{self.address} broke off its answer to {what}: {_reason(e)}") from e
        except httpx.DecodingError as e:
            raise ServerUnreachable(f"{self.address} answered {what} with damaged data") from e

    # --- failures with a name ---

    def _unreachable(self, error: httpx.TransportError) -> Exception:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ServerRefused(
                f"{self.address} shows a TLS certificate that this machine does not trust; set "
                "VERIFY_TLS=false if it is your own"
            )
        return ServerUnreachable(
            f"{self.address} cannot be reached ({_reason(error)}); check {self._variable} and whether the "
            "server is running"
        )

    def _failure(
        self, request: httpx.Request, response: httpx.Response, retry_after_s: float | None
    ) -> Exception:
        """Name a failing answer; the query, which may hold credentials, is not part of the message."""
        status = response.status_code
        where = f"{request.method} {request.url.path}"
        if status in _IN_TROUBLE:
            until = f" and asks to wait {retry_after_s:.0f} s" if retry_after_s else ""
            return ServerUnreachable(f"{self.address} is in trouble (status {status} to {where}){until}")
        advice = self._explain(status)
        if advice:
            return RefusedStatus(f"{status}: {advice}", status)
        return RefusedStatus(f"{status}: {self.address} refused {where}", status)


def _same_server(old: httpx.URL, new: httpx.URL) -> bool:
    """Tell whether `new` may have our credentials: the same origin, or its own step up to TLS."""
    if old.host != new.host:
        return False
    if (old.scheme, _port(old)) == (new.scheme, _port(new)):
        return True
    return old.scheme == "http" and new.scheme == "https"


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _without_query(url: httpx.URL) -> str:
    return str(url.copy_with(query=None, username=None, password=None))


def _reason(error: Exception) -> str:
    """Describe a transport error in a few words."""
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return str(error) or type(error).__name__


def _retry_after_s(response: httpx.Response) -> float | None:
    """Read ``Retry-After``, in seconds from now; None if there is none that can be read."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


class _HideQueries(logging.Filter):
    """httpx logs each address with its query, where Subsonic has to carry its credentials."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _without_query(arg) if isinstance(arg, httpx.URL) else arg for arg in record.args
            )
        return True


_HIDE_QUERIES = _HideQueries()


def _hide_queries_in_logs() -> None:
    logging.getLogger("httpx").addFilter(_HIDE_QUERIES)  # adding the same filter again does nothing
