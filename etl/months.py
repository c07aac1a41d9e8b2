"""Months of the wall clock of La Paz: text ``yyyy-mm`` and the epochs they span. No IO."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from etl.settings import ZONE_OFFSET_SECONDS


def month_span(period: str) -> tuple[int, int]:
    """Return the first epoch of a month of the wall clock of La Paz and the first of the next."""
    year, month = (int(part) for part in period.split("-"))
    return _first_epoch(year, month), _first_epoch(year + month // 12, month % 12 + 1)


def period_of(epoch: int) -> str:
    """Return the month that an epoch falls in."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=epoch + ZONE_OFFSET_SECONDS)).strftime("%Y-%m")


def periods_between(low: int, high: int) -> Iterator[str]:
    """Yield the months from one epoch to another, both included."""
    period = period_of(low)
    while month_span(period)[0] <= high:
        yield period
        period = period_of(month_span(period)[1])


def day_number(day: date | None, default: int) -> int:
    """Return the days since 1970-01-01, ``default`` for None."""
    return default if day is None else (day - date(1970, 1, 1)).days


def _first_epoch(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) - ZONE_OFFSET_SECONDS
