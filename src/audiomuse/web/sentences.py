"""Sentences that were made elsewhere, in English, said in the language of the request.

Errors, reasons and notes are plain English text by the time they reach the page; many have been in a database
for months. `tools/sentences.py` finds what our rooms can say in their source, as shapes with named places,
and `translations/<code>/LC_MESSAGES/sentences.po` has them in each language. Here a finished sentence is
recognised by its shape. What nothing fits stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from babel.messages.mofile import read_mo
from flask_babel import get_locale

from audiomuse.web.i18n import FOLDER

_PLACE = re.compile(r"%\((\w+)\)s")
_REMEMBERED = 4096
_JOINED = (": ", "; ", ", ", " ")
"""What stands between two sentences that were said in one breath."""


@dataclass(frozen=True, slots=True)
class _Shape:
    pattern: re.Pattern[str]
    anchor: str
    """The longest text between its places: quick to look for."""
    target: str


class Phrasebook:
    """Says known English sentences in another language.

    Parameters
    ----------
    shapes : mapping
        From English to the other language, with places such as ``%(name)s`` and doubled percent signs.
    """

    def __init__(self, shapes: Mapping[str, str]) -> None:
        most_telling_first = sorted(shapes.items(), key=lambda one: -len(_PLACE.sub("", one[0])))
        self._whole = {source % {}: target % {} for source, target in shapes.items() if "%(" not in source}
        self._shapes = [_shape(source, target) for source, target in most_telling_first if "%(" in source]
        self.say = lru_cache(maxsize=_REMEMBERED)(self._say)

    def _say(self, text: str) -> str:
        """Return `text` in the other language as far as it is known."""
        return self._known(text) or self._sentence_of_facts(text) or self._joined(text) or text

    def _known(self, text: str) -> str | None:
        if text in self._whole:
            return self._whole[text]
        for shape in self._shapes:
            found = shape.pattern.fullmatch(text) if shape.anchor in text else None
            if found is not None:
                # What fills a place may be a sentence itself: the reason behind an error.
                return shape.target % {name: self.say(value) for name, value in found.groupdict().items()}
        return None

    def _sentence_of_facts(self, text: str) -> str | None:
        """Say ``"Strong in jazz, close to the heart of the list."``: facts with a capital and a full stop."""
        facts = text[:1].lower() + text[1:].removesuffix(".")
        # Apart first: the place at the end of a fact would swallow the next one.
        said = self._joined(facts, marks=(", ",)) or self._known(facts)
        return None if said is None or not text.endswith(".") else f"{said[0].upper()}{said[1:]}."

    def _joined(self, text: str, *, marks: Sequence[str] = _JOINED) -> str | None:
        """Say sentences in a row; before a colon may stand anything."""
        for mark in marks:
            for found in re.finditer(re.escape(mark), text):
                first, second = text[: found.start()], text[found.end() :]
                said = self._known(second) or self._joined(second, marks=marks)
                if said is not None and (mark == ": " or self._known(first) is not None):
                    return f"{self._known(first) or first}{mark}{said}"
        return None


def _shape(source: str, target: str) -> _Shape:
    texts = [text.replace("%%", "%") for text in _PLACE.split(source)[::2]]
    names = _PLACE.findall(source)
    pattern = re.escape(texts[0]) + "".join(
        f"(?P<{name}>.*?){re.escape(text)}" for name, text in zip(names, texts[1:], strict=True)
    )
    return _Shape(re.compile(pattern, re.DOTALL), max(texts, key=len), target)


@lru_cache
def phrasebook(language: str) -> Phrasebook | None:
    """Return the phrasebook of a language; None for English and where there is none."""
    file = FOLDER / language / "LC_MESSAGES" / "sentences.mo"
    if not file.exists():
        return None
    with file.open("rb") as compiled:
        catalog = read_mo(compiled)
    return Phrasebook({str(one.id): str(one.string) for one in catalog if one.id and one.string})


def say(text: str | None) -> str:
    """Return a sentence of ours in the language of the request; nothing for None."""
    book = phrasebook(str(get_locale() or "en"))
    return (text or "") if book is None or not text else book.say(text)
