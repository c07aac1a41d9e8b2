"""The bridge from Asternic's numbers to the registered adds up, whatever the log, the days, the lines and the unit.

Asternic's number is counted a second time from the text of the log, and the items of a month a second time in SQL.
"""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from reports.bridge import Bridge, list_item, measure_bridge, measure_shown
from reports.bridge_exports import MOST_COMPARED, compare_exports
from reports.bridge_items import BY_CODE, SHOWN_EVENTS
from reports.bridge_words import answer_lines
from reports.definition import Period, Unit
from reports.exported import ExportedFigure
from reports.query import QueryError, measure
from reports.rules import Parameter, Rules
from tests.asternic_month import MONTH, asternic_month
from tests.drawn_calls import with_parameter
from tests.drawn_log import EIGHT
from tests.product import Product, load_in
from tests.reference_counter import LogFile, QueueRule
from tests.test_counting_properties import invented_log
from tests.test_increments import OTHER_RULES, told_log
from tests.test_increments import RULES as TOLD_RULES

pytestmark = pytest.mark.duckdb
ALL = Rules.default()
#: 102 enters the total until the 29th only.
ONE_LINE_LESS = with_parameter(
    Parameter("counted_lines", ("101", "102", "103"), None, date(2024, 2, 29), ""),
    Parameter("counted_lines", ("101", "103"), date(2024, 3, 1), None, ""),
)
_DAY = 1709697600  # 2024-03-06 00:00 in La Paz
_ABANDONED = "{at}|{call}|{queue}|NONE|ABANDON|1|1|{wait}"


def of(bridge: Bridge) -> dict[str, int]:
    """What each item adds, where it has anything."""
    return {step.item.code: step.change for step in bridge.steps if step.number}


def shown_by_text(log: tuple[str, ...], period: Period, queues: tuple[str, ...] = ()) -> tuple[int, int]:
    """What Asternic shows, from the text of the log alone: lines as its table keeps them, by their own instant."""
    kept = set()
    for line in log:
        fields = line.split("|")
        if not re.fullmatch("[0-9]{10}", fields[0]) or len(fields) < 5 or fields[4] not in SHOWN_EVENTS:
            continue
        day = (datetime.fromtimestamp(int(fields[0]), UTC) - timedelta(hours=4)).date()
        if day in period and (not queues or fields[2] in queues):
            kept.add(tuple(fields[:5]))
    answered = sum(event.startswith("COMPLETE") for *_, event in kept)
    return answered, len(kept) - answered


@pytest.mark.drawn(4)
def test_the_bridge_adds_up_over_any_log_days_lines_and_unit(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    if seed % 2:
        log, rules = told_log(chance, callids=40, lines=800), chance.choice([TOLD_RULES, OTHER_RULES])
    else:
        log = invented_log(chance, lines=800, callids=80, spread=(0, 0, 0, 1, 2, 5, 60, 900, 7200))
        rules = TOLD_RULES
    log = _disturbed(chance, log)
    product = load_in(tmp_path, [LogFile("log", log)], rules)
    days = sorted({(datetime.fromtimestamp(int(line[:10]), UTC) - timedelta(hours=4)).date()
                   for line in log if line[:10].isdigit()})  # fmt: skip
    with closing(product.open()) as connection:
        for unit in Unit:
            for lines in ((), ("101",), ("102", "sin línea")):
                first, last = sorted(chance.choices(days, k=2))
                period = Period(first, last)
                _check(chance, connection, chance.choice([ALL, ONE_LINE_LESS]), period, lines, unit, log)


def _check(
    chance: random.Random, connection: duckdb.DuckDBPyConnection, rules: Rules, period: Period,
    lines: tuple[str, ...], unit: Unit, log: tuple[str, ...],
) -> None:  # fmt: skip
    bridge = measure_bridge(connection, rules, period, lines, unit)
    said = f"{period} {lines} {unit}: {bridge}"
    assert (bridge.unexplained, bridge.loose) == (0, 0), said
    assert (bridge.shown.answered, bridge.shown.unanswered) == shown_by_text(log, period, bridge.queues), said
    where = {"service": lines} if lines else None
    registered = measure(connection, rules, ["registered"], period, (), where, unit)["numerator"].iloc[0]
    assert bridge.shown.total + sum(of(bridge).values()) == bridge.registered == registered, said
    steps = [step for step in (*bridge.steps, *bridge.beside) if step.number]
    for step in chance.sample(steps, min(1, len(steps))):
        calls, number = list_item(connection, rules, step.item.code, period, lines, unit, limit=10_000)
        assert len(calls) == number == step.number, f"{step.item.code}: {said}"


def _disturbed(chance: random.Random, log: tuple[str, ...]) -> tuple[str, ...]:
    """The log with outbound attempts, ends of no call, ends written twice, and a clock that is set back for a while."""
    lines = []
    back = chance.randrange(len(log))
    for place, line in enumerate(log):
        if place in range(back, back + 40) and line[:10].isdigit():
            line = f"{int(line[:10]) - 86400}{line[10:]}"
        lines.append(line)
        if chance.random() < 0.02:
            at, queue = line[:10], chance.choice(["q1", "q2"])
            call = f"{at}.9{place}"
            lines += [f"{at}|{call}|{queue}|SIP/1|ENTERQUEUE||9|1", f"{at}|{call}|{queue}|SIP/1|COMPLETEAGENT|0|9|1"]
        if chance.random() < 0.02:
            lines.append(f"{line[:10]}|NONE|q1|NONE|ABANDON|1|1|3")
        if chance.random() < 0.05 and "|COMPLETE" in line:
            lines.append(line)
    return tuple(line for line in lines if line[:10].isdigit() or line == "garbage")


# --- each item on its own


def drawn(tmp_path: Path, *lines: str, rules: tuple[QueueRule, ...] = (), after: int = 90_000) -> Product:
    """A store with these lines, seconds after the midnight of 6 March instead of instants; the log ends later."""
    log = tuple(f"{_DAY + int(text.split('|')[0])}|{text.split('|', 1)[1]}" for text in lines)
    return load_in(
        tmp_path,
        [LogFile("log", (*log, f"{_DAY + int(lines[-1].split('|')[0]) + after}|NONE|NONE|NONE|CONFIGRELOAD|"))],
        rules,
    )


#: One call each: enters, is answered.
DONE = ("100|1.1|101|NONE|ENTERQUEUE||7|1", "105|1.1|101|SIP/1|CONNECT|5|x|1", "165|1.1|101|SIP/1|COMPLETEAGENT|5|60|1")
BY_ITEM = {
    "transferred": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "12|2.1|101|SIP/1|CONNECT|2|x|1",
                    "20|2.1|101|SIP/1|TRANSFER|9|c|2|8|1"),
    "key": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "12|2.1|101|NONE|EXITWITHKEY|1|1|1|2"),
    "empty": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "12|2.1|101|NONE|EXITEMPTY|1|1|2"),
    "withdrawn": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "12|2.1|101|NONE|WITHDRAW|1|1|2|x"),
    "incompatible": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "12|2.1|101|SIP/1|SYSCOMPAT|"),
    "unlogged_end": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "12|2.1|101|SIP/1|CONNECT|2|x|1"),
    "restart": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "50|NONE|NONE|NONE|QUEUESTART|"),
    "unknown": ("10|2.1|101|NONE|ENTERQUEUE||7|1",),
    "ended_outside": ("86390|2.1|101|NONE|ENTERQUEUE||7|1", "86410|2.1|101|NONE|ABANDON|1|1|20"),
    "same_second": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "10|2.1|101|NONE|EXITWITHTIMEOUT|1|1|0",
                    "10|2.1|101|NONE|ENTERQUEUE||7|1", "10|2.1|101|NONE|EXITWITHTIMEOUT|1|1|0"),
    "entered_outside": ("-5|2.1|101|NONE|ENTERQUEUE||7|1", "15|2.1|101|NONE|ABANDON|1|1|20"),
    "not_counted": ("10|2.1|away|NONE|ENTERQUEUE||7|1", "15|2.1|away|NONE|ABANDON|1|1|5"),
    "outside_total": ("10|2.1|777|NONE|ENTERQUEUE||7|1", "15|2.1|777|NONE|ABANDON|1|1|5"),
    "second_end": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "15|2.1|101|NONE|EXITWITHTIMEOUT|1|1|5",
                   "15|2.1|101|NONE|ABANDON|1|1|5"),
    "second_connect": ("10|2.1|101|NONE|ENTERQUEUE||7|1", "12|2.1|101|SIP/1|CONNECT|2|x|1",
                       "12|2.1|101|NONE|ABANDON|1|1|2", "20|2.1|101|SIP/1|COMPLETEAGENT|2|8|1"),
    "outbound": ("10|2.1|101|SIP/1|ENTERQUEUE||7|1", "15|2.1|101|SIP/1|COMPLETEAGENT|2|3|1"),
    "no_callid": ("10|NONE|101|NONE|ABANDON|1|1|5",),
    "set_aside": ("10|2.1|101|NONE|EXITWITHTIMEOUT|1",),
}  # fmt: skip


@pytest.fixture(scope="module")
def each_kind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A call of each kind beside one that is answered, on a day of its own, every other day from 6 March on."""
    lines = []
    for place, code in enumerate(BY_ITEM):
        for text in (*DONE, *BY_ITEM[code]):
            second, rest = text.split("|", 1)
            lines.append((int(second) + 2 * 86_400 * place, re.sub(r"([12])\.1\|", rf"\g<1>.{place}|", rest)))
    rules = (QueueRule("away", None, "no cuenta"), QueueRule("777", None, "777"))
    ordered = [f"{second}|{text}" for second, text in sorted(lines, key=lambda line: line[0])]
    with closing(drawn(tmp_path_factory.mktemp("kinds"), *ordered, rules=rules).open()) as connection:
        yield connection


@pytest.mark.parametrize("code", BY_ITEM)
def test_one_call_of_each_kind_is_named(code: str, each_kind: duckdb.DuckDBPyConnection) -> None:
    place = list(BY_ITEM).index(code)
    first = date(2024, 3, 6) + timedelta(days=2 * place)
    day = Period(first, first)
    bridge = measure_bridge(each_kind, ALL, day, (), Unit.VISIT)
    assert of(bridge) == {code: BY_CODE[code].effect}
    assert (bridge.unexplained, bridge.loose) == (0, 0)
    calls, number = list_item(each_kind, ALL, code, day, (), Unit.VISIT)
    assert number == 1 and calls["callid"].tolist() == ["NONE" if code == "no_callid" else f"2.{place}"]


def test_an_abandon_after_incompatible_channels_stands_in_for_them(tmp_path: Path) -> None:
    lines = (*BY_ITEM["incompatible"], "13|2.1|101|NONE|ABANDON|1|1|2")
    with closing(drawn(tmp_path, *lines).open()) as connection:
        bridge = measure_bridge(connection, ALL, Period(date(2024, 3, 6), date(2024, 3, 6)), (), Unit.VISIT)
    assert of(bridge) == {"incompatible": 1, "lent": -1}
    assert (bridge.shown.unanswered, bridge.registered, bridge.unexplained) == (1, 1, 0)


@pytest.fixture(scope="module")
def overflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A call of two queues of line 101, one of 101 and then 103, one of 103 in a queue of 101, one still waiting."""
    lines = (
        "10|2.1|101|NONE|ENTERQUEUE||7|1", "20|2.1|101|NONE|EXITWITHTIMEOUT|1|1|10",
        "21|2.1|5101|NONE|ENTERQUEUE||7|1", "25|2.1|5101|SIP/1|CONNECT|4|x|1",
        "30|3.1|101|NONE|ENTERQUEUE||7|1", "35|3.1|101|NONE|EXITWITHTIMEOUT|1|1|5",
        "36|3.1|103|NONE|ENTERQUEUE||7|1", "40|3.1|103|NONE|ABANDON|1|1|4",
        "50|4.1|101|NONE|DID|103", "51|4.1|101|NONE|ENTERQUEUE||7|1", "52|4.1|101|NONE|ABANDON|1|1|1",
        "85|2.1|5101|SIP/1|COMPLETECALLER|4|60|1", "89990|5.1|101|NONE|ENTERQUEUE||7|1",
    )  # fmt: skip
    rules = (QueueRule("101", "103", "103"), QueueRule("101", None, "101"), QueueRule("5101", None, "101"))
    product = drawn(tmp_path_factory.mktemp("overflow"), *lines, rules=rules, after=10)
    with closing(product.open()) as connection:
        yield connection


@pytest.mark.parametrize(
    ("unit", "lines", "shown", "items", "registered"),
    [
        ("visit", (), (1, 4), {}, 5),
        ("line", (), (1, 4), {"chained": -1}, 4),
        ("call", (), (1, 4), {"chained": -2}, 3),
        ("line", ("101",), (1, 3), {"chained": -1, "other_line": -1}, 2),
        ("call", ("103",), (1, 4), {"chained": -1, "other_line": -3}, 1),
    ],
)
def test_several_visits_of_one_call_are_taken_off_once(
    overflow: duckdb.DuckDBPyConnection, unit: str, lines: tuple[str, ...], shown: tuple[int, int],
    items: dict[str, int], registered: int,
) -> None:  # fmt: skip
    day = Period(date(2024, 3, 6), date(2024, 3, 6))
    bridge = measure_bridge(overflow, ALL, day, lines, Unit(unit))
    if lines == ("103",):  # its queues are 103 and 101, not 5101
        assert bridge.queues == ("101", "103")
        shown = (0, 4)
        items = {"chained": -1, "other_line": -2}
    assert (bridge.shown.answered, bridge.shown.unanswered) == shown
    assert (of(bridge), bridge.registered, bridge.unexplained) == (items, registered, 0)


def test_a_call_still_waiting_is_in_neither_number_and_listed(overflow: duckdb.DuckDBPyConnection) -> None:
    day = Period(date(2024, 3, 7), date(2024, 3, 7))
    bridge = measure_bridge(overflow, ALL, day)
    assert (bridge.shown.total, bridge.registered) == (0, 0)
    assert {step.item.code: step.number for step in bridge.beside} == {"open": 1, "reconstructed": 0, "repeated": 0}
    calls, _ = list_item(overflow, ALL, "open", day)
    assert calls["callid"].tolist() == ["5.1"]


@pytest.mark.parametrize(("code", "unit"), [("chained", "visit"), ("nothing", "line")])
def test_a_part_that_is_not_there_is_refused(overflow: duckdb.DuckDBPyConnection, code: str, unit: str) -> None:
    with pytest.raises(QueryError, match="no es una parte"):
        list_item(overflow, ALL, code, Period(date(2024, 3, 6), date(2024, 3, 6)), (), Unit(unit))


# --- the published example


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    product = load_in(tmp_path_factory.mktemp("published"), [LogFile("log", asternic_month())])
    with closing(product.open()) as connection:
        yield connection


def test_the_published_example_has_its_figures(published: duckdb.DuckDBPyConnection) -> None:
    names = ["service_level", "service_level_of_answered", "registered", "answered", "answered_in_time"]
    found = measure(published, ALL, names, MONTH, unit=Unit.VISIT).set_index("indicator")
    assert [int(found["numerator"][name]) for name in names[2:]] == [21_074, 16_852, 12_995]
    assert [f"{100 * found['value'][name]:.2f}" for name in names[:2]] == ["61.66", "77.11"]


@pytest.mark.parametrize("unit", Unit)
def test_the_bridge_of_the_published_example_names_all_1426(published: duckdb.DuckDBPyConnection, unit: Unit) -> None:
    bridge = measure_bridge(published, ALL, MONTH, (), unit)
    assert (bridge.shown.answered, bridge.shown.unanswered, bridge.registered) == (15_822, 3_826, 21_074)
    assert of(bridge) == {"transferred": 1_029, "key": 246, "empty": 150, "unlogged_end": 1}
    assert (sum(of(bridge).values()), bridge.unexplained) == (1_426, 0)
    assert "1.426 no aparecen ni en sus atendidas ni en sus sin atender: 1.029 transferidas" in answer_lines(bridge)[0]
    nowhere = {
        callid
        for (callid,) in published.execute(
            """SELECT callid FROM raw.queue_log WHERE event = 'ENTERQUEUE' EXCEPT SELECT callid FROM raw.queue_log
            WHERE event IN ('COMPLETEAGENT', 'COMPLETECALLER', 'ABANDON', 'EXITWITHTIMEOUT')"""
        ).fetchall()
    }
    listed = [
        callid
        for code in of(bridge)
        for callid in list_item(published, ALL, code, MONTH, (), unit, limit=2_000)[0]["callid"]
    ]
    assert len(nowhere) == 1_426 and sorted(listed) == sorted(nowhere)


@pytest.mark.parametrize(("code", "number"), [("asternic_answered", 15_822), ("asternic_unanswered", 3_826)])
def test_what_asternic_shows_can_be_listed_page_by_page(
    published: duckdb.DuckDBPyConnection, code: str, number: int
) -> None:
    pages = [list_item(published, ALL, code, MONTH, limit=10_000, offset=offset) for offset in (0, 10_000)]
    assert [found for _, found in pages] == [number, number]
    callids = [callid for calls, _ in pages for callid in calls["callid"]]
    assert len(callids) == len(set(callids)) == number


def exported(
    report: str, measure: str, first: date, last: date, value: float, load: int, queues: str = ""
) -> ExportedFigure:
    return ExportedFigure("asternic", report, measure, first, last, None, None, value, load, 1, queues=queues)


def test_an_export_is_compared_with_the_log_of_its_days_and_queues(published: duckdb.DuckDBPyConnection) -> None:
    first, last, middle = MONTH.first, MONTH.last, date(2026, 10, 15)
    figures = [
        exported("by_day", "answered", first, middle, 9_000, 7),
        exported("by_day", "answered", date(2026, 10, 16), last, 6_800, 7),
        exported("by_day", "unanswered", first, last, 3_826, 7),
        exported("service_level", "answered_within_15", first, last, 7_900, 7),
        exported("service_level", "answered_within_60", first, last, 15_000, 7),
        exported("by_hour", "answered", first, first, 1, 6, "101,102"),
        exported("by_agent", "talk_seconds", first, first, 1, 5),
    ]
    (whole, one_day), left_out = compare_exports(published, ALL, figures)
    assert left_out == 0
    assert (whole.period, whole.answered, whole.unanswered) == (MONTH, 15_800, 3_826)
    assert (whole.differences, whole.within, whole.answered_within, whole.level) == ((-22, 0), 15, 7_900, 0.5)
    day = Period(first, first)
    assert (one_day.report, one_day.period) == ("Asternic, distribución por hora", day)
    assert (one_day.queues, one_day.unanswered, one_day.within) == (("101", "102"), None, None)
    two_lines = measure_shown(published, ALL, day, ("101", "102"))
    assert one_day.shown == two_lines and 0 < two_lines.total < measure_shown(published, ALL, day).total


def test_an_export_of_another_system_is_held_against_our_visits(tmp_path: Path) -> None:
    log = [
        line
        for n, end in enumerate(["COMPLETEAGENT|2|10|1", "BLINDTRANSFER|310|x|2|10|1"])
        for line in (
            f"{EIGHT + n}|{EIGHT}.{n}|101|NONE|ENTERQUEUE||7001234{n}|1",
            f"{EIGHT + n + 2}|{EIGHT}.{n}|101|SIP/201|CONNECT|2|x.2|1",
            f"{EIGHT + n + 12}|{EIGHT}.{n}|101|SIP/201|{end}",
        )
    ]
    product = load_in(tmp_path, [LogFile("queue_log", tuple(log))])
    day = date(2024, 3, 5)
    figures = [
        replace(exported("calls", "answered", day, day, 2, load, queues), system=system)
        for load, (system, queues) in enumerate([("asternic", "101"), ("issabel", "101"), ("issabel", "no existe")])
    ]
    with closing(product.open()) as connection:
        found, _ = compare_exports(connection, ALL, figures)
    assert [(each.shown.answered, each.differences[0]) for each in found] == [(0, 2), (2, 0), (1, 1)]


def test_reports_that_are_not_compared_are_counted(published: duckdb.DuckDBPyConnection) -> None:
    day = MONTH.first
    figures = [exported("by_day", "answered", day, day, 1, load) for load in range(MOST_COMPARED + 3)]
    found, left_out = compare_exports(published, ALL, figures)
    assert (len(found), left_out) == (MOST_COMPARED, 3)
