"""Collect all sentences, merge them into every language, and compile: run it after changing a text.

messages.po holds the page's own texts, sentences.po what other rooms say and the page passes on.
`python tools/translations.py` writes the .po files; with `--check` it only tells whether any is missing.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from audiomuse.settings import GROUPS, Settings
from audiomuse.web.parameters import label_of
from sentences import shapes

WEB = Path(__file__).parents[1] / "src" / "audiomuse" / "web"
FOLDER = WEB / "translations"
METHODS = [("views/**.py", "python"), ("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}


def collect() -> Catalog:
    """Return every sentence of the page, and every label and help text of the settings."""
    catalog = Catalog(project="AudioMuse", charset="utf-8", fuzzy=False)
    options = {"**.html": {"trimmed": "false"}}
    found = extract_from_dir(WEB, METHODS, options, KEYWORDS, strip_comment_tags=True)
    for _file, _line, message, _comments, context in found:
        catalog.add(message, context=context)
    for name, field in Settings.model_fields.items():
        catalog.add(label_of(name))
        catalog.add(field.description or "")
    for title in GROUPS.values():
        catalog.add(title)
    return catalog


def collect_sentences() -> Catalog:
    """Return every shape of a sentence of the other rooms."""
    catalog = Catalog(project="AudioMuse", charset="utf-8", fuzzy=False)
    for shape in shapes():
        catalog.add(shape)
    return catalog


def main() -> int:
    """Update or check every language; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    domains = {"messages": collect(), "sentences": collect_sentences()}
    return 1 if sum(update(domain, template, check=check) for domain, template in domains.items()) else 0


def update(domain: str, template: Catalog, *, check: bool) -> int:
    """Merge a template into every language, or only tell (`check`); return how many texts are missing."""
    missing = 0
    for file in sorted(FOLDER.glob(f"*/LC_MESSAGES/{domain}.po")):
        language = file.parts[-3]
        with file.open("rb") as stream:
            catalog = read_po(stream, locale=language)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        untranslated = [one.id for one in catalog if one.id and not _is_translated(one.string)]
        for sentence in untranslated:
            print(f"{language}: {sentence!r}")
        missing += len(untranslated) if check else 0
        if not check:
            _write(file, catalog)
    return missing


def _is_translated(string: str | tuple[str, ...]) -> bool:
    return all(string) if isinstance(string, tuple) else bool(string)


def _write(file: Path, catalog: Catalog) -> None:
    """Write a language for people (.po) and for the program (.mo)."""
    text, compiled = io.BytesIO(), io.BytesIO()
    write_po(text, catalog, width=110, no_location=True, sort_output=True, include_previous=False)
    write_mo(compiled, catalog)
    file.write_bytes(text.getvalue())
    file.with_suffix(".mo").write_bytes(compiled.getvalue())


if __name__ == "__main__":
    sys.exit(main())
