"""Doors: logins, tokens, forged requests, headers, addresses, the first visit."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from tests.web.browsers import PASSWORD, browser, csrf, log_in, token_in
from tests.web.memory_backend import MemoryBackend

from audiomuse.errors import ParameterError
from audiomuse.web.addresses import check_address
from audiomuse.web.app import create_app
from audiomuse.web.keys import session_key
from audiomuse.web.state import EXTENSION

# --- logins ---


def test_a_stranger_is_led_to_the_login_and_back(stranger: FlaskClient) -> None:
    answer = stranger.get("/library?q=x")
    assert answer.status_code == 302
    assert answer.location == "/login?next=/library?q%3Dx"
    back = stranger.post(
        answer.location, data={"password": PASSWORD, "csrf_token": csrf(stranger, answer.location)}
    )
    assert back.location == "/library?q=x"
    assert stranger.get("/library").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"]
)
def test_the_login_leads_nowhere_else(stranger: FlaskClient, target: str) -> None:
    form = {"password": PASSWORD, "csrf_token": csrf(stranger, "/login")}
    assert stranger.post("/login", query_string={"next": target}, data=form).location == "/"


def test_a_wrong_password_is_refused_and_guessing_slowed_down(stranger: FlaskClient) -> None:
    token = csrf(stranger, "/login")
    statuses = [
        stranger.post("/login", data={"password": f"guess {i}", "csrf_token": token}).status_code
        for i in range(9)
    ]
    assert statuses == [401] * 8 + [429]
    assert stranger.post("/login", data={"password": PASSWORD, "csrf_token": token}).status_code == 429


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
    stranger: FlaskClient, locked_backend: MemoryBackend
) -> None:
    token = csrf(stranger, "/login")
    answer = stranger.post("/login", data={"password": PASSWORD, "csrf_token": token})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie, "plain http in a LAN: the browser would not send it back"
    there = browser(locked_backend).get("/login", base_url="https://localhost")
    assert "Secure" in there.headers["Set-Cookie"]


def test_logout_ends_the_session(stranger: FlaskClient) -> None:
    log_in(stranger)
    assert stranger.get("/").status_code == 200
    stranger.post("/logout", data={"csrf_token": csrf(stranger)})
    assert stranger.get("/").status_code == 302


def test_a_new_password_ends_other_sessions(open_backend, tmp_path) -> None:
    backend = open_backend(5, music_dir=tmp_path)
    app = create_app(backend.settings, backend=backend)
    mine, other = app.test_client(), app.test_client()
    form = {"password": "first password", "again": "first password"}
    mine.post("/setup/password", data={**form, "csrf_token": csrf(mine, "/setup/password")})
    log_in(other, "first password")
    assert other.get("/").status_code == 200
    change = {"old": "first password", "new": "second password", "csrf_token": csrf(mine)}
    assert mine.post("/settings/password", data=change).status_code == 302
    assert mine.get("/").status_code == 200
    assert other.get("/").status_code == 302


def test_a_polling_page_leaves_for_the_login_as_a_whole(stranger: FlaskClient) -> None:
    answer = stranger.get("/live", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/login"


# --- tokens ---


def test_the_api_wants_a_token(stranger: FlaskClient) -> None:
    answer = stranger.get("/api/playlists")
    assert answer.status_code == 401
    assert "error" in answer.json
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic bGV0LW1lLWlu", "let-me-in"])
def test_a_wrong_token_is_refused(stranger: FlaskClient, header: str) -> None:
    assert stranger.get("/api/playlists", headers={"Authorization": header}).status_code == 401


def test_the_right_token_opens_api_metrics_and_the_plugins_test_of_the_home_page(stranger) -> None:
    token = {"Authorization": "Bearer let-me-in"}
    for path in ("/api/playlists", "/metrics", "/openapi.json", "/"):
        assert stranger.get(path, headers=token).status_code == 200, path


def test_a_token_made_on_the_page_is_shown_once_and_can_be_taken_back(client: FlaskClient, backend) -> None:
    page = client.post("/settings/token", data={"csrf_token": csrf(client)}).text
    (token,) = re.findall(r'class="token"[^>]*>([^<]+)<', page)
    assert token not in client.get("/settings/").text
    assert token not in str(backend.music.notes.get("api_token_sha256")), "only its hash is kept"
    header = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/playlists", headers=header).status_code == 200
    client.post("/settings/token/forget", data={"csrf_token": csrf(client)})
    assert client.get("/api/playlists", headers=header).status_code == 401


# --- forged requests ---


@pytest.mark.parametrize(
    "path",
    [
        "/analysis",
        "/playlists/undo",
        "/playlists/publish",
        "/settings/",
        "/settings/token",
        "/logout",
        "/setup/",
    ],
)
def test_every_form_needs_its_token(client: FlaskClient, path: str) -> None:
    assert client.post(path).status_code == 400


def test_another_sites_page_cannot_use_a_session_for_the_api(stranger: FlaskClient) -> None:
    log_in(stranger)
    assert stranger.post("/api/analysis/start", json={}).status_code == 400
    token = csrf(stranger)
    answer = stranger.post("/api/analysis/start", json={}, headers={"X-CSRFToken": token})
    assert answer.status_code == 202


def test_without_logins_the_origin_decides(client: FlaskClient) -> None:
    evil = {"Origin": "http://evil.example"}
    assert client.post("/api/analysis/start", json={}, headers=evil).status_code == 400
    assert (
        client.post("/api/analysis/start", json={}, headers={"Origin": "http://localhost"}).status_code == 202
    )


def test_a_program_with_a_token_needs_no_csrf_token(stranger: FlaskClient) -> None:
    header = {"Authorization": "Bearer let-me-in", "Origin": "http://jellyfin.example"}
    assert stranger.post("/api/analysis/start", json={}, headers=header).status_code == 202


# --- headers ---


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere", "/api/config", "/static/app.css"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


def test_no_page_has_inline_script_or_style(client: FlaskClient) -> None:
    for path in (
        "/",
        "/playlists",
        "/library",
        "/library/map",
        "/library/charts",
        "/settings/",
        "/setup/",
        "/docs",
    ):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page), path


def test_pages_are_not_kept_but_static_files_are(client: FlaskClient) -> None:
    assert client.get("/").headers["Cache-Control"] == "no-store"
    (css,) = re.findall(r'href="(/static/app.css\?v=[^"]+)"', client.get("/").text)
    assert "max-age=31536000" in client.get(css).headers["Cache-Control"]


def test_a_strange_host_name_is_refused_where_hosts_are_named(open_backend, tmp_path) -> None:
    backend = open_backend(auth_disabled=True, music_dir=tmp_path, trusted_hosts="music.lan, localhost")
    client = browser(backend)
    assert client.get("/library", base_url="http://music.lan").status_code == 200
    for path in (
        "/library",
        "/api/playlists",
        "/metrics",
        "/login",
        "/static/app.css",
        "/healthz/",
        "/healthzz",
    ):
        assert client.get(path, base_url="http://evil.example").status_code == 400, path


@pytest.mark.parametrize("settings", [{}, {"url_prefix": "/music"}, {"trusted_proxies": 1}])
@pytest.mark.parametrize("hosts", ["music.lan", ".music.lan, localhost"])
def test_a_probe_that_knows_only_the_address_learns_whether_we_are_well(
    open_backend, tmp_path, hosts: str, settings: dict[str, object]
) -> None:
    backend = open_backend(music_dir=tmp_path, trusted_hosts=hosts, **settings)
    client = browser(backend)
    for path in ("/healthz", f"{backend.settings.url_prefix}/healthz"):
        assert client.get(path, base_url="http://10.1.2.3:8000").json["status"] == "ok"
        assert client.head(path, base_url="http://[fd00::1]:8000").status_code == 200


def test_a_large_body_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/create_playlist", data=b"x" * 2_000_000, content_type="application/json")
    assert answer.status_code == 413


def test_secrets_are_nowhere_on_the_page_or_in_the_api(open_backend, tmp_path) -> None:
    backend = open_backend(
        5,
        auth_disabled=True,
        jellyfin_url="http://127.0.0.1:1",
        jellyfin_token="tell-nobody",
        celery_broker_url="redis://:tell-nobody@broker",
    )
    client = browser(backend)
    for path in ("/settings/", "/setup/", "/api/config", "/docs", "/openapi.json"):
        assert "tell-nobody" not in client.get(path).text, path


# --- addresses ---


@pytest.mark.parametrize(
    "url", ["http://nas:8096", "http://127.0.0.1:8096", "https://10.0.0.5/jellyfin", "http://[fd00::5]:4533"]
)
def test_music_servers_live_in_private_networks_and_on_this_machine(url: str) -> None:
    check_address(url, lambda host, port: ["192.168.1.4"] if host == "nas" else [host])


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "0.0.0.0", "224.0.0.1", "::", "240.0.0.1"],
)
def test_addresses_where_no_music_server_can_be_are_refused(address: str) -> None:
    with pytest.raises(ParameterError, match="no music server"):
        check_address("http://some.name", lambda host, port: ["10.0.0.1", address])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://x",
        "http://",
        "nas:8096",
        "http://u:p@nas",
        "http://nas/?x=1",
        "http://nas:99999",
    ],
)
def test_only_plain_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(ParameterError):
        check_address(url, lambda host, port: ["10.0.0.1"])


@pytest.mark.parametrize("path", ["/setup/", "/setup/check"])
def test_the_set_up_refuses_such_addresses(client: FlaskClient, backend: MemoryBackend, path: str) -> None:
    form = {
        "csrf_token": csrf(client),
        "media_server": "jellyfin",
        "jellyfin_url": "http://169.254.169.254/latest",
    }
    assert "no music server" in client.post(path, data=form).text
    assert not backend.music.settings.all()


def test_the_settings_page_refuses_such_addresses_too(client: FlaskClient, backend: MemoryBackend) -> None:
    form = {"csrf_token": csrf(client), "subsonic_url": "http://169.254.169.254"}
    assert client.post("/settings/", data=form).status_code == 400
    assert not backend.music.settings.all()


# --- the first visit ---


def test_the_first_visit_asks_for_a_password_and_then_for_the_music(open_backend) -> None:
    client = browser(open_backend())
    assert client.get("/").location == "/setup/password"
    form = {"password": "long enough", "again": "long enough"}
    token = csrf(client, "/setup/password")
    answer = client.post("/setup/password", data={**form, "csrf_token": token})
    assert answer.location == "/setup/"
    assert client.get("/").location == "/setup/"
    assert client.get("/setup/password").location == "/", "chosen once, it cannot be chosen again there"


@pytest.mark.parametrize(("password", "again"), [("short", "short"), ("long enough", "different one")])
def test_a_weak_or_mistyped_password_is_refused(open_backend, password: str, again: str) -> None:
    client = browser(open_backend())
    token = csrf(client, "/setup/password")
    form = {"password": password, "again": again, "csrf_token": token}
    assert client.post("/setup/password", data=form).status_code == 400
    assert client.get("/").location == "/setup/password"


def test_in_a_network_the_first_visitor_must_know_the_code_of_the_log(open_backend) -> None:
    backend = open_backend(web_host="0.0.0.0")
    app = create_app(backend.settings, backend=backend)
    code = app.extensions[EXTENSION].setup_code
    client = app.test_client()
    page = client.get("/setup/password").text
    assert code not in page
    form = {"password": "long enough", "again": "long enough", "csrf_token": token_in(page)}
    for _ in range(8):
        assert client.post("/setup/password", data={**form, "code": "00000000"}).status_code == 400
    late = client.post("/setup/password", data={**form, "code": code})
    assert late.status_code == 400, "eight wrong codes, and even the right one has to wait"


def test_with_the_code_the_first_visitor_comes_in(open_backend) -> None:
    backend = open_backend(web_host="0.0.0.0")
    app = create_app(backend.settings, backend=backend)
    client = app.test_client()
    form = {
        "password": "long enough",
        "again": "long enough",
        "code": app.extensions[EXTENSION].setup_code,
        "csrf_token": csrf(client, "/setup/password"),
    }
    assert client.post("/setup/password", data=form).location == "/setup/"


def test_without_a_password_the_api_is_shut(open_backend) -> None:
    client = browser(open_backend())
    assert client.get("/api/config").status_code == 401
    assert client.get("/healthz").status_code == 200


# --- one app, another app ---


def test_two_apps_are_independent(open_backend, tmp_path) -> None:
    one, two = open_backend(5, auth_disabled=True, music_dir=tmp_path), open_backend(admin_password=PASSWORD)
    first, second = browser(one), browser(two)
    assert first.get("/").status_code == 200
    assert second.get("/").status_code == 302


def test_the_session_key_is_made_once_and_for_its_owner_only(open_backend) -> None:
    settings = open_backend().settings
    assert session_key(settings) == session_key(settings)
    assert len(session_key(settings)) >= 32
    file = settings.data_dir / "secret_key"
    assert file.stat().st_mode & 0o077 == 0


def test_below_a_prefix_every_link_carries_it(open_backend, tmp_path) -> None:
    backend = open_backend(5, auth_disabled=True, music_dir=tmp_path, url_prefix="/muse")
    client = browser(backend)
    for path in ("/muse/library", "/library"):  # a proxy that passes the prefix on, and one that cuts it off
        page = client.get(path).text
        links = re.findall(r'(?:href|src|action|hx-get)="(/[^"]*)"', page)
        assert links
        assert all(link.startswith("/muse/") for link in links), links
    assert client.get("/muse").status_code == 200
