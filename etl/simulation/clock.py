"""The days and months of La Paz (UTC-4, no daylight saving) as whole seconds of UTC."""

from __future__ import annotations

from calendar import monthrange, timegm
from datetime import date, timedelta

HOUR = 3600
DAY = 24 * HOUR
LA_PAZ_BEHIND_UTC = 4 * HOUR

# Fixed-date holidays of Bolivia and Cochabamba; the movable ones do not matter to an invented sample.
HOLIDAYS = frozenset({(1, 1), (1, 22), (5, 1), (6, 21), (8, 6), (9, 14), (11, 2), (12, 25)})

WORKDAY, SATURDAY, SUNDAY = 0, 1, 2


def day_start(day: date) -> int:
    """Epoch of 00:00:00 in La Paz on that day."""
    return timegm(day.timetuple()) + LA_PAZ_BEHIND_UTC


def day_kind(day: date) -> int:
    """WORKDAY, SATURDAY or SUNDAY; a holiday counts as a Sunday."""
    if day.weekday() == 6 or (day.month, day.day) in HOLIDAYS:
        return SUNDAY
    return SATURDAY if day.weekday() == 5 else WORKDAY


def days_of_month(first: date) -> list[date]:
    """Every day of the month that begins on `first`."""
    return [first + timedelta(days=n) for n in range(monthrange(first.year, first.month)[1])]


def months_until(until: str, months: int) -> list[date]:
    """First days of the `months` calendar months that end with `until` ("2026-10")."""
    if months < 1:
        raise ValueError("months must be at least 1")
    year, month = (int(part) for part in until.split("-"))
    last = date(year, month, 1)
    ordinals = range(last.year * 12 + last.month - months, last.year * 12 + last.month)
    return [date(ordinal // 12, ordinal % 12 + 1, 1) for ordinal in ordinals]


def next_month(first: date) -> date:
    """First day of the month after the one that begins on `first`."""
    return (first + timedelta(days=31)).replace(day=1)
