"""The words a source's declaration is written in: columns, events, records, reasons, findings."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Lane(StrEnum):
    """What becomes of a source's lines: queue visits, records of calls beside them, visits where no log tells them."""

    QUEUES = "queues"
    RECORDS = "records"
    DETAILS = "details"


#: So many lines stand for a row of details of calls: its entry, its connection, its end.
LINES_A_ROW = 3


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
    the caller's places in the queue: at the entry, and when this event was written; ``ring`` that of the seconds that
    the telephone of who answered rang.
    """

    name: str
    kind: EventKind
    hold: int | None = None
    talk: int | None = None
    cause: str | None = None
    position: int | None = None
    last_position: int | None = None
    ring: int | None = None


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

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Return what each column may be called, by the name it has here."""
        fixed = {
            "id": self.id, "time": self.time, "callid": self.callid, "queue": self.queue, "agent": self.agent,
            "event": self.event,
        }  # fmt: skip
        return fixed | {f"data{place}": aliases for place, aliases in enumerate(self.data, start=1)}

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the columns, by their names here, without which a table is none of this layout."""
        return tuple(name for name in self.roles if name != "id")


@dataclass(frozen=True)
class RecordLayout:
    """Columns by which a table is known to hold records of calls, one row a record; every column by any of its names.

    ``columns`` are those of a record, by the names they have here, in the order of the line that a row stands for.
    """

    tables: tuple[str, ...]
    time: tuple[str, ...]
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    needed: tuple[str, ...]
    id: tuple[str, ...] = ("id",)
    markers: tuple[str, ...] = ()
    lookups: tuple[tuple[str, Lookup], ...] = ()

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Return what each column may be called, by the name it has here."""
        return {"id": self.id, "time": self.time, **dict(self.columns)}


@dataclass(frozen=True)
class DetailLayout:
    """Titles by which a table is known to hold details of calls, one call a row; every column by any of its titles.

    ``needed`` are columns that must be there, of each group any one.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...]
    needed: tuple[tuple[str, ...], ...]


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
    ``rank`` holds more facts and is counted; ``losses`` are what this one can never tell. ``lane`` says what its lines
    are: events of queues, records of calls, or events made of the rows of an export, told by its ``detail``.
    """

    name: str
    title: str
    events: tuple[Event, ...]
    system_callids: tuple[str, ...]
    reasons: tuple[Reason, ...]
    findings: tuple[Reason, ...] = field(default=())
    earliest_epoch: int = 631_152_000
    table: TableLayout | RecordLayout | None = None
    rank: int = 0
    losses: tuple[Loss, ...] = ()
    lane: Lane = Lane.QUEUES
    detail: DetailLayout | None = None

    @property
    def lines_a_row(self) -> int:
        """Return how many lines of a piece stand for one line or row of its file."""
        return LINES_A_ROW if self.lane is Lane.DETAILS else 1

    @property
    def event_type(self) -> str:
        """The SQL type of a known event: its name, stored in one byte."""
        return "ENUM(" + ", ".join(f"'{event.name}'" for event in self.events) + ")"


class ExportUnit(StrEnum):
    """How a cell of an export writes its value."""

    COUNT = "count"  # 5 | 1,005 | +7 | 5 llamadas
    SECONDS = "seconds"  # 12 | 12 segs | 1,234.50 secs
    MINUTES = "minutes"  # 1:14, minutes and seconds; a spreadsheet makes 01:14:00 of it
    CLOCK = "clock"  # 00:01:14, hours, minutes and seconds
    UNREAD = "unread"  # known, and never a figure: averages and percentages cannot be added


@dataclass(frozen=True)
class ExportColumn:
    """A column of an exported report: its titles in any language, the measures it tells, and how it writes them.

    The first of two columns of one title is meant. A column that is not ``required`` may be missing.
    """

    titles: tuple[str, ...]
    measures: tuple[str, ...] = ()
    unit: ExportUnit = ExportUnit.COUNT
    required: bool = True


@dataclass(frozen=True)
class ExportLabel:
    """A row of a report that says by its first cell what it tells; ``{}`` of a measure is the number in that cell."""

    texts: tuple[str, ...]
    measures: tuple[str, ...] = ()
    unit: ExportUnit = ExportUnit.COUNT
    required: bool = False


@dataclass(frozen=True)
class ExportReport:
    """A report that another system exports as totals: how its table is known, and what its rows and columns tell.

    ``grain`` is what a row is of: total, day, hour, weekday, queue, agent, session, cause, wait. ``key`` is the column
    that tells which. With ``labels`` the row's first cell says what is measured; without a ``key`` such a table has no
    header. ``rest`` is the measure of every column that is not declared, whose title is the figure's key. ``captions``
    tell apart tables of one header. ``per_queue`` where the figures are of queues, which the file or its sender names.
    """

    system: str
    name: str
    title: str
    grain: str
    key: ExportColumn | None = None
    columns: tuple[ExportColumn, ...] = ()
    labels: tuple[ExportLabel, ...] = ()
    captions: tuple[str, ...] = ()
    rest: str = ""
    rest_unit: ExportUnit = ExportUnit.CLOCK
    agent: ExportColumn | None = None
    queue: ExportColumn | None = None
    kind: ExportColumn | None = None
    per_queue: bool = True


@dataclass(frozen=True)
class ExportSource:
    """Declaration of what other systems export as totals: its reports, and why rows of them are set aside."""

    name: str
    title: str
    reports: tuple[ExportReport, ...]
    reasons: tuple[Reason, ...]
