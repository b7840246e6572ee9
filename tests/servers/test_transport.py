"""Patience, redirects, and failures with a name; credentials stay at home."""

from __future__ import annotations

import gzip
import logging
import pickle
from collections.abc import Callable

import httpx
import pytest

from audiomuse.errors import ServerRefused, ServerUnreachable
from audiomuse.servers.transport import Patience, RefusedStatus, Transport

SECRET = "s3cr3t-t0ken"
Answer = Callable[[httpx.Request], httpx.Response]


def transport(
    answer: Answer, url: str = "http://nas:8096", **options: object
) -> tuple[Transport, list[float]]:
    """Return a transport to a made-up server, and the pauses that it makes."""
    pauses: list[float] = []
    made = Transport(
        httpx.Client(transport=httpx.MockTransport(answer)), url, variable="JELLYFIN_URL",
        credentials=lambda: {"Authorization": f'MediaBrowser Token="{SECRET}"'}, secret_params={"t", "s"},
        sleep=pauses.append, **options,  # type: ignore[arg-type]
    )  # fmt: skip
    return made, pauses


def answers(*prepared: httpx.Response | Exception) -> tuple[Answer, list[httpx.Request]]:
    """Give one prepared answer after the other, the last one for ever; note the requests."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        response = prepared[min(len(requests), len(prepared)) - 1]
        if isinstance(response, Exception):
            raise response
        return response

    return answer, requests


def ok() -> httpx.Response:
    return httpx.Response(200, json={"fine": True})


@pytest.mark.parametrize(
    "trouble",
    [httpx.Response(502), httpx.Response(503), httpx.Response(504), httpx.Response(429),
     httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("closed")],
    ids=str,
)  # fmt: skip
def test_reading_is_repeated_while_the_server_is_in_trouble(trouble: httpx.Response | Exception) -> None:
    answer, requests = answers(trouble, trouble, ok())
    http, pauses = transport(answer)
    assert http.get_json("Items") == {"fine": True}
    assert len(requests) == 3
    assert len(pauses) == 2


def test_patience_ends_with_a_name() -> None:
    answer, requests = answers(httpx.Response(502))
    http, _ = transport(answer)
    with pytest.raises(
        ServerUnreachable, match=r"^http://nas:8096 is in trouble \(status 502 to GET /Items\)$"
    ):
        http.get("Items")
    assert len(requests) == 4


def test_the_server_says_how_long_to_wait() -> None:
    answer, _ = answers(httpx.Response(503, headers={"Retry-After": "7"}, html="<p>starting</p>"), ok())
    http, pauses = transport(answer)
    http.get("Items")
    assert 7 <= pauses[0] <= 7.5


def test_a_wait_of_hours_is_not_waited_for() -> None:
    answer, requests = answers(httpx.Response(503, headers={"Retry-After": "7200"}))
    http, pauses = transport(answer)
    with pytest.raises(ServerUnreachable, match="asks to wait 7200 s"):
        http.get("Items")
    assert (len(requests), pauses) == (1, [])


def test_a_date_to_come_back_at_is_understood() -> None:
    answer, _ = answers(httpx.Response(503, headers={"Retry-After": "Sun, 22 Nov 2020 12:00:00 GMT"}), ok())
    http, pauses = transport(answer)
    http.get("Items")
    assert pauses[0] <= 0.5


@pytest.mark.parametrize(
    "trouble", [httpx.Response(503), httpx.Response(504), httpx.ReadTimeout("slow")], ids=str
)
def test_writing_is_never_repeated_blindly(trouble: httpx.Response | Exception) -> None:
    answer, requests = answers(trouble)
    http, _ = transport(answer)
    with pytest.raises(ServerUnreachable):
        http.send("POST", "Playlists", json={})
    assert len(requests) == 1


@pytest.mark.parametrize("trouble", [httpx.Response(429), httpx.ConnectError("refused")], ids=str)
def test_writing_is_repeated_if_it_certainly_was_not_heard(trouble: httpx.Response | Exception) -> None:
    answer, requests = answers(trouble, ok())
    http, _ = transport(answer)
    http.send("POST", "Playlists", json={})
    assert len(requests) == 2


def test_a_refusal_is_not_repeated_and_explained() -> None:
    answer, requests = answers(httpx.Response(401))
    http, _ = transport(answer, explain={401: "make a new key"}.get)
    with pytest.raises(RefusedStatus, match=r"^401: make a new key$") as caught:
        http.get("Items")
    assert caught.value.status == 401
    assert len(requests) == 1
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.status) == ("401: make a new key", 401)


def test_a_page_in_place_of_json_is_told_as_such() -> None:
    answer, _ = answers(httpx.Response(200, html="<html>log in</html>"))
    http, _ = transport(answer)
    with pytest.raises(ServerRefused, match="text/html instead of JSON; check JELLYFIN_URL"):
        http.get_json("Items")


def test_a_path_prefix_is_kept() -> None:
    answer, requests = answers(ok())
    http, _ = transport(answer, "https://home.example/jellyfin/")
    http.get("/Items", {"limit": 1})
    assert str(requests[0].url) == "https://home.example/jellyfin/Items?limit=1"
    assert http.address == "https://home.example/jellyfin"


def test_compressed_answers_are_read() -> None:

    body = gzip.compress(b'{"fine": true}')
    answer, _ = answers(httpx.Response(200, content=body, headers={"Content-Encoding": "gzip"}))
    http, _ = transport(answer)
    assert http.get_json("Items") == {"fine": True}


def test_an_untrusted_certificate_is_told_and_not_tried_again() -> None:
    answer, requests = answers(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))
    http, _ = transport(answer, "https://nas")
    with pytest.raises(ServerRefused, match="set VERIFY_TLS=false if it is your own"):
        http.get("Items")
    assert len(requests) == 1


# --- redirects ---


@pytest.mark.parametrize(
    ("target", "trusted"),
    [
        ("http://nas:8096/other", True),
        ("/relative", True),
        ("https://nas/Items", True),
        ("https://evil.example/Items", False),
        ("http://nas:9999/Items", False),
    ],
)
def test_credentials_follow_only_to_the_same_server(target: str, trusted: bool) -> None:
    answer, requests = answers(
        httpx.Response(302, headers={"Location": f"{target}?t={SECRET}&id=1", "Set-Cookie": "c=1"}), ok()
    )
    http, _ = transport(answer)
    http.get("Items")
    assert requests[1].url.params["id"] == "1"
    assert ("Authorization" in requests[1].headers) is trusted
    assert ("t" in requests[1].url.params) is trusted


def test_a_step_down_from_tls_loses_the_credentials() -> None:
    answer, requests = answers(httpx.Response(301, headers={"Location": "http://nas/Items"}), ok())
    http, _ = transport(answer, "https://nas")
    http.get("Items")
    assert "Authorization" not in requests[1].headers


def test_credentials_do_not_come_back_on_the_way_home() -> None:
    answer, requests = answers(
        httpx.Response(302, headers={"Location": "http://evil.example/"}),
        httpx.Response(302, headers={"Location": "http://nas:8096/Items"}),
        ok(),
    )
    http, _ = transport(answer)
    http.get("Items")
    assert "Authorization" not in requests[2].headers


def test_writing_is_not_redirected_but_told() -> None:
    answer, requests = answers(httpx.Response(301, headers={"Location": f"https://nas/Playlists?t={SECRET}"}))
    http, _ = transport(answer)
    with pytest.raises(ServerRefused, match="sends us on to https://nas/Playlists; set JELLYFIN_URL"):
        http.send("POST", "Playlists", json={})
    assert len(requests) == 1


def test_a_redirect_to_nowhere_is_told() -> None:
    answer, _ = answers(httpx.Response(302, headers={"Location": "http://nas:port/"}))
    http, _ = transport(answer)
    with pytest.raises(ServerUnreachable, match="Invalid URL in location header"):
        http.get("Items")


def test_a_circle_of_redirects_ends() -> None:
    answer, _ = answers(httpx.Response(302, headers={"Location": "/Items"}))
    http, _ = transport(answer)
    with pytest.raises(ServerRefused, match="round in circles"):
        http.get("Items")


# --- secrets ---


@pytest.mark.parametrize(
    "trouble",
    [httpx.Response(401), httpx.Response(502), httpx.Response(302, headers={"Location": f"/x?t={SECRET}"}),
     httpx.ConnectError("refused"), httpx.Response(200, html=SECRET)],
    ids=str,
)  # fmt: skip
def test_no_message_and_no_log_holds_a_secret(
    trouble: httpx.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer, _ = answers(trouble)
    http, _ = transport(answer)
    with pytest.raises((ServerRefused, ServerUnreachable)) as caught:
        http.get_json("rest/ping.view", {"t": SECRET, "s": "salt"})
    assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text
    assert SECRET not in repr(caught.value.__cause__)


def test_the_pause_grows_and_never_beyond_its_cap() -> None:
    patience = Patience(attempts=9, base_s=1, cap_s=5)
    for attempt in range(1, 9):
        pause = patience.pause(attempt, None)
        assert pause is not None
        assert 0 <= pause <= min(5, 2 ** (attempt - 1))
    assert patience.pause(9, None) is None
