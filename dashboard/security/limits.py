"""How often: wrong passwords, exports, what is written down of refusals.

Counted in this one process, forgotten when it starts again. In: what is counted and for whom. Out: the seconds to wait,
or nothing; whether a refusal is written down; a turn where one after another is looked at.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

#: How many may wait for their turn, each with a thread of the server, and how long a turn lasts at least.
_WAITING = 4
PAUSE_SECONDS = 0.5


@dataclass
class Limits:
    """The counters of one server.

    Of accounts that are not there, and of what an account may not do, so many entries of the audit are written, then
    one that says so.
    """

    wrong_passwords: RateLimitItem = field(default_factory=lambda: parse("5 per 15 minute"))
    wrong_from_address: RateLimitItem = field(default_factory=lambda: parse("200 per 15 minute"))
    exports: RateLimitItem = field(default_factory=lambda: parse("30 per minute"))
    unknown_entries: RateLimitItem = field(default_factory=lambda: parse("20 per 15 minute"))
    denied_entries: RateLimitItem = field(default_factory=lambda: parse("300 per 15 minute"))
    _last_entries: RateLimitItem = field(default_factory=lambda: parse("1 per 15 minute"))
    _window: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))
    _places: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_WAITING))
    _one: Lock = field(default_factory=Lock)

    def hit(self, item: RateLimitItem, *whose: str) -> int:
        """Count one; return the seconds to wait where that was one too many, else 0."""
        return 0 if self._window.hit(item, *whose) else self._wait(item, *whose)

    def wait(self, item: RateLimitItem, *whose: str) -> int:
        """Return the seconds to wait before another, without counting one."""
        return 0 if self._window.test(item, *whose) else self._wait(item, *whose)

    def forget(self, item: RateLimitItem, *whose: str) -> None:
        """Begin to count anew."""
        self._window.clear(item, *whose)

    def tells_that_it_was_too_often(self, *whose: str) -> bool:
        """Tell whether the entry that says "too many" is still to be written: one in a while for each."""
        return self.hit(self._last_entries, "told", *whose) == 0

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Wait for one's turn, and tell whether one has it: too many wait already otherwise."""
        if not self._places.acquire(blocking=False):
            yield False
            return
        try:
            with self._one:
                began = time.monotonic()
                yield True
                time.sleep(max(0.0, PAUSE_SECONDS - (time.monotonic() - began)))
        finally:
            self._places.release()

    def _wait(self, item: RateLimitItem, *whose: str) -> int:
        reset = self._window.get_window_stats(item, *whose).reset_time
        return max(1, math.ceil(reset - time.time()))
