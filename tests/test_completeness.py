"""A period says what of it is on record, and an empty day says whether nobody called or nothing is known."""

from datetime import date

import pytest

from reports.completeness import completeness
from reports.definition import Period, month
from reports.rules import Parameter, Rules
from tests.drawn_calls import warehouse, with_parameter

pytestmark = pytest.mark.duckdb

RULES = Rules.default()
WEEK = Period(date(2026, 10, 1), date(2026, 10, 4))
LOG = "\n".join(["day", *(f"2026-10-0{day}" for day in (1, 2, 4))])


def states(connection: object, period: Period = WEEK, rules: Rules = RULES) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in completeness(connection, rules, period).line_days:
        found.setdefault(item.service, []).append(item.state)
    return found


def test_a_lines_day_has_data_or_no_calls_or_no_record() -> None:
    connection = warehouse(
        calls="entered | line\n2026-10-01 08:00 | 101",
        log=LOG,
        queues="day | queue\n2026-10-01 | 101\n2026-10-02 | 102",
    )
    found = states(connection)
    assert found["101"] == ["con datos", "sin llamadas", "sin registro", "sin llamadas"]
    assert found["102"] == ["sin llamadas", "sin llamadas", "sin registro", "sin llamadas"]
    assert found["103"] == ["sin registro"] * 4


def test_the_text_says_days_and_lines() -> None:
    log = "\n".join(["day", *(f"2026-10-{day:02}" for day in range(1, 32))])
    queues = "\n".join(["day | queue", *(f"2026-10-01 | {line}" for line in RULES.counted_lines(WEEK)[:11])])
    found = completeness(warehouse(log=log, queues=queues), RULES, month("2026-10"))
    assert found.text == "31 de 31 días, 11 de 12 líneas"
    assert found.lines_with_record == RULES.counted_lines(WEEK)[:11]
    assert not found.is_whole


def test_one_day_is_written_in_the_singular() -> None:
    day = Period(date(2026, 10, 3), date(2026, 10, 3))
    assert completeness(warehouse(log=LOG), RULES, day).text == "0 de 1 día, 0 de 12 líneas"


def test_everything_on_record_is_whole() -> None:
    queues = "\n".join(["day | queue", *(f"2026-10-01 | {line}" for line in RULES.counted_lines(WEEK))])
    day = Period(date(2026, 10, 1), date(2026, 10, 1))
    assert completeness(warehouse(log=LOG, queues=queues), RULES, day).is_whole


def test_a_queue_counts_for_the_lines_the_site_says_and_only_while_it_says_so() -> None:
    connection = warehouse(
        log=LOG,
        queues="day | queue\n2026-10-01 | 5003\n2026-10-01 | 103",
        mapping="""
            queue | did     | line    | from       | to
            5003  | 102     | 102     |            | 2026-10-01
            5003  | 4200002 | 4200002 | 2026-10-02 |
            103   |         | 104     |            |
        """,
    )
    found = states(connection)
    assert found["102"] == ["sin llamadas", "sin registro", "sin registro", "sin registro"]
    assert found["4200002"] == ["sin registro", "sin llamadas", "sin registro", "sin llamadas"]
    assert found["103"] == ["sin registro"] * 4, "the site gave queue 103 to line 104"
    assert found["104"] == ["sin llamadas", "sin llamadas", "sin registro", "sin llamadas"]


def test_the_log_of_one_server_says_nothing_about_the_queues_of_another() -> None:
    connection = warehouse(
        log="pbx | day\na | 2026-10-01\nb | 2026-10-02",
        queues="pbx | day | queue\na | 2026-10-01 | 101",
    )
    assert states(connection)["101"] == ["sin llamadas", "sin registro", "sin registro", "sin registro"]


def test_a_queue_that_vanishes_for_a_month_has_no_record_in_it() -> None:
    connection = warehouse(
        log="day\n2026-09-30\n2026-10-01",
        queues="day | queue\n2026-09-30 | 4639999\n2026-10-01 | 101",
    )
    assert states(connection, Period(date(2026, 9, 30), date(2026, 10, 1)))["4639999"] == [
        "sin llamadas",
        "sin registro",
    ]


def test_the_state_of_a_day_does_not_depend_on_the_period_asked_for() -> None:
    connection = warehouse(log=LOG, queues="day | queue\n2026-10-01 | 101")
    sunday = Period(date(2026, 10, 4), date(2026, 10, 4))
    assert states(connection, sunday)["101"] == states(connection)["101"][3:] == ["sin llamadas"]


def test_a_line_that_stops_counting_has_no_days_afterwards() -> None:
    rules = with_parameter(
        Parameter("counted_lines", ("101", "102"), None, date(2026, 10, 2), ""),
        Parameter("counted_lines", ("101",), date(2026, 10, 3), None, ""),
    )
    found = completeness(warehouse(log=LOG), rules, WEEK)
    assert [item.service for item in found.line_days] == ["101"] * 4 + ["102"] * 2
    assert found.days_of("102", "sin registro") == 2
    assert found.days_with_log == 3
