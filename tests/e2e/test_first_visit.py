"""The first visit's other ways in: some libraries only, and songs made up on the spot."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.house import accessibility_problems, complaints, open_page, running_house

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_MS = 240_000


@pytest.fixture
def two_libraries(music: Path, tmp_path: Path) -> Path:
    """A folder with music and audiobooks, two files each."""
    root = tmp_path / "media"
    for number, song in enumerate(sorted(music.rglob("*.flac"))[:4]):
        library = root / ("Records" if number % 2 else "Audiobooks")
        library.mkdir(parents=True, exist_ok=True)
        shutil.copy(song, library / f"{library.name} {number}.flac")
    return root


def open_set_up(browser: Browser, address: str, size: str = "desktop") -> Page:
    page = open_page(browser, address, size)
    page.goto("/setup/")
    expect(page.get_by_role("heading", name="Where is your music?")).to_be_visible()
    return page


def test_only_the_chosen_library_is_heard(browser: Browser, two_libraries: Path, tmp_path: Path) -> None:
    with running_house(tmp_path / "data", AUTH_DISABLED="true") as address:
        page = open_set_up(browser, address)
        page.get_by_label("A folder").check()
        page.get_by_label("Folder", exact=True).fill(str(two_libraries))
        expect(page.get_by_text("Which libraries?")).to_have_count(0)
        page.get_by_role("button", name="Test the connection").click()
        expect(page.get_by_text("Which libraries?")).to_be_visible()
        assert accessibility_problems(page) == []
        page.get_by_label("Records").check()
        page.get_by_role("button", name="Use this").click()

        page.get_by_role("button", name="Analyze my music").click()
        expect(page.locator(".history .chip").first).to_have_text("Done", timeout=PATIENCE_MS)
        page.goto("/library")
        heard = page.locator("tbody .title").all_inner_texts()
        assert len(heard) == 2

        page.goto("/setup/")
        page.get_by_role("button", name="Test the connection").click()
        expect(page.get_by_label("Records")).to_be_checked()
        expect(page.get_by_label("Audiobooks")).not_to_be_checked()
        page.get_by_label("Records").uncheck()
        page.get_by_label("Audiobooks").check()
        page.get_by_role("button", name="Use this").click()
        page.get_by_role("button", name="Look for new songs").click()
        expect(page.locator(".history .chip")).to_have_text(["Done", "Done"], timeout=PATIENCE_MS)
        page.goto("/library")
        assert set(page.locator("tbody .title").all_inner_texts()).isdisjoint(heard)
        assert complaints(page) == []


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_just_show_me_makes_up_songs_that_can_be_heard(browser: Browser, tmp_path: Path, size: str) -> None:
    with running_house(tmp_path / "data", AUTH_DISABLED="true") as address:
        page = open_set_up(browser, address, size)
        page.get_by_label("Just show me").check()
        expect(page.get_by_role("button", name="Test the connection")).to_be_hidden()
        page.get_by_role("button", name="Use this").click()
        expect(page.get_by_role("heading", name="Making up songs")).to_be_visible()
        progress = page.locator(".job-count")
        expect(progress).to_contain_text(re.compile(r"[1-9]\d* of \d+ songs"), timeout=PATIENCE_MS)
        assert accessibility_problems(page) == []

        start = page.get_by_role("button", name="Analyze my music")
        expect(start).to_be_visible(timeout=PATIENCE_MS)
        start.click()
        expect(progress).to_contain_text(re.compile(r"[1-9]\d* of \d+ songs"), timeout=PATIENCE_MS)
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".history .chip").first).to_have_text("Cancelled", timeout=PATIENCE_MS)
        page.goto("/library?show=heard")
        page.locator("[data-play]").first.click()
        expect(page.locator("[data-player=now]")).not_to_have_text("0:00")
        assert complaints(page) == []
