"""A month drawn small, with the months it is compared with: what the monthly book is tested on.

October 2026: 101 meets its target, 102 misses it by one call, 103 has only an open call, 104 has a queue and no call,
the rest no record; two calls without a line; 12 and 13 have no log. September is there whole, October 2025 one day.
"""

import calendar

import duckdb

from etl.warehouse import Generation
from reports.measured import recorded
from reports.rules import Rules
from reports.workbook.handover import Book
from reports.workbook.monthly import monthly_workbook
from tests.drawn_calls import warehouse

MONTH = "2026-10"
CALLS = """
entered          | line | queue | outcome        | wait | talk | many
2025-10-06 09:00 | 101  | 101   | answered       | 10   | 60   | 3
2025-10-06 09:30 | 101  | 101   | caller_hung_up | 40   | -    | 1
2026-09-07 10:00 | 101  | 101   | answered       | 20   | 100  | 4
2026-09-07 10:00 | 102  | 102   | caller_hung_up | 30   | -    | 1
2026-10-05 08:00 | 101  | 101   | answered       | 5    | 61   | 7
2026-10-05 08:29 | 101  | 101   | answered       | 20   | 200  | 2
2026-10-05 08:30 | 101  | 101   | answered       | 21   | -    | 1
2026-10-06 08:30 | 102  | 102   | answered       | 20   | 90   | 3
2026-10-06 23:59 | 102  | 102   | timeout        | 60   | -    | 1
2026-10-07 12:00 | 102  | 102   | caller_hung_up | 3    | -    | 1
2026-10-07 12:00 | 102  | 102   | answered       | -    | 50   | 1
2026-10-08 15:00 | 103  | 103   | open           | -    | -    | 1
2026-10-31 00:00 | -    | 9999  | answered       | 12   | 30   | 2
"""
MAPPING = """
queue | did | line | from | to
101   |     | 101  |      |
102   |     | 102  |      |
103   |     | 103  |      |
104   |     | 104  |      |
"""
WITHOUT_LOG = ("2026-10-12", "2026-10-13")
MADE = Generation(
    number=7, made_at="2026-11-02T12:30:00.5", code="", mapping="", rules={}, loads=(), segments=(),
    last_epochs={"default": 1793505599},
)  # fmt: skip


def drawn_store() -> duckdb.DuckDBPyConnection:
    """The connection, as a generation in service hands one over."""
    days = ["2025-10-06"]
    for month in (9, 10):
        days += [f"2026-{month:02}-{day:02}" for day in range(1, calendar.monthrange(2026, month)[1] + 1)]
    log = "day\n" + "\n".join(day for day in days if day not in WITHOUT_LOG)
    named = "".join(f"\n2026-10-05 | {queue}" for queue in ("101", "102", "103", "104", "9999"))
    return warehouse(CALLS, log, "day | queue" + named, MAPPING)


def drawn_book(store: duckdb.DuckDBPyConnection, text: str = MONTH, *, demo: bool = False) -> Book:
    """The book of a month of the drawn store, by the manual's rules."""
    return monthly_workbook(MADE, store, Rules.default(), text, recorded(store), demo=demo)
