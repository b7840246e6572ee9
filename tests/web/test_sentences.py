"""What other rooms say in English is said in the reader's language, whatever fills its places."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from flask.testing import FlaskClient
from tests.web.browsers import browser, csrf
from tests.web.memory_backend import MemoryBackend

from audiomuse.audio import analyse
from audiomuse.errors import AudioError, ServerUnreachable
from audiomuse.features.planted import planted_library
from audiomuse.playlists.names import show_tag
from audiomuse.playlists.reasons import reasons, tag_thresholds
from audiomuse.web.sentences import Phrasebook, phrasebook

GERMAN = phrasebook("de")
assert GERMAN is not None
TOOL = Path(__file__).parents[2] / "tools" / "sentences.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The finder of sentences."""
    spec = importlib.util.spec_from_file_location("sentences", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- recognising ---


BOOK = Phrasebook(
    {
        "the folder %(root)s is gone": "der Ordner %(root)s ist weg",
        "%(n)s of %(total)s came": "%(n)s von %(total)s kamen",
        "only %(share)s %% of it": "nur %(share)s %% davon",
        "you like it": "du magst es",
        "it is old, and good": "es ist alt und gut",
        "trouble with %(what)s: %(why)s": "Ärger mit %(what)s: %(why)s",
        "trouble with %(what)s: it is wet": "%(what)s ist nass",
    }
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("the folder /srv/music is gone", "der Ordner /srv/music ist weg"),
        ("3 of 4 came", "3 von 4 kamen"),
        ("only 20 % of it", "nur 20 % davon"),
        ("the folder of 3 of 4 came is gone", "der Ordner of 3 von 4 kamen ist weg"),
        ("trouble with me: you like it", "Ärger mit me: du magst es"),
        ("trouble with me: it is wet", "me ist nass"),
        ("Calm: the folder x is gone", "Calm: der Ordner x ist weg"),
        ("You like it.", "Du magst es."),
        ("You like it, it is old, and good.", "Du magst es, es ist alt und gut."),
        ("you like it; you like it", "du magst es; du magst es"),
        ("nobody ever said this", "nobody ever said this"),
        ("100 %(strange)s", "100 %(strange)s"),
        ("", ""),
    ],
)
def test_a_finished_sentence_is_recognised(said: str, expected: str) -> None:
    assert BOOK.say(said) == expected


def test_what_fills_a_place_may_hold_anything() -> None:
    assert BOOK.say("the folder %(a)s (.*) \n\\ is gone") == "der Ordner %(a)s (.*) \n\\ ist weg"


# --- finding ---


def test_an_f_string_becomes_a_shape_with_named_places(tool: ModuleType) -> None:
    text = """f"{path.name!r}: {counts['done']:.0f} of {e.total} % done ({', '.join(names)}, {path.name})" """
    node = ast.parse(text.strip(), mode="eval").body
    assert tool.shape_of(node) == "%(name)s: %(done)s of %(total)s %% done (%(names)s, %(name_)s)"


def test_docstrings_logs_and_names_are_no_sentences(tool: ModuleType) -> None:
    source = '''
"""A module about this and that."""
class Room:
    """It does one thing well."""
    size: int
    """How large it is in all."""
    def enter(self):
        log.info("somebody came into the room")
        raise Trouble(f"the room of {self.owner} is locked")
KEY = "a_name_of_something"
'''
    assert list(tool._spoken(ast.parse(source))) == ["the room of %(owner)s is locked"]


# --- what is really said ---


def test_every_reason_is_said_in_german() -> None:
    matrix = planted_library(300, seed=3).matrix
    rng = np.random.default_rng(1)
    said: set[str] = set()
    for _ in range(40):
        rows = rng.choice(len(matrix), 20, replace=False)
        ids = [matrix.ids[row] for row in rows]
        said |= set(
            reasons(
                matrix,
                matrix.embedding,
                rows,
                tags=("rock", "pop", "female vocalists"),
                thresholds=tag_thresholds(matrix),
                kept=frozenset(ids[:8]),
                pinned=frozenset(ids[6:10]),
            )
        )
    assert len({sentence.split(" ")[0] for sentence in said}) >= 6, "every kind of fact"
    english = {"strong", "close", "heart", "tempo of", "only", "was here", "pinned", "near"}
    for sentence in said:
        german = GERMAN.say(sentence)
        assert german != sentence
        for tag in ("rock", "pop", "female vocalists"):
            german = german.replace(show_tag(tag), "")
        assert not [word for word in english if word in german], (sentence, german)


def test_an_artist_with_commas_is_still_one_artist() -> None:
    said = "Strong in soul and funk, the only song here by Earth, Wind & Fire."
    assert GERMAN.say(said) == "Stark in soul und funk, das einzige Lied hier von Earth, Wind & Fire."


def test_an_error_of_the_decoder_is_said_in_german(tmp_path: Path) -> None:
    empty = tmp_path / "leer.mp3"
    empty.touch()
    with pytest.raises(AudioError) as caught:
        analyse(empty)
    assert GERMAN.say(str(caught.value)) == "leer.mp3: die Datei ist leer"


# --- on the page ---


def test_reasons_and_errors_on_the_page_are_german(client: FlaskClient, backend: MemoryBackend) -> None:
    german = {"Accept-Language": "de"}
    backend.music.failures.record(
        "song-00003", kind="empty", message="a.mp3: the file is empty", features_version="x"
    )
    assert "die Datei ist leer" in client.get("/library/failures", headers=german).text
    assert "Es gibt keine Playlist" in client.get("/playlists/nothing", headers=german).text
    job = backend.start_analysis({})
    backend.job_store.jobs.doom(job.id, str(ServerUnreachable("no answer in time")))
    assert "keine Antwort in der Zeit" in client.get(f"/jobs/{job.id}", headers=german).text


def test_the_api_speaks_english_to_programs(client: FlaskClient) -> None:
    answer = client.get("/api/status/nothing", headers={"Accept-Language": "de"})
    assert answer.json == {"error": "There is no job 'nothing'."}


def test_a_wrong_setting_is_refused_in_german(open_backend, tmp_path) -> None:
    client = browser(open_backend(auth_disabled=True, music_dir=tmp_path, language="de"))
    form = {"csrf_token": csrf(client), "source_url": "no address"}
    answer = client.post("/settings/", data=form)
    assert answer.status_code == 400
    assert "muss eine Adresse wie" in answer.text
