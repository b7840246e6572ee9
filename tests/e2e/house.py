"""The whole of AudioMuse as a person starts it, and a browser in front of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, expect
from tests.ports import reserved_port

from audiomuse.settings import Settings

CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
_AXE = Path(__file__).parent / "vendor" / "axe.min.js"

PATIENCE_MS = 60_000
"""For whatever a page should show: many browsers may share one core."""
expect.set_options(timeout=PATIENCE_MS)

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@contextmanager
def running_house(data_dir: Path, **settings: str) -> Iterator[str]:
    """Run `audiomuse up` on a data folder of its own; yield the address of the page."""
    environment = {
        name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields
    }
    data_dir.mkdir(parents=True, exist_ok=True)
    with reserved_port() as port, (data_dir / "house.log").open("wb") as log:
        environment |= {"DATA_DIR": str(data_dir), "WEB_PORT": str(port), "ANALYSIS_WORKERS": "1", **settings}
        process = subprocess.Popen(
            [sys.executable, "-m", "audiomuse", "up"], env=environment, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_up(address, process, data_dir / "house.log")
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"AudioMuse did not start:\n{log.read_text(errors='replace')[-3000:]}")


def launch(playwright: Playwright) -> Browser:
    """Start the browser."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))


def open_page(browser: Browser, address: str, size: str = "desktop", **context: object) -> Page:
    """Open a page of its own whose script errors and broken CSP rules fail the test."""
    width, height = SIZES[size]
    options = {"locale": "en-US", "viewport": {"width": width, "height": height}, **context}
    page = browser.new_context(base_url=address, **options).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: _complain(page, f"script error: {error}"))
    page.on(
        "console",
        lambda message: _complain(page, message.text) if "Content Security Policy" in message.text else None,
    )
    return page


def complaints(page: Page) -> list[str]:
    """Return what the browser complained about on this page so far."""
    return list(getattr(page, "_complaints", []))


def _complain(page: Page, text: str) -> None:
    page.__dict__.setdefault("_complaints", []).append(text)


def accessibility_problems(page: Page) -> list[str]:
    """Ask axe about the page as it is; one line for each problem."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))  # not a script element: the page's CSP stays as it is
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url}: {problem['id']} ({problem['impact']}): {node['target']} {node['html'][:120]}"
        for problem in found["violations"]
        for node in problem["nodes"]
    ]
