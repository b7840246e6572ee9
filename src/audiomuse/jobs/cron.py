"""Times at which something happens by itself: schedules in cron's notation, and quiet hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from celery.schedules import ParseException, crontab

from audiomuse.errors import SettingsError

_CATCH_UP = timedelta(hours=24)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Minutes of local time, as cron knows them."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 Sunday .. 6 Saturday."""
    either_day: bool
    """Day of month and weekday are both restricted: cron then takes a day that fits one of them."""

    def matches(self, moment: datetime) -> bool:
        """Tell whether the schedule fires in the minute of `moment`."""
        if moment.minute not in self.minutes or moment.hour not in self.hours:
            return False
        if moment.month not in self.months:
            return False
        day = moment.day in self.days
        weekday = moment.isoweekday() % 7 in self.weekdays
        return (day or weekday) if self.either_day else (day and weekday)

    def is_due(self, last_run_at: datetime, now: datetime) -> bool:
        """Tell whether the schedule fired after `last_run_at`, up to `now`, at most a day ago.

        A machine that was off at the time catches up when it comes back.
        """
        minute = now.replace(second=0, microsecond=0)
        earliest = max(last_run_at, now - _CATCH_UP)
        while minute > earliest:
            if self.matches(minute):
                return True
            minute -= _MINUTE
        return False


def parse_schedule(text: str, parameter: str) -> Schedule | None:
    """Read ``minute hour day month weekday``; None for an empty text.

    Raises
    ------
    SettingsError
        If `text` is no cron expression; the sentence names `parameter`.
    """
    if not text.strip():
        return None
    fields = text.split()
    if len(fields) != 5:
        raise SettingsError(
            f"{parameter}: {text!r} must have five parts: minute hour day month weekday, e.g. 0 3 * * *"
        )
    minute, hour, day, month, weekday = fields
    try:
        parsed = crontab(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday)
    except (ParseException, ValueError) as e:
        raise SettingsError(f"{parameter}: {text!r} is no schedule ({e})") from e
    return Schedule(
        minutes=frozenset(parsed.minute),
        hours=frozenset(parsed.hour),
        days=frozenset(parsed.day_of_month),
        months=frozenset(parsed.month_of_year),
        weekdays=frozenset(parsed.day_of_week),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )


def is_quiet(quiet_hours: str, now: time) -> bool:
    """Tell whether `now` lies in QUIET_HOURS: ``"18:00-23:30"``; over midnight, ``"22:00-6:00"``."""
    if not quiet_hours:
        return False
    begin, end = (_time_of_day(part) for part in quiet_hours.split("-"))
    if begin <= end:
        return begin <= now < end
    return now >= begin or now < end


def end_of_quiet(quiet_hours: str) -> str:
    """Return the time of day at which QUIET_HOURS end, as people write it."""
    return f"{_time_of_day(quiet_hours.split('-')[1]):%H:%M}"


def _time_of_day(text: str) -> time:
    hours, minutes = text.split(":")
    return time(int(hours), int(minutes))
