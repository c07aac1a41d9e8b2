"""The ordered fold: the events of one irregular callid in, its queue visits, findings and strays out.

Plain calls (entered once, one queue, connected and ended in order, or ended unanswered) are recognised by one aggregate
in ``models/plain_visits.sql``. What is left, a few per cent, is told here, event after event, as rules.md section 2
says. No IO and no clock.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from etl.call_facts import TRANSFERS
from etl.schema import EventKind
from etl.sources.queue_log import ATTENDED_LINK, QUEUE_LOG

#: An end belongs to the visit whose entry is at most this far from its own start (two truncated instants each).
MATCH_SECONDS = 2
#: Events of a callid further apart than this belong to different calls; no duration can be longer.
REACH_SECONDS = 31 * 86400
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_PLACE = re.compile(r"[1-9][0-9]{0,3}")
_RING = re.compile(r"0|[1-9][0-9]{0,3}")
_NO_AGENT = ("", "NONE", None)
_EVENTS = {event.name: event for event in QUEUE_LOG.events}


class LogEvent(NamedTuple):
    """One accepted line of a callid, in the order that counts. Epochs in seconds UTC."""

    pbx: str
    callid: str
    epoch: int
    order_epoch: int
    load: int
    line: int
    kind: int
    queue: str
    agent: str
    event: str
    data: str
    hold_seconds: int | None = None
    talk_seconds: int | None = None


@dataclass(slots=True)
class Visit:
    """One queue visit under way. ``ended_at`` is None while it waits or its talk goes on."""

    queue: str
    entered_at: int
    order: int
    event_number: int
    did: str | None = None
    enter: tuple[int, int] | None = None
    connect: tuple[int, int] | None = None
    end: tuple[int, int] | None = None
    answered: bool = False
    agent: str | None = None
    wait: int | None = None
    wait_is_settled: bool = False
    talk: int | None = None
    cause: str | None = None
    outcome_event: str | None = None
    ended_at: int | None = None
    reconstructed: bool = False
    went_on_elsewhere: bool = False
    caller: str = ""
    position: int | None = None
    last_position: int | None = None
    transfer_data: str | None = None
    ring: int | None = None
    findings: set[str] = field(default_factory=set)

    @property
    def waiting(self) -> bool:
        """Whether the caller is still in the queue."""
        return not self.answered and self.ended_at is None

    @property
    def talking(self) -> bool:
        """Whether the visit was connected and its end is not logged."""
        return self.answered and self.ended_at is None

    @property
    def rank(self) -> int:
        """Preference of a late end: a visit not yet ended, then one given up as unknown, then an ended one."""
        if self.ended_at is None:
            return 0
        return 1 if self.went_on_elsewhere else 2


class Duration(NamedTuple):
    """A duration as an event carries it: ``seconds`` where usable; ``logged`` also where it is negative."""

    seconds: int | None
    present: bool
    logged: int | None = None

    @property
    def bad(self) -> bool:
        """Present but negative or not a whole number."""
        return self.present and self.seconds is None


class Stray(NamedTuple):
    """A line set aside because nothing can be rebuilt from it."""

    load: int
    line: int
    reason: str


class Oddity(NamedTuple):
    """A finding at a line that belongs to no counted visit, or to one."""

    kind: str
    queue: str
    load: int
    line: int


@dataclass(slots=True)
class Fold:
    """State of one callid; feed it events in order, then read ``visits``, ``oddities`` and ``strays``."""

    long_seconds: int
    visits: list[Visit] = field(default_factory=list)
    oddities: list[Oddity] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    _dids: list[tuple[int, int, str]] = field(default_factory=list)
    _caller: str = ""
    _count: int = 0

    def take(self, event: LogEvent) -> None:
        """Take the next event of the callid."""
        self._count += 1
        match event.kind:
            case EventKind.ENTER:
                self._enter(event)
            case EventKind.CONNECT:
                self._connect(event)
            case EventKind.ANSWERED_END:
                self._answered_end(event)
            case EventKind.UNANSWERED_END:
                self._unanswered_end(event)
            case EventKind.DID:
                self._dids.append((self._count, event.epoch, event.data.partition("|")[0]))

    def close(self) -> list[Visit]:
        """Settle DIDs and the waits that no event carries; return the visits in the order of their entries."""
        for visit in self.visits:
            visit.did = self._did_of(visit)
            visit.caller = visit.caller or self._caller
            if visit.ended_at is not None and not visit.answered and not visit.wait_is_settled:
                wait = visit.ended_at - visit.entered_at
                visit.wait = wait if wait >= 0 else None
                if wait < 0:
                    visit.findings.add("duration")
            if max(visit.wait or 0, visit.talk or 0) > self.long_seconds:
                visit.findings.add("long_duration")
        return sorted(self.visits, key=lambda visit: (visit.order, visit.event_number))

    def _enter(self, event: LogEvent) -> None:
        self._end_wait(event)
        visit = Visit(event.queue, event.epoch, event.order_epoch, self._count, enter=(event.load, event.line))
        visit.caller = [*event.data.split("|", 2), ""][1]
        # A visit whose entry is lost has the number of its callid: a channel has one caller.
        self._caller = self._caller or visit.caller
        visit.position = place_in_queue(event, _EVENTS[event.event].position)
        self.visits.append(visit)

    def _connect(self, event: LogEvent) -> None:
        hold = duration(event, "hold")
        visit = self._waiting_in(event.queue)
        if visit is None:
            if self._talking_in(event.queue):
                self._note("second_connect", event)
                return
            visit = self._rebuild(event, hold, 0)
            if visit is None:
                return
        visit.answered = True
        visit.agent = None if event.agent in _NO_AGENT else event.agent
        visit.connect = (event.load, event.line)
        visit.ring = _ring_of(event)
        self._set_wait(visit, hold)

    def _answered_end(self, event: LogEvent) -> None:
        hold, talk = duration(event, "hold"), duration(event, "talk")
        visit = self._matched(event, hold, talk)
        if visit is None:
            visit = self._open_in(event)
        elif visit.rank == 2:
            self._note("second_end", event)
            return
        if visit is None:
            visit = self._rebuild(event, hold, talk.logged or 0)
            if visit is None:
                return
        if visit.went_on_elsewhere:
            visit.went_on_elsewhere, visit.cause = False, None
        if visit.answered and visit.wait is not None and hold.seconds is not None and visit.wait != hold.seconds:
            visit.findings.add("hold_differs")
        visit.answered = True
        if not visit.wait_is_settled:
            self._set_wait(visit, hold)
        elif hold.bad:
            visit.findings.add("duration")
        if visit.agent is None and event.agent not in _NO_AGENT:
            visit.agent = event.agent
        visit.talk = talk.seconds
        if talk.bad:
            visit.findings.add("duration")
        self._finish(visit, event)

    def _unanswered_end(self, event: LogEvent) -> None:
        wait = duration(event, "hold")
        visit = self._waiting_in(event.queue)
        if visit is None:
            if self._talking_in(event.queue):
                self._note("second_connect", event)
                return
            visit = self._rebuild(event, wait, 0, unanswered=True)
            if visit is None:
                return
        visit.cause = _EVENTS[event.event].cause
        if wait.present or visit.reconstructed:
            self._set_wait(visit, wait)
        elif event.event != "SYSCOMPAT":
            self._wait_from_times(visit, event)
        self._finish(visit, event)

    def _rebuild(self, event: LogEvent, hold: Duration, talk: int, *, unanswered: bool = False) -> Visit | None:
        """Rebuild a visit from a stray CONNECT or end, or note why it makes none."""
        if hold.seconds is None or hold.seconds + talk > REACH_SECONDS:
            self.strays.append(Stray(event.load, event.line, "wait_missing"))
            return None
        start = event.epoch - hold.seconds - talk
        ended = [visit for visit in self.visits if visit.queue == event.queue and visit.ended_at is not None]
        latest = max((visit.ended_at or 0 for visit in ended), default=start)
        same_second = unanswered and any(not visit.answered and visit.ended_at == start for visit in ended)
        if start < latest or same_second:
            before = [visit for visit in self.visits if visit.queue == event.queue][-1]
            if event.event == "ABANDON" and before.outcome_event == "SYSCOMPAT" and not before.wait_is_settled:
                self._set_wait(before, hold)  # the ABANDON after a SYSCOMPAT lends its wait and is no defect
            else:
                self._note("second_end", event)
            return None
        self._end_wait(event)
        visit = Visit(event.queue, start, start, self._count, reconstructed=True)
        self.visits.append(visit)
        return visit

    def _end_wait(self, event: LogEvent) -> None:
        """A callid waits in one queue at a time: whatever waits now ends here, its outcome unknown."""
        for visit in self.visits:
            if visit.waiting:
                visit.cause = "unknown"
                visit.ended_at = event.epoch
                visit.went_on_elsewhere = True

    def _matched(self, event: LogEvent, hold: Duration, talk: Duration) -> Visit | None:
        """Find the visit whose entry is nearest to this end's own start and whose agent agrees or is unknown."""
        if hold.logged is None:
            return None
        start = event.epoch - hold.logged - (talk.logged or 0)
        found = [
            visit
            for visit in self.visits
            if visit.queue == event.queue
            and abs(visit.entered_at - start) <= MATCH_SECONDS
            and (visit.agent is None or event.agent in _NO_AGENT or visit.agent == event.agent)
        ]
        return min(
            found,
            key=lambda visit: (visit.rank, abs(visit.entered_at - start), -visit.order, -visit.event_number),
            default=None,
        )

    def _open_in(self, event: LogEvent) -> Visit | None:
        """The visit open in the event's queue, the last opened of several."""
        return next((v for v in reversed(self.visits) if v.queue == event.queue and v.ended_at is None), None)

    def _waiting_in(self, queue: str) -> Visit | None:
        return next((visit for visit in self.visits if visit.waiting and visit.queue == queue), None)

    def _talking_in(self, queue: str) -> bool:
        return any(visit.talking and visit.queue == queue for visit in self.visits)

    def _set_wait(self, visit: Visit, wait: Duration) -> None:
        visit.wait = wait.seconds
        visit.wait_is_settled = wait.present
        if wait.bad:
            visit.findings.add("duration")

    def _wait_from_times(self, visit: Visit, event: LogEvent) -> None:
        visit.wait_is_settled = True
        wait = event.epoch - visit.entered_at
        if wait < 0:
            visit.findings.add("duration")
        else:
            visit.wait = wait
            visit.findings.add("wait_from_times")

    def _finish(self, visit: Visit, event: LogEvent) -> None:
        visit.ended_at = event.epoch
        visit.outcome_event = event.event
        visit.end = (event.load, event.line)
        declared = _EVENTS[event.event]
        visit.position = visit.position or place_in_queue(event, declared.position)
        visit.last_position = place_in_queue(event, declared.last_position)
        if event.event in TRANSFERS:
            visit.transfer_data = event.data

    def _note(self, kind: str, event: LogEvent) -> None:
        self.oddities.append(Oddity(kind, event.queue, event.load, event.line))

    def _did_of(self, visit: Visit) -> str | None:
        """The callid's last DID before the entry in the order of events, in any queue; if rebuilt, by its start."""
        before = [
            did
            for number, epoch, did in self._dids
            if number < visit.event_number and (not visit.reconstructed or epoch <= visit.entered_at)
        ]
        return before[-1] if before else None


def duration(event: LogEvent, which: str) -> Duration:
    """Return the seconds of wait (``hold``) or talk that an event carries; negative or not whole is unusable.

    What the load already read as a plain whole number is taken as it is; anything else is read from the data fields.
    """
    known = event.hold_seconds if which == "hold" else event.talk_seconds
    if known is not None:
        return _duration(known)
    declared = _EVENTS[event.event]
    position = declared.hold if which == "hold" else declared.talk
    if position is None:
        return Duration(None, present=False)
    fields = event.data.split("|")
    if event.event == "ATTENDEDTRANSFER" and fields[0] == ATTENDED_LINK:
        position += 1
    text = fields[position - 1] if len(fields) >= position else ""
    if text == "":
        return Duration(None, present=False)
    return _duration(int(text)) if _WHOLE.fullmatch(text) else Duration(None, present=True)


def place_in_queue(event: LogEvent, position: int | None) -> int | None:
    """Return the place in the queue that a data field of an event tells: 1 to 9999, else None."""
    if position is None:
        return None
    fields = event.data.split("|")
    if event.event == "ATTENDEDTRANSFER" and fields[0] == ATTENDED_LINK:
        position += 1
    text = fields[position - 1] if len(fields) >= position else ""
    return int(text) if _PLACE.fullmatch(text) else None


def _ring_of(event: LogEvent) -> int | None:
    position = _EVENTS[event.event].ring
    fields = event.data.split("|")
    text = fields[position - 1] if position is not None and len(fields) >= position else ""
    return int(text) if _RING.fullmatch(text) else None


def _duration(seconds: int) -> Duration:
    if abs(seconds) > REACH_SECONDS:
        return Duration(None, present=True)
    return Duration(seconds if seconds >= 0 else None, present=True, logged=seconds)


def fold_callids(
    events: Iterable[LogEvent], *, long_seconds: int
) -> Iterator[tuple[str, str, list[Visit], list[Oddity], list[Stray]]]:
    """Fold events ordered by (pbx, callid, order that counts) callid by callid."""
    for (pbx, callid), group in groupby(events, key=lambda event: (event.pbx, event.callid)):
        fold = Fold(long_seconds)
        for event in group:
            fold.take(event)
        yield pbx, callid, fold.close(), fold.oddities, fold.strays
