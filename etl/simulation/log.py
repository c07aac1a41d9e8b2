"""What Asterisk writes of a call that went as it should: visits in, lines of queue_log out."""

from __future__ import annotations

from dataclasses import dataclass

from etl.simulation.queueing import Visit

# A line and the instant it was written at. The instant orders the lines; the epoch inside the text may lie about it.
# A byte that is not UTF-8 stands in the text as a surrogate escape.
Entry = tuple[int, str]


@dataclass(slots=True)
class Call:
    """One caller's way through the queues of a line."""

    line: str
    did: str
    caller: str
    visits: list[Visit]

    @property
    def entered(self) -> int:
        """Epoch of the first entry."""
        return self.visits[0].entered


class Channels:
    """Hands out the unique ids of channels, `epoch.sequence`, in the order they are asked for."""

    def __init__(self) -> None:
        self._last = 0

    def open(self, at: int) -> str:
        """A new channel created at that instant."""
        self._last += 1
        return f"{at}.{self._last}"

    def open_for(self, call: Call) -> str:
        """A new channel of a caller, who heard a voice menu for some seconds before entering the queue."""
        return self.open(call.entered - 4 - self._last * 7 % 23)


def entry(at: int, callid: str, queue: str, agent: str, event: str, *data: object) -> Entry:
    """One line as Asterisk writes it: a fifth pipe even where no data follow."""
    return at, f"{at}|{callid}|{queue}|{agent}|{event}|{'|'.join(map(str, data))}"


def event_of(line: Entry) -> str:
    """The event of a well-formed line."""
    return line[1].split("|", 5)[4]


def restamped(line: Entry, stamp: object) -> Entry:
    """The same line, at the same place in the file, with another epoch."""
    return line[0], f"{stamp}{line[1][line[1].index('|') :]}"


def call_entries(call: Call, callid: str, channels: Channels) -> list[Entry]:
    """All lines of a call, in the order they are written."""
    lines = []
    if call.did:
        lines.append(entry(call.entered, callid, call.visits[0].queue, "NONE", "DID", call.did))
    for visit in call.visits:
        lines.extend(visit_entries(visit, callid, call.caller, channels))
    return lines


def visit_entries(visit: Visit, callid: str, caller: str, channels: Channels) -> list[Entry]:
    """The lines of one passage through a queue."""
    queue = visit.queue
    lines = [entry(visit.entered, callid, queue, "NONE", "ENTERQUEUE", "", caller, visit.position)]
    for at, agent in visit.missed_rings:
        lines.append(entry(at, callid, queue, agent, "RINGNOANSWER", 15_000))
    if visit.outcome != "answered":
        lines.append(leaving_entry(visit, callid))
        return lines
    at = visit.wait_ended
    bridged = channels.open(at - visit.ring)
    lines.append(entry(at, callid, queue, visit.agent, "CONNECT", visit.wait, bridged, visit.ring))
    lines.append(ending_entry(visit, callid))
    return lines


def leaving_entry(visit: Visit, callid: str) -> Entry:
    """The end of a visit nobody answered."""
    at, queue, left = visit.wait_ended, visit.queue, (visit.left_position, visit.position, visit.wait)
    match visit.outcome:
        case "timeout":
            return entry(at, callid, queue, "NONE", "EXITWITHTIMEOUT", *left)
        case "key":
            return entry(at, callid, queue, "NONE", "EXITWITHKEY", 1 + at % 3, *left)
        case "empty":
            return entry(at, callid, queue, "NONE", "EXITEMPTY", *left)
        case _:
            return entry(at, callid, queue, "NONE", "ABANDON", *left)


def ending_entry(visit: Visit, callid: str) -> Entry:
    """The end of an answered visit, by hanging up or by a transfer."""
    at, span = visit.ended, (visit.wait, visit.talk, visit.position)
    if visit.ending == "BLINDTRANSFER":
        return entry(at, callid, visit.queue, visit.agent, visit.ending, extension(at), "from-internal", *span)
    if visit.ending == "ATTENDEDTRANSFER":
        return entry(at, callid, visit.queue, visit.agent, visit.ending, "BRIDGE", bridge_id(at), *span)
    return entry(at, callid, visit.queue, visit.agent, visit.ending, *span)


def extension(at: int) -> str:
    """Some office extension calls are transferred to."""
    return str(310 + at % 40)


def bridge_id(at: int) -> str:
    """An invented id of a bridge, shaped like Asterisk's."""
    return f"{at:08x}-0000-4000-8000-{at * 7919 % 16**12:012x}"
