"""The reference counter, section 2: from the events of one callid to its visits.

What it is written from, and what ``Rule:`` and ``Reading:`` mean, is said in `reference_counter`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.reference_calls import service_of
from tests.reference_events import Event, follows, known, whole
from tests.reference_words import ANSWERING_ENDS, CAUSES, MATCH_SECONDS, Finding, Parameters, QueueRule, Visit


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
            ring=attempt.connect.ring if attempt.connect else None,
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
