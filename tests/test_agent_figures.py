"""Every figure of operators' time has a worked example, and a total that is no mean of means."""

from datetime import date, datetime
from typing import Any

import duckdb
import pandas as pd
import pytest

from reports.agent_indicators import AGENT_INDICATORS
from reports.definition import Dimension, Period, Subject, month
from reports.indicators import BY_NAME
from reports.kpi import render
from reports.query import QueryError, measure
from reports.rules import Rules
from tests.drawn_calls import drawn

RULES = Rules.default()
OCTOBER = month("2026-10")
_SECONDS = ("session", "ruled", "paused", "busy", "staffed", "talked")
# One morning: Ana works two half hours and drinks coffee in between, Eva never logs in, Luz only rings.
MORNING = """
    at               | agent | reason     | session | ruled | paused | busy | staffed | talked | with | rung
    2026-10-05 08:00 | Ana   | -          | 1800    | 0     | 0      | 1200 | 1800    | 1200   | 1            | 0
    2026-10-05 08:30 | Ana   | -          | 900     | 0     | 0      | 300  | 900     | 300    | 1            | 0
    2026-10-05 08:30 | Ana   | Refrigerio | 600     | 0     | 600    | 0    | 0       | 0      | 0            | 0
    2026-10-05 08:30 | Ana   |            | 300     | 300   | 240    | 60   | 60      | 60     | 0            | 0
    2026-10-05 08:30 | Eva   | -          | 0       | 0     | 0      | 0    | 0       | 700    | 0            | 1
    2026-10-05 09:00 | Luz   | -          | 0       | 0     | 0      | 0    | 0       | 0      | 0            | 1
"""
RINGS = """
    at               | agent | queue | rings | milliseconds
    2026-10-05 08:30 | Ana   | 101   | 2     | 15000
    2026-10-05 09:00 | Luz   | 102   | 1     | 4600
"""
EXAMPLES = """
    indicator               | numerator | denominator | value
    occupancy               | 1560      | 2760        | 0.565217
    logged_in_seconds       | 3600      |             | 3600
    ruled_session_seconds   | 300       |             | 300
    paused_seconds          | 840       |             | 840
    rings_unanswered        | 3         |             | 3
    operators_on_duty       | 7200      | 5400        | 1.333333
    operators_by_activity   | 2         |             | 2
"""
EXPECTED = {row["indicator"]: row for row in drawn(EXAMPLES)}


def warehouse(times: str = "", rings: str = "") -> duckdb.DuckDBPyConnection:
    """A connection as readers have it, with operators' time filled from drawings."""
    connection = duckdb.connect(config={"threads": 1})
    columns = ", ".join(f"{name}_seconds INTEGER" for name in _SECONDS)
    connection.execute(f"""
        CREATE SCHEMA core; CREATE SCHEMA meta;
        CREATE TABLE meta.call_months (month VARCHAR, alias VARCHAR, loads VARCHAR);
        CREATE TABLE core.agent_times (on_date DATE, on_hour UTINYINT, half_hour UTINYINT, agent VARCHAR, queue VARCHAR,
            reason VARCHAR, {columns}, with_session UTINYINT, with_activity UTINYINT, rings INTEGER,
            ring_milliseconds BIGINT, person VARCHAR, answered BOOLEAN)
    """)
    for row in drawn(times) if times else []:
        reason = None if row["reason"] == "-" else row["reason"]
        seconds = [int(row[name]) for name in (*_SECONDS, "with", "rung")]
        _insert(connection, row, None, reason, *seconds, 0, 0)
    for row in drawn(rings) if rings else []:
        _insert(connection, row, row["queue"], None, *[0] * 8, int(row["rings"]), int(row["milliseconds"]))
    return connection


def _insert(connection: duckdb.DuckDBPyConnection, row: dict[str, str], *values: Any) -> None:
    at = datetime.fromisoformat(row["at"])
    cells = [at.date(), at.hour, at.hour * 2 + at.minute // 30, row["agent"], *values, None, True]
    connection.execute(f"INSERT INTO core.agent_times VALUES ({', '.join('?' * len(cells))})", cells)


def test_every_figure_of_operators_time_has_a_worked_example() -> None:
    assert set(EXPECTED) == {item.name for item in AGENT_INDICATORS}
    assert all(BY_NAME[name].subject is Subject.AGENTS for name in EXPECTED)


@pytest.mark.duckdb
@pytest.mark.parametrize("name", EXPECTED)
def test_a_figure_gives_its_worked_example_whole_and_by_everything_it_is_split_by(name: str) -> None:
    connection, expected = warehouse(MORNING, RINGS), EXPECTED[name]
    row = measure(connection, RULES, [name], OCTOBER).astype(object).iloc[0]
    for column in ("numerator", "denominator"):
        assert ("" if pd.isna(row[column]) else str(row[column])) == expected[column], column
    assert row["value"] == pytest.approx(float(expected["value"]), abs=1e-6)
    for dimension in BY_NAME[name].dimensions:
        frame = measure(connection, RULES, [name], OCTOBER, by=[dimension], total=True)
        assert str(frame["numerator"].iloc[-1]) == expected["numerator"], dimension


@pytest.mark.duckdb
def test_who_never_logs_in_has_no_occupancy() -> None:
    frame = measure(warehouse(MORNING, RINGS), RULES, ["occupancy", "operators_by_activity"], OCTOBER, by=["agent"])
    found = {(row.indicator, row.agent): (row.numerator, row.value) for row in frame.itertuples()}
    assert found["occupancy", "Ana"] == (1560, pytest.approx(1560 / 2760))
    assert found["occupancy", "Eva"][0] == 0 and pd.isna(found["occupancy", "Eva"][1])
    assert found["operators_by_activity", "Eva"] == (1, 1.0)


@pytest.mark.duckdb
def test_pauses_are_split_by_reason_and_rings_by_queue() -> None:
    connection = warehouse(MORNING, RINGS)
    reasons = measure(connection, RULES, ["paused_seconds"], OCTOBER, by=["reason"])
    assert dict(zip(reasons["reason"], reasons["numerator"], strict=True)) == {"Refrigerio": 600, "sin motivo": 240}
    rings = measure(connection, RULES, ["rings_unanswered"], OCTOBER, by=["queue"])
    assert dict(zip(rings["queue"], rings["numerator"], strict=True)) == {"101": 2, "102": 1}
    only = measure(connection, RULES, ["paused_seconds"], OCTOBER, where={"reason": "sin motivo", "agent": "Ana"})
    assert only["numerator"].tolist() == [240]


@pytest.mark.duckdb
@pytest.mark.parametrize("dimension", [Dimension.SERVICE, Dimension.CAUSE, Dimension.QUEUE])
def test_occupancy_has_no_line_nor_queue(dimension: Dimension) -> None:
    with pytest.raises(QueryError, match="«Ocupación» no se mide por"):
        measure(warehouse(), RULES, ["occupancy"], OCTOBER, by=[dimension])


@pytest.mark.duckdb
def test_without_anybody_in_session_nothing_is_divided() -> None:
    frame = measure(warehouse(), RULES, ["occupancy", "operators_on_duty"], OCTOBER)
    assert frame["denominator"].tolist() == [0, 0] and frame["value"].isna().all()


@pytest.mark.duckdb
def test_a_mean_of_people_is_not_printed_as_a_whole_number() -> None:
    table = render(measure(warehouse(MORNING, RINGS), RULES, ["operators_on_duty"], OCTOBER), "table")
    assert table.split()[-1] == "1,3"


@pytest.mark.duckdb
def test_the_total_weighs_by_time_and_is_no_mean_of_ratios() -> None:
    """As Charlotte's report: a quiet half hour of few people weighs little."""
    times = """
        at               | agent | reason | session | ruled | paused | busy | staffed | talked | with | rung
        2026-10-05 08:00 | Ana   | -      | 1800    | 0     | 0      | 180  | 1800    | 180    | 1            | 0
        2026-10-05 08:30 | Ana   | -      | 1800    | 0     | 0      | 1710 | 1800    | 1710   | 1            | 0
        2026-10-05 08:30 | Eva   | -      | 1800    | 0     | 0      | 1710 | 1800    | 1710   | 1            | 0
        2026-10-05 08:30 | Luz   | -      | 1800    | 0     | 0      | 1710 | 1800    | 1710   | 1            | 0
    """
    frame = measure(warehouse(times), RULES, ["occupancy"], OCTOBER, by=["interval"], total=True)
    assert frame["value"].tolist() == pytest.approx([0.1, 0.95, 5310 / 7200])
    assert frame["value"].iloc[-1] != pytest.approx(frame["value"].iloc[:2].mean())


@pytest.mark.duckdb
def test_other_days_are_left_out_and_unknown_operators_refused() -> None:
    connection = warehouse(MORNING, RINGS)
    day = Period(date(2026, 10, 6), date(2026, 10, 6))
    assert measure(connection, RULES, ["logged_in_seconds"], day)["numerator"].tolist() == [0]
    with pytest.raises(QueryError, match="No hay operador"):
        measure(connection, RULES, ["logged_in_seconds"], OCTOBER, where={"agent": "Nadie"})
