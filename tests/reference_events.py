"""The reference counter, section 3: from lines to events, each in its place.

What it is written from, and what ``Rule:`` and ``Reading:`` mean, is said in `reference_counter`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.reference_words import (
    ANSWERING_ENDS,
    CAUSES,
    FIRST_EPOCH,
    LAST_EPOCH,
    LINE_NUMBERS,
    LONGEST_LINE,
    LogFile,
    Parameters,
    SetAside,
)


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
    def ring(self) -> int | None:
        """The seconds that the telephone of who answered rang; queue_log.md: the third datum of CONNECT."""
        text = self.at(2) or ""
        return int(text) if self.name == "CONNECT" and re.fullmatch(r"0|[1-9][0-9]{0,3}", text) else None

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
