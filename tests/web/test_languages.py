"""The page speaks the reader's language, and nothing in it is left untranslated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from tests.web.browsers import browser, csrf

from audiomuse.web.i18n import FOLDER, LANGUAGES

TOOL = Path(__file__).parents[2] / "tools" / "translations.py"


def test_the_browsers_language_is_spoken(client: FlaskClient) -> None:
    assert '<html lang="de">' in client.get("/", headers={"Accept-Language": "de-AT,de;q=0.9"}).text
    assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "fi"}).text


def test_a_chosen_language_stays(client: FlaskClient) -> None:
    form = {"language": "de", "next": "/library", "csrf_token": csrf(client)}
    assert client.post("/language", data=form).location == "/library"
    assert "Bibliothek" in client.get("/library").text


def test_the_setting_wins_over_browser_and_choice(open_backend, tmp_path) -> None:
    client = browser(open_backend(auth_disabled=True, music_dir=tmp_path, language="de"))
    page = client.get("/", headers={"Accept-Language": "en"}).text
    assert "Deine Musik, gehört." in page
    assert 'name="language"' not in page, "there is nothing to choose"


@pytest.mark.parametrize(
    "path", ["/", "/playlists", "/library", "/library/charts", "/settings/", "/setup/", "/docs"]
)
def test_every_page_works_in_german(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers={"Accept-Language": "de"}).status_code == 200


def test_every_sentence_is_in_every_language() -> None:
    """Run `python tools/translations.py` after changing a text, then translate what it lists."""
    checked = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("domain", ["messages", "sentences"])
@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_the_compiled_language_is_the_written_one(language: str, domain: str) -> None:
    folder = FOLDER / language / "LC_MESSAGES"
    with (folder / f"{domain}.po").open("rb") as text, (folder / f"{domain}.mo").open("rb") as compiled:
        written, used = read_po(text, locale=language), read_mo(compiled)
    assert _sentences(written) == _sentences(used)


def _sentences(catalog: Catalog) -> dict[object, object]:
    def plain(text: object) -> object:
        return text if isinstance(text, str) else tuple(text)  # type: ignore[call-overload]

    return {plain(one.id): plain(one.string) for one in catalog if one.id}


@pytest.mark.parametrize("domain", ["messages", "sentences"])
@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_every_translation_keeps_the_places_of_the_original(language: str, domain: str) -> None:
    with (FOLDER / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as text:
        problems = [
            (message.id, str(error))
            for message, errors in read_po(text, locale=language).check()
            for error in errors
            if "%(" in str(message.id)  # "90 % of" is no place to fill
        ]
    assert problems == []
