"""Where operators' time went, counted a second time in plain Python: line by line, then second by second.

In: lines in their order, the persons behind spellings, the talks. Out: seconds by half hour. It shares nothing with the
product but the law (rules.md 2; cases a to h).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.reference_counter import LogFile

LA_PAZ = -4 * 3600
Slot = tuple[int, str, str | None]
_OPENS = {"ADDMEMBER": "member", "AGENTLOGIN": "login", "AGENTCALLBACKLOGIN": "callback"}
_CLOSES = {"REMOVEMEMBER": "member", "AGENTLOGOFF": "login", "AGENTCALLBACKLOGOFF": "callback"}


@dataclass
class _Operator:
    """What is open of one spelling at a PBX."""

    sessions: dict[str, int] = field(default_factory=dict)
    pauses: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: When the login of this kind was last ended, by a logoff or a restart.
    ended: dict[str, int] = field(default_factory=dict)


@dataclass
class Counted:
    """Spans of time: sessions (began, until, broken off) and pauses (began, until, reason), by person."""

    sessions: dict[str, list[tuple[int, int, bool]]] = field(default_factory=lambda: defaultdict(list))
    pauses: dict[str, list[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(list))
    wrapups: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))


def count_spans(files: Sequence[LogFile], persons: Mapping[str, str]) -> Counted:
    """Go through the lines as Asterisk wrote them."""
    found = Counted()
    for pbx in sorted({file.pbx for file in files}):
        lines = [line.split("|") for file in files if file.pbx == pbx for line in file.lines]
        _go_through(lines, persons, found)
    return found


def _go_through(lines: Sequence[list[str]], persons: Mapping[str, str], found: Counted) -> None:
    operators: dict[str, _Operator] = defaultdict(_Operator)
    by_queue = {(fields[0], fields[3]) for fields in lines if fields[4] == "PAUSE"}

    def end_session(name: str, part: str, at: int, *, broken: bool) -> None:
        began = operators[name].sessions.pop(part, None)
        if began is not None:
            found.sessions[persons.get(name, name)].append((began, at, broken))

    def end_pause(name: str, part: str, at: int) -> None:
        began = operators[name].pauses.pop(part, None)
        if began is not None:
            found.pauses[persons.get(name, name)].append((began[0], at, began[1]))

    def pause(name: str, part: str, at: int, reason: str) -> None:
        end_pause(name, part, at)
        operators[name].pauses[part] = at, reason

    for epoch, _, queue, name, event, *data in lines:
        at, mine = int(epoch), operators[name]
        if event == "QUEUESTART":
            for other in list(operators):
                for part in list(operators[other].sessions):
                    end_session(other, part, at, broken=True)
                for part in list(operators[other].pauses):
                    end_pause(other, part, at)
                for part in ("login", "callback"):
                    operators[other].ended[part] = at
        elif event in _OPENS:
            part = f"{_OPENS[event]} {queue}" if event == "ADDMEMBER" else _OPENS[event]
            end_session(name, part, at, broken=True)
            mine.sessions[part] = at
            if event == "ADDMEMBER":
                end_pause(name, queue, at)
                if data[:1] == ["PAUSED"]:
                    pause(name, queue, at, "")
        elif event in _CLOSES:
            part = f"{_CLOSES[event]} {queue}" if event == "REMOVEMEMBER" else _CLOSES[event]
            if part not in mine.sessions and event != "REMOVEMEMBER" and len(data) > 1 and data[1].isdigit():
                began = max(at - int(data[1]), mine.ended.get(part, 0))
                found.sessions[persons.get(name, name)].append((began, at, False))
            end_session(name, part, at, broken=False)
            mine.ended[part] = at
            if event == "REMOVEMEMBER":
                end_pause(name, queue, at)
        elif event == "PAUSE":
            pause(name, queue, at, data[0].strip())
        elif event == "PAUSEALL" and (epoch, name) not in by_queue:
            pause(name, "all queues", at, data[0].strip())
        elif event == "UNPAUSE":
            end_pause(name, queue, at)
        elif event == "UNPAUSEALL":
            for part in list(mine.pauses):
                end_pause(name, part, at)
        elif event == "WRAPUPSTART":
            found.wrapups[persons.get(name, name)].append((at, at + int(data[0])))
    last = max(int(fields[0]) for fields in lines)
    for name in list(operators):
        for part in list(operators[name].sessions):
            end_session(name, part, last, broken=True)
        for part in list(operators[name].pauses):
            end_pause(name, part, last)


def united_sessions(spans: Sequence[tuple[int, int, bool]]) -> list[tuple[int, int]]:
    """Sessions of a person from their spans; what was broken off is not joined to what begins then."""
    united: list[list[int]] = []
    for began, until, broken in sorted(spans):
        joined = until - 1 if broken else until
        if united and united[-1][2] >= began:
            united[-1][1] = max(united[-1][1], until)
            united[-1][2] = max(united[-1][2], joined)
        else:
            united.append([began, until, joined])
    return [(began, until) for began, until, _ in united]


def united_pauses(
    spans: Sequence[tuple[int, int, str]], sessions: Sequence[tuple[int, int]]
) -> list[tuple[int, int, str]]:
    """Pauses of a person: each ends with its session; what overlaps or touches is one, with the first reason."""
    cut = []
    for began, until, reason in spans:
        for start, end in sessions:
            if start <= began < end:
                until = min(until, end)
        cut.append((began, reason == "", reason, until))
    united: list[tuple[int, int, str]] = []
    # In one second a pause with a reason goes before one without.
    for began, _, reason, until in sorted(cut):
        if united and united[-1][1] >= began:
            united[-1] = (united[-1][0], max(united[-1][1], until), united[-1][2])
        else:
            united.append((began, until, reason))
    return united


def half_hours(
    found: Counted, talks: Mapping[str, Sequence[tuple[int, int]]]
) -> dict[Slot, tuple[int, int, int, int, int]]:
    """Seconds in session, paused, busy, staffed, talking of each (half hour of the epoch, person, reason)."""
    sums: dict[Slot, list[int]] = defaultdict(lambda: [0] * 5)
    for person in {*found.sessions, *found.pauses, *found.wrapups, *talks}:
        sessions = united_sessions(found.sessions[person])
        pauses = united_pauses(found.pauses[person], sessions)
        busy = [*talks.get(person, ()), *found.wrapups[person]]
        spans = [(b, u) for b, u in sessions] + [(b, u) for b, u, _ in pauses] + busy
        first, last = min(b for b, _ in spans), max(u for _, u in spans)
        size = last - first
        layers = [bytearray(size) for _ in range(3)]
        reasons = ["", *sorted({reason for _, _, reason in pauses})]
        marked = [(0, b, u, 1) for b, u in sessions] + [(2, b, u, 1) for b, u in busy]
        marked += [(1, b, u, 1 + reasons.index(reason, 1)) for b, u, reason in pauses]
        for layer, began, until, mark in marked:
            layers[layer][began - first : until - first] = bytes([mark]) * (until - began)
        for second, (s, q, b) in enumerate(zip(*layers, strict=True), start=first):
            if s or q or b:
                row = sums[second // 1800, person, reasons[q - 1] if q else None]
                for place, holds in enumerate((s, q and not b, s and b, s and (b or not q), b)):
                    row[place] += bool(holds)
    return {slot: (row[0], row[1], row[2], row[3], row[4]) for slot, row in sums.items()}
