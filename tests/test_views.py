"""What readers see of the segments: calls counted by wait are the calls themselves, a period needs its months only."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from etl.views import CALL_TABLES, months_between
from reports import query
from reports.axes import AXES
from reports.definition import Dimension, Period
from reports.indicators import INDICATORS
from reports.query import measure
from reports.rules import Rules
from tests.business import store_in
from tests.product import Product
from tests.reference_counter import LogFile
from tests.test_increments import OTHER_RULES, RULES, told_log

pytestmark = pytest.mark.duckdb
COUNTED_BY = "entered_date, service, counted, registered, answered, is_open, cause, wait_seconds"
PERIOD = Period(date(2023, 12, 1), date(2024, 6, 30))
RULES_OF_TEST = Rules.default()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Some thousand lines of nonsense over several months, loaded in two parts, and then mapped otherwise."""
    chance = random.Random(11)
    logs = [LogFile(str(number), told_log(chance, callids=40, lines=700)) for number in range(6)]
    product = store_in(tmp_path_factory.mktemp("views"), logs, RULES, at_once=False)
    product.map(OTHER_RULES)
    return product


@pytest.fixture(scope="module")
def connection(product: Product) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = product.open()
    yield connection
    connection.close()


@pytest.mark.parametrize("table", ["core.queue_visits", "core.line_calls", "core.calls"])
def test_counts_by_wait_are_those_of_the_calls(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    sums = "CAST(SUM(calls) AS BIGINT), CAST(SUM(talks) AS BIGINT), CAST(COALESCE(SUM(talk_seconds), 0) AS BIGINT)"
    counted, added = (
        connection.execute(f"SELECT {COUNTED_BY}, {sums} FROM {name} GROUP BY {COUNTED_BY} ORDER BY ALL").fetchall()
        for name in (table, f"{table}_by_wait")
    )
    assert counted == added and sum(row[-3] for row in counted) > 100


@pytest.mark.parametrize("indicator", [item for item in INDICATORS if item.units != {"visit"}], ids=lambda i: i.name)
def test_an_indicator_is_the_same_counted_call_by_call(
    indicator: query.Indicator, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [
        (dimension, unit)
        for dimension in [d for d in Dimension if d in indicator.dimensions and not AXES[d].by_call]
        for unit in sorted(indicator.units)
    ]
    assert len(questions) >= 12

    def answers() -> list[str]:
        frames = [measure(connection, RULES_OF_TEST, [indicator], PERIOD, [by], unit=unit) for by, unit in questions]
        return [frame.to_csv() for frame in frames]

    by_wait = answers()
    monkeypatch.setattr(query, "_table", lambda item, unit, _: query.TABLES[item.subject, unit])
    assert answers() == by_wait


@pytest.mark.parametrize("table", CALL_TABLES)
def test_the_months_of_a_period_hold_all_its_calls(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    days = [day for (day,) in connection.execute(f"SELECT DISTINCT entered_date FROM {table} ORDER BY 1").fetchall()]
    assert len({f"{day:%Y-%m}" for day in days}) > 1
    chance = random.Random(5)
    for _ in range(10):
        first, last = sorted(chance.choices([*days, days[0] - timedelta(days=40), days[-1] + timedelta(days=40)], k=2))
        narrow = months_between(connection, table, first, last)
        within = f"WHERE entered_date BETWEEN DATE '{first}' AND DATE '{last}'"
        counts = [connection.execute(f"SELECT COUNT(*) FROM {each} {within}").fetchall() for each in (table, narrow)]
        assert counts[0] == counts[1]


def test_a_period_reads_no_other_month(connection: duckdb.DuckDBPyConnection) -> None:
    source = months_between(connection, "core.line_calls", date(2024, 3, 1), date(2024, 3, 31))
    assert "calls_2024_03." in source and "calls_2024_02." not in source
    assert connection.execute(f"SELECT COUNT(*) FROM {source} WHERE entered_date < DATE '2024-03-01'").fetchone() == (
        0,
    )


def test_a_period_before_all_calls_is_empty_and_not_an_error(connection: duckdb.DuckDBPyConnection) -> None:
    found = measure(connection, RULES_OF_TEST, ["registered"], Period(date(1999, 1, 1), date(1999, 1, 31)))
    assert list(found["numerator"]) == [0]


def test_only_tables_by_month_are_narrowed(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match=r"core\.restarts is none of"):
        months_between(connection, "core.restarts", PERIOD.first, PERIOD.last)


def test_a_store_without_a_line_has_its_tables(tmp_path: Path) -> None:
    product = Product(tmp_path)
    product.load(LogFile("only", ("not a line",) * 1 + (f"{1709640000}|1.1|q|NONE|ADDMEMBER|",)))
    for table in CALL_TABLES:
        assert product.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]
