"""What an address asks for, and the address of what was asked."""

from datetime import date

import pytest

from dashboard.filters import PRESETS, FilterError, Filters, preset, preset_of, read
from reports.definition import Period, PeriodError, Unit, month

TODAY = date(2026, 10, 15)  # a Thursday
OCTOBER = month("2026-10")


def asked(search: str) -> Filters:
    return read(search, today=TODAY, usual=OCTOBER)


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("hoy", Period(TODAY, TODAY)),
        ("ayer", Period(date(2026, 10, 14), date(2026, 10, 14))),
        ("semana", Period(date(2026, 10, 12), date(2026, 10, 18))),
        ("mes", OCTOBER),
        ("gestion", Period(date(2026, 1, 1), date(2026, 12, 31))),
    ],
)
def test_a_word_stands_for_a_period(name: str, period: Period) -> None:
    assert asked(f"?periodo={name}").period == period
    assert preset(name, TODAY) == period and preset_of(period, TODAY) == name
    assert set(PRESETS) == {"hoy", "ayer", "semana", "mes", "gestion"}


def test_what_an_address_leaves_out_is_the_usual() -> None:
    assert asked("") == Filters(OCTOBER) == read(None, today=TODAY, usual=OCTOBER)
    assert asked("?mes=2026-02").period == month("2026-02")
    assert asked("?desde=2026-10-03").period == Period(date(2026, 10, 3), date(2026, 10, 3))
    assert preset_of(Period(date(2026, 2, 1), date(2026, 2, 3)), TODAY) == ""


@pytest.mark.parametrize(
    "filters",
    [
        Filters(OCTOBER),
        Filters(Period(TODAY, TODAY), ("101", "sin línea"), Unit.VISIT, 35),
        Filters(OCTOBER, (), Unit.CALL, None, (("dia_semana", "1"), ("media_hora", "08:30"))),
    ],
)
def test_an_address_says_all_that_was_asked(filters: Filters) -> None:
    assert asked(filters.address) == filters


def test_a_narrowing_is_what_the_query_takes() -> None:
    filters = Filters(OCTOBER, ("101",)).narrowed(hora="08")
    assert filters.where == {"service": ("101",), "hour": ("08",)}
    assert Filters(OCTOBER).where == {}


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?periodo=siglo", "no es un período"),
        ("?desde=31/10/2026", "no es una fecha"),
        ("?desde=2026-10-31&hasta=2026-10-01", "termina"),
        ("?desde=0001-01-01&hasta=9999-12-31", "El período va de 1990 a 2100 y abarca a lo más 10 años"),
        ("?desde=2010-01-01&hasta=2026-12-31", "a lo más 10 años"),
        ("?mes=9999-12", "de 1990 a 2100"),
        ("?mes=octubre", "no es un mes"),
        ("?unidad=minuto", "no es una unidad"),
        ("?umbral=9", "va de 10 a 60"),
        ("?umbral=61", "no es un umbral"),
        ("?umbral=veinte", "no es un umbral"),
    ],
)
def test_what_cannot_be_is_said(search: str, says: str) -> None:
    with pytest.raises((FilterError, PeriodError), match=says):
        asked(search)
