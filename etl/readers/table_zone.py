"""How far a table's clock is ahead of UTC, told by the callids: they begin with the instant the channel was made.

In: for each caller, the time of the first entry less that instant. Out: the offset, or why it cannot be told. What is
left beside the offset is the time the caller spent in the menu: never negative, and seldom over half an hour.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

#: Clocks differ by whole half hours; the two truncated instants by up to two seconds more.
STEP_SECONDS = 1800
SLACK_SECONDS = 5
LEAST_CALLS = 10
#: The record of a call begins with its channel: already one tells the clock, where none speaks against it.
LEAST_RECORDS = 1
_MOST_SECONDS = 15 * 3600
#: So many calls at another offset are another clock: fewer are enough where the menu cannot explain them.
_EARLIER, _LATER = (3, 0.005), (10, 0.05)


@dataclass(frozen=True)
class Clock:
    """What the calls say of a table's clock: its offset in seconds, or the ``other`` one that speaks against it.

    Both are None where there are too few ``calls``.
    """

    offset: int | None
    other: int | None
    calls: int


def clock_of(ahead: Iterable[tuple[int, int]], least_calls: int = LEAST_CALLS) -> Clock:
    """Tell the clock from how often which difference in seconds was found."""
    found: Counter[int] = Counter()
    for seconds, times in ahead:
        if abs(seconds) <= _MOST_SECONDS:
            found[(seconds + SLACK_SECONDS) // STEP_SECONDS * STEP_SECONDS] += times
    calls = found.total()
    if calls < least_calls:
        return Clock(None, None, calls)
    offset, _ = max(found.items(), key=lambda each: (each[1], -each[0]))
    for other, times in found.most_common():
        least, share = _EARLIER if other < offset else _LATER
        if other != offset and times >= max(least, share * calls):
            return Clock(None, other, calls)
    return Clock(offset, None, calls)


def offset_text(seconds: int) -> str:
    """Return an offset as settings name it: -04:00."""
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
