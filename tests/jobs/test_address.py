"""An encrypted broker is the broker that was meant, unless somebody says that it may be any."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from audiomuse.errors import SettingsError
from audiomuse.jobs import make_app
from audiomuse.jobs.address import checked_address, split_encryption
from audiomuse.settings import load_settings


@pytest.mark.parametrize(
    "url", ["redis://:secret@host:6379/0", "amqp://me:secret@host//", "redis+socket:///x"]
)
def test_a_plain_address_stays_as_it_is(url: str) -> None:
    assert checked_address(url, "CELERY_BROKER_URL") == url
    assert split_encryption(url) == (url, None)


def test_the_certificate_of_an_encrypted_broker_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    ours = tmp_path / "ca.pem"
    ours.touch()
    assert checked_address("rediss://h/0", "X") == "rediss://h/0?ssl_cert_reqs=required"
    assert checked_address(f"rediss://h/0?ssl_ca_certs={ours}", "X").endswith(
        f"?ssl_ca_certs={ours}&ssl_cert_reqs=required"
    )
    for none in ("none", "CERT_NONE"):
        trusting = checked_address(f"rediss://h/0?ssl_cert_reqs={none}", "X")
        assert trusting == "rediss://h/0?ssl_cert_reqs=none&ssl_check_hostname=false"


def test_amqp_is_told_the_same_in_its_own_words(tmp_path: Path) -> None:
    ours = tmp_path / "ca.pem"
    ours.touch()
    url, options = split_encryption(checked_address(f"amqps://me@h:5671/v?ssl_ca_certs={ours}", "X"))
    assert url == "amqps://me@h:5671/v"
    assert options == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "h", "ca_certs": str(ours)}
    _, options = split_encryption(checked_address("amqps://h?ssl_cert_reqs=none", "X"))
    assert options == {"cert_reqs": ssl.CERT_NONE}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("ssl_ca_certs=/no/such.pem", "ssl_ca_certs=/no/such.pem is no file"),
        ("ssl_cert_reqs=maybe", "ssl_cert_reqs is maybe, but must be required .* or none"),
        ("ssl_keyfile=/etc/hostname", "without ssl_certfile"),
    ],
)
def test_what_cannot_be_is_refused_with_the_name_of_the_variable(
    query: str, sentence: str, tmp_path: Path
) -> None:
    broker = load_settings(data_dir=tmp_path, celery_broker_url=f"rediss://h/0?{query}")
    with pytest.raises(SettingsError, match=f"CELERY_BROKER_URL: .*{sentence}"):
        make_app(broker)
    backend = load_settings(data_dir=tmp_path, celery_result_backend=f"rediss://h/0?{query}")
    with pytest.raises(SettingsError, match=f"CELERY_RESULT_BACKEND: .*{sentence}"):
        make_app(backend)
