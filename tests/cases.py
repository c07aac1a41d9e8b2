"""The call cases of cases.md as drawn data: logs a person can read, the site's mapping, and what must come out.

In: nothing. Out: CASES, to be run through the reference counter and through the product alike.

How a log is drawn: one line a row, blanks around the pipes are for the eye. The first column is ``HH:MM:SS`` (local, on
the log's day), ``MM-DD HH:MM:SS`` (local, of 2024) or a plain number of seconds after 08:00:00 of 2024-03-05; ``c1``
stands for a callid. Every drawn log begins, as rotated files do, with a CONFIGRELOAD one minute before its first row.

Rows of expected visits and calls stand in the order (entered_at, pbx, callid, queue). Case 8 is not drawn: it is a
property of all the others (see `halves`). Where cases.md is silent and rules.md can be read in two ways stands None.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Literal

from tests.reference_counter import QueueRule

LA_PAZ = timezone(timedelta(hours=-4))
BASE = int(datetime(2024, 3, 5, 8, tzinfo=LA_PAZ).timestamp())

Unit = Literal["visit", "line", "call"]


@dataclass(frozen=True)
class DrawnLog:
    """One log file as drawn."""

    text: str
    name: str = "queue_log"
    pbx: str = "pbx"
    day: date = date(2024, 3, 5)

    @property
    def lines(self) -> tuple[str, ...]:
        """The file's lines as Asterisk would have written them."""
        rows = [re.sub(r" *\| *", "|", row.strip()) for row in self.text.strip().splitlines()]
        drawn = [self._line(row) for row in rows]
        first = int(drawn[0].split("|")[0])
        return (f"{first - 60}|NONE|NONE|NONE|CONFIGRELOAD|", *drawn)

    def _line(self, row: str) -> str:
        time, callid, rest = row.split("|", 2)
        if re.fullmatch("c[0-9]+", callid):
            callid = f"{BASE}.{callid[1:]}"
        return f"{instant(time, self.day)}|{callid}|{rest}"


def instant(time: str, day: date) -> int:
    """The epoch of a drawn time."""
    if time.isdigit():
        return BASE + int(time)
    if len(time) == len("HH:MM:SS"):
        time = f"{day:%m-%d} {time}"
    return int(datetime.strptime(f"2024-{time}-0400", "%Y-%m-%d %H:%M:%S%z").timestamp())


@dataclass(frozen=True)
class ExpectedVisit:
    """One queue visit; seconds, None is unknown. `entered` is a drawn time, None where nothing is said about it."""

    queue: str
    answered: bool
    cause: str | None
    wait: int | None
    talk: int | None
    service: str | None = None
    open: bool = False
    reconstructed: bool = False
    entered: str | None = None


@dataclass(frozen=True)
class ExpectedCall:
    """One line call or caller's call; seconds, None is unknown."""

    service: str | None
    answered: bool
    cause: str | None
    wait: int | None
    talk: int | None
    open: bool = False


@dataclass(frozen=True)
class ExpectedFigures:
    """Counts in a unit: of all, or of a queue, a line, a local day or hour of entry. in_time None: nothing said."""

    unit: Unit
    registered: int
    answered: int
    in_time: int | None = None
    queue: str | None = None
    service: str | None = None
    day: date | None = None
    hour: int | None = None


@dataclass(frozen=True)
class ExpectedMeasure:
    """A measure over all the case's visits, unrounded: a ratio (1 = 100 %) or seconds."""

    name: Literal["service_level", "of_answered", "mean_wait", "max_wait", "aht"]
    value: Fraction


@dataclass(frozen=True)
class Case:
    """One case: what arrives and what must come out. None: cases.md is silent and rules.md can be read in two ways."""

    number: int
    variant: str
    title: str
    logs: tuple[DrawnLog, ...]
    rules: tuple[QueueRule, ...]
    visits: tuple[ExpectedVisit, ...]
    line_calls: tuple[ExpectedCall, ...] | None
    calls: tuple[ExpectedCall, ...] | None
    figures: tuple[ExpectedFigures, ...]
    measures: tuple[ExpectedMeasure, ...]
    findings: tuple[str, ...]
    set_aside: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        return f"case {self.number}{self.variant}"


def halves(lines: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yields the ways to cut a file in two of which case 8 holds: "cut in two files at any line".

    Two cuts cannot be told from something else, whatever the program, and are left out:
    - identical lines astride the cut look like an overlap of the two files (rules.md 3: "the one exempted case");
    - a cut exactly where the clock steps back (case 35 before its second ENTERQUEUE, case 23 before its CONNECT): the
      second file alone does not tell that its first lines came after later instants (its running maximum is too low).
    """
    for cut in range(1, len(lines)):
        first, second = tuple(lines[:cut]), tuple(lines[cut:])
        if set(first) & set(second):
            continue
        if int(second[0].split("|")[0]) < max(int(line.split("|")[0]) for line in first):
            continue
        yield first, second


# ---------------------------------------------------------------------------------------------------------------------
# Short words for the drawings below


class _AsVisits:
    """Each visit is a call of its own."""


AS_VISITS = _AsVisits()
Rows = tuple[ExpectedCall, ...] | _AsVisits | None


def case(
    name: str,
    title: str,
    log: str | DrawnLog | tuple[DrawnLog, ...],
    visits: Sequence[ExpectedVisit],
    *,
    rules: Sequence[QueueRule] = (),
    line_calls: Rows = AS_VISITS,
    calls: Rows = AS_VISITS,
    figures: Sequence[ExpectedFigures] = (),
    measures: Sequence[ExpectedMeasure] = (),
    findings: Sequence[str] = (),
    set_aside: Sequence[str] = (),
) -> Case:
    logs = (DrawnLog(log),) if isinstance(log, str) else (log,) if isinstance(log, DrawnLog) else log
    alone = tuple(ExpectedCall(v.service, v.answered, v.cause, v.wait, v.talk, v.open) for v in visits)
    return Case(
        number=int(name.rstrip("abc")),
        variant=name.lstrip("0123456789"),
        title=title,
        logs=logs,
        rules=tuple(rules),
        visits=tuple(visits),
        line_calls=alone if isinstance(line_calls, _AsVisits) else line_calls,
        calls=alone if isinstance(calls, _AsVisits) else calls,
        figures=tuple(figures),
        measures=tuple(measures),
        findings=tuple(findings),
        set_aside=tuple((reason,) for reason in set_aside),
    )


def answered(
    queue: str, wait: int | None, talk: int | None, service: str | None = None, *, entered: str | None = None
) -> ExpectedVisit:
    return ExpectedVisit(queue, True, None, wait, talk, service, entered=entered)


def unanswered(
    queue: str, cause: str, wait: int | None, service: str | None = None, *, entered: str | None = None
) -> ExpectedVisit:
    return ExpectedVisit(queue, False, cause, wait, None, service, entered=entered)


def waiting(queue: str, service: str | None = None) -> ExpectedVisit:
    return ExpectedVisit(queue, False, None, None, None, service, open=True)


def rebuilt(visit: ExpectedVisit) -> ExpectedVisit:
    return replace(visit, reconstructed=True)


def call_answered(service: str | None, wait: int | None, talk: int | None) -> ExpectedCall:
    return ExpectedCall(service, True, None, wait, talk)


def call_lost(service: str | None, cause: str, wait: int | None) -> ExpectedCall:
    return ExpectedCall(service, False, cause, wait, None)


F = ExpectedFigures
BOTH_101 = (QueueRule("q1", None, "101"), QueueRule("q2", None, "101"))
FROM_101_TO_102 = (QueueRule("q1", None, "101"), QueueRule("q2", None, "102"))
ONLY_Q1 = (QueueRule("q1", None, "101"),)

OVERFLOW = """
      0 | c1 | q1 | NONE    | ENTERQUEUE      || 70000001 | 1
     60 | c1 | q1 | NONE    | EXITWITHTIMEOUT | 1 | 1 | 60
     61 | c1 | q2 | NONE    | ENTERQUEUE      || 70000001 | 1
     71 | c1 | q2 | SIP/201 | CONNECT         | 10 | 1709640071.9 | 3
    101 | c1 | q2 | SIP/201 | COMPLETECALLER  | 10 | 30 | 1
"""
OTHER_DAYS = DrawnLog(
    """
    03-14 23:30:00 | c1 | 5003 | NONE    | ENTERQUEUE    || 70000001 | 1
    03-14 23:30:05 | c1 | 5003 | SIP/201 | CONNECT       | 5 | 1710473405.9 | 2
    03-14 23:31:05 | c1 | 5003 | SIP/201 | COMPLETEAGENT | 5 | 60 | 1
    03-15 00:10:00 | c2 | 5003 | NONE    | ENTERQUEUE    || 70000002 | 1
    03-15 00:10:05 | c2 | 5003 | SIP/201 | CONNECT       | 5 | 1710475805.9 | 2
    03-15 00:11:05 | c2 | 5003 | SIP/201 | COMPLETEAGENT | 5 | 60 | 1
    """
)
BY_DID = """
    0 | c1 | 5003 | NONE | DID        | 102
    0 | c1 | 5003 | NONE | ENTERQUEUE || 70000001 | 1
    9 | c1 | 5003 | NONE | ABANDON    | 1 | 1 | 9
   20 | c2 | 5003 | NONE | DID        | 44200002
   20 | c2 | 5003 | NONE | ENTERQUEUE || 70000002 | 1
   28 | c2 | 5003 | NONE | ABANDON    | 1 | 1 | 8
   40 | c3 | 5003 | NONE | ENTERQUEUE || 70000003 | 1
   47 | c3 | 5003 | NONE | ABANDON    | 1 | 1 | 7
"""
TWO_DIDS = (QueueRule("5003", "102", "102"), QueueRule("5003", "4200002", "4200002"))


CASES: tuple[Case, ...] = (
    case(
        "1",
        "a call passed from one queue to another counts in each, at the hour it entered there",
        """
        09:53:09 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
        09:53:12 | c1 | q1 | SIP/201 | CONNECT        | 3 | 1709646792.9 | 2
        10:02:30 | c1 | q1 | SIP/201 | COMPLETECALLER | 3 | 558 | 1
        10:02:30 | c1 | q2 | NONE    | ENTERQUEUE     || 70000001 | 1
        10:02:31 | c1 | q2 | SIP/202 | RINGNOANSWER   | 1000
        10:02:32 | c1 | q2 | SIP/203 | CONNECT        | 2 | 1709647352.9 | 1
        10:04:19 | c1 | q2 | SIP/203 | COMPLETECALLER | 2 | 107 | 1
        """,
        [answered("q1", 3, 558, entered="09:53:09"), answered("q2", 2, 107, entered="10:02:30")],
        calls=(call_answered(None, 3, 665),),
        figures=[
            F("visit", 1, 1, queue="q1", hour=9),
            F("visit", 0, 0, queue="q1", hour=10),
            F("visit", 1, 1, queue="q2", hour=10),
            F("call", 1, 1, 1),
        ],
    ),
    case(
        "2",
        "the hour of a visit is that of its entry, to the second",
        """
        08:00:00 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
        08:00:00 | c2 | q1 | NONE    | ENTERQUEUE     || 70000002 | 2
        08:00:03 | c1 | q1 | SIP/201 | CONNECT        | 3 | 1709640003.9 | 2
        08:00:03 | c2 | q1 | SIP/202 | CONNECT        | 3 | 1709640003.8 | 2
        08:00:13 | c1 | q1 | SIP/201 | COMPLETECALLER | 3 | 10 | 1
        08:00:13 | c2 | q1 | SIP/202 | COMPLETECALLER | 3 | 10 | 2
        08:59:59 | c3 | q1 | NONE    | ENTERQUEUE     || 70000003 | 1
        09:00:00 | c4 | q1 | NONE    | ENTERQUEUE     || 70000004 | 2
        09:00:02 | c3 | q1 | SIP/201 | CONNECT        | 3 | 1709643602.9 | 2
        09:00:03 | c4 | q1 | SIP/202 | CONNECT        | 3 | 1709643603.9 | 2
        09:00:12 | c3 | q1 | SIP/201 | COMPLETEAGENT  | 3 | 10 | 1
        09:00:13 | c4 | q1 | SIP/202 | COMPLETEAGENT  | 3 | 10 | 2
        09:59:59 | c5 | q1 | NONE    | ENTERQUEUE     || 70000005 | 1
        10:00:02 | c5 | q1 | SIP/201 | CONNECT        | 3 | 1709647202.9 | 2
        10:00:12 | c5 | q1 | SIP/201 | COMPLETEAGENT  | 3 | 10 | 1
        """,
        [answered("q1", 3, 10)] * 5,
        figures=[F("visit", 3, 3, 3, hour=8), F("visit", 2, 2, 2, hour=9), F("visit", 0, 0, 0, hour=10)],
        measures=[ExpectedMeasure("service_level", Fraction(1))],
    ),
    case(
        "3",
        "the manual's service level divides by all registered; CONNECT's wait stands where the end disagrees",
        """
          0 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
         32 | c1 | q1 | SIP/201 | CONNECT        | 32 | 1709640032.9 | 5
         52 | c1 | q1 | SIP/201 | COMPLETEAGENT  | 32 | 20 | 1
        100 | c2 | q1 | NONE    | ENTERQUEUE     || 70000002 | 1
        101 | c2 | q1 | SIP/201 | CONNECT        | 1 | 1709640101.9 | 1
        121 | c2 | q1 | SIP/201 | COMPLETECALLER | 1 | 20 | 1
        200 | c3 | q1 | NONE    | ENTERQUEUE     || 70000003 | 1
        202 | c3 | q1 | SIP/201 | CONNECT        | 2 | 1709640202.9 | 1
        222 | c3 | q1 | SIP/201 | COMPLETEAGENT  | 3 | 20 | 1
        300 | c4 | q1 | NONE    | ENTERQUEUE     || 70000004 | 1
        302 | c4 | q1 | SIP/201 | CONNECT        | 2 | 1709640302.9 | 1
        322 | c4 | q1 | SIP/201 | COMPLETECALLER | 2 | 20 | 1
        400 | c5 | q1 | NONE    | ENTERQUEUE     || 70000005 | 1
        401 | c5 | q1 | NONE    | ABANDON        | 1 | 1 | 1
        500 | c6 | q1 | NONE    | ENTERQUEUE     || 70000006 | 1
        501 | c6 | q1 | NONE    | ABANDON        | 1 | 1 | 1
        600 | c7 | q1 | NONE    | ENTERQUEUE     || 70000007 | 1
        601 | c7 | q1 | NONE    | ABANDON        | 1 | 1 | 1
        700 | c8 | q1 | NONE    | ENTERQUEUE     || 70000008 | 1
        715 | c8 | q1 | SIP/201 | RINGNOANSWER   | 15000
        735 | c8 | q1 | SIP/201 | RINGNOANSWER   | 15000
        738 | c8 | q1 | NONE    | ABANDON        | 1 | 1 | 38
        """,
        [
            answered("q1", 32, 20),
            answered("q1", 1, 20),
            answered("q1", 2, 20),
            answered("q1", 2, 20),
            unanswered("q1", "caller_hung_up", 1),
            unanswered("q1", "caller_hung_up", 1),
            unanswered("q1", "caller_hung_up", 1),
            unanswered("q1", "caller_hung_up", 38),
        ],
        figures=[F("visit", 8, 4, 3)],
        measures=[
            ExpectedMeasure("service_level", Fraction("0.375")),
            ExpectedMeasure("of_answered", Fraction("0.75")),
        ],
        findings=["wait_differs"],
    ),
    case(
        "4a",
        "an end in a queue never entered ends the wait elsewhere, though its own start falls before the entry there",
        """
        100 | c1 | q0 | NONE    | ENTERQUEUE    || 70000001 | 1
        110 | c1 | q1 | SIP/201 | COMPLETEAGENT | 12 | 6 | 1
        """,
        [rebuilt(answered("q1", 12, 6, entered="92")), unanswered("q0", "unknown", 10, entered="100")],
        calls=None,
    ),
    case(
        "4b",
        "an end in a queue never entered ends the wait elsewhere, its own start after the entry there",
        """
        100 | c1 | q0 | NONE    | ENTERQUEUE    || 70000001 | 1
        130 | c1 | q1 | SIP/201 | COMPLETEAGENT | 12 | 6 | 1
        """,
        [unanswered("q0", "unknown", 30, entered="100"), rebuilt(answered("q1", 12, 6, entered="112"))],
        calls=(call_answered(None, 24, 6),),
    ),
    case(
        "5",
        "an ABANDON without a wait takes it from the two times",
        """
        100 | c1 | q1 | NONE | ENTERQUEUE || 70000001 | 1
        107 | c1 | q1 | NONE | ABANDON    | 1 | 1 |
        """,
        [unanswered("q1", "caller_hung_up", 7)],
        findings=["wait_missing"],
    ),
    case(
        "6a",
        "an ABANDON without a wait, of a call that never entered, is set aside",
        """
        107 | c1 | q1 | NONE | ABANDON | 1 | 1 |
        """,
        [],
        set_aside=["wait_missing"],
    ),
    case(
        "6b",
        "an ABANDON with a wait, of a call that never entered, is a visit",
        """
        107 | c1 | q1 | NONE | ABANDON | 1 | 1 | 7
        """,
        [rebuilt(unanswered("q1", "caller_hung_up", 7, entered="100"))],
    ),
    case(
        "7",
        "a call whose end is not logged is answered, its talk unknown",
        """
         0 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
         4 | c1 | q1 | SIP/201 | CONNECT       | 4 | 1709640004.9 | 2
        10 | c2 | q1 | NONE    | ENTERQUEUE    || 70000002 | 1
        15 | c2 | q1 | SIP/202 | CONNECT       | 5 | 1709640015.9 | 2
       115 | c2 | q1 | SIP/202 | COMPLETEAGENT | 5 | 100 | 1
        """,
        [answered("q1", 4, None), answered("q1", 5, 100)],
        figures=[F("visit", 2, 2)],
        measures=[ExpectedMeasure("aht", Fraction(100))],
    ),
    *(
        case(
            name,
            f"every way to end an answered call keeps its talk (LINK and BRIDGE {with_origin} their last field)",
            f"""
              0 | c1 | q1 | NONE    | ENTERQUEUE       || 70000001 | 1
              2 | c1 | q1 | SIP/201 | CONNECT          | 2 | 1709640002.9 | 1
             12 | c1 | q1 | SIP/201 | COMPLETEAGENT    | 2 | 10 | 1
            100 | c2 | q1 | NONE    | ENTERQUEUE       || 70000002 | 1
            102 | c2 | q1 | SIP/201 | CONNECT          | 2 | 1709640102.9 | 1
            112 | c2 | q1 | SIP/201 | COMPLETECALLER   | 2 | 10 | 1
            200 | c3 | q1 | NONE    | ENTERQUEUE       || 70000003 | 1
            202 | c3 | q1 | SIP/201 | CONNECT          | 2 | 1709640202.9 | 1
            212 | c3 | q1 | SIP/201 | TRANSFER         | 301 | from-internal | 2 | 10{origin}
            300 | c4 | q1 | NONE    | ENTERQUEUE       || 70000004 | 1
            302 | c4 | q1 | SIP/201 | CONNECT          | 2 | 1709640302.9 | 1
            312 | c4 | q1 | SIP/201 | BLINDTRANSFER    | 301 | from-internal | 2 | 10 | 1
            400 | c5 | q1 | NONE    | ENTERQUEUE       || 70000005 | 1
            402 | c5 | q1 | SIP/201 | CONNECT          | 2 | 1709640402.9 | 1
            412 | c5 | q1 | SIP/201 | ATTENDEDTRANSFER | BRIDGE | 7f3a | 2 | 10{origin}
            500 | c6 | q1 | NONE    | ENTERQUEUE       || 70000006 | 1
            502 | c6 | q1 | SIP/201 | CONNECT          | 2 | 1709640502.9 | 1
            512 | c6 | q1 | SIP/201 | ATTENDEDTRANSFER | LINK | SIP/201-1 | SIP/301-2 | 2 | 10{origin}
            """,
            [answered("q1", 2, 10)] * 6,
            figures=[F("visit", 6, 6, 6)],
            measures=[ExpectedMeasure("aht", Fraction(60, 6))],
        )
        for name, with_origin, origin in (("9a", "without", ""), ("9b", "with", " | 1"))
    ),
    case(
        "10",
        "ten calls: four abandoned by two causes, and the means over the right denominators",
        """
           0 | c1  | q1 | NONE    | ENTERQUEUE      || 70000001 | 1
          10 | c1  | q1 | SIP/201 | CONNECT         | 10 | 1709640010.9 | 3
         130 | c1  | q1 | SIP/201 | COMPLETEAGENT   | 10 | 120 | 1
         200 | c2  | q1 | NONE    | ENTERQUEUE      || 70000002 | 1
         210 | c2  | q1 | SIP/201 | CONNECT         | 10 | 1709640210.9 | 3
         330 | c2  | q1 | SIP/201 | COMPLETEAGENT   | 10 | 120 | 1
         400 | c3  | q1 | NONE    | ENTERQUEUE      || 70000003 | 1
         410 | c3  | q1 | SIP/201 | CONNECT         | 10 | 1709640410.9 | 3
         530 | c3  | q1 | SIP/201 | COMPLETECALLER  | 10 | 120 | 1
         600 | c4  | q1 | NONE    | ENTERQUEUE      || 70000004 | 1
         610 | c4  | q1 | SIP/201 | CONNECT         | 10 | 1709640610.9 | 3
         730 | c4  | q1 | SIP/201 | COMPLETECALLER  | 10 | 120 | 1
         800 | c5  | q1 | NONE    | ENTERQUEUE      || 70000005 | 1
         825 | c5  | q1 | SIP/202 | RINGNOANSWER    | 20000
         840 | c5  | q1 | SIP/201 | CONNECT         | 40 | 1709640840.9 | 3
         900 | c5  | q1 | SIP/201 | COMPLETECALLER  | 40 | 60 | 1
        1000 | c6  | q1 | NONE    | ENTERQUEUE      || 70000006 | 1
        1040 | c6  | q1 | SIP/201 | CONNECT         | 40 | 1709641040.9 | 3
        1100 | c6  | q1 | SIP/201 | COMPLETECALLER  | 40 | 60 | 1
        1200 | c7  | q1 | NONE    | ENTERQUEUE      || 70000007 | 1
        1275 | c7  | q1 | NONE    | ABANDON         | 1 | 1 | 75
        1300 | c8  | q1 | NONE    | ENTERQUEUE      || 70000008 | 1
        1375 | c8  | q1 | NONE    | ABANDON         | 1 | 1 | 75
        1400 | c9  | q1 | NONE    | ENTERQUEUE      || 70000009 | 1
        1475 | c9  | q1 | NONE    | ABANDON         | 1 | 1 | 75
        1500 | c10 | q1 | NONE    | ENTERQUEUE      || 70000010 | 1
        1590 | c10 | q1 | NONE    | EXITWITHTIMEOUT | 1 | 1 | 90
        """,
        [
            *[answered("q1", 10, 120)] * 4,
            *[answered("q1", 40, 60)] * 2,
            *[unanswered("q1", "caller_hung_up", 75)] * 3,
            unanswered("q1", "timeout", 90),
        ],
        figures=[F("visit", 10, 6, 4)],
        measures=[
            ExpectedMeasure("service_level", Fraction("0.4")),
            ExpectedMeasure("of_answered", Fraction(2, 3)),
            ExpectedMeasure("mean_wait", Fraction("43.5")),
            ExpectedMeasure("max_wait", Fraction(90)),
            ExpectedMeasure("aht", Fraction(100)),
        ],
    ),
    case(
        "11",
        "twenty seconds is in time, twenty-one is not",
        """
          0 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
         20 | c1 | q1 | SIP/201 | CONNECT       | 20 | 1709640020.9 | 4
         50 | c1 | q1 | SIP/201 | COMPLETEAGENT | 20 | 30 | 1
        100 | c2 | q1 | NONE    | ENTERQUEUE    || 70000002 | 1
        121 | c2 | q1 | SIP/201 | CONNECT       | 21 | 1709640121.9 | 4
        151 | c2 | q1 | SIP/201 | COMPLETEAGENT | 21 | 30 | 1
        """,
        [answered("q1", 20, 30), answered("q1", 21, 30)],
        figures=[F("visit", 2, 2, 1)],
    ),
    case(
        "12",
        "a call over midnight at the end of a month belongs whole to the day it began",
        """
        03-31 23:59:50 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
        03-31 23:59:58 | c1 | q1 | SIP/201 | CONNECT       | 8 | 1711943998.9 | 4
        04-01 00:03:05 | c1 | q1 | SIP/201 | COMPLETEAGENT | 8 | 187 | 1
        """,
        [answered("q1", 8, 187)],
        figures=[
            F("visit", 1, 1, 1, day=date(2024, 3, 31)),
            F("visit", 0, 0, 0, day=date(2024, 4, 1)),
            F("line", 1, 1, 1, day=date(2024, 3, 31)),
            F("call", 1, 1, 1, day=date(2024, 3, 31)),
        ],
    ),
    case(
        "13a",
        "EXITEMPTY and then ABANDON for one visit is one call not answered",
        """
        100 | c1 | q1 | NONE | ENTERQUEUE || 70000001 | 1
        110 | c1 | q1 | NONE | EXITEMPTY  | 1 | 1 | 10
        110 | c1 | q1 | NONE | ABANDON    | 1 | 1 | 10
        """,
        [unanswered("q1", "empty", 10)],
        figures=[F("visit", 1, 0, 0)],
        findings=["double_end"],
    ),
    case(
        "13b",
        "EXITEMPTY and then ABANDON, all in the second of the entry",
        """
        100 | c1 | q1 | NONE | ENTERQUEUE || 70000001 | 1
        100 | c1 | q1 | NONE | EXITEMPTY  | 1 | 1 | 0
        100 | c1 | q1 | NONE | ABANDON    | 1 | 1 | 0
        """,
        [unanswered("q1", "empty", 0)],
        figures=[F("visit", 1, 0, 0)],
        findings=["double_end"],
    ),
    case(
        "13c",
        "EXITEMPTY twice for one visit is one call not answered",
        """
        100 | c1 | q1 | NONE | ENTERQUEUE || 70000001 | 1
        110 | c1 | q1 | NONE | EXITEMPTY  | 1 | 1 | 10
        110 | c1 | q1 | NONE | EXITEMPTY  | 1 | 1 | 10
        """,
        [unanswered("q1", "empty", 10)],
        figures=[F("visit", 1, 0, 0)],
        findings=["double_end"],
    ),
    case(
        "14",
        "an overflow is two visits and one call of the caller",
        OVERFLOW,
        [unanswered("q1", "timeout", 60), answered("q2", 10, 30)],
        line_calls=None,  # both queues without a line: whether they chain is a reading
        calls=(call_answered(None, 71, 30),),
        figures=[F("visit", 2, 1), F("call", 1, 1)],
    ),
    case(
        "15",
        "a restart loses everyone who waits",
        """
         0 | c1   | q1   | NONE | ENTERQUEUE || 70000001 | 1
         5 | c2   | q1   | NONE | ENTERQUEUE || 70000002 | 2
         9 | c3   | q2   | NONE | ENTERQUEUE || 70000003 | 1
        30 | NONE | NONE | NONE | QUEUESTART |
        """,
        [unanswered("q1", "restart", None), unanswered("q1", "restart", None), unanswered("q2", "restart", None)],
        figures=[F("visit", 3, 0, 0)],
    ),
    case(
        "16",
        "an overflow inside a line is one call to the line, and its clock is not restarted",
        OVERFLOW,
        [unanswered("q1", "timeout", 60, "101"), answered("q2", 10, 30, "101")],
        rules=BOTH_101,
        line_calls=(call_answered("101", 71, 30),),
        calls=(call_answered("101", 71, 30),),
        figures=[F("visit", 2, 1, 1), F("line", 1, 1, 0, service="101")],
    ),
    case(
        "17",
        "an overflow to another line counts on both",
        OVERFLOW,
        [unanswered("q1", "timeout", 60, "101"), answered("q2", 10, 30, "102")],
        rules=FROM_101_TO_102,
        line_calls=(call_lost("101", "timeout", 60), call_answered("102", 10, 30)),
        calls=(call_answered("101", 71, 30),),
        figures=[F("line", 1, 0, 0, service="101"), F("line", 1, 1, 1, service="102")],
    ),
    case(
        "18",
        "an answered visit is never chained to a later one",
        """
          0 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
          4 | c1 | q1 | SIP/201 | CONNECT        | 4 | 1709640004.9 | 2
         24 | c1 | q1 | SIP/201 | BLINDTRANSFER  | q1 | from-internal | 4 | 20 | 1
         24 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
         54 | c1 | q1 | SIP/202 | CONNECT        | 30 | 1709640054.9 | 2
        104 | c1 | q1 | SIP/202 | COMPLETECALLER | 30 | 50 | 1
        """,
        [answered("q1", 4, 20, "101"), answered("q1", 30, 50, "101")],
        rules=ONLY_Q1,
        calls=(call_answered("101", 4, 70),),
        figures=[F("visit", 2, 2), F("line", 2, 2), F("call", 1, 1)],
    ),
    case(
        "19",
        "six seconds between two visits are too many for one call to the line",
        """
         0 | c1 | q1 | NONE    | ENTERQUEUE      || 70000001 | 1
        60 | c1 | q1 | NONE    | EXITWITHTIMEOUT | 1 | 1 | 60
        66 | c1 | q1 | NONE    | ENTERQUEUE      || 70000001 | 1
        68 | c1 | q1 | SIP/201 | CONNECT         | 2 | 1709640068.9 | 1
        98 | c1 | q1 | SIP/201 | COMPLETEAGENT   | 2 | 30 | 1
        """,
        [unanswered("q1", "timeout", 60, "101"), answered("q1", 2, 30, "101")],
        rules=ONLY_Q1,
        calls=(call_answered("101", 68, 30),),
        figures=[F("line", 2, 1, 1)],
    ),
    case(
        "20a",
        "two lines share a queue and are told apart by the DID; without a DID there is no line",
        BY_DID,
        [
            unanswered("5003", "caller_hung_up", 9, "102"),
            unanswered("5003", "caller_hung_up", 8, "4200002"),
            unanswered("5003", "caller_hung_up", 7, None),
        ],
        rules=TWO_DIDS,
        figures=[F("line", 1, 0, service="102"), F("line", 1, 0, service="4200002"), F("line", 3, 0)],
    ),
    case(
        "20b",
        "two lines share a queue and a third rule takes any DID",
        BY_DID,
        [
            unanswered("5003", "caller_hung_up", 9, "102"),
            unanswered("5003", "caller_hung_up", 8, "4200002"),
            unanswered("5003", "caller_hung_up", 7, "103"),
        ],
        rules=(*TWO_DIDS, QueueRule("5003", None, "103")),
        figures=[F("line", 1, 0, service=line) for line in ("102", "4200002", "103")],
    ),
    case(
        "21a",
        "a queue that changes line at midnight, local time",
        OTHER_DAYS,
        [answered("5003", 5, 60, "102"), answered("5003", 5, 60, "103")],
        rules=(
            QueueRule("5003", None, "102", None, date(2024, 3, 14)),
            QueueRule("5003", None, "103", date(2024, 3, 15), None),
        ),
        figures=[F("line", 1, 1, 1, service="102"), F("line", 1, 1, 1, service="103")],
    ),
    case(
        "21b",
        "the same log under another mapping gives other figures",
        OTHER_DAYS,
        [answered("5003", 5, 60, "103"), answered("5003", 5, 60, "103")],
        rules=(
            QueueRule("5003", None, "102", None, date(2024, 3, 13)),
            QueueRule("5003", None, "103", date(2024, 3, 14), None),
        ),
        figures=[F("line", 0, 0, 0, service="102"), F("line", 2, 2, 2, service="103")],
    ),
    case(
        "22",
        "an end that comes late belongs to the visit it ended, not to the one that waits",
        """
        500 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
        504 | c1 | q1 | SIP/201 | CONNECT       | 4 | 1709640504.9 | 2
        524 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
        524 | c1 | q1 | SIP/201 | BLINDTRANSFER | q1 | from-internal | 4 | 20
        555 | c1 | q1 | SIP/202 | CONNECT       | 31 | 1709640555.9 | 2
        """,
        [answered("q1", 4, 20), answered("q1", 31, None)],
        calls=(call_answered(None, 4, None),),
    ),
    case(
        "23",
        "a negative wait is unknown and not in time",
        """
        300 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
        220 | c1 | q1 | SIP/201 | CONNECT        | -80 | 1709640220.9 | 2
        320 | c1 | q1 | SIP/201 | COMPLETECALLER | -80 | 100 | 1
        """,
        [answered("q1", None, 100)],
        figures=[F("visit", 1, 1, 0)],
        findings=["duration"],
    ),
    case(
        "24",
        "an end whose own start lies after the last visit is another visit",
        """
        100 | c1 | q1 | NONE    | ENTERQUEUE     || 70000001 | 1
        110 | c1 | q1 | SIP/201 | CONNECT        | 10 | 1709640110.9 | 2
        160 | c1 | q1 | SIP/201 | COMPLETECALLER | 10 | 50 | 1
        300 | c1 | q1 | SIP/201 | COMPLETECALLER | 10 | 50 | 1
        """,
        [answered("q1", 10, 50, entered="100"), rebuilt(answered("q1", 10, 50, entered="240"))],
        calls=(call_answered(None, 10, 100),),
    ),
    case(
        "25a",
        "the ABANDON after SYSCOMPAT lends its wait and is no defect",
        """
        100 | c1 | q1 | NONE    | ENTERQUEUE || 70000001 | 1
        109 | c1 | q1 | SIP/201 | SYSCOMPAT  |
        109 | c1 | q1 | NONE    | ABANDON    | 1 | 1 | 9
        """,
        [unanswered("q1", "incompatible", 9)],
    ),
    case(
        "25b",
        "the ABANDON after SYSCOMPAT, all in the second of the entry",
        """
        100 | c1 | q1 | NONE    | ENTERQUEUE || 70000001 | 1
        100 | c1 | q1 | SIP/201 | SYSCOMPAT  |
        100 | c1 | q1 | NONE    | ABANDON    | 1 | 1 | 0
        """,
        [unanswered("q1", "incompatible", 0)],
    ),
    case(
        "26",
        "entering another queue ends the wait in the first",
        """
        100 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
        130 | c1 | q2 | NONE    | ENTERQUEUE    || 70000001 | 1
        135 | c1 | q2 | SIP/201 | CONNECT       | 5 | 1709640135.9 | 2
        155 | c1 | q2 | SIP/201 | COMPLETEAGENT | 5 | 20 | 1
        """,
        [unanswered("q1", "unknown", 30), answered("q2", 5, 20)],
        calls=(call_answered(None, 35, 20),),
    ),
    case(
        "27a",
        "a visit without a trace for five hours is lost, its cause and its wait unknown",
        """
            0 | c1   | q1   | NONE | ENTERQUEUE   || 70000001 | 1
        18000 | NONE | NONE | NONE | CONFIGRELOAD |
        """,
        [unanswered("q1", "unknown", None)],
        figures=[F("visit", 1, 0, 0)],
    ),
    case(
        "27b",
        "a visit without a trace for one hour is still going on",
        """
           0 | c1   | q1   | NONE | ENTERQUEUE   || 70000001 | 1
        3600 | NONE | NONE | NONE | CONFIGRELOAD |
        """,
        [waiting("q1")],
        figures=[F("visit", 0, 0, 0)],
    ),
    case(
        "28",
        "an outbound attempt is in no inbound figure",
        """
         0 | c1 | 4200400 | SIP/201 | ENTERQUEUE    | - | 70000001
         9 | c1 | 4200400 | SIP/201 | CONNECT       | 9 |
        69 | c1 | 4200400 | SIP/201 | COMPLETEAGENT | 9 | 60 |
        """,
        [],
        figures=[F("visit", 0, 0, 0), F("line", 0, 0, 0), F("call", 0, 0, 0)],
    ),
    case(
        "29",
        "two PBX may share a callid, and a restart is of one of them",
        (
            DrawnLog(
                """
                 0 | c1   | q1   | NONE | ENTERQUEUE || 70000001 | 1
                30 | NONE | NONE | NONE | QUEUESTART |
                """,
                "norte",
                "norte",
            ),
            DrawnLog(
                """
                 0 | c1 | q1 | NONE | ENTERQUEUE || 70000002 | 1
                """,
                "sur",
                "sur",
            ),
        ),
        [unanswered("q1", "restart", None), waiting("q1")],
        figures=[F("visit", 1, 0, 0)],
    ),
    case(
        "30",
        "a late end finds the visit whose wait had been given up, and the next goes on",
        """
         82 | c1 | q1 | NONE    | ENTERQUEUE       || 70000001 | 1
        403 | c1 | q1 | NONE    | ENTERQUEUE       || 70000001 | 1
        403 | c1 | q1 | SIP/201 | ATTENDEDTRANSFER | BRIDGE | x | 0 | 321
        """,
        [answered("q1", 0, 321), waiting("q1")],
        calls=(call_answered(None, 0, 321),),
    ),
    *(
        case(
            name,
            f"{what} that names another queue does not end the wait",
            f"""
             0 | c1 | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
             4 | c1 | q2 | {event}
             9 | c1 | q1 | SIP/201 | CONNECT       | 9 | 1709640009.9 | 2
            39 | c1 | q1 | SIP/201 | COMPLETEAGENT | 9 | 30 | 1
            """,
            [answered("q1", 9, 30)],
        )
        for name, what, event in (
            ("31a", "a CALLSTATUS", "SIP/201 | CALLSTATUS | VENTA"),
            ("31b", "a DID", "NONE | DID | 4200002"),
            ("31c", "a RINGNOANSWER", "SIP/202 | RINGNOANSWER | 1000"),
        )
    ),
    case(
        "32",
        "a call that rang and was not heard of after the restart is lost to it",
        """
         0 | c1   | q1   | NONE    | ENTERQUEUE   || 70000001 | 1
         9 | c1   | q1   | SIP/201 | RINGNOANSWER | 5000
        12 | NONE | NONE | NONE    | QUEUESTART   |
        """,
        [unanswered("q1", "restart", None)],
    ),
    case(
        "33",
        "an ABANDON of the queue left behind is a second end",
        """
        100 | c1 | q1 | NONE | ENTERQUEUE || 70000001 | 1
        110 | c1 | q2 | NONE | ENTERQUEUE || 70000001 | 1
        115 | c1 | q1 | NONE | ABANDON    | 1 | 1 | 15
        """,
        [unanswered("q1", "unknown", 10), waiting("q2")],
        calls=None,  # whether the call stands registered, as a line call would, is a reading
        figures=[F("visit", 1, 0, 0)],
        findings=["double_end"],
    ),
    case(
        "34",
        "a second CONNECT changes nothing",
        """
        0 | c1 | q1 | NONE    | ENTERQUEUE || 70000001 | 1
        5 | c1 | q1 | SIP/201 | CONNECT    | 5 | 1709640005.9 | 2
        9 | c1 | q1 | SIP/202 | CONNECT    | 9 | 1709640009.9 | 2
        """,
        [answered("q1", 5, None)],
        findings=["double_connect"],
    ),
    case(
        "35",
        "when the clock steps back the file's order stands",
        """
        1000 | c1 | q1 | NONE    | ENTERQUEUE  || 70000001 | 1
        1001 | c1 | q1 | NONE    | EXITWITHKEY | 1 | 1 | 1 | 1
         999 | c1 | q1 | NONE    | ENTERQUEUE  || 70000001 | 1
        1009 | c1 | q1 | SIP/201 | CONNECT     | 10 | 1709641009.9 | 2
        """,
        [
            answered("q1", 10, None, "101", entered="999"),
            unanswered("q1", "key", 1, "101", entered="1000"),
        ],
        rules=ONLY_Q1,
        line_calls=(call_answered("101", 9, None),),
        calls=(call_answered("101", 9, None),),
        figures=[F("visit", 2, 1), F("line", 1, 1, 1)],
    ),
)
