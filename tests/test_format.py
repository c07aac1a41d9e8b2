"""Values are written as people in Bolivia write them."""

from datetime import date
from decimal import Decimal
from math import nan

import pandas as pd
import pytest

from reports.definition import Dimension, PeriodError, ValueUnit
from reports.format import (
    EXCEL_FORMATS,
    date_text,
    dimension_text,
    duration_text,
    month_text,
    number_text,
    percent_text,
    value_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.825, "82,5 %"),
        (0.7996, "80,0 %"),
        (0.79949, "79,9 %"),
        (0.8245, "82,5 %"),
        (0.5005, "50,1 %"),
        (0, "0,0 %"),
        (1, "100,0 %"),
        (12.5, "1.250,0 %"),
        (-0.034, "-3,4 %"),
        (Decimal("0.80"), "80,0 %"),
    ],
)
def test_a_fraction_is_written_as_a_percentage_rounded_half_up(value: float, text: str) -> None:
    assert percent_text(value) == text == value_text(value, ValueUnit.PERCENT)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (7, "7"), (1234, "1.234"), (9853.0, "9.853"), (13_194_000, "13.194.000")]
)
def test_a_count_has_points_at_the_thousands(value: float, text: str) -> None:
    assert number_text(value) == text == value_text(value, ValueUnit.COUNT)


def test_a_number_may_keep_decimals() -> None:
    assert number_text(1234.55, 1) == "1.234,6"
    assert percent_text(0.5, 0) == "50 %"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (205, "00:03:25"),
        (0, "00:00:00"),
        (59.5, "00:01:00"),
        (59.4, "00:00:59"),
        (360_000, "100:00:00"),
        (-5, "-00:00:05"),
    ],
)
def test_seconds_are_written_as_a_clock(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text == value_text(seconds, ValueUnit.SECONDS)


@pytest.mark.parametrize("unit", ValueUnit)
@pytest.mark.parametrize("blank", [None, nan, pd.NA])
def test_a_blank_is_a_dash_and_never_a_zero(unit: ValueUnit, blank: float | None) -> None:
    assert value_text(blank, unit) == "—"


def test_every_unit_has_its_excel_format() -> None:
    assert set(EXCEL_FORMATS) == set(ValueUnit)


def test_dates_and_months_are_written_in_spanish() -> None:
    assert date_text(date(2026, 10, 1)) == "01/10/2026"
    assert date_text(None) == "—"
    assert month_text("2026-10") == "octubre de 2026"
    assert month_text("2026-10", capital=True) == "Octubre de 2026"
    with pytest.raises(PeriodError):
        month_text("2026-14")


@pytest.mark.parametrize(
    ("dimension", "value", "text"),
    [
        (Dimension.MONTH, "2026-10", "octubre de 2026"),
        (Dimension.DAY, "2026-10-31", "31/10/2026"),
        (Dimension.WEEKDAY, "1", "lunes"),
        (Dimension.WEEKDAY, "7", "domingo"),
        (Dimension.HOUR, "08", "08:00"),
        (Dimension.INTERVAL, "08:30", "08:30"),
        (Dimension.SERVICE, "4251000", "4251000 Central Telefónica"),
        (Dimension.SERVICE, "sin línea", "sin línea"),
        (Dimension.QUEUE, "5003", "5003"),
        (Dimension.WAIT_CLASS, "11-20", "11-20 s"),
        (Dimension.WAIT_CLASS, "> 300", "> 300 s"),
        (Dimension.WAIT_CLASS, "sin dato", "sin dato"),
    ],
)
def test_a_dimension_is_written_for_people(dimension: Dimension, value: str, text: str) -> None:
    assert dimension_text(dimension, value) == text
