"""Values as users read them, by Babel's es_BO.

In: a value and its unit, a date, a dimension's text. Out: "82,5 %", "1.234", "00:03:25", "31/10/2026",
"octubre de 2026"; "—" for a blank. Rounding is half up, as in Excel, and only here.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import NumberPattern, parse_pattern

from reports import terms
from reports.definition import Dimension, Period, Unit, ValueUnit, month

LOCALE = "es_BO"
_LOCALE = Locale.parse(LOCALE)
# Number formats of Excel, for the same values; seconds are written as a fraction of a day.
EXCEL_FORMATS = {
    ValueUnit.COUNT: "#,##0", ValueUnit.PERCENT: "0.0 %", ValueUnit.SECONDS: "[hh]:mm:ss", ValueUnit.MEAN: "#,##0.0",
}  # fmt: skip

Number = int | float | Decimal


def value_text(value: Number | None, unit: ValueUnit) -> str:
    """Return a value as text in its unit; a percentage comes as a fraction of one, "—" for None and NaN."""
    match unit:
        case ValueUnit.PERCENT:
            return percent_text(value)
        case ValueUnit.SECONDS:
            return duration_text(value)
        case ValueUnit.COUNT:
            return number_text(value)
        case ValueUnit.MEAN:
            return number_text(value, 1)


def percent_text(value: Number | None, decimals: int = 1) -> str:
    """Return a fraction of one as "82,5 %"."""
    if _is_blank(value):
        return terms.BLANK
    return str(_pattern(decimals, " %").apply(_rounded(value, decimals + 2), _LOCALE))


def target_text(target: Number, decimals: int | None = None) -> str:
    """Return a target with as many decimals as it has: "80 %", "82,5 %"."""
    if decimals is None:
        decimals = 0 if 100 * target == int(100 * target) else 1
    return percent_text(target, decimals)


def number_text(value: Number | None, decimals: int = 0) -> str:
    """Return a number as "1.234" or, with decimals, "1.234,5"."""
    if _is_blank(value):
        return terms.BLANK
    return str(_pattern(decimals, "").apply(_rounded(value, decimals), _LOCALE))


def count_text(number: int, one: str, many: str) -> str:
    """Return a number of things with their word: "1 regla", "31.055 reglas"."""
    return f"{number_text(number)} {one if number == 1 else many}"


def duration_text(seconds: Number | None) -> str:
    """Return seconds as "00:03:25", rounded to whole ones; hours go on past 99."""
    if _is_blank(seconds):
        return terms.BLANK
    whole = int(_rounded(seconds, 0))
    sign, whole = ("-", -whole) if whole < 0 else ("", whole)
    return f"{sign}{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def date_text(day: date | None) -> str:
    """Return a date as "31/10/2026"."""
    return format_date(day, "dd/MM/yyyy", locale=LOCALE) if day else terms.BLANK


def moment_text(at: datetime) -> str:
    """Return an instant as "31/10/2026 23:59"."""
    return f"{date_text(at.date())} {at:%H:%M}"


def month_text(text: str, *, capital: bool = False) -> str:
    """Return "2026-10" as "octubre de 2026", or with a capital first letter. PeriodError if it is no month."""
    words = format_date(month(text).first, "LLLL 'de' y", locale=LOCALE)
    return words[:1].upper() + words[1:] if capital else words


def period_text(period: Period) -> str:
    """Return a period as users say it: "octubre de 2026", "gestión 2026", "05/10/2026", "del 01/10/2026 al …"."""
    first, last = period.first, period.last
    if period.is_month:
        return month_text(f"{first:%Y-%m}")
    if first == last:
        return date_text(first)
    if (first, last) == (date(first.year, 1, 1), date(first.year, 12, 31)):
        return f"gestión {first.year}"
    return f"del {date_text(first)} al {date_text(last)}"


def unit_text(number: int | None, unit: Unit, participle: str = "") -> str:
    """Return the noun that goes with a number, and its participle: "llamadas registradas", "ingreso a cola registrado".

    `participle` is without its ending: "registrad".
    """
    one = number == 1
    noun = terms.UNITS[unit] if one else terms.UNITS_PLURAL[unit]
    return f"{noun} {participle}{terms.UNIT_ENDINGS[unit]}{'' if one else 's'}" if participle else noun


def dimension_text(dimension: Dimension, text: str) -> str:
    """Return a dimension's value, as the query gives it, as users read it."""
    match dimension:
        case Dimension.MONTH:
            return month_text(text)
        case Dimension.DAY:
            return date_text(date.fromisoformat(text))
        case Dimension.WEEKDAY:
            return terms.WEEKDAYS[int(text) - 1]
        case Dimension.HOUR:
            return f"{text}:00"
        case Dimension.SERVICE:
            return terms.line_name(text)
        case Dimension.WAIT_CLASS if text[-1].isdigit():
            return f"{text} s"
        case _:
            return text


@cache
def _pattern(decimals: int, ending: str) -> NumberPattern:
    """Return Babel's pattern of a number; a page writes hundreds, and reading it anew takes longer than writing."""
    return parse_pattern("#,##0" + ("." + "0" * decimals if decimals else "") + ending)


def _is_blank(value: Any) -> bool:
    """Tell whether there is nothing to print: None, NaN, or pandas' NA (by its name: importing pandas takes long)."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _rounded(value: Number | None, decimals: int) -> Decimal:
    """Return the shortest decimal that reads back as the value, rounded half up."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
