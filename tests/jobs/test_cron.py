"""Schedules fire when cron would, and quiet hours are quiet."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest

from audiomuse.errors import SettingsError
from audiomuse.jobs.cron import end_of_quiet, is_quiet, parse_schedule

THURSDAY = datetime(2026, 1, 1, 3, 0)


@pytest.mark.parametrize(
    ("text", "moment", "fires"),
    [
        ("0 3 * * *", THURSDAY, True),
        ("0 3 * * *", THURSDAY + timedelta(minutes=1), False),
        ("*/15 * * * *", THURSDAY.replace(minute=45), True),
        ("0 3 * * thu", THURSDAY, True),
        ("0 3 * * 0", THURSDAY, False),
        ("0 3 * * 0", datetime(2026, 1, 4, 3, 0), True),
        ("0 3 1 * *", THURSDAY, True),
        ("0 3 2 * *", THURSDAY, False),
        ("0 3 2 * 4", THURSDAY, True),  # either the day of the month or the weekday
        ("0 3 * 2 *", THURSDAY, False),
        ("0 1-5 * 1,7 *", THURSDAY, True),
    ],
)
def test_a_schedule_fires_in_its_minutes(text: str, moment: datetime, fires: bool) -> None:
    schedule = parse_schedule(text, "ANALYSIS_SCHEDULE")
    assert schedule is not None
    assert schedule.matches(moment) is fires


def test_an_empty_schedule_is_none() -> None:
    assert parse_schedule("  ", "ANALYSIS_SCHEDULE") is None


@pytest.mark.parametrize("text", ["daily", "0 3 * *", "99 3 * * *", "a b c d e"])
def test_what_is_no_schedule_names_its_variable(text: str) -> None:
    with pytest.raises(SettingsError, match="CLUSTERING_SCHEDULE"):
        parse_schedule(text, "CLUSTERING_SCHEDULE")


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (THURSDAY - timedelta(hours=1), THURSDAY + timedelta(seconds=5), True),
        (THURSDAY + timedelta(seconds=5), THURSDAY + timedelta(minutes=5), False),
        (THURSDAY - timedelta(days=40), THURSDAY + timedelta(hours=9), True),  # was off at three
        (THURSDAY - timedelta(hours=9), THURSDAY - timedelta(minutes=1), False),
    ],
)
def test_a_schedule_is_due_once_and_catches_up(last: datetime, now: datetime, due: bool) -> None:
    schedule = parse_schedule("0 3 * * *", "ANALYSIS_SCHEDULE")
    assert schedule is not None
    assert schedule.is_due(last, now) is due


def test_what_was_missed_longer_than_a_day_ago_is_let_go() -> None:
    schedule = parse_schedule("0 3 1 * *", "ANALYSIS_SCHEDULE")
    assert schedule is not None
    assert not schedule.is_due(THURSDAY - timedelta(days=1), THURSDAY + timedelta(days=2))


@pytest.mark.parametrize(
    ("hours", "now", "quiet"),
    [
        ("", time(20), False),
        ("18:00-23:30", time(18), True),
        ("18:00-23:30", time(23, 30), False),
        ("22:00-6:00", time(2), True),
        ("22:00-6:00", time(12), False),
    ],
)
def test_quiet_hours(hours: str, now: time, quiet: bool) -> None:
    assert is_quiet(hours, now) is quiet


def test_the_end_of_quiet_hours_is_told() -> None:
    assert end_of_quiet("22:00-6:05") == "06:05"
