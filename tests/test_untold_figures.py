"""What no source of a period can tell is blank on the pages, never a measured zero."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from dashboard.context import Context, Cursor
from dashboard.pages.abandoned.measured import measure_page as measure_abandoned_page
from dashboard.pages.operators.measured import measure_page as measure_operators_page
from dashboard.question import Question, read_question
from etl import pipeline
from reports.definition import Dimension, Period
from reports.limits import untold
from reports.measured import recorded
from tests.product import Product
from tests.reference_counter import LogFile

pytestmark = pytest.mark.duckdb
DAY = Period(date(2026, 10, 5), date(2026, 10, 5))
TIMES = ("rings_unanswered", "logged_in_seconds", "paused_seconds")
_NOON = 1791216000  # 12:00 of the day in La Paz


def details_in(folder: Path) -> Product:
    product = Product(folder)
    pipeline.ingest(product.store(), [Path(__file__).parent / "samples" / "call_detail" / "good.csv"])
    return product


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with closing(Context(details_in(tmp_path_factory.mktemp("details")).settings())) as context:
        yield context


def asked(store: Context, cursor: Cursor) -> Question:
    return read_question(store, f"?desde={DAY.first}&hasta={DAY.last}", recorded(cursor))


def test_exports_of_details_leave_rings_sessions_and_pauses_blank(store: Context) -> None:
    with store.reading() as (_, cursor):
        found = measure_operators_page(cursor, asked(store, cursor))
    assert found.operators and found.total.cells["answered"]
    for each in (*found.operators, found.total):
        assert [each.cells[name] for name in TIMES] == [None, None, None]


def test_exports_of_details_do_not_tell_who_hung_up(store: Context) -> None:
    with store.reading() as (_, cursor):
        found = measure_abandoned_page(cursor, asked(store, cursor))
    assert found.by_line is not None
    told = {*found.figures, *found.by_line["indicator"]}
    assert "transferred" in told and not told & {"hung_up_by_operator", "hung_up_by_caller"}
    assert Dimension.SERVICE in found.by_line


def test_beside_a_log_nothing_is_blank(tmp_path: Path) -> None:
    product = details_in(tmp_path)
    with closing(product.open()) as connection:
        assert {"rings", "sessions", "hangup"} <= untold(connection, DAY)
    product.load(LogFile("queue_log", (f"{_NOON}|NONE|NONE|NONE|CONFIGRELOAD|",)))
    with closing(product.open()) as connection:
        assert untold(connection, DAY) == frozenset()
