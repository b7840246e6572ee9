"""How numbers look on the page. Each takes None and then says so with a dash."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask
from flask_babel import format_date, format_decimal, format_time, format_timedelta

from audiomuse.model import PITCH_CLASSES, Key
from audiomuse.web.words import _, ngettext

NOTHING = "–"


def number(value: float | None, digits: int = 0) -> str:
    """Return a number as people of this language write it."""
    if value is None:
        return NOTHING
    return str(format_decimal(round(value, digits), format="#,##0." + "#" * digits if digits else "#,##0"))


def clock(seconds: float | None) -> str:
    """Return a length as m:ss or h:mm:ss."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(seconds: float | None) -> str:
    """Return a length in words, coarse: "3 hours", "12 minutes"."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return _("less than a minute")
    minutes = round(seconds / 60)
    if minutes < 100:
        return ngettext("%(num)d minute", "%(num)d minutes", minutes)
    hours = round(seconds / 3600)
    if hours < 48:
        return ngettext("%(num)d hour", "%(num)d hours", hours)
    days = round(seconds / 86400)
    return ngettext("%(num)d day", "%(num)d days", days)


def ago(when: datetime | None) -> str:
    """Return how long ago something was, or its date when that is long."""
    if when is None:
        return NOTHING
    moment = when if when.tzinfo else when.replace(tzinfo=UTC)
    passed = datetime.now(UTC) - moment
    if passed.total_seconds() < 60:
        return _("just now")
    if passed.days > 20:
        return str(format_date(moment))
    return str(format_timedelta(-passed, add_direction=True))


def clock_time(when: datetime) -> str:
    """Return a time of day."""
    return str(format_time(when))


def bpm(value: float | None) -> str:
    """Return a tempo."""
    return NOTHING if value is None else f"{number(value)} BPM"


def key_name(key: Key | None) -> str:
    """Return a key as musicians write it: "F♯ minor"."""
    if key is None:
        return NOTHING
    tonic = key.tonic.replace("#", "♯")
    return _("%(tonic)s major", tonic=tonic) if key.scale == "major" else _("%(tonic)s minor", tonic=tonic)


def key_name_of_index(index: int) -> str:
    """Return the name of key 0-11 (C..B major) or 12-23 (C..B minor)."""
    return key_name(Key(PITCH_CLASSES[index % 12], "major" if index < 12 else "minor", 1.0))


def percent(share: float | None) -> str:
    """Return a share of one in per cent."""
    return NOTHING if share is None else f"{number(100 * share)} %"


def init_formats(app: Flask) -> None:
    """Make the formats filters of the templates."""
    for name, function in (
        ("number", number),
        ("clock", clock),
        ("span", span),
        ("ago", ago),
        ("clock_time", clock_time),
        ("bpm", bpm),
        ("key_name", key_name),
        ("percent", percent),
    ):
        app.jinja_env.filters[name] = function
