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
    the code of the outcome of a visit that this event ends unanswered.
    """

    name: str
    kind: EventKind
    hold: int | None = None
    talk: int | None = None
    cause: str | None = None


@dataclass(frozen=True)
class Reason:
    """Why a line was set aside: code, and what a person reads."""

    code: str
    text: str


@dataclass(frozen=True)
class LogSource:
    """Declaration of a log: its events, the callids that are never a call, its reasons."""

    name: str
    title: str
    events: tuple[Event, ...]
    system_callids: tuple[str, ...]
    reasons: tuple[Reason, ...]
    findings: tuple[Reason, ...] = field(default=())
    earliest_epoch: int = 631_152_000

    @property
    def event_type(self) -> str:
        """The SQL type of a known event: its name, stored in one byte."""
        return "ENUM(" + ", ".join(f"'{event.name}'" for event in self.events) + ")"
