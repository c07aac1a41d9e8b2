"""The words a source's declaration is written in: columns, events, reasons, findings."""

from dataclasses import dataclass, field
from enum import IntEnum


class EventKind(IntEnum):
    """What an event does to a queue visit (rules.md, section 2); stored in ``raw.queue_log.kind``."""

    OTHER = 0
    ENTER = 1
    CONNECT = 2
    ANSWERED_END = 3
    UNANSWERED_END = 4
    DID = 5
    OUTBOUND = 6
    RESTART = 7


@dataclass(frozen=True)
class Event:
    """One event of a log: where its durations stand among the data fields. Stored as a number: only append events.

    ``hold`` and ``talk`` are 1-based positions of the data fields that hold seconds of wait and of talk; ``cause`` is
    the code of the outcome of a visit that this event ends unanswered. ``position`` and ``last_position`` are those of
    the caller's places in the queue: at the entry, and when this event was written.
    """

    name: str
    kind: EventKind
    hold: int | None = None
    talk: int | None = None
    cause: str | None = None
    position: int | None = None
    last_position: int | None = None


@dataclass(frozen=True)
class Reason:
    """Why a line was set aside: code, and what a person reads."""

    code: str
    text: str


@dataclass(frozen=True)
class Lookup:
    """A table that holds the text of a number of another one: its name, and the two columns (any of their names)."""

    table: str
    key: tuple[str, ...]
    text: tuple[str, ...]


@dataclass(frozen=True)
class TableLayout:
    """Columns by which a table is known to hold a log, one row a line; every column by any of its names.

    ``data`` are the columns of the data fields in order, the last of which keeps the rest with its pipes. ``markers``
    must be there too, without being read. ``encoded`` texts have ``^3B`` for a semicolon and ``^5E`` for a caret. Where
    ``lookups`` name a column, its rows hold numbers and another table the texts.
    """

    tables: tuple[str, ...]
    time: tuple[str, ...]
    callid: tuple[str, ...]
    queue: tuple[str, ...]
    agent: tuple[str, ...]
    event: tuple[str, ...]
    data: tuple[tuple[str, ...], ...]
    id: tuple[str, ...] = ("id",)
    markers: tuple[str, ...] = ()
    encoded: bool = False
    lookups: tuple[tuple[str, Lookup], ...] = ()


@dataclass(frozen=True)
class Loss:
    """What a way of keeping a log loses for good, as a person reads it, and the figures that suffer from it."""

    code: str
    text: str
    suffer: tuple[str, ...]


@dataclass(frozen=True)
class LogSource:
    """Declaration of a log: its events, the callids that are never a call, its reasons.

    ``table`` is how a database keeps it. Where two sources of one PBX tell the same event, the one of the lesser
    ``rank`` holds more facts and is counted; ``losses`` are what this one can never tell.
    """

    name: str
    title: str
    events: tuple[Event, ...]
    system_callids: tuple[str, ...]
    reasons: tuple[Reason, ...]
    findings: tuple[Reason, ...] = field(default=())
    earliest_epoch: int = 631_152_000
    table: TableLayout | None = None
    rank: int = 0
    losses: tuple[Loss, ...] = ()

    @property
    def event_type(self) -> str:
        """The SQL type of a known event: its name, stored in one byte."""
        return "ENUM(" + ", ".join(f"'{event.name}'" for event in self.events) + ")"
