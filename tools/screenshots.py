"""Take the pictures of the README and the documentation from the running page.

    python tools/screenshots.py [--keep DIR]

The demo library is made up, analysed and clustered by the real program in a folder of its own (kept with
`--keep`, so that a second run is quick); Chromium then visits the pages as a person would.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.house import launch, open_page, running_house  # noqa: E402

from audiomuse.services.demo import render_demo_library  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
PATIENCE_MS = 600_000
PLAIN_PAGES = {
    "home": "/", "playlists": "/playlists", "library": "/library", "map": "/library/map",
    "charts": "/library/charts",
    "settings": "/settings/", "setup": "/setup/", "api": "/docs",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder for the demo library and its data")
    given = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="audiomuse-pictures-") as temporary:
        folder = given.keep or Path(temporary)
        music = folder / "music"
        render_demo_library(music)
        settings = {"MUSIC_DIR": str(music), "AUTH_DISABLED": "true", "PLAYLISTS_DIR": str(folder / "lists")}
        with running_house(folder / "data", **settings) as address, sync_playwright() as playwright:
            browser = launch(playwright)
            live(browser, address)
            rest(browser, address)
            browser.close()


def take(page: Page, name: str) -> None:
    """Write one picture, once the fonts and covers are there."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


def live(browser: Browser, address: str) -> None:
    """Analyse and cluster, with a picture of each while it runs."""
    page = open_page(browser, address)
    page.goto("/")
    start = page.get_by_role("button", name="Analyze")
    if start.count():
        start.first.click()
        progress = page.locator(".wave")
        expect(progress).to_be_visible(timeout=PATIENCE_MS)
        while int(progress.get_attribute("aria-valuenow") or 0) < 40 and progress.count():
            page.wait_for_timeout(300)
        take_moving(page, "analysis")
        expect(page.locator(".job")).to_have_count(0, timeout=PATIENCE_MS)
    page.goto("/playlists/new")
    take(page, "search")
    page.get_by_label("Songs in a playlist").fill("8")
    page.get_by_label("Tries").fill("300")
    page.get_by_role("button", name="Start the search").click()
    expect(page.locator("#search-live")).to_be_visible()
    expect(page.locator("#search-live")).to_have_count(0, timeout=PATIENCE_MS)


def take_moving(page: Page, name: str) -> None:
    """Write a picture of a page that polls, and so never falls quiet."""
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


def rest(browser: Browser, address: str) -> None:
    """The pages of a library that is ready, light and dark, large and small."""
    page = open_page(browser, address)
    for name, path in PLAIN_PAGES.items():
        page.goto(path)
        take(page, name)
    page.goto("/playlists")
    page.locator(".list-card a").first.click()
    expect(page.locator(".list-hero")).to_be_visible()
    page.get_by_role("button", name="Play", exact=True).first.click()
    page.wait_for_timeout(1500)
    take_moving(page, "playlist")
    page.locator("tbody .title").first.click()
    expect(page.locator(".song-head")).to_be_visible()
    page.locator("[data-player=close]").click()
    take(page, "song")
    dark = open_page(browser, address, color_scheme="dark")
    dark.goto("/playlists")
    take(dark, "playlists-dark")
    phone = open_page(browser, address, "phone", device_scale_factor=2)
    phone.goto("/playlists")
    take(phone, "phone")


if __name__ == "__main__":
    main()
