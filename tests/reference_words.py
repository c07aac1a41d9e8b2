"""The reference counter's words: what goes in, what comes out, and the parameters it counts by.

What it is written from, and what ``Rule:`` and ``Reading:`` mean, is said in `reference_counter`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

LA_PAZ = timezone(timedelta(hours=-4))  # Rule: America/La_Paz (UTC-4, no DST)
LINE_NUMBERS = frozenset(
    {
        "101",
        "102",
        "103",
        "104",
        "4200224",
        "4251000",
        "4522222",
        "4200002",
        "800131313",
        "800130001",
        "4639999",
        "4200400",
    }
)
NEVER_A_CALL = frozenset({"NONE", "MANAGER", "REALTIME", "CLI", ""})
ANSWERING_ENDS = frozenset({"COMPLETEAGENT", "COMPLETECALLER", "TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER"})
CAUSES = {
    "ABANDON": "caller_hung_up",
    "EXITWITHTIMEOUT": "timeout",
    "EXITWITHKEY": "key",
    "EXITEMPTY": "empty",
    "WITHDRAW": "withdrawn",
    "SYSCOMPAT": "incompatible",
}
CHAINABLE = frozenset({"timeout", "key", "empty"})
LONGEST_LINE = 1_000_000  # bytes
FIRST_EPOCH = int(datetime(1971, 1, 1, tzinfo=UTC).timestamp())  # Q06: a date in 1970 is no date
LAST_EPOCH = 9_999_999_999  # ten digits: what is left of Q06 when the instant of the load is not given
MATCH_SECONDS = 2  # Rule: "whose entry is nearest t - hold - talk (within 2 s; ...)"


@dataclass(frozen=True)
class LogFile:
    """One complete file: its lines in file order, without their line ends."""

    name: str
    lines: tuple[str, ...]
    pbx: str = "pbx"


@dataclass(frozen=True)
class Parameters:
    """The dated parameters: seconds, seconds, hours, hours; and the instant of the load (for Q06), if it is known."""

    threshold: int = 20
    chain_gap: int = 5
    open_after_hours: int = 4
    long_hours: int = 12
    loaded_at: int | None = None


@dataclass(frozen=True)
class QueueRule:
    """One row of the site's mapping. No DID means any; the days are local and both inclusive; None is without bound."""

    queue: str
    did: str | None
    service: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class Visit:
    """One entry into a queue. Seconds; None is unknown. `outcome_event` is the end that was logged, if one was."""

    pbx: str
    callid: str
    queue: str
    entered_at: int
    registered: bool
    answered: bool
    open: bool
    cause: str | None
    wait: int | None
    talk: int | None
    agent: str | None
    did: str | None
    service: str | None
    reconstructed: bool
    outcome_event: str | None
    caller: str | None = None
    position: int | None = None
    last_position: int | None = None
    transfer_kind: str | None = None
    transfer_context: str | None = None
    transferred_to: str | None = None
    ring: int | None = None


@dataclass(frozen=True)
class Call:
    """One call to a line, or one call of a caller. Seconds; None is unknown."""

    pbx: str
    callid: str
    entered_at: int
    service: str | None
    registered: bool
    answered: bool
    open: bool
    cause: str | None
    wait: int | None
    talk: int | None
    did: str | None = None
    caller: str | None = None
    position: int | None = None
    transfer_kind: str | None = None
    transferred_to: str | None = None


@dataclass(frozen=True, order=True)
class Finding:
    """Something in the log that the rules call a finding. Kinds: see FINDING_KINDS."""

    kind: str
    callid: str
    queue: str


FINDING_KINDS = {
    "double_end": "a second end of a visit already ended, or a CONNECT that would start before that end: ignored",
    "double_connect": "a second CONNECT for a visit already connected and not ended: ignored",
    "end_after_connect": "an unanswered end for a visit already connected and not ended: ignored",
    "wait_differs": "CONNECT and the end disagree about the wait: CONNECT's counts",
    "wait_missing": "no wait logged: taken from the two times (unanswered) or unknown (answered)",
    "duration": "a wait or talk that is negative or no whole number: unknown",
    "long": "a wait or talk over the limit of hours: kept",
}


@dataclass(frozen=True, order=True)
class SetAside:
    """A line in quarantine: its file, its number in it (from 1) and every reason."""

    file: str
    line_no: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """Lines read = loaded + duplicates + len(set_aside) + blank lines."""

    visits: tuple[Visit, ...]
    line_calls: tuple[Call, ...]
    calls: tuple[Call, ...]
    findings: tuple[Finding, ...]
    set_aside: tuple[SetAside, ...]
    loaded: int
    duplicates: int


@dataclass(frozen=True)
class Figures:
    """The counts of some visits or calls; `open` ("en curso") is in no ratio."""

    registered: int
    answered: int
    in_time: int
    open: int


def figures(rows: Iterable[Visit | Call], parameters: Parameters | None = None) -> Figures:
    """Counts visits or calls. Rule: "answered with wait <= 20 s"; an unknown wait is not in time."""
    threshold = (parameters or Parameters()).threshold
    registered = answered = in_time = still_open = 0
    for row in rows:
        still_open += row.open
        registered += row.registered
        answered += row.answered
        in_time += row.answered and row.wait is not None and row.wait <= threshold
    return Figures(registered, answered, in_time, still_open)
