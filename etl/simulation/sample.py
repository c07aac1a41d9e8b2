"""An invented sample: some months of queue_log pieces of twelve lines, as a real PBX would leave them in a folder."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter, itemgetter
from pathlib import Path

import numpy as np

from etl.simulation.arrivals import draw_arrivals, draw_callers, expected_calls, incident
from etl.simulation.clock import HOUR, day_start, days_of_month, months_until, next_month
from etl.simulation.log import Call, Channels, Entry, call_entries
from etl.simulation.oddities import STRAYS, choose, night_stories, outbound_entries
from etl.simulation.profile import (
    LINES,
    NARROW_LINE,
    NARROW_SHARE,
    QUEUES,
    SILENT_LINE,
    UNMAPPED,
    LineProfile,
    QueueProfile,
    queue_profile,
)
from etl.simulation.queueing import Roster, plan_roster, serve, settle_in_time
from etl.simulation.rotation import Rotation, piece_texts, write_pieces
from etl.simulation.shifts import interface_of, shift_entries

_PER_MONTH = 3
_OUTBOUND_PER_MONTH = 45
_INCIDENT_LINE = "104"
_ROTATED_AT = 3 * HOUR + 20 * 60

_QUEUE_RULES = """\
queue,did,service,valid_from,valid_to
5003,102,102,2020-01-01,
5003,4200002,4200002,2020-01-01,
5101,,101,2020-01-01,
"""


@dataclass(frozen=True)
class Sample:
    """What was written: `lines` of all files, the copy's again; `calls` inbound, each callid once.

    The rules are what a site would have mapped: queues whose name is not their line's number, and interfaces of persons
    (invented); a few agents are left out on purpose.
    """

    files: tuple[Path, ...]
    lines: int
    calls: int
    queue_rules_csv: str
    agent_rules_csv: str


def write_sample(folder: Path, *, until: str, months: int = 3, seed: int = 20260101) -> Sample:
    """Write the `months` calendar months that end with `until` ("2026-10") into `folder`.

    The log ends with that month's last second. Instants are UTC, months those of La Paz. `folder` is made if need be;
    files of the same name in it are replaced.
    """
    firsts = months_until(until, months)
    channels = Channels()
    rosters, calls = _simulate(firsts, seed)
    entries: list[Entry] = []
    restarts, stories = [], 0
    rotations = _rotations(firsts)
    for first in firsts:
        begin, end = day_start(first), day_start(next_month(first))
        cut_at = next(turn.at for turn in rotations if turn.cut and begin < turn.at < end)
        told, restart_at = night_stories(begin, end, cut_at, rosters, channels)
        entries += [line for lines in told for line in lines]
        restarts.append(restart_at)
        stories += len(told) - 1
    entries += _told(calls, firsts, restarts, channels, seed)
    for number, (queue, roster) in enumerate(rosters.items()):
        entries += shift_entries(queue, roster, channels, np.random.default_rng([seed, 3, number]))
    for number, first in enumerate(firsts):
        entries += _strays(first, rosters["4200400"], channels, np.random.default_rng([seed, 4, number]))
    entries.sort(key=itemgetter(0))
    # The log is looked at when the last month ends: who still waits or talks then is "en curso".
    del entries[bisect_left(entries, day_start(next_month(firsts[-1])), key=itemgetter(0)) :]

    pieces = piece_texts(entries, rotations)
    paths = write_pieces(folder, pieces, rotations)
    lines = sum(piece.count(b"\n") + (not piece.endswith(b"\n")) for piece in pieces)
    lines += paths[-1].read_bytes().count(b"\n")
    return Sample(tuple(paths), lines, len(calls) + stories, _QUEUE_RULES, _agent_rules(firsts[-1]))


def _simulate(firsts: Sequence[date], seed: int) -> tuple[dict[str, Roster], list[Call]]:
    """The roster of every queue and all calls, in the order of entry."""
    start = day_start(firsts[0])
    lines_of: dict[str, list[LineProfile]] = {}
    for line in (*LINES, UNMAPPED):
        lines_of.setdefault(line.queue, []).append(line)
    rosters: dict[str, Roster] = {}
    calls: list[Call] = []
    for number, (queue, lines) in enumerate(lines_of.items()):
        profile, rng = queue_profile(queue), np.random.default_rng([seed, 1, number])
        expected = [_expected(line, firsts) for line in lines]
        rosters[queue] = plan_roster(profile, np.sum(expected, axis=0), start)
        arriving = _arriving(lines, expected, firsts, rng)
        visits = serve(np.array([at for at, _ in arriving]), rosters[queue], profile, rng)
        callers = draw_callers(len(visits), rng)
        of_queue = [
            Call(line.number, line.did, caller, [visit])
            for (_, line), caller, visit in zip(arriving, callers, visits, strict=True)
        ]
        _call_again(of_queue, np.random.default_rng([seed, 5, number]))
        if queue == NARROW_LINE:
            for part in _by_month(of_queue, firsts):
                settle_in_time([call.visits[0] for call in part], NARROW_SHARE)
        if profile.overflow:
            roster = _overflow(of_queue, queue_profile(profile.overflow), np.sum(expected, axis=0), start, rng)
            rosters[profile.overflow] = roster
        calls += of_queue
    calls.sort(key=attrgetter("entered"))
    return rosters, calls


def _call_again(calls: Sequence[Call], rng: np.random.Generator) -> None:
    """Give the numbers of callers who were not answered to some of the calls of the next hour and a half.

    Half of them try again, most within minutes; who calls how often else is draw_callers' matter.
    """
    tries, delays = rng.random(len(calls)) < 0.5, rng.exponential(12 * 60, len(calls))
    taken: set[int] = set()
    for position, call in enumerate(calls):
        if call.visits[0].outcome == "answered" or not tries[position] or delays[position] > 90 * 60:
            continue
        at = call.visits[0].wait_ended + delays[position]
        again = bisect_left(calls, at, key=attrgetter("entered"))
        if again < len(calls) and again not in taken and calls[again].entered - at < 30 * 60:
            taken.add(again)
            calls[again].caller = call.caller


def _expected(line: LineProfile, firsts: Sequence[date]) -> np.ndarray:
    expected = expected_calls(line, [days_of_month(first) for first in firsts])
    if line.number == SILENT_LINE:
        expected[-len(days_of_month(firsts[-1])) :] = 0
    return expected


def _arriving(
    lines: Sequence[LineProfile], expected: Sequence[np.ndarray], firsts: Sequence[date], rng: np.random.Generator
) -> list[tuple[float, LineProfile]]:
    """Arrivals of one queue with the line each came by, sorted."""
    days = [day for first in firsts for day in days_of_month(first)]
    arriving = []
    for line, calls in zip(lines, expected, strict=True):
        if line.number == _INCIDENT_LINE:
            for first in firsts:
                # Nobody had planned for it: the roster does not know.
                calls = incident(calls, days.index(first) + 10 + first.month % 9)
        arriving += [(at, line) for at in draw_arrivals(calls, days, rng).tolist()]
    arriving.sort(key=itemgetter(0))
    return arriving


def _overflow(
    calls: Sequence[Call], profile: QueueProfile, expected: np.ndarray, start: int, rng: np.random.Generator
) -> Roster:
    """Send the calls that timed out into the overflow queue one second later, and return its roster."""
    moved = [call for call in calls if call.visits[0].outcome == "timeout"]
    roster = plan_roster(profile, expected * (len(moved) / len(calls)), start)
    again = serve(np.array([call.visits[0].wait_ended + 1.0 for call in moved]), roster, profile, rng)
    for call, visit in zip(moved, again, strict=True):
        call.visits.append(visit)
    return roster


def _by_month(calls: Sequence[Call], firsts: Sequence[date]) -> list[Sequence[Call]]:
    """Calls, sorted by entry, cut at the months."""
    edges = [bisect_left(calls, day_start(first), key=attrgetter("entered")) for first in firsts]
    return [calls[begin:end] for begin, end in zip(edges, [*edges[1:], len(calls)], strict=True)]


def _told(
    calls: Sequence[Call], firsts: Sequence[date], restarts: Sequence[int], channels: Channels, seed: int
) -> list[Entry]:
    """The lines of all calls: a few oddly told, and the calls that a restart found open cut short."""
    entries: list[Entry] = []
    for number, (part, restart_at) in enumerate(zip(_by_month(calls, firsts), restarts, strict=True)):
        odd = choose(part, _PER_MONTH, np.random.default_rng([seed, 2, number]))
        for position, call in enumerate(part):
            callid = channels.open_for(call)
            lines = call_entries(call, callid, channels)
            if position in odd:
                lines = odd[position].retell(call, callid, lines, channels)
            elif call.entered < restart_at <= lines[-1][0]:
                lines = [line for line in lines if line[0] < restart_at]
            entries += lines
    return entries


def _strays(first: date, outbound: Roster, channels: Channels, rng: np.random.Generator) -> list[Entry]:
    """The lines of one month that belong to no inbound call, on working hours of any day."""
    days = len(days_of_month(first))
    entries: list[Entry] = []

    def instant() -> int:
        return day_start(first) + int(rng.integers(days)) * 24 * HOUR + int(rng.integers(8 * HOUR, 19 * HOUR))

    for stray in STRAYS.values():
        for at in [instant() for _ in range(_PER_MONTH)]:
            entries.append((at, stray(at)))
    callers = draw_callers(_OUTBOUND_PER_MONTH, rng)
    for number, caller in enumerate(callers):
        at = instant()
        entries += outbound_entries(at, number, outbound.agents[number % len(outbound.agents)], caller, channels)
    return entries


def _rotations(firsts: Sequence[date]) -> list[Rotation]:
    """The log turns before dawn on the 1st, 11th and 21st; on the 21st carelessly, cutting a line in two."""
    days = [first + timedelta(days=n) for first in firsts for n in (0, 10, 20)]
    return [Rotation(day_start(day) + _ROTATED_AT, f"{day:%Y%m%d}", day.day == 21) for day in days[1:]]


def _agent_rules(last_month: date) -> str:
    """Persons behind interfaces and member names, as a site would have written them down."""
    rows = ["interface,person,valid_from,valid_to"]
    handed_over = last_month + timedelta(days=14)
    person = 0
    for profile in QUEUES:
        # One agent of each queue is not known yet.
        for agent in profile.agents[: len(profile.agents) - 1]:
            person += 1
            name = f"{'Operador' if person % 3 == 0 else 'Operadora'} {person:02d}"
            if agent == "SIP/205":
                # An extension that changes hands in the last month.
                rows.append(f"{agent},{name},2020-01-01,{handed_over - timedelta(days=1)}")
                rows.append(f"{agent},Operadora 90,{handed_over},")
                continue
            for spelling in dict.fromkeys((agent, interface_of(agent))):
                rows.append(f"{spelling},{name},2020-01-01,")
    return "\n".join(rows) + "\n"
