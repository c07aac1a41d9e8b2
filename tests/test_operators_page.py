"""The page of operators: a table by name whose figures are those of the query, one operator's day, what is saved."""

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from dash.development.base_component import Component
from openpyxl import load_workbook

from dashboard.context import Context
from dashboard.pages.operators import page_of, saved_table
from etl.records import site as sites
from reports import terms
from reports.export import csv_bytes, xlsx_bytes
from reports.figures import LIGHT
from tests.cases import DrawnLog
from tests.product import load_in
from tests.reference_counter import LogFile
from tests.served import find, texts
from tests.test_agents import name

pytestmark = pytest.mark.duckdb
# Ana works from 08:00 to 10:00 with a pause, and one call of ten minutes; her second session has no end. SIP/202 never
# logs in and takes a call of five minutes; Luz is only rung.
LOG = """
    08:00:00 | MANAGER | 101 | SIP/201 | ADDMEMBER      |
    08:05:00 | c1      | 101 | NONE    | ENTERQUEUE     || 70000001 | 1
    08:05:03 | c1      | 101 | Luz     | RINGNOANSWER   | 2500
    08:05:10 | c1      | 101 | SIP/201 | CONNECT        | 10 | 1.2 | 4
    08:15:10 | c1      | 101 | SIP/201 | COMPLETEAGENT  | 10 | 600 | 1
    08:30:00 | NONE    | 101 | SIP/201 | PAUSE          | Refrigerio
    08:45:00 | NONE    | 101 | SIP/201 | UNPAUSE        |
    09:00:00 | c2      | 102 | NONE    | ENTERQUEUE     || 70000002 | 1
    09:00:05 | c2      | 102 | SIP/202 | CONNECT        | 5 | 1.3 | 4
    09:05:05 | c2      | 102 | SIP/202 | COMPLETECALLER | 5 | 300 | 1
    10:00:00 | MANAGER | 101 | SIP/201 | REMOVEMEMBER   |
    11:00:00 | MANAGER | 101 | SIP/201 | ADDMEMBER      |
    11:30:00 | NONE    | NONE | NONE   | CONFIGRELOAD   |
"""
DAY = "?desde=2024-03-05&hasta=2024-03-05"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    product = load_in(tmp_path_factory.mktemp("operators"), ())
    name(product, [sites.PersonRule("SIP/201", "Ana Pérez", None, None)])
    product.load(LogFile("queue_log", DrawnLog(LOG).lines))
    with closing(Context(product.settings())) as context:
        yield context


def page(context: Context, search: str) -> Component:
    return page_of(context, search, LIGHT)[0]


def rows(shown: Component) -> dict[str, dict[str, Any]]:
    grid = find(shown, lambda each: getattr(each, "id", None) == "operators-table")
    total = grid.dashGridOptions["pinnedBottomRowData"]
    return {row["agent_text"]: row for row in [*grid.rowData, *total]}


def test_each_operator_has_calls_and_times_by_name_and_the_total_weighs_by_time(context: Context) -> None:
    found = rows(page(context, DAY))
    assert list(found) == ["Ana Pérez", "Luz", "SIP/202", "Total"], "persons first, by name and not by rank"
    fields = ("answered", "talk_seconds", "rings_unanswered", "logged_in_seconds", "paused_seconds", "busy_seconds",
              "staffed_seconds")  # fmt: skip
    assert {each: tuple(row[field] for field in fields) for each, row in found.items()} == {
        "Ana Pérez": (1, 600, 0, 9000, 900, 600, 8100),
        "Luz": (0, 0, 1, 0, 0, 0, 0),
        "SIP/202": (1, 300, 0, 0, 0, 0, 0),
        "Total": (2, 900, 1, 9000, 900, 600, 8100),
    }
    assert found["Ana Pérez"]["occupancy_text"] == "7,4 %" == found["Total"]["occupancy_text"]
    assert found["SIP/202"]["occupancy_text"] == terms.BLANK, "without a session there is no occupancy"


def test_what_a_rule_ended_and_who_never_logs_in_are_marked(context: Context) -> None:
    found = rows(page(context, DAY))
    assert found["Ana Pérez"]["mark"] == "sin salida: 00:30:00"
    assert found["SIP/202"]["mark"] == "sin nombre; sin sesión: 1 media hora"


def test_interfaces_without_a_name_stand_after_the_persons_and_lead_to_where_they_get_one(context: Context) -> None:
    shown = page(context, DAY)
    assert [name for name, row in rows(shown).items() if "sin nombre" in row["mark"]] == ["Luz", "SIP/202"]
    assert "Las 2 últimas son interfaces sin nombre." in texts(shown)


def test_the_calls_of_an_operator_and_the_operators_days_are_a_click_away(context: Context) -> None:
    row = rows(page(context, DAY))["Ana Pérez"]
    assert "operador=Ana+P%C3%A9rez" in row["answered_href"] and row["answered_href"].startswith("/llamadas?")
    assert row["agent_href"] == "/operadores?desde=2024-03-05&hasta=2024-03-05&operador=Ana+P%C3%A9rez"


def test_an_operators_day_shows_sessions_pauses_and_calls(context: Context) -> None:
    shown = page(context, f"{DAY}&operador=Ana+P%C3%A9rez&dia=2024-03-05")
    text = texts(shown)
    for told in (
        "Sesión 08:00:00 10:00:00 02:00:00",
        "Sesión 11:00:00 11:30:00 00:30:00 abierta al último dato",
        "Pausa 08:30:00 08:45:00 00:15:00 Refrigerio",
        "Pausas por motivo: Ana Pérez",
    ):
        assert told in " ".join(text.split()), told
    chart = find(shown, lambda each: getattr(each, "id", None) == "operators-day")
    assert [list(trace["base"]) for trace in chart.figure["data"]] == [
        [8.0, 11.0],
        [8.5],
        [pytest.approx(8 + 310 / 3600)],
    ]


def test_a_line_narrows_the_calls_and_says_that_time_is_of_no_line(context: Context) -> None:
    shown = page(context, f"{DAY}&linea=102")
    found = rows(shown)
    assert found["Total"]["answered"] == 1 and found["Total"]["logged_in_seconds"] == 9000
    assert "no es de ninguna línea" in texts(shown)


def test_of_a_line_the_calls_drawn_are_said_to_be_of_all_lines(context: Context) -> None:
    says = "El dibujo muestra las llamadas de todas las líneas."
    assert says in texts(page(context, f"{DAY}&operador=Ana Pérez&linea=102"))
    assert says not in texts(page(context, f"{DAY}&operador=Ana Pérez"))


@pytest.mark.parametrize("day", ["0001-01-01", "2024-03-04", "2024-03-06", "9999-12-31"])
def test_a_day_outside_the_period_is_told_and_not_drawn(context: Context, day: str) -> None:
    shown = texts(page(context, f"{DAY}&operador=Ana Pérez&dia={day}"))
    assert "No se pueden mostrar estas cifras" in shown and "no es del período pedido" in shown


@pytest.mark.parametrize("search", ["?desde=x", f"{DAY}&operador=Luz&dia=ayer"])
def test_what_cannot_be_shown_says_why(context: Context, search: str) -> None:
    assert "No se pueden mostrar estas cifras" in texts(page(context, search))


def test_who_is_not_there_in_another_period_is_told_above_those_who_are(context: Context) -> None:
    shown = page(context, f"{DAY}&operador=Nadie")
    assert "No hay operador(a) «Nadie» en 05/03/2024" in texts(shown) and "Ana Pérez" in rows(shown)


def test_a_period_without_a_log_has_no_zeros(context: Context) -> None:
    assert "No hay registro de enero de 2024" in texts(page(context, "?mes=2024-01"))


def test_what_is_seen_is_saved_with_both_sides(context: Context) -> None:
    table = saved_table(context, DAY, "operators")
    assert table is not None and table.total
    headings = [column.heading for column in table.columns]
    ana = dict(zip(headings, table.rows[0], strict=True))
    assert (ana["Ocupado"], ana["Ocupado o disponible"]) == (600, 8100)
    assert ana["Ocupación"] == pytest.approx(600 / 8100)
    assert ana["Atendidas con conversación conocida"] == 1 and ana["Promedio de atención"] == 600
    assert "Ana Pérez" in csv_bytes(table).decode("utf-8-sig")
    sheet = load_workbook(BytesIO(xlsx_bytes(table))).active
    assert sheet is not None and "Ana Pérez" in {cell.value for row in sheet.iter_rows() for cell in row}
    duty = saved_table(context, DAY, "duty")
    assert duty is not None and [row[0] for row in duty.rows][:2] == ["08:00", "08:30"]
    reasons = saved_table(context, DAY, "reasons")
    assert reasons is not None and reasons.rows == [["Refrigerio", 900], [terms.TOTAL, 900]]
    assert saved_table(context, DAY, "other") is None


def test_the_days_of_one_operator_are_saved_as_they_are_shown(context: Context) -> None:
    table = saved_table(context, f"{DAY}&operador=Ana+P%C3%A9rez&dia=2024-03-05", "days")
    assert table is not None and table.title == "Días de Ana Pérez" and table.columns[0].heading == "Día"
    assert [(f"{row[0]:%d/%m/%Y}", row[1], row[2]) for row in table.rows] == [("05/03/2024", 1, 600)]
    assert saved_table(context, DAY, "days") is None


def test_without_data_the_page_says_what_to_do(empty_context: Context) -> None:
    assert "Todavía no hay datos" in texts(page(empty_context, ""))


def test_two_spellings_of_one_person_are_pointed_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    log = """
        08:00:00 | MANAGER | 101 | SIP/201 | ADDMEMBER     |
        08:05:00 | c1      | 101 | NONE    | ENTERQUEUE    || 70000001 | 1
        08:05:10 | c1      | 101 | Ana     | CONNECT       | 10 | 1.2 | 4
        08:15:10 | c1      | 101 | Ana     | COMPLETEAGENT | 10 | 600 | 1
    """
    product = load_in(tmp_path_factory.mktemp("alike"), [LogFile("queue_log", DrawnLog(log).lines)])
    with closing(Context(product.settings())) as context:
        said = texts(page(context, DAY))
    assert "Tienen sesión y ninguna llamada: SIP/201; llamadas y ninguna sesión: Ana." in said
