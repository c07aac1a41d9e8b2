"""The reference counter against cases.md: every call case, case 8 over all the others, and the readings it takes."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import pytest

from tests.cases import BASE, CASES, Case, DrawnLog, ExpectedCall, ExpectedFigures, ExpectedVisit, halves, instant
from tests.reference_counter import (
    FINDING_KINDS,
    LA_PAZ,
    Call,
    Figures,
    LogFile,
    Parameters,
    QueueRule,
    Result,
    SetAside,
    Visit,
    count,
    figures,
)

REAL_MONTH = Path(__file__).parents[2] / "shared" / "real" / "technion-1999-01.queue_log.gz"

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def files_of(case: Case) -> list[LogFile]:
    return [LogFile(log.name, log.lines, log.pbx) for log in case.logs]


def counted(case: Case) -> Result:
    return count(files_of(case), case.rules)


def read(text: str, *rules: QueueRule, parameters: Parameters | None = None) -> Result:
    return count([LogFile("queue_log", DrawnLog(text).lines)], rules, parameters)


def rows(result: Result, unit: str) -> Sequence[Visit | Call]:
    by_unit: dict[str, Sequence[Visit | Call]] = {
        "visit": result.visits,
        "line": result.line_calls,
        "call": result.calls,
    }
    return by_unit[unit]


def as_expected_calls(calls: Sequence[Call]) -> tuple[ExpectedCall, ...]:
    assert all(call.registered != call.open for call in calls)
    return tuple(
        ExpectedCall(call.service, call.answered, call.cause, call.wait, call.talk, call.open) for call in calls
    )


def what_users_count(result: Result) -> tuple[object, ...]:
    """All but provenance: which file a line was set aside in, and how many copies were known."""
    reasons = sorted(aside.reasons for aside in result.set_aside)
    return (result.visits, result.line_calls, result.calls, result.findings, reasons, result.loaded)


# ---------------------------------------------------------------------------------------------------------------------
# Cases 1 to 35


def test_every_call_case_is_drawn() -> None:
    assert {case.number for case in CASES} == set(range(1, 36)) - {8}
    assert len({str(case) for case in CASES}) == len(CASES)
    assert all(kind in FINDING_KINDS for case in CASES for kind in case.findings)


@every_case
def test_visits_are_those_of_the_case(case: Case) -> None:
    visits = counted(case).visits
    assert all(visit.registered != visit.open for visit in visits)
    assert case.visits == tuple(
        ExpectedVisit(
            visit.queue,
            visit.answered,
            visit.cause,
            visit.wait,
            visit.talk,
            visit.service,
            visit.open,
            visit.reconstructed,
            expected.entered,
        )
        for visit, expected in zip(visits, case.visits, strict=True)
    )
    for visit, expected in zip(visits, case.visits, strict=True):
        if expected.entered is not None:
            assert visit.entered_at == instant(expected.entered, date(2024, 3, 5))


@every_case
def test_calls_are_those_of_the_case(case: Case) -> None:
    result = counted(case)
    if case.line_calls is not None:
        assert as_expected_calls(result.line_calls) == case.line_calls
    if case.calls is not None:
        assert as_expected_calls(result.calls) == case.calls


@every_case
def test_findings_and_lines_set_aside_are_those_of_the_case(case: Case) -> None:
    result = counted(case)
    assert tuple(finding.kind for finding in result.findings) == case.findings
    assert tuple(aside.reasons for aside in result.set_aside) == case.set_aside
    assert result.loaded + len(result.set_aside) == sum(len(log.lines) for log in case.logs)
    assert result.duplicates == 0


def of(expected: ExpectedFigures, row: Visit | Call) -> bool:
    entered = datetime.fromtimestamp(row.entered_at, LA_PAZ)
    return (
        (expected.queue is None or (isinstance(row, Visit) and row.queue == expected.queue))
        and (expected.service is None or row.service == expected.service)
        and (expected.day is None or entered.date() == expected.day)
        and (expected.hour is None or entered.hour == expected.hour)
    )


@every_case
def test_figures_are_those_of_the_case(case: Case) -> None:
    result = counted(case)
    for expected in case.figures:
        got = figures(row for row in rows(result, expected.unit) if of(expected, row))
        assert (got.registered, got.answered) == (expected.registered, expected.answered), expected
        assert expected.in_time in (None, got.in_time), expected


def measures(visits: Sequence[Visit]) -> dict[str, Fraction]:
    """A ratio is the sum of the numerators over the sum of the denominators; what has none is left out."""
    counts = figures(visits)
    waits = [visit.wait for visit in visits if visit.registered and visit.wait is not None]
    talks = [visit.talk for visit in visits if visit.talk is not None]
    pairs = {
        "service_level": (counts.in_time, counts.registered),
        "of_answered": (counts.in_time, counts.answered),
        "mean_wait": (sum(waits), len(waits)),
        "max_wait": (max(waits, default=0), bool(waits)),
        "aht": (sum(talks), len(talks)),
    }
    return {name: Fraction(above, below) for name, (above, below) in pairs.items() if below}


@every_case
def test_measures_are_those_of_the_case(case: Case) -> None:
    got = measures(counted(case).visits)
    assert {expected.name: got[expected.name] for expected in case.measures} == {
        expected.name: expected.value for expected in case.measures
    }


# ---------------------------------------------------------------------------------------------------------------------
# Case 8: "any of these loaded twice, or cut in two files at any line, loaded in either order: the same tables"


@every_case
def test_the_same_file_twice_counts_once(case: Case) -> None:
    once = counted(case)
    twice = count([*files_of(case), *(LogFile(f"{f.name}.copy", f.lines, f.pbx) for f in files_of(case))], case.rules)
    assert what_users_count(twice) == what_users_count(once)
    assert twice.duplicates == sum(len(log.lines) for log in case.logs)


@every_case
def test_pieces_in_any_order_count_as_the_whole(case: Case) -> None:
    whole = what_users_count(counted(case))
    for file in files_of(case):
        others = [other for other in files_of(case) if other != file]
        for first, second in halves(file.lines):
            pieces = [LogFile("queue_log.1", first, file.pbx), LogFile("queue_log", second, file.pbx)]
            for some in (pieces, [*pieces, file]):  # the pieces alone, and beside the whole
                for order in permutations(some):
                    assert what_users_count(count([*order, *others], case.rules)) == whole, (len(first), order)


def test_only_identical_neighbours_and_a_step_of_the_clock_forbid_a_cut() -> None:
    left_out = {str(case): len(log.lines) - 1 - len(list(halves(log.lines))) for case in CASES for log in case.logs}
    assert {name: cuts for name, cuts in left_out.items() if cuts} == {"case 13c": 1, "case 23": 1, "case 35": 1}


@pytest.mark.parametrize("number", [23, 35])
def test_a_cut_where_the_clock_steps_back_cannot_be_told(number: int) -> None:
    """It is left out of case 8 for a reason: the pieces alone differ."""
    case = next(case for case in CASES if case.number == number)
    (file,) = files_of(case)
    epochs = [int(line.split("|")[0]) for line in file.lines]
    cut = next(i for i in range(1, len(epochs)) if epochs[i] < epochs[i - 1])
    pieces = [LogFile("queue_log.1", file.lines[:cut]), LogFile("queue_log", file.lines[cut:])]
    assert what_users_count(count(pieces, case.rules)) != what_users_count(counted(case))
    if number == 35:  # the whole file beside them mends it, unless the step goes back beyond the file's own first epoch
        assert what_users_count(count([*pieces, file], case.rules)) == what_users_count(counted(case))


# ---------------------------------------------------------------------------------------------------------------------
# Lines: reliability.md 2.1


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        ("1709640000|NONE|NONE|CONFIGRELOAD", ("fields",)),  # Q04
        ("abc|NONE|NONE|NONE|CONFIGRELOAD|", ("epoch",)),  # Q05
        ("|NONE|NONE|NONE|CONFIGRELOAD|", ("epoch",)),  # Q05
        ("0|NONE|NONE|NONE|CONFIGRELOAD|", ("epoch_range",)),  # Q06
        ("-1709640000|NONE|NONE|NONE|CONFIGRELOAD|", ("epoch_range",)),  # Q06
        ("86400|NONE|NONE|NONE|CONFIGRELOAD|", ("epoch_range",)),  # Q06
        ("1709726401|NONE|NONE|NONE|CONFIGRELOAD|", ("epoch_range",)),  # Q06, loaded a day and a second before
        ("1709640000000|NONE|NONE|NONE|CONFIGRELOAD|", ("epoch_unit",)),  # Q07
        ("1709640000|NONE|NONE|NONE|CONFIG\0RELOAD|", ("nul",)),  # Q12
        ("\0\0\0\0", ("nul", "fields", "epoch")),  # Q12: every reason
        ("nothing of the kind", ("fields", "epoch")),
        ("1709640000|NONE|NONE|NONE|FOOBAR|" + "x" * 1_000_000, ("line_too_long",)),  # Q14
        ("1709640000.5|NONE|NONE|NONE|CONFIGRELOAD|", ()),  # Q08
        ("1709640000|NONE|NONE|NONE|FOOBAR|a|b|c|d|e|f|g|h", ()),  # Q09, Q10
        ("1709640000|NONE|NONE|NONE|CONFIGRELOAD|\r", ()),  # Q13
        ("1709726400|NONE|NONE|NONE|CONFIGRELOAD|", ()),  # Q06, loaded a day before
    ],
)
def test_a_line_is_loaded_or_set_aside_with_every_reason(line: str, reasons: tuple[str, ...]) -> None:
    result = count([LogFile("queue_log", ("", line, "  "))], (), Parameters(loaded_at=BASE))
    assert result.set_aside == ((SetAside("queue_log", 2, reasons),) if reasons else ())
    assert result.loaded == (not reasons)


def test_the_lines_of_a_system_are_never_a_call() -> None:
    for callid in ("NONE", "MANAGER", "REALTIME", "CLI"):  # Q27
        result = read(f"0 | {callid} | q1 | NONE | ENTERQUEUE || 70000001 | 1")
        assert (result.visits, result.loaded) == ((), 2)


def test_identical_lines_in_one_file_all_count_and_the_greatest_file_decides() -> None:
    ring = "1709640000|1709640000.1|q1|SIP/201|RINGNOANSWER|1000"  # Q15
    one, two, other = (LogFile(name, (ring,) * times) for name, times in (("a", 2), ("b", 3), ("c", 1)))
    assert [count(files).loaded for files in ([one], [one, two], [two, other, one])] == [2, 3, 3]
    assert count([one, two, other]).duplicates == 3
    assert count([one, LogFile("d", (ring,), pbx="sur")]).loaded == 3


def test_a_bad_line_seen_in_two_files_is_set_aside_once_in_the_earlier_one() -> None:
    good = "1709640000|NONE|NONE|NONE|CONFIGRELOAD|"
    late, early = LogFile("a", ("garbage",)), LogFile("b", (good, "garbage"))
    result = count([late, early])
    assert [(aside.file, aside.line_no) for aside in result.set_aside] == [("b", 2)]
    assert (result.loaded, result.duplicates) == (1, 1)


# ---------------------------------------------------------------------------------------------------------------------
# Sentences of rules.md that cases.md does not draw


def test_a_queue_named_as_a_line_is_that_line_until_the_site_says_otherwise() -> None:
    log = """
    0 | c1 | 4522222 | NONE | ENTERQUEUE || 70000001 | 1
    9 | c1 | 4522222 | NONE | ABANDON    | 1 | 1 | 9
    """
    assert [visit.service for visit in read(log).visits] == ["4522222"]
    other_days = QueueRule("4522222", None, "101", date(2025, 1, 1), None)
    assert [visit.service for visit in read(log, other_days).visits] == [None]


@pytest.mark.parametrize(
    ("rules", "did", "service"),
    [
        ([("4200400", "a")], "44200400", "a"),
        ([("44200400", "a")], "4200400", "a"),
        ([("200400", "a"), ("4200400", "b")], "44200400", "b"),
        ([("4200400", "a"), (None, "b")], "4639999", "b"),
        ([(None, "a"), ("4200400", "b")], "4200400", "a"),
        ([("4200400", "a")], "s", None),
    ],
)
def test_the_did_is_compared_on_the_longest_suffix(
    rules: list[tuple[str | None, str]], did: str, service: str | None
) -> None:
    result = read(
        f"""
        0 | c1 | q0 | NONE | DID        | {did}
        5 | c1 | q1 | NONE | ENTERQUEUE || 70000001 | 1
        """,
        *(QueueRule("q1", number, line) for number, line in rules),
    )
    assert [visit.service for visit in result.visits] == [service]


def test_the_last_did_before_each_entry_counts() -> None:
    result = read(
        """
         0 | c1 | q1 | NONE | DID         | 101
         0 | c1 | q1 | NONE | ENTERQUEUE  || 70000001 | 1
         9 | c1 | q1 | NONE | EXITWITHKEY | 1 | 1 | 1 | 9
         9 | c1 | q1 | NONE | DID         | 102
         9 | c1 | q1 | NONE | ENTERQUEUE  || 70000001 | 1
        """
    )
    assert [visit.did for visit in result.visits] == ["101", "102"]


def test_a_call_to_the_line_that_waits_again_stands_registered() -> None:
    result = read(
        """
         0 | c1 | q1 | NONE | ENTERQUEUE      || 70000001 | 1
        60 | c1 | q1 | NONE | EXITWITHTIMEOUT | 1 | 1 | 60
        65 | c1 | q1 | NONE | ENTERQUEUE      || 70000001 | 1
        """
    )
    assert figures(result.visits) == Figures(registered=1, answered=0, in_time=0, open=1)
    assert as_expected_calls(result.line_calls) == (ExpectedCall(None, False, "timeout", 60, None),)


def test_a_visit_elsewhere_breaks_the_chain() -> None:
    result = read(
        """
        0 | c1 | q1 | NONE | ENTERQUEUE  || 70000001 | 1
        2 | c1 | q1 | NONE | EXITWITHKEY | 1 | 1 | 1 | 2
        2 | c1 | q2 | NONE | ENTERQUEUE  || 70000001 | 1
        3 | c1 | q2 | NONE | EXITWITHKEY | 1 | 1 | 1 | 1
        3 | c1 | q1 | NONE | ENTERQUEUE  || 70000001 | 1
        4 | c1 | q1 | NONE | ABANDON     | 1 | 1 | 1
        """,
        QueueRule("q1", None, "101"),
        QueueRule("q2", None, "102"),
    )
    assert [call.service for call in result.line_calls] == ["101", "102", "101"]
    assert [(call.cause, call.wait) for call in result.calls] == [("caller_hung_up", 4)]


def test_an_unanswered_end_of_a_connected_visit_changes_nothing() -> None:
    result = read(
        """
         0 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
         5 | c1 | q1 | SIP/201 | CONNECT        | 5 | 1709640005.9 | 2
         5 | c1 | q1 | SIP/201 | ABANDON        | 1 | 1 | 5
        25 | c1 | q1 | SIP/201 | COMPLETECALLER | 5 | 20 | 1
        25 | c1 | q1 | SIP/201 | COMPLETEAGENT  | 5 | 20 | 1
        """
    )
    assert [(visit.answered, visit.wait, visit.talk) for visit in result.visits] == [(True, 5, 20)]
    assert [finding.kind for finding in result.findings] == ["double_end", "end_after_connect"]


def test_a_late_end_looks_for_its_agent() -> None:
    result = read(
        """
         0 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
         0 | c1 | q1 | SIP/201 | CONNECT        | 0 | 1709640000.9 | 0
         1 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
         1 | c1 | q1 | SIP/202 | CONNECT        | 0 | 1709640001.9 | 0
        11 | c1 | q1 | SIP/201 | BLINDTRANSFER  | q1 | from-internal | 0 | 10 | 1
        31 | c1 | q1 | SIP/202 | COMPLETECALLER | 0 | 30 | 1
        """
    )
    assert [(visit.agent, visit.talk) for visit in result.visits] == [("SIP/201", 10), ("SIP/202", 30)]
    assert result.findings == ()


def test_a_late_end_does_not_end_the_wait_elsewhere() -> None:
    result = read(
        """
         0 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
         4 | c1 | q1 | SIP/201 | CONNECT       | 4 | 1709640004.9 | 2
        24 | c1 | q2 | NONE    | ENTERQUEUE    || 70000001 | 1
        24 | c1 | q1 | SIP/201 | BLINDTRANSFER | q2 | from-internal | 4 | 20 | 1
        54 | c1 | q2 | SIP/202 | CONNECT       | 30 | 1709640054.9 | 2
        """
    )
    assert [(visit.queue, visit.answered, visit.wait, visit.talk) for visit in result.visits] == [
        ("q1", True, 4, 20),
        ("q2", True, 30, None),
    ]


def test_a_call_heard_of_after_the_restart_is_not_lost_to_it() -> None:
    result = read(
        """
            0 | c1   | q1   | NONE    | ENTERQUEUE   || 70000001 | 1
           12 | NONE | NONE | NONE    | QUEUESTART   |
           20 | c1   | q1   | SIP/201 | RINGNOANSWER | 5000
        14401 | NONE | NONE | NONE    | CONFIGRELOAD |
        """
    )
    assert [visit.cause for visit in result.visits] == ["unknown"]


@pytest.mark.parametrize(("hours_and", "cause"), [(0, None), (1, "unknown")])
def test_four_hours_are_not_yet_too_long(hours_and: int, cause: str | None) -> None:
    result = read(
        f"""
        0                   | c1   | q1   | NONE | ENTERQUEUE   || 70000001 | 1
        {14400 + hours_and} | NONE | NONE | NONE | CONFIGRELOAD |
        """
    )
    assert [visit.cause for visit in result.visits] == [cause]


@pytest.mark.parametrize(
    ("connect", "end", "wait", "kinds"),
    [
        ("| 5", "| 5 | 20", 5, []),
        ("|", "| 5 | 20", 5, []),
        ("|", "|  |", None, ["wait_missing"]),
        ("| x", "| 5 | 20", None, ["duration"]),
        ("| 5", "| 6 | 20", 5, ["wait_differs"]),
        ("| 5", "| 5 | -1", 5, ["duration"]),
        ("| 5", "| 5 | 43200", 5, []),
        ("| 5", "| 5 | 90000", 5, ["long"]),
    ],
)
def test_durations_that_cannot_be_are_unknown_and_found(
    connect: str, end: str, wait: int | None, kinds: list[str]
) -> None:
    result = read(
        f"""
         0 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
         5 | c1 | q1 | SIP/201 | CONNECT       {connect}
        25 | c1 | q1 | SIP/201 | COMPLETEAGENT {end}
        """
    )
    assert [(visit.answered, visit.wait) for visit in result.visits] == [(True, wait)]
    assert [finding.kind for finding in result.findings] == kinds


@pytest.mark.parametrize(
    ("wait", "known", "kinds"), [("", 9, ["wait_missing"]), ("x", None, ["duration"]), ("-3", None, ["duration"])]
)
def test_the_wait_of_the_unanswered(wait: str, known: int | None, kinds: list[str]) -> None:
    result = read(
        f"""
        0 | c1 | q1 | NONE | ENTERQUEUE      || 70000001 | 1
        9 | c1 | q1 | NONE | EXITWITHTIMEOUT | 1 | 1 | {wait}
        """
    )
    assert [(visit.cause, visit.wait) for visit in result.visits] == [("timeout", known)]
    assert [finding.kind for finding in result.findings] == kinds


def test_an_outbound_callid_leaves_no_trace_in_the_figures() -> None:
    result = read(
        """
        0 | c1 | 4200400 | SIP/201 | ENTERQUEUE | - | 70000001
        9 | c1 | 4200400 | SIP/201 | BUSY       | 1 | 1 | 9
        9 | c1 | q1      | NONE    | ABANDON    | 1 | 1 |
        """
    )
    assert (result.visits, result.findings, result.set_aside, result.loaded) == ((), (), (), 4)


def test_a_callers_call_begins_with_the_visit_that_began_first() -> None:
    """Case 4, the end's own start before the entry in q0: a reading, so not among the cases."""
    case = next(case for case in CASES if str(case) == "case 4a")
    (call,) = counted(case).calls
    assert (call.entered_at - BASE, call.wait, call.talk) == (92, 12, 6)


def test_files_that_tie_are_merged_by_the_kind_of_event() -> None:
    """Three pieces of one second: the order ENTERQUEUE, CONNECT, end is all there is to go by."""
    lines = DrawnLog(
        """
        0 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
        0 | c1 | q1 | SIP/201 | CONNECT       | 0 | 1709640000.9 | 0
        0 | c1 | q1 | SIP/201 | COMPLETEAGENT | 0 | 0 | 1
        """
    ).lines[1:]
    for order in permutations(lines):
        result = count([LogFile(name, (line,)) for name, line in zip("abc", order, strict=True)])
        assert [(visit.answered, visit.wait, visit.talk, visit.reconstructed) for visit in result.visits] == [
            (True, 0, 0, False)
        ]
        assert result.findings == ()


def test_a_piece_cut_inside_the_last_second_does_not_reorder_the_whole_file_beside_it() -> None:
    lines = DrawnLog(
        """
        9 | c1 | q1 | SIP/201 | CONNECT    | 1 | 1709640009.9 | 1
        9 | c1 | q1 | NONE    | ENTERQUEUE || 70000001 | 1
        """
    ).lines
    whole, piece = LogFile("z", lines), LogFile("a", lines[:2])
    assert what_users_count(count([piece, whole])) == what_users_count(count([whole]))


# ---------------------------------------------------------------------------------------------------------------------
# A real month, counted by others


@pytest.mark.skipif(not REAL_MONTH.exists(), reason=f"no real month: {REAL_MONTH.name} lies elsewhere")
def test_a_real_month_agrees_with_the_counts_made_from_its_source() -> None:
    with gzip.open(REAL_MONTH, "rt", encoding="utf-8") as log:
        result = count([LogFile("technion", tuple(log.read().splitlines()))])
    assert figures(result.visits) == figures(result.line_calls) == Figures(30_161, 27_060, 16_402, 0)
    names: Sequence[Callable[[Visit], str]] = (
        lambda visit: f"hour {datetime.fromtimestamp(visit.entered_at, LA_PAZ):%H}",
        lambda visit: f"month {datetime.fromtimestamp(visit.entered_at, LA_PAZ):%Y-%m}",
        lambda visit: f"month {datetime.fromtimestamp(visit.entered_at, LA_PAZ):%Y-%m} line {visit.service}",
    )
    got: dict[str, Counter[str]] = defaultdict(Counter)
    for visit in result.visits:
        assert visit.wait is not None
        for name in names:
            of_group = got[name(visit)]
            of_group["registered"] += 1
            of_group["answered"] += visit.answered
            of_group["in_time"] += visit.answered and visit.wait <= 20
            of_group["talk"] += visit.talk or 0
            of_group["wait_answered"] += visit.wait if visit.answered else 0
    expected = json.loads(REAL_MONTH.with_name("technion-1999-01.expected.json").read_text())
    assert {name: dict(counts) for name, counts in got.items()} == expected
