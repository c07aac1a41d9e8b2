"""Who waits how long: agents on duty by the quarter hour, and a FIFO queue whose callers lose patience."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from etl.simulation.clock import DAY, HOUR
from etl.simulation.profile import QueueProfile

SLOT = 900
_SLOTS_PER_HOUR = HOUR // SLOT
_SLOTS_PER_DAY = DAY // SLOT
# Duties turn over at 07:00, 15:00 and 23:00, so that a night shift runs through midnight.
_FIRST_TURNOVER = 7 * _SLOTS_PER_HOUR
_SLOTS_PER_SHIFT = 8 * _SLOTS_PER_HOUR

_RING_TIMEOUT_SECONDS = 15
_MISSED_RING_SHARE = 0.05

Outcome = Literal["answered", "abandoned", "timeout", "key", "empty"]


@dataclass(slots=True)
class Visit:
    """One passage through one queue, in the whole seconds that Asterisk's clock shows."""

    queue: str
    entered: int
    position: int
    outcome: Outcome
    wait: int
    left_position: int = 1
    agent: str = "NONE"
    ring: int = 0
    talk: int = 0
    ending: str = ""
    missed_rings: list[tuple[int, str]] = field(default_factory=list)

    @property
    def wait_ended(self) -> int:
        """Epoch of the connection or of the leaving."""
        return self.entered + self.wait

    @property
    def ended(self) -> int:
        """Epoch of the last event of the visit."""
        return self.entered + self.wait + self.talk


@dataclass(frozen=True)
class Roster:
    """Which agent is on duty and which on a break, (agents, quarter hours from `start`)."""

    start: int
    agents: tuple[str, ...]
    on_duty: NDArray[np.bool_]
    on_break: NDArray[np.bool_]

    def agent_on_duty(self, at: int) -> str:
        """An agent on duty at that instant, rather not one on a break; LookupError if there is none."""
        slot = (at - self.start) // SLOT
        on_duty = np.flatnonzero(self.on_duty[:, slot])
        if not len(on_duty):
            raise LookupError(f"nobody on duty at {at}")
        return self.agents[min(on_duty, key=lambda number: self.on_break[number, slot])]


def plan_roster(profile: QueueProfile, expected: NDArray[np.float64], start: int) -> Roster:
    """A roster for the expected calls (days, 24) by square-root staffing, with a break in the middle of a long duty."""
    load = expected / HOUR * (profile.talk_seconds + profile.wrap_seconds)
    wanted = np.rint(load + profile.comfort * np.sqrt(load)).astype(int)
    # Within the hours of attention somebody is always there, save on days when nobody is expected to call.
    staffed = np.zeros_like(wanted, dtype=bool)
    staffed[:, list(profile.hours)] = True
    staffed &= expected.sum(axis=1, keepdims=True) > 0
    wanted = np.where(staffed, np.clip(wanted, profile.least_agents, len(profile.agents)), 0)
    by_slot = np.repeat(wanted.ravel(), _SLOTS_PER_HOUR)

    count, slots = len(profile.agents), len(by_slot)
    shift = (np.arange(slots) - _FIRST_TURNOVER) // _SLOTS_PER_SHIFT
    # Who comes first changes with every shift, so that the work is shared.
    rank = (np.arange(count)[:, None] + shift) % count
    on_duty = rank < by_slot
    on_break = np.zeros_like(on_duty)
    for number in range(count):
        for first, last in runs(on_duty[number]):
            slot = (first + last) // 2 + number % 4
            if last - first >= 12 and not on_break[:, slot].any():
                on_break[number, slot] = True
    return Roster(start, profile.agents, on_duty, on_break)


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The unbroken runs of true, each as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def serve(
    arrivals: NDArray[np.float64], roster: Roster, profile: QueueProfile, rng: np.random.Generator
) -> list[Visit]:
    """One visit per arrival, in their order.

    Each caller takes the agent who can first be had, if that is before patience or the queue's time-out ends; the rest
    leave. As a caller who leaves takes nobody's time, going through the arrivals once is an exact FIFO queue.
    """
    count = len(arrivals)
    patience = _patience(profile, count, rng)
    talk = np.maximum(rng.lognormal(math.log(profile.talk_seconds) - 0.32, 0.8, count), 4.0).tolist()
    ring = rng.gamma(4.0, 0.9, count).tolist()
    wrap = (rng.random(count) * 2 * profile.wrap_seconds).tolist()
    whim: list[list[float]] = rng.random((count, 3)).tolist()
    opens = _next_open(roster)
    anyone: NDArray[np.bool_] = np.any(roster.on_duty, axis=0)
    free_at = [float(roster.start)] * len(roster.agents)
    members = range(len(roster.agents))
    start = roster.start
    waiting: list[float] = []
    visits = []
    for n, arrived in enumerate(arrivals.tolist()):
        waiting = [end for end in waiting if end > arrived]
        visit = Visit(profile.name, int(arrived), len(waiting) + 1, "abandoned", 0)
        visits.append(visit)
        if not anyone[int(arrived - start) // SLOT]:
            visit.outcome, visit.wait = "empty", int(whim[n][0] * 3)
            continue
        deadline = arrived + min(patience[n], profile.max_wait_seconds)
        now, misses = arrived, whim[n][0] < _MISSED_RING_SHARE
        while True:
            offered, chosen = math.inf, 0
            for member in members:
                ready = free_at[member] if free_at[member] > now else now
                opening = opens[member][int(ready - start) // SLOT]
                if opening > ready:
                    ready = opening
                if ready < offered or (ready == offered and free_at[member] < free_at[chosen]):
                    offered, chosen = ready, member
            if misses and offered + _RING_TIMEOUT_SECONDS < deadline:
                now, misses = offered + _RING_TIMEOUT_SECONDS, False
                free_at[chosen] = now
                visit.missed_rings.append((int(now), roster.agents[chosen]))
                continue
            break
        connected = offered + ring[n]
        if connected < deadline:
            visit.outcome, visit.wait = "answered", int(connected) - visit.entered
            visit.agent, visit.ring, visit.talk = roster.agents[chosen], int(ring[n]), int(talk[n])
            visit.ending = _ending(whim[n][1], profile)
            free_at[chosen] = connected + talk[n] + wrap[n]
            waiting.append(connected)
        else:
            visit.wait = int(deadline) - visit.entered
            if patience[n] >= profile.max_wait_seconds:
                visit.outcome = "timeout"
            elif whim[n][2] < 0.04:
                visit.outcome = "key"
            visit.left_position = 1 + sum(end > deadline for end in waiting)
            waiting.append(deadline)
    return visits


def settle_in_time(visits: Sequence[Visit], share: float, threshold: int = 20) -> None:
    """Move the answers nearest to the threshold across it, to the greatest share in time that is not over `share`."""
    answered = sorted((visit for visit in visits if visit.outcome == "answered"), key=lambda visit: visit.wait)
    wanted = math.floor(share * len(visits))
    in_time = sum(visit.wait <= threshold for visit in answered)
    for visit in answered[wanted:in_time]:
        visit.wait = threshold + 1 + visit.entered % 9
    for visit in answered[in_time:wanted]:
        visit.wait = threshold - visit.entered % 3
        visit.missed_rings.clear()


def _patience(profile: QueueProfile, count: int, rng: np.random.Generator) -> list[float]:
    """Seconds each caller is willing to wait: most for minutes, a few dialled by mistake and hang up at once."""
    patience = rng.lognormal(math.log(profile.patience_seconds), 0.8, count)
    mistaken = rng.random(count) < 0.015
    return [float(seconds) for seconds in np.where(mistaken, 1 + rng.random(count) * 6, patience)]


def _ending(draw: float, profile: QueueProfile) -> str:
    if draw < profile.transfer_share:
        return "BLINDTRANSFER"
    if draw < profile.transfer_share + 0.01:
        return "ATTENDEDTRANSFER"
    return "COMPLETECALLER" if draw < 0.72 + 0.28 * profile.transfer_share else "COMPLETEAGENT"


def _next_open(roster: Roster) -> list[list[float]]:
    """For each agent and slot, when the agent can first take a call from that slot on (inf = not in this roster)."""
    free = roster.on_duty & ~roster.on_break
    slots = free.shape[1]
    starts = np.where(free, roster.start + np.arange(slots) * SLOT, np.inf)
    ahead = np.minimum.accumulate(starts[:, ::-1], axis=1)[:, ::-1]
    # A call may still be going on in the day after the last.
    return [[*row, *([math.inf] * _SLOTS_PER_DAY)] for row in ahead.tolist()]
