"""The words of the page in the language of the request, typed."""

from __future__ import annotations

from typing import Any

import flask_babel


def _(text: str, **values: Any) -> str:
    """Translate `text`, then fill in its ``%(name)s`` places."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, num: int, **values: Any) -> str:
    """Translate for a number; ``%(num)d`` is filled with it."""
    return str(flask_babel.ngettext(one, many, num, **values))
