"""A slow, plain-Python reading of the counting rules: the oracle the product's SQL is tested against.

In: complete log files (text lines), the site's mapping of queues to lines, the dated parameters.
Out: queue visits, line calls, caller's calls, findings, lines set aside, and how many lines were loaded or known.

It is written from rules.md (sections 1 to 3), queue_log.md and reliability.md (2.1) alone and shares nothing with the
product. Text after ``Rule:`` is quoted from rules.md. Text after ``Reading:`` says which of two possible readings of a
sentence was taken; all of them together stand in READINGS at the end of this file.

What it does not do: hold an unfinished last line, decode bytes, read a database layout, or number agents.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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


# ---------------------------------------------------------------------------------------------------------------------
# What goes in and what comes out


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


def count(files: Iterable[LogFile], rules: Iterable[QueueRule] = (), parameters: Parameters | None = None) -> Result:
    """Reads the files by the counting rules. The result does not depend on the order of `files`."""
    parameters = parameters or Parameters()
    rules = tuple(rules)
    visits: list[Visit] = []
    line_calls: list[Call] = []
    calls: list[Call] = []
    findings: list[Finding] = []

    loading = load(files, parameters)
    set_aside = list(loading.set_aside)
    for pbx, events in sorted(loading.events.items()):
        # Rule: "The cut-off is the last event of that source, never the clock and never the end of a report's period."
        of_callid: dict[str, list[Event]] = defaultdict(list)
        starts = [event for event in events if event.name == "QUEUESTART"]
        for event in events:
            if event.callid not in NEVER_A_CALL:
                of_callid[event.callid].append(event)
        stories: list[Story] = []
        for callid, own in sorted(of_callid.items()):
            # Rule: "ENTERQUEUE with an agent other than NONE or empty is an outbound attempt: its callid is in no
            # inbound figure." Reading: nor among the findings or the lines set aside.
            if any(event.name == "ENTERQUEUE" and event.agent not in ("NONE", "") for event in own):
                continue
            story = Story(pbx, callid)
            for event in in_order(own):
                story.read(event)
            stories.append(story)
        aside = {event.place for story in stories for event in story.set_aside}
        cutoff = max((event.epoch for event in events if event.place not in aside), default=0)
        for story in stories:
            story.close(starts, cutoff, parameters)
            own_visits = [story.settle(attempt, rules, parameters) for attempt in sorted_attempts(story)]
            ends = [attempt.ended_at for attempt in sorted_attempts(story)]
            visits += own_visits
            line_calls += [line_call(chain) for chain in chains(own_visits, ends, parameters)]
            if own_visits:
                calls.append(callers_call(own_visits))
            findings += story.findings
            set_aside += [SetAside(event.file, event.line_no, ("wait_missing",)) for event in story.set_aside]
    return Result(
        visits=tuple(sorted(visits, key=lambda row: (row.entered_at, row.pbx, row.callid, row.queue))),
        line_calls=tuple(sorted(line_calls, key=lambda row: (row.entered_at, row.pbx, row.callid))),
        calls=tuple(sorted(calls, key=lambda row: (row.entered_at, row.pbx, row.callid))),
        findings=tuple(sorted(findings)),
        set_aside=tuple(sorted(set_aside)),
        loaded=sum(map(len, loading.events.values())) + len(loading.set_aside) - len(set_aside),
        duplicates=loading.duplicates,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Section 3: from lines to events


def faults(line: str, parameters: Parameters) -> tuple[str, ...]:
    """Every reason to quarantine a line by itself (reliability.md 2.1, Q04 to Q07, Q12, Q14); empty for a good line."""
    if len(line.encode("utf-8", "surrogatepass")) > LONGEST_LINE:
        return ("line_too_long",)  # Reading: such a line is not read any further
    reasons = []
    if "\0" in line:
        reasons.append("nul")
    fields = line.split("|")
    if len(fields) < 5:
        reasons.append("fields")
    number = re.fullmatch(r"(-?)([0-9]+)(\.[0-9]+)?", fields[0])  # Q08: a fraction of a second is allowed
    if number is None:
        reasons.append("epoch")
    elif not number[1] and len(number[2]) >= 13:
        reasons.append("epoch_unit")
    else:
        last = LAST_EPOCH if parameters.loaded_at is None else parameters.loaded_at + 86_400
        if number[1] or not FIRST_EPOCH <= int(number[2]) <= last:
            reasons.append("epoch_range")
    return tuple(reasons)


@dataclass(frozen=True)
class Event:
    """One loaded line. `clock` is the running maximum of the epoch in its file, `span` the file's first and last."""

    epoch: int
    callid: str
    queue: str
    agent: str
    name: str
    data: tuple[str, ...]
    clock: int
    span: tuple[int, int]
    file_order: int
    file: str
    line_no: int

    @property
    def place(self) -> tuple[int, int]:
        """Tells one line from every other line received."""
        return (self.file_order, self.line_no)

    @property
    def known_agent(self) -> str | None:
        return None if self.agent in ("NONE", "") else self.agent

    def at(self, position: int) -> str | None:
        """The data field at a position, None if it is absent or empty."""
        return (self.data[position] or None) if position < len(self.data) else None

    @property
    def wait_field(self) -> str | None:
        """The wait as logged. The positions are those of queue_log.md, "Events and positional data"."""
        match self.name:
            case "CONNECT" | "COMPLETEAGENT" | "COMPLETECALLER":
                return self.at(0)
            case "TRANSFER" | "BLINDTRANSFER" | "ABANDON" | "EXITEMPTY" | "EXITWITHTIMEOUT" | "WITHDRAW":
                return self.at(2)
            case "ATTENDEDTRANSFER":
                return self.at(3 if self.at(0) == "LINK" else 2)
            case "EXITWITHKEY":
                return self.at(3)
        return None  # SYSCOMPAT carries none

    @property
    def talk_field(self) -> str | None:
        """The talk as logged: every answering end has it right after its wait."""
        match self.name:
            case "COMPLETEAGENT" | "COMPLETECALLER":
                return self.at(1)
            case "TRANSFER" | "BLINDTRANSFER":
                return self.at(3)
            case "ATTENDEDTRANSFER":
                return self.at(4 if self.at(0) == "LINK" else 3)
        return None

    @property
    def places(self) -> tuple[int | None, int | None]:
        """The caller's place in the queue at the entry, and at leaving it unanswered (queue_log.md)."""
        match self.name:
            case "ENTERQUEUE" | "COMPLETEAGENT" | "COMPLETECALLER":
                return place(self.at(2)), None
            case "TRANSFER" | "BLINDTRANSFER":
                return place(self.at(4)), None
            case "ATTENDEDTRANSFER":
                return place(self.at(5 if self.at(0) == "LINK" else 4)), None
            case "ABANDON" | "EXITEMPTY" | "EXITWITHTIMEOUT" | "WITHDRAW":
                return place(self.at(1)), place(self.at(0))
            case "EXITWITHKEY":
                return place(self.at(2)), place(self.at(1))
        return None, None

    @property
    def transfer(self) -> tuple[str | None, str | None, str | None]:
        """How, in which context and to whom a call was transferred. Reading: a number of seven digits or more that is
        none of the site's lines is only "número externo"; into another conversation the log does not say whose.
        """
        if self.name in ("TRANSFER", "BLINDTRANSFER"):
            return "blind", self.at(1), target(self.at(0))
        if self.name != "ATTENDEDTRANSFER":
            return None, None, None
        match self.at(0):
            case "BRIDGE":
                return "bridge", None, None
            case "APP":
                return "app", None, target(self.at(1))
            case "LINK":
                channel = re.sub(r"(-[0-9a-fA-F]+)?(;[12])?$", "", self.at(2) or "", count=1)
                return "link", None, target(channel or None)
        return None, None, None

    @property
    def start(self) -> int | None:
        """Rule: t - hold - talk, "a missing talk counts as 0"; None without a whole number for the hold.

        Reading: a negative whole number is used as it stands, since after a step of the clock it leads to the entry.
        """
        hold = whole(self.wait_field)
        return None if hold is None else self.epoch - hold - (whole(self.talk_field) or 0)


def place(text: str | None) -> int | None:
    """A place in a queue: 1 to 9999, written plainly."""
    return int(text) if text is not None and re.fullmatch("[1-9][0-9]{0,3}", text) else None


def target(text: str | None) -> str | None:
    return "número externo" if text and text not in LINE_NUMBERS and re.search("[0-9]{7}", text) else text


def known(number: str | None) -> str | None:
    """A caller's number, None where the exchange wrote that it is withheld or nothing."""
    words = (
        "anonymous unknown restricted unavailable private withheld asterisk anonimo anónimo desconocido privado s 0 -"
    )
    plain = {form for word in words.split() for form in (word, word.capitalize(), word.upper())}
    return None if number in plain else number


def whole(text: str | None) -> int | None:
    """The value of a whole number, None for anything else."""
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]+", text) else None


@dataclass
class Loading:
    """What the lines came to: events by PBX, lines bad by themselves, lines known from another file."""

    events: dict[str, list[Event]] = field(default_factory=dict)
    set_aside: list[SetAside] = field(default_factory=list)
    duplicates: int = 0


def load(files: Iterable[LogFile], parameters: Parameters) -> Loading:
    """Validates the lines, counts each as often as rule 3 says, and gives each its place in the order of events."""
    readings = []
    for file in files:
        lines = [line.removesuffix("\r") for line in file.lines]  # Q13
        wrong = [faults(line, parameters) if line.strip() else ("blank",) for line in lines]
        clock, clocks = 0, []
        for line, reasons in zip(lines, wrong, strict=True):
            clock = clock if reasons else max(clock, epoch_of(line))
            clocks.append(clock)
        epochs = [epoch_of(line) for line, reasons in zip(lines, wrong, strict=True) if not reasons]
        # Rule: "Between files by (first epoch, last epoch)." Reading: of the good lines, the last being the greatest.
        span = (epochs[0], max(epochs)) if epochs else (LAST_EPOCH + 1, LAST_EPOCH + 1)
        readings.append((span, -len(lines), file.name, lines, file.pbx, wrong, clocks))

    loading = Loading()
    known: Counter[tuple[str, str]] = Counter()
    # Rule: "the canonical file of a line is the one with the smallest first epoch". Reading: then the smallest
    # last epoch, then the most lines: a piece that begins and ends in the whole file's seconds says nothing of its own.
    for order, (span, _, name, lines, pbx, wrong, clocks) in enumerate(sorted(readings)):
        events = loading.events.setdefault(pbx, [])
        here: Counter[tuple[str, str]] = Counter()
        for line_no, (line, reasons, clock) in enumerate(zip(lines, wrong, clocks, strict=True), start=1):
            if reasons == ("blank",):
                continue
            # Rule: "over all files the multiplicity of a line is the greatest it has in any one file". So the k-th
            # copy inside a file is new only if no earlier file had k. Reading: bad lines are known the same way (Q16).
            # Rule: "The PBX is part of every key."
            here[pbx, line] += 1
            if here[pbx, line] <= known[pbx, line]:
                loading.duplicates += 1
            elif reasons:
                loading.set_aside.append(SetAside(name, line_no, reasons))
            else:
                _, callid, queue, agent, event, *data = line.split("|")
                events.append(
                    Event(epoch_of(line), callid, queue, agent, event, tuple(data), clock, span, order, name, line_no)
                )
        known |= here
    return loading


def epoch_of(line: str) -> int:
    """The whole seconds of a good line's epoch (Q08)."""
    return int(line.split("|", 1)[0].split(".")[0])


def in_order(events: Iterable[Event]) -> Iterator[Event]:
    """Yields events in the order of rule 2, "Order of events".

    Rule: "inside one file the file's order, always (...: sort by the running maximum of the epoch, then the line).
    Between files by (first epoch, last epoch). What still ties, ...: ENTERQUEUE, then CONNECT, then end". Two files tie
    when their spans are equal: each keeps its own order, and of the two next lines the one of lower rank goes first.
    """
    tied: dict[tuple[int, tuple[int, int]], dict[int, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in sorted(events, key=lambda event: event.place):
        tied[event.clock, event.span][event.file_order].append(event)
    for _, by_file in sorted(tied.items()):
        queues = list(by_file.values())
        while queues:
            first = min(queues, key=lambda rest: (rank(rest[0]), rest[0].file_order))
            yield first.pop(0)
            queues = [rest for rest in queues if rest]


def rank(event: Event) -> int:
    if event.name in ANSWERING_ENDS or event.name in CAUSES:
        return 2
    return 1 if event.name == "CONNECT" else 0


def follows(start: Event, event: Event) -> bool:
    """Whether a QUEUESTART comes after an event. Reading: if only the names of two tied files could tell, it does."""
    if (start.clock, start.span) != (event.clock, event.span):
        return (start.clock, start.span) > (event.clock, event.span)
    return start.line_no > event.line_no if start.file_order == event.file_order else True


# ---------------------------------------------------------------------------------------------------------------------
# Section 2: from the events of one callid to its visits


@dataclass
class Attempt:
    """A visit while it is read. States: waiting, connected, ended (by its own end event), lost ("desconocida")."""

    queue: str
    entered_at: int
    opened_by: Event
    step: int
    state: str = "waiting"
    connect: Event | None = None
    end: Event | None = None
    ended_at: int | None = None
    cause: str | None = None
    lent_wait: int | None = None

    @property
    def reconstructed(self) -> bool:
        return self.opened_by.name != "ENTERQUEUE"

    @property
    def answered(self) -> bool:
        # Rule: "A visit is answered from its CONNECT on, even if its end is never logged". And "an answered call must
        # also be recognised from COMPLETE*/...TRANSFER" (queue_log.md).
        return self.connect is not None or (self.end is not None and self.end.name in ANSWERING_ENDS)

    @property
    def agent(self) -> str | None:
        connected = self.connect.known_agent if self.connect else None
        ended = self.end.known_agent if self.end and self.end.name in ANSWERING_ENDS else None
        return connected or ended

    @property
    def not_ended(self) -> bool:
        return self.state in ("waiting", "connected")


class Story:
    """The events of one callid of one PBX, read in order; its visits in the order in which the events opened them."""

    def __init__(self, pbx: str, callid: str) -> None:
        self.pbx = pbx
        self.callid = callid
        self.attempts: list[Attempt] = []
        self.step = 0
        self.dids: list[tuple[int, Event]] = []
        self.findings: list[Finding] = []
        self.set_aside: list[Event] = []
        self.last: Event | None = None
        self.numbers: list[str] = []

    def read(self, event: Event) -> None:
        """Reads the next event."""
        self.step += 1
        if event.name == "ENTERQUEUE":
            self.enter(event)
        elif event.name == "CONNECT":
            self.connect(event)
        elif event.name in ANSWERING_ENDS:
            self.end_answered(event)
        elif event.name in CAUSES:
            self.end_unanswered(event)
        elif event.name == "DID":
            self.dids.append((self.step, event))
        # Rule: "AGENTDUMP is not an end." "Unknown events are kept, counted and shown; they never stop a load."
        # Rule: "Ring, DID and unknown events ... do not" end a wait.
        if event not in self.set_aside:
            self.last = event

    def enter(self, event: Event) -> None:
        # Rule: "a callid waits in one queue at a time: its ENTERQUEUE in any queue ... ends the wait at that instant"
        self.lose_wait(event)
        self.attempts.append(Attempt(event.queue, event.epoch, event, self.step))
        if number := event.at(1):
            self.numbers.append(number)

    def connect(self, event: Event) -> None:
        here = self.waiting(event.queue)
        if here is not None:
            here.state, here.connect = "connected", event
        elif self.not_ended(event.queue) is not None:
            # Rule: "A second CONNECT ... for a visit already connected and not ended changes nothing and is a finding."
            self.find("double_connect", event.queue)
        else:
            self.read_stray(event)

    def end_answered(self, event: Event) -> None:
        # Rule: "An end that carries hold and talk belongs to the visit of its (callid, queue) whose entry is nearest
        # t - hold - talk (within 2 s; ...) and whose agent agrees or is unknown"
        matches = [attempt for attempt in self.attempts if self.matches(attempt, event)]
        if matches:
            # Rule: "one not yet ended before one that is, the later of equals; if only an ended visit matches, it is a
            # second end. It may find a visit whose wait had been ended as 'desconocida': that visit becomes answered."
            # Reading: first one waiting or connected, then a lost one, then an ended one; among these the nearest.
            here = min(matches, key=lambda attempt: self.preference(attempt, event))
            if here.state == "ended":
                self.find("double_end", event.queue)
            else:
                self.finish(here, event)
            return
        # Rule: "Without a match it belongs to the visit that is open there." Reading: of several, the last opened.
        here_open = self.not_ended(event.queue)
        if here_open is not None:
            self.finish(here_open, event)
        else:
            self.read_stray(event)

    def end_unanswered(self, event: Event) -> None:
        here = self.waiting(event.queue)
        if here is not None:
            here.cause = CAUSES[event.name]
            self.finish(here, event)
        elif self.not_ended(event.queue) is not None:
            # Rule: "... or an unanswered end, for a visit already connected and not ended changes nothing and is a
            # finding."
            self.find("end_after_connect", event.queue)
        else:
            self.read_stray(event)

    def read_stray(self, event: Event) -> None:
        """Rule: "An end event or CONNECT with no visit to belong to"."""
        wait = whole(event.wait_field)
        if wait is None or wait < 0 or event.start is None:
            # Rule: "Without a usable wait (absent, not a whole number, negative) it is quarantined."
            self.set_aside.append(event)
            return
        there = [attempt for attempt in self.attempts if attempt.queue == event.queue]
        ends = [attempt.ended_at for attempt in there if attempt.ended_at is not None]
        unanswered_ends = [attempt.ended_at for attempt in there if not attempt.answered]
        # Rule: "If it would start before that end, or is an unanswered end that would start in the very second an
        # unanswered visit of that callid and queue ended, it is a second end of a visit already ended"
        if (ends and event.start < max(ends)) or (event.name in CAUSES and event.start in unanswered_ends):
            before = there[-1]
            if event.name == "ABANDON" and before.cause == "incompatible" and before.lent_wait is None:
                # Rule: "the ABANDON after SYSCOMPAT, which only lends its wait"; "not a defect"
                before.lent_wait = wait
            else:
                self.find("double_end", event.queue)
            return
        # Rule: "whose own start (t - hold - talk) is not before the latest end of any visit of that callid and queue
        # (...): the visit is rebuilt from it, marked `reconstructed`, and counts". Rule: "a CONNECT or end in another
        # queue that opens or reconstructs a visit there, ends the wait at that instant"
        self.lose_wait(event)
        attempt = Attempt(event.queue, event.start, event, self.step)
        self.attempts.append(attempt)
        if event.name == "CONNECT":
            attempt.state, attempt.connect = "connected", event
        else:
            attempt.cause = CAUSES.get(event.name)
            self.finish(attempt, event)

    def lose_wait(self, event: Event) -> None:
        """Rule: "not answered, cause 'desconocida'"; "ended at the event that ended it"."""
        for attempt in self.attempts:
            if attempt.state == "waiting":
                attempt.state, attempt.cause, attempt.ended_at = "lost", "unknown", event.epoch

    def finish(self, attempt: Attempt, event: Event) -> None:
        attempt.state, attempt.end, attempt.ended_at = "ended", event, event.epoch
        if event.name in ANSWERING_ENDS:
            attempt.cause = None

    def matches(self, attempt: Attempt, event: Event) -> bool:
        if attempt.queue != event.queue or event.start is None:
            return False
        if abs(attempt.entered_at - event.start) > MATCH_SECONDS:
            return False
        # Reading: an end without an agent disagrees with nobody.
        return attempt.agent is None or event.known_agent is None or attempt.agent == event.known_agent

    def preference(self, attempt: Attempt, event: Event) -> tuple[int, int, int]:
        tier = {"waiting": 0, "connected": 0, "lost": 1, "ended": 2}[attempt.state]
        assert event.start is not None
        return (tier, abs(attempt.entered_at - event.start), -self.attempts.index(attempt))

    def waiting(self, queue: str) -> Attempt | None:
        """The visit that waits in a queue; there is at most one."""
        return next((one for one in self.attempts if one.queue == queue and one.state == "waiting"), None)

    def not_ended(self, queue: str) -> Attempt | None:
        """The visit in a queue that waits or is connected, the last opened of several."""
        return next((one for one in reversed(self.attempts) if one.queue == queue and one.not_ended), None)

    def find(self, kind: str, queue: str) -> None:
        self.findings.append(Finding(kind, self.callid, queue))

    def close(self, starts: Sequence[Event], cutoff: int, parameters: Parameters) -> None:
        """Decides what still waits when the log ends."""
        for attempt in self.attempts:
            if attempt.state != "waiting":
                continue
            assert self.last is not None
            if any(follows(start, self.last) for start in starts):
                # Rule: "QUEUESTART of the same PBX with no later event of the callid: not answered, cause 'reinicio'."
                attempt.cause = "restart"
            elif cutoff - attempt.entered_at > parameters.open_after_hours * 3600:
                # Rule: "Nothing more, and the source's last event is more than 4 h (parameter) later than the entry"
                attempt.cause = "unknown"
            # Rule: "Else 'en curso': in neither side of any ratio, listed and counted apart."

    def settle(self, attempt: Attempt, rules: Sequence[QueueRule], parameters: Parameters) -> Visit:
        """Writes the visit down: its durations, its agent and its line."""
        did = self.last_did(attempt)
        # Reading: a visit whose entry is lost, or tells no number, has the first number that its callid tells.
        number = attempt.opened_by.at(1) if not attempt.reconstructed else None
        at_entry = attempt.opened_by.places[0] if not attempt.reconstructed else None
        at_end, left = attempt.end.places if attempt.end else (None, None)
        kind, context, to = attempt.end.transfer if attempt.end else (None, None, None)
        return Visit(
            pbx=self.pbx,
            callid=self.callid,
            queue=attempt.queue,
            entered_at=attempt.entered_at,
            registered=attempt.answered or attempt.cause is not None,
            answered=attempt.answered,
            open=not attempt.answered and attempt.cause is None,
            cause=attempt.cause,
            wait=self.wait(attempt, parameters),
            talk=self.talk(attempt, parameters),
            agent=attempt.agent,
            did=did,
            service=service_of(attempt.queue, did, attempt.entered_at, rules),
            reconstructed=attempt.reconstructed,
            outcome_event=attempt.end.name if attempt.end else None,
            caller=known(number or next(iter(self.numbers), None)),
            position=at_entry or at_end,
            last_position=left,
            transfer_kind=kind,
            transfer_context=context,
            transferred_to=to,
        )

    def wait(self, attempt: Attempt, parameters: Parameters) -> int | None:
        queue = attempt.queue
        if attempt.answered:
            # Rule: "CONNECT's holdtime; when CONNECT or its holdtime is missing, the holdtime of an answering end; when
            # both exist and differ, CONNECT's, and the difference is a finding."
            connected = attempt.connect.wait_field if attempt.connect else None
            ended = attempt.end.wait_field if attempt.end else None
            values = (whole(connected), whole(ended))
            if None not in values and values[0] != values[1]:
                self.find("wait_differs", queue)
            text = connected if connected is not None else ended
            if text is None:
                self.find("wait_missing", queue)  # Rule: "An unknown wait on an answered visit: ... and reported"
                return None
            return self.judge(whole(text), queue, parameters)
        if attempt.ended_at is None:
            return None  # en curso; Rule: "unknown at a restart". Reading: unknown too when nothing more was logged
        # Rule: "Wait of the unanswered: the event's, else the difference of the times". Rule: "followed by an ABANDON
        # that carries its wait: not a defect".
        difference = attempt.ended_at - attempt.entered_at
        if attempt.end is None:
            return self.judge(difference, queue, parameters)
        if attempt.end.name == "SYSCOMPAT":
            return self.judge(difference if attempt.lent_wait is None else attempt.lent_wait, queue, parameters)
        if attempt.end.wait_field is None:
            self.find("wait_missing", queue)  # case 5, Q23
            return self.judge(difference, queue, parameters)
        return self.judge(whole(attempt.end.wait_field), queue, parameters)

    def talk(self, attempt: Attempt, parameters: Parameters) -> int | None:
        if not attempt.answered or attempt.end is None or attempt.end.talk_field is None:
            return None
        return self.judge(whole(attempt.end.talk_field), attempt.queue, parameters)

    def judge(self, seconds: int | None, queue: str, parameters: Parameters) -> int | None:
        """Rule: "A negative duration is a finding and the value unknown, never 0; over 12 h (...) kept and listed."

        What is no whole number arrives here as None and is treated as a negative one is (Q24).
        """
        if seconds is None or seconds < 0:
            self.find("duration", queue)
            return None
        if seconds > parameters.long_hours * 3600:
            self.find("long", queue)
        return seconds

    def last_did(self, attempt: Attempt) -> str | None:
        """Rule: "the callid's last DID at or before the entry, in any queue".

        Reading: before ENTERQUEUE in the order of events; for a reconstructed visit, up to the second of its start.
        """
        known = None
        for step, event in self.dids:
            if step < attempt.step and (not attempt.reconstructed or event.epoch <= attempt.entered_at):
                known = event.at(0)
        return known


def sorted_attempts(story: Story) -> list[Attempt]:
    """The visits of a callid in the order of their beginnings.

    Reading: a visit begins where its ENTERQUEUE stands in the order of events (so by the running maximum of the epoch,
    case 35); a reconstructed one begins at its own start.
    """
    return sorted(
        story.attempts, key=lambda one: one.entered_at if one.reconstructed else one.opened_by.clock
    )  # sorted is stable: what ties stays in the order of the events that opened the visits


# ---------------------------------------------------------------------------------------------------------------------
# Section 2: the line of a visit, line calls, caller's calls


def service_of(queue: str, did: str | None, entered_at: int, rules: Sequence[QueueRule]) -> str | None:
    """Rule: "the first match of (queue, DID or any, valid from, valid to) in the site's mapping"."""
    of_queue = [rule for rule in rules if rule.queue == queue]
    if not of_queue:
        return queue if queue in LINE_NUMBERS else None  # a line's own number, until the site says otherwise
    day = datetime.fromtimestamp(entered_at, LA_PAZ).date()
    best: QueueRule | None = None
    longest = 0
    for rule in of_queue:
        if not (rule.valid_from or date.min) <= day <= (rule.valid_to or date.max):
            continue
        if rule.did is None:
            if best is None:
                return rule.service
            continue
        # Rule: "compared by digits on the longest suffix (44200400 = 4200400)"
        shared = suffix_match(rule.did, did)
        if shared > longest:
            best, longest = rule, shared
    return best.service if best else None


def suffix_match(one: str, other: str | None) -> int:
    """How many digits two numbers share if one ends with the other, else 0."""
    digits = sorted((re.sub("[^0-9]", "", one), re.sub("[^0-9]", "", other or "")), key=len)
    return len(digits[0]) if digits[1].endswith(digits[0]) else 0


def chains(visits: Sequence[Visit], ended_at: Sequence[int | None], parameters: Parameters) -> list[list[Visit]]:
    """Rule: "consecutive visits of one callid in queues of the same line (no visit of that callid elsewhere between
    them), where each but the last ended unanswered by time-out, key or empty queue and the next begins within 5 s of
    that end, before or after (parameter), are one call to the line".

    Reading: "sin línea" is treated as one line.
    """
    chained: list[list[Visit]] = []
    end_before: int | None = None
    for visit, end in zip(visits, ended_at, strict=True):
        if (
            chained
            and end_before is not None
            and chained[-1][-1].service == visit.service
            and chained[-1][-1].cause in CHAINABLE
            and abs(visit.entered_at - end_before) <= parameters.chain_gap
        ):
            chained[-1].append(visit)
        else:
            chained.append([visit])
        end_before = end
    return chained


def line_call(chain: Sequence[Visit]) -> Call:
    """Rule: "It begins at the first entry; its wait runs from the first entry to the connection"."""
    return joined(chain, final=None)


def callers_call(visits: Sequence[Visit]) -> Call:
    """Rule: "wait = first connection - first entry, in time by that, line of the first entry"."""
    return joined(visits, final=next((visit for visit in visits if visit.answered), None))


def joined(visits: Sequence[Visit], final: Visit | None) -> Call:
    first = visits[0]
    # Rule: "While the last visit is still waiting, the call stands registered with the cause of the one before."
    # Reading: its wait too runs to the end of the one before.
    decided = [visit for visit in visits if visit.registered]
    final = final or (decided or visits)[-1]
    answered = [visit for visit in visits if visit.answered]
    if final is first:
        wait = first.wait  # Rule: "of a single visit: its own wait"
    elif final.wait is None:
        wait = None  # Rule: "the last visit's entry plus its wait, unknown if that wait is"
    else:
        wait = final.entered_at + final.wait - first.entered_at
        wait = wait if wait >= 0 else None  # Rule: "A negative duration ... the value unknown, never 0"
    talks = [visit.talk for visit in answered]
    return Call(
        pbx=first.pbx,
        callid=first.callid,
        entered_at=first.entered_at,
        service=first.service,
        registered=bool(decided),
        answered=bool(answered),
        open=not decided,
        cause=None if answered else final.cause,
        wait=wait,
        talk=None if not talks or None in talks else sum(talk for talk in talks if talk is not None),
        did=first.did,
        caller=next((visit.caller for visit in visits if visit.caller), None),
        position=first.position,
        transfer_kind=visits[-1].transfer_kind,
        transferred_to=visits[-1].transferred_to,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Where a sentence can be read in two ways: (what it is about, the reading taken, the other)

READINGS = (
    # Lines
    ("every reason", "nul, fields and the epoch are judged together; too long a line only as such", "the first only"),
    ("1 MB line (Q14)", "more than 1 000 000 bytes of UTF-8", "2**20, or Asterisk's 8192"),
    ("13-digit epoch (Q07)", "13 or more; 11 and 12 are `epoch_range`", "13 exactly"),
    ("1970 (Q06)", "before 1971-01-01 UTC", "before 1971-01-01 in La Paz"),
    ("an empty callid", "never a call", "a callid like others"),
    ("a bad line in two files", "set aside once, then a duplicate (Q16: 100 % DUP)", "set aside in each"),
    (
        "canonical file, equal first epochs",
        "the smallest last epoch, then the most lines: else a file and a piece of it cut inside its last second tie, "
        "and the lines of that second are put in another order",
        "left to the name of the file",
    ),
    ("canonical file of the k-th copy", "the first file with k copies", "all copies from the file with most"),
    ("(first epoch, last epoch) of a file", "of its good lines: first line's, and the greatest", "the last line's"),
    ("order between files", "running maximum first, then the file, then the line", "whole files one after another"),
    # Waiting
    (
        "QUEUESTART with no later event of the callid",
        "any event loaded, a ring too; a line set aside is none",
        "only events that touch a visit",
    ),
    (
        "cut-off, the source's last event",
        "the greatest epoch loaded of the PBX; lines set aside do not count",
        "all lines; or the last line's epoch",
    ),
    ("wait of one lost after 4 h with nothing more", "unknown", "cut-off - entry"),
    ("wait of one that went on elsewhere", "that instant - entry", "unknown"),
    # Late ends
    (
        "one not yet ended before one that is",
        "waiting or connected, then lost, then ended; then the nearest; then the later",
        "a lost one ranks with the open ones; or the nearest first",
    ),
    ("t - hold - talk", "negative whole numbers are used as they stand", "unusable, so no match"),
    ("agent agrees or is unknown", "also when the end's own agent is NONE", "then it disagrees"),
    ("the visit that is open there", "waiting or connected; of several the last opened", "the one whose agent agrees"),
    (
        "only an ended visit matches: second end",
        "also when that visit ended unanswered at the very start of the end",
        "rebuilt, since its start is not before that end",
    ),
    ("a second CONNECT", "any CONNECT while a visit there is connected and none waits", "only one of the same start"),
    ("CONNECT for a visit lost as unknown", "never revives it: a stray", "as an end that carries hold and talk"),
    # Strays
    (
        "without a usable wait",
        "tested before the second end: an empty ABANDON after EXITEMPTY or SYSCOMPAT, and a "
        "second SYSCOMPAT, are set aside",
        "a second end when the visit before is recognised otherwise",
    ),
    ("the ABANDON after SYSCOMPAT", "the first one, if the last visit there ended so", "all of them"),
    ("SYSCOMPAT without its ABANDON", "wait by the two times, no finding", "a finding"),
    ("outbound callid", "in no visit, finding or line set aside; its lines move the cut-off", "lines set aside"),
    # Durations
    ("CONNECT's holdtime is missing", "absent or empty; one that is unusable makes the wait unknown", "unusable too"),
    ("both exist and differ", "both whole numbers", "any two texts"),
    ("ABANDON without a wait: finding (case 5)", "every unanswered end but SYSCOMPAT", "ABANDON only"),
    ("a negative or odd wait of an unanswered end", "unknown", "the difference of the times"),
    ("unknown wait ... and reported", "the finding `wait_missing`, unless `duration` says it", "counted, no finding"),
    ("a negative duration is a finding", "of the value used, once a visit", "of each field logged"),
    (
        "flags (Q09, Q19, Q28)",
        "no findings: cases 23 and 35 have a step of the clock and count one and none",
        "findings",
    ),
    # Lines of the house
    (
        "last DID at or before the entry",
        "before ENTERQUEUE in the order of events; rebuilt: up to the second of its start",
        "up to the second of the entry, always",
    ),
    (
        "longest suffix",
        "either number may be the longer; a longer match beats an earlier one; an any-DID rule that stands first wins",
        "only the rule's number may be the suffix; any-DID always last",
    ),
    ("valid from, valid to", "both inclusive, local days", "valid to exclusive"),
    ("no cuenta", "a service like others: whoever adds up leaves it out", "left out here"),
    # Calls
    ("visits in queues of the same line", "'sin línea' chains as one line", "never chains"),
    (
        "consecutive, first entry",
        "in the order of beginnings: ENTERQUEUE by its clock, rebuilt by its own start",
        "the order of the events that opened the visits; or of entered_at",
    ),
    ("wait of an unanswered call", "last decided visit's entry + wait - first entry", "the last visit's own wait"),
    ("still waiting: the cause of the one before", "its wait too; and so for a caller's call", "wait unknown"),
    ("a negative wait of a call", "unknown, no finding", "a finding"),
    ("first connection", "that of the first answered visit, unknown if its wait is", "the earliest known"),
)
