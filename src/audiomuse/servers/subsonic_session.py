"""Speaking Subsonic: who we are, what the server can do, and errors that come as HTTP 200."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from audiomuse.errors import ServerError, ServerRefused
from audiomuse.servers.protocol import ServerInfo
from audiomuse.servers.transport import Params, RefusedStatus, Transport

_COMMON = {"v": "1.16.1", "c": "audiomuse", "f": "json"}
_SECRET_PARAMS = ("u", "p", "t", "s", "apiKey")
_LONGEST_QUERY = 1500  # a safe length for every server and proxy

NOT_FOUND = frozenset({0, 10, 70})
"""What servers answer for an id that they do not have: 70 by the book, 0 or 10 if it is not even an id."""

_ADVICE = {
    20: "the server speaks a newer Subsonic than AudioMuse; update AudioMuse",
    30: "the server speaks too old a Subsonic; update it",
    40: "the server does not accept the user name or password; check SUBSONIC_USER and SUBSONIC_PASSWORD",
    41: "the server cannot check passwords by token; allow plain passwords there, or set SUBSONIC_API_KEY",
    42: "the server does not know this way to log in; set SUBSONIC_USER and SUBSONIC_PASSWORD instead",
    43: "the server found two logins in one request; set either SUBSONIC_API_KEY or SUBSONIC_PASSWORD",
    44: "the server does not accept the API key; make a new one there and set SUBSONIC_API_KEY",
    50: "the account may not do this; give it the permission in the server's user settings",
}


class SubsonicRefused(ServerRefused):
    """The server answered with an error.

    Attributes
    ----------
    code : int
        Subsonic's number for it: 40 wrong password, 50 not allowed, 70 not found ...
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return (SubsonicRefused, (str(self), self.code))


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are: an API key, or a user and password."""

    user: str = ""
    password: str | None = None
    api_key: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"


class SubsonicSession:
    """Requests to one (Open)Subsonic server in the name of one account.

    Parameters
    ----------
    client : httpx.Client
        Used, and closed by `close`.
    base_url : str
        Address of the server, with or without ``/rest``.
    credentials : Credentials
        Who we are.
    **transport_options
        `patience` and `sleep` of `Transport`.
    """

    def __init__(
        self, client: httpx.Client, base_url: str, credentials: Credentials, **transport_options: Any
    ) -> None:
        if not credentials.api_key and not (credentials.user and credentials.password):
            raise ServerRefused("SUBSONIC_USER and SUBSONIC_PASSWORD (or SUBSONIC_API_KEY) are not set")
        self._credentials = credentials
        self._lock = threading.RLock()
        self._by_plain_password = False
        self._info: ServerInfo | None = None
        self._extensions: frozenset[str] | None = None
        self._transport = Transport(
            client,
            base_url.rstrip("/").removesuffix("/rest"),
            variable="SUBSONIC_URL",
            secret_params=_SECRET_PARAMS,
            **transport_options,
        )

    @property
    def transport(self) -> Transport:
        """For its patience."""
        return self._transport

    @property
    def user(self) -> str:
        """Our user name; empty with an API key."""
        return "" if self._credentials.api_key else self._credentials.user

    @property
    def info(self) -> ServerInfo:
        """Who answers. Asked once; finds out how the server wants the password."""
        with self._lock:
            if self._info is None:
                self._info = self._log_in()
            return self._info

    @property
    def extensions(self) -> frozenset[str]:
        """Names of the OpenSubsonic extensions; empty for a server of the old kind. Asked once."""
        _ = self.info
        with self._lock:
            if self._extensions is None:
                try:
                    listed = self.call("getOpenSubsonicExtensions").get("openSubsonicExtensions", [])
                except ServerRefused:
                    listed = []
                self._extensions = frozenset(str(entry.get("name")) for entry in listed)
            return self._extensions

    def call(self, method: str, params: Params | None = None) -> dict[str, Any]:
        """Ask something; return the envelope's content.

        Raises
        ------
        SubsonicRefused
            If the server answered with an error.
        """
        _ = self.info
        return self._ask(method, params)

    def write(self, method: str, params: Params) -> dict[str, Any]:
        """Change something, once: by a short address if that is possible, else by a form.

        Old servers may take forms without saying so; they are asked when the address was too long.
        """
        _ = self.info
        path, query = self._path(method), {**self._identified(), **params}
        is_short = len(str(httpx.QueryParams(dict(query)))) < _LONGEST_QUERY
        if "formPost" not in self.extensions:
            try:
                return self._content(self._transport.send("GET", path, query))
            except RefusedStatus as e:
                if is_short or e.status not in (400, 413, 414, 431):
                    raise
        return self._content(self._transport.send("POST", path, form=query))

    @contextmanager
    def stream(
        self, method: str, params: Params, *, headers: Mapping[str, str], accept: Collection[int] = ()
    ) -> Iterator[httpx.Response]:
        """Open a binary answer; an error in its place is raised as such."""
        _ = self.info
        query = {**self._identified(), **params}
        with self._transport.stream(self._path(method), query, headers=headers, accept=accept) as response:
            if "json" in response.headers.get("Content-Type", ""):
                response.read()
                self._content(response)
                raise ServerRefused(f"the server answered {method} with a message instead of data")
            yield response

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # --- logging in ---

    def _log_in(self) -> ServerInfo:
        try:
            envelope = self._ask("ping")
        except SubsonicRefused as e:
            # 41 by the book; some old servers miss the plain password instead (10).
            if e.code not in (10, 41) or self._credentials.api_key:
                raise
            self._by_plain_password = True
            envelope = self._ask("ping")
        product = str(envelope.get("type") or "Subsonic")
        version = str(envelope.get("serverVersion") or envelope.get("version") or "")
        # The API knows no id of a server; playlists belong to the account.
        seed = f"{self._transport.address}|{self._credentials.user}"
        return ServerInfo(
            f"subsonic:{hashlib.sha256(seed.encode()).hexdigest()[:16]}", product, product, version
        )

    def _identified(self) -> dict[str, str | int | bool | list[str]]:
        """Return the parameters that every request carries."""
        who = self._credentials
        if who.api_key:
            return {**_COMMON, "apiKey": who.api_key}
        password = who.password or ""
        if self._by_plain_password:
            return {**_COMMON, "u": who.user, "p": f"enc:{password.encode().hex()}"}
        salt = secrets.token_hex(8)
        token = hashlib.md5((password + salt).encode(), usedforsecurity=False).hexdigest()
        return {**_COMMON, "u": who.user, "t": token, "s": salt}

    # --- envelopes ---

    def _path(self, method: str) -> str:
        return f"rest/{method}.view"

    def _ask(self, method: str, params: Params | None = None) -> dict[str, Any]:
        return self._content(
            self._transport.get(self._path(method), {**self._identified(), **(params or {})})
        )

    def _content(self, response: httpx.Response) -> dict[str, Any]:
        """Open the envelope, or raise the error that is in it."""
        answer = self._transport.json_of(response)
        envelope = answer.get("subsonic-response") if isinstance(answer, dict) else None
        if not isinstance(envelope, dict):
            raise ServerRefused(
                f"what answers at {self._transport.address} is not a Subsonic server; check SUBSONIC_URL"
            )
        if envelope.get("status") == "ok":
            return envelope
        error = envelope.get("error") or {}
        code = int(error.get("code") or 0)
        message = _ADVICE.get(code) or f"the server says: {error.get('message') or 'an error without a word'}"
        raise SubsonicRefused(f"error {code}: {message}", code)


def is_gone(error: ServerError) -> bool:
    """Tell whether an error says that there is no such thing (any more)."""
    if isinstance(error, SubsonicRefused):
        return error.code in NOT_FOUND
    return isinstance(error, RefusedStatus) and error.status == 404
