"""Any number of well-formed queue_log lines, quickly, to measure a load with.

Waits are drawn, not simulated: no queue stands behind them. A day is made at a time from numpy arrays, so that memory
does not grow with the file. Lines are sorted by epoch, ASCII, of at most 11 fields, with whole epochs and no quotes;
callers' numbers are invented (8 digits beginning with 7 or 4, three in five of them new).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etl.simulation.clock import HOUR, SATURDAY, WORKDAY, day_kind, day_start

QUEUES = (
    "101", "102", "103", "104", "4200224", "4251000",
    "4522222", "4200002", "800131313", "800130001", "4639999", "4200400",
)  # fmt: skip
AGENTS = (
    *(f"SIP/{n}" for n in range(201, 231)),
    *(f"Agent/{n}" for n in range(1001, 1016)),
    *(f"Local/{n}@from-queue/n" for n in range(231, 246)),
)
_QUEUE_WEIGHT = np.array([18, 8, 7, 16, 9, 12, 6.5, 4.5, 7, 4.5, 2.5, 5])
# Queues whose dialplan writes a DID before the entry.
_WITH_DID = np.array([1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
# Hours 07 to 21: the last call enters before 22:00.
_FIRST_HOUR = 7
_HOUR_WEIGHT = np.array([34, 66, 92, 100, 94, 70, 52, 60, 74, 78, 72, 62, 48, 30, 14], dtype=float)
_NEW_CALLER_SHARE = 0.6

# Irregular callids: how they share `odd_share`.
_OVERFLOW, _LATE_END, _LOST_END, _LOST_ENTER, _DOUBLE_END = 1, 2, 3, 4, 5
_ODD_WEIGHT = (0.4, 0.2, 0.15, 0.15, 0.1)

# Ends of a visit, by their place in `_Visits.ending`.
_COMPLETE_CALLER, _COMPLETE_AGENT, _BLIND_TRANSFER, _TRANSFER, _ABANDON, _TIMEOUT, _KEY, _EMPTY = range(8)

# Within a second, events of a call stand in the order of their rank; the second visit's ranks follow the first's.
_RANKS = 32
_SECOND_VISIT = 16
_DID, _ENTER, _RING, _CONNECT, _END, _END_AGAIN = 0, 1, 2, 3, 4, 5

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class VolumeFile:
    """A file of `lines` lines about `calls` callids."""

    path: Path
    lines: int
    calls: int


@dataclass
class _Visits:
    """Visits of a day, one array element each. `rank` is added to the rank of their events."""

    call: _Ints
    queue: _Ints
    entered: _Ints
    wait: _Ints
    talk: _Ints
    ending: _Ints
    agent: _Ints
    position: _Ints
    rank: int = 0

    @property
    def answered(self) -> _Bools:
        return self.ending < _ABANDON

    def chosen(self, which: _Bools | _Ints) -> _Visits:
        """Those visits only, by a mask or by positions."""
        return _Visits(
            self.call[which],
            self.queue[which],
            self.entered[which],
            self.wait[which],
            self.talk[which],
            self.ending[which],
            self.agent[which],
            self.position[which],
            self.rank,
        )


class _Callers:
    """Hands out callers' numbers: new ones from a permutation of ten million, the others from those already seen."""

    _POOL = 10_000_000
    _STRIDE = 7_654_321  # shares no factor with the pool

    def __init__(self) -> None:
        self._known = 0

    def draw(self, count: int, rng: np.random.Generator) -> _Ints:
        """The callers of the next `count` calls."""
        new = rng.random(count) < _NEW_CALLER_SHARE
        if not self._known:
            new[0] = True
        ordinal = self._known + np.cumsum(new) - 1
        again = (rng.random(count) * (ordinal + 1)).astype(np.int64)
        self._known = int(ordinal[-1]) + 1
        ordinal = np.where(new, ordinal, again)
        numbers: _Ints = np.where(ordinal % 10 < 7, 70_000_000, 40_000_000) + ordinal * self._STRIDE % self._POOL
        return numbers


class _DayMaker:
    """Makes days one after the other; callids and callers go on from day to day."""

    def __init__(self, seed: int, odd_share: float) -> None:
        self._rng = np.random.default_rng(seed)
        self._odd_share = odd_share
        self._callers = _Callers()
        self._sequence = 1

    def lines(self, day: datetime.date, count: int) -> tuple[list[str], _Ints]:
        """All lines of `count` calls of a day, in order, and the number (0 to count - 1) of the call of each."""
        rng = self._rng
        hour = rng.choice(len(_HOUR_WEIGHT), count, p=_HOUR_WEIGHT / _HOUR_WEIGHT.sum())
        entered = np.sort(day_start(day) + (_FIRST_HOUR + hour) * HOUR + rng.integers(0, HOUR, count))
        created = (entered - rng.integers(4, 40, count)).tolist()
        # Three channels a call: the caller's and one for each agent who may answer.
        sequence = self._sequence + 3 * np.arange(count)
        self._sequence += 3 * count
        callids = [f"{at}.{number}" for at, number in zip(created, sequence.tolist(), strict=True)]
        callers = self._callers.draw(count, rng)
        odd = np.where(rng.random(count) < self._odd_share, rng.choice(5, count, p=_ODD_WEIGHT) + 1, 0)

        first = self._visits(entered, odd)
        second = self._second_visits(first, odd)
        events = _Events(callids)
        did = _WITH_DID[first.queue]
        events.add(first.chosen(did), first.entered[did], _DID, _did_texts(first.queue[did]))
        for visits in (first, second):
            kinds = odd if visits is first else np.zeros(len(visits.call), dtype=np.int64)
            self._tell(visits, kinds, callers, sequence, events)
        return events.sorted()

    def _visits(self, entered: _Ints, odd: _Ints) -> _Visits:
        rng, count = self._rng, len(entered)
        queue = rng.choice(len(QUEUES), count, p=_QUEUE_WEIGHT / _QUEUE_WEIGHT.sum())
        # Seven in ten find a free agent; the others wait, and some of them lose patience first.
        offered = np.where(rng.random(count) < 0.7, 0.0, rng.exponential(70, count)) + rng.gamma(3.0, 2.2, count)
        patience = rng.exponential(170, count)
        stays = (offered < patience) | np.isin(odd, (_LATE_END, _LOST_ENTER))
        hung_up = rng.random(count)
        completed = np.select(
            [hung_up < 0.62, hung_up < 0.9, hung_up < 0.97],
            [_COMPLETE_CALLER, _COMPLETE_AGENT, _BLIND_TRANSFER],
            _TRANSFER,
        )
        left = np.select([hung_up < 0.85, hung_up < 0.93, hung_up < 0.97], [_ABANDON, _TIMEOUT, _KEY], _EMPTY)
        ending = np.where(stays, completed, left)
        ending[odd == _OVERFLOW] = _TIMEOUT
        ending[odd == _LATE_END] = _BLIND_TRANSFER
        wait = np.where(stays, offered, np.minimum(offered, patience)).astype(np.int64)
        wait[odd == _OVERFLOW] = 45
        talk = np.clip(rng.lognormal(4.75, 0.8, count), 3, 5400).astype(np.int64)
        agent, position = rng.integers(0, len(AGENTS), count), rng.geometric(0.6, count)
        talk[ending >= _ABANDON] = 0
        return _Visits(np.arange(count), queue, entered, wait, talk, ending, agent, position)

    def _second_visits(self, first: _Visits, odd: _Ints) -> _Visits:
        """Re-entries: a second after a time-out, in another queue; in the second of a blind transfer, in the same."""
        rng = self._rng
        again = first.chosen(np.isin(odd, (_OVERFLOW, _LATE_END)))
        overflow, count = odd[again.call] == _OVERFLOW, len(again.call)
        again.entered = again.entered + again.wait + again.talk + overflow
        again.queue = np.where(overflow, (again.queue + 1 + rng.integers(0, 11, count)) % len(QUEUES), again.queue)
        again.wait = rng.integers(3, 40, count)
        again.talk = rng.integers(20, 400, count)
        again.ending = np.where(rng.random(count) < 0.6, _COMPLETE_CALLER, _COMPLETE_AGENT)
        again.agent = (again.agent + 7) % len(AGENTS)
        again.rank = _SECOND_VISIT
        return again

    def _tell(self, visits: _Visits, kinds: _Ints, callers: _Ints, sequence: _Ints, events: _Events) -> None:
        """Add the lines of visits; `kinds` says which are irregular, and how."""
        rng = self._rng
        entering = visits.chosen(kinds != _LOST_ENTER)
        called_by, positions = callers[entering.call].tolist(), entering.position.tolist()
        texts = [
            f"{queue}|NONE|ENTERQUEUE||{caller}|{position}"
            for queue, caller, position in zip(_names(entering.queue), called_by, positions, strict=True)
        ]
        events.add(entering, entering.entered, _ENTER, texts)

        # Every 12 s of waiting somebody does not answer, up to eight times; and some do not at once.
        for attempt in range(8):
            until = 12 * (attempt + 1) if attempt else 4
            ringing = visits.chosen((visits.wait > until) & (rng.random(len(visits.call)) < 0.8))
            agents = _agents(ringing.agent + 11 * attempt + 1)
            texts = [
                f"{queue}|{agent}|RINGNOANSWER|{min(until, 12)}000"
                for queue, agent in zip(_names(ringing.queue), agents, strict=True)
            ]
            events.add(ringing, ringing.entered + until, _RING, texts)

        answered = visits.chosen(visits.answered)
        connected = answered.entered + answered.wait
        ring = np.minimum(answered.wait, 2 + answered.talk % 5)
        texts = [
            f"{queue}|{agent}|CONNECT|{wait}|{at}.{number}|{rung}"
            for queue, agent, wait, at, number, rung in zip(
                _names(answered.queue),
                _agents(answered.agent),
                answered.wait.tolist(),
                (connected - ring).tolist(),
                (sequence[answered.call] + 1 + (visits.rank > 0)).tolist(),
                ring.tolist(),
                strict=True,
            )
        ]
        events.add(answered, connected, _CONNECT, texts)

        ending = visits.chosen(kinds != _LOST_END)
        ended = ending.entered + ending.wait + ending.talk
        texts = _end_texts(ending)
        # A late end comes after the second visit's entry, in the same second.
        late = kinds[kinds != _LOST_END] == _LATE_END
        events.add(ending, ended, np.where(late, _SECOND_VISIT + _ENTER, _END), texts)
        twice = np.flatnonzero(kinds[kinds != _LOST_END] == _DOUBLE_END)
        events.add(ending.chosen(twice), ended[twice], _END_AGAIN, [texts[n] for n in twice.tolist()])


class _Events:
    """Gathers the lines of a day and puts them in order."""

    def __init__(self, callids: list[str]) -> None:
        self._callids = callids
        self._keys: list[_Ints] = []
        self._calls: list[_Ints] = []
        self._texts: list[str] = []

    def add(self, visits: _Visits, at: _Ints, rank: int | _Ints, texts: list[str]) -> None:
        """Lines at those instants; `texts` begin with the queue."""
        self._keys.append(at * _RANKS + visits.rank + rank)
        self._calls.append(visits.call)
        callids = self._callids
        rows = zip(at.tolist(), visits.call.tolist(), texts, strict=True)
        self._texts += [f"{second}|{callids[call]}|{text}" for second, call, text in rows]

    def sorted(self) -> tuple[list[str], _Ints]:
        """The lines by second, within one by rank; and the call of each."""
        order = np.argsort(np.concatenate(self._keys), kind="stable")
        texts = self._texts
        return [texts[n] for n in order.tolist()], np.concatenate(self._calls)[order]


def write_volume(
    path: Path,
    *,
    lines: int,
    seed: int = 1,
    start: str = "2022-01-01",
    calls_per_day: int = 5500,
    odd_share: float = 0.03,
) -> VolumeFile:
    """Write exactly `lines` lines of days from `start` on; the log stops within the last day.

    `calls_per_day` is the mean of a working day; a Saturday has 0.6, a Sunday or holiday 0.35 of it. A call has
    5 lines or so. `odd_share` of the callids are irregular: overflow re-entries, late ends, lost ends, lost entries,
    double ends.
    """
    written = calls = 0
    with path.open("wb", buffering=1 << 20) as file:
        for texts, of_call in _days(datetime.date.fromisoformat(start), seed, calls_per_day, odd_share):
            kept = min(len(texts), lines - written)
            file.write(_encoded(texts[:kept]))
            calls += len(np.unique(of_call[:kept]))
            written += kept
            if written == lines:
                break
    return VolumeFile(path, written, calls)


def write_day(path: Path, *, date: str, lines: int = 30_000, seed: int = 1, odd_share: float = 0.03) -> VolumeFile:
    """Write exactly `lines` lines of one whole day; the few that no call fills are UNPAUSE lines before opening."""
    day = datetime.date.fromisoformat(date)
    texts, of_call = _DayMaker(seed, odd_share).lines(day, lines // 3 + 1)
    # Calls are taken in a random order while they fit, so that the day stays whole and the evening is not cut off.
    order = np.random.default_rng([seed, 1]).permutation(lines // 3 + 1)
    sizes = np.bincount(of_call, minlength=len(order))
    taken = np.zeros(len(order), dtype=bool)
    taken[order[np.cumsum(sizes[order]) <= lines]] = True
    kept = [texts[n] for n in np.flatnonzero(taken[of_call]).tolist()]
    opening = day_start(day) + _FIRST_HOUR * HOUR - 60
    filling = [f"{opening}|NONE|{QUEUES[0]}|{AGENTS[n % len(AGENTS)]}|UNPAUSE|" for n in range(lines - len(kept))]
    path.write_bytes(_encoded(filling + kept))
    return VolumeFile(path, len(filling) + len(kept), int(taken.sum()))


def _days(start: datetime.date, seed: int, calls_per_day: int, odd_share: float) -> Iterator[tuple[list[str], _Ints]]:
    """Days without end. A day is over before the next begins: the latest talk ends well before 07:00."""
    maker, day = _DayMaker(seed, odd_share), start
    while True:
        kind = day_kind(day)
        share = 1.0 if kind == WORKDAY else 0.6 if kind == SATURDAY else 0.35
        yield maker.lines(day, max(int(calls_per_day * share), 1))
        day += datetime.timedelta(days=1)


def _encoded(texts: list[str]) -> bytes:
    return ("\n".join(texts) + "\n").encode("ascii") if texts else b""


def _names(queue: _Ints) -> list[str]:
    return [QUEUES[n] for n in queue.tolist()]


def _agents(agent: _Ints) -> list[str]:
    return [AGENTS[n] for n in (agent % len(AGENTS)).tolist()]


def _did_texts(queue: _Ints) -> list[str]:
    """The number dialled: with the area prefix where the line has seven digits."""
    return [f"{name}|NONE|DID|{'4' + name if len(name) == 7 else name}" for name in _names(queue)]


def _end_texts(visits: _Visits) -> list[str]:
    texts = []
    columns = (visits.ending, visits.wait, visits.talk, visits.position)
    rows = zip(_names(visits.queue), _agents(visits.agent), *(values.tolist() for values in columns), strict=True)
    for queue, agent, ending, wait, talk, position in rows:
        if ending == _COMPLETE_CALLER:
            texts.append(f"{queue}|{agent}|COMPLETECALLER|{wait}|{talk}|{position}")
        elif ending == _COMPLETE_AGENT:
            texts.append(f"{queue}|{agent}|COMPLETEAGENT|{wait}|{talk}|{position}")
        elif ending == _ABANDON:
            texts.append(f"{queue}|NONE|ABANDON|1|{position}|{wait}")
        elif ending == _BLIND_TRANSFER:
            texts.append(f"{queue}|{agent}|BLINDTRANSFER|{queue}|from-internal|{wait}|{talk}|{position}")
        elif ending == _TRANSFER:
            texts.append(f"{queue}|{agent}|TRANSFER|310|from-internal|{wait}|{talk}|{position}")
        elif ending == _TIMEOUT:
            texts.append(f"{queue}|NONE|EXITWITHTIMEOUT|1|{position}|{wait}")
        elif ending == _KEY:
            texts.append(f"{queue}|NONE|EXITWITHKEY|1|1|{position}|{wait}")
        else:
            texts.append(f"{queue}|NONE|EXITEMPTY|1|{position}|{wait}")
    return texts
