"""The page before the queue: its counts, their lists, its files, and what it says where nothing is known."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import saving
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.filters import Filters
from dashboard.pages import LISTINGS, before_queue
from dashboard.work.exports import ExportError
from etl.records.models import Job
from reports.cdr import RecordedDays
from reports.definition import Period
from tests.callbacks import body_of
from tests.drawn_log import answered
from tests.people import DOOR, SignedIn
from tests.product import Product
from tests.records_log import master
from tests.reference_counter import LogFile
from tests.test_before_queue import MORE

MARCH = "?desde=2024-03-05&hasta=2024-03-05"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    product = Product(tmp_path_factory.mktemp("page"))
    product.load(LogFile("queue_log", tuple(answered(0, "1"))), LogFile("Master.csv", master(MORE, new_columns=True)))
    with closing(Context(product.settings())) as context:
        yield context


def said(context: Context, search: str) -> str:
    return str(before_queue.page_of(context, search).body.to_plotly_json())


def test_each_count_stands_beside_its_line_and_leads_to_its_calls(context: Context) -> None:
    page = said(context, MARCH)
    assert "4200400 Contact Center" in page
    assert "1 de 1 día" in page
    links = re.findall(r"href='(/antes-de-la-cola[^']+)'", page)
    assert "/antes-de-la-cola?desde=2024-03-05&hasta=2024-03-05&linea=4200400&que=menu" in links
    for link in links:
        opened = said(context, link.partition("?")[2])
        assert "Última aplicación" in opened


def test_a_list_holds_as_many_calls_as_its_count_and_nobodys_number(context: Context) -> None:
    page = said(context, f"{MARCH}&que=menu")
    assert "Colgaron en el menú: 3" in page
    assert page.count("1709640000.") == 3
    assert not any(number in page for number in ("70012345", "70019999"))
    # In pages, of which no address asks for more than there are.
    assert "Página" not in said(context, f"{MARCH}&que=menu&pagina=999")


def test_what_cannot_be_shown_is_told(context: Context) -> None:
    assert "no es una fecha" in said(context, "?desde=ayer&hasta=2024-03-05")
    assert "no es una de las causas" in said(context, f"{MARCH}&que=otra")
    for line in ("999", "101&linea=999"):
        assert "No hay línea «999»" in said(context, f"{MARCH}&linea={line}")
        assert before_queue.saved_list(context, f"{MARCH}&que=todas&linea={line}", 100) is None
    with pytest.raises(ExportError, match="No hay línea «999»"):
        before_queue.plain_address(context, f"{MARCH}&que=todas&linea=999")
    assert "No hay línea" not in said(context, f"{MARCH}&linea=sin+línea")


def test_what_is_shown_is_saved(context: Context) -> None:
    lines = before_queue.saved_table(context, MARCH, "lines", 100)
    assert lines is not None
    assert [row[:3] for row in lines.rows] == [
        ["101 Reclamos Técnicos", 1, 0], ["4200224 Guía Comercial", 1, 0], ["4200400 Contact Center", 4, 1],
        ["4251000 Central Telefónica", 2, 0], ["sin línea", 1, 0], ["Total", 9, 1],
    ]  # fmt: skip
    calls = before_queue.saved_list(context, f"{MARCH}&que=refused&linea=101", 100)
    assert calls is not None
    assert [row[2:5] for row in calls.rows] == [["Rechazadas en la puerta", "Queue", "NO ANSWER"]]
    assert before_queue.saved_table(context, MARCH, "something", 100) is None
    assert before_queue.saved_list(context, f"{MARCH}&que=otra", 100) is None


def test_a_file_that_does_not_hold_the_whole_list_says_so(context: Context) -> None:
    whole = before_queue.saved_list(context, f"{MARCH}&que=menu", 3)
    cut = before_queue.saved_list(context, f"{MARCH}&que=menu", 2)
    assert whole is not None and cut is not None
    assert "Las primeras 2 de 3" in cut.says and not any("primeras" in each for each in whole.says)


def test_a_long_list_is_made_by_the_worker_and_a_short_one_sent(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(context, DOOR)
    choice = {"part": "calls", "ending": "xlsx"}
    shown = {"search": f"{MARCH}&que=menu", "scheme": "light", "generation": context.generation_in_service()}
    body = body_of(app, "before-file.data", {"triggered": choice, "before-shown.data": {**shown, "address": MARCH}})
    client = SignedIn(context, app=app)
    short = client.post("/_dash-update-component", json=body).text
    assert "antes-de-la-cola" in json.loads(short)["response"]["before-file"]["data"]["filename"]
    monkeypatch.setattr(saving, "AT_ONCE_ROWS", 2)
    long = json.loads(client.post("/_dash-update-component", json=body).text)
    assert "before-file" not in long.get("response", {}) and long["sideUpdate"]["exports-pressed"]["data"]
    with Session(context.records) as session:
        (job,) = session.scalars(select(Job))
        assert job.asked["address"] == f"{MARCH}&que=menu"
    assert LISTINGS[before_queue.PATH].table_of is before_queue.LISTING.table_of


def test_without_any_record_of_calls_the_page_says_so(store_context: Context, empty_context: Context) -> None:
    page = said(store_context, MARCH)
    assert "Sin registro detallado de llamadas" in page
    assert "Rechazadas" not in page
    assert before_queue.saved_table(store_context, MARCH, "lines", 100) is None
    assert "Todavía no hay datos" in said(empty_context, "")


def test_thousands_of_days_are_written_alike_on_both_sides() -> None:
    years = Period(date(2021, 1, 1), date(2024, 12, 31))
    says = before_queue._covered(RecordedDays(years.first, years.last, 1461), Filters(years))
    assert "llamadas en 1.461 de 1.461 días" in says


def test_a_period_without_records_is_no_zero(context: Context) -> None:
    page = said(context, "?desde=2024-04-01&hasta=2024-04-30")
    assert "0 de 30 días" in page
    assert "no tiene llamadas de afuera" in page
