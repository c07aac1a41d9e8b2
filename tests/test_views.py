"""What readers see of the segments: calls counted by wait are the calls themselves, a period needs its months only."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from etl.model import WITHIN_SECONDS
from etl.views import BY_HALF_HOUR, BY_WAIT, CALL_TABLES, months_between
from reports import query
from reports.definition import Dimension, Facts, Indicator, Period
from reports.indicators import BY_NAME, OF_CALLS
from reports.query import measure
from reports.rollup import counted_in
from reports.rules import Parameter, Rules
from tests.business import store_in
from tests.drawn_calls import with_parameter
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


@pytest.mark.parametrize("table", ["core.queue_visits", "core.line_calls", "core.calls"])
def test_counts_by_half_hour_are_those_of_the_calls(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    within = [f"SUM(CASE WHEN answered AND wait_seconds <= {n} THEN 1 ELSE 0 END)" for n in WITHIN_SECONDS]
    counted = connection.execute(
        f"""SELECT entered_date, entered_half_hour, service, COUNT(*), MAX(wait_seconds), {", ".join(within)}
        FROM {table} WHERE registered GROUP BY entered_date, entered_half_hour, service ORDER BY ALL"""
    ).fetchall()
    names = ", ".join(f"SUM(answered_within_{n})" for n in WITHIN_SECONDS)
    added = connection.execute(
        f"""SELECT entered_date, entered_half_hour, service, SUM(calls), MAX(longest_wait), {names}
        FROM {table}_by_half_hour GROUP BY entered_date, entered_half_hour, service ORDER BY ALL"""
    ).fetchall()
    assert counted == added and len(counted) > 50


CHANGING = with_parameter(
    Parameter("threshold_seconds", 20, None, date(2024, 2, 29), ""),
    Parameter("threshold_seconds", 30, date(2024, 3, 1), None, ""),
)


THRESHOLDS = {
    "the rule": RULES_OF_TEST,
    "least on trial": RULES_OF_TEST.trying_threshold(10),
    "most on trial": RULES_OF_TEST.trying_threshold(60),
    "changing": CHANGING,
}


@pytest.mark.parametrize(
    ("indicator", "rules"),
    [
        pytest.param(indicator, rules, id=f"{indicator.name}, {name}")
        for indicator in OF_CALLS
        if indicator.facts is Facts.OUTCOME  # the others have no counts
        for name, rules in THRESHOLDS.items()
        if rules is RULES_OF_TEST or "threshold_seconds" in indicator.parameters
    ],
)
def test_an_indicator_is_the_same_counted_call_by_call(
    indicator: Indicator, rules: Rules, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    dimensions = sorted(indicator.dimensions)
    questions = [
        (by, unit)
        for by in ([], *([dimension] for dimension in dimensions), [Dimension.WEEKDAY, Dimension.INTERVAL])
        for unit in sorted(indicator.units)
        if unit == "visit" or not {Dimension.QUEUE, Dimension.AGENT}.intersection(by)
    ]
    assert len(questions) > 8

    def answers() -> list[str]:
        frames = [measure(connection, rules, [indicator], PERIOD, by, unit=unit) for by, unit in questions]
        return [frame.to_csv() for frame in frames]

    added_up = answers()
    monkeypatch.setattr(query, "counted_in", lambda *_: "")
    assert answers() == added_up


@pytest.mark.parametrize(
    ("name", "by", "table"),
    [
        ("service_level", [], BY_HALF_HOUR),
        ("service_level", [Dimension.WEEKDAY, Dimension.INTERVAL], BY_HALF_HOUR),
        ("service_level", [Dimension.QUEUE], ""),
        ("service_level_sl2", [Dimension.DAY], BY_WAIT),
        ("service_level_sl2", [Dimension.HOUR], ""),
        ("service_level_asternic", [], ""),
        ("abandoned", [Dimension.CAUSE], BY_WAIT),
        ("wait_distribution", [Dimension.OUTCOME, Dimension.WAIT_CLASS], BY_WAIT),
        ("asa", [Dimension.HOUR], BY_HALF_HOUR),
    ],
)
def test_a_figure_is_read_where_the_fewest_rows_tell_it(name: str, by: list[Dimension], table: str) -> None:
    assert counted_in(BY_NAME[name], by, [20]) == table


@pytest.mark.parametrize("thresholds", [[], [9], [61], [20, 30]])
def test_a_threshold_that_was_not_added_up_is_counted_by_wait(thresholds: list[int]) -> None:
    assert counted_in(BY_NAME["service_level"], [Dimension.DAY], thresholds) == BY_WAIT
    assert counted_in(BY_NAME["registered"], [Dimension.DAY], thresholds) == BY_HALF_HOUR


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
