"""The list of abandoned calls, whom to call back: as it is shown, a page at a time, and as it is saved.

In: a question and which of the abandoned (?despues=). Out: a part of the page, a table; numbers masked as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.context import Context, Cursor
from dashboard.filters import FilterError
from dashboard.pages.abandoned.measured import Abandoned, measure_abandoned
from dashboard.paging import PAGE_ROWS, page_links, page_shown
from dashboard.people.personal import clear_callers
from dashboard.question import Question, read_question
from dashboard.saving import cut_says
from etl.warehouse import Generation, WarehouseError
from reports import terms
from reports.abandoned import Later, list_abandoned, numbers_of
from reports.definition import PeriodError, ValueUnit
from reports.export import Column, Table
from reports.format import date_text, duration_text, number_text
from reports.measured import local_time, recorded
from reports.personal import Field, Level, Mask
from reports.query import QueryError
from reports.rules import RulesError

PATH = filters.ABANDONED_PATH
_CODES = ("number", "callid")
_SECONDS = ("wait_seconds", "answered_after_seconds")
_NOT_ANSWERED = "no"


@dataclass(frozen=True)
class Shown:
    """One page of the list: which calls, how many of each there are, the page asked for, its rows and their numbers."""

    which: Later
    counts: Mapping[Later, int]
    page: int
    pages: int
    calls: pd.DataFrame
    numbers: list[str | None]
    has_numbers: bool

    @property
    def number(self) -> int:
        """How many calls the list has."""
        return self.counts[self.which]


def which_asked(search: str | None) -> Later | None:
    """Return which of the abandoned an address asks for, None for the figures. FilterError."""
    text = parse_qs((search or "").removeprefix("?")).get("despues", [""])[-1]
    if not text:
        return None
    if text not in tuple(Later):
        raise FilterError(f"«{text}» no es un listado; hay {', '.join(Later)}")
    return Later(text)


def address(question: Question, which: Later, page: int = 1) -> str:
    """Return the address of a page of the list."""
    words = {"despues": which.value, **({"pagina": str(page)} if page > 1 else {})}
    return f"{PATH}{question.filters.address}&{urlencode(words)}"


def read_page(
    context: Context, generation: Generation, cursor: Cursor, question: Question, which: Later, search: str | None,
    mask: Mask,
) -> Shown:  # fmt: skip
    """Read the page of the list that an address asks for. Raises FilterError, QueryError or WarehouseError."""
    counts = counts_of(measure_abandoned(cursor, question))
    number = counts[which]
    page, pages = page_shown(parse_qs((search or "").removeprefix("?")).get("pagina", ["1"])[-1], number)
    asked = question.filters
    calls = list_abandoned(
        cursor, question.rules, asked.period, asked.where, asked.unit, which=which,
        limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS,
    )  # fmt: skip
    numbers = numbers_of(calls, clear_callers(context, generation), mask)
    return Shown(which, counts, page, pages, calls, numbers, mask.level(Field.CALLER_NUMBER) is not Level.NONE)


def counts_of(found: Abandoned) -> dict[Later, int]:
    """Return how many calls each list has, as the page's figures say."""
    names = {
        Later.ALL: "abandoned",
        Later.UNANSWERED: "abandoned_not_answered_later",
        Later.ANSWERED: "abandoned_answered_later",
    }
    # Where nobody gave up there is no figure.
    counts = {which: found.figures[name].numerator or 0 for which, name in names.items() if name in found.figures}
    return {**dict.fromkeys(Later, 0), **counts, Later.UNKNOWN: found.unknown}


def list_panel(question: Question, shown: Shown) -> Component:
    """Return the list with the choice of which, and the way to its other pages."""
    ways = [
        html.Span(f"{text} ({number_text(shown.counts[which])})", className="tag chosen-list")
        if which is shown.which
        else dcc.Link(f"{text} ({number_text(shown.counts[which])})", href=address(question, which))
        for which, text in ((which, terms.LATER[which.value]) for which in Later)
    ]
    says = (
        "«Atendida después» busca el mismo número en todas las líneas, hasta la medianoche. La llamada abre las líneas "
        "del registro; allí quien puede ve el número completo, con su motivo."
    )
    body: list[Component] = [
        html.P(dcc.Link("Volver a las cifras", href=f"{PATH}{question.filters.address}")),
        html.Nav(ways, className="lists", **components.aria(label="Cuáles abandonadas")),
        html.P([html.Span("La tabla se desplaza hacia los lados. ", className="only-narrow"), says], className="quiet"),
        _grid(question, shown) if shown.number else html.P("No hay ninguna."),
    ]
    body += page_links(shown.page, shown.pages, lambda other: address(question, shown.which, other))
    return components.panel(
        "Abandonadas, una por una", body, kind="abandoned-list", actions=links.saving("abandoned-list")
    )


def _columns(has_numbers: bool) -> dict[str, str]:
    return {key: text for key, text in terms.ABANDONED_COLUMNS.items() if has_numbers or key != "number"}


def _grid(question: Question, shown: Shown) -> Component:
    widths = {
        "entered": 172,
        "service": 184,
        "cause": 112,
        "answered": 112,
        "answered_service": 184,
        "callid": 164,
        "number": 100,
    }
    columns = [
        {
            "field": key, "headerName": text, "minWidth": widths.get(key, 84), "flex": 1,
            "sortable": shown.pages == 1,
            **({"type": "rightAligned"} if key in (*_SECONDS, "position") else {}),
            **({"cellRenderer": "CallsLink"} if key == "callid" and links.may_open_calls() else {}),
        }
        for key, text in _columns(shown.has_numbers).items()
    ]  # fmt: skip
    here = filters.calls_address(question.filters, "abandoned")
    rows = [
        _row(here, call, number) for call, number in zip(shown.calls.to_dict("records"), shown.numbers, strict=True)
    ]
    return components.grid("abandoned-grid", columns, rows, None)


def _row(here: str, call: dict[Any, Any], number: str | None) -> dict[str, str | int | float | None]:
    entered: datetime = call["entered_local"]
    opened = urlencode({"llamada": f"{call['pbx']}|{call['callid']}", "en": f"{entered:%Y-%m-%dT%H:%M:%S}"})
    known, answered = not pd.isna(call["caller"]), not pd.isna(call["answered_local"])
    after = int(call["answered_after_seconds"]) if answered else None
    wait = None if pd.isna(call["wait_seconds"]) else int(call["wait_seconds"])
    place = None if pd.isna(call["position"]) else int(call["position"])
    line = call["answered_service"] if answered else None
    return {
        "entered": f"{entered:%Y-%m-%d %H:%M:%S}",
        "entered_text": _moment(entered),
        "service": call["service"] or "",
        "service_text": terms.line_name(call["service"]) if call["service"] else terms.NO_LINE,
        "cause": call["cause"] or "",
        "cause_text": terms.CAUSES.get(call["cause"] or "", ""),
        "wait_seconds": wait,
        "wait_seconds_text": duration_text(wait),
        "position": place,
        "position_text": number_text(place),
        "number": number or "",
        "number_text": _number(number, known=known),
        "answered": f"{call['answered_local']:%Y-%m-%d %H:%M:%S}" if answered else "",
        "answered_text": f"{call['answered_local']:%H:%M:%S}" if answered else _unanswered(known=known),
        "answered_after_seconds": after,
        "answered_after_seconds_text": duration_text(after),
        "answered_service": line or "",
        "answered_service_text": (terms.line_name(line) if line else terms.NO_LINE) if answered else terms.BLANK,
        "callid": call["callid"],
        "callid_text": call["callid"],
        "callid_href": f"{here}&{opened}",
        "without": False,
    }


def _moment(at: datetime) -> str:
    return f"{date_text(at.date())} {at:%H:%M:%S}"


def _number(number: str | None, *, known: bool) -> str:
    if number is not None:
        return number
    return "ya no se conserva" if known else "sin número"


def _unanswered(*, known: bool) -> str:
    return _NOT_ANSWERED if known else "no se sabe"


def saved_list(context: Context, mask: Mask, search: str | None, most: int) -> Table | None:
    """Return the list for the query of an address, at most so many rows; None for one that cannot be shown."""
    try:
        with context.reading() as (generation, cursor):
            question = read_question(context, search, recorded(cursor)).whole
            which, asked = which_asked(search) or Later.ALL, question.filters
            calls = list_abandoned(
                cursor, question.rules, asked.period, asked.where, asked.unit, which=which, limit=most
            )
            numbers = numbers_of(calls, clear_callers(context, generation), mask)
            held = len(calls) if len(calls) < most else counts_of(measure_abandoned(cursor, question))[which]
            says, made_at = question.says, local_time(datetime.fromisoformat(generation.made_at))
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
    shown = _columns(mask.level(Field.CALLER_NUMBER) is not Level.NONE)
    rows = []
    for values, number in zip(calls.itertuples(index=False, name=None), numbers, strict=True):
        call = dict(zip(calls.columns, values, strict=True))
        known, answered = not pd.isna(call["caller"]), not pd.isna(call["answered_local"])
        told = {
            **call,
            "entered": call["entered_local"],
            "service": call["service"] or terms.NO_LINE,
            "cause": terms.CAUSES.get(call["cause"] or "", ""),
            "number": _number(number, known=known),
            "answered": call["answered_local"] if answered else _unanswered(known=known),
            "answered_service": (call["answered_service"] or terms.NO_LINE) if answered else None,
        }
        rows.append([None if pd.isna(told[key]) else told[key] for key in shown])
    return Table(
        name=f"abandonadas_{which.value}{question.file_suffix}",
        title=f"{terms.ABANDONED}: {terms.LATER[which.value]}",
        says=(*says, *cut_says(len(rows), held)),
        columns=tuple(
            Column(
                text,
                ValueUnit.SECONDS if key in _SECONDS else ValueUnit.COUNT if key == "position" else None,
                is_code=key in _CODES,
            )
            for key, text in shown.items()
        ),
        rows=rows,
        made_at=made_at,
        demo=context.is_demo,
    )
