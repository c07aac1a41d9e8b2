"""Who calls and who answers: the twelve lines, the queues they ring in, and the agents of each queue."""

from __future__ import annotations

from dataclasses import dataclass

OFFICE_HOURS = range(7, 21)
ALL_HOURS = range(24)

# Share of a day's calls by hour. The early lines peak at 10, those about faults in the evening.
_MORNING = (0, 0, 0, 0, 0, 1, 4, 34, 66, 92, 100, 94, 70, 52, 60, 74, 78, 70, 58, 42, 24, 5, 2, 1)
_EVENING = (9, 5, 3, 2, 3, 6, 16, 34, 52, 64, 66, 62, 54, 50, 54, 60, 66, 76, 92, 100, 88, 58, 32, 16)
_WORKDAYS_ONLY = (0, 0, 0, 0, 0, 0, 3, 30, 78, 100, 98, 84, 40, 22, 70, 90, 84, 60, 26, 10, 4, 1, 0, 0)


@dataclass(frozen=True)
class LineProfile:
    """A public number: its queue, the DID logged with its calls ("" = none) and its demand."""

    number: str
    queue: str
    did: str
    calls_per_month: int
    shape: tuple[int, ...]
    # Calls of a Saturday and of a Sunday or holiday, as a share of a working day's.
    saturday: float = 0.55
    sunday: float = 0.25


@dataclass(frozen=True)
class QueueProfile:
    """A queue: its members and how it treats its callers.

    `comfort` is the beta of square-root staffing (agents = load + beta * sqrt(load)); it decides the service level.
    """

    name: str
    agents: tuple[str, ...]
    comfort: float
    talk_seconds: float
    wrap_seconds: float = 12.0
    patience_seconds: float = 110.0
    max_wait_seconds: int = 300
    # Never fewer agents than this within the hours of attention.
    least_agents: int = 1
    hours: range = OFFICE_HOURS
    overflow: str = ""
    transfer_share: float = 0.03


def _sip(first: int, count: int) -> tuple[str, ...]:
    return tuple(f"SIP/{n}" for n in range(first, first + count))


def _agent(first: int, count: int) -> tuple[str, ...]:
    return tuple(f"Agent/{n}" for n in range(first, first + count))


def _local(first: int, count: int) -> tuple[str, ...]:
    return tuple(f"Local/{n}@from-queue/n" for n in range(first, first + count))


def _named(word: str, first: int, count: int) -> tuple[str, ...]:
    return tuple(f"{word} {n}" for n in range(first, first + count))


LINES = (
    LineProfile("101", "101", "101", 3600, _MORNING),
    LineProfile("102", "5003", "102", 1500, _MORNING),
    LineProfile("103", "103", "", 1400, _MORNING),
    LineProfile("104", "104", "", 3200, _EVENING, saturday=0.85, sunday=0.7),
    LineProfile("4200224", "4200224", "", 1800, _WORKDAYS_ONLY, saturday=0.4, sunday=0.05),
    LineProfile("4251000", "4251000", "", 2400, _WORKDAYS_ONLY, saturday=0.3, sunday=0.04),
    LineProfile("4522222", "4522222", "", 1300, _MORNING),
    # Its DID arrives with the area prefix, to be matched by suffix.
    LineProfile("4200002", "5003", "44200002", 900, _MORNING),
    LineProfile("800131313", "800131313", "800131313", 1400, _EVENING, saturday=0.8, sunday=0.6),
    LineProfile("800130001", "800130001", "", 900, _MORNING),
    LineProfile("4639999", "4639999", "", 500, _WORKDAYS_ONLY, saturday=0.4, sunday=0.05),
    LineProfile("4200400", "4200400", "44200400", 1100, _MORNING),
)

# A queue nobody has mapped to a line: the product says "sin línea".
UNMAPPED = LineProfile("", "5999", "", 40, _WORKDAYS_ONLY)

QUEUES = (
    QueueProfile("101", _sip(201, 7), 0.35, 210, max_wait_seconds=45, overflow="5101"),
    QueueProfile("5101", _sip(213, 3), 0.6, 210),
    QueueProfile("5003", _local(221, 6), 2.1, 230),
    QueueProfile("103", _sip(231, 5), 1.8, 180, least_agents=2),
    QueueProfile("104", _agent(1001, 10), 0.4, 320, hours=ALL_HOURS),
    QueueProfile("4200224", _sip(241, 6), 2.0, 200, least_agents=2),
    QueueProfile("4251000", _local(251, 4), 1.9, 28, wrap_seconds=4, transfer_share=0.9, least_agents=2),
    QueueProfile("4522222", _named("Posición", 31, 5), 1.35, 520, wrap_seconds=20, least_agents=2),
    QueueProfile("800131313", _agent(1021, 6), 3.0, 220, hours=ALL_HOURS),
    QueueProfile("800130001", _sip(261, 4), 0.1, 400),
    QueueProfile("4639999", _sip(271, 3), 1.6, 180),
    QueueProfile("4200400", _named("Estación Única", 1, 4), 0.8, 310),
    QueueProfile("5999", _sip(299, 1), 1.0, 60),
)

# Absent from the log of the last month altogether: a total then says "11 de 12 líneas".
SILENT_LINE = "4639999"

# Held a breath under the target of 80 %, every month; no oddity may touch its calls.
NARROW_LINE = "4522222"
NARROW_SHARE = 0.7994


def queue_profile(name: str) -> QueueProfile:
    """The profile of a queue by its name; KeyError if there is none."""
    for profile in QUEUES:
        if profile.name == name:
            return profile
    raise KeyError(name)
