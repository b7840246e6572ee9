"""From the first visit to playlists that are kept, as a person does it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.house import accessibility_problems, complaints, open_page, running_house
from tests.servers.fake_jellyfin import API_KEY, FakeJellyfin, library_from
from tests.servers.stands import SupysonicStand, running_supysonic
from werkzeug.serving import make_server

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

PASSWORD = "a good password"
PATIENCE_MS = 240_000


def choose_password(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Where is your music?")).to_be_visible()


def choose_folder(page: Page, music: Path) -> None:
    page.get_by_label("A folder").check()
    page.get_by_label("Folder", exact=True).fill(str(music / "nowhere"))
    page.get_by_role("button", name="Test the connection").click()
    expect(page.locator("#found .message.error")).to_be_visible()
    page.get_by_label("Folder", exact=True).fill(str(music))
    page.get_by_role("button", name="Test the connection").click()
    expect(page.locator("#found .message").first).to_contain_text("answers")
    page.get_by_role("button", name="Use this").click()


def press(page: Page, name: str) -> None:
    """Press a button that starts or stops something, and wait until the server has heard of it."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name=name).click()


def analyse_with_a_break(page: Page, turnstile: Turnstile) -> None:
    """Start, see progress, cancel, see that it is true, go on, and wait for the end."""
    press(page, "Analyze my music")
    count = page.locator(".job-count")
    expect(count).to_contain_text(re.compile(r"[1-9]\d* of 24 songs"), timeout=PATIENCE_MS)
    expect(page.locator("header")).to_have_count(1)  # the answer took the place of the page, not of a part
    press(page, "Cancel")
    turnstile.open()
    expect(page.locator(".history .chip").first).to_have_text("Cancelled", timeout=PATIENCE_MS)
    page.get_by_role("link", name="Analysis").first.click()
    press(page, "Go on from here")
    wait_for_the_end_of_the_job(page)


def wait_for_the_end_of_the_job(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".history .chip").first).to_have_text("Done", timeout=PATIENCE_MS)


def make_playlists(page: Page, *, publish: bool = False) -> None:
    page.goto("/playlists/new")
    page.get_by_label("Tries").fill("24")
    page.get_by_label("Songs in a playlist").fill("6")
    if publish:
        page.get_by_label("Put the playlists on my music server").check()
    press(page, "Start the search")
    expect(page.get_by_label("Tries")).to_have_count(0)  # the answer has come; a short search is over by then
    expect(page.locator("#search-live")).to_have_count(0, timeout=PATIENCE_MS)
    expect(page.locator(".list-card").first).to_be_visible()


def songs_on(page: Page) -> list[str]:
    """The titles on a playlist's page, which may still be on its way."""
    expect(page.locator(".list-hero")).to_be_visible()
    return page.locator("tbody .title").all_inner_texts()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_from_a_folder_of_music_to_playlists_that_are_kept(
    browser: Browser, music: Path, tmp_path: Path, size: str
) -> None:
    lists = tmp_path / "lists"
    with running_house(tmp_path / "data", PLAYLISTS_DIR=str(lists)) as address:
        page = open_page(browser, address, size)
        choose_password(page)
        choose_folder(page, music)
        press(page, "Analyze my music")
        wait_for_the_end_of_the_job(page)
        make_playlists(page)

        page.locator(".list-card a").first.click()
        songs = songs_on(page)
        name = page.get_by_role("heading", level=1).inner_text()
        assert songs

        page.get_by_role("button", name="Play", exact=True).first.click()
        expect(page.locator("[data-player=now]")).not_to_have_text("0:00")
        expect(page.locator("#player")).to_contain_text(songs[0])

        page.get_by_role("button", name="Lock", exact=True).click()
        expect(page.get_by_role("button", name="Unlock")).to_be_visible()
        make_playlists(page)
        page.get_by_role("link", name=name, exact=True).click()
        assert songs_on(page) == songs, "a locked playlist stays as it is"

        page.get_by_role("button", name="Publish").click()
        expect(page.get_by_text("This playlist is on your server now")).to_be_visible()
        (file,) = lists.glob("*.m3u8")
        assert file.read_text(encoding="utf-8").count(".flac") == len(songs)

        with page.expect_download() as download:
            page.get_by_role("link", name=".m3u8").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert text.count(".flac") == len(songs)
        assert all(Path(line).exists() for line in text.splitlines() if not line.startswith("#"))

        problems = [problem for path in VISITED for problem in visit(page, path)]
        assert problems == []
        assert complaints(page) == []


VISITED = (
    "/", "/playlists", "/playlists/new", "/playlists/changes", "/library", "/library/map", "/library/charts",
    "/library/failures", "/settings/", "/setup/", "/docs",
)  # fmt: skip


def visit(page: Page, path: str) -> list[str]:
    page.goto(path)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    sideways = [f"{path} scrolls sideways by {wide} px"] if wide > 0 else []
    return accessibility_problems(page) + sideways


class Turnstile:
    """Lets so many songs out of a server; the others wait until it is opened, however fast they are heard."""

    def __init__(self, app: WSGIApplication, songs: int) -> None:
        self._app = app
        self._free = iter(range(songs))
        self._opened = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].endswith("/Download") and next(self._free, None) is None:
            self._opened.wait()
        return self._app(environ, start_response)

    def open(self) -> None:
        """Let everybody through, for good."""
        self._opened.set()


@contextmanager
def running_jellyfin(music: Path) -> Iterator[tuple[FakeJellyfin, Turnstile, str]]:
    """A Jellyfin with the songs of a folder, on a port of its own, and the turnstile in front of it."""
    fake = FakeJellyfin(library_from(music))
    turnstile = Turnstile(fake.app, songs=4)
    server = make_server("127.0.0.1", 0, turnstile, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield fake, turnstile, f"http://127.0.0.1:{server.server_port}"
    finally:
        turnstile.open()
        server.shutdown()
        thread.join()


def test_playlists_get_to_jellyfin_exactly(browser: Browser, music: Path, tmp_path: Path) -> None:
    with running_jellyfin(music) as (jellyfin, turnstile, url), running_house(tmp_path / "data") as address:
        page = open_page(browser, address)
        choose_password(page)
        page.get_by_label("Address").locator("visible=true").fill(url)
        page.get_by_label("API key").locator("visible=true").fill("wrong key")
        page.get_by_role("button", name="Use this").click()
        expect(page.locator("#found .message.error")).to_be_visible()
        page.get_by_label("API key").locator("visible=true").fill(API_KEY)
        page.get_by_label("User", exact=True).locator("visible=true").fill("ann")
        page.get_by_role("button", name="Use this").click()
        analyse_with_a_break(page, turnstile)
        make_playlists(page, publish=True)

        names = page.locator(".list-card h2").all_inner_texts()
        held = {one.name: len(one.entries) for one in jellyfin.library.playlists.values()}
        assert {f"{name}_automatic" for name in names} == set(held)
        page.locator(".list-card a").first.click()
        assert held[f"{names[0]}_automatic"] == len(songs_on(page))
        assert jellyfin.deleted_media == []
        assert complaints(page) == []


def test_playlists_get_to_supysonic_exactly(browser: Browser, music: Path, tmp_path: Path) -> None:
    home = tmp_path / "supysonic"
    home.mkdir()
    with running_supysonic(music, home) as url, running_house(tmp_path / "data") as address:
        page = open_page(browser, address)
        choose_password(page)
        page.get_by_label("Navidrome, OpenSubsonic").check()
        page.get_by_label("Address").locator("visible=true").fill(url)
        page.get_by_label("User name").locator("visible=true").fill("ann")
        page.get_by_label("Password").locator("visible=true").fill("pass word")
        page.get_by_role("button", name="Use this").click()
        press(page, "Analyze my music")
        wait_for_the_end_of_the_job(page)
        make_playlists(page)
        page.get_by_role("button", name="Publish all").click()
        expect(page.get_by_text("on your server now")).to_be_visible(timeout=PATIENCE_MS)
        names = page.locator(".list-card h2").all_inner_texts()
        held = {name for name, _ in SupysonicStand(url, music).held().values()}
        assert held == {f"{name}_automatic" for name in names}
