"""Callers who call the same line again, and abandoned calls whose callers were answered later that day."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from etl.simulation.volume import write_volume
from etl.views import months_between
from reports.abandoned import Later, list_abandoned
from reports.calls import list_calls
from reports.definition import Facts, Period, month
from reports.indicators import OF_CALLS
from reports.query import measure
from reports.rules import Rules
from tests.drawn_calls import drawn, warehouse
from tests.product import Product
from tests.reference_counter import LogFile

pytestmark = pytest.mark.duckdb
RULES = Rules.default()
OCTOBER = month("2026-10")
# 7 calls three times: after 20 min, then after 3 days; 8 calls another line; 9 calls once; one number is not known.
CALLS = """
    entered          | ended            | line | caller | callid | outcome        | wait
    2026-10-05 08:00 | 2026-10-05 08:01 | 101  | 7      | a      | caller_hung_up | 60
    2026-10-05 08:20 | 2026-10-05 08:21 | 101  | 7      | b      | timeout        | 60
    2026-10-08 08:20 | 2026-10-08 08:22 | 101  | 7      | c      | answered       | 10
    2026-10-05 09:00 | 2026-10-05 09:01 | 101  | 8      | d      | caller_hung_up | 60
    2026-10-05 09:10 | 2026-10-05 09:11 | 102  | 8      | e      | answered       | 30
    2026-10-05 10:00 | 2026-10-05 10:01 | 101  | 9      | f      | answered       | 5
    2026-10-05 11:00 | 2026-10-05 11:01 | 101  |        | g      | caller_hung_up | 60
    2026-10-05 12:00 | 2026-10-05 12:01 | 101  |        | h      | answered       | 5
"""
# By hand: six calls of known numbers; one comes back within 30 minutes, and one more within 7 days.
EXAMPLES = """
    indicator                    | numerator | denominator | value
    called_again_30min           | 1         | 6           | 0.166667
    called_again_24h             | 1         | 6           | 0.166667
    called_again_7d              | 2         | 6           | 0.333333
    abandoned_answered_later     | 1         | 3           | 0.333333
    abandoned_not_answered_later | 2         |             | 2
    caller_unknown               | 2         |             | 2
"""


def test_every_figure_of_callers_has_a_worked_example() -> None:
    of_callers = {item.name for item in OF_CALLS if item.facts in (Facts.NEXT_CALL, Facts.LATER_ANSWER)}
    assert of_callers <= {row["indicator"] for row in drawn(EXAMPLES)}


@pytest.mark.parametrize("name", [row["indicator"] for row in drawn(EXAMPLES)])
def test_a_figure_gives_its_worked_example_and_lists_what_it_counts(name: str) -> None:
    connection = warehouse(CALLS)
    (expected,) = (row for row in drawn(EXAMPLES) if row["indicator"] == name)
    row = measure(connection, RULES, [name], OCTOBER).astype(object).iloc[0]
    assert str(row["numerator"]) == expected["numerator"]
    assert ("" if pd.isna(row["denominator"]) else str(row["denominator"])) == expected["denominator"]
    assert row["value"] == pytest.approx(float(expected["value"]), abs=1e-6)
    assert len(list_calls(connection, RULES, name, OCTOBER)) == row["numerator"]


@pytest.mark.parametrize(
    ("until", "sides"),
    [
        # The end of the record: whoever has not had the whole time to come back is not in the denominator.
        ("2026-10-05 08:30", [(1, 1), (0, 0), (0, 0)]),
        ("2026-10-05 12:30", [(1, 5), (0, 0), (0, 0)]),
        ("2026-10-06 08:20", [(1, 5), (1, 2), (0, 0)]),
        ("2026-10-12 08:19", [(1, 6), (1, 6), (1, 1)]),
        ("2026-10-12 08:20", [(1, 6), (1, 6), (2, 2)]),
        ("2026-10-15 08:20", [(1, 6), (1, 6), (2, 6)]),
    ],
)
def test_the_last_calls_of_the_record_are_not_yet_counted(until: str, sides: list[tuple[int, int]]) -> None:
    names = ["called_again_30min", "called_again_24h", "called_again_7d"]
    found = measure(warehouse(CALLS, until=until), RULES, names, OCTOBER)
    assert list(zip(found["numerator"], found["denominator"], strict=True)) == sides


def test_entering_a_second_queue_or_coming_back_by_a_transfer_is_not_calling_again() -> None:
    calls = """
        entered          | caller | callid | outcome
        2026-10-05 08:00 | 7      | a      | timeout
        2026-10-05 08:02 | 7      | a      | answered
        2026-10-05 08:10 | 8      | b      | answered
        2026-10-05 08:12 | 8      | b      | answered
        2026-10-05 08:20 | 8      | c      | answered
    """
    found = measure(warehouse(calls), RULES, ["called_again_30min"], OCTOBER)
    assert found[["numerator", "denominator"]].values.tolist() == [[2, 5]]


def test_a_call_still_open_is_a_call_again_and_counts_for_none_itself() -> None:
    calls = "entered | caller | callid | outcome\n2026-10-05 08:00 | 7 | a | answered\n2026-10-05 08:05 | 7 | b | open"
    found = measure(warehouse(calls), RULES, ["called_again_30min"], OCTOBER)
    assert found[["numerator", "denominator"]].values.tolist() == [[1, 1]]


LATER = """
    entered          | ended            | line | caller | callid | outcome        | wait | answered
    2026-10-05 08:00 | 2026-10-05 08:01 | 101  | 1      | a      | caller_hung_up | 60   | no
    2026-10-05 07:00 | 2026-10-05 07:05 | 101  | 1      | b      | answered       | 10   | -
    2026-10-05 23:58 | 2026-10-05 23:59 | 101  | 2      | c      | caller_hung_up | 60   | no
    2026-10-05 23:59 | 2026-10-06 00:05 | 101  | 2      | d      | answered       | 90   | -
    2026-10-06 08:00 | 2026-10-06 08:01 | 101  | 3      | e      | timeout        | 60   | 102
    2026-10-06 08:01 | 2026-10-06 08:09 | 102  | 3      | e      | answered       | 0    | -
    2026-10-06 09:00 | 2026-10-06 09:01 | 101  | 4      | f      | key            | 60   | 103
    2026-10-06 09:30 | 2026-10-06 09:31 | 101  | 4      | g      | caller_hung_up | 60   | 103
    2026-10-06 10:00 | 2026-10-06 10:09 | 103  | 4      | h      | answered       | 20   | -
    2026-10-06 11:00 | 2026-10-06 11:09 | 104  | 4      | i      | answered       | 20   | -
    2026-10-06 12:00 | 2026-10-06 12:01 | 101  |        | j      | caller_hung_up | 60   | no
"""


def test_an_abandoned_call_was_answered_later_if_its_number_was_connected_after_it_on_the_same_day() -> None:
    connection = warehouse(LATER)
    expected = [row["answered"] for row in sorted(drawn(LATER), key=lambda row: row["entered"])]
    listed = list_abandoned(connection, RULES, OCTOBER)
    told = [None if pd.isna(line) else line for line in listed["answered_service"]]
    assert told == [None if line == "no" else line for line in expected if line != "-"]
    first = listed.set_index("callid").loc["f"]
    assert (first["answered_after_seconds"], f"{first['answered_local']:%H:%M:%S}") == (3560, "10:00:20")


@pytest.mark.parametrize(("which", "number"), [("todas", 6), ("atendidas", 3), ("sin-respuesta", 2), ("sin-numero", 1)])
def test_the_list_is_told_apart_by_what_became_of_the_callers(which: str, number: int) -> None:
    connection = warehouse(LATER)
    assert len(list_abandoned(connection, RULES, OCTOBER, which=Later(which))) == number
    assert len(list_abandoned(connection, RULES, OCTOBER, which=Later(which), limit=1, offset=number - 1)) == 1


# A real store: months, callids of several visits, the mapping -------------------------------------------------------

EDGE = 1790827200  # 2026-10-01 00:00 in La Paz


def call(at: int, number: str, *, queue: str = "101", waited: int = 5, answered: bool = True) -> list[str]:
    callid = f"{at}.{number}"
    head = f"{at + waited}|{callid}|{queue}"
    end = [
        f"{head}|SIP/1|CONNECT|{waited}|9.9|1",
        f"{at + waited + 30}|{callid}|{queue}|SIP/1|COMPLETECALLER|{waited}|30|1",
    ]
    return [
        f"{at}|{callid}|{queue}|NONE|ENTERQUEUE||{number}|1",
        *(end if answered else [f"{head}|NONE|ABANDON|1|1|{waited}"]),
    ]


def test_who_calls_again_after_midnight_of_the_last_day_is_seen_in_the_next_month(tmp_path: Path) -> None:
    product = Product(tmp_path)
    september = [*call(EDGE - 600, "70711111", answered=False), *call(EDGE - 300, "70722222", answered=False)]
    october = [*call(EDGE + 60, "70711111"), *call(EDGE + 86400 * 9, "70733333")]
    product.load(LogFile("september", tuple(september)))

    def sides() -> list[tuple[int, int]]:
        with product.one_connection():
            connection = product._kept
            assert connection is not None
            names = ["called_again_30min", "called_again_7d", "abandoned_answered_later"]
            found = measure(connection, RULES, names, month("2026-09"))
        return list(zip(found["numerator"], found["denominator"], strict=True))

    assert sides() == [(0, 0), (0, 0), (0, 2)]
    product.load(LogFile("october", tuple(october)))
    # Called again, in October; not answered on the day of the call, which was September's last.
    assert sides() == [(1, 2), (1, 2), (0, 2)]


def test_withheld_numbers_are_nobodys_and_counted(tmp_path: Path) -> None:
    product = Product(tmp_path)
    names = ["", "anonymous", "Anonymous", "unknown", "RESTRICTED", "70711111"]
    lines = [line for n, name in enumerate(names * 2) for line in call(EDGE + 60 * n, name)]
    # Another callid each, though the same number.
    product.load(LogFile("log", tuple(line for line in sorted(lines)), "pbx"))
    assert product.rows("SELECT COUNT(*), COUNT(caller), COUNT(DISTINCT caller) FROM core.queue_visits") == [(12, 2, 1)]


def of_few_callers(entry: str) -> str:
    head, url, number, place = entry.rsplit("|", 3)
    return f"{head}|{url}|{70000000 + int(number) % 401}|{place}"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Six weeks of calls of 400 callers."""
    folder = tmp_path_factory.mktemp("busy")
    write_volume(folder / "log", lines=24_000, calls_per_day=130, start="2024-02-10", odd_share=0.1)
    product = Product(folder)
    lines = (folder / "log").read_text().splitlines()
    product.load(LogFile("log", tuple(of_few_callers(line) if "|ENTERQUEUE|" in line else line for line in lines)))
    connection = product.open()
    yield connection
    connection.close()


def test_the_figures_are_those_of_counting_call_by_call(busy: duckdb.DuckDBPyConnection) -> None:
    period = Period(date(2024, 2, 20), date(2024, 3, 10))
    calls = busy.execute(
        "SELECT callid, service, caller, entered_epoch, entered_date, answered, ended_epoch, wait_seconds, is_open "
        "FROM core.line_calls ORDER BY entered_epoch, callid"
    ).fetchall()
    ((end,),) = busy.execute("SELECT MAX(greatest_epoch) FROM meta.loads").fetchall()
    by_line: dict[tuple[int, str], list[tuple[int, str]]] = {}
    answers: dict[int, list[int]] = {}
    for callid, service, caller, entered, _, answered, _, wait, _ in calls:
        by_line.setdefault((caller, service), []).append((entered, callid))
        if answered:
            answers.setdefault(caller, []).append(entered + (wait or 0))
    sides = {name: [0, 0] for name in ("called_again_24h", "called_again_7d", "abandoned_answered_later")}
    for callid, service, caller, entered, day, answered, ended, _, is_open in calls:
        if caller is None or is_open or day not in period:
            continue
        for name, seconds in (("called_again_24h", 86400), ("called_again_7d", 7 * 86400)):
            if entered + seconds <= end:
                others = by_line[caller, service]
                sides[name][0] += any(other != callid and 0 <= at - entered <= seconds for at, other in others)
                sides[name][1] += 1
        if not answered:
            midnight = (int(pd.Timestamp(day).timestamp()) // 86400 + 1) * 86400 + 4 * 3600
            sides["abandoned_answered_later"][0] += any(
                (ended or entered) <= at < midnight for at in answers.get(caller, [])
            )
            sides["abandoned_answered_later"][1] += 1
    found = measure(busy, RULES, list(sides), period)
    assert [[n, of] for n, of in zip(found["numerator"], found["denominator"], strict=True)] == list(sides.values())
    assert all(n > 20 for n, _ in sides.values())


def test_callers_of_other_months_are_not_read(busy: duckdb.DuckDBPyConnection) -> None:
    source = months_between(busy, "core.line_calls_by_next_call", date(2024, 2, 10), date(2024, 2, 12))
    assert "calls_2024_02." in source and "calls_2024_03." not in source
    assert "calls_2024_03." in months_between(
        busy, "core.line_calls_by_next_call", date(2024, 2, 10), date(2024, 2, 25)
    )
