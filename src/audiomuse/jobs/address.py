"""What CELERY_BROKER_URL says about encryption: checked unless somebody says otherwise.

Celery's own reading differs between Redis and AMQP, and does not check a certificate that nobody mentions.
Here both take the same parameters after a ``?`` (``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``,
``ssl_cert_reqs``), and an encrypted connection is to the broker that it was meant for.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from audiomuse.errors import SettingsError

_FILES = {
    "ssl_ca_certs": "the certificates of who vouches for it",
    "ssl_certfile": "our certificate",
    "ssl_keyfile": "the key of our certificate",
}
_CHECKS = {"required": "required", "cert_required": "required", "none": "none", "cert_none": "none"}


def checked_address(url: str, variable: str) -> str:
    """Return the address of a broker, completed by what we decide about encryption.

    Parameters
    ----------
    url : str
        Only ``rediss://`` and ``amqps://`` are looked at.
    variable : str
        Where it comes from, for the sentence of the error.

    Raises
    ------
    SettingsError
        If a file that it names cannot be read, or it asks for a check that there is not.
    """
    if not url.startswith(("rediss://", "amqps://")):
        return url
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    for name, what in _FILES.items():
        if name in query and not Path(query[name]).is_file():
            raise SettingsError(f"{variable}: {name}={query[name]} is no file; it is to hold {what}.")
    if "ssl_keyfile" in query and "ssl_certfile" not in query:
        raise SettingsError(f"{variable}: ssl_keyfile is given without ssl_certfile.")
    asked = query.get("ssl_cert_reqs", "required")
    if asked.lower() not in _CHECKS:
        raise SettingsError(
            f"{variable}: ssl_cert_reqs is {asked}, but must be required (check the broker's certificate; "
            "the default) or none (encrypt, but trust whoever answers)."
        )
    query["ssl_cert_reqs"] = _CHECKS[asked.lower()]
    if query["ssl_cert_reqs"] == "none":
        query["ssl_check_hostname"] = "false"
    return urlunsplit(parts._replace(query=urlencode(query, safe="/")))


def split_encryption(url: str) -> tuple[str, dict[str, Any] | None]:
    """Return an address as Celery wants it, and its ``broker_use_ssl``; None where the address says it all.

    Parameters
    ----------
    url : str
        From `checked_address`.
    """
    if not url.startswith("amqps://"):
        return url, None
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    is_checked = query.pop("ssl_cert_reqs") == "required"
    query.pop("ssl_check_hostname", None)
    options: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED if is_checked else ssl.CERT_NONE}
    if is_checked:
        options["server_hostname"] = parts.hostname
    for name in _FILES:
        if name in query:
            options[name.removeprefix("ssl_")] = query.pop(name)
    return urlunsplit(parts._replace(query=urlencode(query, safe="/"))), options
