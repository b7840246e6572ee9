"""Parts of pages that renew themselves, and forms that must not be caught by them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from tests.web.memory_backend import MemoryBackend

_VOID = {"meta", "link", "input", "img", "br", "hr"}


class Nesting(HTMLParser):
    """Collects the forms that lie inside an element that polls."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[tuple[str, bool]] = []
        self.caught: list[str] = []
        self.pollers = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        polls = (values.get("hx-trigger") or "").startswith("every")
        self.pollers += polls
        if tag == "form" and any(polling for _, polling in self.path):
            self.caught.append(values.get("action") or "")
        if tag not in _VOID:
            self.path.append((tag, polls))

    def handle_endtag(self, tag: str) -> None:
        while self.path and self.path.pop()[0] != tag:
            pass


@pytest.mark.parametrize(
    "path", ["/", "/live", "/playlists", "/playlists/live", "/jobs/{job}", "/jobs/{job}?part=live"]
)
def test_no_form_inherits_the_target_of_a_poll(
    client: FlaskClient, backend: MemoryBackend, path: str
) -> None:
    job = backend.start_clustering({})
    found = Nesting()
    found.feed(client.get(path.format(job=job.id)).text)
    assert found.pollers == 1
    assert found.caught == []


def test_the_page_of_a_search_opens_anew_when_it_ends(client: FlaskClient) -> None:
    answer = client.get("/playlists/live", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/playlists"
