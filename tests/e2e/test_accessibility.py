"""Every page for everybody: axe finds nothing, the keyboard is enough, nothing scrolls sideways."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.house import SIZES, accessibility_problems, complaints, open_page
from tests.web.memory_backend import MemoryBackend, some_playlists
from werkzeug.serving import make_server

from audiomuse.settings import load_settings
from audiomuse.web.app import create_app

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

A = "a" * 16
PAGES = (
    "/", "/playlists", "/playlists/new", f"/playlists/{A}", "/playlists/changes", "/library",
    "/library/song/song-00001", "/library/map", "/library/charts", "/library/failures", "/settings/",
    "/setup/", "/docs", "/nowhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryBackend]:
    """A library in which everything that a page can show is there: failures, changes, a running search."""
    folder = tmp_path_factory.mktemp("page")
    made = MemoryBackend(load_settings(data_dir=folder, auth_disabled=True, music_dir=folder), 120, 110)
    made.music.playlists.save_run(some_playlists(made.tracks))
    made.music.playlists.save_run(some_playlists(made.tracks[2:]))
    made.music.playlists.set_locked(A, True)
    made.publish(A)
    made.music.failures.record(
        "song-00115", kind="corrupt", message="The stream ends early.", features_version=made.features_version
    )
    job = made.start_clustering({})
    preview = {"count": 2, "coverage": 0.5, "lists": [{"name": "Slow Jazz", "songs": 21}]}
    made.job_store.jobs.update_detail(job.id, {"score": 0.6, "runs": 100, "preview": preview})
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(backend: MemoryBackend) -> Iterator[str]:
    """The page, served on this machine."""
    server = make_server("127.0.0.1", 0, create_app(backend.settings, backend=backend), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_axe_finds_nothing_on_any_page(browser: Browser, address: str, size: str, scheme: str) -> None:
    page = open_page(browser, address, size, color_scheme=scheme, reduced_motion="reduce")
    problems = []
    for path in PAGES:
        page.goto(path)
        problems += accessibility_problems(page)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            problems.append(f"{path} scrolls sideways by {wide} px")
    assert problems == []
    assert complaints(page) == []


def test_the_first_visit_is_accessible_too(browser: Browser, tmp_path: Path) -> None:
    backend = MemoryBackend(load_settings(data_dir=tmp_path, web_host="0.0.0.0"))
    server = make_server("127.0.0.1", 0, create_app(backend.settings, backend=backend), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page = open_page(browser, f"http://127.0.0.1:{server.server_port}")
        page.goto("/")
        expect(page.get_by_label("Code")).to_be_visible()
        assert accessibility_problems(page) == []
    finally:
        server.shutdown()
        thread.join()
        backend.close()


def test_the_keyboard_is_enough(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    page.get_by_role("link", name="Library").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Library")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator(".nav [aria-current=page]")).to_have_text("Library")

    page.locator("#q").focus()
    page.keyboard.type("zzzz")
    expect(page.get_by_text("No song matches.")).to_be_visible()


def test_a_song_goes_on_while_the_page_changes(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    page.goto("/library")
    button = page.locator("[data-play]").first
    title = str(button.get_attribute("data-title"))
    button.click()
    expect(page.locator("#player")).to_contain_text(title)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    expect(page.locator("#player")).to_contain_text(title)
    page.get_by_role("button", name="Close the player").click()
    expect(page.locator("#player")).to_be_hidden()


def test_a_point_of_the_map_names_its_song_and_leads_to_it(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    page.goto("/library")
    page.get_by_role("link", name="Map", exact=True).click()
    points = page.request.get("/library/map/points").json()
    canvas = page.locator("canvas")
    box = canvas.bounding_box()
    assert box is not None
    x = (points["x"][0] + 1) / 2 * (box["width"] - 24) + 12
    y = (1 - points["y"][0]) / 2 * (box["height"] - 24) + 12
    expect(canvas).to_have_attribute("width", re.compile(r"\d+"))  # it is drawn
    caption = page.locator("[data-map-caption] a")
    canvas.hover(position={"x": x, "y": y})
    expect(caption).to_be_visible()
    title = caption.inner_text()
    canvas.click(position={"x": x, "y": y})
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert complaints(page) == []


def test_polling_keeps_the_focus_where_it_was(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    page.goto("/")
    button = page.get_by_role("button", name="Cancel")
    button.focus()
    with page.expect_response(lambda answer: answer.url.endswith("/live")):
        pass
    page.wait_for_timeout(300)
    expect(button).to_be_focused()


def test_a_lost_server_is_told_and_forgotten_again(browser: Browser, address: str) -> None:
    page = open_page(browser, address)
    page.goto("/")
    page.context.set_offline(True)
    expect(page.locator("#lost")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_be_hidden()
