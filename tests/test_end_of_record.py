"""The record of a PBX ends with the last event of its queues: not with a period's end, a CDR's or another PBX's."""

from collections.abc import Callable
from datetime import date

import pytest

from etl import pipeline
from etl.exports import Told
from etl.views import months_between
from tests.product import Product
from tests.records_log import Leg, master
from tests.reference_counter import LogFile
from tests.table_files import csv_of

pytestmark = pytest.mark.duckdb
#: 5 March 2024, 08:00 in La Paz; the log below ends at 09:00:10.
START = 1_709_640_000
LINES = (
    (0, "NONE", "101", "SIP/1", "ADDMEMBER", ""),
    (60, "c1", "101", "NONE", "ENTERQUEUE", "", "70700001", "1"),
    (65, "c1", "101", "SIP/1", "CONNECT", "5"),
    (95, "c1", "101", "SIP/1", "COMPLETECALLER", "5", "30", "1"),
    (3600, "c2", "101", "NONE", "ENTERQUEUE", "", "70700002", "1"),
    (3610, "c2", "101", "NONE", "ABANDON", "1", "1", "10"),
)


def log(pbx: str, days: int = 0) -> LogFile:
    lines = [
        "|".join([str(START + days * 86_400 + after), f"{pbx}-{callid}" if callid != "NONE" else callid, *rest])
        for after, callid, *rest in LINES
    ]
    return LogFile(f"log-{pbx}", tuple(lines), pbx)


def load_export(product: Product) -> None:
    path = product.folder / "in" / "marzo.csv"
    path.write_bytes(
        csv_of([["Fecha", "Atendidas", "% Atend", "Sin atender", "% Desat"], ["2024-03-05", "1", "50 %", "1", "50 %"]])
    )
    told = Told(date(2024, 3, 1), date(2024, 3, 31), "101")
    assert [report.state for report in pipeline.ingest(product.store(), [path], told=told)] == ["published"]


def load_other_pbx(product: Product) -> None:
    product.load(log("b", days=20))


def load_calls_before_the_queue(product: Product) -> None:
    product.load(LogFile("Master.csv", master([Leg(at=20 * 86_400, number=9)]), "a"))


@pytest.mark.parametrize("load_more", [load_export, load_other_pbx, load_calls_before_the_queue])
def test_nothing_but_events_of_its_own_queues_prolongs_a_pbx(
    product: Product, load_more: Callable[[Product], None]
) -> None:
    product.load(log("a"))
    first, last = date(2024, 3, 1), date(2024, 3, 31)

    def ends() -> tuple[object, ...]:
        with product.one_connection():
            calls = months_between(product.open(), "core.line_calls_by_next_call", first, last)
            return (
                product.rows("SELECT until_epoch - began_epoch, ended_by FROM core.agent_spans WHERE pbx = 'a'"),
                product.rows(
                    "SELECT SUM(session_seconds) FROM core.agent_half_hours WHERE on_date = DATE '2024-03-05'"
                ),
                product.rows(f"SELECT observed_seconds FROM {calls} WHERE pbx = 'a' ORDER BY ALL"),
            )

    before = ends()
    assert before == ([(3610, "data_end")], [(3610,)], [(10,), (3550,)])
    load_more(product)
    assert ends() == before
