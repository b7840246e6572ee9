"""Who we are on a Jellyfin server, and which version it is: what every other request depends on."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import httpx

from audiomuse import __version__
from audiomuse.errors import ServerRefused
from audiomuse.servers.protocol import ServerInfo
from audiomuse.servers.transport import Params, RefusedStatus, Transport

_Answer = TypeVar("_Answer")

OLDEST_VERSION = (10, 8)

_NEW_KEY = "create an API key under Dashboard > API Keys and put it into JELLYFIN_TOKEN"


@dataclass(frozen=True, slots=True)
class Login:
    """How to identify ourselves: a token (API key or a user's), or a user's name and password."""

    token: str | None = None
    user: str = ""
    """Id or name of the user whose library and playlists are meant; may be empty."""
    username: str = ""
    password: str | None = None

    def __repr__(self) -> str:
        return f"Login(user={self.user or self.username!r})"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose library and playlists we use, and whether by an API key or as that user."""

    user_id: str
    user_name: str
    by_key: bool


@dataclass(frozen=True, slots=True)
class _UserToken:
    token: str
    account: Account


_tokens: dict[tuple[str, str, str], _UserToken] = {}
"""Tokens of logins by (address, user name, digest of the password), for this process: a password is exchanged
once. Never on disk."""
_tokens_lock = threading.Lock()


class JellyfinSession:
    """Requests to one Jellyfin server in the name of one account.

    Parameters
    ----------
    client : httpx.Client
        Used, and closed by `close`.
    base_url : str
        Address of the server.
    login : Login
        Who we are.
    **transport_options
        `patience` and `sleep` of `Transport`.
    """

    def __init__(self, client: httpx.Client, base_url: str, login: Login, **transport_options: Any) -> None:
        self._login = login
        self._lock = threading.RLock()
        self._info: ServerInfo | None = None
        self._account: Account | None = None
        self._token = login.token.strip() if login.token else None
        if self._token is None and not (login.username and login.password):
            raise ServerRefused(f"JELLYFIN_TOKEN is not set; {_NEW_KEY}")
        if self._token and not (self._token.isascii() and self._token.isprintable()):
            raise ServerRefused(f"JELLYFIN_TOKEN holds characters that no token has; {_NEW_KEY}")
        self._transport = Transport(
            client,
            base_url,
            variable="JELLYFIN_URL",
            credentials=self._authorization,
            explain=self._advice,
            **transport_options,
        )

    @property
    def info(self) -> ServerInfo:
        """Who answers. Asked once, without credentials.

        Raises
        ------
        ServerRefused
            If it is not Jellyfin, or one older than `OLDEST_VERSION`.
        """
        with self._lock:
            if self._info is None:
                self._info = self._ask_who_answers()
            return self._info

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version."""
        return _version(self.info.version)

    @property
    def account(self) -> Account:
        """Who we are. Asked once.

        Raises
        ------
        ServerRefused
            If the credentials are not accepted, or do not say which user is meant.
        """
        with self._lock:
            if self._account is None:
                self._account = self._log_in() if self._token is None else self._ask_who_we_are()
            return self._account

    @property
    def transport(self) -> Transport:
        """For its patience."""
        return self._transport

    def get_object(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """Ask for a JSON object as this account."""
        answer = self._logged_in(lambda: self._transport.get_json(path, params))
        return answer if isinstance(answer, dict) else self._refuse_answer(path)

    def get_objects(self, path: str, params: Params | None = None) -> list[dict[str, Any]]:
        """Ask for a JSON list of objects as this account."""
        answer = self._logged_in(lambda: self._transport.get_json(path, params))
        if not isinstance(answer, list):
            self._refuse_answer(path)
        return [entry for entry in answer if isinstance(entry, dict)]

    def get(self, path: str, params: Params | None = None) -> httpx.Response:
        """Ask as this account."""
        return self._logged_in(lambda: self._transport.get(path, params))

    def send(self, method: str, path: str, params: Params | None = None, **parts: Any) -> httpx.Response:
        """Change something as this account; see `Transport.send`."""
        return self._logged_in(lambda: self._transport.send(method, path, params, **parts))

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str], accept: Collection[int] = ()
    ) -> Iterator[httpx.Response]:
        """Open an answer as this account; see `Transport.stream`."""

        def opened() -> tuple[Any, httpx.Response]:
            context = self._transport.stream(path, headers=headers, accept=accept)
            return context, context.__enter__()

        context, response = self._logged_in(opened)
        try:
            yield response
        finally:
            context.__exit__(None, None, None)

    def json_of(self, response: httpx.Response) -> Any:
        """Parse an answer that has to be JSON."""
        return self._transport.json_of(response)

    def close(self) -> None:
        """Close the connections. The token of a login stays valid for the next session of this process."""
        self._transport.close()

    def _refuse_answer(self, question: str) -> NoReturn:
        raise ServerRefused(
            f"{self._transport.address} answered {question} with something that Jellyfin does not say; check "
            "JELLYFIN_URL and the proxy before it"
        )

    # --- identity ---

    def _ask_who_answers(self) -> ServerInfo:
        address = self._transport.address
        try:
            answer = self._transport.get_json(
                "System/Info/Public", headers={"Authorization": self._identification()}
            )
        except RefusedStatus as e:
            raise ServerRefused(
                f"there is no Jellyfin at {address} (status {e.status}); check JELLYFIN_URL, with the path "
                "prefix if it has one"
            ) from e
        fields = answer if isinstance(answer, dict) else {}
        version = str(fields.get("Version", ""))
        # Emby, of the same descent, answers here as well, but does not name its product.
        if not str(fields.get("ProductName", "")).startswith("Jellyfin") or _version(version) == (0, 0):
            raise ServerRefused(f"what answers at {address} is not Jellyfin; check JELLYFIN_URL")
        if _version(version) < OLDEST_VERSION:
            raise ServerRefused(f"Jellyfin {version} is too old; 10.8 or newer is needed")
        name = str(fields.get("ServerName") or "Jellyfin")
        return ServerInfo(f"jellyfin:{fields.get('Id', address)}", name, "Jellyfin", version)

    def _ask_who_we_are(self) -> Account:
        try:
            me = self.get_object("Users/Me")
        except RefusedStatus as e:
            if e.status not in (400, 404):
                raise
            return self._user_of_key()  # an API key is nobody
        wanted = self._login.user or self._login.username
        if wanted and not _is_user(me, wanted):
            raise ServerRefused(
                f"JELLYFIN_TOKEN belongs to the user {me.get('Name')!r}, not to {wanted!r}; leave "
                "JELLYFIN_USER_ID empty, or use an API key"
            )
        return self._account_of(me, by_key=False)

    def _user_of_key(self) -> Account:
        """Choose the user for an API key: the one that is named, or the only one there is."""
        users = self.get_objects("Users")
        wanted = self._login.user or self._login.username
        enabled = [user for user in users if not (user.get("Policy") or {}).get("IsDisabled")]
        chosen = [user for user in enabled if not wanted or _is_user(user, wanted)]
        if len(chosen) != 1:
            problem = (
                f"there is no user {wanted!r}" if wanted else "an API key does not say which user is meant"
            )
            names = ", ".join(str(user.get("Name")) for user in enabled[:10])
            raise ServerRefused(f"{problem}; set JELLYFIN_USER_ID to one of: {names}")
        return self._account_of(chosen[0], by_key=True)

    def _log_in(self, *, replacing: str | None = None) -> Account:
        """Exchange the password for a token, unless this process did so already.

        Parameters
        ----------
        replacing : str, optional
            A token that is no longer accepted.
        """
        # With the password: another one has to prove itself, not to profit from the right one.
        digest = hashlib.sha256((self._login.password or "").encode()).hexdigest()
        key = (self._transport.address, self._login.username, digest)
        with _tokens_lock:
            known = _tokens.get(key)
            if known is None or known.token == replacing:
                known = _tokens[key] = self._exchange_password()
        self._token = known.token
        return known.account

    def _exchange_password(self) -> _UserToken:
        body = {"Username": self._login.username, "Pw": self._login.password}
        try:
            response = self._transport.send(
                "POST", "Users/AuthenticateByName", json=body,
                headers={"Authorization": self._identification()},
            )  # fmt: skip
        except RefusedStatus as e:
            if e.status not in (400, 401, 403):
                raise
            advice = "Jellyfin does not accept the user name or password"
            raise RefusedStatus(
                f"{e.status}: {advice}; check JELLYFIN_USERNAME and JELLYFIN_PASSWORD", e.status
            ) from e
        answer = self._transport.json_of(response)
        if not isinstance(answer, dict) or not answer.get("AccessToken"):
            self._refuse_answer("Users/AuthenticateByName")
        return _UserToken(
            str(answer["AccessToken"]), self._account_of(answer.get("User") or {}, by_key=False)
        )

    def _account_of(self, user: Mapping[str, Any], *, by_key: bool) -> Account:
        if not user.get("Id"):
            self._refuse_answer("who we are")
        return Account(_plain_id(str(user["Id"])), str(user.get("Name", "")), by_key)

    def _logged_in(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask; if a login has run out, log in and ask once more (a 401 was not acted upon)."""
        if self._token is None:
            _ = self.account
        used = self._token
        try:
            return ask()
        except RefusedStatus as e:
            if e.status != 401 or self._login.token:
                raise
        self._log_in(replacing=used)
        return ask()

    # --- headers and advice ---

    def _authorization(self) -> dict[str, str]:
        # The one form that 10.8 to 12 accept; the server URL-decodes the value. Exactly one header: up to
        # 10.10 a second, older one would win over it.
        return {"Authorization": f'MediaBrowser Token="{quote(self._token or "", safe="")}"'}

    def _identification(self) -> str:
        """Name this program and device, as a login has to.

        A login ends earlier tokens of the same user and device. Each process logs in for itself, so each
        is a device of its own.
        """
        host = platform.node() or "audiomuse"
        seed = f"{host}|{self._login.username}|{os.getpid()}"
        device_id = hashlib.sha256(seed.encode()).hexdigest()[:32]
        parts = {"Client": "AudioMuse", "Device": host, "DeviceId": device_id, "Version": __version__}
        return "MediaBrowser " + ", ".join(f'{key}="{quote(text, safe="")}"' for key, text in parts.items())

    def _advice(self, status: int) -> str | None:
        if status == 401:
            if self._login.token:
                return f"Jellyfin does not accept the token (any more); {_NEW_KEY}"
            return (
                "Jellyfin does not accept the login (any more); check JELLYFIN_USERNAME and JELLYFIN_PASSWORD"
            )
        if status == 403:
            who = self._account.user_name if self._account else self._login.username or "this account"
            return f"Jellyfin forbids this to {who}; allow it under Dashboard > Users, or use an API key"
        return None


def _version(text: str) -> tuple[int, int]:
    """Return (major, minor) of a version; (0, 0) if it is none."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def _is_user(user: Mapping[str, Any], wanted: str) -> bool:
    name, user_id = str(user.get("Name", "")), str(user.get("Id", ""))
    return wanted.casefold() == name.casefold() or _plain_id(wanted) == _plain_id(user_id)


def _plain_id(text: str) -> str:
    """Spell an id as the server does: without dashes, lower case."""
    return text.replace("-", "").lower()
