"""The days and months of La Paz (UTC-4, no daylight saving) as whole seconds of UTC."""

from __future__ import annotations

from calendar import monthrange, timegm
from datetime import date, timedelta
from functools import cache

HOUR = 3600
DAY = 24 * HOUR
LA_PAZ_BEHIND_UTC = 4 * HOUR

# Day of National Dignity, 17 October: the library has it, but Supreme Decree 2750 does not make it a day off.
COMMEMORATED = (10, 17)

WORKDAY, SATURDAY, SUNDAY = 0, 1, 2


def day_start(day: date) -> int:
    """Epoch of 00:00:00 in La Paz on that day."""
    return timegm(day.timetuple()) + LA_PAZ_BEHIND_UTC


@cache
def holidays_of(year: int) -> frozenset[date]:
    """Holidays of Bolivia and of Cochabamba, the movable ones too.

    As the library `holidays` knows them; days that a government gives once, by decree, are not among them.
    """
    import holidays  # half a second, for those who invent a log only

    days = holidays.country_holidays("BO", subdiv="C", years=year)
    return frozenset(day for day in days if (day.month, day.day) != COMMEMORATED)


def day_kind(day: date) -> int:
    """WORKDAY, SATURDAY or SUNDAY; a holiday counts as a Sunday."""
    if day.weekday() == 6 or day in holidays_of(day.year):
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
