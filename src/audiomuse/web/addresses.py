"""Which server addresses a browser may make this machine talk to.

Music servers live on loopback and in private networks, so those are allowed. What never holds a music server
but often holds secrets is refused: link-local addresses (the metadata service of clouds), multicast, the
unspecified address, and everything that is not plain http(s).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from audiomuse.errors import ParameterError

Resolve = Callable[[str, int], Sequence[str]]


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a host name.

    Raises
    ------
    ParameterError
        If it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise ParameterError(f"No machine called {host!r} was found; check the address.") from e
    return [str(entry[4][0]) for entry in found]


def check_address(url: str, resolve: Resolve = resolve_host) -> None:
    """Refuse an address that no music server has.

    Parameters
    ----------
    url : str
        As typed into the page.
    resolve : callable
        (host, port) -> IP addresses.

    Raises
    ------
    ParameterError
        With the reason. Every address that the name stands for has to be allowed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as e:
        raise ParameterError(f"{url!r} is not an address.") from e
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ParameterError("The address must start with http:// or https://, e.g. http://nas:8096")
    if parts.username is not None or parts.query or parts.fragment:
        raise ParameterError("The address must be plain: without user name, '?' or '#'.")
    for address in resolve(parts.hostname, port):
        if not _may_hold_a_music_server(address):
            raise ParameterError(f"{parts.hostname} stands for {address}, where no music server can be.")


def _may_hold_a_music_server(address: str) -> bool:
    """Judge one IP address, looking through IPv4 written as IPv6."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return not (
        ip.is_link_local or ip.is_multicast or ip.is_unspecified or (ip.is_reserved and not ip.is_loopback)
    )
