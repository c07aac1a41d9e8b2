"""The controls above figures: what they ask for when one of them is moved, on every page that has them."""

from datetime import date
from typing import Any

import pytest

from dashboard.context import Context
from dashboard.filters import Filters
from dashboard.pages import abandoned, before_queue, bridge, operators, quality, service_level
from dashboard.period_controls import PeriodControls, day_error, line_choices, month_choices
from dashboard.question import Question
from dashboard.question_page import QuestionPage
from dashboard.security.values import kind_of
from reports.definition import Period, Unit, month
from reports.rules import Rules

OCTOBER = month("2026-10")
ALL = PeriodControls("sl", has_unit=True, has_threshold=True)
PAGES = [page.SHOWS for page in (service_level, operators, abandoned, bridge, before_queue, quality)]


@pytest.fixture
def context(empty_context: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(empty_context, "today", lambda: date(2026, 11, 23))
    monkeypatch.setattr(empty_context, "rules", Rules.default)
    return empty_context


def given(context: Context, shown: Filters, **moved: Any) -> dict[str, Any]:
    """What stands in the controls that show something, one of them moved."""
    return dict(zip(ALL.words, ALL.values(Question(shown, Rules.default()), context), strict=True)) | moved


@pytest.mark.parametrize(
    ("moved", "asked"),
    [
        ({"preset": "ayer"}, Filters(Period(date(2026, 11, 22), date(2026, 11, 22)), ("101",))),
        ({"preset": "mes"}, Filters(month("2026-11"), ("101",))),
        ({"month": "2026-03"}, Filters(month("2026-03"), ("101",))),
        ({"first": "05/10/2026"}, Filters(Period(date(2026, 10, 5), date(2026, 10, 31)), ("101",))),
        ({"first": "02/11/2026"}, Filters(Period(date(2026, 10, 31), date(2026, 11, 2)), ("101",))),
        ({"lines": ["102", "103"]}, Filters(OCTOBER, ("102", "103"))),
        ({"lines": []}, Filters(OCTOBER)),
        ({"unit": "ingreso"}, Filters(OCTOBER, ("101",), Unit.VISIT)),
        ({"threshold": 45}, Filters(OCTOBER, ("101",), Unit.LINE, 45)),
        ({"threshold": 20}, None),
        ({"preset": ""}, None),
        ({"first": "31/02/2026"}, None),
        ({"first": ""}, None),
        ({}, None),
    ],
)
def test_what_is_moved_is_asked_for_and_nothing_else(
    context: Context, moved: dict[str, Any], asked: Filters | None
) -> None:
    shown = Filters(OCTOBER, ("101",))
    assert ALL.chosen(shown, context, given(context, shown, **moved)) == asked


def test_the_months_own_day_typed_over_a_month_is_a_period_again(context: Context) -> None:
    shown = Filters(Period(date(2026, 10, 5), date(2026, 10, 31)))
    assert given(context, shown)["month"] is None
    assert ALL.chosen(shown, context, given(context, shown, first="01/10/2026")) == Filters(OCTOBER)
    assert ALL.chosen(shown, context, given(context, shown, month="2026-10")) == Filters(OCTOBER)


@pytest.mark.parametrize("shows", PAGES, ids=lambda shows: shows.path)
def test_a_period_is_chosen_alike_on_every_page(shows: QuestionPage) -> None:
    controls = shows.controls
    assert controls.words[:4] == ("preset", "month", "first", "last")
    drawn = {each.id for each in controls.bar()._traverse() if getattr(each, "id", None)}
    assert drawn == {*controls.names}
    assert all(kind_of(name, "value") for name in controls.names)


def test_what_is_no_matter_of_the_period_stays_in_the_address() -> None:
    asked = Filters(month("2026-09"))
    listed = "?mes=2026-10&operador=Ana+P%C3%A9rez&dia=2026-10-05&pagina=3"
    assert operators.SHOWS.address(listed, asked) == f"{asked.address}&operador=Ana+P%C3%A9rez"
    assert abandoned.SHOWS.address("?despues=todas&pagina=3", asked) == f"{asked.address}&despues=todas"
    assert before_queue.SHOWS.address("?que=menu", asked) == f"{asked.address}&que=menu"
    assert service_level.SHOWS.address("?hora=08", asked) == asked.address
    assert quality.SHOWS.address(None, asked) == asked.address


@pytest.mark.parametrize(("module", "shown"), [(operators, Unit.VISIT), (quality, Unit.LINE)])
def test_a_page_without_a_choice_of_units_asks_for_none(context: Context, module: Any, shown: Unit) -> None:
    controls = module.SHOWS.controls
    before = Filters(OCTOBER, (), shown, None, (("operador", "Ana"),))
    values = dict(zip(controls.words, controls.values(Question(before, Rules.default()), context), strict=True))
    assert controls.chosen(before, context, values) is None, "what is shown already"
    assert controls.chosen(before, context, values | {"month": "2026-09"}) == Filters(month("2026-09"))


def test_the_newest_month_is_offered_first_and_calls_without_a_line_last(context: Context) -> None:
    assert [each["label"] for each in month_choices(("2026-09", "2026-10"))] == [
        "Octubre de 2026", "Septiembre de 2026",
    ]  # fmt: skip
    assert line_choices(context)[-1]["value"] == "sin línea" and len(line_choices(context)) == 13


@pytest.mark.parametrize(("text", "says"), [("31/10/2026", None), ("", None), ("2026-10-31", "se escribe 31/10/2026")])
def test_a_day_that_cannot_be_read_is_told_beside_it(text: str, says: str | None) -> None:
    assert day_error(text) == says
