"""What the record of calls shows before a queue: every count with its calls, and nothing claimed where no log is."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from reports.cdr import BeforeQueue, Ending, count_before_queue, list_before_queue, recorded_days, total_of
from reports.definition import Period
from reports.terms import NO_LINE
from tests.drawn_log import EIGHT, answered
from tests.product import Product
from tests.records_log import LEGS, Leg, master
from tests.reference_counter import LogFile, QueueRule

pytestmark = pytest.mark.duckdb
DAY = Period(date(2024, 3, 5), date(2024, 3, 5))
#: Beside those of the log: a telephone of the line's own that nobody took, a call in an hour without a log of queues,
#: a caller lost in the menu whose dialled number the record does not have.
MORE = (
    *LEGS,
    Leg(300, 20, dst="4251000", disposition="NO ANSWER", billed=0, duration=30),
    Leg(7200, 21, app="Queue", data="101,t", context="ext-queues"),
    Leg(330, 22, dst="s", app="WaitExten", data="5", context="ivr-2", dst_channel="", billed=4, duration=4),
)


@pytest.fixture(scope="module")
def cursor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    product = Product(tmp_path_factory.mktemp("before"))
    product.load(LogFile("queue_log", tuple(answered(0, "1"))), LogFile("Master.csv", master(MORE, new_columns=True)))
    with closing(product.open()) as connection:
        yield connection


def test_calls_are_counted_by_line_and_by_what_became_of_them(cursor: duckdb.DuckDBPyConnection) -> None:
    found = count_before_queue(cursor, DAY)
    assert found == (
        BeforeQueue("101", 1, 0, 1, 0, 0, 0, 0),  # reached the queue, and the log has no entry
        BeforeQueue("4200224", 1, 0, 1, 0, 0, 0, 0),  # congestion
        BeforeQueue("4200400", 4, 1, 0, 2, 0, 0, 1),  # in the queue, two in the menu, one in an hour without a log
        BeforeQueue("4251000", 2, 0, 0, 0, 1, 1, 0),  # a telephone without a queue: taken, and not taken
        BeforeQueue(None, 1, 0, 0, 1, 0, 0, 0),
    )
    assert total_of(found) == BeforeQueue(None, 9, 1, 2, 3, 1, 1, 1)


def test_every_count_opens_as_many_calls_and_they_add_up(cursor: duckdb.DuckDBPyConnection) -> None:
    for line in count_before_queue(cursor, DAY):
        services = [line.service or NO_LINE]
        listed = {ending: list_before_queue(cursor, DAY, ending, services) for ending in Ending}
        assert {ending: len(calls) for ending, calls in listed.items()} == {each: line.of(each) for each in Ending}
        assert sum(map(len, listed.values())) == line.calls == len(list_before_queue(cursor, DAY, None, services))
        assert all(call.ending is ending for ending, calls in listed.items() for call in calls)
    (refused, _) = list_before_queue(cursor, DAY, Ending.REFUSED)
    assert (refused.service, refused.last_app, refused.file.partition("-")[2], refused.line) == (
        "101", "Queue", "Master.csv", 2,
    )  # fmt: skip
    assert list_before_queue(cursor, DAY, limit=2, offset=1)[0].uniqueid == refused.uniqueid


def test_calls_of_the_house_and_other_days_are_left_out(cursor: duckdb.DuckDBPyConnection) -> None:
    told = {call.uniqueid.partition(".")[2] for call in list_before_queue(cursor, DAY)}
    assert told == {"1", "2", "3", "4", "5", "6", "20", "21", "22"}
    assert count_before_queue(cursor, Period(date(2024, 3, 6), date(2024, 3, 9))) == ()


def test_a_call_over_midnight_counts_once_on_the_day_of_its_first_leg(tmp_path: Path) -> None:
    to_midnight = Leg(15 * 3600 + 3590, 50, dst="4251000", disposition="NO ANSWER", billed=0, duration=20)
    after = Leg(16 * 3600 + 10, 51, dst="4251000", linked=50, sequence=2)
    product = Product(tmp_path)
    began = f'"{EIGHT + to_midnight.at}.'
    late = [line.replace(f'"{EIGHT}.', began) for line in master([to_midnight, after], new_columns=True)]
    product.load(LogFile("queue_log", tuple(answered(0, "1"))), LogFile("Master.csv", tuple(late)))
    next_day = date(2024, 3, 6)
    with closing(product.open()) as connection:
        both = count_before_queue(connection, Period(DAY.first, next_day))
        assert count_before_queue(connection, DAY) == both == (BeforeQueue("4251000", 1, 0, 0, 0, 1, 0, 0),)
        assert count_before_queue(connection, Period(next_day, next_day)) == ()
        assert len(list_before_queue(connection, DAY)) == 1


def test_what_is_recorded_is_said(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    days = recorded_days(cursor, Period(date(2024, 3, 1), date(2024, 3, 31)))
    assert days is not None
    assert (days.first, days.last, days.days) == (DAY.first, DAY.first, 1)
    product = Product(tmp_path)
    product.load(LogFile("queue_log", tuple(answered(0, "1"))))
    with closing(product.open()) as connection:
        assert recorded_days(connection, DAY) is None
        assert count_before_queue(connection, DAY) == ()


def test_a_queue_mapped_later_gives_its_calls_their_line_without_reading_anything_again(tmp_path: Path) -> None:
    product = Product(tmp_path)
    leg = replace(LEGS[0], number=30, dst="4477123", data="ventas,t")
    product.load(LogFile("queue_log", tuple(answered(0, "1"))), LogFile("Master.csv", master([leg])))
    with closing(product.open()) as connection:
        assert [line.service for line in count_before_queue(connection, DAY)] == [None]
    product.map([QueueRule("ventas", "44477123", "103")])
    with closing(product.open()) as connection:
        assert [line.service for line in count_before_queue(connection, DAY)] == ["103"]


@pytest.mark.parametrize(("did", "dst"), [("4477123", "4477123"), (None, "ventas")])
def test_a_number_and_a_queue_that_changed_hands_are_of_the_line_of_their_day(
    did: str | None, dst: str, tmp_path: Path
) -> None:
    legs = [replace(LEGS[0], at=day * 86400, number=60 + day, dst=dst, data="ventas,t") for day in (0, 9, 10)]
    product = Product(tmp_path)
    product.map([
        QueueRule("ventas", did, "102", None, date(2024, 3, 14)),
        QueueRule("ventas", did, "103", date(2024, 3, 15), None),
    ])  # fmt: skip
    lines = [master([leg])[0].replace(f'"{EIGHT}.', f'"{EIGHT + leg.at}.') for leg in legs]
    product.load(LogFile("queue_log", tuple(answered(0, "1"))), LogFile("Master.csv", tuple(lines)))
    with closing(product.open()) as connection:
        listed = list_before_queue(connection, Period(DAY.first, date(2024, 3, 31)))
    assert [(call.started_local.day, call.service) for call in listed] == [(5, "102"), (14, "102"), (15, "103")]
